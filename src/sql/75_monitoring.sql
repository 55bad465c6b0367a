-- For monitoring without superuser: figures that name no customer, no file and no message. Callers have no right on the
-- tables behind them; the functions in C read these as the extension's owner, for pg_monitor and administrators.

-- An import of the foreground is in no table before its transaction ends: the sessions tell of it.
CREATE VIEW customer_import._collected_activity WITH (security_invoker = true) AS
    WITH blocked AS MATERIALIZED (  -- short waits, for one another too, are nothing to count
        SELECT l.pid, pg_blocking_pids(l.pid) AS blocked_by, min(l.waitstart) AS waiting_since
          FROM pg_locks AS l
         WHERE NOT l.granted AND l.waitstart < clock_timestamp() - interval '0.5 seconds'
         GROUP BY l.pid),
    holders AS MATERIALIZED (
        SELECT l.pid, l.objid::bigint AS import_id, b.blocked_by, b.waiting_since
          FROM pg_locks AS l LEFT JOIN blocked AS b ON b.pid = l.pid
         WHERE l.locktype = 'object' AND l.granted AND l.mode = 'ExclusiveLock'
           AND l.classid = 'customer_import._import_slices'::regclass
           AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
    SELECT c.id,
           CASE WHEN c.finished_at IS NOT NULL THEN c.state
                WHEN c.is_held THEN 'held'
                WHEN cardinality(c.blocked_by) > 0 THEN 'blocked'
                WHEN c.workers > 0 OR c.session_pid IS NOT NULL THEN 'running'
                WHEN c.next_attempt_at IS NOT NULL OR c.state <> 'queued' THEN 'waiting'
                ELSE 'queued' END AS activity,
           c.state, c.mode, c.session_pid, c.workers, c.blocked_by, c.waiting_since, c.next_attempt_at, c.file_bytes, c.records,
           c.records_done,
           (c.records_done / NULLIF(extract(epoch FROM COALESCE(c.finished_at, clock_timestamp()) - c.started_at), 0))::bigint
               AS records_per_second,
           c.rejected, c.submitted_at, c.started_at, c.finished_at
      FROM (SELECT i.id, i.state, i.mode, NULL::integer AS session_pid, w.workers, b.blocked_by,
                   LEAST(s.waiting_since, w.waiting_since) AS waiting_since, s.next_attempt_at, i.file_bytes, i.records,
                   i.created + i.updated + i.unchanged + i.skipped + i.rejected + i.deleted + s.done AS records_done,
                   i.rejected + s.rejected AS rejected, i.submitted_at, i.started_at, i.finished_at,
                   i.state = 'held' OR COALESCE(j.origin <> customer_import._database_origin(), false) AS is_held
              FROM customer_import.imports AS i
              LEFT JOIN customer_import._background_imports AS j ON j.import_id = i.id AND i.finished_at IS NULL
             CROSS JOIN LATERAL (
                       SELECT COALESCE(sum(p.created + p.updated + p.unchanged + p.skipped + p.rejected + p.deleted), 0)::bigint AS done,
                              COALESCE(sum(p.rejected), 0)::bigint AS rejected, min(p.next_attempt_at) AS next_attempt_at,
                              min(p.waiting_since) AS waiting_since
                         FROM customer_import._import_slices AS p
                        WHERE p.import_id = i.id AND i.finished_at IS NULL) AS s
             CROSS JOIN LATERAL (
                       SELECT count(DISTINCT h.pid)::integer AS workers, min(h.waiting_since) AS waiting_since
                         FROM holders AS h
                        WHERE h.import_id = i.id & 4294967295 AND i.finished_at IS NULL) AS w
             CROSS JOIN LATERAL (
                       SELECT COALESCE(array_agg(DISTINCT k.pid ORDER BY k.pid), '{}') AS blocked_by
                         FROM (SELECT unnest(h.blocked_by) AS pid FROM holders AS h WHERE h.import_id = i.id & 4294967295
                                UNION ALL  -- of slices that were set aside, or are tried again and have not got on
                               SELECT unnest(customer_import._remaining_blockers(p.awaited_lock, p.blocker_pids))
                                 FROM customer_import._import_slices AS p WHERE p.import_id = i.id AND COALESCE(p.wait_sqlstate, '55P03') = '55P03') AS k
                        WHERE i.finished_at IS NULL) AS b
             WHERE i.finished_at IS NULL OR i.finished_at > clock_timestamp() - interval '1 day'
             UNION ALL
            SELECT r.import_id, CASE WHEN r.is_check THEN 'checking' ELSE 'running' END, NULL, r.pid, 0, COALESCE(b.blocked_by, '{}'),
                   b.waiting_since, NULL, NULL, r.records, r.records_done, NULL, NULL, r.started_at, NULL, false
              FROM customer_import._running_imports() AS r LEFT JOIN blocked AS b ON b.pid = r.pid
             WHERE NOT r.is_background) AS c;
COMMENT ON VIEW customer_import._collected_activity IS
    'A row for each import that has not ended, or ended in the last day, for those who may see all of them.';

CREATE VIEW customer_import._collected_health WITH (security_invoker = true) AS
    WITH imports AS MATERIALIZED (SELECT * FROM customer_import._collected_activity),
    own_locks AS MATERIALIZED (
        SELECT l.pid, l.classid = 'customer_import._background_imports'::regclass AS is_supervisor
          FROM pg_locks AS l
         WHERE l.locktype = 'object' AND l.granted AND l.mode = 'ExclusiveLock'
           AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
           AND (l.classid = 'customer_import._import_slices'::regclass
                OR l.classid = 'customer_import._background_imports'::regclass AND l.objid = 0))
    SELECT i.queued, i.waiting, i.running, i.blocked, i.held, i.oldest_queued, i.oldest_waiting, i.failed_last_hour, i.failed_last_day,
           i.records_per_second, m.waiting AS messages_waiting, m.failed AS messages_failed, m.held AS messages_held,
           m.oldest AS oldest_message, i.in_background > 0 AND NOT pg_is_in_recovery() AS supervisor_needed,
           (SELECT COALESCE(bool_or(l.is_supervisor), false) FROM own_locks AS l) AS supervisor_running,
           customer_import._free_worker_slots() AS free_worker_slots, t.history_bytes, t.file_bytes,
           (SELECT max(age(a.backend_xmin))
              FROM pg_stat_activity AS a
             WHERE a.pid IN (SELECT l.pid FROM own_locks AS l UNION ALL SELECT r.session_pid FROM imports AS r)) AS xmin_age,
           pg_notification_queue_usage() AS notify_queue_share
      FROM (SELECT count(*) FILTER (WHERE a.activity = 'queued')::integer AS queued,
                   count(*) FILTER (WHERE a.activity = 'waiting')::integer AS waiting,
                   count(*) FILTER (WHERE a.activity = 'running')::integer AS running,
                   count(*) FILTER (WHERE a.activity = 'blocked')::integer AS blocked,
                   count(*) FILTER (WHERE a.activity = 'held')::integer AS held,
                   clock_timestamp() - min(a.submitted_at) FILTER (WHERE a.activity = 'queued') AS oldest_queued,
                   clock_timestamp() - min(a.waiting_since) FILTER (WHERE a.activity NOT IN ('queued', 'held')) AS oldest_waiting,
                   count(*) FILTER (WHERE a.state IN ('failed', 'denied') AND a.finished_at > clock_timestamp() - interval '1 hour')::integer
                       AS failed_last_hour,
                   count(*) FILTER (WHERE a.state IN ('failed', 'denied'))::integer AS failed_last_day,
                   COALESCE(sum(a.records_per_second) FILTER (WHERE a.activity = 'running'), 0)::bigint AS records_per_second,
                   count(*) FILTER (WHERE a.finished_at IS NULL AND a.session_pid IS NULL AND a.activity <> 'held') AS in_background
              FROM imports AS a) AS i
     CROSS JOIN (SELECT count(*) FILTER (WHERE s.state IN ('queued', 'sending'))::integer AS waiting,
                        count(*) FILTER (WHERE s.state = 'failed')::integer AS failed,
                        count(*) FILTER (WHERE s.state = 'held')::integer AS held,
                        clock_timestamp() - min(s.created_at) FILTER (WHERE s.state IN ('queued', 'sending')) AS oldest
                   FROM (SELECT CASE WHEN o.state <> 'failed' AND o.origin <> customer_import._database_origin() THEN 'held' ELSE o.state END
                                    AS state, o.created_at
                           FROM customer_import.email_outbox AS o WHERE o.state <> 'sent') AS s) AS m
     CROSS JOIN (SELECT sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname NOT IN ('_import_files', '_upload_chunks'))::bigint AS history_bytes,
                        sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname IN ('_import_files', '_upload_chunks'))::bigint AS file_bytes
                   FROM pg_class AS c
                  WHERE c.relnamespace = 'customer_import'::regnamespace AND c.relkind = 'r') AS t;
