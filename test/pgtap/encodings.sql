-- Files in any encoding: what is kept of a record are the bytes that it came as, and a file that is another one than its
-- user takes it for is refused with the cure.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(129);

CREATE ROLE regress_encodings_ann;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer,approver}');
    PERFORM customer_import.add_operator('regress_encodings_ann', roles => '{customerView,customerEdit,importView,importEdit}');
END
$$;
-- What a refused or accepted file gives
CREATE FUNCTION pg_temp.import(file bytea, encoding text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    why text;
    cure text;
BEGIN
    RETURN (SELECT i.message FROM customer_import.import_customers(file, 'Create & Update', encoding => import.encoding) AS i);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS cure = PG_EXCEPTION_HINT, why = MESSAGE_TEXT;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || why, nullif(cure, ''));
END
$$;
-- The same, and what there is afterwards
CREATE FUNCTION pg_temp.import(file bytea, encoding text, look text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text := pg_temp.import(file, encoding);
    seen text;
BEGIN
    EXECUTE look INTO seen;
    RETURN concat_ws('; ', answer, seen);
END
$$;
CREATE FUNCTION pg_temp.last() RETURNS bigint LANGUAGE sql AS 'SELECT max(id) FROM customer_import.imports';

--
-- The bytes of a record, exhaustively: every lead byte with every byte that can follow it, valid or not, in a record of its own
--
CREATE FUNCTION pg_temp.codes(lead integer) RETURNS bytea LANGUAGE sql AS $$
    SELECT string_agg(set_byte(set_byte('\x0000'::bytea, 0, lead), 1, trail), '\x20' ORDER BY trail) FROM generate_series(48, 255) AS trail
$$;
CREATE TEMPORARY TABLE double_bytes (line bigint, record bytea);
INSERT INTO double_bytes SELECT lead - 126, convert_to(format('k%s,nonsense,', lead), 'UTF8') || pg_temp.codes(lead) FROM generate_series(128, 255) AS lead;
CREATE FUNCTION pg_temp.file(records text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    file bytea;
BEGIN
    EXECUTE format($q$SELECT 'userName,addRoles,company'::bytea || '\x0a' || string_agg(record || '\x0a', '' ORDER BY line) FROM %s$q$, records) INTO file;
    RETURN file;
END
$$;
-- How many records are not kept as they came, in an import and in the retry of it, and in the file of both
CREATE FUNCTION pg_temp.changed(records text, encoding text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    import_id bigint;
    retry_id bigint;
    found text;
BEGIN
    SELECT i.import_id INTO import_id FROM customer_import.import_customers(pg_temp.file(records), 'Create & Update', encoding => changed.encoding) AS i;
    SELECT r.import_id INTO retry_id FROM customer_import.retry_rejects(import_id) AS r;
    EXECUTE format($q$
        SELECT concat_ws(', ', count(*), count(*) FILTER (WHERE a.record = r.record), count(*) FILTER (WHERE b.record = r.record),
                         count(*) FILTER (WHERE position(r.record || convert_to(',' || r.line || ',', 'UTF8') IN c.file) > 0))
          FROM %1$s AS r
          LEFT JOIN customer_import.import_issues AS a ON a.import_id = $1 AND a.line = r.line AND a.issue_number = 1
          LEFT JOIN customer_import.import_issues AS b ON b.import_id = $2 AND b.line = r.line AND b.issue_number = 1
         CROSS JOIN customer_import.rejected_csv_bytes($2) AS c (file)$q$, records) INTO found USING import_id, retry_id;
    RETURN found;
END
$$;
SELECT is(pg_temp.changed('pg_temp.double_bytes', encoding), '128, 128, 128, 128', format('all codes of two bytes in %s are kept as they came', encoding))
  FROM unnest('{SJIS,SHIFT_JIS_2004,EUC_JP,EUC_JIS_2004,EUC_KR,EUC_CN,EUC_TW,BIG5,GBK,UHC,JOHAB,GB18030}'::text[]) AS encoding;

-- Those that are valid alone, by the lead bytes that have any: they pass the check, and are rejected by the table later
CREATE FUNCTION pg_temp.is_text(bytes bytea, encoding text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN convert_from(bytes, encoding) <> U&'\FFFD';  -- what would be written is damaged text
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END
$$;
CREATE TEMPORARY TABLE valid_codes AS
SELECT e.encoding, row_number() OVER (PARTITION BY e.encoding ORDER BY lead) + 1 AS line,
       convert_to(format('v%s,buyer,', lead), 'UTF8') || string_agg(code, '\x20' ORDER BY trail) AS record
  FROM unnest('{SJIS,SHIFT_JIS_2004,EUC_JP,BIG5}'::text[]) AS e (encoding), generate_series(128, 255) AS lead, generate_series(64, 255) AS trail,
       LATERAL (SELECT set_byte(set_byte('\x0000'::bytea, 0, lead), 1, trail)) AS c (code)
 WHERE pg_temp.is_text(code, e.encoding) GROUP BY e.encoding, lead;
DO $$ BEGIN ALTER TABLE public.customers ADD CONSTRAINT no_company CHECK (company IS NULL); END $$;
CREATE TEMPORARY TABLE valid_in_one (line bigint, record bytea);
CREATE FUNCTION pg_temp.changed_valid(encoding text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    DELETE FROM pg_temp.valid_in_one;
    INSERT INTO pg_temp.valid_in_one SELECT v.line, v.record FROM pg_temp.valid_codes AS v WHERE v.encoding = changed_valid.encoding;
    found := pg_temp.changed('pg_temp.valid_in_one', changed_valid.encoding);
    RETURN (SELECT CASE WHEN found = format('%1$s, %1$s, %1$s, %1$s', count(*)) AND count(*) > 40 THEN string_agg(DISTINCT i.code, ',') ELSE found END
              FROM pg_temp.valid_in_one AS v LEFT JOIN customer_import.import_issues AS i ON i.import_id = pg_temp.last() AND i.line = v.line);
END
$$;
SELECT is(pg_temp.changed_valid(encoding), 'database_error', format('the valid codes of %s are kept as they came when the table rejects them', encoding))
  FROM unnest('{SJIS,SHIFT_JIS_2004,EUC_JP,BIG5}'::text[]) AS encoding;
DO $$ BEGIN ALTER TABLE public.customers DROP CONSTRAINT no_company; END $$;

-- Codes of three bytes
CREATE TEMPORARY TABLE triple_bytes AS
SELECT second - 159 AS line, convert_to(format('k%s,nonsense,', second), 'UTF8')
       || (SELECT string_agg('\x8f'::bytea || set_byte(set_byte('\x0000'::bytea, 0, second), 1, third), '\x20' ORDER BY third) FROM generate_series(161, 254) AS third) AS record
  FROM generate_series(161, 254) AS second;
SELECT is(pg_temp.changed('pg_temp.triple_bytes', encoding), '94, 94, 94, 94', format('all codes of three bytes in %s', encoding))
  FROM unnest('{EUC_JP,EUC_JIS_2004}'::text[]) AS encoding;

-- Two characters that have a code together, as two codes; a character at each place of a chunk; a header
CREATE TEMPORARY TABLE combined AS
SELECT 2::bigint AS line, convert_to(U&'\02E9', 'SHIFT_JIS_2004') || convert_to(U&'\02E5', 'SHIFT_JIS_2004') AS pair, 'k,nonsense,'::bytea AS record;
UPDATE pg_temp.combined SET record = record || pair;
SELECT isnt((SELECT convert_to(convert_from(pair, 'SHIFT_JIS_2004'), 'SHIFT_JIS_2004') FROM pg_temp.combined), (SELECT pair FROM pg_temp.combined), 'the server makes one code of two');
SELECT is(pg_temp.changed('pg_temp.combined', 'SHIFT_JIS_2004'), '1, 1, 1, 1', '… they are kept as two');
CREATE TEMPORARY TABLE places AS
SELECT line + 1 AS line, convert_to('k' || line || ',nonsense,' || repeat('x', (4090 + line)::integer), 'UTF8') || '\x8790879081e0' AS record FROM generate_series(1, 40) AS line;
SELECT is(pg_temp.changed('pg_temp.places', 'SJIS'), '40, 40, 40, 40', 'wherever they are in a file');
SELECT pg_temp.import('userName,_'::bytea || '\x87902c' || 'addRoles'::bytea || '\x0a' || 'a,,nonsense'::bytea || '\x0a', 'SJIS');
SELECT is((SELECT header FROM customer_import.imports WHERE id = pg_temp.last()), 'userName,_'::bytea || '\x87902c' || 'addRoles'::bytea, 'a header');

-- Encodings of one byte: all of them
CREATE TEMPORARY TABLE single_bytes AS
SELECT byte - 126 AS line, convert_to(format('k%s,nonsense,', byte), 'UTF8') || set_byte('\x00'::bytea, 0, byte) || '\x20ff'::bytea AS record FROM generate_series(128, 255) AS byte;
SELECT is(pg_temp.changed('pg_temp.single_bytes', encoding), '128, 128, 128, 128', format('all bytes in %s', encoding))
  FROM unnest('{UTF8,LATIN1,LATIN2,LATIN3,LATIN4,LATIN5,LATIN6,LATIN7,LATIN8,LATIN9,LATIN10,WIN1250,WIN1251,WIN1252,WIN1253,WIN1254,WIN1255,WIN1256,WIN1257,WIN1258,
                WIN866,WIN874,KOI8R,KOI8U,ISO_8859_5,ISO_8859_6,ISO_8859_7,ISO_8859_8,CP437,CP850,CP852,CP858,MACINTOSH}'::text[]) AS encoding;

--
-- Names of encodings
--
SELECT is(pg_temp.import('userName,lastName'::bytea || '\x0a' || 'k1,J'::bytea || byte || 'rgen'::bytea || '\x0a', name,
                         $$SELECT concat_ws('; ', i.encoding, c.last_name) FROM customer_import.imports AS i, public.customers AS c WHERE i.id = pg_temp.last() AND c.user_name = 'k1'$$),
          format('Import %1$s completed: 1 %2$s. %3$s', pg_temp.last(), CASE name WHEN 'ANSI' THEN 'created' ELSE 'unchanged' END,
                 CASE name WHEN 'ANSI' THEN format('See every change: SELECT * FROM customer_import.import_changes WHERE import_id = %s', pg_temp.last())
                           ELSE 'There is nothing to do.' END) || '; ' || known || '; Jürgen',
          format('the name %s', name))
  FROM (VALUES ('ANSI', '\xfc'::bytea, 'WIN1252'), ('windows-1252', '\xfc', 'WIN1252'), ('Windows 1252', '\xfc', 'WIN1252'), ('cp1252', '\xfc', 'WIN1252'),
               ('latin-1', '\xfc', 'LATIN1'), ('iso_8859-15', '\xfc', 'LATIN9'), ('CP850', '\x81', 'CP850'), ('ibm-850', '\x81', 'CP850'), ('cp437', '\x81', 'CP437'),
               ('macintosh', '\x9f', 'MACINTOSH'), ('Mac Roman', '\x9f', 'MACINTOSH'), ('utf8-sig', '\xc3bc', 'UTF8')) AS t (name, byte, known);
SELECT is(pg_temp.import('userName,lastName'::bytea || '\x0a' || 'k1,'::bytea || '\xff' || '\x0a', 'klingon'),
          '22023 invalid encoding name "klingon" | Leave the encoding out for a file in UTF-8. A CSV file of Excel is often in WIN1252.', 'no name');
CREATE FUNCTION pg_temp.detail(encoding text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM customer_import.import_customers('userName'::bytea, 'Create & Update', encoding => detail.encoding);
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END
$$;
SELECT matches(pg_temp.detail(name), '^The encodings are UTF8, UTF-16, .*, CP850, .*, MACINTOSH, .*, SJIS, .*, and those of the C library that contain ASCII\.$', format('what there is, for %s', name))
  FROM unnest('{klingon,"",SQL_ASCII,MULE_INTERNAL,UTF-7,ISO-2022-JP,IBM037,UTF-32,WCHAR_T,../CP775,CP775//IGNORE}'::text[]) AS name;
-- The C library has it or it has not: Debian keeps it in a package of its own
SELECT matches(pg_temp.import('userName,lastName'::bytea || '\x0a' || 'k1,J'::bytea || '\x81' || 'rgen'::bytea || '\x0a', 'cp775'),
               '^(Import \d+ completed: 1 (unchanged|updated)\.|22023 invalid encoding name "cp775")', 'an encoding of the C library');

--
-- UTF-16
--
CREATE FUNCTION pg_temp.utf16(content text, big boolean) RETURNS bytea LANGUAGE sql AS $$
    SELECT string_agg(CASE WHEN big THEN unit ELSE substr(unit, 2, 1) || substr(unit, 1, 1) END, '' ORDER BY place)
      FROM unnest(string_to_array(content, NULL)) WITH ORDINALITY AS c (letter, place), decode(lpad(to_hex(ascii(letter)), 4, '0'), 'hex') AS unit
$$;
SELECT is(pg_temp.import(mark || pg_temp.utf16(E'userName\tlastName\taddRoles\r\nk2\tMüller日\tbuyer\r\nk3\tRené\tbyer\r\n', big), encoding,
                         format($$SELECT concat_ws('; ', c.last_name, i.encoding, s.record = pg_temp.utf16(E'k3\tRené\tbyer', %L))
                                    FROM customer_import.imports AS i JOIN customer_import.import_issues AS s ON s.import_id = i.id, public.customers AS c
                                   WHERE i.id = pg_temp.last() AND c.user_name = 'k2'$$, big)),
          format('Import %1$s completed: 1 %2$s, 1 rejected. See why: SELECT * FROM customer_import.import_issues WHERE import_id = %1$s; Müller日; UTF-16%3$s; t',
                 pg_temp.last(), CASE WHEN mark = '\xfffe' AND encoding IS NULL THEN 'created' ELSE 'unchanged' END, CASE WHEN big THEN 'BE' ELSE 'LE' END),
          format('UTF-16, big endian: %s, mark: %s, encoding: %s', big, mark, encoding))
  FROM (VALUES ('\xfffe'::bytea, false, NULL), ('\xfeff', true, NULL), ('\xfffe', false, 'UTF8'), ('\xfeff', true, 'utf-16'), ('', false, 'UTF-16'),
               ('', true, 'UTF-16'), ('', true, 'UTF-16BE'), ('\xfffe', false, 'UTF-16LE')) AS t (mark, big, encoding);
SELECT is(customer_import.rejected_csv_bytes(pg_temp.last()), '\xfffe' || pg_temp.utf16(
          E'userName\tlastName\taddRoles\t_line\t_error\nk3\tRené\tbyer\t3\t"role code ""byer"" is not in the catalog"\n', false), 'the file of the rejected records');
SELECT is((SELECT rejected || ' ' || substr(message, 1, 30) FROM customer_import.import_customers(customer_import.rejected_csv_bytes(pg_temp.last()), 'Create & Update')),
          format('1 Import %s completed: 1 reject', pg_temp.last()), '… can be imported');
SELECT lives_ok(format($$SELECT customer_import.amend_record(%s, 2, E'k3\tRené\tbuyer\t3\tx')$$, pg_temp.last()), 'its record is amended');
SELECT is((SELECT created FROM customer_import.retry_rejects(pg_temp.last())), 1::bigint, '… and retried');
SELECT is(pg_temp.import('\xfffe'::bytea || pg_temp.utf16(E'userName,lastName\nk4,', false) || bytes || pg_temp.utf16(E',\nk5,x\n', false), NULL),
          format('Import %1$s completed: 1 %2$s, 1 rejected. See why: SELECT * FROM customer_import.import_issues WHERE import_id = %1$s', pg_temp.last(),
                 CASE bytes WHEN '\x00d8' THEN 'created' ELSE 'unchanged' END), format('the surrogate %s alone', bytes))
  FROM unnest('{"\\x00d8","\\x00dc","\\x00dc00d8"}'::bytea[]) AS bytes;
SELECT is((SELECT record || convert_to(message, 'UTF8') FROM customer_import.import_issues WHERE import_id = pg_temp.last()),
          pg_temp.utf16('k4,', false) || '\x00dc00d8' || pg_temp.utf16(',', false) || 'invalid byte sequence in UTF-16LE text: 0x00 0xdc'::bytea, '… is kept');
SELECT is(pg_temp.import('\xfffe'::bytea || pg_temp.utf16(E'userName,lastName\nk4,x\n', false) || 'x', NULL),
          '22P04 the file ends in the middle of a character | It was cut off or changed on its way here: get it anew.', 'an odd byte');

--
-- Files that are not what they are taken for
--
CREATE TEMPORARY TABLE taken_for (encoding text, file bytea, answer text);
INSERT INTO taken_for
SELECT encoding, '\xefbbbf'::bytea || convert_to(E'userName,lastName\nk6,x\n', 'UTF8'), format('22P04 the file is UTF-8, not %s | Leave the option "encoding" out.', encoding)
  FROM unnest('{WIN1252,LATIN1,SJIS,CP850,UTF-16}'::text[]) AS encoding
UNION ALL
SELECT encoding, convert_to(E'userName,lastName\nk6,' || text, 'UTF8'), format('22P04 the file is UTF-8, not %s | Leave the option "encoding" out.', encoding)
  FROM unnest('{WIN1252,LATIN1,KOI8R,MACINTOSH}'::text[]) AS encoding, unnest(ARRAY['Müller', repeat('x', 200000) || '€']) AS text
UNION ALL VALUES
    ('GBK', convert_to(E'userName,lastName\nk6,' || repeat('é,', 8), 'UTF8'), '22P04 the file is UTF-8, not GBK | Leave the option "encoding" out.'),
    ('WIN1252', '\xfffe'::bytea || pg_temp.utf16(E'userName\nk6\n', false), '22P04 the file is UTF-16LE, not WIN1252 | Leave the option "encoding" out.'),
    ('UTF-16LE', '\xfeff'::bytea || pg_temp.utf16(E'userName\nk6\n', true), '22P04 the file is UTF-16BE, not UTF-16LE | Leave the option "encoding" out.'),
    ('UTF-16LE', E'userName,lastName\nk6,x\n'::bytea, '22P04 the file is not UTF-16LE | Leave the option "encoding" out.'),
    (NULL, pg_temp.utf16(E'userName,lastName\nk6,x\n', false), '22P04 the file seems to be encoded in UTF-16 | Save it as CSV UTF-8, or import it with encoding => ''UTF-16''.'),
    (NULL, '\x504b0304', '22P04 the file is a ZIP archive | Unpack it, and import the CSV file that is in it.'),
    (NULL, '\x504b0304140006000800', '22P04 the file is an Excel workbook (xlsx) | Save it as CSV UTF-8.'),
    ('WIN1252', '\xd0cf11e0a1b11ae1', '22P04 the file is an Excel workbook (xls) | Save it as CSV UTF-8.'),
    ('UTF-16', '\xfffe'::bytea || pg_temp.utf16('<html>', false), '22P04 the file is an HTML page | Save it as CSV UTF-8.');
SELECT is(pg_temp.import(file, encoding), answer, format('%s taken for %s', left(answer, 40), COALESCE(encoding, 'CSV'))) FROM taken_for;
SELECT throws_ok($$SELECT customer_import.import_customers('<table><tr><td>userName'::text, 'Create Only')$$, '22P04', 'the file is an HTML page', 'as text, too');
SELECT ok(pg_temp.import(convert_to(E'userName,lastName\nk6,é\n', 'UTF8'), 'GBK') LIKE 'Import%', 'two bytes may be a character of an encoding of two bytes');
SELECT ok(pg_temp.import('userName,lastName'::bytea || '\x0a' || 'k6,M'::bytea || '\xc3bc' || 'ller '::bytea || '\xfc0a', 'WIN1252') LIKE 'Import%', 'one letter that is no UTF-8 is enough');

--
-- A file in another encoding that is read as UTF-8
--
SELECT pg_temp.import('userName,lastName'::bytea || '\x0a' || 'k7,x'::bytea || '\x0a' || 'k8,M'::bytea || '\xfc' || 'ller'::bytea || '\x0a' || 'k9,a'::bytea || '\x00' || '\x0a', NULL);
SELECT is((SELECT concat_ws('; ', message, array_to_string(warnings, ',')) FROM customer_import.imports WHERE id = pg_temp.last()),
          format('Import %1$s completed: 1 created, 2 rejected. The file looks like WIN1252 (Excel): import it with encoding => ''WIN1252''. '
                 'See why: SELECT * FROM customer_import.import_issues WHERE import_id = %1$s; the file looks like WIN1252 (Excel): import it with encoding => ''WIN1252''',
                 pg_temp.last()), 'the message, and a warning');
SELECT is((SELECT string_agg(hint, '; ' ORDER BY line) FROM customer_import.import_issues WHERE import_id = pg_temp.last() AND message LIKE 'invalid byte%'),
          'The file looks like WIN1252 (Excel): import it with encoding => ''WIN1252''.', 'the hint of the records');
SELECT ok(hint IS NULL OR hint NOT LIKE '%WIN1252%', '… but not of a NUL') FROM customer_import.import_issues WHERE import_id = pg_temp.last() AND message LIKE '%NUL%';
SELECT is((SELECT message FROM customer_import.import_customers('userName,lastName'::bytea || '\x0a' || 'k8,M'::bytea || '\xfc' || 'ller'::bytea, 'Create Only', reject_limit => 0)),
          format('Import %1$s failed: the reject limit of 0 was passed. Nothing was applied. The file looks like WIN1252 (Excel): import it with encoding => ''WIN1252''. '
                 'See why: SELECT * FROM customer_import.import_issues WHERE import_id = %1$s', pg_temp.last()), 'an import that fails');
SELECT is((SELECT message FROM customer_import.import_customers('userName,lastName'::bytea || '\x0a' || 'k8,M'::bytea || '\xfc' || 'ller'::bytea, 'Create Only', dry_run => true)),
          'Dry run: 1 rejected. Nothing was changed. The file looks like WIN1252 (Excel): import it with encoding => ''WIN1252''. '
          'See why, record by record: customer_import.preview_import().', 'a dry run');
SELECT is((SELECT string_agg(message, '; ') FROM customer_import.preview_import('userName,lastName'::bytea || '\x0a' || 'k8,M'::bytea || '\xfc' || 'ller'::bytea, 'Create Only')),
          'invalid byte sequence in UTF-8 text: 0xfc. The file looks like WIN1252 (Excel): import it with encoding => ''WIN1252''.', 'a preview');
SELECT is((SELECT warnings FROM customer_import.import_customers(convert_to(E'userName,lastName\nk8,Müller\n', 'UTF8') || 'k9,M'::bytea || '\xfc' || 'ller'::bytea, 'Create Only')),
          '{}', 'nothing of a record among others that are UTF-8');
SELECT finish();
ROLLBACK;
