-- Which role counts as which operator: the current role, whatever session, membership, ownership or function it came by; and what a DBA's
-- own policies make of current_operator().
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(91);

CREATE ROLE regress_id_ann;         -- all four codes
CREATE ROLE regress_id_bob;         -- all four codes
CREATE ROLE regress_id_view;        -- customerView
CREATE ROLE regress_id_admin;
CREATE ROLE regress_id_owner;       -- administrator; makes the table
CREATE ROLE regress_id_member IN ROLE regress_id_ann;
CREATE ROLE regress_id_admins_member NOINHERIT IN ROLE regress_id_admin;
CREATE ROLE regress_id_bypass BYPASSRLS;
CREATE ROLE regress_id_stranger;
CREATE ROLE regress_id_gateway;
CREATE ROLE regress_id_super SUPERUSER;
CREATE SCHEMA regress_shop;
GRANT USAGE, CREATE ON SCHEMA regress_shop TO regress_id_owner, regress_id_ann, regress_id_admin;
GRANT USAGE ON SCHEMA regress_shop TO PUBLIC;
DO $$
DECLARE
    four text[] := '{customerView,customerEdit,importView,importEdit}';
BEGIN
    PERFORM customer_import.add_operator('regress_id_ann', roles => four);
    PERFORM customer_import.add_operator('regress_id_bob', roles => four);
    PERFORM customer_import.add_operator('regress_id_view', roles => '{customerView}');
    PERFORM customer_import.add_operator('regress_id_admin', roles => '{administrator}');
    PERFORM customer_import.add_operator('regress_id_owner', roles => '{administrator}');
    PERFORM customer_import.grant_gateway('regress_id_gateway');
    PERFORM customer_import.add_role_codes('{buyer}');
END
$$;

--
-- An administrator makes the table and owns it
--
SET LOCAL SESSION AUTHORIZATION regress_id_owner;
SELECT is(customer_import.create_customers_table('regress_shop.customers')::text, 'regress_shop.customers', 'an administrator makes the table in its schema');
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SELECT is((SELECT relowner::regrole::text FROM pg_class WHERE oid = 'regress_shop.customers'::regclass), 'regress_id_owner', 'and owns it');
SELECT is_empty($$SELECT a.* FROM pg_class, aclexplode(relacl) AS a WHERE oid = 'regress_shop.customers'::regclass AND a.grantor <> relowner$$, 'all is granted by its owner');
INSERT INTO regress_shop.customers (user_name, email, company, roles) VALUES
    ('a1', 'a1@example.com', 'regress_id_ann', '{buyer}'), ('a2', 'a2@example.com', 'regress_id_ann', '{}'), ('b1', 'b1@example.com', 'regress_id_bob', '{buyer}');
CREATE ROLE regress_id_new;
SELECT is(pg_temp.attempt('regress_id_admin', NULL, $$SELECT customer_import.add_operator('regress_id_new', roles => '{customerView,customerEdit}')$$,
                          $$SELECT string_agg(privilege_type || ' by ' || grantor::regrole, ', ' ORDER BY privilege_type) FROM pg_class, aclexplode(relacl) WHERE oid = 'regress_shop.customers'::regclass AND grantee = 'regress_id_new'::regrole$$),
          'ok  => DELETE by regress_id_owner, INSERT by regress_id_owner, SELECT by regress_id_owner, UPDATE by regress_id_owner', 'another administrator''s operators are granted by the owner too');
SELECT is(pg_temp.attempt('regress_id_admin', NULL, $$SELECT customer_import.alter_operator('regress_id_view', active => false)$$,
                          $$SELECT count(*) FROM pg_class, aclexplode(relacl) WHERE oid = 'regress_shop.customers'::regclass AND grantee = 'regress_id_view'::regrole$$), 'ok  => 0', 'and are revoked');
