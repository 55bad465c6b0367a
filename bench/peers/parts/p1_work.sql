-- P1: the records to apply, in the order of user names, so that the table's index is read and
-- written page after page. `turn` numbers the records of one customer in file order.
\echo @step prepare
CREATE TEMP TABLE work AS
SELECT line, user_name, roles,
    row_number() OVER (PARTITION BY user_name ORDER BY line) AS turn
FROM (
    SELECT line, lower(btrim(user_name)) AS user_name, string_to_array(add_roles, ',') AS roles
    FROM stage
    WHERE NOT EXISTS (
        SELECT FROM public.import_rejects AS r
        WHERE r.line = stage.line)
) AS record;
-- Only what the plans need: with the statistics of the array column it takes twice as long.
ANALYZE work (user_name, turn);
