-- Imports in the background: the queue, the files, and where each import is. Only the extension's own code writes here.

CREATE TABLE customer_import._import_files (
    import_id bigint NOT NULL,
    begins_at bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (import_id, begins_at)
);
-- With lz4 a file takes about half its size, here and in the server's log, and no more time; a page of the change log about
-- a third, for less time than writing the rest would take. With pglz both would take more time: then a page is packed to fit
-- one heap page.
DO $$
BEGIN
    IF 'lz4' OPERATOR(pg_catalog.=) ANY ((SELECT enumvals FROM pg_catalog.pg_settings
                                           WHERE name OPERATOR(pg_catalog.=) 'default_toast_compression')::text[]) THEN
        ALTER TABLE customer_import._import_files ALTER COLUMN bytes SET COMPRESSION lz4;
        ALTER TABLE customer_import._import_change_pages
            ALTER COLUMN payload SET STORAGE MAIN, ALTER COLUMN payload SET COMPRESSION lz4;
    ELSE
        ALTER TABLE customer_import._import_files ALTER COLUMN bytes SET STORAGE EXTERNAL;
        ALTER TABLE customer_import._import_change_pages
            ALTER COLUMN payload SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);
    END IF;
END
$$;
COMMENT ON TABLE customer_import._import_files IS 'The files of imports in the background, in chunks of 1 MiB at the most.';
COMMENT ON COLUMN customer_import._import_files.import_id IS 'The import; less than 0: an upload.';
COMMENT ON COLUMN customer_import._import_files.begins_at IS 'The place of the chunk in the file, in bytes.';
COMMENT ON COLUMN customer_import._import_files.bytes IS 'The chunk, in the encoding of the file.';
SELECT pg_catalog.pg_extension_config_dump('customer_import._import_files', 'WHERE import_id > 0');

CREATE TABLE customer_import._background_imports (
    import_id bigint PRIMARY KEY,
    role_oid oid NOT NULL,
    acts boolean NOT NULL,
    origin text NOT NULL,
    settings jsonb NOT NULL,
    slices integer NOT NULL DEFAULT 0,
    slice_hash text,
    slice_names text[],
    by_line boolean,
    role_codes text[],
    stop_state text CHECK (stop_state IN ('failed', 'denied', 'canceled')),
    stop_reason text,
    stop_sqlstate text,
    record_shape text,
    resumed_at timestamptz
);
COMMENT ON TABLE customer_import._background_imports IS 'What the workers of an import in the background need to know.';
COMMENT ON COLUMN customer_import._background_imports.role_oid IS 'The database role; it must still have the recorded name.';
COMMENT ON COLUMN customer_import._background_imports.acts IS 'The role is a gateway that acts as the operator.';
COMMENT ON COLUMN customer_import._background_imports.origin IS 'The database that the import was made in: it runs in no other.';
COMMENT ON COLUMN customer_import._background_imports.slices IS 'Into how many slices the file is split; frozen when it is claimed first.';
COMMENT ON COLUMN customer_import._background_imports.slice_hash IS
    'The hash of the user name that decides about the slice; NULL: slices are ranges of user names.';
COMMENT ON COLUMN customer_import._background_imports.slice_names IS
    'The first user names of the ranges but the first, as far as there are records.';
COMMENT ON COLUMN customer_import._background_imports.by_line IS
    'Whether records are applied in the order of the file, as they were at the check: positions count in it.';
COMMENT ON COLUMN customer_import._background_imports.role_codes IS 'The role codes that the file was checked against.';
COMMENT ON COLUMN customer_import._background_imports.stop_state IS 'Set when the import is to end early: how, and why.';
COMMENT ON COLUMN customer_import._background_imports.import_id IS 'The import.';
COMMENT ON COLUMN customer_import._background_imports.settings IS
    'Settings of the session that queued the import, which its workers take over.';
COMMENT ON COLUMN customer_import._background_imports.stop_reason IS 'Why, for people.';
COMMENT ON COLUMN customer_import._background_imports.record_shape IS 'By which columns and in which order its records were read at the check.';
COMMENT ON COLUMN customer_import._background_imports.resumed_at IS 'When resume_import() was called last.';
COMMENT ON COLUMN customer_import._background_imports.stop_sqlstate IS 'The SQLSTATE of the error that ended it, if one did.';
SELECT pg_catalog.pg_extension_config_dump('customer_import._background_imports', '');