SELECT is(pg_temp.attempt('regress_id_owner', NULL, 'SELECT count(*) FROM regress_shop.customers'), 'ok 3', 'the owner sees the customers as an administrator');
SELECT is(pg_temp.attempt('regress_id_owner', NULL, 'SELECT customer_import.detach_customers_table()', $$SELECT string_agg(DISTINCT grantee::regrole::text, ',') FROM pg_class, aclexplode(relacl) WHERE oid = 'regress_shop.customers'::regclass$$),
          'ok  => regress_id_owner', 'and may detach');
SELECT customer_import.alter_operator('regress_id_owner', roles => '{}') AS altered \gset
SELECT is(pg_temp.attempt('regress_id_owner', NULL, 'SELECT count(*) FROM regress_shop.customers'), 'ok 0', 'without rights the owner sees none');
SELECT is(pg_temp.attempt('regress_id_owner', NULL, $$UPDATE regress_shop.customers SET company = 'x'$$), 'ok 0', 'changes none');
SELECT is(pg_temp.attempt('regress_id_owner', NULL, 'DELETE FROM regress_shop.customers'), 'ok 0', 'deletes none');
SELECT is(pg_temp.attempt('regress_id_owner', NULL, $$INSERT INTO regress_shop.customers (user_name) VALUES ('new')$$), '42501 new row violates row-level security policy for table "customers"', 'and makes none');
SELECT is(pg_temp.attempt('regress_id_owner', NULL, $$SELECT customer_import.detach_customers_table()$$), '42501 permission denied for function detach_customers_table', 'nor may it detach');

--
-- Roles and sessions
--
SELECT is(pg_temp.attempt(who, acts_as, 'SELECT concat_ws('' '', COALESCE(customer_import.current_operator(), ''NULL''), customer_import.is_admin(), customer_import.may_view_customers())'), 'ok ' || expected, name)
  FROM (VALUES ('regress_id_ann', NULL, 'regress_id_ann f t', 'an operator'),
               ('regress_id_admin', NULL, 'regress_id_admin t t', 'an administrator'),
               ('regress_id_stranger', NULL, 'NULL f f', 'a stranger'),
               ('regress_id_member', NULL, 'NULL f f', 'a member of an operator''s role is no operator'),
               ('regress_id_bypass', NULL, 'NULL f f', 'nor is who bypasses row security'),
               ('regress_id_gateway', NULL, 'NULL f f', 'nor a gateway that acts as nobody'),
               ('regress_id_gateway', 'regress_id_ann', 'regress_id_ann f t', 'a gateway that acts as an operator'),
               ('regress_id_super', NULL, 'regress_id_super t t', 'a superuser')) AS t (who, acts_as, expected, name);
SELECT is(pg_temp.attempt('regress_id_member', NULL, 'SELECT count(*) FROM regress_shop.customers'), 'ok 0', 'a member has the grants, but sees no customer');
SELECT is(pg_temp.attempt('regress_id_member', NULL, $$SELECT pg_temp.import(E'userName,addRoles\na1,buyer\n')$$), '42501 permission denied to import customers | Role "regress_id_member" is not an operator.', 'and does not import');
SELECT is(pg_temp.attempt('regress_id_member', NULL, $$DO $do$BEGIN SET LOCAL ROLE regress_id_ann; IF (SELECT count(*) FROM regress_shop.customers) = 3 AND customer_import.current_operator() = 'regress_id_ann' THEN RAISE 'is he'; END IF; END $do$ $$),
          'P0001 is he', 'after SET ROLE it is the operator');
SELECT is(pg_temp.attempt('regress_id_member', NULL, $$DO $do$BEGIN SET LOCAL ROLE regress_id_ann; RESET ROLE; IF (SELECT count(*) FROM regress_shop.customers) = 0 AND customer_import.current_operator() IS NULL THEN RAISE 'is nobody'; END IF; END $do$ $$),
          'P0001 is nobody', 'after RESET ROLE no more');
