-- What the specs of imports in the background add to fixture.sql: submitting, canceling, and waiting for what workers do.

-- Before set_up(): nothing of earlier permutations is under way or left.
CREATE PROCEDURE wait_for_background() LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN NOT EXISTS (SELECT FROM customer_import.imports WHERE state IN ('queued', 'checking', 'running'))
            AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'customer_import %' AND datname = current_database());
        PERFORM pg_sleep(0.005);
    END LOOP;
    TRUNCATE customer_import._import_files, customer_import._background_imports, customer_import._import_slices;
END $$;

CREATE FUNCTION submit(csv text, OUT import_id bigint, OUT state text) LANGUAGE sql AS $$
    SELECT import_id, state FROM customer_import.import_customers(csv, 'Create & Update', background => true)
$$;
CREATE FUNCTION cancel(import_id bigint) RETURNS text LANGUAGE sql AS 'SELECT customer_import.cancel_import(import_id)';

-- Of two sessions that cancel at once the second may come after the end.
CREATE FUNCTION cancel_unless_ended(import_id bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM customer_import.cancel_import(import_id);
    RETURN true;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN true;
END $$;

-- Until a worker waits at the trigger of fixture.sql
CREATE PROCEDURE wait_for_worker() LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'customer_import worker' AND wait_event IN ('PgSleep', 'advisory'));
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;
-- Until one waits for a row, a transaction or a table that a session of the test holds, or until none does. For a moment
-- it may also wait for the supervisor, which writes into the same rows: that is not the wait that the specs mean.
CREATE FUNCTION worker_waits() RETURNS boolean LANGUAGE sql AS $$
    SELECT pg_stat_clear_snapshot();
    SELECT EXISTS (SELECT FROM pg_stat_activity AS w
                     JOIN pg_stat_activity AS b ON b.pid = ANY (pg_blocking_pids(w.pid)) AND b.backend_type = 'client backend'
                    WHERE w.backend_type = 'customer_import worker' AND w.wait_event_type = 'Lock'
                      AND w.wait_event IN ('tuple', 'transactionid', 'relation'));
$$;
CREATE PROCEDURE wait_for_lock() LANGUAGE plpgsql AS $$
BEGIN
    WHILE NOT worker_waits() LOOP
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;
CREATE PROCEDURE wait_for_no_lock() LANGUAGE plpgsql AS $$
BEGIN
    WHILE worker_waits() LOOP
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;
-- Until all imports have ended
CREATE PROCEDURE wait_for_end() LANGUAGE plpgsql AS $$
BEGIN
    WHILE EXISTS (SELECT FROM customer_import.imports WHERE finished_at IS NULL) LOOP
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;

CREATE VIEW background_counts AS
    SELECT id, records, created, updated, unchanged, rejected, unprocessed,
           created + updated + unchanged + skipped + rejected + unprocessed = records AS adds_up
      FROM customer_import.imports ORDER BY id;
