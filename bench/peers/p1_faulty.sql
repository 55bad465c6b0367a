-- P1, the file of E. COPY stops at the first record with a wrong number of fields, so the
-- lines are staged whole and split here: wrong for quoted line breaks, quotes inside cells and
-- quoted user names, which the file of E does not have (the engine reads them all). A regular
-- expression over the line was slower than these string functions.
\i :peers/parts/p1_session.sql
\echo @step copy
CREATE TEMP TABLE raw_line (
    line bigint GENERATED ALWAYS AS IDENTITY (START 2 CACHE 1000),
    text text COLLATE "C"
);
\set copy_file '\\copy raw_line (text) FROM ' :'file' ' (FORMAT csv, HEADER, DELIMITER E''\\x01'', QUOTE E''\\x02'')'
:copy_file

\echo @step split
CREATE TEMP TABLE stage AS
SELECT line, split_part(text, ',', 1) AS user_name, btrim(cell, '"') AS add_roles,
    CASE
        WHEN cell LIKE '"%' THEN strpos(substr(cell, 2), '"') = length(cell) - 1
        ELSE cell <> text AND strpos(cell, ',') = 0
    END AND split_part(text, ',', 1) NOT LIKE '%"%' AS two_fields
FROM (
    SELECT line, text, substr(text, strpos(text, ',') + 1) AS cell
    FROM raw_line
    OFFSET 0
) AS cut;
INSERT INTO public.import_rejects
SELECT line, 'wrong_field_count'
FROM stage
WHERE NOT two_fields;
DELETE FROM stage
WHERE NOT two_fields;
\i :peers/parts/p1_check.sql
\i :peers/parts/p1_apply_update.sql
