-- A table of an application as the customers table: what is refused and in which words, what an import makes of it.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION customer_import;
CREATE EXTENSION citext;
RESET client_min_messages;
CREATE SCHEMA shop;
CREATE TABLE shop.users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login varchar(100) NOT NULL UNIQUE,
    secret text,
    given_name text NOT NULL DEFAULT '',
    born date,
    balance numeric(10,2) DEFAULT 0,
    facts jsonb,
    role_codes text[],
    shown_name text GENERATED ALWAYS AS (upper(given_name)) STORED
);

-- Arguments that cannot be
SELECT customer_import.attach_customers_table(NULL, 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.users', NULL, 'role_codes');
SELECT customer_import.attach_customers_table('shop.users', 'login', NULL);
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes', NULL);
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes', ignore_case => NULL);
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes', row_security => NULL);
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes', own_row_triggers => NULL);
SELECT customer_import.attach_customers_table(0::oid::regclass, 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes', '[]');
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes', 'null');

-- All that is wrong with the columns, at once
SELECT customer_import.attach_customers_table('shop.users', 'name', 'groups');
SELECT customer_import.attach_customers_table('shop.users', 'shown_name', 'facts');
SELECT customer_import.attach_customers_table('shop.users', 'id', 'given_name');
SELECT customer_import.attach_customers_table('shop.users', 'ctid', 'role_codes');
SELECT customer_import.attach_customers_table('shop.users', 'secret', 'role_codes',
    '{"": "born", " -_": "born", "_note": "born", " firstName": "given_name", "a\tb": "born", "username": "born", "Remove-Roles": "born",
      "firstName": "given_name", "FIRST_NAME": "given_name", "number": "id", "shown": "shown_name", "login name": "login",
      "size": 5, "nothing": null, "none": "none", "system": "ctid", "codes": "role_codes", "key": "secret"}');
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes', jsonb_build_object(repeat('h', 64), 'born'));
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes',
    (SELECT jsonb_object_agg('column' || n, 'born') FROM generate_series(1, 91) AS n));

-- Tables that hold no customers
CREATE VIEW shop.active_users AS TABLE shop.users;
CREATE MATERIALIZED VIEW shop.all_users AS TABLE shop.users;
CREATE TYPE shop.pair AS (login text, role_codes text[]);
CREATE TABLE shop.people (login text PRIMARY KEY, role_codes text[]);
CREATE TABLE shop.staff () INHERITS (shop.people);
CREATE TABLE shop.ruled (login text PRIMARY KEY, role_codes text[]);
CREATE RULE no_more AS ON DELETE TO shop.ruled DO INSTEAD NOTHING;
CREATE TABLE shop.parts (login text PRIMARY KEY, role_codes text[]) PARTITION BY HASH (login);
CREATE TABLE shop.part_0 PARTITION OF shop.parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE shop.years (year integer, login text, role_codes text[], PRIMARY KEY (year, login)) PARTITION BY RANGE (year);
CREATE FOREIGN DATA WRAPPER regress_attach;
CREATE SERVER regress_attach FOREIGN DATA WRAPPER regress_attach;
CREATE FOREIGN TABLE shop.elsewhere (login text, role_codes text[]) SERVER regress_attach;
CREATE TEMPORARY TABLE temporary_users (login text PRIMARY KEY, role_codes text[]);
SELECT customer_import.attach_customers_table('shop.active_users', 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.all_users', 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.pair', 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.people_pkey', 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.people', 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.ruled', 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.part_0', 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.years', 'login', 'role_codes');
SELECT customer_import.attach_customers_table('shop.elsewhere', 'login', 'role_codes');
SELECT customer_import.attach_customers_table('pg_catalog.pg_class', 'relname', 'reloptions');
SELECT customer_import.attach_customers_table('customer_import.operators', 'name', 'roles');
DO $$
BEGIN
    PERFORM customer_import.attach_customers_table('temporary_users', 'login', 'role_codes');
EXCEPTION WHEN wrong_object_type THEN
    RAISE NOTICE 'refused';
END
$$;

-- User names of types that are not told apart as an import does
CREATE COLLATION shop.ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE shop.types (
    c citext UNIQUE, b character(10) UNIQUE, n name UNIQUE, u uuid UNIQUE, i bigint UNIQUE, k text COLLATE shop.ignoring_case UNIQUE,
    j json, v varchar[], m name[], t text[] GENERATED ALWAYS AS ('{}') STORED, s text
);
SELECT customer_import.attach_customers_table('shop.types', 'c', 'v');
SELECT customer_import.attach_customers_table('shop.types', 'b', 'm');
SELECT customer_import.attach_customers_table('shop.types', 'n', 't');
SELECT customer_import.attach_customers_table('shop.types', 'u', 's');
SELECT customer_import.attach_customers_table('shop.types', 'i', 'j');
SELECT customer_import.attach_customers_table('shop.types', 'k', 'v');

-- Indexes that find no single customer
CREATE TABLE shop.indexes (a text, b text, roles text[]);
SELECT customer_import.attach_customers_table('shop.indexes', 'a', 'roles');
CREATE INDEX plain ON shop.indexes (a);
CREATE UNIQUE INDEX by_lower ON shop.indexes (lower(a));
CREATE UNIQUE INDEX by_two ON shop.indexes (a, b);
CREATE UNIQUE INDEX by_some ON shop.indexes (a) WHERE b IS NULL;
CREATE UNIQUE INDEX other_order ON shop.indexes (a COLLATE "POSIX");
ALTER TABLE shop.indexes ADD CONSTRAINT later UNIQUE (a) DEFERRABLE;
SELECT customer_import.attach_customers_table('shop.indexes', 'a', 'roles');
CREATE UNIQUE INDEX by_one ON shop.indexes (a) INCLUDE (b);
SELECT customer_import.attach_customers_table('shop.indexes', 'a', 'roles');
ALTER TABLE shop.indexes DROP CONSTRAINT later;
BEGIN;
SELECT customer_import.attach_customers_table('shop.indexes', 'a', 'roles');
ROLLBACK;

-- What customers hold already
INSERT INTO shop.users (login, role_codes)
    VALUES ('Ann', '{buyer,BUYER}'), ('bob', '{approver,"head of sales",IMPORTEDIT}'), ('cleo', NULL), ('Dan', '{NULL,""}');
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes');
UPDATE shop.users SET role_codes = NULL;
INSERT INTO shop.users (login, role_codes) SELECT 'User' || n, ARRAY['a b ' || n] FROM generate_series(10, 30) AS n;
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes');
UPDATE shop.users SET role_codes = '{Buyer,NULL,approver,"",Buyer}';
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes', ignore_case => true);
-- Nothing of all this has stayed
SELECT count(*) FROM customer_import.customers_table;
SELECT count(*) FROM pg_trigger WHERE tgname = '~customer_import_guard';
SELECT count(*) FROM customer_import.role_codes WHERE NOT privileged;

-- Attached
DELETE FROM shop.users WHERE login LIKE 'User%';
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes',
    '{"firstName": "given_name", "birthday": "born", "balance": "balance", "facts": "facts", "phone1": "secret"}');
SELECT customer_import.attach_customers_table('shop.users', 'login', 'role_codes');
SELECT customer_import.create_customers_table();
TABLE customer_import.customers_table;
SELECT field, column_name FROM customer_import.customers_table_columns ORDER BY position;
SELECT code FROM customer_import.role_codes WHERE NOT privileged ORDER BY code;
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = '~customer_import_guard';
SELECT customer_import.import_template();

-- An import: names as they are, values of other types through their input
CREATE VIEW shop.seen AS SELECT login, given_name, born, balance, facts, shown_name, role_codes FROM shop.users ORDER BY login COLLATE "C";
SELECT state, message FROM customer_import.import_customers(
    E'userName,addRoles,firstName,birthday,balance,facts\n'
    ' Ann ,APPROVER,Ann,1990-01-02,1.005,"{""vip"": true}"\n'
    'ann,buyer,,,,\n'
    'bob,,Bob,1990-02-30,,\n'
    'cleo,,Cleo,,12x,\n'
    'Dan,,,,,{\n'
    'eve,,Eve,,99999999999,\n'
    'fay,,_EMPTY_VALUE_,,,\n'
    'gus,,,_EMPTY_VALUE_,,\n'
    'hal,"buyer,approver",Hal,2000-02-29,-1,[]\n', 'Create & Update');
TABLE shop.seen;
SELECT line, outcome, code, column_name, value, message, detail, sqlstate FROM customer_import.import_issues ORDER BY line;
SELECT line, user_name, created, added, removed, before, after FROM customer_import.import_changes ORDER BY line;
-- The same again: nothing to do, however it is written
SELECT state, unchanged FROM customer_import.import_customers(
    E'userName,addRoles,firstName,birthday,balance,facts\nAnn,approver,Ann,2 Jan 1990,1.010,"{""vip"":true}"\n', 'Update Only');
-- A cell that no type takes fails a whole file, if all do
SELECT state, message FROM customer_import.import_customers(
    E'userName,birthday\n' || (SELECT string_agg('user' || n || ',32.13.1999', E'\n') FROM generate_series(1, 1001) AS n), 'Create Only');

-- The application continues as before; its role sets become canonical, and nothing is refused
UPDATE shop.users SET role_codes = '{gardener,BUYER,NULL,"",gardener}' WHERE login = 'Ann' RETURNING role_codes;
INSERT INTO shop.users (login, role_codes) VALUES (E'odd\tname', '{"not a code",x,"not a code"}') RETURNING role_codes;
UPDATE shop.users SET role_codes = NULL WHERE login = 'Ann' RETURNING role_codes;

-- Changes of the table that an import cannot live with
ALTER TABLE shop.users RENAME COLUMN role_codes TO codes;
UPDATE shop.users SET given_name = 'Anna' WHERE login = 'Ann';
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Update Only');
ALTER TABLE shop.users RENAME COLUMN codes TO role_codes;
ALTER TABLE shop.users DROP CONSTRAINT users_login_key;
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Update Only');
ALTER TABLE shop.users ADD UNIQUE (login);
DROP VIEW shop.seen;
DROP MATERIALIZED VIEW shop.all_users;
DROP VIEW shop.active_users;
ALTER TABLE shop.users ALTER COLUMN role_codes TYPE jsonb USING to_jsonb(role_codes);
UPDATE shop.users SET given_name = 'Anna', role_codes = '[1]' WHERE login = 'Ann';
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Update Only');
ALTER TABLE shop.users DROP COLUMN role_codes, ADD COLUMN role_codes text[];
-- And those that it does not mind
ALTER TABLE shop.users RENAME TO accounts;
CREATE SCHEMA "Shop 2";
ALTER TABLE shop.accounts SET SCHEMA "Shop 2";
SELECT state, updated FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Update Only');

-- The extension is not dropped as long as it is attached
\set VERBOSITY terse
DROP EXTENSION customer_import;
\set VERBOSITY default
SELECT customer_import.detach_customers_table();
SELECT customer_import.detach_customers_table();
\d "Shop 2".accounts
DROP EXTENSION customer_import;
SELECT count(*) FROM "Shop 2".accounts;

SET client_min_messages = error;
DROP SCHEMA shop CASCADE;
DROP SCHEMA "Shop 2" CASCADE;
DROP FOREIGN DATA WRAPPER regress_attach CASCADE;
DROP EXTENSION citext;
