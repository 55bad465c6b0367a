-- A table of an application as the customers table: which roles may attach it, which are judged by the guard, what imports do on
-- tables of several shapes, and that detach leaves the table as it was.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(94);

CREATE ROLE regress_shop;      -- the application, owner of its tables
CREATE ROLE regress_reader;    -- another role of it, with rights that it has given
CREATE ROLE regress_admin IN ROLE regress_shop;
CREATE ROLE regress_ann;
CREATE ROLE regress_view;
CREATE ROLE regress_pool;
CREATE SCHEMA shop AUTHORIZATION regress_shop;
GRANT USAGE ON SCHEMA shop TO regress_reader, regress_ann;
SET LOCAL ROLE regress_shop;
CREATE SEQUENCE shop.numbers;
CREATE TABLE shop.users (
    id serial PRIMARY KEY,
    number bigint DEFAULT nextval('shop.numbers'),
    login varchar(100) NOT NULL UNIQUE,
    email text,
    roles text[],
    note text
);
GRANT SELECT, UPDATE (note) ON shop.users TO regress_reader;
INSERT INTO shop.users (login, roles) VALUES ('Ann', '{Seller}'), ('boss', '{administrator,Seller}'), ('regress_ann', NULL);
RESET ROLE;
DO $$
BEGIN
    PERFORM customer_import.add_operator('regress_admin', roles => '{administrator}');
    PERFORM customer_import.add_operator('regress_ann', roles => '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_operator('regress_view', roles => '{customerView}');
    PERFORM customer_import.add_operator('regress_idle', roles => '{customerView,customerEdit}');
    PERFORM customer_import.grant_gateway('regress_pool');
END
$$;

-- What a table is, as far as attach could change it
CREATE FUNCTION pg_temp.shape(relation regclass) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'table', (SELECT jsonb_build_array(c.relrowsecurity, c.relforcerowsecurity,
                                           (SELECT jsonb_agg(a ORDER BY a::text) FROM aclexplode(COALESCE(c.relacl, acldefault('r', c.relowner))) AS a))
                    FROM pg_class AS c WHERE c.oid = relation),
        'columns', (SELECT jsonb_agg(jsonb_build_array(a.attname, a.attacl::text, a.attnotnull) ORDER BY attnum) FROM pg_attribute AS a WHERE a.attrelid = relation),
        'schema', (SELECT n.nspacl::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation),
        'sequences', (SELECT jsonb_agg((SELECT jsonb_agg(a ORDER BY a::text) FROM aclexplode(COALESCE(s.relacl, acldefault('s', s.relowner))) AS a) ORDER BY s.relname)
                        FROM pg_class AS s WHERE s.relkind = 'S' AND s.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = relation)),
        'triggers', (SELECT jsonb_agg(pg_get_triggerdef(t.oid) ORDER BY tgname) FROM pg_trigger AS t WHERE t.tgrelid = relation),
        'policies', (SELECT jsonb_agg(to_jsonb(p) - 'oid' ORDER BY polname) FROM pg_policy AS p WHERE p.polrelid = relation),
        'constraints', (SELECT jsonb_agg(pg_get_constraintdef(c.oid) ORDER BY conname) FROM pg_constraint AS c WHERE c.conrelid = relation),
        'indexes', (SELECT jsonb_agg(pg_get_indexdef(i.indexrelid) ORDER BY indexrelid) FROM pg_index AS i WHERE i.indrelid = relation))
$$;
CREATE TEMPORARY TABLE before AS SELECT pg_temp.shape('shop.users') AS shape;

