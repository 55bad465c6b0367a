-- Every object of the extension: whose it is, what is said about it, what a dump takes along.
BEGIN;
SELECT plan(51);

CREATE TEMPORARY VIEW members AS
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
      FROM pg_depend AS d
     WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
       AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'customer_import');
CREATE TEMPORARY VIEW relations AS
    SELECT c.* FROM pg_class AS c WHERE c.relnamespace = 'customer_import'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S');
CREATE TEMPORARY VIEW registered AS
    SELECT x.relation, x.condition FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS x (relation, condition)
     WHERE e.extname = 'customer_import';

-- Membership and ownership
SELECT has_extension('customer_import');
SELECT is((SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'customer_import'), 'pg_catalog', 'the extension is in no schema that a user could drop');
SELECT is((SELECT extrelocatable FROM pg_extension WHERE extname = 'customer_import'), false, 'the extension cannot be moved');
SELECT is_empty($$SELECT relname FROM relations WHERE NOT EXISTS (SELECT FROM members WHERE classid = 'pg_class'::regclass AND objid = relations.oid)$$,
                'every table, view and sequence of the schema belongs to the extension');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'customer_import'::regnamespace
                     AND NOT EXISTS (SELECT FROM members WHERE classid = 'pg_proc'::regclass AND objid = p.oid)$$,
                'every function of the schema belongs to the extension');
SELECT is_empty($$SELECT name FROM members WHERE name !~ 'customer_import'$$, 'the extension puts nothing into other schemas');
SELECT is_empty($$SELECT relname FROM relations WHERE relowner <> (SELECT extowner FROM pg_extension WHERE extname = 'customer_import')$$,
                'its owner owns every table, view and sequence');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'customer_import'::regnamespace
                     AND proowner <> (SELECT extowner FROM pg_extension WHERE extname = 'customer_import')$$, 'its owner owns every function');
SELECT tables_are('customer_import', '{role_codes,operators,gateways,operator_privileges,granted_privileges,customers_table,customers_table_columns,imports,import_issues,_import_change_pages,_removal_marks,_import_files,_background_imports,_import_slices,uploads,_upload_chunks,email_outbox,mailers}'::name[]);
SELECT is((SELECT concat_ws(' ', attstorage, NULLIF(attcompression::text, '')) FROM pg_attribute WHERE attrelid = 'customer_import._import_change_pages'::regclass AND attname = 'payload'),
          (SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'm l' ELSE 'e' END FROM pg_settings WHERE name = 'default_toast_compression'), 'the change log is compressed by lz4 alone');
SELECT is((SELECT concat_ws(' ', attstorage, NULLIF(attcompression::text, '')) FROM pg_attribute WHERE attrelid = 'customer_import._import_files'::regclass AND attname = 'bytes'),
          (SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'x l' ELSE 'e' END FROM pg_settings WHERE name = 'default_toast_compression'), 'so are files');
SELECT views_are('customer_import', '{import_changes,import_status,mailer_status,import_activity,import_health,_collected_activity,_collected_health}'::name[]);
SELECT sequences_are('customer_import', '{imports_id_seq,uploads_id_seq,email_outbox_id_seq}'::name[]);

-- Comments
SELECT is_empty($$SELECT name FROM members WHERE classid = 'pg_proc'::regclass AND obj_description(objid, 'pg_proc') IS NULL$$,
                'every function has a comment');
SELECT is_empty($$SELECT relname FROM relations WHERE relkind <> 'S' AND obj_description(oid, 'pg_class') IS NULL$$,
                'every table and view has a comment');
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute JOIN relations ON relations.oid = attrelid
                   WHERE relkind <> 'S' AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL
                     AND NOT (relkind = 'v' AND left(relname, 1) = '_')$$, 'every column of a table, and of a view that is not internal, has a comment');
SELECT is_empty($$SELECT name FROM members WHERE classid = 'pg_operator'::regclass AND obj_description(objid, 'pg_operator') IS NULL$$,
                'every operator has a comment');
SELECT isnt(obj_description('customer_import.role_set_agg(text[])'::regprocedure, 'pg_proc'), NULL, 'the aggregate has a comment');
SELECT isnt(obj_description('customer_import'::regnamespace, 'pg_namespace'), NULL, 'the schema has a comment');
SELECT isnt(obj_description((SELECT oid FROM pg_extension WHERE extname = 'customer_import'), 'pg_extension'), NULL, 'the extension has a comment');
SELECT is_empty($$SELECT name, description FROM members JOIN pg_description ON (classoid, pg_description.objoid) = (classid, objid) AND objsubid = 0
                   WHERE classid <> 'pg_extension'::regclass AND description !~ '\.$'$$, 'every comment is a sentence');

-- Views and constraints
SELECT is_empty($$SELECT relname FROM relations WHERE relkind = 'v' AND NOT COALESCE('security_invoker=true' = ANY (reloptions), false)$$,
                'every view is security_invoker');
SELECT is_empty($$SELECT conname FROM pg_constraint WHERE contype = 'f' AND (connamespace = 'customer_import'::regnamespace
                     OR confrelid IN (SELECT oid FROM relations))$$, 'there are no foreign keys: a parallel restore would fail on them');
SELECT is_empty($$SELECT relname FROM relations WHERE relkind = 'r' AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = relations.oid AND indisprimary)$$,
                'every table has a primary key');
SELECT is_empty($$SELECT relname FROM relations WHERE relpersistence <> 'p' AND relname <> '_upload_chunks'$$, 'every table is durable, but for the chunks of uploads');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM relations)
                     AND tgfoid NOT IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass)$$, 'only functions of the extension are triggers on its tables');