CREATE TABLE customer_import._import_slices (
    import_id bigint NOT NULL,
    slice integer NOT NULL,
    fence integer NOT NULL DEFAULT 0,
    claims integer NOT NULL DEFAULT 0,
    deaths integer NOT NULL DEFAULT 0,
    in_parts_until bigint NOT NULL DEFAULT 0,
    part_records bigint,
    part_lines int8range,
    records bigint,
    position bigint NOT NULL DEFAULT 0,
    pages bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    ended boolean NOT NULL DEFAULT false,
    waits integer NOT NULL DEFAULT 0,
    wait_reason text,
    wait_sqlstate text,
    waiting_since timestamptz,
    next_attempt_at timestamptz,
    blocked_by text,
    blocker_pids integer[],
    awaited_lock jsonb,
    repeats bigint NOT NULL DEFAULT 0,
    first_repeat bigint,
    PRIMARY KEY (import_id, slice)
);
COMMENT ON TABLE customer_import._import_slices IS 'How far each slice of an import in the background is.';
COMMENT ON COLUMN customer_import._import_slices.fence IS 'Counts the workers that claimed the slice; only the newest one writes.';
COMMENT ON COLUMN customer_import._import_slices.claims IS
    'Workers that have claimed the slice since it last got on, and were not set aside: all but one have died.';
COMMENT ON COLUMN customer_import._import_slices.deaths IS
    'Workers of the slice that died before it last got on, and since a whole batch went well.';
COMMENT ON COLUMN customer_import._import_slices.in_parts_until IS
    'Up to this position it is applied in parts, and has not got on, since a worker has died there.';
COMMENT ON COLUMN customer_import._import_slices.part_records IS 'How many records the part has that was begun last.';
COMMENT ON COLUMN customer_import._import_slices.part_lines IS 'The lines among which they are.';
COMMENT ON COLUMN customer_import._import_slices.records IS 'Valid records of the slice; NULL until it was read.';
COMMENT ON COLUMN customer_import._import_slices.position IS 'How many of them have been applied, in the order of the slice.';
COMMENT ON COLUMN customer_import._import_slices.rejected IS 'The first slice also counts what the check rejected.';
COMMENT ON COLUMN customer_import._import_slices.pages IS 'Pages of the change log that it has written.';
COMMENT ON COLUMN customer_import._import_slices.waits IS 'How often it was set aside since it last got on.';
COMMENT ON COLUMN customer_import._import_slices.wait_reason IS 'Why it waits; NULL while a worker is on it.';
COMMENT ON COLUMN customer_import._import_slices.wait_sqlstate IS 'The SQLSTATE of that.';
COMMENT ON COLUMN customer_import._import_slices.waiting_since IS 'Since when it has waited without getting on.';
COMMENT ON COLUMN customer_import._import_slices.next_attempt_at IS 'When it is tried again; NULL: at once.';
COMMENT ON COLUMN customer_import._import_slices.blocked_by IS 'Who held the lock for which its worker was last seen to wait.';
COMMENT ON COLUMN customer_import._import_slices.blocker_pids IS 'Their processes; 0 is a prepared transaction.';
COMMENT ON COLUMN customer_import._import_slices.awaited_lock IS 'That lock, as pg_locks had it.';
COMMENT ON COLUMN customer_import._import_slices.repeats IS 'How many of its records repeat a user name of an earlier line.';
COMMENT ON COLUMN customer_import._import_slices.first_repeat IS 'Line of the first of them.';
COMMENT ON COLUMN customer_import._import_slices.import_id IS 'The import.';
COMMENT ON COLUMN customer_import._import_slices.slice IS 'Counts the slices of an import.';
COMMENT ON COLUMN customer_import._import_slices.created IS 'Customers that it created so far.';
COMMENT ON COLUMN customer_import._import_slices.updated IS 'Records that changed an existing customer so far.';
COMMENT ON COLUMN customer_import._import_slices.unchanged IS 'Records whose customer had everything already, so far.';
COMMENT ON COLUMN customer_import._import_slices.skipped IS 'Records that the mode passed over so far.';
COMMENT ON COLUMN customer_import._import_slices.deleted IS 'Customers that an undo deleted so far.';
COMMENT ON COLUMN customer_import._import_slices.ended IS 'Nothing is left to do in it.';
SELECT pg_catalog.pg_extension_config_dump('customer_import._import_slices', '');