-- Which roles may attach
SELECT is(pg_temp.attempt('regress_ann', NULL, $$SELECT customer_import.attach_customers_table('shop.users', 'login', 'roles')$$),
          '42501 permission denied for function attach_customers_table', 'an operator who is no administrator may not');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN ALTER TABLE shop.users OWNER TO CURRENT_USER; SET LOCAL SESSION AUTHORIZATION regress_admin;
                                        PERFORM customer_import.attach_customers_table('shop.users', 'login', 'roles'); END $do$ $$),
          '42501 must be owner of table users', 'an administrator whom the table does not belong to may not');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN SET LOCAL SESSION AUTHORIZATION regress_admin;
                                        PERFORM customer_import.attach_customers_table('shop.users', 'nothing', 'roles'); END $do$ $$),
          '42703 cannot attach table shop.users | Column "nothing" does not exist.', 'one who is a member of its owner may try');
SET LOCAL SESSION AUTHORIZATION regress_admin;
SELECT is(customer_import.attach_customers_table('shop.users', 'login', 'roles', '{"email": "email"}')::text, 'shop.users', 'and may do it');
RESET SESSION AUTHORIZATION;

-- What it adds: a guard and grants
SELECT is((SELECT string_agg(tgname, ' ') FROM pg_trigger WHERE tgrelid = 'shop.users'::regclass), '~customer_import_guard', 'the guard');
SELECT is_empty($$SELECT FROM pg_policy WHERE polrelid = 'shop.users'::regclass$$, 'no policy');
SELECT is((SELECT relrowsecurity OR relforcerowsecurity FROM pg_class WHERE oid = 'shop.users'::regclass), false, 'no row security');
SELECT set_eq($$SELECT a.grantee::regrole::text, a.privilege_type FROM pg_class, aclexplode(relacl) AS a WHERE oid = 'shop.users'::regclass AND a.grantee NOT IN ('regress_shop'::regrole, 'regress_reader'::regrole)$$,
              $$SELECT who, privilege FROM unnest('{regress_admin,regress_ann,regress_pool}'::text[]) AS who, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS privilege
                UNION ALL VALUES ('regress_view', 'SELECT')$$, 'privileges on the table by the rights of operators');
SELECT set_eq($$SELECT s.relname::text, a.grantee::regrole::text FROM pg_class AS s, aclexplode(s.relacl) AS a
                 WHERE s.relnamespace = 'shop'::regnamespace AND s.relkind = 'S' AND a.privilege_type = 'USAGE' AND a.grantee <> 'regress_shop'::regrole$$,
              $$SELECT * FROM unnest('{users_id_seq,numbers}'::text[]) AS s, unnest('{regress_ann,regress_pool}'::text[]) AS w$$,
              'and on the sequences of its defaults to those who may create customers and cannot use them yet');
SELECT set_eq($$SELECT code FROM customer_import.role_codes WHERE NOT privileged$$, ARRAY['Seller'], 'the codes in use are in the catalog');

-- The application's roles are never refused anything; role sets that they write become canonical
SELECT is(pg_temp.attempt('regress_shop', NULL, $$UPDATE shop.users SET roles = '{SELLER,nobody knows,NULL,"",Superuser,SELLER}' WHERE login = 'Ann'$$,
                          $$SELECT roles FROM shop.users WHERE login = 'Ann'$$), 'ok 1 => {Seller,"nobody knows",superuser}', 'the owner writes what it likes');
SELECT is(pg_temp.attempt('regress_shop', NULL, $$DELETE FROM shop.users WHERE login = 'boss'$$), 'ok 1', 'deletes what it likes');
SELECT is(pg_temp.attempt('regress_shop', NULL, $$UPDATE shop.users SET login = E'new\tname', roles = NULL WHERE login = 'boss'$$, 'SELECT count(*) FROM shop.users WHERE roles IS NULL'),
          'ok 1 => 2', 'and renames; NULL stays NULL');
SELECT is(pg_temp.attempt('regress_reader', NULL, $$UPDATE shop.users SET note = 'x'$$), 'ok 3', 'so does a role with rights of its own');
SELECT is(pg_temp.attempt(NULL, NULL, $$INSERT INTO shop.users (login, roles) VALUES ('Zoe', '{c,b,A,b}') RETURNING roles$$, $$SELECT roles FROM shop.users WHERE login = 'Zoe'$$),
          'ok 1 => {A,b,c}', 'and a superuser of the database who is no operator');
