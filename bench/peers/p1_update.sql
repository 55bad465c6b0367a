-- P1, the file of U and N: COPY into a staging table, then set-based SQL.
\i :peers/parts/p1_session.sql
\echo @step copy
CREATE TEMP TABLE stage (
    line bigint GENERATED ALWAYS AS IDENTITY (START 2 CACHE 1000),
    user_name text COLLATE "C",
    add_roles text COLLATE "C"
);
\set copy_file '\\copy stage (user_name, add_roles) FROM ' :'file' ' (FORMAT csv, HEADER)'
:copy_file
\i :peers/parts/p1_check.sql
\i :peers/parts/p1_apply_update.sql
