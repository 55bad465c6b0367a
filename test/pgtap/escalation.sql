-- The grant ceiling: an operator with all four codes, but not administrator, tries to give or take what it may not: by
-- files, by hand, by way of catalog, operators, roles, settings and objects of its own. After each try everything is
-- as before. And what looks like it but changes no privileged code goes through.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;

CREATE ROLE regress_esc_ann;
CREATE ROLE regress_esc_jose;
CREATE ROLE regress_esc_cleo;
CREATE ROLE regress_esc_admin;
CREATE ROLE regress_esc_gateway;
CREATE SCHEMA regress_mine;
GRANT ALL ON SCHEMA regress_mine TO regress_esc_ann, regress_esc_jose, regress_esc_cleo, regress_esc_gateway;
GRANT pg_read_server_files TO regress_esc_ann, regress_esc_gateway;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer,approver,oldCode}');
    PERFORM customer_import.add_role_codes('{treasurer,vip}', privileged => true);
    -- Ann is the customer of its name and that of its e-mail; José that of its user name only; Cleo no customer as yet
    PERFORM customer_import.add_operator('regress_esc_ann', 'Ann.Lee@Example.com', '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_operator('regress_esc_jose', 'jose@example.com', '{customerView,customerEdit,importView,importEdit}', user_name => 'José');
    PERFORM customer_import.add_operator('regress_esc_cleo', 'Strasse@Example.com', '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_operator('regress_esc_admin', 'admin@example.com', '{administrator}');
    PERFORM customer_import.grant_gateway('regress_esc_gateway');
END
$$;
INSERT INTO public.customers (user_name, roles) VALUES
    ('regress_esc_ann', '{buyer}'), ('ann.lee@example.com', '{approver,oldCode}'), ('josé', '{buyer}'), ('regress_esc_jose', '{}'),
    ('regress_esc_admin', '{administrator}'), ('boss', '{administrator}'), ('holder', '{buyer,customerView}'), ('payer', '{treasurer}'),
    ('plain', '{buyer}'), ('empty', '{}'), ('old', '{oldCode,vip}');
SELECT customer_import.remove_role_codes('{oldCode,vip}') AS removed \gset

-- All that must stay
CREATE TEMPORARY VIEW facts AS
    SELECT 'customer' AS kind, user_name AS name, to_jsonb(c) || jsonb_build_object('ctid', ctid, 'xmin', xmin) AS fact FROM public.customers AS c
    UNION ALL SELECT 'role code', code, to_jsonb(r) FROM customer_import.role_codes AS r
    UNION ALL SELECT 'operator', name, to_jsonb(o) FROM customer_import.operators AS o
    UNION ALL SELECT 'gateway', name, to_jsonb(g) FROM customer_import.gateways AS g
    UNION ALL SELECT 'register', 'customers table', to_jsonb(t) FROM customer_import.customers_table AS t
    UNION ALL SELECT 'relation', oid::regclass::text, jsonb_build_object('acl', relacl, 'owner', relowner, 'rls', relrowsecurity, 'forced', relforcerowsecurity,
                                                                        'triggers', relhastriggers, 'rules', relhasrules, 'subclass', relhassubclass)
                FROM pg_class WHERE oid = 'public.customers'::regclass OR relnamespace = 'customer_import'::regnamespace
    UNION ALL SELECT 'policy', polname || ' on ' || polrelid::regclass, to_jsonb(p) FROM pg_policy AS p
    UNION ALL SELECT 'trigger', tgname || ' on ' || tgrelid::regclass, to_jsonb(t) FROM pg_trigger AS t WHERE tgrelid = 'public.customers'::regclass
    UNION ALL SELECT 'function', oid::regprocedure::text, jsonb_build_object('acl', proacl, 'source', prosrc, 'owner', proowner)
                FROM pg_proc WHERE pronamespace = 'customer_import'::regnamespace
    UNION ALL SELECT 'role', rolname, to_jsonb(r) FROM pg_roles AS r
    UNION ALL SELECT 'member', member::regrole || ' of ' || roleid::regrole, to_jsonb(m) FROM pg_auth_members AS m;
CREATE TEMPORARY TABLE facts_before AS TABLE facts;
CREATE FUNCTION pg_temp.changes() RETURNS text LANGUAGE sql AS $$
    SELECT COALESCE(string_agg(concat_ws(' ', kind, name, fact), '; '), 'nothing')
      FROM ((TABLE facts EXCEPT TABLE facts_before) UNION ALL (TABLE facts_before EXCEPT TABLE facts)) AS changed
$$;

CREATE TEMPORARY TABLE cases (
    number integer GENERATED ALWAYS AS IDENTITY, who text NOT NULL DEFAULT 'regress_esc_ann', name text PRIMARY KEY,
    statement text NOT NULL, expected text NOT NULL
);

-- By a file. Expected: "rejected" because of the ceiling; "unknown" because no code looks like that; else what is said
CREATE TEMPORARY TABLE files (name text, header text, records text, expected text DEFAULT 'rejected', mode text DEFAULT 'Create & Update',
                              who text DEFAULT 'regress_esc_ann', number integer GENERATED ALWAYS AS IDENTITY);
INSERT INTO files (name, header, records) VALUES
    ('administrator', 'addRoles', 'plain,administrator'),
    ('superuser', 'addRoles', 'plain,superuser'),
    ('a code that it has itself as an operator', 'addRoles', 'plain,customerView'),
    ('another one', 'addRoles', 'plain,importEdit'),
    ('all six', 'addRoles', 'empty,"administrator,superuser,customerView,customerEdit,importView,importEdit"'),
    ('a privileged code of the DBA', 'addRoles', 'plain,treasurer'),
    ('any case', 'addRoles', 'plain,aDMINIstrator'),
    ('with blanks around it', 'addRoles', E'plain,"  administrator\t "'),
    ('with blanks of Unicode around it', 'addRoles', U&'plain,\00A0administrator\3000'),
    ('in the middle of a list', 'addRoles', 'plain,"buyer; administrator; approver"'),
    ('behind a bar', 'addRoles', 'plain,buyer|administrator'),
    ('behind a line break', 'addRoles', E'plain,"buyer\nadministrator"'),
    ('repeated in many spellings', 'addRoles', 'plain,"administrator,Administrator,ADMINISTRATOR,administrator"'),
    ('as the last of 1,000', 'addRoles', 'plain,"' || repeat('buyer,', 999) || 'administrator"'),
    ('to somebody without roles', 'addRoles', 'empty,administrator'),
    ('to a holder of another one', 'addRoles', 'holder,administrator'),
    ('taken from its holder', 'removeRoles', 'boss,administrator'),
    ('taken in another case', 'removeRoles', 'holder,CUSTOMERVIEW'),
    ('taken with an ordinary one', 'removeRoles', 'holder,"buyer,customerView"'),
    ('one of the DBA taken', 'removeRoles', 'payer,treasurer'),
    ('one given, one taken', 'addRoles,removeRoles', 'holder,superuser,customerView'),
    ('given by a new set', 'roles', 'plain,"buyer,administrator"'),
    ('given by a new set to somebody without roles', 'roles', 'empty,SUPERUSER'),
    ('taken by a new set', 'roles', 'holder,buyer'),
    ('exchanged by a new set', 'roles', 'boss,superuser'),
    ('taken by clearing', 'roles', 'holder,_EMPTY_VALUE_'),
    ('one of the DBA taken by clearing', 'roles', 'payer,_EMPTY_VALUE_'),
    ('a new customer', 'addRoles', 'new,administrator'),
    ('a new customer with an ordinary code too', 'addRoles', 'new,"buyer,treasurer"'),
    ('a new customer by a set', 'roles', 'new,importEdit'),
    ('beside other fields', 'email,company,addRoles', 'plain,plain@example.com,Acme,administrator'),
    ('himself: an ordinary code more', 'addRoles', 'regress_esc_ann,approver'),
    ('himself: an ordinary code less', 'removeRoles', 'regress_esc_ann,buyer'),
    ('himself: a new set', 'roles', 'regress_esc_ann,approver'),
    ('himself: cleared', 'roles', 'regress_esc_ann,_EMPTY_VALUE_'),
    ('himself: a privileged code', 'addRoles', 'regress_esc_ann,administrator'),
    ('himself, folded differently', 'addRoles', '" REGRESS_esc_Ann ",approver'),
    ('himself by the e-mail', 'addRoles', 'ann.lee@example.com,buyer'),
    ('himself by the e-mail, folded differently', 'removeRoles', 'ANN.Lee@Example.Com,approver'),
    ('himself: a code that the catalog has lost', 'removeRoles', 'ann.lee@example.com,oldCode'),
    ('himself beside other fields', 'phone,addRoles', 'regress_esc_ann,1,approver');
INSERT INTO files (who, name, header, records) VALUES
    ('regress_esc_jose', 'herself by her user name', 'addRoles', 'josé,approver'),
    ('regress_esc_jose', 'herself decomposed', 'addRoles', U&'jose\0301,approver'),
    ('regress_esc_jose', 'herself in capitals, decomposed', 'removeRoles', U&'JOSE\0301,buyer'),
    ('regress_esc_cleo', 'comes to be himself', 'active', 'regress_esc_cleo,true'),
    ('regress_esc_cleo', 'comes to be himself with a code', 'addRoles', 'Regress_Esc_Cleo,buyer'),
    ('regress_esc_cleo', 'comes to be himself by the e-mail', 'addRoles', 'strasse@example.com,'),
    ('regress_esc_cleo', 'comes to be himself by a letter that folds to two', 'addRoles', 'STRAẞE@example.com,buyer');
INSERT INTO files (name, header, records, expected) VALUES
    ('Cyrillic letter', 'addRoles', U&'plain,\0430dministrator', 'unknown'),
    ('full-width letters', 'addRoles', U&'plain,\FF41\FF44ministrator', 'unknown'),
    ('zero-width space', 'addRoles', U&'plain,administrator\200B', 'unknown'),
    ('zero-width joiner inside', 'addRoles', U&'plain,admin\200Distrator', 'unknown'),
    ('combining mark', 'addRoles', U&'plain,administrator\0301', 'unknown'),
    ('dotless i', 'addRoles', U&'plain,adm\0131nistrator', 'unknown'),
    ('dotted capital I', 'addRoles', U&'plain,ADM\0130N\0130STRATOR', 'unknown'),
    ('long s', 'addRoles', U&'plain,\017Fuperuser', 'unknown'),
    ('written from right to left', 'addRoles', U&'plain,\202Eadministrator', 'unknown'),
    ('soft hyphen', 'addRoles', U&'plain,administra\00ADtor', 'unknown'),
    ('byte order mark', 'addRoles', U&'plain,\FEFFadministrator', 'unknown'),
    ('look-alike in a new set', 'roles', U&'holder,\0441ustomerView', 'unknown'),
    ('privileged once, lost since', 'addRoles', 'plain,vip', 'unknown'),
    ('more than 1,000 codes', 'addRoles', 'plain,"administrator' || (SELECT string_agg(',c' || i, '') FROM generate_series(1, 1000) AS i) || '"', '^(54000|22P04) '),
    ('two at once', 'addRoles', 'plain,"administrator,superuser"', '^ok completed rejected=1 \(role_not_grantable, role_not_grantable\)$'),
    ('two at once for a new customer', 'addRoles', 'new,"administrator,superuser"', '^ok completed rejected=1 \(role_not_grantable, role_not_grantable\)$'),
    ('beside an unknown one', 'addRoles,removeRoles', 'plain,administrator,nobodys', '^ok completed rejected=1 \(unknown_role, role_not_grantable\)$'),
    ('given and taken', 'addRoles,removeRoles', 'boss,superuser,administrator', '^ok completed rejected=1 \(role_not_grantable, role_not_grantable\)$'),
    ('the same record twice', 'addRoles', E'plain,administrator\nplain,administrator', '^ok completed rejected=2 \(role_not_grantable, role_not_grantable\)$'),
    ('given, then taken', 'addRoles,removeRoles', E'plain,administrator,\nplain,,administrator', '^ok completed unchanged=1 rejected=1 \(role_not_grantable\)$'),
    ('taken, then given', 'addRoles,removeRoles', E'boss,,administrator\nboss,administrator,', '^ok completed unchanged=1 rejected=1 \(role_not_grantable\)$'),
    ('created, then raised, twice', 'addRoles', E'new,administrator\nNEW,superuser', '^ok completed rejected=2 \(role_not_grantable, role_not_grantable\)$'),
    ('among records without a change', 'addRoles', E'boss,administrator\nplain,administrator\nplain,buyer', '^ok completed unchanged=2 rejected=1 \(role_not_grantable\)$'),
    ('himself twice', 'addRoles', E'regress_esc_ann,approver\nREGRESS_ESC_ANN,approver', '^ok completed rejected=2 \(role_not_grantable, role_not_grantable\)$');
INSERT INTO files (name, mode, header, records, expected) VALUES
    ('Create Only: a new customer', 'Create Only', 'addRoles', 'new,administrator', 'rejected'),
    ('Create Only: one who exists', 'Create Only', 'addRoles', 'plain,administrator', '^ok completed skipped=1 \(already_exists\)$'),
    ('Update Only', 'Update Only', 'addRoles', 'plain,administrator', 'rejected'),
    ('Update Only: one who does not exist', 'Update Only', 'addRoles', 'new,administrator', '^ok completed skipped=1 \(not_found\)$');
INSERT INTO cases (who, name, statement, expected)
    SELECT who, 'file: ' || name, format('SELECT pg_temp.import(%L, %L)', 'userName,' || header || E'\n' || records || E'\n', mode), expected
      FROM files ORDER BY number;
INSERT INTO cases (name, statement, expected) VALUES
    ('file: new codes', $$SELECT pg_temp.import(E'userName,addRoles\nplain,mine\n', 'Update Only', 'create')$$, '^42501 permission denied to '),
    ('file: new codes that exist', $$SELECT pg_temp.import(E'userName,addRoles\nplain,administrator\n', 'Update Only', 'create')$$, '^42501 permission denied to ');

-- By hand. "ceiling": the guard refuses
INSERT INTO cases (name, statement, expected) VALUES
    ('UPDATE gives', $$UPDATE public.customers SET roles = roles || '{administrator}' WHERE user_name = 'plain'$$, 'ceiling'),
    ('UPDATE gives in capitals', $$UPDATE public.customers SET roles = '{BUYER,SUPERUSER}' WHERE user_name = 'plain'$$, 'ceiling'),
    ('UPDATE gives one of the DBA', $$UPDATE public.customers SET roles = '{treasurer}' WHERE user_name = 'empty'$$, 'ceiling'),
    ('UPDATE takes', $$UPDATE public.customers SET roles = '{buyer}' WHERE user_name = 'holder'$$, 'ceiling'),
    ('UPDATE takes by default', $$UPDATE public.customers SET roles = DEFAULT WHERE user_name = 'boss'$$, 'ceiling'),
    ('UPDATE takes by NULL', $$UPDATE public.customers SET roles = NULL WHERE user_name = 'boss'$$, '^(42501|23502) '),
    ('UPDATE of all', $$UPDATE public.customers SET roles = '{}'$$, 'ceiling'),
    ('UPDATE beside NULL', $$UPDATE public.customers SET roles = '{NULL,administrator,NULL}' WHERE user_name = 'plain'$$, 'ceiling'),
    ('UPDATE with two dimensions', $$UPDATE public.customers SET roles = '{{buyer},{administrator}}' WHERE user_name = 'plain'$$, 'ceiling'),
    ('UPDATE with another lower bound', $$UPDATE public.customers SET roles = '[0:1]={administrator,buyer}' WHERE user_name = 'plain'$$, 'ceiling'),
    ('UPDATE of an element', $$UPDATE public.customers SET roles[1] = 'administrator' WHERE user_name = 'plain'$$, 'ceiling'),
    ('UPDATE of a far element', $$UPDATE public.customers SET roles[7] = 'administrator' WHERE user_name = 'empty'$$, 'ceiling'),
    ('UPDATE with a look-alike', $$UPDATE public.customers SET roles = ARRAY[U&'\0430dministrator'] WHERE user_name = 'plain'$$, '^23514 role code '),
    ('UPDATE with blanks', $$UPDATE public.customers SET roles = '{" administrator"}' WHERE user_name = 'plain'$$, '^(23514 role code |42501 .*grant_ceiling)'),
    ('UPDATE with a list as one code', $$UPDATE public.customers SET roles = '{"buyer,administrator"}' WHERE user_name = 'plain'$$, '^23514 role code '),
    ('UPDATE with a lost code', $$UPDATE public.customers SET roles = '{vip}' WHERE user_name = 'plain'$$, '^23514 role code '),
    ('UPDATE FROM', $$UPDATE public.customers AS c SET roles = h.roles FROM public.customers AS h WHERE c.user_name = 'plain' AND h.user_name = 'boss'$$, 'ceiling'),
    ('UPDATE in a writable CTE', $$WITH w AS (UPDATE public.customers SET roles = '{superuser}' WHERE user_name = 'plain' RETURNING 1) SELECT count(*) FROM w$$, 'ceiling'),
    ('UPDATE at a cursor', $$DO $do$DECLARE c CURSOR FOR SELECT 1 FROM public.customers WHERE user_name = 'plain' FOR UPDATE; r record;
        BEGIN OPEN c; FETCH c INTO r; UPDATE public.customers SET roles = '{administrator}' WHERE CURRENT OF c; END$do$ $$, 'ceiling'),
    ('UPDATE whose error is caught', $$DO $do$BEGIN UPDATE public.customers SET roles = '{administrator}' WHERE user_name = 'plain'; EXCEPTION WHEN OTHERS THEN NULL; END$do$ $$, '^ok 0$'),
    ('INSERT', $$INSERT INTO public.customers (user_name, roles) VALUES ('new', '{administrator}')$$, 'ceiling'),
    ('INSERT of one of the DBA', $$INSERT INTO public.customers (user_name, roles) VALUES ('new', '{buyer,TREASURER}')$$, 'ceiling'),
    ('INSERT of several', $$INSERT INTO public.customers (user_name, roles) VALUES ('new', '{buyer}'), ('newer', '{superuser}')$$, 'ceiling'),
    ('INSERT SELECT', $$INSERT INTO public.customers (user_name, roles) SELECT 'new', roles FROM public.customers WHERE user_name = 'boss'$$, 'ceiling'),
    ('INSERT ON CONFLICT DO UPDATE gives', $$INSERT INTO public.customers (user_name) VALUES ('plain') ON CONFLICT (user_name) DO UPDATE SET roles = '{administrator}'$$, 'ceiling'),
    ('INSERT ON CONFLICT DO UPDATE takes', $$INSERT INTO public.customers (user_name) VALUES ('boss') ON CONFLICT (user_name) DO UPDATE SET roles = EXCLUDED.roles$$, 'ceiling'),
    ('INSERT ON CONFLICT DO UPDATE renames a holder', $$INSERT INTO public.customers (user_name) VALUES ('boss') ON CONFLICT (user_name) DO UPDATE SET user_name = 'exboss'$$, 'ceiling'),
    ('INSERT ON CONFLICT DO NOTHING', $$INSERT INTO public.customers (user_name, roles) VALUES ('plain', '{administrator}') ON CONFLICT DO NOTHING$$, '^(42501 |ok 0$)'),
    ('MERGE updates', $$MERGE INTO public.customers AS c USING (VALUES ('plain')) AS v (u) ON c.user_name = v.u WHEN MATCHED THEN UPDATE SET roles = '{administrator}'$$, 'ceiling'),
    ('MERGE inserts', $$MERGE INTO public.customers AS c USING (VALUES ('new')) AS v (u) ON c.user_name = v.u WHEN NOT MATCHED THEN INSERT (user_name, roles) VALUES (v.u, '{administrator}')$$, 'ceiling'),
    ('MERGE deletes', $$MERGE INTO public.customers AS c USING (VALUES ('boss')) AS v (u) ON c.user_name = v.u WHEN MATCHED THEN DELETE$$, 'ceiling'),
    ('rename of a holder', $$UPDATE public.customers SET user_name = 'exboss' WHERE user_name = 'boss'$$, 'ceiling'),
    ('rename of a holder who gives it up', $$UPDATE public.customers SET user_name = 'exboss', roles = '{}' WHERE user_name = 'boss'$$, 'ceiling'),
    ('rename of a holder of a code of the DBA', $$UPDATE public.customers SET user_name = 'expayer' WHERE user_name = 'payer'$$, 'ceiling'),
    ('two holders change names', $$UPDATE public.customers SET user_name = CASE user_name WHEN 'boss' THEN 'holder' ELSE 'boss' END WHERE user_name IN ('boss', 'holder')$$, '^(42501|23505) '),
    ('rename of himself', $$UPDATE public.customers SET user_name = 'exann' WHERE user_name = 'regress_esc_ann'$$, 'ceiling'),
    ('rename of himself by e-mail', $$UPDATE public.customers SET user_name = 'exann' WHERE user_name = 'ann.lee@example.com'$$, 'ceiling'),
    ('DELETE of a holder', $$DELETE FROM public.customers WHERE user_name = 'boss'$$, 'ceiling'),
    ('DELETE of a holder of a code of the DBA', $$DELETE FROM public.customers WHERE user_name = 'payer'$$, 'ceiling'),
    ('DELETE of himself', $$DELETE FROM public.customers WHERE user_name = 'regress_esc_ann'$$, 'ceiling'),
    ('DELETE of himself by e-mail', $$DELETE FROM public.customers WHERE user_name = 'ann.lee@example.com'$$, 'ceiling'),
    ('DELETE of all', 'DELETE FROM public.customers', 'ceiling'),
    ('DELETE and INSERT', $$WITH gone AS (DELETE FROM public.customers WHERE user_name = 'boss' RETURNING *)
        INSERT INTO public.customers (user_name, roles) SELECT 'exboss', '{}' FROM gone$$, 'ceiling'),
    ('himself: an ordinary code more by hand', $$UPDATE public.customers SET roles = '{approver,buyer}' WHERE user_name = 'regress_esc_ann'$$, 'ceiling'),
    ('himself: an ordinary code less by hand', $$UPDATE public.customers SET roles = '{}' WHERE user_name = 'regress_esc_ann'$$, 'ceiling'),
    ('himself: a lost code less by hand', $$UPDATE public.customers SET roles = '{approver}' WHERE user_name = 'ann.lee@example.com'$$, 'ceiling'),
    ('himself and others at once', $$UPDATE public.customers SET roles = roles || '{approver}' WHERE user_name IN ('regress_esc_ann', 'plain')$$, 'ceiling'),
    ('a view of its own', $$DO $do$BEGIN CREATE VIEW regress_mine.all_customers AS SELECT * FROM public.customers;
        UPDATE regress_mine.all_customers SET roles = '{administrator}' WHERE user_name = 'plain'; END$do$ $$, 'ceiling'),
    ('a rule on a view of its own', $$DO $do$BEGIN CREATE VIEW regress_mine.none AS SELECT 1 AS one;
        CREATE RULE raise AS ON UPDATE TO regress_mine.none DO INSTEAD UPDATE public.customers SET roles = '{administrator}' WHERE user_name = 'plain';
        UPDATE regress_mine.none SET one = 2; END$do$ $$, 'ceiling'),
    ('a trigger on a table of its own', $$DO $do$BEGIN CREATE TABLE regress_mine.things (i int);
        CREATE FUNCTION regress_mine.raise() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE public.customers SET roles = ''{administrator}'' WHERE user_name = ''plain''; RETURN NEW; END';
        CREATE TRIGGER raise BEFORE INSERT ON regress_mine.things FOR EACH ROW EXECUTE FUNCTION regress_mine.raise();
        INSERT INTO regress_mine.things VALUES (1); END$do$ $$, 'ceiling'),
    ('a SECURITY DEFINER function of its own', $$DO $do$BEGIN
        CREATE FUNCTION regress_mine.raise() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'UPDATE public.customers SET roles = ''{administrator}'' WHERE user_name = ''plain''';
        PERFORM regress_mine.raise(); END$do$ $$, 'ceiling'),
    ('names of its own in front of the catalog', $$DO $do$BEGIN
        CREATE TEMPORARY TABLE operators AS SELECT 'regress_esc_ann'::text AS name, '{administrator}'::text[] AS roles;
        CREATE TEMPORARY TABLE role_codes AS SELECT 'administrator'::text AS code, false AS privileged;
        CREATE FUNCTION regress_mine.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''x''';
        CREATE FUNCTION regress_mine.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT ''x''';
        CREATE FUNCTION regress_mine.array_to_string(text[], text) RETURNS text LANGUAGE sql AS 'SELECT ''administrator''';
        CREATE FUNCTION regress_mine.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE OPERATOR regress_mine.= (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_mine.yes);
        SET LOCAL search_path = regress_mine, pg_temp, pg_catalog;
        UPDATE public.customers SET roles = '{administrator}' WHERE user_name OPERATOR(pg_catalog.=) 'plain'; END$do$ $$, 'ceiling'),
    ('names of its own, by a file', $$DO $do$BEGIN
        CREATE TEMPORARY TABLE operators AS SELECT 'regress_esc_ann'::text AS name, '{administrator}'::text[] AS roles;
        CREATE TEMPORARY TABLE customers AS SELECT 'plain'::text AS user_name;
        CREATE FUNCTION regress_mine.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''x''';
        CREATE FUNCTION regress_mine.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE OPERATOR regress_mine.= (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_mine.yes);
        SET LOCAL search_path = regress_mine, pg_temp, pg_catalog;
        IF (customer_import.import_customers(E'userName,addRoles\nplain,administrator\n', 'Update Only')).rejected OPERATOR(pg_catalog.=) 1 THEN
            RAISE 'rejected'; END IF; END$do$ $$, '^P0001 rejected'),
    ('a statement prepared by a superuser', 'EXECUTE regress_raise', 'ceiling'),
    ('a function planned for a superuser', 'SELECT public.regress_raise()', 'ceiling'),
    ('COPY from a file', $$COPY public.customers (user_name, roles) FROM '/dev/null'$$, '^0A000 COPY FROM not supported with row-level security'),
    ('COPY from a program', $$COPY public.customers (user_name, roles) FROM PROGRAM 'echo plain'$$, '^42501 '),
    ('TRUNCATE', 'TRUNCATE public.customers', '^42501 permission denied for table customers'),
    ('row_security off', $$DO $do$BEGIN SET LOCAL row_security = off; UPDATE public.customers SET roles = '{administrator}'; END$do$ $$, '^42501 ');

-- By way of what belongs to others
INSERT INTO cases (name, statement, expected) VALUES
    ('the trigger off', 'ALTER TABLE public.customers DISABLE TRIGGER ALL', '^42501 must be owner of table customers'),
    ('the guard off', 'ALTER TABLE public.customers DISABLE TRIGGER "~customer_import_guard"', '^42501 must be owner of table customers'),
    ('the guard dropped', 'DROP TRIGGER "~customer_import_guard" ON public.customers', '^42501 must be owner of relation customers'),
    ('triggers off in the session', 'SET session_replication_role = replica', '^42501 permission denied to set parameter'),
    ('row security off on the table', 'ALTER TABLE public.customers DISABLE ROW LEVEL SECURITY', '^42501 must be owner of table customers'),
    ('row security not forced', 'ALTER TABLE public.customers NO FORCE ROW LEVEL SECURITY', '^42501 must be owner of table customers'),
    ('a policy of its own', 'CREATE POLICY mine ON public.customers USING (true)', '^42501 must be owner of table customers'),
    ('a policy dropped', 'DROP POLICY customer_import_update ON public.customers', '^42501 must be owner of relation customers'),
    ('a policy altered', 'ALTER POLICY customer_import_update ON public.customers USING (true)', '^42501 must be owner of table customers'),
    ('a trigger of its own behind the guard', $$DO $do$BEGIN CREATE FUNCTION regress_mine.raise() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.roles = ''{administrator}''; RETURN NEW; END';
        CREATE TRIGGER "~~~" BEFORE UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION regress_mine.raise(); END$do$ $$, '^42501 permission denied for table customers'),
    ('a rule on the table', 'CREATE RULE mine AS ON INSERT TO public.customers DO INSTEAD NOTHING', '^42501 must be owner of table customers'),
    ('a child of the table', 'CREATE TABLE regress_mine.child () INHERITS (public.customers)', '^42501 must be owner of table customers'),
    ('a foreign key to it', 'CREATE TABLE regress_mine.child (user_name text REFERENCES public.customers ON UPDATE CASCADE)', '^42501 permission denied for table customers'),
    ('the table himself', 'ALTER TABLE public.customers OWNER TO CURRENT_USER', '^42501 must be owner of table customers'),
    ('the table away', 'DROP TABLE public.customers', '^42501 must be owner of table customers'),
    ('the extension away', 'DROP EXTENSION customer_import CASCADE', '^42501 must be owner of extension customer_import'),
    ('grants to himself', 'GRANT ALL ON public.customers TO CURRENT_USER', '^(42501 |ok 0$)'),
    ('grants on the operators to himself', 'GRANT ALL ON customer_import.operators TO CURRENT_USER', '^(42501 |ok 0$)'),
    ('another is_admin()', $$CREATE OR REPLACE FUNCTION customer_import.is_admin() RETURNS boolean LANGUAGE sql AS 'SELECT true'$$, '^42501 permission denied for schema customer_import'),
    ('another guard', $$ALTER FUNCTION customer_import._guard_customers() RENAME TO mine$$, '^42501 must be owner of function '),
    ('SET ROLE of an administrator', 'SET ROLE regress_esc_admin', '^42501 permission denied to set role'),
    ('SET ROLE of a superuser', format('SET ROLE %I', current_user), '^42501 permission denied to set role'),
    ('membership', 'GRANT regress_esc_admin TO CURRENT_USER', '^42501 '),
    ('superuser', 'ALTER ROLE CURRENT_USER SUPERUSER', '^42501 '),
    ('BYPASSRLS', 'ALTER ROLE CURRENT_USER BYPASSRLS', '^42501 '),
    ('the name of an administrator', 'ALTER ROLE regress_esc_cleo RENAME TO regress_esc_boss', '^42501 '),
    ('a setting of the extension', $$SET customer_import.current_operator = 'regress_esc_admin'$$, '^42602 '),
    ('a setting of the extension for its role', $$ALTER ROLE CURRENT_USER SET customer_import.batch_rows = 1$$, '^42501 '),
    ('a setting of an application', $$SELECT customer_import.is_admin() FROM set_config('app.current_operator', 'regress_esc_admin', true)$$, '^ok false$'),
    ('codes: new', $$SELECT customer_import.add_role_codes('{mine}')$$, '^42501 permission denied '),
    ('codes: privileged no more', $$SELECT customer_import.alter_role_code('treasurer', privileged => false)$$, '^42501 permission denied '),
    ('codes: one less', $$SELECT customer_import.remove_role_codes('{treasurer}')$$, '^42501 permission denied '),
    ('codes: by UPDATE', 'UPDATE customer_import.role_codes SET privileged = false', '^42501 permission denied for table role_codes'),
    ('codes: by INSERT', $$INSERT INTO customer_import.role_codes (code) VALUES ('mine')$$, '^42501 permission denied for table role_codes'),
    ('operators: himself administrator', $$SELECT customer_import.alter_operator('regress_esc_ann', roles => '{administrator}')$$, '^42501 permission denied '),
    ('operators: himself another e-mail', $$SELECT customer_import.alter_operator('regress_esc_ann', email => 'x@example.com')$$, '^42501 permission denied '),
    ('operators: a second self', $$SELECT customer_import.add_operator('regress_esc_gateway', roles => '{administrator}', database_role => true)$$, '^42501 permission denied '),
    ('operators: one less', $$SELECT customer_import.remove_operator('regress_esc_ann')$$, '^42501 permission denied '),
    ('operators: by UPDATE', $$UPDATE customer_import.operators SET roles = '{administrator}'$$, '^42501 permission denied for table operators'),
    ('operators: by INSERT', $$INSERT INTO customer_import.operators (name, database_role, roles, active) VALUES ('x', false, '{administrator}', true)$$, '^42501 permission denied for table operators'),
    ('gateways: by INSERT', $$INSERT INTO customer_import.gateways (name, may_act_as_admin) VALUES ('regress_esc_ann', true)$$, '^42501 permission denied for table gateways'),
    ('gateways: himself', $$SELECT customer_import.grant_gateway(current_user::text, may_act_as_admin => true)$$, '^42501 permission denied '),
    ('act_as() an administrator', $$SELECT customer_import.act_as('regress_esc_admin')$$, '^(42501 permission denied |55000 )'),
    ('another customers table', $$SELECT customer_import.create_customers_table('regress_mine.customers')$$, '^42501 permission denied '),
    ('no customers table', 'SELECT customer_import.detach_customers_table()', '^42501 permission denied '),
    ('_decide() with a token of its own', $$SELECT customer_import._decide(1, 0, true, '(0,1)', '1'::xid, '{buyer}', 1)$$, '^55000 no import is running here'),
    ('_decide() without a token', $$SELECT customer_import._decide(NULL, 0, true, '(0,1)', '1'::xid, '{buyer}', 1)$$, '^55000 no import is running here'),
    ('_merged_roles()', 'SELECT customer_import._merged_roles(0, 0)', '^55000 no import is running here'),
    ('the guard called', 'SELECT customer_import._guard_customers()', '^(42501|0A000|39P01) '),
    ('a forged history', $$INSERT INTO customer_import.imports (operator, database_role, mode, state) VALUES ('regress_esc_admin', 'regress_esc_admin', 'create_only', 'queued')$$, '^42501 permission denied for table imports');
INSERT INTO cases (who, name, statement, expected) VALUES
    ('regress_esc_jose', 'herself by hand', $$UPDATE public.customers SET roles = '{}' WHERE user_name = 'josé'$$, 'ceiling'),
    ('regress_esc_jose', 'herself renamed to a decomposed name', $$UPDATE public.customers SET user_name = U&'jose\0301' WHERE user_name = 'josé'$$, '^(42501|23514) '),
    ('regress_esc_cleo', 'comes to be himself by INSERT', $$INSERT INTO public.customers (user_name) VALUES ('regress_esc_cleo')$$, 'ceiling'),
    ('regress_esc_cleo', 'comes to be himself by the e-mail', $$INSERT INTO public.customers (user_name, roles) VALUES ('strasse@example.com', '{buyer}')$$, 'ceiling'),
    ('regress_esc_cleo', 'another gets its name', $$UPDATE public.customers SET user_name = 'regress_esc_cleo' WHERE user_name = 'plain'$$, 'ceiling'),
    ('regress_esc_cleo', 'another gets its e-mail as a name', $$UPDATE public.customers SET user_name = 'strasse@example.com' WHERE user_name = 'empty'$$, 'ceiling'),
    ('regress_esc_cleo', 'MERGE gives another its name', $$MERGE INTO public.customers AS c USING (VALUES ('plain')) AS v (u) ON c.user_name = v.u WHEN MATCHED THEN UPDATE SET user_name = 'regress_esc_cleo'$$, 'ceiling'),
    ('regress_esc_cleo', 'ON CONFLICT gives another its name', $$INSERT INTO public.customers (user_name) VALUES ('plain') ON CONFLICT (user_name) DO UPDATE SET user_name = 'regress_esc_cleo'$$, 'ceiling');

-- What goes through: ordinary codes, and privileged ones that are named but not given or taken. Expected: the outcome and
-- how the customer is afterwards
CREATE TEMPORARY TABLE harmless (number integer GENERATED ALWAYS AS IDENTITY, who text DEFAULT 'regress_esc_ann', name text, statement text, customer text, expected text);
INSERT INTO harmless (name, statement, customer, expected) VALUES
    ('an ordinary code by a file', $$SELECT pg_temp.import(E'userName,addRoles\nplain,approver\n')$$, 'plain', 'ok completed updated=1 => {approver,buyer}'),
    ('an ordinary code to a holder', $$SELECT pg_temp.import(E'userName,addRoles\nboss,buyer\n')$$, 'boss', 'ok completed updated=1 => {administrator,buyer}'),
    ('an ordinary code from a holder', $$SELECT pg_temp.import(E'userName,removeRoles\nholder,buyer\n')$$, 'holder', 'ok completed updated=1 => {customerView}'),
    ('a privileged code that it holds', $$SELECT pg_temp.import(E'userName,addRoles\nboss,administrator\n')$$, 'boss', 'ok completed unchanged=1 => {administrator}'),
    ('a privileged code that it holds and an ordinary one', $$SELECT pg_temp.import(E'userName,addRoles\nboss,"Administrator,buyer"\n')$$, 'boss', 'ok completed updated=1 => {administrator,buyer}'),
    ('a privileged code that it does not hold is taken', $$SELECT pg_temp.import(E'userName,removeRoles\nplain,administrator\n')$$, 'plain', 'ok completed unchanged=1 => {buyer}'),
    ('with an ordinary one', $$SELECT pg_temp.import(E'userName,removeRoles\nplain,"treasurer,buyer"\n')$$, 'plain', 'ok completed updated=1 => {}'),
    ('a privileged code taken that nobody holds', $$SELECT pg_temp.import(E'userName,removeRoles\nholder,superuser\nempty,superuser\n')$$, 'holder', 'ok completed unchanged=2 => {buyer,customerView}'),
    ('a new set with the privileged codes that it holds', $$SELECT pg_temp.import(E'userName,roles\nholder,"approver,CUSTOMERVIEW"\n')$$, 'holder', 'ok completed updated=1 => {approver,customerView}'),
    ('the same set', $$SELECT pg_temp.import(E'userName,roles\nholder,"customerView,buyer"\n')$$, 'holder', 'ok completed unchanged=1 => {buyer,customerView}'),
    ('other fields of a holder', $$SELECT pg_temp.import(E'userName,company,addRoles\nboss,Acme,administrator\n')$$, 'boss', 'ok completed updated=1 => {administrator}'),
    ('roles cleared that are ordinary', $$SELECT pg_temp.import(E'userName,roles\nplain,_EMPTY_VALUE_\n')$$, 'plain', 'ok completed updated=1 => {}'),
    ('a lost code taken', $$SELECT pg_temp.import(E'userName,removeRoles\nold,oldCode\n')$$, 'old', 'ok completed updated=1 => {vip}'),
    ('a new customer', $$SELECT pg_temp.import(E'userName,addRoles\nnew,buyer\n')$$, 'new', 'ok completed created=1 => {buyer}'),
    ('himself: other fields', $$SELECT pg_temp.import(E'userName,phone\nregress_esc_ann,123\n')$$, 'regress_esc_ann', 'ok completed updated=1 => {buyer}'),
    ('himself: what it holds', $$SELECT pg_temp.import(E'userName,addRoles,phone\nregress_esc_ann,buyer,123\n')$$, 'regress_esc_ann', 'ok completed updated=1 => {buyer}'),
    ('himself: what it does not hold is taken', $$SELECT pg_temp.import(E'userName,removeRoles\nregress_esc_ann,approver\n')$$, 'regress_esc_ann', 'ok completed unchanged=1 => {buyer}'),
    ('good records beside bad ones', $$SELECT pg_temp.import(E'userName,addRoles\nempty,administrator\nplain,approver\n')$$, 'plain', 'ok completed updated=1 rejected=1 (role_not_grantable) => {approver,buyer}'),
    ('an ordinary record before a bad one of the same customer', $$SELECT pg_temp.import(E'userName,addRoles\nplain,approver\nplain,administrator\n')$$, 'plain', 'ok completed updated=1 rejected=1 (role_not_grantable) => {approver,buyer}'),
    ('a bad record before an ordinary one of a new customer', $$SELECT pg_temp.import(E'userName,addRoles\nnew,administrator\nnew,buyer\n')$$, 'new', 'ok completed created=1 rejected=1 (role_not_grantable) => {buyer}'),
    ('UPDATE of roles', $$UPDATE public.customers SET roles = '{approver}' WHERE user_name = 'plain'$$, 'plain', 'ok 1 => {approver}'),
    ('UPDATE of a holder''s ordinary codes', $$UPDATE public.customers SET roles = '{approver,customerView}' WHERE user_name = 'holder'$$, 'holder', 'ok 1 => {approver,customerView}'),
    ('UPDATE in another spelling', $$UPDATE public.customers SET roles = '{ADMINISTRATOR}' WHERE user_name = 'boss'$$, 'boss', 'ok 1 => {administrator}'),
    ('UPDATE of other columns of a holder', $$UPDATE public.customers SET company = 'Acme' WHERE user_name = 'boss'$$, 'boss', 'ok 1 => {administrator}'),
    ('UPDATE of other columns of himself', $$UPDATE public.customers SET phone = '1', roles = roles WHERE user_name = 'regress_esc_ann'$$, 'regress_esc_ann', 'ok 1 => {buyer}'),
    ('UPDATE of a name', $$UPDATE public.customers SET user_name = 'plainer' WHERE user_name = 'plain'$$, 'plainer', 'ok 1 => {buyer}'),
    ('INSERT', $$INSERT INTO public.customers (user_name, roles) VALUES ('new', '{Buyer}')$$, 'new', 'ok 1 => {buyer}'),
    ('DELETE', $$DELETE FROM public.customers WHERE user_name = 'plain'$$, 'plain', 'ok 1 => NULL'),
    ('MERGE', $$MERGE INTO public.customers AS c USING (VALUES ('plain')) AS v (u) ON c.user_name = v.u WHEN MATCHED THEN UPDATE SET roles = '{}'$$, 'plain', 'ok 1 => {}');
INSERT INTO harmless (who, name, statement, customer, expected) VALUES
    ('regress_esc_jose', 'a customer of her operator name is not herself', $$UPDATE public.customers SET roles = '{buyer}' WHERE user_name = 'regress_esc_jose'$$, 'regress_esc_jose', 'ok 1 => {buyer}'),
    ('regress_esc_jose', 'nor one of her e-mail', $$SELECT pg_temp.import(E'userName,addRoles\njose@example.com,buyer\n')$$, 'jose@example.com', 'ok completed created=1 => {buyer}'),
    ('regress_esc_jose', 'and another operator is none either', $$UPDATE public.customers SET roles = '{}' WHERE user_name = 'regress_esc_ann'$$, 'regress_esc_ann', 'ok 1 => {}');

-- Every operator tries its case logged in and through the gateway
CREATE FUNCTION public.regress_raise() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.customers SET roles = '{administrator}' WHERE user_name = 'plain';
END
$$;
PREPARE regress_raise AS UPDATE public.customers SET roles = '{administrator}' WHERE user_name = 'plain';
SELECT count(pg_temp.attempt(NULL, NULL, statement)) AS planned
  FROM generate_series(1, 8), unnest(ARRAY['EXECUTE regress_raise', 'SELECT public.regress_raise()']) AS statement \gset

CREATE TEMPORARY TABLE ways (name text, gateway text);
INSERT INTO ways VALUES ('logged in', NULL), ('through a gateway', 'regress_esc_gateway');
CREATE TEMPORARY TABLE outcomes AS
    SELECT w.name AS way, c.number, c.name, c.statement,
           CASE c.expected WHEN 'ceiling' THEN '^42501 .*\[customer_import_grant_ceiling\]$'
                           WHEN 'rejected' THEN '^ok completed rejected=1 \(role_not_grantable(, role_not_grantable)*\)$'
                           WHEN 'unknown' THEN '^ok completed rejected=1 \(unknown_role\)$'
                           ELSE c.expected END AS expected,
           regexp_match(pg_temp.attempt(COALESCE(w.gateway, c.who), CASE WHEN w.gateway IS NOT NULL THEN c.who END, c.statement,
                                        'SELECT pg_temp.changes()'), '^(.*) => (.*)$') AS outcome
      FROM ways AS w CROSS JOIN cases AS c ORDER BY w.name, c.number;

SELECT plan((SELECT 4 * count(*) FROM cases)::integer + (SELECT 2 * count(*) FROM harmless)::integer + 69);
SELECT matches(outcome[1], expected, format('%s: %s', way, name)) FROM outcomes ORDER BY way, number;
SELECT is(outcome[2], 'nothing', format('%s: %s, and nothing is written', way, name)) FROM outcomes ORDER BY way, number;
SELECT is(pg_temp.attempt(COALESCE(w.gateway, h.who), CASE WHEN w.gateway IS NOT NULL THEN h.who END, h.statement,
                          format('SELECT roles FROM public.customers WHERE user_name = %L', h.customer)),
          h.expected, format('%s, harmless: %s', w.name, h.name))
  FROM ways AS w CROSS JOIN harmless AS h ORDER BY w.name, h.number;

-- Administrators may: with a database role, and superusers of the database; other roles are not judged, but need rights
SELECT is(pg_temp.attempt(who, NULL, statement, $$SELECT roles FROM public.customers WHERE user_name = 'plain'$$), expected, name)
  FROM (VALUES ('regress_esc_admin', $$SELECT pg_temp.import(E'userName,addRoles\nplain,administrator\n')$$, 'ok completed updated=1 => {administrator,buyer}', 'an administrator gives by a file'),
               ('regress_esc_admin', $$UPDATE public.customers SET roles = '{superuser}' WHERE user_name = 'plain'$$, 'ok 1 => {superuser}', 'and by hand'),
               ('regress_esc_admin', $$UPDATE public.customers SET user_name = 'exboss' WHERE user_name = 'boss'$$, 'ok 1 => {buyer}', 'renames a holder'),
               ('regress_esc_admin', $$DELETE FROM public.customers WHERE 'administrator' = ANY (roles)$$, 'ok 2 => {buyer}', 'deletes holders, also himself'),
               ('regress_esc_admin', $$SELECT pg_temp.import(E'userName,roles\nregress_esc_admin,superuser\n')$$, 'ok completed updated=1 => {buyer}', 'changes its own roles'),
               ('regress_esc_admin', $$SELECT pg_temp.import(E'userName,addRoles\nplain,mine\n', 'Update Only', 'create')$$, 'ok completed updated=1 => {buyer,mine}', 'and makes codes by a file'),
               (NULL, $$SELECT pg_temp.import(E'userName,addRoles\nplain,administrator\n')$$, 'ok completed updated=1 => {administrator,buyer}', 'a superuser gives by a file'),
               (NULL, $$UPDATE public.customers SET roles = '{superuser}' WHERE user_name = 'plain'$$, 'ok 1 => {superuser}', 'and by hand'),
               (NULL, $$SELECT public.regress_raise()$$, 'ok  => {administrator}', 'and by a function')) AS t (who, statement, expected, name);

-- What is said: the code in question, and in a file its column; not what others hold
SELECT matches(pg_temp.attempt('regress_esc_ann', NULL, $$UPDATE public.customers SET roles = '{ADMINISTRATOR}' WHERE user_name = 'plain'$$), '^42501 [^|]*"administrator"', 'the error names the code');
SELECT is(pg_temp.attempt('regress_esc_ann', NULL, $$SELECT pg_temp.import(E'userName,email,addRoles\nempty,x@example.com,"buyer,TREASURER"\n')$$,
                          $$SELECT concat_ws('|', line, outcome, code, column_name, value, message ~ '"treasurer"', convert_from(record, 'UTF8')) FROM customer_import.import_issues ORDER BY import_id DESC LIMIT 1$$),
          'ok completed rejected=1 (role_not_grantable) => 2|rejected|role_not_grantable|addRoles|treasurer|t|empty,x@example.com,"buyer,TREASURER"', 'the issue names it too');
SELECT is(pg_temp.attempt('regress_esc_ann', NULL, $$SELECT pg_temp.import(E'userName,roles\nholder,buyer\n')$$, $$SELECT concat_ws('|', code, column_name, value) FROM customer_import.import_issues ORDER BY import_id DESC LIMIT 1$$),
          'ok completed rejected=1 (role_not_grantable) => role_not_grantable|roles|customerView', 'and a code that would be taken');

-- Objects of a caller are never used on the way: traps in front of the catalog go off when another role runs them
CREATE SCHEMA regress_trap;
CREATE FUNCTION regress_trap.sprung() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user <> session_user THEN
        RAISE 'a trap of the caller was run by %', current_user USING ERRCODE = 'TRAP1';
    END IF;
END
$$;
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT * FROM (VALUES ('lower', 'text', 'text'), ('unnest', 'text[]', 'SETOF text'), ('array_to_string', 'text[], text', 'text'), ('array_length', 'anyarray, integer', 'integer'),
                                   ('encode', 'bytea, text', 'text'), ('now', '', 'timestamptz'), ('clock_timestamp', '', 'timestamptz'), ('length', 'text', 'integer'),
                                   ('aclexplode', 'aclitem[]', 'SETOF text'), ('to_regclass', 'text', 'regclass'), ('count', 'text', 'bigint'), ('jsonb_strip_nulls', 'jsonb', 'jsonb'),
                                   ('fold_user_name', 'text', 'text'), ('is_admin', '', 'boolean'), ('_decide', 'bigint, integer, boolean, tid, xid, text[]', 'boolean')) AS t (name, arguments, result) LOOP
        EXECUTE format('CREATE FUNCTION regress_trap.%I(%s) RETURNS %s LANGUAGE plpgsql AS ''BEGIN PERFORM regress_trap.sprung(); RETURN%s; END''',
                       f.name, f.arguments, f.result, CASE WHEN f.result LIKE 'SETOF%' THEN '' ELSE ' NULL' END);
    END LOOP;
    FOR f IN SELECT * FROM unnest('{=,<>,<,>,<=,>=,&&,||,@>}'::text[]) AS o (name), unnest('{text,text[],bigint,integer,oid,name,boolean,regclass,oidvector,tid}'::regtype[]) AS a (type) LOOP
        EXECUTE format('CREATE FUNCTION regress_trap.%I(%s, %s) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN PERFORM regress_trap.sprung(); RETURN NULL; END''', 'do' || f.name, f.type, f.type);
        EXECUTE format('CREATE OPERATOR regress_trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = regress_trap.%I)', f.name, f.type, f.type, 'do' || f.name);
    END LOOP;
    FOR f IN SELECT relname AS name FROM pg_class WHERE relnamespace = 'customer_import'::regnamespace AND relkind IN ('r', 'v')
             UNION ALL SELECT unnest('{pg_class,pg_proc,pg_namespace,pg_authid,pg_roles,pg_extension,pg_trigger,pg_attribute,pg_constraint,pg_index,customers,customer_import_batch}'::name[]) LOOP
        EXECUTE format('CREATE TABLE regress_trap.%I (code text, name text, oid oid)', f.name);
    END LOOP;
    CREATE DOMAIN regress_trap.text AS pg_catalog.text CHECK (regress_trap.sprung() IS NULL);
    CREATE DOMAIN regress_trap.regclass AS pg_catalog.regclass CHECK (regress_trap.sprung() IS NULL);
    CREATE DOMAIN regress_trap.bool AS pg_catalog.bool CHECK (regress_trap.sprung() IS NULL);
END
$$;
GRANT ALL ON SCHEMA regress_trap TO PUBLIC;
CREATE FUNCTION public.regress_careless() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN RETURN user_name = 'x' FROM public.customers LIMIT 1; END$$;
SELECT matches(pg_temp.attempt('regress_esc_ann', NULL, 'DO $do$BEGIN SET LOCAL search_path = regress_trap, pg_temp, pg_catalog; PERFORM public.regress_careless(); END $do$'), '^TRAP1 ', 'a trap goes off in a function that does not pin its path');
SELECT is(pg_temp.attempt(who, acts_as, format('DO $do$BEGIN SET LOCAL search_path = regress_trap, pg_temp, pg_catalog; %s; RAISE SQLSTATE ''DONE1''; END $do$', statement)), 'DONE1 DONE1', format('no trap of %s goes off: %s', COALESCE(acts_as || ' through ' || who, who), statement))
  FROM unnest(ARRAY['PERFORM customer_import.current_operator(), customer_import.is_admin(), customer_import.may_view_customers(), customer_import.may_view_imports()',
                    $$PERFORM customer_import.import_customers(E'userName,addRoles,removeRoles,company,active\nplain,approver,,Acme,yes\nnew,buyer,,,no\nboss,,administrator,,\nold,,oldCode,,\n'::pg_catalog.text, 'Create & Update')$$,
                    $$PERFORM customer_import.import_customers('userName,roles\012plain,_EMPTY_VALUE_\012'::bytea, 'Update Only', encoding => 'LATIN1', request_id => 'trap')$$,
                    $$PERFORM customer_import.import_customers(E'userName,addRoles\nnew,buyer\nplain,\n'::pg_catalog.text, 'Create Only', reject_limit => 0)$$,
                    'BEGIN PERFORM customer_import.import_report(1); EXCEPTION WHEN undefined_object OR insufficient_privilege THEN NULL; END; PERFORM customer_import.import_template()',
                    'PERFORM id FROM customer_import.imports',
                    'PERFORM user_name FROM customer_import.import_changes',
                    'PERFORM line FROM customer_import.import_issues',
                    'PERFORM name FROM customer_import.operators',
                    'PERFORM user_name FROM public.customers',
                    $$UPDATE public.customers SET roles = '{approver}', company = 'x' WHERE user_name OPERATOR(pg_catalog.=) 'plain'$$,
                    $$INSERT INTO public.customers (user_name, roles) VALUES ('new', '{Buyer}')$$,
                    $$DELETE FROM public.customers WHERE user_name OPERATOR(pg_catalog.=) 'plain'$$]) AS statement
 CROSS JOIN (VALUES ('regress_esc_ann', NULL), ('regress_esc_gateway', 'regress_esc_ann'), ('regress_esc_admin', NULL)) AS w (who, acts_as);
SELECT is(pg_temp.attempt('regress_esc_admin', NULL, format('DO $do$BEGIN SET LOCAL search_path = regress_trap, pg_temp, pg_catalog; PERFORM %s; RAISE SQLSTATE ''DONE1''; END $do$', call)), 'DONE1 DONE1', 'no trap of an administrator goes off: ' || call)
  FROM unnest(ARRAY[$$customer_import.add_role_codes('{trap}')$$, $$customer_import.alter_role_code('buyer', name => 'x')$$, $$customer_import.remove_role_codes('{buyer,trap}')$$,
                    $$customer_import.add_operator('regress_esc_gateway', 'x@example.com', '{importView,customerView}')$$, $$customer_import.alter_operator('regress_esc_ann', roles => '{administrator}')$$,
                    $$customer_import.alter_operator('regress_esc_ann', active => false)$$, $$customer_import.remove_operator('regress_esc_ann')$$,
                    $$(SELECT pg_catalog.count(customer_import.rejected_csv(i.id)) FROM customer_import.imports AS i)$$]) AS call;

-- What an administrator changes counts at once, also in the same transaction
CREATE FUNCTION public.regress_meanwhile(change text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE statement INTO result;
    PERFORM public.regress_change(change);
    EXECUTE statement INTO result;
    RETURN result;
END
$$;
CREATE FUNCTION public.regress_change(change text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN EXECUTE change; END$$;
SELECT is(pg_temp.attempt(who, NULL, format('SELECT public.regress_meanwhile(%L, %L)', change, statement)), expected, name)
  FROM (VALUES ('regress_esc_ann', $$SELECT customer_import.alter_operator('regress_esc_ann', active => false)$$, $$SELECT count(*) FROM public.customers$$, '42501 permission denied for table customers', 'switched off'),
               ('regress_esc_ann', $$SELECT customer_import.alter_role_code('approver', privileged => true)$$, $$SELECT pg_temp.import(E'userName,addRoles\nempty,approver\nplain,buyer\n')$$, 'ok completed unchanged=2', 'a code becomes privileged after it was given'),
               ('regress_esc_ann', $$SELECT customer_import.alter_role_code('buyer', privileged => true)$$, $$SELECT pg_temp.import(E'userName,removeRoles\nplain,approver\nholder,customeredit\n')$$, 'ok completed unchanged=2', 'or is not in question'),
               ('regress_esc_ann', $$SELECT customer_import.alter_role_code('approver', privileged => true)$$, $$SELECT pg_temp.import(E'userName,addRoles,removeRoles\nplain,approver,buyer\nempty,approver,\nplain,buyer,approver\n')$$,
                'ok completed unchanged=2 rejected=1 (role_not_grantable)', 'a code becomes privileged'),
               ('regress_esc_ann', $$SELECT customer_import.alter_role_code('treasurer', privileged => false)$$, $$SELECT pg_temp.import(E'userName,addRoles\nplain,treasurer\n')$$, 'ok completed updated=1', 'a code is privileged no more'),
               ('regress_esc_admin', $$SELECT customer_import.alter_operator('regress_esc_admin', roles => '{customerView,customerEdit,importView,importEdit}')$$, $$SELECT pg_temp.import(E'userName,addRoles,removeRoles\nplain,superuser,\nplain,,superuser\n')$$,
                'ok completed unchanged=1 rejected=1 (role_not_grantable)', 'an administrator is none any more'),
               ('regress_esc_ann', $$SELECT customer_import.alter_operator('regress_esc_ann', email => 'plain@example.com')$$, $$SELECT pg_temp.import(E'userName,addRoles\nplain@example.com,buyer\n')$$, 'ok completed unchanged=1', 'it becomes another, unchanged')) AS t (who, change, statement, expected, name);

SELECT is((SELECT count(*) FROM outcomes WHERE expected LIKE '%ceiling%') >= 80, true, 'the guard was asked many times');
SELECT is(pg_temp.changes(), 'nothing', 'after all this everything is as before');

SELECT * FROM finish();
ROLLBACK;