SELECT is(pg_temp.attempt('regress_shop', NULL, 'ALTER TABLE shop.users RENAME roles TO groups', $$UPDATE shop.users SET groups = '{b,a,b}' WHERE login = 'Ann' RETURNING groups$$),
          'ok 0 => {b,a,b}', 'after a column was renamed it still can write');
SELECT is(pg_temp.attempt('regress_shop', NULL, 'ALTER TABLE shop.users ALTER roles TYPE jsonb USING to_jsonb(roles)', $$UPDATE shop.users SET roles = '{"b": 1}' WHERE login = 'Ann' RETURNING roles$$),
          'ok 0 => {"b": 1}', 'and after it has got another type');

-- Operators and gateways are judged
SELECT is(pg_temp.attempt('regress_ann', NULL, $$UPDATE shop.users SET roles = '{nobody}' WHERE login = 'Ann'$$),
          '23514 role code "nobody" is not in the catalog', 'an operator: by the catalog');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$UPDATE shop.users SET roles = '{administrator}' WHERE login = 'Ann'$$),
          '42501 only administrators may give role code "administrator" [customer_import_grant_ceiling]', 'by the grant ceiling');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$DELETE FROM shop.users WHERE login = 'boss'$$) ~ '^42501', true, 'also when it deletes');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$UPDATE shop.users SET roles = '{Seller}' WHERE login = 'regress_ann'$$) ~ '^42501', true, 'and about himself');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$UPDATE shop.users SET roles = '{SELLER,seller}' WHERE login = 'Ann'$$, $$SELECT roles FROM shop.users WHERE login = 'Ann'$$),
          'ok 1 => {Seller}', 'what it may do is made canonical');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$INSERT INTO shop.users (login, roles) VALUES ('new', '{seller}')$$, $$SELECT roles FROM shop.users WHERE login = 'new'$$),
          'ok 1 => {Seller}', 'it can create a customer');
SELECT is(pg_temp.attempt('regress_admin', NULL, $$UPDATE shop.users SET roles = '{superuser}' WHERE login = 'Ann'$$), 'ok 1', 'an administrator may grant a privileged code');
SELECT is(pg_temp.attempt('regress_admin', NULL, $$UPDATE shop.users SET roles = '{nobody}' WHERE login = 'Ann'$$), '23514 role code "nobody" is not in the catalog', 'but not one that does not exist');
SELECT is(pg_temp.attempt('regress_pool', 'regress_ann', $$UPDATE shop.users SET roles = '{superuser}' WHERE login = 'Ann'$$) ~ '^42501', true, 'a gateway is judged as whom it acts');
SELECT is(pg_temp.attempt('regress_pool', NULL, $$UPDATE shop.users SET roles = '{superuser}' WHERE login = 'Ann'$$) ~ '^42501', true, 'and as nobody when it does not act');
SELECT is(pg_temp.attempt('regress_view', NULL, 'SELECT count(*) FROM shop.users'), 'ok 3', 'who may view customers sees them');
SELECT is(pg_temp.attempt('regress_view', NULL, $$UPDATE shop.users SET note = ''$$), '42501 permission denied for table users', 'and changes none');
SELECT is(pg_temp.attempt(NULL, NULL, 'ALTER TABLE shop.users RENAME roles TO groups',
                          $$SELECT pg_temp.attempt('regress_ann', NULL, $q$UPDATE shop.users SET groups = '{}'$q$)$$),
          'ok 0 => 55000 column "roles" of the customers table does not exist', 'after a column was renamed it is refused');