-- No role sees the files and what is for the workers; a role that sees an import also sees how far it is.
ALTER TABLE customer_import._import_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_import._import_files FORCE ROW LEVEL SECURITY;
ALTER TABLE customer_import._background_imports ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_import._background_imports FORCE ROW LEVEL SECURITY;
ALTER TABLE customer_import._import_slices ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_import._import_slices FORCE ROW LEVEL SECURITY;
CREATE POLICY own_or_admin ON customer_import._import_slices FOR SELECT
    USING ((SELECT customer_import.is_admin())
           OR EXISTS (SELECT FROM customer_import.imports AS i WHERE i.id = _import_slices.import_id));

CREATE FUNCTION customer_import.cancel_import(import_id bigint) RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_cancel_import';
COMMENT ON FUNCTION customer_import.cancel_import(bigint) IS
    'Ends an import in the background after its batch. What it has applied stays. Returns a message.';

CREATE FUNCTION customer_import.resume_import(import_id bigint) RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_resume_import';
COMMENT ON FUNCTION customer_import.resume_import(bigint) IS
    'Has an import in the background that failed, was denied or canceled continue from its last batch. Returns a message.';

CREATE PROCEDURE customer_import.run_imports()
    LANGUAGE C AS 'MODULE_PATHNAME', 'ci_run_imports';
COMMENT ON PROCEDURE customer_import.run_imports() IS
    'Runs the queued imports of the current role in this session, each under its operator.';

CREATE PROCEDURE customer_import.wait_for_import(
    id bigint,
    timeout interval DEFAULT NULL,
    INOUT state text DEFAULT NULL,
    INOUT message text DEFAULT NULL
)
    LANGUAGE C AS 'MODULE_PATHNAME', 'ci_wait_for_import';
COMMENT ON PROCEDURE customer_import.wait_for_import(bigint, interval, text, text) IS
    'Waits until an import has ended, or for the timeout, without a transaction. Returns its state and message.';

CREATE FUNCTION customer_import.release_restored() RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_release_restored';
COMMENT ON FUNCTION customer_import.release_restored() IS
    'Lets imports that were restored into another database continue. Only for superusers. Returns how many.';

CREATE FUNCTION customer_import.purge_imports(older_than interval) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_purge_imports';
COMMENT ON FUNCTION customer_import.purge_imports(interval) IS
    'Removes everything of imports that ended longer ago. Only for administrators. Returns how many.';

CREATE FUNCTION customer_import._strip_change_page(payload bytea, changes integer) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_strip_change_page';
COMMENT ON FUNCTION customer_import._strip_change_page(bytea, integer) IS 'A page of the change log without the values of fields.';

CREATE FUNCTION customer_import._running_imports(
    OUT import_id bigint, OUT pid integer, OUT role_name name, OUT is_check boolean, OUT records bigint,
    OUT records_done bigint, OUT bytes_done bigint, OUT started_at timestamptz, OUT is_background boolean
) RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'ci_running_imports';
COMMENT ON FUNCTION customer_import._running_imports() IS
    'What sessions and workers are importing at this moment, as far as the caller may see it.';

CREATE FUNCTION customer_import._progress_bar(done double precision) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '[' || rpad(repeat('#', floor(done * 10)::integer), 10, '-') || '] ' || floor(done * 100)::text || ' %';
COMMENT ON FUNCTION customer_import._progress_bar(double precision) IS 'A share between 0 and 1 for people.';

