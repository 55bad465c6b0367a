-- P1: finds the faults of the records in `stage` (line, user_name, add_roles, …).
\echo @step check
INSERT INTO public.import_rejects
SELECT line, 'missing_user_name'
FROM stage
WHERE btrim(user_name) = '' OR user_name IS NULL;

-- The catalog goes into the statement as a constant, because the server then looks codes up
-- in a hash table; split in the select list, no join, no subquery a row. Checking the distinct
-- lists only, once each, took ten times as long, and `<@` against the catalog four times.
SELECT array_agg(code) AS codes
FROM customer_import.role_codes \gset

CREATE TEMP TABLE odd_code AS
SELECT line, code
FROM (SELECT line, string_to_table(add_roles, ',') AS code FROM stage) AS split
WHERE code <> ALL (:'codes'::text[]);

-- What is not spelled as in the catalog is seldom: only here blanks and case are looked at.
INSERT INTO public.import_rejects
SELECT o.line, 'unknown_role', btrim(o.code)
FROM odd_code AS o
WHERE btrim(o.code) <> ''
    AND NOT EXISTS (
        SELECT FROM customer_import.role_codes AS k
        WHERE lower(k.code) = lower(btrim(o.code)));

UPDATE stage AS s
SET add_roles = (
    SELECT string_agg(k.code, ',')
    FROM string_to_table(s.add_roles, ',') AS split(code)
    JOIN customer_import.role_codes AS k ON lower(k.code) = lower(btrim(split.code)))
WHERE s.line IN (SELECT line FROM odd_code)
    AND s.line NOT IN (SELECT line FROM public.import_rejects);
