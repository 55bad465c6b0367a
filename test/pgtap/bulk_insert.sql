-- New customers are written page by page as COPY writes rows, where nobody could see the difference; and what the table demands
-- holds for each. Read from the server's log: which records it has of the table.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION pg_walinspect;
SELECT plan(32);

\ir customers_for_ann.psql
INSERT INTO public.customers (user_name, roles) VALUES ('bob', '{approver}');
CREATE TABLE public.phones (phone text PRIMARY KEY);
INSERT INTO public.phones VALUES ('1'), ('2'), ('3'), ('4');
GRANT SELECT ON public.phones TO regress_ann;
CREATE FUNCTION public.regress_yes() RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN true; END';
CREATE FUNCTION public.regress_none() RETURNS text LANGUAGE plpgsql VOLATILE AS $$BEGIN RETURN 'none'; END$$;

-- Changes the table, imports as ann, undoes both. Returns the counts of the import and what `look` finds, with the part of
-- the server's log that holds all of it.
CREATE FUNCTION pg_temp.import_on(change text, csv text, mode text, look text, OUT outcome text, OUT begin_lsn pg_lsn, OUT end_lsn pg_lsn, OUT file oid)
LANGUAGE plpgsql AS $$
DECLARE
    seen text;
BEGIN
    BEGIN
        EXECUTE change;
        file := COALESCE(pg_relation_filenode('public.customers'), pg_relation_filenode(to_regclass('public.customers_p0')));
        begin_lsn := pg_current_wal_insert_lsn();
        SET LOCAL SESSION AUTHORIZATION regress_ann;
        SELECT concat_ws(' ', i.created, i.updated, i.rejected) INTO outcome FROM customer_import.import_customers(csv, mode) AS i;
        RESET SESSION AUTHORIZATION;
        end_lsn := pg_current_wal_insert_lsn();
        IF look IS NOT NULL THEN
            EXECUTE look INTO seen;
            outcome := concat_ws(' => ', outcome, seen);
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'UNDO2';
    EXCEPTION WHEN SQLSTATE 'UNDO2' THEN
        NULL;
    END;
END
$$;
-- How rows of a table were written, by the server's log.
CREATE FUNCTION pg_temp.written(begin_lsn pg_lsn, end_lsn pg_lsn, file oid) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT CASE WHEN record_type LIKE 'MULTI_INSERT%' THEN 'pages' ELSE 'rows' END, ' and ')
      FROM pg_get_wal_records_info(begin_lsn, end_lsn)
     WHERE resource_manager LIKE 'Heap%' AND record_type LIKE '%INSERT%' AND block_ref ~ format('/%s (fork|blk)', file)
$$;
CREATE TEMP TABLE cases (
    number bigint GENERATED ALWAYS AS IDENTITY, what text, expected text, outcome text, begin_lsn pg_lsn, end_lsn pg_lsn, file oid);
CREATE FUNCTION pg_temp.try_on(what text, change text, expected text, csv text, look text DEFAULT NULL, mode text DEFAULT 'Create & Update')
RETURNS void LANGUAGE sql AS $$
    INSERT INTO cases (what, expected, outcome, begin_lsn, end_lsn, file)
    SELECT what, expected, i.outcome, i.begin_lsn, i.end_lsn, i.file FROM pg_temp.import_on(change, csv, mode, look) AS i
$$;
CREATE FUNCTION pg_temp.numbered(count integer) RETURNS text LANGUAGE sql AS $$
    SELECT E'userName,addRoles,phone\n' || string_agg(format(E'user%1$s,buyer,%1$s\n', i), '') FROM generate_series(1, count) AS i
$$;
\set file 'userName,addRoles,phone\nann,buyer,1\nbob,buyer,\ncleo,buyer,2\ndave,buyer,3\n'
\set new 'userName,addRoles\nann,buyer\ncleo,buyer\n'
\set rows 'SELECT string_agg(concat_ws('':'', user_name, phone, roles), '' '' ORDER BY user_name) FROM public.customers'
\set count 'SELECT count(*) FROM public.customers'
\set phones 'SELECT string_agg(phone, '' '') FROM public.customers WHERE user_name <> ''bob'''
\set all 'ann:1:{buyer} bob:{approver,buyer} cleo:2:{buyer} dave:3:{buyer}'
\set policy 'CREATE POLICY more ON public.customers AS RESTRICTIVE FOR INSERT WITH CHECK '

\o /dev/null
-- In pages
SELECT pg_temp.try_on('a table as the extension makes it', 'SELECT 1', '3 1 0 => ' || :'all' || ' pages', :'file', :'rows');
SELECT pg_temp.try_on('Create Only', 'SELECT 1', '3 0 0 => ann:1:{buyer} bob:{approver} cleo:2:{buyer} dave:3:{buyer} pages', :'file', :'rows', 'Create Only');
SELECT pg_temp.try_on('a policy on the row', :'policy' || '(phone <> ''9'')', '3 1 0 => ' || :'all' || ' pages', :'file', :'rows');
SELECT pg_temp.try_on('a policy with a sub-select for all rows', :'policy' || '(phone < (SELECT max(p.phone) FROM public.phones AS p))',
                      '3 1 0 => ' || :'all' || ' pages', :'file', :'rows');
