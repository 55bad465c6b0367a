-- Uploads: chunks become one file, whatever their cut and however often they are sent; each belongs to one operator; what is too
-- many, too large or too old.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(67);

CREATE ROLE regress_up_ann;
CREATE ROLE regress_up_bob;
CREATE ROLE regress_up_ada;
CREATE ROLE regress_up_gate;
CREATE ROLE regress_up_nobody;
GRANT USAGE ON SCHEMA public TO regress_up_ann, regress_up_bob, regress_up_ada, regress_up_gate;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer}');
    PERFORM customer_import.add_operator('regress_up_' || name, roles => '{customerView,customerEdit,importView,importEdit}') FROM unnest('{ann,bob}'::text[]) AS name;
    PERFORM customer_import.add_operator('regress_up_ada', roles => '{administrator}');
    PERFORM customer_import.add_operator('portal', email => 'p@example.com', roles => '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_operator('viewer', email => 'v@example.com', roles => '{customerView,importView}');
    PERFORM customer_import.grant_gateway('regress_up_gate');
END
$$;
-- A statement as an operator; nothing of it is undone.
CREATE FUNCTION pg_temp.as_operator(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', who);
    EXECUTE statement INTO result;
    RESET SESSION AUTHORIZATION;
    RETURN result;
END
$$;
CREATE FUNCTION pg_temp.as_ann(statement text) RETURNS text LANGUAGE sql AS $$SELECT pg_temp.as_operator('regress_up_ann', statement)$$;
CREATE FUNCTION pg_temp.append(upload bigint, chunk bytea, at bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.attempt('regress_up_ann', NULL, format('SELECT customer_import.append_upload(%s, %L, %L)', upload, chunk, at))
$$;
\set import 'SELECT concat_ws('' '', state, records, created, rejected) FROM customer_import.import_upload'
\set left 'SELECT concat_ws('' '', (SELECT count(*) FROM customer_import.uploads), (SELECT count(*) FROM customer_import._upload_chunks), (SELECT count(*) FROM customer_import._import_files WHERE import_id < 0))'

--
-- Chunks
--
SELECT pg_temp.as_ann($$SELECT customer_import.begin_upload('a.csv')$$) AS a \gset
SELECT is(pg_temp.as_ann(format('SELECT customer_import.append_upload(%s, %L)', :a, E'userName,addRoles\nann,bu')), '24', 'a chunk is appended');
SELECT is(pg_temp.as_ann(format('SELECT customer_import.append_upload(%s, %L, 24)', :a, E'yer\nb')), '29', 'another one at its place, within a record');
SELECT is(pg_temp.as_ann(format('SELECT customer_import.append_upload(%s, %L)', :a, '')), '29', 'an empty one changes nothing');
SELECT is(pg_temp.as_ann(format('SELECT customer_import.append_upload(%s, %L, 29)', :a, E'ob,buyer\n')), '38', 'and the last one');
SELECT is(pg_temp.append(:a, E'yer\nb', 24), 'ok 38', 'a chunk that is sent again does nothing');
SELECT is(pg_temp.append(:a, E'userName', 0), 'ok 38', 'nor does a part of one');
SELECT is(pg_temp.append(:a, E'nn,buyer\nbob,buy', 19), 'ok 38', 'nor one that is cut otherwise, over three chunks');
SELECT is(pg_temp.append(:a, E'\nbob,buyer\n', 27), 'ok 38', 'to the last byte');
SELECT is(pg_temp.append(:a, '', 5), 'ok 38', 'or that has none');
SELECT matches(pg_temp.append(:a, bytes, at), '^22023 the chunk at -?[0-9]+ does not fit into upload [0-9]+ \| The upload has 38 bytes.$', what)
  FROM (VALUES (E'yer\nc'::bytea, 24::bigint, 'other bytes'), (E'\nbob,buyer\nc', 27, 'some that are there, and more'), ('x', 39, 'a gap'), ('x', -1, 'a place before the first'),
               ('x', 9223372036854775807, 'the last place that there is'), (E'user', 1, 'the right bytes at another place')) AS v (bytes, at, what);
SELECT is(pg_temp.as_ann('SELECT concat_ws('' '', operator, file_name, background, bytes, touched_at > begun_at) FROM customer_import.uploads'), 'regress_up_ann a.csv f 38 t', 'the operator sees it');
SELECT is(pg_temp.attempt('regress_up_ann', NULL, format('SELECT string_agg(concat_ws('' '', line, user_name, outcome), '', '') FROM customer_import.preview_upload(%s, ''Create Only'')', :a)),
          'ok 2 ann created, 3 bob created', 'a preview');
SELECT is(pg_temp.as_ann(format('SELECT concat_ws('' '', state, created) FROM customer_import.import_upload(%s, ''Create Only'', dry_run => true)', :a)), 'completed 2', 'a dry run');
SELECT is(pg_temp.attempt('regress_up_ann', NULL, format('SELECT customer_import.import_upload(%s, ''Create'')', :a), :'left'), '22023 invalid import mode "Create" => 1 3 0', 'what fails leaves it');
SELECT is(pg_temp.as_ann(format('%s(%s, ''Create Only'', request_id => ''one'')', :'import', :a)), 'completed 2 2 0', 'the import');
SELECT is((SELECT concat_ws(' ', file_name, file_bytes) FROM customer_import.imports WHERE request_id = 'one'), 'a.csv 38', 'knows name and size');
SELECT is((SELECT string_agg(user_name || roles::text, ' ' ORDER BY user_name) FROM public.customers), 'ann{buyer} bob{buyer}', 'and has done its work');
SELECT is(pg_temp.attempt(NULL, NULL, :'left'), 'ok 0 0 0', 'nothing of the upload is left');
SELECT is(pg_temp.as_ann(format('%s(%s, ''Create Only'', request_id => ''one'')', :'import', :a)), 'completed 2 2 0', 'called again, it returns the first import');
SELECT is(pg_temp.attempt('regress_up_ann', NULL, format('%s(%s, ''Create Only'')', :'import', :a)), format('42704 upload %s does not exist', :a), 'but only by the request id');
SELECT is(pg_temp.attempt('regress_up_ann', NULL, format('SELECT customer_import.%s', call)), format('42704 upload %s does not exist', :a), call)
  FROM unnest(ARRAY[format('append_upload(%s, '''')', :a), format('discard_upload(%s)', :a), format('preview_upload(%s, ''Create Only'')', :a)]) AS call;

-- Another name, an encoding
SELECT pg_temp.as_ann($$SELECT customer_import.begin_upload()$$) AS b \gset
SELECT pg_temp.as_ann(format('SELECT customer_import.append_upload(%s, %L)', :b, E'userName,company\ncleo,M\\374ller'::bytea)) \g /dev/null
SELECT is(pg_temp.as_ann(format('%s(%s, ''Create Only'', ''b.csv'', encoding => ''LATIN1'')', :'import', :b)), 'completed 1 1 0', 'in an encoding');
SELECT is((SELECT company FROM public.customers WHERE user_name = 'cleo'), 'Müller', 'it is read by it');
SELECT is((SELECT file_name FROM customer_import.imports WHERE file_name LIKE 'b%'), 'b.csv', 'a name of the import itself');

-- More than a chunk may be stored as
SELECT pg_temp.as_ann($$SELECT customer_import.begin_upload()$$) AS c \gset
CREATE TEMP TABLE large AS SELECT convert_to(E'userName,phone\n' || string_agg(format(E'large%s,%s\n', i, repeat('7', 5000)), ''), 'UTF8') AS file FROM generate_series(1, 1000) AS i;
GRANT SELECT ON large TO regress_up_ann;
SELECT is(pg_temp.as_ann(format('SELECT customer_import.append_upload(%s, file) = length(file) FROM large', :c)), 'true', 'five megabytes at once');
SELECT is((SELECT concat_ws(' ', count(*), max(length(bytes))) FROM customer_import._upload_chunks), '5 1048576', 'are stored in pieces of one at the most');
SELECT is(pg_temp.as_ann(format('SELECT customer_import.append_upload(%s, substr(file, 1000001, 3000000), 1000000) = length(file) FROM large', :c)), 'true', 'and are known again from the middle');
SELECT is(pg_temp.as_ann(format('%s(%s, ''Create Only'')', :'import', :c)), 'completed 1000 1000 0', 'and imported');

--
-- For the background
--
SELECT pg_temp.as_ann($$SELECT customer_import.begin_upload('d.csv', background => true)$$) AS d \gset
SELECT pg_temp.as_ann(format('SELECT customer_import.append_upload(%s, %L)', :d, chunk)) FROM unnest(ARRAY[E'userName,addRoles\n', E'dora,buyer\n']) AS chunk \g /dev/null
SELECT is(pg_temp.append(:d, E'Roles\ndora', 12), 'ok 29', 'a chunk that is sent again');
SELECT is(pg_temp.attempt(NULL, NULL, :'left'), 'ok 1 0 2', 'its chunks are with the files of imports');
SELECT is(pg_temp.attempt('regress_up_ann', NULL, format('%s(%s, ''Create Only'')', :'import', :d), :'left'), 'ok completed 1 1 0 => 0 0 0', 'the foreground can import it as well');
SELECT is(pg_temp.as_ann(format('SELECT state FROM customer_import.import_upload(%s, ''Create Only'', background => true)', :d)), 'queued', 'it is queued');
SELECT is((SELECT concat_ws(' ', i.file_name, i.file_bytes, count(*), string_agg(convert_from(f.bytes, 'UTF8'), '' ORDER BY f.begins_at)) FROM customer_import.imports AS i
             JOIN customer_import._import_files AS f ON f.import_id = i.id WHERE i.state = 'queued' GROUP BY i.id), E'd.csv 29 2 userName,addRoles\ndora,buyer\n', 'with its chunks');
SELECT is(pg_temp.attempt(NULL, NULL, :'left'), 'ok 0 0 0', 'of the upload nothing is left');
SELECT pg_temp.as_ann($$SELECT customer_import.begin_upload('e.csv')$$) AS e \gset
SELECT pg_temp.as_ann(format('SELECT customer_import.append_upload(%s, %L)', :e, E'userName,addRoles\nemma,buyer\n')) \g /dev/null
SELECT is(pg_temp.attempt('regress_up_ann', NULL, format('SELECT state FROM customer_import.import_upload(%s, ''Create Only'', background => true)', :e),
                          'SELECT convert_from(bytes, ''UTF8'') FROM customer_import._import_files AS f JOIN customer_import.imports AS i ON i.id = f.import_id WHERE i.file_name = ''e.csv'''),
          E'ok queued => userName,addRoles\nemma,buyer\n', 'chunks that a crash would take are copied');

--
-- Whose it is
--
SELECT is(pg_temp.attempt(who, NULL, format('SELECT customer_import.%s', call)), format('42704 upload %s does not exist', :e), format('%s: %s', who, call))
  FROM unnest('{regress_up_bob,regress_up_ada}'::text[]) AS who, unnest(ARRAY[format('append_upload(%s, ''x'')', :e), format('discard_upload(%s)', :e), format('import_upload(%s, ''Create Only'')', :e)]) AS call;
SELECT is(pg_temp.attempt(who, acts, 'SELECT count(*) FROM customer_import.uploads'), outcome, format('%s sees %s', COALESCE(acts, who), outcome))
  FROM (VALUES ('regress_up_ann', NULL, 'ok 1'), ('regress_up_bob', NULL, 'ok 0'), ('regress_up_ada', NULL, 'ok 1'), ('regress_up_gate', 'portal', 'ok 0'),
               ('regress_up_nobody', NULL, '42501 permission denied for table uploads')) AS v (who, acts, outcome);
SELECT matches(pg_temp.attempt('regress_up_gate', acts, 'SELECT customer_import.begin_upload()'), outcome, format('a gateway as %s', COALESCE(acts, 'nobody')))
  FROM (VALUES ('portal', '^ok [0-9]+$'), ('viewer', '^42501 '), (NULL, '^42501 ')) AS v (acts, outcome);

--
-- Too many, too large, too old
--
SET LOCAL customer_import.max_uploads = 1;
SELECT is(pg_temp.attempt('regress_up_ann', NULL, 'SELECT customer_import.begin_upload()'),
          '53400 operator "regress_up_ann" has 1 uploads | The limit is the setting customer_import.max_uploads.', 'too many');
SELECT matches(pg_temp.attempt('regress_up_bob', NULL, 'SELECT customer_import.begin_upload()'), '^ok ', 'of one operator');
SET LOCAL customer_import.max_uploads = 20;
SET LOCAL customer_import.max_upload_bytes = '1MB';
SELECT is(pg_temp.append(:e, (SELECT file FROM large)), '53400 the uploads of operator "regress_up_ann" are too large | The limit is the setting customer_import.max_upload_bytes.', 'too large');
SET LOCAL customer_import.max_upload_bytes = '4GB';
UPDATE customer_import.uploads SET touched_at = clock_timestamp() - interval '25 hours';
SET LOCAL customer_import.upload_lifetime = 0;
SELECT is(pg_temp.attempt('regress_up_bob', NULL, 'SELECT customer_import.begin_upload() > 0', :'left'), 'ok true => 2 1 0', 'with no lifetime nothing is too old');
SET LOCAL customer_import.upload_lifetime = '26h';
SELECT is(pg_temp.attempt('regress_up_bob', NULL, 'SELECT customer_import.begin_upload() > 0', :'left'), 'ok true => 2 1 0', 'nor before its end');
SET LOCAL customer_import.upload_lifetime = '1d';
SELECT is(pg_temp.attempt('regress_up_bob', NULL, 'SELECT customer_import.begin_upload() > 0', :'left'), 'ok true => 1 0 0', 'after it the next one removes it, whoever begins that');
-- As after a crash
DELETE FROM customer_import._upload_chunks;
SELECT is(pg_temp.attempt('regress_up_ann', NULL, format('%s(%s, ''Create Only'')', :'import', :e)),
          format('55000 the content of upload %s is lost | The server has crashed since, or was restored.', :e), 'without its chunks');
SELECT is(pg_temp.attempt('regress_up_ann', NULL, format('SELECT customer_import.discard_upload(%s)', :e), :'left'), 'ok  => 0 0 0', 'it can only be discarded');
SELECT is(pg_temp.attempt('regress_up_ann', NULL, format('SELECT customer_import.%s', call)), outcome, call)
  FROM (VALUES ('append_upload(1, NULL)', '22004 argument "chunk" of function append_upload() is NULL'), ('append_upload(NULL, '''')', '22004 argument "upload" of function append_upload() is NULL'),
               ('begin_upload(NULL, NULL)', '22004 argument "background" of function begin_upload() is NULL')) AS v (call, outcome);

SELECT * FROM finish();
ROLLBACK;