-- Imports
SELECT is(pg_temp.attempt('regress_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles,email\nAnn,seller,ann@example.com\nann,seller,\n ann ,seller,\nNew,SELLER,\n')$$,
                          $$SELECT string_agg(concat_ws(' ', login, roles, email), ', ' ORDER BY login COLLATE "C") FROM shop.users$$),
          'ok completed created=2 updated=1 unchanged=1 => Ann {Seller} ann@example.com, New {Seller}, ann {Seller}, boss {administrator,Seller}, regress_ann', 'names are as they are written');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles\nboss,superuser\nAnn,superuser\nregress_ann,seller\n')$$),
          'ok completed rejected=3 (role_not_grantable, role_not_grantable, role_not_grantable)', 'an import is held below the grant ceiling');
SET LOCAL customer_import.batch_rows = 200;
SELECT is(pg_temp.attempt('regress_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles\n' || string_agg(format('A%s,seller', 1000 + i), E'\n') || E'\nAnn,superuser\nZoe,superuser\n', 'Create Only') FROM generate_series(1, 200) AS i$$),
          'ok completed created=200 skipped=1 rejected=1 (already_exists, role_not_grantable)', 'Create Only looks for those whom the ceiling would refuse, also without policies');
RESET customer_import.batch_rows;
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT pg_temp.import(E'userName,addRoles\n' || repeat('x', 101) || E',Seller\n' || repeat('x', 321) || ',Seller')$$),
          'ok completed rejected=2 (invalid_value 22001, invalid_user_name)', 'a name that is too long for its column is rejected');

-- detach leaves what was there before
SELECT is(pg_temp.attempt('regress_ann', NULL, 'SELECT customer_import.detach_customers_table()'), '42501 permission denied for function detach_customers_table', 'an operator may not detach');
SAVEPOINT attached;
SET LOCAL SESSION AUTHORIZATION regress_admin;
SELECT lives_ok('SELECT customer_import.detach_customers_table()', 'an administrator whom it belongs to detaches it');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.shape('shop.users'), shape, 'and it is as it was') FROM before;
SELECT is_empty($$SELECT FROM customer_import.customers_table$$, 'the register is empty');
SELECT is_empty($$SELECT FROM customer_import.customers_table_columns$$, 'that of the columns too');
SELECT is_empty($$SELECT FROM customer_import.granted_privileges WHERE object !~ '^customer_import\.'$$, 'nothing is granted on it');
ROLLBACK TO attached;
SELECT is(pg_temp.attempt(NULL, NULL, $$DROP TABLE shop.users$$, $$SELECT customer_import.detach_customers_table()$$), 'ok 0 => ', 'also when it has been dropped meanwhile');
SELECT is(pg_temp.attempt(NULL, NULL, $$DROP TABLE shop.users$$, $$SELECT customer_import.create_customers_table()$$), 'ok 0 => customers', 'then another one can be registered');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN
              INSERT INTO customer_import.imports (id, operator, database_role, mode, state, message, customers_table, finished_at)
                  SELECT id, 'ann', 'ann', 'create_only', 'failed', format('Import %s failed: no. It stopped at 1 created. Resume it with SELECT customer_import.resume_import(%1$s),'
                         ' take it back with SELECT * FROM customer_import.undo_import(%1$s), or leave it. See every change: x', id), t, now()
                    FROM (VALUES (9001, 'shop.users'::regclass), (9002, 'pg_class')) AS v (id, t);
              DROP TABLE shop.users; PERFORM customer_import.create_customers_table(); END $do$ $$,
          $$SELECT string_agg((message LIKE '%resume_import%')::text, ' ' ORDER BY id) FROM customer_import.imports WHERE id > 9000$$), 'ok 0 => false true', 'what went into it is not offered to be resumed any more; what went into another one that is there is');