SELECT pg_temp.try_on('a foreign key', 'ALTER TABLE public.customers ADD FOREIGN KEY (phone) REFERENCES public.phones',
                      '3 1 0 => ' || :'all' || ' pages', :'file', :'rows');
SELECT pg_temp.try_on('NOT NULL', 'UPDATE public.customers SET phone = ''0''; ALTER TABLE public.customers ALTER phone SET NOT NULL',
                      '3 1 0 => ann:1:{buyer} bob:0:{approver,buyer} cleo:2:{buyer} dave:3:{buyer} pages', :'file', :'rows');
SELECT pg_temp.try_on('a numbered column', 'ALTER TABLE public.customers ADD id bigserial; GRANT USAGE ON SEQUENCE public.customers_id_seq TO regress_ann',
                      '3 1 0 => ann:2 bob:1 cleo:3 dave:4 pages', :'file', 'SELECT string_agg(user_name || '':'' || id, '' '' ORDER BY user_name) FROM public.customers');
SELECT pg_temp.try_on('a dropped column', 'ALTER TABLE public.customers ADD gone text; ALTER TABLE public.customers DROP gone', '3 1 0 => ' || :'all' || ' pages', :'file', :'rows');
SELECT pg_temp.try_on('an index on an expression', 'CREATE INDEX shout ON public.customers (upper(user_name)); SET LOCAL enable_seqscan = off',
                      '3 1 0 => cleo pages', :'file', 'SELECT user_name FROM public.customers WHERE upper(user_name) = ''CLEO''');
SELECT pg_temp.try_on('defaults', 'ALTER TABLE public.customers ALTER phone SET DEFAULT ''none''', '2 0 0 => none none pages', :'new', :'phones');
SELECT pg_temp.try_on('the change log has the defaults', 'ALTER TABLE public.customers ALTER phone SET DEFAULT ''none''', '2 0 0 => none none pages', :'new',
                      'SELECT string_agg(after ->> ''phone'', '' '') FROM customer_import.import_changes');
SELECT pg_temp.try_on('pages after pages', 'SELECT 1', '5000 0 0 => 5001 pages', pg_temp.numbered(5000), :'count');
SELECT pg_temp.try_on('all of them are in the key', 'SET LOCAL enable_seqscan = off', '5000 0 0 => user4321:4321:{buyer} pages', pg_temp.numbered(5000),
                      'SELECT concat_ws('':'', user_name, phone, roles) FROM public.customers WHERE user_name = ''user4321''');
SELECT pg_temp.try_on('large rows', 'ALTER TABLE public.customers ALTER phone SET STORAGE PLAIN', '40 0 0 => 240000 pages',
                      (SELECT E'userName,addRoles,phone\n' || string_agg(format(E'user%s,buyer,%s\n', i, repeat('x', 6000)), '') FROM generate_series(1, 40) AS i),
                      'SELECT sum(length(phone)) FROM public.customers');

