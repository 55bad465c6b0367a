-- The catalog of role codes: its functions, direct SQL, and how fast the guard on the customers table learns of a change.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;

-- There from the start
SELECT code, name, description, privileged FROM customer_import.role_codes ORDER BY code;

-- add_role_codes: bad codes are refused, and none of their call is added
SELECT customer_import.add_role_codes('{good,"bad code"}');
SELECT customer_import.add_role_codes('{good,""}');
SELECT customer_import.add_role_codes('{good,"bad,code"}');
SELECT customer_import.add_role_codes('{good,größe}');
SELECT customer_import.add_role_codes('{good," buyer"}');
SELECT customer_import.add_role_codes(ARRAY['good', E'bad\n']);
SELECT customer_import.add_role_codes(ARRAY['good', repeat('a', 64)]);
SELECT customer_import.add_role_codes(ARRAY['good', repeat('a', 1000)]);
SELECT code FROM customer_import.role_codes WHERE code = 'good';

-- Good ones. The number counts what is new, case does not make a code new
SELECT customer_import.add_role_codes(NULL);
SELECT customer_import.add_role_codes('{buyer,NULL}');
SELECT customer_import.add_role_codes('{}') AS none;
SELECT customer_import.add_role_codes('{buyer,approver,buyer}') AS two;
SELECT customer_import.add_role_codes('{{Buyer,companyAdmin},{COMPANYADMIN,APPROVER}}') AS one;
SELECT customer_import.add_role_codes('{ADMINISTRATOR}') AS none;
SELECT customer_import.add_role_codes('{auditor,buyer}', privileged => true) AS one;
SELECT customer_import.add_role_codes(ARRAY['0', '_.:-', repeat('Z', 63)]) AS three;
SELECT code, name, description, privileged FROM customer_import.role_codes
 WHERE code NOT IN ('administrator', 'superuser', 'customerView', 'customerEdit', 'importView', 'importEdit')
 ORDER BY code;

-- alter_role_code: finds ignoring case, keeps the spelling, NULL keeps what is there
SELECT customer_import.alter_role_code('byer', name => 'Buyer');
SELECT customer_import.alter_role_code(NULL, name => 'Buyer');
SELECT customer_import.alter_role_code('');
SELECT customer_import.alter_role_code('BUYER', name => 'Buyer', description => 'May order');
SELECT customer_import.alter_role_code('buyer', privileged => true);
SELECT code, name, description, privileged FROM customer_import.role_codes WHERE code = 'buyer';
SELECT customer_import.alter_role_code('buyer', description => '', privileged => false);
SELECT customer_import.alter_role_code('buyer');
SELECT code, name, description, privileged FROM customer_import.role_codes WHERE code = 'buyer';

-- remove_role_codes: counts what was there
SELECT customer_import.remove_role_codes(NULL);
SELECT customer_import.remove_role_codes('{buyer,NULL}');
SELECT customer_import.remove_role_codes('{}') AS none, customer_import.remove_role_codes('{byer,""}') AS unknown;
SELECT customer_import.remove_role_codes('{AUDITOR,auditor,0,_.:-}') AS three;
SELECT code FROM customer_import.role_codes WHERE code IN ('auditor', '0', '_.:-');

-- By hand: the table refuses what the functions refuse
INSERT INTO customer_import.role_codes (code) VALUES ('bad code');
INSERT INTO customer_import.role_codes (code) VALUES ('');
INSERT INTO customer_import.role_codes (code) VALUES (E'bad\n');
INSERT INTO customer_import.role_codes (code) VALUES ('größe');
INSERT INTO customer_import.role_codes (code) VALUES (repeat('a', 64));
INSERT INTO customer_import.role_codes (code) VALUES ('buyer');
INSERT INTO customer_import.role_codes (code) VALUES ('Buyer');
UPDATE customer_import.role_codes SET code = 'BUYER' WHERE code = 'approver';
UPDATE customer_import.role_codes SET privileged = NULL WHERE code = 'approver';

-- What a dump holds: all but what CREATE EXTENSION brings
SELECT customer_import.alter_role_code('approver', privileged => true);
SELECT format('SELECT code, privileged FROM customer_import.role_codes %s ORDER BY code', e.condition)
  FROM (SELECT unnest(extconfig) AS relation, unnest(extcondition) AS condition
          FROM pg_extension WHERE extname = 'customer_import') AS e
 WHERE e.relation = 'customer_import.role_codes'::regclass
