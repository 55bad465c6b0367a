#include "pg/background/waiting_imports.h"

#include "pg/server/settings.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

std::vector<WaitingImport> find_waiting() {
    std::vector<WaitingImport> waiting;
    OwnerScope owner;
    for (
        const Row& row : query_latest(
            // Short waits, for one another too, block nobody: the same half second as for import_status.
            "WITH n AS MATERIALIZED (SELECT l.pid, l.waitstart < clock_timestamp() - interval '0.5 seconds' AS is_blocked"
            "                          FROM pg_locks AS l WHERE NOT l.granted) "
            "SELECT i.id, j.role_oid, i.database_role, j.origin, j.stop_state IS NOT NULL, i.state <> 'queued',"
            "       s.due_slices, s.fences, s.claims, r.oid IS NOT NULL, COALESCE(r.rolcanlogin, false),"
            "       w.workers, w.is_locked_out, i.operator, i.state = 'running', i.file_bytes,"
            "       COALESCE(has_database_privilege(r.oid, d.oid, 'CONNECT'), false), d.datallowconn, s.long_wait[1],"
            "       $2 > 0 AND GREATEST(i.started_at, j.resumed_at) < clock_timestamp() - make_interval(secs => $2::double precision / 1000),"
            "       COALESCE(s.pause, 0), COALESCE(s.lacks_resources, false), w.waiting, w.blocked,"
            "       s.long_wait[2]"
            "  FROM customer_import.imports AS i"
            "  JOIN customer_import._background_imports AS j ON j.import_id = i.id"
            "  JOIN pg_database AS d ON d.datname = current_database()"
            "  LEFT JOIN pg_roles AS r ON r.oid = j.role_oid"
            " CROSS JOIN LATERAL ("
            "           SELECT count(*) FILTER (WHERE NOT p.ended AND (p.next_attempt_at IS NULL"
            "                                          OR p.next_attempt_at <= clock_timestamp())) AS due_slices,"
            "                  sum(p.fence + p.waits) AS fences, max(p.claims) FILTER (WHERE NOT p.ended) AS claims,"
            "                  min(ARRAY[p.wait_reason, p.wait_sqlstate]) FILTER (WHERE NOT p.ended AND $1 > 0 AND p.waiting_since <"
            "                      clock_timestamp() - make_interval(secs => $1::double precision)) AS long_wait,"
            "                  (extract(epoch FROM min(p.next_attempt_at) - clock_timestamp()) * 1000)::bigint AS pause,"
            "                  bool_or(starts_with(p.wait_sqlstate, '53')) AS lacks_resources"
            "             FROM customer_import._import_slices AS p WHERE p.import_id = i.id) AS s"
            " CROSS JOIN LATERAL ("
            "           SELECT count(*) FILTER (WHERE l.mode = 'ExclusiveLock') AS workers,"
            "                  count(n.pid) FILTER (WHERE l.mode = 'ExclusiveLock') AS waiting,"
            "                  count(*) FILTER (WHERE l.mode = 'ExclusiveLock' AND n.is_blocked) AS blocked,"
            "                  count(*) FILTER (WHERE l.mode <> 'ExclusiveLock') > 0 AS is_locked_out"
            "             FROM pg_locks AS l LEFT JOIN n ON n.pid = l.pid"
            "            WHERE l.locktype = 'object' AND l.granted AND l.objid::bigint = i.id & 4294967295"
            "              AND l.classid = 'customer_import._import_slices'::regclass"
            "              AND l.database = d.oid) AS w"
            " WHERE i.state IN ('queued', 'checking', 'running')"
            " ORDER BY i.state = 'queued', i.id",
            {parameter(std::int64_t{longest_wait}), parameter(std::int64_t{import_timeout})})) {
        WaitingImport& import = waiting.emplace_back();
        import.id = std::stoll(*row[0]);
        import.role = static_cast<Oid>(std::stoul(*row[1]));
        import.role_name = *row[2];
        import.origin = *row[3];
        import.stops = row[4] == "t";
        import.is_claimed = row[5] == "t";
        import.due_slices = std::stoi(*row[6]);
        import.fences = std::stoi(row[7].value_or("0"));
        import.claims = std::stoi(row[8].value_or("0"));
        import.role_exists = row[9] == "t";
        import.role_may_log_in = row[10] == "t";
        import.locked_slices = std::stoi(*row[11]);
        import.is_locked_out = row[12] == "t";
        import.operator_name = *row[13];
        import.is_checked = row[14] == "t";
        import.file_bytes = std::stoll(row[15].value_or("0"));
        import.role_may_connect = row[16] == "t";
        import.database_is_open = row[17] == "t";
        if (row[18]) {
            import.long_wait = Wait{*row[18], row[24].value_or("")};
        }
        import.is_too_late = row[19] == "t";
        import.pause = std::stoll(*row[20]);
        import.lacks_resources = row[21] == "t";
        import.waiting_slices = std::stoi(*row[22]);
        import.blocked_slices = std::stoi(*row[23]);
    }
    return waiting;
}

