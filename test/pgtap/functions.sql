-- Every function: volatility, strictness, parallel safety, language, and which roles may call it.
BEGIN;
SELECT plan(309);

CREATE ROLE regress_anybody;

-- What is expected of each: v/s/i, strict, u/r/s as pg_proc has it, and whether PUBLIC may call it
CREATE TEMPORARY TABLE expected (signature text PRIMARY KEY, volatility "char", strict boolean, parallel "char", everybody boolean);
INSERT INTO expected VALUES
    ('role_set(text[])', 'i', true, 's', true),
    ('is_role_set(text[])', 'i', true, 's', true),
    ('parse_role_set(text)', 'i', true, 's', true),
    ('role_set_union(text[],text[])', 'i', true, 's', true),
    ('role_set_difference(text[],text[])', 'i', true, 's', true),
    ('role_set_intersection(text[],text[])', 'i', true, 's', true),
    ('role_set_agg(text[])', 'i', false, 's', true),
    ('fold_user_name(text)', 'i', true, 's', true),
    ('is_role_code(text)', 'i', true, 's', true),
    ('is_user_name(text)', 'i', true, 's', true),
    ('_announce_change()', 'v', false, 'u', false),
    ('_role_of(text,text)', 's', true, 's', false),
    ('_bind_role()', 'v', false, 'u', false),
    ('_visible_import(bigint)', 's', false, 'r', false),
    ('_may_resume(bigint)', 's', true, 'r', false),
    ('_may_reverse(bigint)', 's', true, 'r', false),
    ('add_role_codes(text[],boolean)', 'v', false, 'u', false),
    ('alter_role_code(text,text,text,boolean)', 'v', false, 'u', false),
    ('remove_role_codes(text[])', 'v', false, 'u', false),
    ('_guard_customers()', 'v', false, 'u', false),
    ('create_customers_table(text,integer)', 'v', false, 'u', false),
    ('attach_customers_table(regclass,name,name,jsonb,boolean,boolean,boolean)', 'v', false, 'u', false),
    ('detach_customers_table()', 'v', false, 'u', false),
    ('edit_customer(text,jsonb)', 'v', false, 'u', false),
    ('_read_change_page(bigint,bigint)', 's', true, 'r', false),
    ('_decide(bigint,integer,boolean,tid,xid,text[],"any")', 'v', false, 'u', false),
    ('_merged_roles(bigint,integer)', 'v', false, 'u', false),
    ('import_customers(text,text,text,boolean,boolean,bigint,text,text,text,boolean,text,boolean,text,jsonb,text,numeric)', 'v', false, 'u', false),
    ('import_customers(bytea,text,text,boolean,boolean,bigint,text,text,text,boolean,text,boolean,text,jsonb,text,numeric)', 'v', false, 'u', false),
    ('import_customers(oid,text,text,boolean,boolean,bigint,text,text,text,boolean,text,boolean,text,jsonb,text,numeric,boolean)', 'v', false, 'u', false),
    ('begin_upload(text,boolean)', 'v', false, 'u', false),
    ('append_upload(bigint,bytea,bigint)', 'v', false, 'u', false),
    ('discard_upload(bigint)', 'v', false, 'u', false),
    ('import_upload(bigint,text,text,boolean,boolean,bigint,text,text,text,boolean,text,boolean,text,jsonb,text,numeric)', 'v', false, 'u', false),
    ('preview_upload(bigint,text,bigint,text,text,text,boolean,text,jsonb,text,numeric)', 'v', false, 'u', false),
    ('preview_import(text,text,bigint,text,text,text,boolean,text,jsonb,text,numeric)', 'v', false, 'u', false),
    ('preview_import(bytea,text,bigint,text,text,text,boolean,text,jsonb,text,numeric)', 'v', false, 'u', false),
    ('preview_import(oid,text,bigint,text,text,text,boolean,text,jsonb,text,numeric)', 'v', false, 'u', false),
    ('undo_import(bigint,boolean)', 'v', false, 'u', false),
    ('retry_rejects(bigint,boolean)', 'v', false, 'u', false),
    ('retry_skipped(bigint,text,boolean)', 'v', false, 'u', false),
    ('amend_record(bigint,bigint,text)', 'v', false, 'u', false),
    ('import_report(bigint)', 's', false, 'r', false),
    ('rejected_csv(bigint)', 's', false, 'u', false),
    ('rejected_csv_bytes(bigint)', 's', false, 'u', false),
    ('skipped_csv(bigint)', 's', false, 'u', false),
    ('rejected_lines(bigint)', 's', false, 'u', false), ('skipped_lines(bigint)', 's', false, 'u', false),
    ('wait_for_import(bigint,interval,text,text)', 'v', false, 'u', false),
    ('import_template()', 's', false, 'u', false),
    ('_export_customers()', 's', false, 'u', false),
    ('_export_spreadsheet()', 's', false, 'u', false),
    ('_user_name_range(text,text)', 'i', false, 's', false),
    ('_user_name_range(text,text,text)', 'i', false, 's', false),
    ('_user_name_multirange()', 'i', true, 's', false),
    ('_user_name_multirange(_user_name_range)', 'i', true, 's', false),
    ('_user_name_multirange(_user_name_range[])', 'i', true, 's', false),
    ('customer_roles(text)', 's', false, 'u', false),
    ('customer_history(text)', 's', false, 'u', false),
    ('search_customers(text,integer)', 's', false, 'u', false),
    ('customers_with_roles(text[])', 's', false, 'u', false),
    ('create_search_indexes()', 'v', false, 'u', false),
    ('_search_text(text,text,text,text,text)', 'i', false, 's', true),
    ('add_operator(text,text,text[],boolean,text)', 'v', false, 'u', false),
    ('alter_operator(text,text,text[],boolean,text,boolean)', 'v', false, 'u', false),
    ('remove_operator(text)', 'v', false, 'u', false),
    ('grant_gateway(text,boolean)', 'v', false, 'u', false),
    ('revoke_gateway(text)', 'v', false, 'u', false),
    ('act_as(text)', 'v', false, 'u', false),
    ('current_operator()', 's', false, 'r', true),
    ('cancel_import(bigint)', 'v', false, 'u', false),
    ('resume_import(bigint)', 'v', false, 'u', false),
    ('run_imports()', 'v', false, 'u', false),
    ('release_restored()', 'v', false, 'u', false),
    ('purge_imports(interval)', 'v', false, 'u', false),
    ('_strip_change_page(bytea,integer)', 'i', true, 's', false),
    ('_running_imports()', 'v', false, 'r', false),
    ('_open_import(bigint)', 'v', true, 'r', false),
    ('_free_worker_slots()', 'v', false, 'r', false),
    ('_waits(integer)', 'v', true, 'r', false),
    ('_blockers(integer)', 'v', true, 'r', false),
    ('_remaining_blockers(jsonb,integer[])', 'v', true, 'r', false),
    ('_progress_bar(double precision)', 'i', true, 's', false),
    ('_database_origin()', 's', false, 's', false),
    ('_import_activity()', 'v', false, 'u', false),
    ('_import_health()', 'v', false, 'u', false),
    ('grant_mailer(text)', 'v', false, 'u', false),
    ('revoke_mailer(text)', 'v', false, 'u', false),
    ('claim_message(interval)', 'v', false, 'u', false),
    ('store_message(bigint,integer,bytea)', 'v', false, 'u', false),
    ('message_sent(bigint,integer)', 'v', false, 'u', false),
    ('message_failed(bigint,integer,text,boolean)', 'v', false, 'u', false),
    ('next_message_at()', 'v', false, 'u', false),
    ('retry_message(bigint)', 'v', false, 'u', false),
    ('is_admin()', 's', false, 'r', true),
    ('may_view_customers()', 's', false, 'r', true),
    ('may_edit_customers()', 's', false, 'r', true),
    ('may_import_customers()', 's', false, 'r', true),
    ('may_view_imports()', 's', false, 'r', true);