SELECT matches(pg_temp.attempt('regress_id_super', NULL, $$DO $do$BEGIN SET LOCAL ROLE regress_id_ann; IF NOT customer_import.is_admin() AND customer_import.current_operator() = 'regress_id_ann' THEN
                   UPDATE regress_shop.customers SET roles = '{administrator}'; END IF; END $do$ $$), '^42501 .*\[customer_import_grant_ceiling\]$', 'a superuser who has become an operator is one');
SELECT is(pg_temp.attempt('regress_id_admins_member', NULL, 'SELECT customer_import.add_operator(''x'')'), '42501 permission denied for function add_operator', 'a member without inheritance has nothing');
SELECT is(pg_temp.attempt('regress_id_super', NULL, $$SELECT pg_temp.import(E'userName,addRoles\na1,administrator\n')$$, $$SELECT operator || ' ' || database_role FROM customer_import.imports ORDER BY id DESC LIMIT 1$$),
          'ok completed updated=1 => regress_id_super regress_id_super', 'a superuser''s import bears its name');

-- A role that bypasses row security has grants of the DBA only, and still exceeds no ceiling
GRANT SELECT, INSERT, UPDATE, DELETE ON regress_shop.customers TO regress_id_bypass;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_import TO regress_id_bypass;
GRANT SELECT ON ALL TABLES IN SCHEMA customer_import TO regress_id_bypass;
SELECT is(pg_temp.attempt('regress_id_bypass', NULL, 'SELECT count(*) FROM regress_shop.customers'), 'ok 3', 'who bypasses row security sees the customers');
SELECT is(pg_temp.attempt('regress_id_bypass', NULL, $$UPDATE regress_shop.customers SET roles = '{}' WHERE user_name = 'a1'$$), 'ok 1', 'changes ordinary codes');
SELECT matches(pg_temp.attempt('regress_id_bypass', NULL, $$UPDATE regress_shop.customers SET roles = '{administrator}' WHERE user_name = 'a1'$$), 
               (SELECT CASE WHEN created THEN '^42501 .*\[customer_import_grant_ceiling\]$' ELSE '^ok 1$' END FROM customer_import.customers_table), 'but no privileged ones, on a created table');
SELECT is(pg_temp.attempt('regress_id_bypass', NULL, $$SELECT pg_temp.import(E'userName,addRoles\na1,buyer\n')$$), '42501 permission denied to import customers | Role "regress_id_bypass" is not an operator.', 'and does not import');

-- row_security = off raises errors instead of showing less
SELECT matches(pg_temp.attempt(who, NULL, $$DO $do$BEGIN SET LOCAL row_security = off; PERFORM count(*) FROM regress_shop.customers; END $do$ $$), '^42501 query would be affected by row-level security policy for table "customers"', 'row_security = off: ' || who)
  FROM unnest('{regress_id_view,regress_id_admin,regress_id_owner}'::text[]) AS who;
SELECT matches(pg_temp.attempt('regress_id_ann', NULL, $$DO $do$BEGIN SET LOCAL row_security = off; PERFORM customer_import.import_customers(E'userName,addRoles\na2,buyer\n', 'Update Only'); END $do$ $$),
               '^42501 query would be affected by row-level security policy', 'an import does not go round it');
SELECT is(pg_temp.attempt('regress_id_super', NULL, $$DO $do$BEGIN SET LOCAL row_security = off; PERFORM customer_import.import_customers(E'userName,addRoles\na2,buyer\n', 'Update Only'); END $do$ $$), 'ok 0', 'a superuser''s does not need it');

