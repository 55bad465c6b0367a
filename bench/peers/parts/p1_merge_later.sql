-- P1: further records of the same customers, one turn after the other.
SELECT coalesce(max(turn), 0) > 1 AS repeated
FROM work \gset
\if :repeated
SELECT set_config('import.updated', :'updated', true) \g /dev/null
DO $$
DECLARE
    last_turn bigint := (SELECT max(turn) FROM work);
    changed bigint;
BEGIN
    FOR this_turn IN 2 .. last_turn LOOP
        UPDATE public.customers AS c
        SET roles = c.roles || w.roles,
            updated_at = now()
        FROM work AS w
        WHERE w.turn = this_turn
            AND c.user_name = w.user_name
            AND NOT c.roles @> w.roles;
        GET DIAGNOSTICS changed = ROW_COUNT;
        PERFORM set_config('import.updated',
            (current_setting('import.updated')::bigint + changed)::text, true);
    END LOOP;
END
$$;
SELECT current_setting('import.updated') AS updated \gset
\endif