COMMENT ON VIEW customer_import._collected_health IS 'The figures of import_health, for those who may see all imports.';

CREATE FUNCTION customer_import._import_activity() RETURNS SETOF customer_import._collected_activity
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_import_activity';
COMMENT ON FUNCTION customer_import._import_activity() IS 'What the view import_activity shows to pg_monitor and administrators.';

CREATE FUNCTION customer_import._import_health() RETURNS SETOF customer_import._collected_health
    LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'ci_import_health';
COMMENT ON FUNCTION customer_import._import_health() IS 'What the view import_health shows to pg_monitor and administrators.';

CREATE VIEW customer_import.import_activity WITH (security_invoker = true) AS
    SELECT a.* FROM customer_import._import_activity() AS a;
COMMENT ON VIEW customer_import.import_activity IS
    'For monitoring: a row for each import that has not ended, or ended in the last day, without operator, file and message.';
COMMENT ON COLUMN customer_import.import_activity.id IS 'The number of the import; NULL while a session checks its file in the foreground.';
COMMENT ON COLUMN customer_import.import_activity.activity IS 'queued, waiting, running, blocked or held; when it has ended, its state.';
COMMENT ON COLUMN customer_import.import_activity.state IS 'The state, as in imports.';
COMMENT ON COLUMN customer_import.import_activity.mode IS 'What was asked for; NULL for an import of another session that is not committed.';
COMMENT ON COLUMN customer_import.import_activity.session_pid IS 'The process that runs it in the foreground; NULL for all others.';
COMMENT ON COLUMN customer_import.import_activity.workers IS 'The processes that work on it in the background.';
COMMENT ON COLUMN customer_import.import_activity.blocked_by IS 'The processes that hold locks for which it waits; 0 is a prepared transaction.';
COMMENT ON COLUMN customer_import.import_activity.waiting_since IS
    'Since when one of its slices has waited for a lock, or was set aside and tried, without getting on, since the last start of the supervisor.';
