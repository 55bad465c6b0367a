-- The database that every case starts from, and the function that runs one case and tells what came of it.
CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin,viewer,auditor,regionA,regionB,OldCode}');

INSERT INTO public.customers (user_name, email, first_name, last_name, phone, company, active, roles) VALUES
    ('ann', 'ann@example.com', 'Ann', 'Archer', '555 0100', 'Acme', true, '{buyer}'),
    ('ben', NULL, NULL, NULL, NULL, NULL, true, '{approver,viewer}'),
    ('cat', 'cat@example.com', NULL, NULL, NULL, NULL, false, '{}'),
    ('dora', NULL, 'Dora', 'Dahl', NULL, NULL, true, '{OldCode,buyer}'),
    ('eve', NULL, NULL, NULL, NULL, NULL, true, '{approver,auditor,buyer,companyAdmin,viewer}'),
    (U&'jos\00e9', NULL, NULL, NULL, NULL, NULL, true, '{viewer}'),
    ('strasse', NULL, NULL, NULL, NULL, NULL, true, '{viewer}');

-- dora keeps a code that the catalog does not know any more.
SELECT customer_import.remove_role_codes('{OldCode}');

CREATE TABLE public.regress_before AS
SELECT user_name, c.ctid::text AS version, to_jsonb(c) - '{user_name,created_at,updated_at}'::text[] AS data
FROM public.customers AS c;
CREATE TABLE public.regress_codes AS
SELECT code FROM customer_import.role_codes;
CREATE TABLE public.regress_cases (name text PRIMARY KEY, arguments text NOT NULL, content bytea NOT NULL);

-- Runs a case by one of the routes text, bytea and oid. Nothing may depend on batch_rows or on the client's encoding.
-- `faults` lists what must never be, whatever the file.
CREATE FUNCTION public.regress_run(case_name text, route text, batch_rows text, client_encoding text)
RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
    content bytea;
    arguments text;
    argument text;
    large_object oid;
    outcome record;
    state text;
    message text;
    detail text;
    hint text;
    faults text[] := '{}';
BEGIN
    SELECT c.content, c.arguments INTO STRICT content, arguments FROM public.regress_cases AS c WHERE c.name = case_name;
    IF batch_rows <> '' THEN
        PERFORM set_config('customer_import.batch_rows', batch_rows, true);
    END IF;
    argument := '$1';
    IF route = 'text' THEN
        argument := 'convert_from($1, ''UTF8'')';
    ELSIF route = 'oid' THEN
        large_object := lo_from_bytea(0, content);
        argument := large_object || '::oid';
    END IF;
    PERFORM set_config('client_encoding', client_encoding, true);
    BEGIN
        EXECUTE format('SELECT * FROM customer_import.import_customers(%s, %s)', argument, arguments) INTO outcome USING content;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
            hint = PG_EXCEPTION_HINT;
        PERFORM set_config('client_encoding', 'UTF8', true);
        RETURN jsonb_build_object('error', jsonb_build_array(state, message, detail, hint));
    END;
    PERFORM set_config('client_encoding', 'UTF8', true);

    IF outcome.records IS DISTINCT FROM outcome.created + outcome.updated + outcome.unchanged + outcome.skipped
        + outcome.rejected + outcome.unprocessed THEN
        faults := faults || 'the counts do not add up'::text;
    END IF;
    IF NOT EXISTS (
        SELECT FROM customer_import.imports AS i
        WHERE i.id = outcome.import_id
          AND (i.state, i.message, i.records, i.created, i.updated, i.unchanged, i.skipped, i.rejected, i.unprocessed)
              = (outcome.state, outcome.message, outcome.records, outcome.created, outcome.updated, outcome.unchanged,
                 outcome.skipped, outcome.rejected, outcome.unprocessed)
    ) THEN
        faults := faults || 'the table of imports says something else'::text;
    END IF;
    IF (SELECT count(*) FILTER (WHERE created) <> outcome.created OR count(*) FILTER (WHERE NOT created) <> outcome.updated
        FROM customer_import.import_changes WHERE import_id = outcome.import_id) THEN
        faults := faults || 'import_changes has another number of changes'::text;
    END IF;
    -- A row has a new version if and only if a record changed it.
    faults := faults || ARRAY(
        SELECT format('import_changes and the row of %s disagree', user_name)
        FROM (SELECT user_name FROM public.customers AS c
              WHERE c.ctid::text IS DISTINCT FROM
                    (SELECT b.version FROM public.regress_before AS b WHERE b.user_name = c.user_name)) AS written
        FULL JOIN (SELECT DISTINCT user_name FROM customer_import.import_changes WHERE import_id = outcome.import_id)
            AS logged USING (user_name)
        WHERE written IS NULL OR logged IS NULL
        ORDER BY user_name COLLATE "C");
    IF EXISTS (SELECT FROM public.customers WHERE NOT customer_import.is_role_set(roles)) THEN
        faults := faults || 'a customer has roles that are no role set'::text;
    END IF;

    RETURN jsonb_build_object(
        'faults', faults,
        'import_id', outcome.import_id,
        'result', to_jsonb(outcome),
        'issues', (SELECT jsonb_agg(to_jsonb(i) ORDER BY line, issue_number)
                   FROM customer_import.import_issues AS i WHERE import_id = outcome.import_id),
        'customers', (SELECT jsonb_agg(jsonb_build_array(user_name, b.data, a.data) ORDER BY user_name COLLATE "C")
                      FROM (SELECT user_name, to_jsonb(c) - '{user_name,created_at,updated_at}'::text[] AS data
                            FROM public.customers AS c) AS a
                      FULL JOIN public.regress_before AS b USING (user_name)
                      WHERE a.data IS DISTINCT FROM b.data),
        'codes', (SELECT jsonb_agg(code ORDER BY code COLLATE "C")
                  FROM (SELECT code FROM customer_import.role_codes
                        EXCEPT SELECT code FROM public.regress_codes) AS added));
END
$$;