SELECT is(pg_temp.attempt(NULL, NULL, $$ALTER TABLE shop.users RENAME TO people$$, $$SELECT customer_import.detach_customers_table()$$), 'ok 0 => ', 'or renamed');
SELECT is(pg_temp.attempt(NULL, NULL, $$ALTER TABLE shop.users OWNER TO regress_reader$$, $$SELECT customer_import.detach_customers_table()$$), 'ok 0 => ', 'or given to somebody else');
SELECT is(pg_temp.attempt(NULL, NULL, 'DROP EXTENSION customer_import') ~ '^2BP01', true, 'the extension cannot be dropped meanwhile');
SAVEPOINT dropped;
DROP EXTENSION customer_import CASCADE;
SELECT results_eq('SELECT login::text, roles FROM shop.users ORDER BY id', $$VALUES ('Ann', '{Seller}'::text[]), ('boss', '{administrator,Seller}'), ('regress_ann', NULL)$$, 'CASCADE drops no row and no role');
SELECT columns_are('shop', 'users', '{id,number,login,email,roles,note}'::name[], 'and no column');
ROLLBACK TO dropped;
SELECT lives_ok('SELECT customer_import.detach_customers_table()', 'detached');

-- An operator that owns the table, from the start or later, keeps what owners have
CREATE FUNCTION pg_temp.owned(before_attach text, before_detach text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE shop.mine (id serial, login text PRIMARY KEY, roles text[]);
    EXECUTE before_attach;
    PERFORM customer_import.attach_customers_table('shop.mine', 'login', 'roles');
    EXECUTE before_detach;
    PERFORM customer_import.alter_operator('regress_admin', roles => '{customerView}');
    PERFORM customer_import.alter_operator('regress_admin', roles => '{administrator}');
    PERFORM customer_import.detach_customers_table();
    RETURN (SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type)
              FROM pg_class AS c, aclexplode(COALESCE(c.relacl, acldefault('r', c.relowner))) AS a WHERE c.oid = 'shop.mine'::regclass AND a.grantee = c.relowner)
           || (SELECT has_sequence_privilege(s.relowner, s.oid, 'USAGE') FROM pg_class AS s WHERE s.oid = 'shop.mine_id_seq'::regclass);
END
$$;
SELECT is(pg_temp.attempt(NULL, NULL, format('SELECT pg_temp.owned(%L, %L)', a, b)),
          'ok ' || (SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type) FROM aclexplode(acldefault('r', 10))) || 'true', what)
  FROM (VALUES ('ALTER TABLE shop.mine OWNER TO regress_admin', '', 'an operator who owns the table'),
               ('GRANT SELECT ON shop.mine TO regress_reader; ALTER TABLE shop.mine OWNER TO regress_admin', '', 'also when there are other privileges'),
               ('', 'ALTER TABLE shop.mine OWNER TO regress_admin', 'one who gets it later')) AS v (a, b, what);

-- Row security of the extension, beside that of the application, and folded names
CREATE POLICY own ON shop.users TO regress_reader USING (login = 'Ann');
CREATE POLICY customers ON shop.users TO regress_shop USING (true);
CREATE TABLE shop.plain (LIKE shop.users INCLUDING ALL);
ALTER TABLE shop.plain OWNER TO regress_shop;
INSERT INTO shop.plain (login) VALUES ('ann'), ('straße');
CREATE TEMPORARY TABLE switches (enabled text, forced text);
INSERT INTO switches VALUES ('DISABLE', 'NO FORCE'), ('ENABLE', 'NO FORCE'), ('ENABLE', 'FORCE'), ('DISABLE', 'FORCE');
CREATE FUNCTION pg_temp.switch_and_return(enabled text, forced text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    shape jsonb;
BEGIN
    EXECUTE format('ALTER TABLE shop.users %s ROW LEVEL SECURITY, %s ROW LEVEL SECURITY', enabled, forced);
    shape := pg_temp.shape('shop.users');
    PERFORM customer_import.attach_customers_table('shop.users', 'login', 'roles', row_security => true);
    IF (SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = 'shop.users'::regclass)
       AND (SELECT count(*) = 4 FROM pg_policy WHERE polrelid = 'shop.users'::regclass AND polname LIKE 'customer\_import\_%') THEN
        PERFORM customer_import.detach_customers_table();
        RETURN CASE WHEN pg_temp.shape('shop.users') = shape THEN 'as before' ELSE 'something else' END;
    END IF;
    RETURN 'not switched on';
END
$$;
SELECT is(pg_temp.switch_and_return(enabled, forced), 'as before', format('row security that was %s, %s comes back', enabled, forced)) FROM switches;
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.attach_customers_table('shop.plain', 'login', 'roles', ignore_case => true)$$) ~ 'straße', true, 'names that are not folded are told');
UPDATE shop.plain SET login = 'strasse' WHERE login <> 'ann';
CREATE TEMPORARY TABLE before_plain AS SELECT pg_temp.shape('shop.plain') AS shape;
SELECT lives_ok($$SELECT customer_import.attach_customers_table('shop.plain', 'login', 'roles', ignore_case => true, row_security => true)$$, 'folded names');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles\nANN,seller\nSTRASSE,seller\nstraße,SELLER\nBob,seller\n')$$),
          'ok completed created=1 updated=2 unchanged=1', 'are matched ignoring case');
