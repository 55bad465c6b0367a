-- P5, the file of U: pgloader puts it into a staging table, then P1's SQL.
\echo @step load
CREATE UNLOGGED TABLE public.stage (
    line bigint GENERATED ALWAYS AS IDENTITY (START 2 CACHE 1000),
    user_name text COLLATE "C",
    add_roles text COLLATE "C"
);
\set columns 'user_name,add_roles'
\i :peers/parts/p5_load.sql
\i :peers/parts/p1_session.sql
\i :peers/parts/p1_check.sql
\i :peers/parts/p1_apply_update.sql