CREATE TEMPORARY VIEW functions AS
    SELECT p.*, replace(p.oid::regprocedure::text, 'customer_import.', '') AS signature, l.lanname
      FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
     WHERE p.pronamespace = 'customer_import'::regnamespace;

SELECT set_eq('SELECT signature FROM functions', 'SELECT signature FROM expected', 'there are these functions and no others');

SELECT is(f.provolatile, e.volatility, format('%s is %s', e.signature,
          CASE e.volatility WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END))
  FROM expected AS e LEFT JOIN functions AS f USING (signature) ORDER BY e.signature;
SELECT is(f.proisstrict AND f.prokind = 'f', e.strict, format('%s is %sstrict', e.signature, CASE WHEN e.strict THEN '' ELSE 'not ' END))
  FROM expected AS e LEFT JOIN functions AS f USING (signature) ORDER BY e.signature;
SELECT is(f.proparallel, e.parallel, format('%s is parallel %s', e.signature, CASE e.parallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END))
  FROM expected AS e LEFT JOIN functions AS f USING (signature) ORDER BY e.signature;

SELECT set_eq($$SELECT signature FROM functions WHERE has_function_privilege('regress_anybody', oid, 'EXECUTE')$$,
              'SELECT signature FROM expected WHERE everybody', 'PUBLIC may call what only computes or tells it about himself, and nothing else');
SELECT is_empty($$SELECT f.signature, a.grantee::regrole FROM functions AS f, aclexplode(f.proacl) AS a
                   WHERE a.grantee <> f.proowner AND a.grantee <> 0
                     AND (f.signature, a.grantee, a.is_grantable) NOT IN (('_import_activity()', 'pg_monitor'::regrole, false), ('_import_health()', 'pg_monitor'::regrole, false))$$,
                'no function is granted to a single role, but what monitoring needs');
SELECT is_empty($$SELECT f.signature FROM functions AS f, aclexplode(f.proacl) AS a WHERE a.grantee = 0 AND a.is_grantable$$,
                'nobody may pass on what is granted to PUBLIC');
SELECT is_empty('SELECT signature FROM functions WHERE proacl IS NULL', 'no function has the default privileges');

-- Safety of all
SELECT is_empty('SELECT signature FROM functions WHERE prosecdef', 'no function is SECURITY DEFINER');
SELECT is_empty('SELECT signature FROM functions WHERE proleakproof', 'no function is LEAKPROOF');
SELECT is_empty($$SELECT signature FROM functions WHERE lanname NOT IN ('c', 'internal') AND prosqlbody IS NULL
                    AND NOT COALESCE('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$,
                'every function in SQL or PL is BEGIN ATOMIC or pins its search_path');
SELECT is_empty($$SELECT signature FROM functions WHERE lanname = 'c' AND proconfig IS NOT NULL$$, 'no C function has a SET clause');
SELECT is_empty($$SELECT signature FROM functions WHERE lanname = 'c' AND probin <> '$libdir/customer_import'$$,
                'every C function is in the library of the extension');
SELECT is_empty($$SELECT signature FROM functions WHERE lanname = 'c' AND prosrc !~ '^ci_[a-z_]+$'$$, 'every C symbol begins with ci_');
SELECT is_empty($$SELECT signature FROM functions WHERE lanname = 'c' AND prorettype = 'trigger'::regtype AND signature !~ '^_'$$,
                'trigger functions are internal: their names begin with _');

SELECT * FROM finish();
ROLLBACK;
