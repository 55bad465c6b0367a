-- P1: merges the roles of `work` into existing customers; the rest is reported as not found.
\i :peers/parts/p1_work.sql
\echo @step find
-- From here to the commit no other session may write: that replaces every other precaution
-- against concurrent writers, and is cheap.
\if :{?without_lock}
\else
LOCK TABLE public.customers IN SHARE ROW EXCLUSIVE MODE;
\endif
INSERT INTO public.import_rejects
SELECT line, 'not_found', user_name
FROM work
WHERE NOT EXISTS (
    SELECT FROM public.customers AS c
    WHERE c.user_name = work.user_name);
\set skipped :ROW_COUNT

\i :peers/parts/p1_merge_first.sql
\i :peers/parts/p1_merge_later.sql

\echo @step finish
SELECT count(*) - :updated - :skipped AS unchanged
FROM work \gset
SELECT count(DISTINCT line) AS rejected
FROM public.import_rejects
WHERE code <> 'not_found' \gset
COMMIT;
\echo @counts 0 :updated :unchanged :skipped :rejected
