-- F3: the rows of U as they will be, only those that change, sorted by user name.
CREATE TEMP TABLE stage (user_name text COLLATE "C", add_roles text COLLATE "C");
\set copy_file '\\copy stage FROM ' :'file' ' (FORMAT csv, HEADER)'
:copy_file
ANALYZE stage;
CREATE TABLE public.new_roles AS
SELECT c.user_name,
    ARRAY(
        SELECT DISTINCT code COLLATE "C"
        FROM unnest(c.roles || string_to_array(s.add_roles, ',')) AS code
        ORDER BY 1) AS roles
FROM stage AS s
JOIN public.customers AS c USING (user_name)
WHERE NOT c.roles @> string_to_array(s.add_roles, ',')
ORDER BY user_name;
VACUUM (FREEZE, ANALYZE) public.new_roles;
