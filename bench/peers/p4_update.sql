-- P4: COPY into a staging table, then a loop in PL/pgSQL that updates the customer of each record.
BEGIN;
CREATE TABLE public.import_rejects (line bigint NOT NULL);  -- none is rejected
\echo @step copy
CREATE TEMP TABLE stage (
    user_name text COLLATE "C",
    add_roles text COLLATE "C"
);
\set copy_file '\\copy stage FROM ' :'file' ' (FORMAT csv, HEADER)'
:copy_file
\echo @step update
CREATE TEMP TABLE counted (updated bigint NOT NULL, unchanged bigint NOT NULL);
DO $$
DECLARE
    record record;
    codes text[];
    updated bigint := 0;
    unchanged bigint := 0;
BEGIN
    FOR record IN SELECT * FROM stage LOOP
        codes := string_to_array(record.add_roles, ',');
        UPDATE public.customers AS c SET roles = c.roles || codes, updated_at = now()
        WHERE c.user_name = record.user_name AND NOT c.roles @> codes;
        IF FOUND THEN
            updated := updated + 1;
        ELSE
            unchanged := unchanged + 1;
        END IF;
    END LOOP;
    INSERT INTO counted VALUES (updated, unchanged);
END
$$;
SELECT updated, unchanged FROM counted \gset
COMMIT;
\echo @counts 0 :updated :unchanged 0 0
