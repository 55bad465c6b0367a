-- What users ask after an import. What reads tables with policies is for the leader of a parallel plan alone: its
-- workers do not know of act_as().

-- Functions in SQL are called with NULL as those in C are.
CREATE FUNCTION customer_import._visible_import(import_id bigint) RETURNS bigint
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_visible_import';
COMMENT ON FUNCTION customer_import._visible_import(bigint) IS 'Its argument, which is an import that the caller sees.';

CREATE FUNCTION customer_import._may_reverse(import_id bigint) RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_reverse';
COMMENT ON FUNCTION customer_import._may_reverse(bigint) IS
    'Whether the caller may undo and retry the import, and it went into today''s customers table.';

CREATE FUNCTION customer_import._may_resume(import_id bigint) RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_resume';
COMMENT ON FUNCTION customer_import._may_resume(bigint) IS
    'Whether the caller may resume the import, and that would neither be refused nor end in the same way.';

CREATE FUNCTION customer_import.import_report(import_id bigint) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT jsonb_build_object(
               'import_id', i.id,
               'file_name', i.file_name,
               'file_bytes', i.file_bytes,
               'mode', i.mode,
               'operator', i.operator,
               'state', i.state,
               'message', i.message,
               'submitted_at', i.submitted_at,
               'started_at', i.started_at,
               'finished_at', i.finished_at,
               'source_import_id', i.source_import_id,
               'undo_import_id', i.undo_import_id,
               -- What to call; NULL where it would be refused or had nothing to do.
               'undo', CASE WHEN i.created + i.updated + i.deleted > 0 AND o.is_open AND o.may_reverse
                             AND (i.state <> 'undone' OR i.undone_in_part)
                            THEN format('SELECT * FROM customer_import.undo_import(%s);', i.id) END,
               'retry', CASE WHEN i.rejected > 0 AND o.is_open AND o.may_reverse AND i.state <> 'undone' AND i.mode <> 'undo' AND EXISTS (
                                     SELECT FROM customer_import.import_issues AS s
                                      WHERE s.import_id = i.id AND s.issue_number = 1 AND s.outcome = 'rejected'
                                        AND s.record IS NOT NULL AND s.retried_by IS NULL)
                             THEN format('SELECT * FROM customer_import.retry_rejects(%s);', i.id) END,
               'resume', CASE WHEN i.state IN ('failed', 'denied', 'canceled') AND customer_import._may_resume(i.id)
                              THEN format('SELECT customer_import.resume_import(%s);', i.id) END,
               'counts', jsonb_build_object(
                   'records', i.records, 'created', i.created, 'updated', i.updated, 'unchanged', i.unchanged,
                   'skipped', i.skipped, 'rejected', i.rejected, 'deleted', i.deleted, 'unprocessed', i.unprocessed),
               'warnings', to_jsonb(i.warnings),
               'issues', COALESCE((
                   SELECT jsonb_agg(jsonb_build_object(
                              'code', g.code, 'outcome', g.outcome, 'count', g.issues, 'first', g.first_issues)
                              ORDER BY g.outcome, g.issues DESC, g.code)
                     FROM (SELECT n.code, n.outcome, count(*) AS issues,
                                  jsonb_agg(jsonb_build_object(
                                      'line', n.line, 'column_name', n.column_name, 'value', n.value,
                                      'message', n.message, 'detail', n.detail, 'hint', n.hint,
                                      'sqlstate', n.sqlstate) ORDER BY n.line, n.issue_number)
                                      FILTER (WHERE n.position <= 20) AS first_issues
                             FROM (SELECT s.*, row_number() OVER (PARTITION BY s.code, s.outcome
                                                                 ORDER BY s.line, s.issue_number) AS position
                                     FROM customer_import.import_issues AS s
                                    WHERE s.import_id = i.id) AS n
                            GROUP BY n.code, n.outcome) AS g), '[]'),
               'unknown_codes', COALESCE((
                   SELECT jsonb_agg(jsonb_build_object(
                              'code', u.value, 'count', u.issues,
                              'suggestion', substring(u.hint FROM '^Did you mean "(.*)"\?$'))
                              ORDER BY u.issues DESC, u.value COLLATE "C")
                     FROM (SELECT s.value, s.hint, count(*) AS issues
                             FROM customer_import.import_issues AS s
                            WHERE s.import_id = i.id AND s.code = 'unknown_role'
                               AND s.value IS NOT NULL  -- the setting customer_import.retention takes it away
                            GROUP BY s.value, s.hint) AS u), '[]'))
      FROM customer_import.imports AS i
     CROSS JOIN LATERAL (
               SELECT i.finished_at IS NOT NULL AND i.emptied_at IS NULL
                      AND NOT EXISTS (SELECT FROM customer_import.imports AS r
                                       WHERE r.source_import_id = i.id AND r.finished_at IS NULL) AS is_open,
                      customer_import._may_reverse(i.id) AS may_reverse) AS o
     WHERE i.id = (SELECT customer_import._visible_import(import_report.import_id));
END;
COMMENT ON FUNCTION customer_import.import_report(bigint) IS
    'All about one import: counts, issues by code with the first 20 each, unknown role codes with suggestions, how to undo and retry it.';

CREATE FUNCTION customer_import.rejected_csv(import_id bigint) RETURNS text
    LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_rejected_csv';
COMMENT ON FUNCTION customer_import.rejected_csv(bigint) IS
    'The rejected records as a CSV to correct, also in a spreadsheet, and import again, with _line and _error; invalid bytes are U+FFFD.';

CREATE FUNCTION customer_import.rejected_csv_bytes(import_id bigint) RETURNS bytea
    LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_rejected_csv_bytes';
COMMENT ON FUNCTION customer_import.rejected_csv_bytes(bigint) IS
    'The rejected records as a CSV, byte for byte as they came, with _line and _error.';

CREATE FUNCTION customer_import.skipped_csv(import_id bigint) RETURNS text
    LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_skipped_csv';
COMMENT ON FUNCTION customer_import.skipped_csv(bigint) IS
    'The records that the mode passed over as a CSV to import in another mode, with _line and _error.';

-- A record that is a row keeps memory flat: the server moves rows that are not read yet to temporary files.
CREATE FUNCTION customer_import.rejected_lines(import_id bigint) RETURNS SETOF text
    LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_rejected_lines';
COMMENT ON FUNCTION customer_import.rejected_lines(bigint) IS
    'The same file as rejected_csv(), a row a record, the header first; of any size.';

CREATE FUNCTION customer_import.skipped_lines(import_id bigint) RETURNS SETOF text
    LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_skipped_lines';
COMMENT ON FUNCTION customer_import.skipped_lines(bigint) IS
    'The same file as skipped_csv(), a row a record, the header first; of any size.';

CREATE FUNCTION customer_import.import_template() RETURNS text
    LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_import_template';
COMMENT ON FUNCTION customer_import.import_template() IS
    'The header line of a CSV that import_customers() reads.';