COMMENT ON COLUMN customer_import.import_activity.next_attempt_at IS 'When what was set aside is tried again.';
COMMENT ON COLUMN customer_import.import_activity.file_bytes IS 'The size of its file.';
COMMENT ON COLUMN customer_import.import_activity.records IS 'Records of the file, as far as they are counted.';
COMMENT ON COLUMN customer_import.import_activity.records_done IS 'Records that have an outcome.';
COMMENT ON COLUMN customer_import.import_activity.records_per_second IS 'Records done per second since it began.';
COMMENT ON COLUMN customer_import.import_activity.rejected IS 'Records so far with a fault.';
COMMENT ON COLUMN customer_import.import_activity.submitted_at IS 'When import_customers() was called.';
COMMENT ON COLUMN customer_import.import_activity.started_at IS 'When the import began.';
COMMENT ON COLUMN customer_import.import_activity.finished_at IS 'When it ended; NULL: it has not.';

CREATE VIEW customer_import.import_health WITH (security_invoker = true) AS
    SELECT h.* FROM customer_import._import_health() AS h;
COMMENT ON VIEW customer_import.import_health IS 'For monitoring: one row of figures about all imports of the database.';
COMMENT ON COLUMN customer_import.import_health.queued IS 'Imports that have not begun.';
COMMENT ON COLUMN customer_import.import_health.waiting IS 'Imports that have begun and that no process works on: set aside for something else than a lock that is held, or without a worker.';
COMMENT ON COLUMN customer_import.import_health.running IS 'Imports that a process works on, also in the foreground.';
COMMENT ON COLUMN customer_import.import_health.blocked IS 'Imports that have waited for a lock for half a second, or were set aside for one that is still held.';
COMMENT ON COLUMN customer_import.import_health.held IS 'Imports that were restored from another database.';
COMMENT ON COLUMN customer_import.import_health.oldest_queued IS 'How long the oldest import that has not begun has waited; NULL: there is none.';
COMMENT ON COLUMN customer_import.import_health.oldest_waiting IS
    'For how long the import that has waited longest has not got on, of those that have begun; NULL: none waits.';
COMMENT ON COLUMN customer_import.import_health.failed_last_hour IS 'Imports that ended as failed or denied in the last hour.';
COMMENT ON COLUMN customer_import.import_health.failed_last_day IS 'Imports that ended as failed or denied in the last day.';
COMMENT ON COLUMN customer_import.import_health.records_per_second IS 'What the imports that run do together, each since it began.';
COMMENT ON COLUMN customer_import.import_health.messages_waiting IS 'Messages that are to be sent.';
COMMENT ON COLUMN customer_import.import_health.messages_failed IS 'Messages that were given up.';
COMMENT ON COLUMN customer_import.import_health.messages_held IS 'Messages that were restored from another database.';
COMMENT ON COLUMN customer_import.import_health.oldest_message IS 'How long the oldest message that is to be sent has waited; NULL: there is none.';
COMMENT ON COLUMN customer_import.import_health.supervisor_needed IS 'There are imports in the background that have not ended.';
COMMENT ON COLUMN customer_import.import_health.supervisor_running IS 'The process that starts workers is there.';
COMMENT ON COLUMN customer_import.import_health.free_worker_slots IS 'How many more background workers the server can start.';
COMMENT ON COLUMN customer_import.import_health.history_bytes IS 'The size of the tables of the extension, with indexes, but for files.';
COMMENT ON COLUMN customer_import.import_health.file_bytes IS 'The size of the tables of files and uploads.';
COMMENT ON COLUMN customer_import.import_health.xmin_age IS 'How many transactions ago the oldest snapshot of a process of imports was taken; NULL: there is none.';
COMMENT ON COLUMN customer_import.import_health.notify_queue_share IS 'How full the queue of notifications of the server is, 0 to 1.';