namespace {

// The workers that wait for a lock, each with its slice: w (pid, import_id, slice).
constexpr const char* kWaitingWorkers =
    "WITH w AS (SELECT l.pid, s.import_id, s.slice FROM pg_locks AS l"
    "             JOIN customer_import._import_slices AS s"
    "               ON l.objid::bigint = s.import_id & 4294967295 AND l.objsubid = s.slice AND NOT s.ended"
    "            WHERE l.locktype = 'object' AND l.granted AND l.mode = 'ExclusiveLock'"
    "              AND l.classid = 'customer_import._import_slices'::regclass"
    "              AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())"
    "              AND EXISTS (SELECT FROM pg_locks AS n WHERE n.pid = l.pid AND NOT n.granted)) ";

}  // namespace

void note_blockers() {
    OwnerScope owner;
    execute(
        std::string(kWaitingWorkers) +
        "UPDATE customer_import._import_slices AS s SET blocked_by = f.blockers, blocker_pids = f.pids, awaited_lock = f.lock FROM ("
        "       SELECT t.import_id, t.slice, b.blockers, b.pids, b.lock"
        "         FROM w CROSS JOIN LATERAL ("
        "                  SELECT customer_import._blockers(w.pid) AS blockers, pg_blocking_pids(w.pid) AS pids, to_jsonb(n) AS lock"
        "                    FROM pg_locks AS n WHERE n.pid = w.pid AND NOT n.granted LIMIT 1) AS b"
        "         JOIN customer_import._import_slices AS t USING (import_id, slice)"
        "        WHERE (t.blocked_by, t.awaited_lock) IS DISTINCT FROM (b.blockers, b.lock) AND b.blockers IS NOT NULL FOR UPDATE OF t SKIP LOCKED) AS f"
        " WHERE s.import_id = f.import_id AND s.slice = f.slice");
}

void end_pauses() {
    OwnerScope owner;
    execute(
        "UPDATE customer_import._import_slices AS s SET next_attempt_at = clock_timestamp(), blocked_by = NULL, blocker_pids = NULL,"
        "       awaited_lock = NULL FROM ("
        "       SELECT t.import_id, t.slice FROM customer_import.imports AS i JOIN customer_import._import_slices AS t ON t.import_id = i.id"
        "        WHERE i.finished_at IS NULL AND NOT t.ended AND t.wait_sqlstate = '55P03' AND t.next_attempt_at > clock_timestamp()"
        "          AND customer_import._remaining_blockers(t.awaited_lock, t.blocker_pids) = '{}' FOR UPDATE OF t SKIP LOCKED) AS f"
        " WHERE s.import_id = f.import_id AND s.slice = f.slice");
}

void end_waits() {
    OwnerScope owner;
    execute(std::string(kWaitingWorkers) +
            "SELECT pg_cancel_backend(w.pid) FROM w JOIN customer_import._background_imports AS j USING (import_id)"
            " WHERE j.stop_state IS NOT NULL");
}

}  // namespace customer_import::pg
