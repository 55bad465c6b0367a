-- P1, the file of M.
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
\i :peers/parts/p1_work.sql

-- The new customers are set aside first, so that the UPDATE has fewer rows to pass and the
-- INSERT nothing to look up. INSERT .. ON CONFLICT DO UPDATE was slower than the two.
\echo @step find
LOCK TABLE public.customers IN SHARE ROW EXCLUSIVE MODE;
CREATE TEMP TABLE new_customer AS
SELECT user_name, coalesce(roles, '{}') AS roles
FROM work
WHERE turn = 1
    AND NOT EXISTS (
        SELECT FROM public.customers AS c
        WHERE c.user_name = work.user_name);

\i :peers/parts/p1_merge_first.sql

\echo @step insert
INSERT INTO public.customers (user_name, roles)
SELECT user_name, roles
FROM new_customer;
\set created :ROW_COUNT

\i :peers/parts/p1_merge_later.sql

\echo @step finish
SELECT count(*) - :created - :updated AS unchanged
FROM work \gset
SELECT count(DISTINCT line) AS rejected
FROM public.import_rejects \gset
COMMIT;
\echo @counts :created :updated :unchanged 0 :rejected
