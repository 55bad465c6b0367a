-- Role codes that imports add (unknown_roles => 'create'), and when they go again. Each test quotes the documentation.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(42);

DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer}');
END
$$;
INSERT INTO public.customers (user_name, roles) VALUES ('ann', '{buyer}');
ALTER TABLE public.customers ADD CONSTRAINT no_bad CHECK (company <> 'Bad');

CREATE FUNCTION pg_temp.codes() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(code || CASE WHEN is_provisional THEN '?' ELSE '' END, ' ' ORDER BY code) FROM customer_import.role_codes
     WHERE NOT privileged AND code <> 'buyer'
$$;
CREATE FUNCTION pg_temp.creates(csv text, mode text DEFAULT 'Create & Update', reject_limit bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT state FROM customer_import.import_customers(csv, mode, reject_limit => reject_limit, unknown_roles => 'create')
$$;
CREATE FUNCTION pg_temp.last() RETURNS bigint LANGUAGE sql AS $$SELECT max(id) FROM customer_import.imports$$;

-- "A code that the import has then given to nobody, because its records were skipped or rejected, goes when the import ends"
SELECT is(pg_temp.creates(E'userName,addRoles\nann,sk1\n', 'Create Only'), 'completed', 'a record that is skipped');
SELECT is(pg_temp.codes(), NULL, '… leaves no code');
SELECT is(pg_temp.creates(E'userName,addRoles\nnobody,sk2\nann,given\n', 'Update Only'), 'completed', 'one that is skipped, and one that is not');
SELECT is(pg_temp.codes(), 'given', '… leave the code that was given');
SELECT is(pg_temp.creates(E'userName,company,addRoles\nann,Bad,rj1\nbob,Acme,rj2\n'), 'completed', 'a record that the table rejects');
SELECT is(pg_temp.codes(), 'given rj2', '… leaves no code either');
SELECT is(pg_temp.creates(E'userName,company,addRoles\nann,Bad,rl1\nbob,Acme,rl2\n', reject_limit => 0), 'failed', 'an import that fails');
SELECT is(pg_temp.codes(), 'given rj2', '… leaves no code');
SELECT is((SELECT created_by_import FROM customer_import.role_codes WHERE code = 'rj2'), pg_temp.last() - 1, '"a code knows the import that added it"');
INSERT INTO public.customers (user_name, roles) VALUES ('holder', '{given}');
DO $$ BEGIN PERFORM customer_import.remove_role_codes('{given}'); END $$;
SELECT is(pg_temp.creates(E'userName,addRoles\nann,given\n', 'Create Only'), 'completed', 'a code that the catalog has lost, and that is held');
SELECT is(pg_temp.codes(), 'given rj2', '… is back, whoever holds it');

-- "An undo takes away the codes that the undone import has added and that nobody holds any more"
SELECT is(pg_temp.creates(E'userName,addRoles\ncid,u1\ndan,"u1,u2,u3"\n'), 'completed', 'an import that adds codes');
SELECT pg_temp.last() AS import \gset
UPDATE public.customers SET roles = roles || '{u2}' WHERE user_name = 'ann';
SELECT is((SELECT state FROM customer_import.undo_import(:import)), 'completed', 'its undo');
SELECT is(pg_temp.codes(), 'given rj2 u2', '… leaves those that others hold');
SELECT pg_temp.last() AS undo \gset
-- "The undo of that undo adds them again"
SELECT is((SELECT state || rejected FROM customer_import.undo_import(:undo)), 'completed0', 'the undo of the undo');
SELECT is(pg_temp.codes(), 'given rj2 u1 u2 u3', '… brings them back');
SELECT is((SELECT string_agg(user_name || roles::text, ' ' ORDER BY user_name) FROM public.customers WHERE user_name IN ('cid', 'dan')), 'cid{u1} dan{u1,u2,u3}', '… and who held them');
SELECT is((SELECT created_by_import FROM customer_import.role_codes WHERE code = 'u1'), (:import)::bigint, '… as codes of the import that had added them');
SELECT is((SELECT state FROM customer_import.undo_import(:import)), 'completed', 'the import undone once more');
SELECT is(pg_temp.codes(), 'given rj2 u2', '… takes them away once more');

-- "What an import has added is told": a typo becomes no role in silence
CREATE TEMPORARY TABLE told AS
    SELECT * FROM customer_import.import_customers(E'userName,addRoles\nnobody,byer\nann,\n', 'Update Only', unknown_roles => 'create');
SELECT is((SELECT message FROM told), 'Import ' || pg_temp.last() || ' completed: 1 unchanged, 1 skipped.'
          || ' See why: SELECT * FROM customer_import.import_issues WHERE import_id = ' || pg_temp.last(), 'an import that adds none says nothing of it');
DROP TABLE told;
CREATE TEMPORARY TABLE told AS
    SELECT * FROM customer_import.import_customers(E'userName,addRoles\nann,byer\nann,"u2,t1"\nnobody,t2\n', 'Update Only', unknown_roles => 'create');
SELECT matches((SELECT message FROM told), 'completed: 2 updated, 1 skipped\. 2 role codes were added to the catalog: byer, t1\. See why: ', 'the message names what it has added');
SELECT is((SELECT warnings FROM told), '{"the record at line 3 repeats a user name of an earlier line","2 role codes were added to the catalog: byer, t1"}', '… and so does a warning');
SELECT is((SELECT i.message || i.warnings::text FROM customer_import.imports AS i WHERE i.id = pg_temp.last()), (SELECT message || warnings::text FROM told), '… both are kept');
SELECT is((SELECT customer_import.import_report(pg_temp.last()) -> 'warnings' ->> 1), '2 role codes were added to the catalog: byer, t1', '… for the report');
SELECT is((SELECT warnings::text FROM customer_import.undo_import(pg_temp.last())), '{}', 'the undo adds none');
SELECT is(pg_temp.codes(), 'given rj2 u2', '… and takes them away');
SELECT matches((SELECT message FROM customer_import.import_customers(E'userName,addRoles\nann,t1\nnobody,t2\n', 'Update Only', unknown_roles => 'create', dry_run => true)),
               'Nothing was changed\. Role code "t1" would be added to the catalog\. ', 'a dry run says what would be');

-- "A code that was added or altered by hand meanwhile stays"
SELECT is(pg_temp.creates(E'userName,addRoles\neve,"h1,h2,h3"\n'), 'completed', 'three codes');
SELECT pg_temp.last() AS import \gset
DO $$ BEGIN PERFORM customer_import.add_role_codes('{H1}'); PERFORM customer_import.alter_role_code('H2', 'by hand'); END $$;
SELECT is((SELECT state FROM customer_import.undo_import(:import)), 'completed', 'of which two are somebody''s by now');
SELECT is(pg_temp.codes(), 'given h1 h2 rj2 u2', '… and stay');

-- "retry_rejects … adds codes if the import that it retries did, and its caller may"
SELECT is(pg_temp.creates(E'userName,company,addRoles\nfay,Bad,again\n'), 'completed', 'a record that is rejected');
SELECT pg_temp.last() AS import \gset
DO $$ BEGIN PERFORM customer_import.amend_record(pg_temp.last(), 2, 'fay,Good,again'); END $$;
SELECT is((SELECT state || created FROM customer_import.retry_rejects(:import)), 'completed1', 'its retry');
SELECT is(pg_temp.codes(), 'again given h1 h2 rj2 u2', '… adds its code');
SELECT is(pg_temp.creates(E'userName,company,addRoles\ngil,Bad,again2\n'), 'completed', 'a record that is rejected');
SELECT pg_temp.last() AS import \gset
SELECT is((SELECT state || rejected FROM customer_import.retry_rejects(:import)), 'completed1', 'and rejected again');
SELECT is(pg_temp.codes(), 'again given h1 h2 rj2 u2', '… leaves no code');

-- Other imports that leave no code
DO $$ BEGIN PERFORM customer_import.purge_imports('-1 hour'); END $$;
SELECT is((SELECT count(created_by_import) FROM customer_import.role_codes), 0::bigint, 'a code knows no import that was purged');
SELECT is((SELECT state FROM customer_import.import_customers(E'userName,addRoles\nhal,no\n', 'Create & Update', unknown_roles => 'create', dry_run => true)), 'completed', 'a dry run');
SELECT is(pg_temp.codes(), 'again given h1 h2 rj2 u2', '… leaves no code');
-- "Row-level security does not hide who holds a code"
ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT is(pg_temp.creates(E'userName,addRoles\nann,again3\n', 'Create Only'), 'completed', 'with row-level security');
SELECT is(pg_temp.codes(), 'again given h1 h2 rj2 u2', '… it is the same');
SELECT finish();
ROLLBACK;
