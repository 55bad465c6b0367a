-- The options of everything that reads a file: declared, read and kept as one list.
BEGIN;
SELECT plan(78);

SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{approver,buyer,companyAdmin}');

CREATE FUNCTION pg_temp.refusal(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE call;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', SQLSTATE, SQLERRM, nullif(hint, ''));
END
$$;

--
-- One list
--
CREATE TEMPORARY TABLE declared AS
SELECT p.oid, p.oid::regprocedure::text AS signature, a.name, a.place,
       pg_get_function_arg_default(p.oid, a.place::integer) AS preset
  FROM pg_proc AS p CROSS JOIN unnest(p.proargnames) WITH ORDINALITY AS a (name, place)
 WHERE p.pronamespace = 'customer_import'::regnamespace AND a.place BETWEEN 3 AND p.pronargs
   AND p.proname IN ('import_customers', 'import_upload', 'preview_import', 'preview_upload');
SELECT is((SELECT count(DISTINCT oid) FROM declared), 8::bigint, 'eight functions read a file');
SELECT is_empty($$
    SELECT name FROM declared WHERE signature !~ 'preview' AND name <> 'unlink' GROUP BY name, preset HAVING count(*) <> 4
    $$, 'all that import have the same options, with the same defaults');
SELECT results_eq($$ SELECT DISTINCT string_agg(name, ',' ORDER BY place) FROM declared WHERE signature ~ 'preview' GROUP BY oid $$,
    $$ SELECT string_agg(name, ',' ORDER BY place) FROM declared
        WHERE signature ~ 'import_upload'
          AND name NOT IN ('file_name', 'dry_run', 'background', 'send_report', 'request_id') $$,
    'a preview has those that say how a file is read and when it fails');

--
-- Kept with the import
--
SELECT isnt((SELECT import_id FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n,buyer\n', 'Create & Update',
                 strict => true, damaged => 'keep')), NULL, 'an import with options');
SELECT is((SELECT options FROM customer_import.imports ORDER BY id DESC LIMIT 1),
          '{"strict": true, "damaged": "keep", "send_report": true, "unknown_roles": "reject"}', 'what was given is kept');
SELECT isnt((SELECT import_id FROM customer_import.retry_rejects((SELECT max(id) FROM customer_import.imports))), NULL, 'a retry');
SELECT is((SELECT options FROM customer_import.imports ORDER BY id DESC LIMIT 1),
          '{"strict": true, "damaged": "keep", "send_report": true, "unknown_roles": "reject"}', '… knows how its file was read');
SELECT is(pg_temp.refusal($$ SELECT customer_import.preview_import('userName', 'Create & Update', damaged => 'drop') $$),
          '22023 / invalid value "drop" of damaged / Use ''reject'' or ''keep''.', 'damaged is reject or keep');


