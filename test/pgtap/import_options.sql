-- The options of everything that reads a file: declared, read and kept as one list.
BEGIN;
SELECT plan(8);

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

SELECT * FROM finish();
ROLLBACK;
