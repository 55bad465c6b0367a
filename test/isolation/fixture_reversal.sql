-- What the specs of undo and retry add to the other fixtures.

-- The one line of an undo or a retry that specs look at.
CREATE TYPE reversal AS (
    import_id bigint, state text, created bigint, updated bigint, unchanged bigint, skipped bigint, rejected bigint, deleted bigint
);
CREATE FUNCTION undo(id bigint, background boolean DEFAULT false) RETURNS SETOF reversal LANGUAGE sql AS $$
    SELECT import_id, state, created, updated, unchanged, skipped, rejected, deleted FROM customer_import.undo_import(id, background)
$$;
CREATE FUNCTION retry(id bigint, background boolean DEFAULT false) RETURNS SETOF reversal LANGUAGE sql AS $$
    SELECT import_id, state, created, updated, unchanged, skipped, rejected, deleted FROM customer_import.retry_rejects(id, background)
$$;

-- What is there afterwards.
CREATE VIEW reversals AS
    SELECT id, operator, mode, state, source_import_id AS source, undo_import_id AS undone_by, created, updated, skipped, rejected, deleted,
           created + updated + unchanged + skipped + rejected + deleted + unprocessed = records AS adds_up
      FROM customer_import.imports ORDER BY id;
CREATE VIEW retried AS
    SELECT import_id, line, outcome, code, column_name, value, retried_by, amended_by
      FROM customer_import.import_issues ORDER BY import_id, line, issue_number;