--
-- What a header means, through every door
--
CREATE FUNCTION pg_temp.upload(content text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    upload bigint := customer_import.begin_upload();
BEGIN
    PERFORM customer_import.append_upload(upload, convert_to(content, 'UTF8'));
    RETURN upload;
END
$$;
CREATE FUNCTION pg_temp.large_object(content text) RETURNS oid LANGUAGE sql AS $$
    SELECT lo_from_bytea(0, convert_to(content, 'UTF8'))
$$;
-- Imports a file through a door, as a customer of the door's name.
CREATE FUNCTION pg_temp.through(door text, header text, line text, options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    content text := header || E'\n' || format(line, door) || E'\n';
    file text;
    result text;
BEGIN
    file := CASE substring(door FROM '\w+$') WHEN 'bytea' THEN format('convert_to(%L, ''UTF8'')', content)
                 WHEN 'object' THEN format('%s::oid', pg_temp.large_object(content))
                 WHEN 'upload' THEN pg_temp.upload(content)::text ELSE format('%L::text', content) END;
    IF door ~ '^preview' THEN
        EXECUTE format('SELECT concat_ws('' '', outcome, roles_after) FROM customer_import.%s(%s, ''Create & Update'', %s)',
                       CASE WHEN door ~ 'upload' THEN 'preview_upload' ELSE 'preview_import' END, file, options) INTO result;
        RETURN result;
    END IF;
    EXECUTE format('SELECT concat_ws('' '', created, ''created'') FROM customer_import.%s(%s, ''Create & Update'', %s)',
                   CASE WHEN door ~ 'upload' THEN 'import_upload' ELSE 'import_customers' END, file, options) INTO result;
    RETURN concat_ws(' ', result, (SELECT concat_ws(' ', c.roles, c.email) FROM customers AS c WHERE c.user_name = door));
END
$$;
SELECT is(pg_temp.through(door, 'Login Id,Tags,More,Note', '%s,buyer,approver,x',
              $$columns => '{"Login Id": ["userName", "email"], "Tags": "addRoles", "More": "addRoles", "Note": null}'$$),
          format('1 created {approver,buyer} %s', door), format('columns, %s', door))
  FROM unnest('{text,bytea,object,upload}'::text[]) AS door;
SELECT is(pg_temp.through('preview ' || door, 'Login Id,Tags', '%s,buyer', $$columns => '{"Login Id": "userName", "Tags": "addRoles"}'$$),
          'created {buyer}', format('columns, a preview, %s', door))
  FROM unnest('{text,bytea,object,upload}'::text[]) AS door;
SELECT is(pg_temp.through('matrix ' || door, 'userName,buyer,approver,companyAdmin', '%s,x,no,TRUE', $$role_columns => '*'$$),
          '1 created {buyer,companyAdmin}', format('role_columns, %s', door))
  FROM unnest('{text,bytea,object,upload}'::text[]) AS door;
SELECT is(pg_temp.through('preview matrix ' || door, 'userName,role: buyer,buyer', '%s,1,', $$role_columns => 'ROLE:'$$),
          'created {buyer}', format('role_columns, a preview, %s', door))
  FROM unnest('{text,bytea,object,upload}'::text[]) AS door;
SELECT is((SELECT concat_ws(' ', created, message) FROM customer_import.import_customers(E'Login,Tags,Place\nnew,buyer,\n', 'Create & Update',
               dry_run => true, columns => '{"Tags": "addRoles"}')),
          '1 Dry run: 1 created. Nothing was changed. 1 column ignored: Place. Call it without dry_run to import.', 'a dry run');

-- A retry reads as its import has
SELECT import_id AS mapped FROM customer_import.import_customers(E'Who,Tags,role:buyer\nlate,gardener,x\n', 'Create & Update',
    columns => '{"Who": "userName", "Tags": "addRoles"}', role_columns => 'role:')
\gset
SELECT customer_import.add_role_codes('{gardener}');
SELECT is((SELECT created FROM customer_import.retry_rejects(:mapped)), 1::bigint, 'a retry');
SELECT is((SELECT roles FROM customers WHERE user_name = 'late'), '{buyer,gardener}', '… knows what the headers mean');
SELECT is((SELECT options - 'send_report' - 'unknown_roles' FROM customer_import.imports ORDER BY id DESC LIMIT 1),
          '{"columns": {"Who": "userName", "Tags": "addRoles"}, "role_columns": "role:"}', '… and keeps it');
SELECT import_id AS mapped FROM customer_import.import_customers(E'userName,Tags\nlater,florist\n', 'Create & Update',
    columns => '{"Tags": "addRoles"}')
\gset
SELECT lives_ok(format('SELECT customer_import.amend_record(%s, 2, %L)', :mapped, 'later,buyer'), 'a record is amended');
SELECT is((SELECT created FROM customer_import.retry_rejects(:mapped)), 1::bigint, 'what was amended is read so, too');

-- Refused
SELECT is(pg_temp.refusal(format('SELECT customer_import.import_customers(E''userName,email,tag\na,b,\n''::text, ''Create Only'', %s)', options)),
          refusal, options)
  FROM (VALUES
        ($$columns => '{"Email": "mail"}'$$, 'none'),
        ($$columns => '{"Tags": "addRoles"}'$$, '22023 / the option "columns" names the column "Tags", which the file does not have'),
        ($$columns => '{"tag": "adRoles"}'$$, '22023 / the option "columns" names the field "adRoles", which does not exist / Did you mean "addRoles"?'),
        ($$columns => '{"tag": "email"}'$$, '22023 / by the option "columns" two columns mean "email" / Give null there for the one that is to be ignored.'),
        ($$columns => '{"tag": ["email", "email"], "email": null}'$$, '22023 / the option "columns" names the field "email" twice for one column'),
        ($$columns => '{"tag": 5}'$$, '22023 / the option "columns" gives no field for column "tag" / Give headers with what they mean, such as ''{"Login": "userName", "Note": null}''.'),
        ($$columns => '{"tag": ["email", null]}'$$, '22023 / the option "columns" gives no field for column "tag" / Give headers with what they mean, such as ''{"Login": "userName", "Note": null}''.'),
        ($$columns => '["email"]'$$, '22023 / the option "columns" is no JSON object / Give headers with what they mean, such as ''{"Login": "userName", "Note": null}''.'),
        ($$columns => (SELECT jsonb_object_agg(n, NULL) FROM generate_series(1, 1601) AS n)$$, '22023 / the option "columns" names more than 1600 columns / Give headers with what they mean, such as ''{"Login": "userName", "Note": null}''.'),
        ($$role_columns => ' '$$, '22023 / role_columns is empty / Give what the headers begin with that name a role, or ''*'' where they are codes of the catalog.'),
        ($$role_columns => 'role:'$$, '22023 / the file has no column for the value "role:" of role_columns / Give what the headers begin with that name a role, or ''*'' where they are codes of the catalog.'),
        ($$role_columns => 't'$$, '22P04 / the header column "tag" names no role code of the catalog / Begin its name with "_" to have it ignored.'),
        ($$reject_percent => -0.1$$, '22023 / invalid reject_percent "-0.1" / Give a number from 0 to 100.'),
        ($$reject_percent => 100.0000000001$$, '22023 / invalid reject_percent "100.0000000001" / Give a number from 0 to 100.'),
        ($$reject_percent => 'NaN'$$, '22023 / invalid reject_percent "NaN" / Give a number from 0 to 100.'),
        ($$reject_percent => 'Infinity'$$, '22023 / invalid reject_percent "Infinity" / Give a number from 0 to 100.'),
        ($$delimiter => '\\t'$$, '22023 / invalid delimiter "\\t" / Use a comma, a semicolon, a tab or "|".'),
        ($$delimiter => 'tabs'$$, '22023 / invalid delimiter "tabs" / Use a comma, a semicolon, a tab or "|".')
       ) AS r (options, refusal);

--
-- A share of rejected records
--
SELECT is((SELECT state FROM customer_import.import_customers(E'userName,addRoles\np1,buyer\np2,x\np3,buyer\n', 'Create & Update', reject_percent => percent)),
          state, format('one of three is not more than %s percent: %s', percent, state))
  FROM (VALUES (0::numeric, 'failed'), (33.333333, 'failed'), (33.333334, 'completed'), (100, 'completed')) AS r (percent, state);
SELECT is((SELECT message FROM customer_import.import_customers(E'userName,addRoles\np1,buyer\np2,x\n', 'Create & Update', dry_run => true,
               reject_percent => 12.50)),
          'Dry run: the import would fail: more than 12.5 percent of the records were rejected. Nothing was changed. Correct the file.', 'its message');
SELECT is((SELECT string_agg(outcome, ' ' ORDER BY line) FROM customer_import.preview_import(E'userName,addRoles\np1,buyer\np2,x\n', 'Create & Update', reject_percent => 49.9)),
          'unprocessed rejected', 'a preview');
ALTER TABLE customers ADD CONSTRAINT r_company CHECK (company <> 'bad');
SELECT is((SELECT concat_ws(' ', state, rejected, unprocessed) FROM customer_import.import_customers(
               E'userName,company\nq1,good\nq2,bad\nq3,bad\nq4,good\n', 'Create & Update', reject_percent => 25)),
          'failed 2 2', 'also of those that the table rejects');

--
-- Ignored columns
--
SELECT is((SELECT message FROM customer_import.import_status ORDER BY id DESC LIMIT 1) ~ 'column', false, 'none is ignored');
SELECT is((SELECT regexp_replace(message, '.*: 1 created\. (.*) See every.*', '\1') FROM customer_import.import_customers(
               E'userName,email,Phone Num,Location,_x\ni1,,,,\n', 'Create & Update')),
          '2 columns ignored: Phone Num, Location.', 'ignored columns are named in the message');
SELECT is((SELECT message ~ '2 columns ignored: Phone Num, Location\.' FROM customer_import.import_status ORDER BY id DESC LIMIT 1), true,
          '… and in import_status');
SELECT is((SELECT ignored_columns FROM customer_import.imports ORDER BY id DESC LIMIT 1), '{Phone Num,Location}', '… and kept');

--
-- A tab
--
SELECT is((SELECT concat_ws(' ', records, rejected, created + unchanged) FROM customer_import.import_customers(E'userName\temail,;|,;|\nt\t\n', 'Create & Update',
               delimiter => delimiter, columns => '{"email,;|,;|": "email"}')), '1 0 1', format('delimiter %L', delimiter))
  FROM unnest(ARRAY[E'\t', '\t', 'tab', 'TAB']) AS d (delimiter);

--
-- A request is known again by what it asks for
--
SELECT import_id AS first FROM customer_import.import_customers(E'userName,addRoles\nr1,buyer\n', 'Create & Update', request_id => 'r', columns => '{"userName": "login"}')
\gset
SELECT is((SELECT import_id FROM customer_import.import_customers(convert_to(E'userName,addRoles\nr1,buyer\n', 'UTF8'), 'create_and_update',
               request_id => 'r', columns => '{"userName":"login"}', file_name => 'again')), :first::bigint, 'the same, as bytes');
SELECT pg_temp.large_object(E'userName,addRoles\nr1,buyer\n') AS object, pg_temp.upload(E'userName,addRoles\nr1,buyer\n') AS upload
\gset
SELECT is((SELECT import_id FROM customer_import.import_customers(:object, 'Create & Update', request_id => 'r', columns => '{"userName":"login"}')),
          :first::bigint, 'as a large object');
SELECT is((SELECT import_id FROM customer_import.import_upload(:upload, 'Create & Update', request_id => 'r', columns => '{"userName":"login"}')),
          :first::bigint, 'as an upload');
SELECT is((SELECT import_id FROM customer_import.import_upload(:upload, 'Create & Update', request_id => 'r', columns => '{"userName":"login"}')),
          :first::bigint, 'which is gone then');
SELECT pg_temp.large_object(E'userName,addRoles\nr2,buyer\n') AS object
\gset
SELECT is(pg_temp.refusal(format('SELECT customer_import.import_customers(%s, ''Create & Update'', request_id => ''r'', columns => ''{"userName":"login"}'')', :object)),
          '22023 / request id "r" was used for another import / Give each request an id of its own. Repeat a call with its id only as it was.', 'another large object');
SELECT is(pg_temp.refusal(format('SELECT customer_import.import_customers(%s, request_id => ''r'')', call)),
          '22023 / request id "r" was used for another import / Give each request an id of its own. Repeat a call with its id only as it was.', call)
  FROM unnest(ARRAY[
        $$E'userName,addRoles\nr2,buyer\n'::text, 'Create & Update', columns => '{"userName": "login"}'$$,
        $$E'userName,addRoles\nr1,buyer'::text, 'Create & Update', columns => '{"userName": "login"}'$$,
        $$E'userName,addRoles\nr1,buyer\n'::text, 'Create Only', columns => '{"userName": "login"}'$$,
        $$E'userName,addRoles\nr1,buyer\n'::text, 'Create & Update', columns => '{"userName": "userName"}'$$,
        $$E'userName,addRoles\nr1,buyer\n'::text, 'Create & Update'$$,
        $$E'userName,addRoles\nr1,buyer\n'::text, 'Create & Update', columns => '{"userName": "login"}', strict => true$$,
        $$E'userName,addRoles\nr1,buyer\n'::text, 'Create & Update', columns => '{"userName": "login"}', reject_percent => 5$$,
        $$E'userName,addRoles\nr1,buyer\n'::text, 'Create & Update', columns => '{"userName": "login"}', delimiter => ','$$,
        $$E'userName,addRoles\nr1,buyer\n'::bytea, 'Create & Update', columns => '{"userName": "login"}', encoding => 'LATIN1'$$
       ]) AS call;
SELECT is((SELECT count(*) FROM customer_import.imports WHERE request_id = 'r'), 1::bigint, 'nothing else was imported with it');
SELECT * FROM finish();
ROLLBACK;