SELECT is(pg_temp.attempt(NULL, NULL, $$INSERT INTO shop.plain (login) VALUES ('Ann')$$) ~ '^23514', true, 'others cannot be written');
SELECT is(pg_temp.attempt('regress_shop', NULL, 'SELECT count(*) FROM shop.plain'), 'ok 0', 'its owner sees no row then');
SELECT is(pg_temp.attempt('regress_view', NULL, 'SELECT count(*) FROM shop.plain'), 'ok 2', 'an operator does');
SELECT lives_ok('SELECT customer_import.detach_customers_table()', 'detached');
SELECT is(pg_temp.shape('shop.plain'), shape, 'and as it was') FROM before_plain;
-- Constraints and policies that are not ours are left alone
ALTER TABLE shop.plain ADD CONSTRAINT customer_import_user_name CHECK (login <> '');
CREATE POLICY customer_import_select ON shop.plain USING (true);
UPDATE before_plain SET shape = pg_temp.shape('shop.plain');
SELECT lives_ok($$SELECT customer_import.attach_customers_table('shop.plain', 'login', 'roles')$$, 'a table with objects that have our names');
SELECT lives_ok('SELECT customer_import.detach_customers_table()', 'detached');
SELECT is(pg_temp.shape('shop.plain'), shape, 'keeps them') FROM before_plain;

-- Rows that its owner's own policies hide from it are checked all the same
CREATE TABLE shop.hidden (login text PRIMARY KEY, roles text[]);
INSERT INTO shop.hidden VALUES ('Ann', '{"not a code"}');
ALTER TABLE shop.hidden OWNER TO regress_shop;
ALTER TABLE shop.hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT is(pg_temp.attempt('regress_admin', NULL, $$SELECT customer_import.attach_customers_table('shop.hidden', 'login', 'roles')$$),
          '22023 cannot attach table shop.hidden | Customers hold what is no role code: "not a code".', 'forced row security hides no code');
UPDATE shop.hidden SET roles = NULL;
SELECT is(pg_temp.attempt('regress_admin', NULL, $$SELECT customer_import.attach_customers_table('shop.hidden', 'login', 'roles', ignore_case => true)$$) ~ 'not all user names are folded', true, 'and no name');