-- In pages of each partition
CREATE FUNCTION pg_temp.partition(partitions integer, more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('DO $do$ BEGIN PERFORM customer_import.detach_customers_table(); DROP TABLE public.customers;'
                  ' PERFORM customer_import.create_customers_table(partitions => %s); %s INSERT INTO public.customers (user_name, roles) VALUES (''bob'', ''{approver}''); END $do$',
                  partitions, more)
$$;
SELECT pg_temp.try_on('partitions', pg_temp.partition(2), '3 1 0 => ' || :'all' || ' pages', :'file', :'rows');
SELECT pg_temp.try_on('pages after pages of partitions', pg_temp.partition(2), '5000 0 0 => user4321:4321:{buyer} pages', pg_temp.numbered(5000),
                      'SELECT concat_ws('':'', user_name, phone, roles) FROM public.customers WHERE user_name = ''user4321''');
SELECT pg_temp.try_on('large rows of many partitions', pg_temp.partition(256, 'ALTER TABLE public.customers ALTER phone SET STORAGE PLAIN;'), '1500 0 0 => 1500 9000000 pages',
                      (SELECT E'userName,addRoles,phone\n' || string_agg(format(E'user%s,buyer,%s\n', i, repeat('x', 6000)), '') FROM generate_series(1, 1500) AS i),
                      'SELECT concat_ws('' '', count(phone), sum(length(phone))) FROM public.customers');
SELECT pg_temp.try_on('a foreign key of partitions', pg_temp.partition(2, 'ALTER TABLE public.customers ADD FOREIGN KEY (phone) REFERENCES public.phones;'),
                      '3 1 0 => ' || :'all' || ' pages', :'file', :'rows');
SELECT pg_temp.try_on('a record against a policy on partitions', pg_temp.partition(2) || ';' || :'policy' || '(phone <> ''4321'')',
                      '4999 0 1 => 5000 pages and rows', pg_temp.numbered(5000), :'count');
SELECT pg_temp.try_on('a partition with its columns in another order', pg_temp.partition(2,
                      'CREATE TABLE public.other (gone integer, LIKE public.customers INCLUDING ALL); ALTER TABLE public.other DROP gone;'
                      ' DROP TABLE public.customers_p0; ALTER TABLE public.other RENAME TO customers_p0;'
                      ' ALTER TABLE public.customers ATTACH PARTITION public.customers_p0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);'),
                      '3 1 0 => ' || :'all' || ' pages', :'file', :'rows');
SELECT pg_temp.try_on('defaults of partitions', pg_temp.partition(2, 'ALTER TABLE public.customers ALTER phone SET DEFAULT ''none'';'), '2 0 0 => none none pages', :'new', :'phones');
SELECT pg_temp.try_on('the change log has for each what it got by default', pg_temp.partition(2, 'CREATE SEQUENCE public.number; GRANT USAGE ON SEQUENCE public.number TO regress_ann;'
                      ' ALTER TABLE public.customers ALTER phone SET DEFAULT nextval(''public.number'');'),
                      '5000 0 0 => 5000 pages', (SELECT E'userName,addRoles\n' || string_agg(format(E'user%s,buyer\n', i), '') FROM generate_series(1, 5000) AS i),
                      'SELECT count(*) FROM public.customers AS c JOIN customer_import.import_changes AS l USING (user_name) WHERE l.after ->> ''phone'' = c.phone');
SELECT pg_temp.try_on('a generated column of partitions', pg_temp.partition(2, 'ALTER TABLE public.customers ADD big text GENERATED ALWAYS AS (upper(user_name)) STORED;'),
                      '3 1 0 => ANN BOB CLEO DAVE rows', :'file', 'SELECT string_agg(big, '' '' ORDER BY big) FROM public.customers');

-- In pages until a record fails, which is then found row after row
SELECT pg_temp.try_on('a record against a policy', :'policy' || '(phone <> ''4321'')', '4999 0 1 => 5000 pages and rows', pg_temp.numbered(5000), :'count');
SELECT pg_temp.try_on('a record against a foreign key', 'ALTER TABLE public.customers ADD FOREIGN KEY (phone) REFERENCES public.phones; DELETE FROM public.phones WHERE phone = ''3''',
                      '2 1 1 => ann:1:{buyer} bob:{approver,buyer} cleo:2:{buyer} pages and rows', :'file', :'rows');
SELECT pg_temp.try_on('a record against NOT NULL', 'UPDATE public.customers SET phone = ''0''; ALTER TABLE public.customers ALTER phone SET NOT NULL',
                      '2 0 1 => ann:1:{buyer} bob:0:{approver} rows', E'userName,addRoles,phone\nann,buyer,1\ncleo,buyer,\ndave,buyer,3\n', :'rows' || ' WHERE user_name < ''c''');

-- Row after row
SELECT pg_temp.try_on('a policy with a sub-select for each row', :'policy' || '(EXISTS (SELECT FROM public.phones AS p WHERE p.phone = customers.phone))',
                      '3 1 0 => ' || :'all' || ' rows', :'file', :'rows');
SELECT pg_temp.try_on('a policy with a volatile function', :'policy' || '(public.regress_yes())', '3 1 0 => ' || :'all' || ' rows', :'file', :'rows');
SELECT pg_temp.try_on('a default with a volatile function', 'ALTER TABLE public.customers ALTER phone SET DEFAULT public.regress_none()', '2 0 0 => none none rows', :'new', :'phones');
SELECT pg_temp.try_on('a generated column', 'ALTER TABLE public.customers ADD big text GENERATED ALWAYS AS (upper(user_name)) STORED',
                      '3 1 0 => ANN BOB CLEO DAVE rows', :'file', 'SELECT string_agg(big, '' '' ORDER BY big) FROM public.customers');
SELECT pg_temp.try_on('a trigger', 'CREATE FUNCTION pg_temp.pass() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END'';'
                      ' CREATE TRIGGER z AFTER INSERT ON public.customers FOR EACH ROW EXECUTE FUNCTION pg_temp.pass()', '3 1 0 => ' || :'all' || ' rows', :'file', :'rows');
SELECT pg_temp.try_on('a CHECK', 'ALTER TABLE public.customers ADD CHECK (phone <> ''2'')', '2 1 1 => ann:1:{buyer} bob:{approver,buyer} dave:3:{buyer} rows', :'file', :'rows');
\o

\o /dev/null
SELECT pg_switch_wal();  -- what is not flushed cannot be read
\o
SELECT is(outcome || COALESCE(' ' || pg_temp.written(begin_lsn, end_lsn, file), ''), expected, what) FROM cases ORDER BY number;
SELECT * FROM finish();
ROLLBACK;