\gexec
SELECT customer_import.alter_role_code('approver', privileged => false);

-- The guard sees each change at once
SELECT customer_import.create_customers_table('public.customers');
CREATE FUNCTION pg_temp.assign(code text) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    stored text[];
BEGIN
    INSERT INTO public.customers (user_name, roles) VALUES ('someone', ARRAY[code]) RETURNING roles INTO stored;
    DELETE FROM public.customers WHERE user_name = 'someone';
    RETURN 'stored as ' || stored[1];
EXCEPTION WHEN check_violation THEN
    RETURN 'refused';
END
$$;
SELECT pg_temp.assign('editor');
SELECT customer_import.add_role_codes('{editor}');
SELECT pg_temp.assign('editor'), pg_temp.assign('EDITOR');
SELECT customer_import.remove_role_codes('{editor}');
SELECT pg_temp.assign('editor');
-- after a rollback
BEGIN;
SELECT customer_import.add_role_codes('{editor}');
SELECT pg_temp.assign('editor');
ROLLBACK;
SELECT pg_temp.assign('editor');
BEGIN;
SELECT customer_import.remove_role_codes('{buyer}');
SELECT pg_temp.assign('buyer');
ROLLBACK;
SELECT pg_temp.assign('buyer');
-- after a rollback to a savepoint, and when the change itself was not looked at
BEGIN;
SAVEPOINT before;
SELECT customer_import.add_role_codes('{editor}');
SELECT pg_temp.assign('editor');
ROLLBACK TO before;
SELECT pg_temp.assign('editor');
SELECT customer_import.add_role_codes('{editor}');
ROLLBACK TO before;
SELECT pg_temp.assign('editor');
COMMIT;
SELECT pg_temp.assign('editor');
-- after an error
BEGIN;
SELECT customer_import.add_role_codes('{editor}');
SELECT pg_temp.assign('editor');
SELECT 1/0;
COMMIT;
SELECT pg_temp.assign('editor');
-- in one command
DO $$
BEGIN
    PERFORM customer_import.add_role_codes('{editor}');
    RAISE NOTICE 'added: %', pg_temp.assign('editor');
    PERFORM customer_import.remove_role_codes('{editor}');
    RAISE NOTICE 'removed: %', pg_temp.assign('editor');
    BEGIN
        PERFORM customer_import.add_role_codes('{editor}');
        RAISE NOTICE 'added again: %', pg_temp.assign('editor');
        RAISE EXCEPTION 'never mind';
    EXCEPTION WHEN raise_exception THEN
        RAISE NOTICE 'taken back: %', pg_temp.assign('editor');
    END;
END
$$;
-- of a superuser's own SQL
INSERT INTO customer_import.role_codes (code) VALUES ('editor');
SELECT pg_temp.assign('editor');
UPDATE customer_import.role_codes SET code = 'Editor' WHERE code = 'editor';
SELECT pg_temp.assign('editor');
DELETE FROM customer_import.role_codes WHERE code = 'Editor';
SELECT pg_temp.assign('editor');
MERGE INTO customer_import.role_codes AS r USING (VALUES ('editor')) AS n (code) ON r.code = n.code
    WHEN NOT MATCHED THEN INSERT (code) VALUES (n.code);
SELECT pg_temp.assign('editor');
COPY customer_import.role_codes (code) FROM STDIN;
Translator
\.
SELECT pg_temp.assign('translator');
BEGIN;
TRUNCATE customer_import.role_codes;
SELECT pg_temp.assign('translator'), pg_temp.assign('administrator');
ROLLBACK;
SELECT pg_temp.assign('translator'), pg_temp.assign('administrator');
-- of a new extension
SELECT customer_import.detach_customers_table();
DROP TABLE public.customers;
DROP EXTENSION customer_import;
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;
SELECT customer_import.create_customers_table('public.customers');
SELECT pg_temp.assign('translator');
SELECT customer_import.add_role_codes('{Translator}');
SELECT pg_temp.assign('translator');

DROP TABLE public.customers;
DROP EXTENSION customer_import;