--
-- Functions and views of others
--
CREATE FUNCTION regress_shop.look() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    RETURN concat_ws(' ', customer_import.current_operator(), customer_import.is_admin(), (SELECT count(*) FROM regress_shop.customers));
END
$$;
CREATE FUNCTION regress_shop.load(csv text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    RETURN (customer_import.import_customers(csv, 'Create & Update')).state;
END
$$;
ALTER FUNCTION regress_shop.look() OWNER TO regress_id_ann;
ALTER FUNCTION regress_shop.load(text) OWNER TO regress_id_admin;
SELECT is(pg_temp.attempt('regress_id_stranger', NULL, 'SELECT regress_shop.look()'), 'ok regress_id_ann f 3', 'a SECURITY DEFINER function counts as its owner');
SELECT is(pg_temp.attempt('regress_id_admin', NULL, 'SELECT regress_shop.look()'), 'ok regress_id_ann f 3', 'also for one who may more');
SELECT is(pg_temp.attempt('regress_id_gateway', 'regress_id_bob', 'SELECT regress_shop.look()'), 'ok regress_id_ann f 3', 'and for a gateway that acts as another');
SELECT is(pg_temp.attempt('regress_id_gateway', 'regress_id_bob', $$SELECT regress_shop.look() || ', ' || customer_import.current_operator()$$), 'ok regress_id_ann f 3, regress_id_bob', 'which acts as it again afterwards');
SELECT is(pg_temp.attempt('regress_id_ann', NULL, $$SELECT regress_shop.load(E'userName,addRoles\na1,administrator\n')$$, $$SELECT operator || ' ' || database_role || ' ' || updated FROM customer_import.imports ORDER BY id DESC LIMIT 1$$),
          'ok completed => regress_id_admin regress_id_admin 1', 'an import in it is its owner''s');
SELECT is(pg_temp.attempt('regress_id_stranger', NULL, $$SELECT regress_shop.load(E'userName,addRoles\na1,administrator\n')$$, $$SELECT operator FROM customer_import.imports ORDER BY id DESC LIMIT 1$$),
          'ok completed => regress_id_admin', 'whoever calls it');
SELECT customer_import.alter_operator('regress_id_ann', active => false) AS altered \gset
SELECT is(pg_temp.attempt('regress_id_admin', NULL, 'SELECT regress_shop.look()'), '42501 permission denied for table customers', 'when its owner is switched off it is of no use');
SELECT customer_import.alter_operator('regress_id_ann', active => true) AS altered \gset
CREATE VIEW regress_shop.of_admin AS SELECT * FROM regress_shop.customers;
ALTER VIEW regress_shop.of_admin OWNER TO regress_id_admin;
GRANT ALL ON regress_shop.of_admin TO regress_id_stranger, regress_id_view;
SELECT is(pg_temp.attempt('regress_id_stranger', NULL, 'SELECT count(*) FROM regress_shop.of_admin'), 'ok 0', 'the view of an administrator shows a stranger nothing');
SELECT is(pg_temp.attempt('regress_id_view', NULL, 'SELECT count(*) FROM regress_shop.of_admin'), 'ok 3', 'and others what they may see');
SELECT is(pg_temp.attempt('regress_id_view', NULL, 'DELETE FROM regress_shop.of_admin'), 'ok 0', 'and change');

--
-- Policies of the DBA: each operator has the customers of its company
--
CREATE POLICY company ON regress_shop.customers AS RESTRICTIVE
    USING ((SELECT customer_import.current_operator()) IN (company, 'regress_id_admin', 'regress_id_super'));
SELECT is(pg_temp.attempt(COALESCE(gateway, who), CASE WHEN gateway IS NOT NULL THEN who END, statement, look), expected, concat_ws(' ', COALESCE(gateway, 'logged in') || ':', name))
  FROM (VALUES (1, 'regress_id_ann', $$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM regress_shop.customers$$, NULL, 'ok a1 a2', 'it sees its customers'),
               (2, 'regress_id_bob', $$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM regress_shop.customers$$, NULL, 'ok b1', 'it sees its own'),
               (3, 'regress_id_ann', $$UPDATE regress_shop.customers SET phone = '1'$$, NULL, 'ok 2', 'changes them'),
               (4, 'regress_id_ann', $$UPDATE regress_shop.customers SET company = 'regress_id_bob' WHERE user_name = 'a1'$$, NULL, '42501 new row violates row-level security policy "company" for table "customers"', 'gives none away'),
               (5, 'regress_id_ann', $$SELECT pg_temp.import(E'userName,addRoles\na2,buyer\n')$$, NULL, 'ok completed updated=1', 'imports them'),
               (6, 'regress_id_ann', $$SELECT pg_temp.import(E'userName,addRoles,email\nb1,buyer,x@example.com\na2,buyer,\n', 'Update Only')$$, $$SELECT email FROM regress_shop.customers WHERE user_name = 'b1'$$,
                'ok completed updated=1 skipped=1 (not_found) => b1@example.com', 'Update Only: one of others is not found'),
               (7, 'regress_id_ann', $$SELECT pg_temp.import(E'userName,addRoles,company,email\nb1,buyer,regress_id_ann,x@example.com\na2,buyer,,\n')$$, $$SELECT concat_ws(' ', company, email) FROM regress_shop.customers WHERE user_name = 'b1'$$,
                'ok completed updated=1 rejected=1 (not_permitted) => regress_id_bob b1@example.com', 'Create & Update: one of others is not permitted'),
               (8, 'regress_id_ann', $$SELECT pg_temp.import(E'userName,addRoles,company\nb1,buyer,regress_id_ann\nnew,buyer,regress_id_ann\n', 'Create Only')$$, $$SELECT string_agg(user_name || '-' || company, ' ' ORDER BY user_name) FROM regress_shop.customers$$,
                'ok completed created=1 rejected=1 (not_permitted) => a1-regress_id_ann a2-regress_id_ann b1-regress_id_bob new-regress_id_ann', 'Create Only as well'),
               (9, 'regress_id_ann', $$SELECT pg_temp.import(E'userName,company\nnew,regress_id_bob\nnewer,regress_id_ann\n')$$, $$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM regress_shop.customers$$,
                'ok completed created=1 rejected=1 (not_permitted 42501) => a1 a2 b1 newer', 'a new one for others is refused by the policy'),
               (10, 'regress_id_ann', $$SELECT pg_temp.import(E'userName,company,addRoles\na1,regress_id_bob,\na2,,buyer\n')$$, $$SELECT string_agg(user_name || '-' || company || roles::text, ' ' ORDER BY user_name) FROM regress_shop.customers$$,
                'ok completed updated=1 rejected=1 (not_permitted 42501) => a1-regress_id_ann{buyer} a2-regress_id_ann{buyer} b1-regress_id_bob{buyer}', 'and giving one away'),
               (11, 'regress_id_ann', $$SELECT pg_temp.import(E'userName,phone,company\nB1,1,regress_id_ann\nA1,1,\nb1,2,regress_id_ann\n')$$, NULL, 'ok completed updated=1 rejected=2 (not_permitted, not_permitted)', 'one of others repeatedly')
       ) AS t (number, who, statement, look, expected, name)
 CROSS JOIN (VALUES (NULL), ('regress_id_gateway')) AS g (gateway) ORDER BY gateway, number;
SELECT matches(pg_temp.attempt('regress_id_ann', NULL, $$SELECT pg_temp.import('userName,company' || E'\n' || string_agg('new' || i || ',regress_id_bob', E'\n') || E'\nb1,regress_id_ann\nzlast,regress_id_ann\n') FROM generate_series(1, 1200) AS i$$,
                               $$SELECT count(*) FROM regress_shop.customers$$), '^ok completed created=1 rejected=1201 \(not_permitted.* => 4$', '1,201 refused records at the beginning do not end an import');
SELECT is(pg_temp.attempt('regress_id_admin', NULL, $$SELECT pg_temp.import(E'userName,addRoles\na2,buyer\nb1,administrator\n')$$), 'ok completed updated=2', 'who may by that policy imports all');
-- An issue tells nothing of the customers of others
SELECT is(pg_temp.attempt('regress_id_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles,company\nb1,buyer,regress_id_ann\n')$$,
                          $$SELECT concat_ws('|', code, column_name, value, message, detail, hint) ~ 'regress_id_bob|b1@example|buyer' FROM customer_import.import_issues ORDER BY import_id DESC LIMIT 1$$),
          'ok completed rejected=1 (not_permitted) => false', 'the issue tells nothing of him');