CREATE FUNCTION customer_import._open_import(
    import_id bigint, OUT is_restored boolean, OUT stop_state text, OUT bytes_read bigint
) RETURNS record
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_open_import';
COMMENT ON FUNCTION customer_import._open_import(bigint) IS
    'Of an unfinished import, as far as the caller may see it: whether it is of another database and so held, how it is to end early, and how much of its file has been checked.';

CREATE FUNCTION customer_import._free_worker_slots() RETURNS integer
    LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_free_worker_slots';
COMMENT ON FUNCTION customer_import._free_worker_slots() IS 'How many more background workers the server can start.';

CREATE FUNCTION customer_import._blockers(pid integer) RETURNS text
    LANGUAGE sql VOLATILE STRICT PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT string_agg(CASE WHEN b.pid = 0 THEN 'a prepared transaction'
                           ELSE concat('session ', b.pid, ' of role ' || quote_ident(a.usename::text),
                                       to_char(a.xact_start, '" in a transaction since "HH24:MI:SS')) END, ' and ' ORDER BY b.pid)
      FROM unnest(pg_blocking_pids(_blockers.pid)) AS b (pid)
      LEFT JOIN pg_stat_activity AS a ON a.pid = b.pid;
END;
COMMENT ON FUNCTION customer_import._blockers(integer) IS
    'Who holds the lock for which a process waits, for people; NULL when it waits for none. Since when they are in a transaction shows to those who may know it.';

CREATE FUNCTION customer_import._remaining_blockers(awaited_lock jsonb, pids integer[]) RETURNS integer[]
    LANGUAGE sql VOLATILE STRICT PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT COALESCE(array_agg(DISTINCT h.pid ORDER BY h.pid), '{}')
      FROM (SELECT COALESCE(l.pid, 0) AS pid
              FROM pg_locks AS l
             WHERE COALESCE(l.pid, 0) = ANY (_remaining_blockers.pids)
               AND to_jsonb(l) - '{pid,virtualtransaction,mode,granted,fastpath,waitstart}'::text[]
                   = _remaining_blockers.awaited_lock - '{pid,virtualtransaction,mode,granted,fastpath,waitstart}'::text[]) AS h;
END;
COMMENT ON FUNCTION customer_import._remaining_blockers(jsonb, integer[]) IS
    'Which of the processes that held a lock, or waited for it earlier, still do: those that block a slice which was set aside for it.';

-- An update waits for the transaction that has the row, with a lock on the row's place in the table. Short waits, for one
-- another too, are nothing to tell.
CREATE FUNCTION customer_import._waits(pid integer) RETURNS text
    LANGUAGE sql VOLATILE STRICT PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT format('since %s for %s, held by %s', to_char(l.waitstart, 'HH24:MI:SS'),
                  CASE WHEN l.locktype IN ('tuple', 'transactionid')
                       THEN COALESCE('a row of table ' || (
                                         SELECT min(t.relation::regclass::text) FROM pg_locks AS t
                                          WHERE t.pid = l.pid AND t.locktype = 'tuple'
                                            AND t.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())),
                                     'what another transaction has written')
                       WHEN l.relation IS NOT NULL THEN 'table ' || l.relation::regclass
                       ELSE format('a lock (%s)', l.locktype) END,
                  b.blockers)
      FROM pg_locks AS l
     CROSS JOIN LATERAL (SELECT customer_import._blockers(l.pid) AS blockers) AS b
     WHERE l.pid = _waits.pid AND NOT l.granted AND b.blockers IS NOT NULL
       AND l.waitstart < clock_timestamp() - interval '0.5 seconds'
     LIMIT 1;
END;
COMMENT ON FUNCTION customer_import._waits(integer) IS
    'Since when a process waits for a lock, for which, and who holds it, for people; NULL when it has not waited for half a second.';

