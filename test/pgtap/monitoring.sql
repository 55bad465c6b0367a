-- import_health and import_activity: what they count, for whom, and that they name nobody.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(39);

CREATE ROLE regress_monitor_mon;
GRANT pg_monitor TO regress_monitor_mon;
CREATE ROLE regress_monitor_boss;
CREATE ROLE regress_monitor_ann;
CREATE ROLE regress_monitor_any;
DO $$
BEGIN
    PERFORM customer_import.add_operator('regress_monitor_boss', roles => '{administrator}');
    PERFORM customer_import.add_operator('regress_monitor_ann', roles => '{customerView,customerEdit,importView,importEdit}');
END
$$;

-- Who may look
SELECT is(pg_temp.attempt('regress_monitor_mon', NULL, 'SELECT queued FROM customer_import.import_health'), 'ok 0', 'a member of pg_monitor may');
SELECT is(pg_temp.attempt('regress_monitor_mon', NULL, 'SELECT count(*) FROM customer_import.import_activity'), 'ok 0', 'each import as well');
SELECT is(pg_temp.attempt('regress_monitor_boss', NULL, 'SELECT queued FROM customer_import.import_health'), 'ok 0', 'an administrator may');
SELECT is(pg_temp.attempt('regress_monitor_ann', NULL, 'SELECT queued FROM customer_import.import_health'), '42501 permission denied for view import_health', 'another operator may not');
SELECT is(pg_temp.attempt('regress_monitor_any', NULL, 'SELECT * FROM customer_import.import_activity'), '42501 permission denied for view import_activity', 'nor anybody else');
SELECT is(pg_temp.attempt('regress_monitor_mon', NULL, statement), expected, statement)
  FROM (VALUES ('SELECT FROM customer_import._collected_activity', '42501 permission denied for view _collected_activity'),
               ('TABLE customer_import.imports', '42501 permission denied for table imports'),
               ('TABLE customer_import.import_issues', '42501 permission denied for table import_issues'),
               ('TABLE customer_import.import_changes', '42501 permission denied for view import_changes'),
               ('TABLE customer_import.import_status', '42501 permission denied for view import_status'),
               ('TABLE customer_import.email_outbox', '42501 permission denied for table email_outbox'),
               ('SELECT FROM customer_import._running_imports()', '42501 permission denied for function _running_imports'),
               ('SELECT customer_import.customer_history(''ann'')', '42501 permission denied for function customer_history')) AS s (statement, expected);
-- It reads the other one: servers differ in which of them they name
SELECT matches(pg_temp.attempt('regress_monitor_mon', NULL, 'SELECT FROM customer_import._collected_health'), '^42501 permission denied for view _collected_(health|activity)$', 'SELECT FROM customer_import._collected_health');
-- A grant by hand is not enough
GRANT SELECT ON customer_import.import_health, customer_import.import_activity TO regress_monitor_any, regress_monitor_ann;
GRANT EXECUTE ON FUNCTION customer_import._import_health(), customer_import._import_activity() TO regress_monitor_any, regress_monitor_ann;
SELECT matches(pg_temp.attempt(who, NULL, 'TABLE customer_import.' || name), '^42501 permission denied to see the activity of imports', format('%s by hand: %s', name, who))
  FROM unnest('{regress_monitor_any,regress_monitor_ann}'::text[]) AS who, unnest('{import_health,import_activity}'::text[]) AS name;

-- They name nobody: numbers, times and words of ours
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute WHERE attrelid IN ('customer_import.import_health'::regclass, 'customer_import.import_activity'::regclass)
                   AND atttypid IN ('text'::regtype, 'bytea'::regtype, 'jsonb'::regtype, 'name'::regtype) AND attname NOT IN ('activity', 'state', 'mode')$$, 'no other texts');

-- What they count
SELECT customer_import._database_origin() AS origin \gset
INSERT INTO customer_import.imports (id, operator, database_role, mode, state, message, file_name, submitted_at, started_at, finished_at, records, created, file_bytes) VALUES
    (1, 'ann', 'ann', 'create_and_update', 'queued', 'secret', 'secret.csv', now() - interval '3 hours', NULL, NULL, 0, 0, 1000),
    (2, 'ann', 'ann', 'create_and_update', 'queued', 'secret', 'secret.csv', now() - interval '1 hour', NULL, NULL, 0, 0, 10),
    (3, 'ann', 'ann', 'create_only', 'running', 'secret', 'secret.csv', now() - interval '5 hours', now() - interval '5 hours', NULL, 100, 0, 10),
    (4, 'ann', 'ann', 'create_only', 'held', 'secret', 'secret.csv', now() - interval '9 hours', now() - interval '8 hours', NULL, 100, 0, 10),
    (5, 'ann', 'ann', 'create_only', 'running', 'secret', 'secret.csv', now() - interval '9 hours', now() - interval '8 hours', NULL, 100, 0, 10),
    (6, 'ann', 'ann', 'create_only', 'failed', 'secret', 'secret.csv', now() - interval '20 minutes', now() - interval '15 minutes', now() - interval '10 minutes', 100, 0, 10),
    (7, 'ann', 'ann', 'create_only', 'denied', 'secret', 'secret.csv', now() - interval '20 hours', now() - interval '15 hours', now() - interval '10 hours', 100, 0, 10),
    (8, 'ann', 'ann', 'create_only', 'completed', 'secret', 'secret.csv', now() - interval '20 seconds', now() - interval '20 seconds', now() - interval '10 seconds', 100, 100, 10),
    (9, 'ann', 'ann', 'create_only', 'failed', 'secret', 'secret.csv', now() - interval '3 days', now() - interval '3 days', now() - interval '2 days', 100, 0, 10);