SELECT is((SELECT tgtype FROM pg_trigger WHERE tgname = 'role_codes_changed'), 60::int2,
          'a statement trigger behind every INSERT, DELETE, UPDATE and TRUNCATE announces changes of the catalog');
SELECT is((SELECT tgenabled FROM pg_trigger WHERE tgname = 'role_codes_changed'), 'O'::"char", 'it is enabled');
SELECT col_is_pk('customer_import', 'import_issues', '{import_id,line,issue_number}'::name[], 'an issue is known by its import, line and number');
SELECT col_is_pk('customer_import', '_import_change_pages', '{import_id,page}'::name[], 'a page of changes by its import and number');
SELECT col_is_unique('customer_import', 'imports', '{operator,request_id}'::name[], 'a request id is used once by an operator');
SELECT col_is_pk('customer_import', '_import_slices', '{import_id,slice}'::name[], 'a slice by its import and number');
SELECT is(pg_get_indexdef('customer_import.imports_open_reversal_key'::regclass),
          'CREATE UNIQUE INDEX imports_open_reversal_key ON customer_import.imports USING btree (source_import_id) WHERE (finished_at IS NULL)',
          'one undo or retry of an import at a time');
SELECT is_empty($$SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a JOIN relations AS r ON r.oid = a.attrelid
                   WHERE r.relkind = 'r' AND a.attnum > 0 AND a.attname IN ('operator', 'database_role', 'request_id', 'user_name', 'code', 'first_user_name', 'last_user_name')
                     AND a.atttypid = 'text'::regtype AND a.attcollation <> 'pg_catalog."C"'::regcollation
                     AND (r.relname, a.attname) <> ('import_issues', 'code')$$, 'keys are sorted by byte');

-- What only certain values may be
SELECT throws_ok($$INSERT INTO customer_import.imports (operator, database_role, mode, state) VALUES ('a', 'a', 'create_only', 'ready')$$, '23514', NULL, 'an import has a state of the list');
SELECT lives_ok($$INSERT INTO customer_import.imports (id, operator, database_role, mode, state) VALUES (-1, 'a', 'a', 'create_only', 'queued')$$, 'such as queued');
SELECT throws_ok($$INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, message) VALUES (-1, 1, 1, 'created', 'x', 'x')$$, '23514', NULL, 'what was done has no issue');
SELECT lives_ok($$INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, message) VALUES (-1, 1, 1, 'skipped', 'x', 'x')$$, 'what was skipped has one');
SELECT throws_ok($$INSERT INTO customer_import.customers_table (singleton, relation, created, user_name, roles, fold_user_names) VALUES (false, 'pg_class', true, 'a', 'b', true)$$, '23514', NULL, 'there is one customers table');

-- Operators and the aggregate
SELECT is((SELECT oprcom FROM pg_operator WHERE oid = 'customer_import.|(text[],text[])'::regoperator), 'customer_import.|(text[],text[])'::regoperator::oid, 'union commutes');
SELECT is((SELECT oprcom FROM pg_operator WHERE oid = 'customer_import.&(text[],text[])'::regoperator), 'customer_import.&(text[],text[])'::regoperator::oid, 'intersection commutes');
SELECT is((SELECT oprcom FROM pg_operator WHERE oid = 'customer_import.-(text[],text[])'::regoperator), 0::oid, 'difference does not');
SELECT results_eq($$SELECT aggtransfn::oid, aggcombinefn::oid, agginitval COLLATE "C", aggkind FROM pg_aggregate WHERE aggfnoid = 'customer_import.role_set_agg(text[])'::regprocedure$$,
                  $$SELECT u, u, '{}'::text COLLATE "C", 'n'::"char" FROM (SELECT 'customer_import.role_set_union(text[],text[])'::regprocedure::oid AS u) AS t$$,
                  'the aggregate unites, also what workers have united');

-- What a dump takes along
SELECT set_eq('SELECT relation::regclass::text FROM registered', $$SELECT oid::regclass::text FROM relations WHERE relkind IN ('r', 'S') AND relname NOT IN ('operator_privileges', 'uploads', '_upload_chunks', 'uploads_id_seq')$$,
              'every table and its identity sequence is registered for dump, but what the install script fills, and uploads');
SELECT is((SELECT condition FROM registered WHERE relation = 'customer_import._import_files'::regclass), 'WHERE import_id > 0', 'of the files all but uploads');
SELECT is((SELECT condition FROM registered WHERE relation = 'customer_import.role_codes'::regclass),
          $$WHERE code NOT IN ('administrator', 'superuser', 'customerView', 'customerEdit', 'importView', 'importEdit')$$,
          'of the role codes all but those of the install script');
SELECT is_empty($$SELECT relation::regclass FROM registered WHERE relation::regclass::text NOT IN ('customer_import.role_codes', 'customer_import._import_files') AND condition <> ''$$, 'of all others everything');
SELECT set_eq('SELECT code FROM customer_import.role_codes',
              $$VALUES ('administrator'), ('superuser'), ('customerView'), ('customerEdit'), ('importView'), ('importEdit')$$, 'the install script brings six role codes');
SELECT is_empty('SELECT code FROM customer_import.role_codes WHERE NOT privileged', 'all of them privileged');
SELECT is_empty($$SELECT relname FROM relations WHERE relkind = 'S' AND NOT EXISTS (
                     SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = relations.oid AND refclassid = 'pg_class'::regclass AND deptype = 'i')$$,
                'every sequence is an identity');
SELECT is((SELECT attidentity FROM pg_attribute WHERE attrelid = 'customer_import.imports'::regclass AND attname = 'id'), 'd'::"char",
          'a restore may write the identity');

SELECT * FROM finish();
ROLLBACK;