-- What is over is read from its row alone. Only what is open asks for slices and locks, so that the planner sees what a
-- long history costs: nearly nothing.
CREATE VIEW customer_import.import_status WITH (security_invoker = true) AS
    SELECT c.id, c.operator, c.file_name, c.mode, c.state, c.message,
           customer_import._progress_bar(CASE WHEN c.state = 'checking'
                THEN CASE WHEN c.file_bytes > 0 THEN LEAST(COALESCE(c.bytes_read, 0)::double precision / c.file_bytes, 1) END
                WHEN c.records > 0 THEN LEAST(c.records_done::double precision / c.records, 1)
                WHEN c.finished_at IS NOT NULL THEN CASE WHEN c.state IN ('failed', 'denied', 'canceled') THEN 0 ELSE 1 END
                END) AS bar,
           c.file_bytes, c.bytes_read, c.records, c.records_done,
           CASE WHEN c.seconds > 0 AND c.records_done > 0 THEN round(c.records_done / c.seconds)::bigint END
               AS records_per_second,
           CASE WHEN c.finished_at IS NULL AND NOT c.waits AND c.records_done > 0 AND c.seconds > 0
                THEN make_interval(secs => round(c.seconds * (c.records - c.records_done) / c.records_done)::double precision)
           END AS time_left,
           c.created, c.updated, c.unchanged, c.skipped, c.rejected, c.deleted, c.submitted_at, c.started_at, c.finished_at,
           c.session_pid
      FROM (
        SELECT p.*, extract(epoch FROM COALESCE(p.finished_at, CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp()
                                                                    ELSE clock_timestamp() END) - p.started_at) AS seconds
          FROM (
            SELECT i.id, i.operator, i.file_name, i.mode, i.state, i.message, i.file_bytes, NULL::bigint AS bytes_read,
                   i.records, i.submitted_at, i.started_at, i.finished_at,
                   i.created, i.updated, i.unchanged, i.skipped, i.rejected, i.deleted,
                   i.created + i.updated + i.unchanged + i.skipped + i.rejected + i.deleted AS records_done,
                   false AS waits, NULL::integer AS session_pid
              FROM customer_import.imports AS i
             WHERE i.finished_at IS NOT NULL
             UNION ALL
            SELECT i.id, i.operator, i.file_name, i.mode, CASE WHEN r.is_restored THEN 'held' ELSE i.state END,
                   CASE WHEN r.is_restored
                        THEN format('Import %s is held: it was restored from another database. When that is out of use, '
                                    'a superuser has it resume with SELECT customer_import.release_restored().', i.id)
                        WHEN NOT s.is_background OR i.state = 'held' THEN i.message
                        WHEN pg_is_in_recovery()
                        THEN format('Import %s is %s on the primary server, as of %s. This is a standby, which works on no import.', i.id,
                                    CASE WHEN i.state = 'checking' THEN 'being checked' ELSE i.state END,
                                    COALESCE(to_char(pg_last_xact_replay_timestamp(), 'HH24:MI:SS'), 'the backup that it was made from'))
                        WHEN r.stop_state IS NOT NULL
                        THEN format('Import %s is about to end as %s: %s.', i.id, r.stop_state, CASE
                                    WHEN w.waiting IS NOT NULL THEN format('its batch has waited %s', w.waiting)
                                    WHEN w.workers > 0 THEN 'when its batch has ended'
                                    ELSE 'when the supervisor looks at it' END)
                        WHEN w.waiting IS NOT NULL THEN format('Import %s has waited %s.', i.id, w.waiting)
                        WHEN (s.next_attempt_at > clock_timestamp() OR s.next_attempt_at IS NOT NULL AND w.workers = 0)
                             AND (w.looked_after OR s.wait_sqlstate <> '57P01')
                        THEN format('Import %s waits: %s%s. %s', i.id, s.wait_reason,
                                    CASE WHEN s.wait_sqlstate = '55P03' THEN ', by ' || s.blocked_by END, CASE WHEN w.looked_after
                                    THEN format('It is tried again at %s.', to_char(s.next_attempt_at, 'HH24:MI:SS'))
                                    ELSE format('As role %s, CALL customer_import.run_imports() tries it again.', i.database_role) END)
                        WHEN w.workers > 0
                        THEN CASE WHEN i.state = 'running' AND w.workers > 1 THEN format('Import %s is running, with %s workers.', i.id, w.workers)
                                  WHEN i.state = 'running' THEN format('Import %s is running.', i.id)
                                  WHEN i.state = 'checking' AND r.bytes_read > 0 AND i.file_bytes > 0
                                  THEN format('Import %s is being checked: %s of %s.', i.id, pg_size_pretty(r.bytes_read), pg_size_pretty(i.file_bytes))
                                  WHEN i.state = 'checking' THEN format('Import %s is being checked.', i.id)
                                  ELSE format('Import %s is about to be checked.', i.id) END
                        WHEN (NOT w.looked_after OR i.submitted_at < clock_timestamp() - interval '2 seconds')
                             AND customer_import._free_worker_slots() = 0
                        THEN format('Import %s waits: no background worker slot is free (max_worker_processes is %s). '
                                    'As role %s, CALL customer_import.run_imports() runs it in your session.', i.id,
                                    current_setting('max_worker_processes'), i.database_role)
                        WHEN NOT w.looked_after
                        THEN format('Import %s waits for a worker. To look here starts one, but not in a READ ONLY transaction; '
                                    'as role %s, CALL customer_import.run_imports() runs it in your session.', i.id, i.database_role)
                        WHEN s.wait_reason IS NOT NULL
                        THEN format('Import %s waits: %s. As role %s, CALL customer_import.run_imports() runs it in your session.', i.id,
                                    s.wait_reason, i.database_role)
                        WHEN i.submitted_at < clock_timestamp() - interval '2 seconds'
                        THEN format('Import %s waits for its turn, or for a free slot of a background worker; '
                                    'as role %s, CALL customer_import.run_imports() runs it in your session.', i.id, i.database_role)
                        ELSE i.message END,
                   i.file_bytes, r.bytes_read, i.records, i.submitted_at, i.started_at, NULL,
                   i.created + s.created, i.updated + s.updated, i.unchanged + s.unchanged, i.skipped + s.skipped,
                   i.rejected + s.rejected, i.deleted + s.deleted,
                   i.created + i.updated + i.unchanged + i.skipped + i.rejected + i.deleted
                   + s.created + s.updated + s.unchanged + s.skipped + s.rejected + s.deleted,
                   w.workers = 0 OR w.waiting IS NOT NULL OR COALESCE(s.next_attempt_at > clock_timestamp(), false), NULL
              FROM customer_import.imports AS i
             CROSS JOIN LATERAL (
                       SELECT count(*) > 0 AS is_background,
                              COALESCE(sum(p.created), 0)::bigint AS created, COALESCE(sum(p.updated), 0)::bigint AS updated,
                              COALESCE(sum(p.unchanged), 0)::bigint AS unchanged, COALESCE(sum(p.skipped), 0)::bigint AS skipped,
                              COALESCE(sum(p.rejected), 0)::bigint AS rejected, COALESCE(sum(p.deleted), 0)::bigint AS deleted,
                              -- Of the slice that is tried next.
                              min(p.next_attempt_at) AS next_attempt_at,
                              (array_agg(p.wait_reason ORDER BY p.next_attempt_at, p.slice) FILTER (WHERE p.wait_reason IS NOT NULL))[1] AS wait_reason,
                              (array_agg(p.wait_sqlstate ORDER BY p.next_attempt_at, p.slice) FILTER (WHERE p.wait_reason IS NOT NULL))[1] AS wait_sqlstate,
                              (array_agg(CASE WHEN customer_import._remaining_blockers(p.awaited_lock, p.blocker_pids) <> '{}' THEN p.blocked_by END
                                         ORDER BY p.next_attempt_at, p.slice) FILTER (WHERE p.wait_reason IS NOT NULL))[1] AS blocked_by
                         FROM customer_import._import_slices AS p
                        WHERE p.import_id = i.id) AS s
             CROSS JOIN LATERAL (
                       SELECT count(*) FILTER (WHERE k.is_slice) AS workers, min(k.waiting) AS waiting,
                              COALESCE(bool_or(NOT k.is_slice), false) AS looked_after
                         FROM (SELECT b.is_slice, CASE WHEN b.is_slice THEN customer_import._waits(l.pid) END AS waiting
                                 FROM pg_locks AS l
                                CROSS JOIN LATERAL (
                                          SELECT l.classid = 'customer_import._import_slices'::regclass
                                                 AND l.objid::bigint = i.id & 4294967295 AS is_slice) AS b
                                WHERE s.is_background AND l.locktype = 'object' AND l.granted AND l.mode = 'ExclusiveLock'
                                  AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                                  AND (b.is_slice OR l.classid = 'customer_import._background_imports'::regclass AND l.objid = 0)) AS k) AS w
             CROSS JOIN LATERAL (
                       SELECT COALESCE(q.is_restored AND i.state <> 'held', false) AS is_restored, q.stop_state, q.bytes_read
                         FROM customer_import._open_import(CASE WHEN s.is_background THEN i.id END) AS q) AS r
             WHERE i.finished_at IS NULL
             UNION ALL
            SELECT r.import_id, NULL, NULL, NULL, CASE WHEN r.is_check THEN 'checking' ELSE 'running' END,
                   format('%s imports in session %s.', COALESCE(r.role_name, 'A role that has been dropped'), r.pid)
                   || COALESCE(' It has waited ' || w.waiting || '.', ''),
                   NULL, CASE WHEN r.is_check THEN r.bytes_done END, r.records, NULL, r.started_at, NULL,
                   NULL, NULL, NULL, NULL, NULL, NULL, r.records_done, w.waiting IS NOT NULL, r.pid
              FROM customer_import._running_imports() AS r
             CROSS JOIN LATERAL (SELECT customer_import._waits(r.pid) AS waiting) AS w
             WHERE NOT r.is_background AND NOT EXISTS (SELECT FROM customer_import.imports AS i WHERE i.id = r.import_id)) AS p) AS c;