SELECT is(pg_temp.attempt('regress_id_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles,company\nb1,buyer,regress_id_ann\n')$$, $$SELECT c::text FROM customer_import.import_changes AS c ORDER BY import_id DESC LIMIT 1$$),
          'ok completed rejected=1 (not_permitted) => NULL', 'nor does the change log');

-- A policy for writing only, and one of the application for its own role
DROP POLICY company ON regress_shop.customers;
CREATE POLICY few ON regress_shop.customers AS RESTRICTIVE FOR UPDATE USING (company = (SELECT customer_import.current_operator()));
SELECT is(pg_temp.attempt('regress_id_ann', NULL, $$SELECT pg_temp.import(E'userName,phone,addRoles\na1,1,\nb1,1,\nnew,1,\n')$$, $$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM regress_shop.customers WHERE phone = '1'$$),
          'ok completed created=1 updated=1 rejected=1 (not_permitted) => a1 new', 'one whom it sees but may not write is not permitted');
SELECT is(pg_temp.attempt('regress_id_ann', NULL, $$SELECT pg_temp.import(E'userName,phone\na1,1\nb1,1\n', 'Update Only')$$), 'ok completed updated=1 rejected=1 (not_permitted)', 'also in Update Only');
SELECT matches(pg_temp.attempt('regress_id_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles\nb1,buyer\n')$$), '^ok completed (unchanged=1|rejected=1 \(not_permitted\))$', 'also when nothing would change, or it is unchanged');
DROP POLICY few ON regress_shop.customers;
CREATE POLICY app ON regress_shop.customers TO regress_id_stranger USING (company = 'regress_id_bob');
GRANT SELECT, UPDATE ON regress_shop.customers TO regress_id_stranger;
SELECT is(pg_temp.attempt('regress_id_stranger', NULL, 'SELECT user_name FROM regress_shop.customers'), 'ok b1', 'an application''s role sees what a policy of the DBA shows it');
SELECT matches(pg_temp.attempt('regress_id_stranger', NULL, $$UPDATE regress_shop.customers SET roles = '{superuser}'$$), 
               (SELECT CASE WHEN created THEN '^42501 .*\[customer_import_grant_ceiling\]$' ELSE '^ok 1$' END FROM customer_import.customers_table), 'and stays below the ceiling of a created table');