INSERT INTO customer_import._background_imports (import_id, role_oid, acts, origin, settings)
    SELECT id, 0, false, CASE id WHEN 5 THEN '1/1' ELSE :'origin' END, '{}' FROM customer_import.imports WHERE finished_at IS NULL;
INSERT INTO customer_import._import_slices (import_id, slice, created, rejected, wait_reason, next_attempt_at, waiting_since) VALUES
    (3, 1, 40, 2, 'a lock', now() + interval '1 minute', now() - interval '4 hours'), (3, 2, 10, 0, 'a lock', NULL, now() - interval '1 hour'),
    (1, 0, 0, 0, 'a slot', NULL, now() - interval '6 hours'), (5, 0, 0, 0, 'a lock', NULL, now() - interval '8 hours');
INSERT INTO customer_import.email_outbox (import_id, operator, recipient, state, origin, created_at) VALUES
    (1, 'ann', 'secret@example.com', 'queued', :'origin', now() - interval '2 hours'), (2, 'ann', 'secret@example.com', 'sending', :'origin', now() - interval '1 hour'),
    (3, 'ann', 'secret@example.com', 'failed', :'origin', now() - interval '5 hours'), (4, 'ann', 'secret@example.com', 'sent', :'origin', now() - interval '9 hours'),
    (5, 'ann', 'secret@example.com', 'queued', '1/1', now() - interval '9 hours'), (6, 'ann', 'secret@example.com', 'failed', '1/1', now());
SET LOCAL ROLE regress_monitor_mon;
SELECT results_eq('SELECT id, activity, records_done, rejected, workers, blocked_by FROM customer_import.import_activity ORDER BY id',
                  $$VALUES (1::bigint, 'queued', 0::bigint, 0::bigint, 0, '{}'::integer[]), (2, 'queued', 0, 0, 0, '{}'), (3, 'waiting', 52, 2, 0, '{}'), (4, 'held', 0, 0, 0, '{}'),
                           (5, 'held', 0, 0, 0, '{}'), (6, 'failed', 0, 0, 0, '{}'), (7, 'denied', 0, 0, 0, '{}'), (8, 'completed', 100, 0, 0, '{}')$$,
                  'each import that is open or ended in the last day');
SELECT is((SELECT records_per_second FROM customer_import.import_activity WHERE id = 8), 10::bigint, 'at its pace');
SELECT is((SELECT next_attempt_at FROM customer_import.import_activity WHERE id = 3), now() + interval '1 minute', 'with its next attempt');
SELECT is((SELECT waiting_since FROM customer_import.import_activity WHERE id = 3), now() - interval '4 hours', 'and since when its slice has waited that has waited longest');
SELECT results_eq('SELECT queued, waiting, running, blocked, held, failed_last_hour, failed_last_day, records_per_second FROM customer_import.import_health',
                  'VALUES (2, 1, 0, 0, 2, 1, 2, 0::bigint)', 'imports are counted');
SELECT ok(oldest_queued BETWEEN interval '3 hours' AND interval '3 hours 10 minutes', 'the oldest one that is queued') FROM customer_import.import_health;
SELECT ok(oldest_waiting BETWEEN interval '4 hours' AND interval '4 hours 10 minutes', 'the one that has waited longest, of those that have begun and are not held') FROM customer_import.import_health;
SELECT results_eq('SELECT messages_waiting, messages_failed, messages_held FROM customer_import.import_health', 'VALUES (2, 2, 1)', 'messages are counted');
SELECT ok(oldest_message BETWEEN interval '2 hours' AND interval '2 hours 10 minutes', 'the oldest one that waits') FROM customer_import.import_health;
SELECT results_eq('SELECT supervisor_needed, supervisor_running FROM customer_import.import_health', 'VALUES (true, false)', 'a supervisor is missing');
SELECT ok(free_worker_slots BETWEEN 0 AND current_setting('max_worker_processes')::integer, 'slots for workers') FROM customer_import.import_health;
SELECT ok(notify_queue_share BETWEEN 0 AND 1, 'the queue of notifications') FROM customer_import.import_health;
SELECT is(xmin_age, NULL, 'nothing holds a snapshot') FROM customer_import.import_health;
RESET ROLE;
SELECT is(file_bytes, pg_total_relation_size('customer_import._import_files') + pg_total_relation_size('customer_import._upload_chunks'), 'the size of files') FROM customer_import.import_health;
SELECT is(history_bytes, (SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'customer_import'::regnamespace AND relkind = 'r')::bigint - file_bytes,
          'the size of all else') FROM customer_import.import_health;
SELECT results_eq('SELECT state, messages FROM customer_import.mailer_status ORDER BY state', $$VALUES ('failed', 2::bigint), ('held', 1), ('queued', 1), ('sending', 1), ('sent', 1)$$,
                  'mailer_status says at once that a restored message is held');
SELECT is((SELECT next_attempt_at FROM customer_import.mailer_status WHERE state = 'held'), NULL, 'and has no next attempt');
UPDATE customer_import.imports SET state = 'checking' WHERE id = 3;
SELECT is((SELECT bar FROM customer_import.import_status WHERE id = 3), '[----------] 0 %', 'nothing of a file is checked that no process reads at this moment');
-- Without work there is no need
DELETE FROM customer_import.imports WHERE id < 4;
SELECT results_eq('SELECT supervisor_needed, oldest_queued FROM customer_import.import_health', 'VALUES (false, NULL::interval)', 'what is held needs no supervisor');
SELECT is(oldest_waiting, NULL, 'and has not waited') FROM customer_import.import_health;

SELECT * FROM finish();
ROLLBACK;