-- Types: a domain everywhere, defaults of domains, NULL that a domain forbids
CREATE DOMAIN shop.login AS varchar(40) CHECK (VALUE <> 'root');
CREATE DOMAIN shop.codes AS text[] CHECK (cardinality(VALUE) < 4);
CREATE DOMAIN shop.place AS text NOT NULL DEFAULT 'nowhere';
CREATE DOMAIN shop.strict_place AS shop.place CHECK (VALUE <> 'hell');
CREATE DOMAIN shop.flag AS boolean;
CREATE TYPE shop.mood AS ENUM ('sad', 'ok');
CREATE TABLE shop.typed (
    login shop.login PRIMARY KEY, roles shop.codes, place shop.strict_place, mood shop.mood DEFAULT 'ok', flag shop.flag, day date,
    at timestamptz, number numeric(6,2), list int[], pair point, bytes bytea, id uuid DEFAULT gen_random_uuid(), "odd ""name" varchar(3), j json, iv interval
);
SELECT lives_ok($$SELECT customer_import.attach_customers_table('shop.typed', 'login', 'roles',
    (SELECT jsonb_object_agg(a.attname, a.attname) FROM pg_attribute AS a WHERE a.attrelid = 'shop.typed'::regclass AND a.attnum > 2))$$, 'columns of many types');
SELECT is(pg_temp.import(E'userName,addRoles,place,mood,flag,day,at,number,list,pair,bytes,id,"odd ""name",j,iv\n'
                         'a,Seller,here,sad,yes,1999-12-31,1999-12-31 23:59+01,1.234,"{1,2}","(1,2)",\\x00ff,00000000-0000-0000-0000-000000000001,abc,[1],1 day\n'
                         'b,Seller,,,,,,,,,,,,,\n'), 'completed created=2', 'are created');
SELECT results_eq('SELECT place::text, mood::text, flag::boolean, day, number, list, bytes, id <> gen_random_uuid(), "odd ""name"::text, j::text, iv FROM shop.typed ORDER BY login',
                  $$VALUES ('here', 'sad', true, '1999-12-31'::date, 1.23, '{1,2}'::int[], '\x00ff'::bytea, true, 'abc', '[1]', '1 day'::interval),
                           ('nowhere', 'ok', NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, NULL)$$, 'with their defaults, a domain''s too');
SELECT is(pg_temp.import(E'userName,addRoles,place,mood,flag,day,at,number,list,pair,bytes,id,"odd ""name",j,iv\n'
                         'a,Seller,here,sad,t,31 Dec 1999,1999-12-31 22:59Z,1.230,"{1, 2}","(1,2)",\\x00FF,{00000000-0000-0000-0000-000000000001},abc,[1],24:00\n', 'Update Only'),
          'completed unchanged=1', 'the same values in another form are unchanged');
SELECT is(pg_temp.import(E'userName,place,mood,flag,day,"odd ""name"\na,hell,,,,\na,_EMPTY_VALUE_,,,,\na,,glad,,,\na,,,maybe,,\na,,,,1999-13-01,\na,,,,,abcd\na,,,,,_EMPTY_VALUE_\nroot,,,,,\n'),
          'completed updated=1 rejected=7 (invalid_value 23514, invalid_value, invalid_value 22P02, invalid_value 22P02, invalid_value 22008, invalid_value 22001, invalid_value 23514)',
          'what their types do not take is rejected');
SAVEPOINT cleared;
SELECT is(pg_temp.import(E'userName,flag,day,number,list,bytes,j,iv\na,_EMPTY_VALUE_,_EMPTY_VALUE_,_EMPTY_VALUE_,_EMPTY_VALUE_,_EMPTY_VALUE_,_EMPTY_VALUE_,_EMPTY_VALUE_\n'),
          'completed updated=1', '"_EMPTY_VALUE_" clears a column of any type');
SELECT results_eq('SELECT flag::boolean, day, number, list, bytes, j::text, iv FROM shop.typed WHERE login = ''a''', 'SELECT NULL::boolean, NULL::date, NULL::numeric, NULL::int[], NULL::bytea, NULL::text, NULL::interval', 'which is NULL then');
SELECT is((SELECT updated FROM customer_import.undo_import((SELECT max(id) FROM customer_import.imports))), 1::bigint, 'an undo gives the values back');
SELECT results_eq('SELECT day, number, list, bytes, j::text, iv FROM shop.typed WHERE login = ''a''',
                  $$VALUES ('1999-12-31'::date, 1.23, '{1,2}'::int[], '\x00ff'::bytea, '[1]', '1 day'::interval)$$, 'as they were');