--
-- Rights that are lost in the middle of an import: nothing of it stays
--
DROP POLICY app ON regress_shop.customers;
CREATE TABLE regress_shop.change (statement text);
INSERT INTO regress_shop.change VALUES ('SELECT 1');
CREATE FUNCTION regress_shop.change_at(user_name text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF user_name = 'm15' THEN
        EXECUTE (SELECT statement FROM regress_shop.change);
    END IF;
    RETURN true;
END
$$;
-- It is asked last of all, so that the record itself still goes well
CREATE POLICY change ON regress_shop.customers AS RESTRICTIVE FOR SELECT USING (regress_shop.change_at(user_name));
CREATE FUNCTION pg_temp.import_fifty() RETURNS text LANGUAGE sql AS $$
    SELECT format('%s: %s created, %s updated, %s rejected, %s unprocessed', state, created, updated, rejected, unprocessed)
      FROM customer_import.import_customers('userName,addRoles' || E'\n' || (SELECT string_agg(concat_ws(',', 'm' || i, CASE i WHEN 3 THEN 'byer' ELSE 'buyer' END), E'\n') FROM generate_series(1, 50) AS i), 'Create & Update')
$$;
CREATE FUNCTION pg_temp.import_while(what text, who text, acts_as text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE regress_shop.change SET statement = what;
    RETURN pg_temp.attempt(who, acts_as, 'SELECT pg_temp.import_fifty()',
        $look$SELECT format('%s, %s customers, %s changes', (SELECT state FROM customer_import.imports ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM regress_shop.customers), (SELECT count(*) FROM customer_import.import_changes))$look$);
END
$$;
SET LOCAL customer_import.batch_rows = 1;
SELECT is(pg_temp.import_while('SELECT 1', 'regress_id_ann', NULL), 'ok completed: 49 created, 0 updated, 1 rejected, 0 unprocessed => completed, 52 customers, 49 changes', 'an import in many batches');
SELECT is(pg_temp.import_while(what, who, acts_as), 'ok denied: 0 created, 0 updated, 1 rejected, 49 unprocessed => denied, 3 customers, 0 changes', format('%s%s: %s', who, ' as ' || acts_as, what))
  FROM (VALUES ('regress_id_ann', NULL, $$SELECT customer_import.alter_operator('regress_id_ann', active => false)$$),
               ('regress_id_ann', NULL, $$SELECT customer_import.alter_operator('regress_id_ann', roles => '{customerView,customerEdit,importView}')$$),
               ('regress_id_ann', NULL, $$SELECT customer_import.alter_operator('regress_id_ann', roles => '{importView,importEdit}')$$),
               ('regress_id_ann', NULL, $$SELECT customer_import.remove_operator('regress_id_ann')$$),
               ('regress_id_admin', NULL, $$SELECT customer_import.alter_operator('regress_id_admin', roles => '{customerView}')$$),
               ('regress_id_gateway', 'regress_id_ann', $$SELECT customer_import.alter_operator('regress_id_ann', active => false)$$),
               ('regress_id_gateway', 'regress_id_ann', $$SELECT customer_import.alter_operator('regress_id_ann', roles => '{customerView}')$$),
               ('regress_id_gateway', 'regress_id_ann', $$SELECT customer_import.alter_operator('regress_id_ann', roles => '{administrator}')$$),
               ('regress_id_gateway', 'regress_id_ann', $$SELECT customer_import.revoke_gateway('regress_id_gateway')$$)) AS t (who, acts_as, what);
SELECT is(pg_temp.import_while($$SELECT customer_import.alter_operator('regress_id_ann', roles => '{administrator}')$$, 'regress_id_ann', NULL), 'ok completed: 49 created, 0 updated, 1 rejected, 0 unprocessed => completed, 52 customers, 49 changes', 'who becomes an administrator goes on');
SELECT matches(pg_temp.attempt('regress_id_ann', NULL, 'SELECT message FROM customer_import.import_customers(E''userName,addRoles\nm15,buyer\nm16,buyer\n'', ''Create & Update'')'), 'may not|denied|right|lacks|active', 'the message says why')
  FROM (SELECT pg_temp.import_while($$SELECT customer_import.alter_operator('regress_id_ann', roles => '{customerView,customerEdit,importView}')$$, 'regress_id_ann', NULL)) AS t;
-- In the middle of a batch the server may notice first: then it is an error
DROP POLICY change ON regress_shop.customers;
CREATE FUNCTION regress_shop.change() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM regress_shop.change_at(NEW.user_name); RETURN NULL; END$$;
CREATE TRIGGER change AFTER INSERT ON regress_shop.customers FOR EACH ROW EXECUTE FUNCTION regress_shop.change();
SET LOCAL customer_import.batch_rows = 1000;
SELECT matches(pg_temp.import_while($$SELECT customer_import.alter_operator('regress_id_ann', active => false)$$, 'regress_id_ann', NULL), '^(ok denied: 0 created|42501 ).*, 3 customers, 0 changes$', 'in the middle of a batch nothing stays either');
DROP TRIGGER change ON regress_shop.customers;

-- Renaming a role does not leave the operator behind
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN ALTER ROLE regress_id_ann RENAME TO regress_id_anna; SET LOCAL ROLE regress_id_anna; IF customer_import.current_operator() = 'regress_id_ann' THEN RAISE 'still there'; END IF; END $do$ $$),
          'P0001 still there', 'an operator is a role, whatever that is called');

SELECT * FROM finish();
ROLLBACK;
