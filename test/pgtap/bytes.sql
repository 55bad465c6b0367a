-- Nothing that comes from bytes becomes text without the server's verification; a page of the change log that is not as it was
-- written is refused.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(88);

CREATE ROLE regress_bytes_ann;
CREATE ROLE regress_bytes_bob;
CREATE ROLE regress_bytes_eve;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer,approver}');
    PERFORM customer_import.add_operator('regress_bytes_ann', roles => '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_operator('regress_bytes_eve', roles => '{administrator}');
    PERFORM customer_import.add_operator('regress_bytes_bob', roles => '{customerView,customerEdit,importView,importEdit}');
END
$$;

-- Every text that is stored anywhere, verified by the server: the tables and columns that have one that is none
CREATE FUNCTION pg_temp.what_is_no_text() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    place record;
    found text := '';
BEGIN
    FOR place IN SELECT c.oid::regclass AS relation, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
                  WHERE c.relkind = 'r' AND (c.relnamespace = 'customer_import'::regnamespace OR c.oid = 'public.customers'::regclass)
                    AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid <> 'bytea'::regtype LOOP
        BEGIN
            EXECUTE format('SELECT count(convert_to(%I::text, ''UTF8'')) FROM %s', place.attname, place.relation);
        EXCEPTION WHEN character_not_in_repertoire THEN
            found := found || place.relation || '.' || place.attname || ' ';
        END;
    END LOOP;
    RETURN found;
END
$$;

--
-- Which roles may pass bytes
--
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid::regprocedure::text)
             FROM pg_proc AS p
            WHERE p.pronamespace = 'customer_import'::regnamespace AND 'bytea'::regtype = ANY (p.proargtypes::oid[])
              AND has_function_privilege('regress_bytes_ann', p.oid, 'EXECUTE')),
          'customer_import.append_upload(bigint,bytea,bigint), '
          'customer_import.import_customers(bytea,text,text,boolean,boolean,bigint,text,text,text,boolean,text,boolean,text,jsonb,text,numeric), '
          'customer_import.preview_import(bytea,text,bigint,text,text,text,boolean,text,jsonb,text,numeric)',
          'operators give bytes to functions that take a file alone');