ROLLBACK TO cleared;
SELECT is(pg_temp.import((SELECT E'userName,place\na,' || string_agg(md5(n::text), '') FROM generate_series(1, 1000) AS n)), 'completed updated=1', 'a value that is stored out of line');
SELECT is(pg_temp.import((SELECT E'userName,place\na,' || string_agg(md5(n::text), '') FROM generate_series(1, 1000) AS n)), 'completed unchanged=1', 'is known again');
SELECT is(pg_temp.import(E'userName,roles\na,"Seller,administrator,superuser,importEdit"\n'), 'completed rejected=1 (invalid_value 23514)', 'also by a domain on the roles');
SELECT lives_ok('SELECT customer_import.detach_customers_table()', 'detached');

-- A partitioned table whose partitions differ in shape
CREATE TABLE shop.parts (id bigint GENERATED BY DEFAULT AS IDENTITY, login text COLLATE "de-x-icu" PRIMARY KEY, place text DEFAULT 'x', roles text[]) PARTITION BY HASH (login);
CREATE TABLE shop.part_0 PARTITION OF shop.parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE shop.part_1 (roles text[], gone int, place text DEFAULT 'y', login text COLLATE "de-x-icu" NOT NULL, id bigint NOT NULL);
ALTER TABLE shop.part_1 DROP COLUMN gone;
ALTER TABLE shop.parts ATTACH PARTITION shop.part_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TEMPORARY TABLE before_parts AS SELECT relation, pg_temp.shape(relation) AS shape FROM unnest('{shop.parts,shop.part_0,shop.part_1}'::regclass[]) AS relation;
SELECT lives_ok($$SELECT customer_import.attach_customers_table('shop.parts', 'login', 'roles', '{"place": "place"}')$$, 'a partitioned table');
SELECT is(pg_temp.import((SELECT E'userName,addRoles,place\n' || string_agg(name || ',seller,' || repeat('p', n % 2), E'\n')
                            FROM (SELECT n, CASE n % 3 WHEN 0 THEN 'ä' WHEN 1 THEN 'Z' ELSE 'a' END || n AS name FROM generate_series(1, 3000) AS n) AS s)), 'completed created=3000', 'creates');
SELECT is((SELECT count(*) FROM shop.parts WHERE place IN ('x', 'p') AND roles = '{Seller}'), 3000::bigint, 'with the defaults of the table');
SELECT is((SELECT count(*) FROM shop.part_1) BETWEEN 1300 AND 1700, true, 'in all partitions');
SELECT is(pg_temp.import((SELECT E'userName,removeRoles,place\n' || string_agg(login || ',seller,q', E'\n') FROM shop.parts)), 'completed updated=3000', 'updates');
SELECT is((SELECT count(*) FROM shop.parts WHERE place = 'q' AND roles = '{}'), 3000::bigint, 'all of them');
SELECT string_agg(login || ',seller,q', E'\n') AS records FROM shop.parts \gset
CREATE TEMPORARY VIEW scans AS SELECT sum(pg_stat_get_xact_numscans(relid)) AS tables FROM pg_partition_tree('shop.parts') WHERE isleaf;
CREATE TEMPORARY TABLE scans_before AS TABLE scans;
SELECT is(pg_temp.import(E'userName,removeRoles,place\n' || :'records'), 'completed unchanged=3000', 'and finds nothing to do');
SELECT is((TABLE scans), (TABLE scans_before), 'by the index alone, whatever its collation');
SELECT lives_ok($$SELECT customer_import.detach_customers_table()$$, 'detached');
SELECT is(pg_temp.shape(relation), shape, format('%s is as it was', relation)) FROM before_parts;

SELECT * FROM finish();
ROLLBACK;
