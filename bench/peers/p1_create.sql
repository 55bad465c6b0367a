-- P1, the file of C.
\i :peers/parts/p1_session.sql
\echo @step copy
CREATE TEMP TABLE stage (
    line bigint GENERATED ALWAYS AS IDENTITY (START 2 CACHE 1000),
    user_name text COLLATE "C",
    add_roles text COLLATE "C",
    email text,
    first_name text,
    last_name text
);
\set copy_file '\\copy stage (user_name, add_roles, email, first_name, last_name) FROM ' :'file' ' (FORMAT csv, HEADER)'
:copy_file
\i :peers/parts/p1_check.sql

-- In the order of user names, so that the index is written page after page. INSERT straight
-- from `stage`, sorted or not, or ON CONFLICT DO NOTHING was not faster.
\echo @step prepare
CREATE TEMP TABLE work AS
SELECT *, row_number() OVER (PARTITION BY user_name ORDER BY line) AS turn
FROM (
    SELECT line, lower(btrim(user_name)) AS user_name,
        coalesce(string_to_array(add_roles, ','), '{}') AS roles,
        email, first_name, last_name
    FROM stage
    WHERE NOT EXISTS (
        SELECT FROM public.import_rejects AS r
        WHERE r.line = stage.line)
) AS record;
ANALYZE work (user_name, turn);

\echo @step find
LOCK TABLE public.customers IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO public.import_rejects
SELECT line, 'already_exists', user_name
FROM work
WHERE turn > 1
    OR EXISTS (
        SELECT FROM public.customers AS c
        WHERE c.user_name = work.user_name);
\set skipped :ROW_COUNT

-- The guard trigger sorts the roles and drops repeats.
\echo @step insert
INSERT INTO public.customers (user_name, email, first_name, last_name, roles)
SELECT user_name, email, first_name, last_name, roles
FROM work
WHERE NOT EXISTS (
    SELECT FROM public.import_rejects AS r
    WHERE r.line = work.line);
\set created :ROW_COUNT

\echo @step finish
SELECT count(DISTINCT line) AS rejected
FROM public.import_rejects
WHERE code <> 'already_exists' \gset
COMMIT;
\echo @counts :created 0 0 :skipped :rejected
