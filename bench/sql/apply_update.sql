-- Applies the file of U, so that N finds every record's roles already there. The table is
-- rewritten afterwards: N is about unchanged records, not about the dead rows of U.
CREATE TEMP TABLE update_file (user_name text COLLATE "C", add_roles text);
\set copy_update '\\copy update_file FROM ' :'file' ' (FORMAT csv, HEADER)'
:copy_update
ANALYZE update_file;

UPDATE public.customers AS c
SET roles = ARRAY(
    SELECT DISTINCT code COLLATE "C"
    FROM unnest(c.roles || string_to_array(f.add_roles, ',')) AS code
    ORDER BY 1)
FROM update_file AS f
WHERE c.user_name = f.user_name
    AND NOT c.roles @> string_to_array(f.add_roles, ',');

-- The second VACUUM writes the visibility map, which the first one leaves out.
VACUUM (FULL) public.customers;
VACUUM (FREEZE, ANALYZE) public.customers;