COMMENT ON VIEW customer_import.import_status IS
    'Each import, and how far it is: also those that other sessions run in the foreground at this moment.';
COMMENT ON COLUMN customer_import.import_status.id IS 'The number of the import.';
COMMENT ON COLUMN customer_import.import_status.operator IS
    'Who imports; NULL for an import of another session that is not committed.';
COMMENT ON COLUMN customer_import.import_status.file_name IS 'What the call named the file.';
COMMENT ON COLUMN customer_import.import_status.mode IS 'What was asked for.';
COMMENT ON COLUMN customer_import.import_status.state IS
    'queued, checking, running, completed, failed, denied, canceled, undone or held.';
COMMENT ON COLUMN customer_import.import_status.message IS 'The state for people: what it waits for, and what to do.';
COMMENT ON COLUMN customer_import.import_status.bar IS 'How much of it is done.';
COMMENT ON COLUMN customer_import.import_status.file_bytes IS 'The size of the file; NULL where there is none, or it is not known.';
COMMENT ON COLUMN customer_import.import_status.bytes_read IS 'How much of it has been checked; NULL unless it is being checked.';
COMMENT ON COLUMN customer_import.import_status.records IS 'Records of the file, as far as they are counted.';
COMMENT ON COLUMN customer_import.import_status.records_done IS 'Records that have an outcome.';
COMMENT ON COLUMN customer_import.import_status.records_per_second IS 'Records done per second since it began.';
COMMENT ON COLUMN customer_import.import_status.time_left IS 'How long it will take at that rate; NULL when that is not known, or it waits.';
COMMENT ON COLUMN customer_import.import_status.created IS 'Customers created so far.';
COMMENT ON COLUMN customer_import.import_status.updated IS 'Records so far that changed an existing customer.';
COMMENT ON COLUMN customer_import.import_status.unchanged IS 'Records so far whose customer had everything already.';
COMMENT ON COLUMN customer_import.import_status.skipped IS 'Records so far that the mode passed over.';
COMMENT ON COLUMN customer_import.import_status.rejected IS 'Records so far with a fault.';
COMMENT ON COLUMN customer_import.import_status.deleted IS 'Customers that an undo deleted so far.';
COMMENT ON COLUMN customer_import.import_status.submitted_at IS 'When import_customers() was called.';
COMMENT ON COLUMN customer_import.import_status.started_at IS 'When the import began.';
COMMENT ON COLUMN customer_import.import_status.finished_at IS 'When it ended; NULL: it has not.';
COMMENT ON COLUMN customer_import.import_status.session_pid IS
    'The process of the session that runs it in the foreground at this moment; NULL for all others.';