--
-- Pages of the change log
--
CREATE FUNCTION pg_temp.as_text(bytes bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT set_byte('\x00'::bytea, 0, length(bytes)) || bytes
$$;
-- A page of one change: of a user name, a code that was added, a field, what was before and after.
CREATE FUNCTION pg_temp.page(user_name bytea, code bytea, field bytea, before bytea, after bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT '\x01010400'::bytea || pg_temp.as_text(user_name) || '\x0100' || pg_temp.as_text(code) || '\x000101' || pg_temp.as_text(field)
           || '\x03' || pg_temp.as_text(before) || pg_temp.as_text(after)
$$;
SET LOCAL SESSION AUTHORIZATION regress_bytes_ann;
SELECT import_id AS id FROM customer_import.import_customers(E'userName,addRoles,email\nann,buyer,a@b.c\n', 'Create Only')
\gset
SELECT import_id AS id FROM customer_import.import_customers(E'userName,addRoles,email\nann,approver,ann@b.c\n', 'Update Only')
\gset
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SELECT is((SELECT payload FROM customer_import._import_change_pages WHERE import_id = :id),
          pg_temp.page('ann', 'approver', 'email', 'a@b.c', 'ann@b.c'), 'such a page is as the extension writes it');

-- What each reader says of a page that is in the log
CREATE FUNCTION pg_temp.readers(bytes bytea, id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcomes text[];
BEGIN
    UPDATE customer_import._import_change_pages SET payload = bytes WHERE import_id = id;
    outcomes := ARRAY[
        pg_temp.attempt('regress_bytes_ann', NULL, format('SELECT string_agg(convert_to(c::text, ''UTF8'')::text, '''') FROM customer_import.import_changes AS c WHERE import_id = %s', id)),
        pg_temp.attempt('regress_bytes_ann', NULL, format('SELECT state FROM customer_import.undo_import(%s)', id)),
        -- A page without the name is passed over
        CASE WHEN position('ann'::bytea IN bytes) > 0
             THEN pg_temp.attempt('regress_bytes_ann', NULL, $q$SELECT count(*) FROM customer_import.customer_roles('ann')$q$) END,
        pg_temp.attempt(NULL, NULL, format('SELECT length(customer_import._strip_change_page(payload, changes)) FROM customer_import._import_change_pages WHERE import_id = %s', id))];
    RETURN (SELECT string_agg(DISTINCT CASE WHEN o LIKE 'ok %' THEN 'ok' ELSE o END, '; ') FROM unnest(outcomes) AS o WHERE o IS NOT NULL);
END
$$;
SELECT is(pg_temp.readers(pg_temp.page('ann', 'approver', 'email', 'a@b.c', 'ann@b.c'), :id), 'ok', 'a page that is whole is read');
SELECT is(pg_temp.readers(pg_temp.page('ann', 'approver', 'email', 'Zoë', '😀'), :id), 'ok', '… with any characters');

-- In each place of a page, bytes that are no text. 'ann' is in the page, or customer_roles() would pass it over.
SELECT is(pg_temp.readers(pg_temp.page('ann' || CASE place WHEN 1 THEN bytes ELSE '' END, CASE place WHEN 2 THEN bytes ELSE 'buyer' END,
                                       CASE place WHEN 3 THEN bytes ELSE 'email' END, CASE place WHEN 4 THEN bytes ELSE 'b' END,
                                       CASE place WHEN 5 THEN bytes ELSE 'a' END), :id),
          'XX001 a page of the change log is damaged', format('no text: %s in place %s', bytes, place))
  FROM unnest('{"\\x00","\\xff","\\x80","\\xc080","\\xeda080","\\xedb280","\\xf4908080","\\xc3","\\xe282","\\x6100"}'::bytea[]) AS bytes,
       generate_series(1, 5) AS place;

-- What cannot be the length, version, order or counts of a page
CREATE TEMPORARY TABLE damages (page bytea PRIMARY KEY, what text);
INSERT INTO damages VALUES
    ('', 'no bytes'), ('\x01', 'no count'), ('\x0101', 'no change'), ('\x0100', 'fewer changes than the row says'),
    (set_byte(pg_temp.page('ann', 'buyer', 'email', 'b', 'a'), 0, 2), 'another version'),
    (set_byte(pg_temp.page('ann', 'buyer', 'email', 'b', 'a'), 1, 2), 'more changes than there are'),
    (set_byte(pg_temp.page('ann', 'buyer', 'email', 'b', 'a'), 3, 3), 'a change of no kind'),
    (pg_temp.page('ann', 'buyer', 'email', 'b', 'a') || '\x00', 'bytes behind the last change'),
    ('\x01ffffffffffffffff7f', 'a count above all sizes'), ('\x01808080808080808080808080', 'a number that does not end'),
    ('\x01010400ffffffff0f616e6e', 'a length above the page'), ('\x0101040003616e6effffffff0f', 'a number of codes above the page'),
    ('\x0101040003616e6e01057f000000', 'a name that no one has brought'),
    ('\x01020400' || pg_temp.as_text('bob') || '\x000000' || '\x0400' || pg_temp.as_text('ann') || '\x000000', 'user names out of order');
SELECT is(pg_temp.readers(page, :id), 'XX001 a page of the change log is damaged', what) FROM damages;
UPDATE customer_import._import_change_pages SET payload = pg_temp.page('ann', 'buyer', 'email', 'b', 'a'), first_user_name = 'abe' WHERE import_id = :id;
SELECT throws_ok(format('SELECT count(*) FROM customer_import.import_changes WHERE import_id = %s', :id), 'XX001',
                 'a page of the change log is damaged', 'another first user name than the row says');
UPDATE customer_import._import_change_pages SET first_user_name = 'ann', last_user_name = 'bob' WHERE import_id = :id;
SELECT throws_ok(format('SELECT count(*) FROM customer_import.import_changes WHERE import_id = %s', :id), 'XX001',
                 'a page of the change log is damaged', 'another last user name than the row says');
UPDATE customer_import._import_change_pages SET last_user_name = 'ann' WHERE import_id = :id;

-- Every byte of a page replaced by some others, every length cut: whatever is read is text, or the page is damaged
CREATE FUNCTION pg_temp.changed_pages(page bytea, id bigint) RETURNS TABLE (outcome text, pages bigint) LANGUAGE plpgsql AS $$
DECLARE
    outcomes jsonb := '{}';
    changed bytea;
BEGIN
    FOR changed IN SELECT set_byte(page, place, byte) FROM generate_series(0, length(page) - 1) AS place, unnest('{0,1,2,3,5,127,128,255}'::int[]) AS byte
                   UNION ALL SELECT substring(page FROM 1 FOR size) FROM generate_series(0, length(page) - 1) AS size LOOP
        UPDATE customer_import._import_change_pages SET payload = changed WHERE import_id = id;
        BEGIN
            PERFORM convert_to(c::text, 'UTF8') FROM customer_import.import_changes AS c WHERE import_id = id;
        EXCEPTION WHEN OTHERS THEN
            outcomes := jsonb_set(outcomes, ARRAY[SQLSTATE], to_jsonb(COALESCE((outcomes ->> SQLSTATE)::bigint, 0) + 1));
        END;
    END LOOP;
    RETURN QUERY SELECT key, value::bigint FROM jsonb_each_text(outcomes);
END
$$;
SELECT results_eq(format('SELECT outcome, pages > 100 FROM pg_temp.changed_pages(pg_temp.page(''ann'', ''buyer'', ''email'', ''b'', ''é''), %s)', :id),
                  $$VALUES ('XX001', true)$$, 'a page of which a byte has changed is read as text, or damaged');
UPDATE customer_import._import_change_pages SET payload = pg_temp.page('ann', 'buyer', 'email', 'b', 'a') WHERE import_id = :id;

-- No operator reads pages of imports of others, not even by their number; nor can it tell whether there are any
SELECT is(pg_temp.attempt(who, NULL, format('SELECT count(*) FROM customer_import._read_change_page(%s, 1)', :id)), expected, 'a page by its number: ' || who)
  FROM (VALUES ('regress_bytes_ann', 'ok 1'), ('regress_bytes_bob', 'ok 0')) AS t (who, expected);
SELECT is(pg_temp.attempt('regress_bytes_bob', NULL, 'SELECT count(*) FROM customer_import._read_change_page(-1, 1)'), 'ok 0', '… of no import');
SELECT is(pg_temp.attempt('regress_bytes_ann', NULL, format('SELECT count(*) FROM customer_import._read_change_page(%s, 99)', :id)), 'ok 0', '… of no number');
SELECT is(pg_temp.attempt('regress_bytes_eve', NULL, format('SELECT count(*) FROM customer_import._read_change_page(%s, 1)', :id)), 'ok 1', '… by an administrator');
DO $$ BEGIN PERFORM customer_import.alter_operator('regress_bytes_ann', roles => '{customerView}'); END $$;
GRANT EXECUTE ON FUNCTION customer_import._read_change_page(bigint, bigint) TO regress_bytes_ann;
SELECT is(pg_temp.attempt('regress_bytes_ann', NULL, format('SELECT count(*) FROM customer_import._read_change_page(%s, 1)', :id)), 'ok 0', '… without the right');
DO $$ BEGIN PERFORM customer_import.alter_operator('regress_bytes_ann', roles => '{customerView,customerEdit,importView,importEdit}'); END $$;
SELECT is((SELECT count(*) FROM (SELECT (customer_import._read_change_page(i, 1)).* FROM unnest(ARRAY[:id, -1, :id]) AS i) AS c), 2::bigint,
          'a statement reads pages of several imports');

--
-- Files: bytes that are no text in a header, a cell, an option, a record that is amended
--
SELECT is(pg_temp.attempt('regress_bytes_ann', NULL, format($q$SELECT state || ' ' || rejected FROM customer_import.import_customers(%L::bytea, 'Create & Update', encoding => %L)$q$,
                                                            convert_to(E'userName,addRoles,email\nzoe', 'UTF8') || bytes || convert_to(E',buyer,x\nyan,b', 'UTF8') || bytes
                                                            || convert_to(E',y\nxia,buyer,', 'UTF8') || bytes || '\x0a', encoding),
                          'SELECT pg_temp.what_is_no_text()') LIKE 'ok completed 3 => ', true, format('a file with %s in %s', bytes, encoding))
  FROM (VALUES ('\x00'::bytea, 'UTF8'), ('\xff', 'UTF8'), ('\xedb280', 'UTF8'), ('\x00', 'LATIN1'), ('\x81', 'WIN1252'), ('\x8080', 'SJIS'), ('\xff', 'EUC_JP')) AS t (bytes, encoding);
SELECT is(pg_temp.attempt('regress_bytes_ann', NULL, format($q$SELECT state FROM customer_import.import_customers(%L::bytea, 'Create & Update')$q$, 'userName,addRoles,x'::bytea || '\xff')),
          '22P04 the header contains an invalid byte sequence', 'a header');

-- What the reader takes for text is what the server takes for it: leads of every kind, each with every kind of what may follow
CREATE TEMPORARY TABLE sequences AS
SELECT 1 + row_number() OVER () AS line, decode(a || b || c || d, 'hex') AS bytes, true AS is_text
  FROM unnest('{00,01,7f,80,bf,c0,c1,c2,df,e0,e1,ec,ed,ee,ef,f0,f1,f3,f4,f5,ff}'::text[]) AS a, unnest('{"",7f,80,8f,90,9f,a0,bf,c0}'::text[]) AS b,
       unnest('{"",7f,80,bf,c0}'::text[]) AS c, unnest('{"",80,bf,c0}'::text[]) AS d;
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT line, bytes FROM pg_temp.sequences LOOP
        BEGIN
            PERFORM convert_from(one.bytes, 'UTF8');
        EXCEPTION WHEN character_not_in_repertoire THEN
            UPDATE pg_temp.sequences SET is_text = false WHERE line = one.line;
        END;
    END LOOP;
END
$$;
CREATE TEMPORARY TABLE read_sequences AS
SELECT p.line, p.outcome <> 'rejected' AS is_text
  FROM customer_import.preview_import((SELECT string_agg(bytes, '\x0a' ORDER BY line)
                                         FROM (SELECT 1 AS line, 'userName,company'::bytea AS bytes
                                               UNION ALL SELECT line, convert_to('seq' || line || ',', 'UTF8') || bytes FROM pg_temp.sequences) AS f),
                                      'Create Only') AS p;
SELECT results_eq('SELECT line, is_text FROM pg_temp.read_sequences ORDER BY line', 'SELECT line, is_text FROM pg_temp.sequences ORDER BY line',
                  'the reader of a file and the server agree on what is text');

SELECT is(pg_temp.what_is_no_text(), '', 'all that is stored is text');
SELECT finish();
ROLLBACK;
