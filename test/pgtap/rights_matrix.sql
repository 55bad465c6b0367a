-- Which operators may do what: each of the 64 combinations of the six portal codes tries each action, in three ways. A new action
-- is one line in the table "actions".
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;

-- The rights, how many combinations have them, and the codes that give them
CREATE TEMPORARY TABLE rights (name text PRIMARY KEY, combinations bigint);
INSERT INTO rights VALUES ('view', 56), ('edit', 52), ('import', 49), ('history', 56), ('admin', 48),
                          ('operator', 64), ('everybody', 64), ('nobody', 0);

CREATE TEMPORARY TABLE people (who text PRIMARY KEY, roles text[], rights text[], own bigint);
INSERT INTO people (who, roles, rights)
    SELECT format('regress_rights_%s', lpad(number::text, 2, '0')), roles, array_remove(ARRAY['operator', 'everybody',
               CASE WHEN admin THEN 'admin' END,
               CASE WHEN admin OR 'customerView' = ANY (roles) THEN 'view' END,
               CASE WHEN admin OR roles @> '{customerView,customerEdit}' THEN 'edit' END,
               CASE WHEN admin OR roles @> '{customerView,customerEdit,importView,importEdit}' THEN 'import' END,
               CASE WHEN admin OR 'importView' = ANY (roles) THEN 'history' END], NULL)
      FROM generate_series(0, 63) AS number
     CROSS JOIN LATERAL (SELECT ARRAY(SELECT code FROM unnest('{administrator,customerEdit,customerView,importEdit,importView,superuser}'::text[])
                                             WITH ORDINALITY AS c (code, position)
                                       WHERE number & (1 << position::integer - 1) <> 0 ORDER BY position) AS roles) AS c
     CROSS JOIN LATERAL (SELECT roles && '{administrator,superuser}' AS admin) AS a;
-- And three that have none of them: no operator, one switched off, a gateway that acts as none
INSERT INTO people (who, roles, rights) VALUES
    ('regress_rights_stranger', NULL, '{everybody}'),
    ('regress_rights_inactive', '{administrator,customerEdit,customerView,importEdit,importView,superuser}', '{everybody}'),
    ('regress_rights_gateway', NULL, '{everybody}');

-- What there is to see and to change
DO $$
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer,approver}');
    PERFORM customer_import.import_customers(E'userName,addRoles\nann,buyer\nbob,byer\n', 'Create & Update', file_name => 'pattern');
    INSERT INTO public.customers (user_name) VALUES ('bob'), ('cleo');
    PERFORM customer_import.add_operator('spare', roles => '{importView}', database_role => false);
END
$$;
CREATE ROLE regress_rights_spare;
SELECT lo_from_bytea(0, E'userName,addRoles\ndora,buyer\n') AS file \gset
GRANT SELECT ON LARGE OBJECT :file TO PUBLIC;
SELECT id AS other FROM customer_import.imports WHERE file_name = 'pattern' \gset

DO $$
DECLARE
    person record;
BEGIN
    FOR person IN SELECT * FROM people LOOP
        EXECUTE format('CREATE ROLE %I', person.who);
        IF person.roles IS NOT NULL THEN
            PERFORM customer_import.add_operator(person.who, roles => person.roles);
        END IF;
        -- An import of its own: a copy of the pattern
        INSERT INTO customer_import.imports (operator, database_role, mode, state, header, delimiter, encoding, finished_at, customers_table)
            SELECT person.who, person.who, mode, state, header, delimiter, encoding, finished_at, customers_table
              FROM customer_import.imports WHERE file_name = 'pattern'
            RETURNING id INTO person.own;
        UPDATE people SET own = person.own WHERE who = person.who;
        INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, message, record)
            SELECT person.own, s.line, s.issue_number, s.outcome, s.code, s.message, s.record
              FROM customer_import.import_issues AS s JOIN customer_import.imports AS i ON i.id = s.import_id WHERE i.file_name = 'pattern';
        INSERT INTO customer_import._import_change_pages
            SELECT person.own, p.page, p.first_user_name, p.last_user_name, p.changes, p.payload
              FROM customer_import._import_change_pages AS p JOIN customer_import.imports AS i ON i.id = p.import_id WHERE i.file_name = 'pattern';
    END LOOP;
    PERFORM customer_import.alter_operator('regress_rights_inactive', active => false);
    PERFORM customer_import.grant_gateway('regress_rights_gateway', may_act_as_admin => true);
END
$$;

-- Each action: the right that it needs; what an operator gets that has it; and one that has not. Where rows are filtered
-- or something is hidden there is a weaker right that lets it ask at all, and its answer. {who}, {own} (its import),
-- {other} (another operator's) and {file} (a large object) are filled in. An error is given by its beginning.
CREATE TEMPORARY TABLE actions (
    number integer GENERATED ALWAYS AS IDENTITY, name text PRIMARY KEY, needs text NOT NULL REFERENCES rights,
    object text,               -- that the extension grants with the needed right, or with the weaker one
    statement text NOT NULL,
    allowed text NOT NULL,
    refused text,              -- by code or policy, to a role that a DBA lets use the object
    weaker text REFERENCES rights, hidden text
);
INSERT INTO actions (name, needs, object, statement, allowed, refused, weaker, hidden) VALUES
    ('see customers', 'view', 'table customers', 'SELECT count(*) FROM public.customers', 'ok 3', 'ok 0', NULL, NULL),
    ('export customers', 'view', 'table customers', $$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM public.customers$$, 'ok ann bob cleo', 'ok NULL', NULL, NULL),
    ('export them as a file', 'view', 'view customer_export', $$SELECT string_agg("userName" || ':' || roles, ' ' ORDER BY "userName") FROM customer_import.customer_export$$, 'ok ann:buyer bob: cleo:', '42501 permission denied to export customers', NULL, NULL),
    ('export them for a spreadsheet', 'view', 'view customer_export_spreadsheet', $$SELECT string_agg("userName" || ':' || roles, ' ' ORDER BY "userName") FROM customer_import.customer_export_spreadsheet$$, 'ok ann:buyer bob: cleo:', '42501 permission denied to export customers', NULL, NULL),
    ('see who gave a role', 'view', 'function customer_roles', $$SELECT code || ' ' || (import_id > 0) FROM customer_import.customer_roles('ann')$$, 'ok buyer true', '42501 permission denied to see the roles of customers', NULL, NULL),
    ('search customers', 'view', 'function search_customers', $$SELECT string_agg(user_name, ' ') FROM customer_import.search_customers('o')$$, 'ok bob cleo', '42501 permission denied to search customers', NULL, NULL),
    ('find holders of a role', 'view', 'function customers_with_roles', $$SELECT user_name FROM customer_import.customers_with_roles('{BUYER}')$$, 'ok ann', '42501 permission denied to search customers', NULL, NULL),
    ('index the customers table of another', 'admin', 'function create_search_indexes', 'SELECT customer_import.create_search_indexes()', '42501 must be owner of table public.customers', '42501 permission denied to create search indexes', NULL, NULL),
    ('INSERT a customer', 'edit', 'table customers', $$INSERT INTO public.customers (user_name, roles) VALUES ('dora', '{buyer}')$$, 'ok 1', '42501 new row violates row-level security policy for table "customers"', NULL, NULL),
    ('UPDATE customers', 'edit', 'table customers', $$UPDATE public.customers SET company = 'Acme', roles = '{approver}'$$, 'ok 3', 'ok 0', NULL, NULL),
    ('DELETE a customer', 'edit', 'table customers', $$DELETE FROM public.customers WHERE user_name = 'bob'$$, 'ok 1', 'ok 0', NULL, NULL),
    ('edit a customer', 'edit', 'function edit_customer', $$SELECT customer_import.edit_customer('bob', '{"company": "Acme", "roles": ["approver"]}')$$, 'ok ', '42501 permission denied to change customers', NULL, NULL),
    ('import a text', 'import', 'function import_customers', $$SELECT state || ' ' || created FROM customer_import.import_customers(E'userName,addRoles\ndora,buyer\n', 'Create & Update')$$, 'ok completed 1', '42501 permission denied to import customers', NULL, NULL),
    ('import bytes', 'import', 'function import_customers', $$SELECT state || ' ' || updated FROM customer_import.import_customers('userName,addRoles\012bob,buyer\012'::bytea, 'Update Only')$$, 'ok completed 1', '42501 permission denied to import customers', NULL, NULL),
    ('import a large object', 'import', 'function import_customers', $$SELECT state || ' ' || created FROM customer_import.import_customers({file}::oid, 'Create Only')$$, 'ok completed 1', '42501 permission denied to import customers', NULL, NULL),
    ('see its imports', 'history', 'table imports', $$SELECT count(*) FROM customer_import.imports WHERE operator = '{who}'$$, 'ok 1', 'ok 0', NULL, NULL),
    ('see its issues', 'history', 'table import_issues', 'SELECT count(*) FROM customer_import.import_issues WHERE import_id = {own}', 'ok 1', 'ok 0', NULL, NULL),
    ('see its changes', 'history', 'view import_changes', 'SELECT user_name FROM customer_import.import_changes WHERE import_id = {own}', 'ok ann', 'ok NULL', NULL, NULL),
    ('see what its imports did to a customer', 'history', 'function customer_history', $$SELECT count(*) FROM customer_import.customer_history('ann') WHERE import_id = {own}$$, 'ok 1', '42501 permission denied to see the history of customers', NULL, NULL),
    ('see what imports of others did to a customer', 'admin', 'function customer_history', $$SELECT count(*) FROM customer_import.customer_history('ann') WHERE import_id = {other}$$, 'ok 1', '42501 permission denied to see the history of customers', 'history', 'ok 0'),
    ('see pages of its changes', 'history', 'table _import_change_pages', 'SELECT count(*) FROM customer_import._import_change_pages WHERE import_id = {own}', 'ok 1', 'ok 0', NULL, NULL),
    ('report on its import', 'history', 'function import_report', $$SELECT customer_import.import_report({own}) ->> 'operator'$$, 'ok {who}', '42501 permission denied to view imports', NULL, NULL),
    ('its rejected records', 'history', 'function rejected_csv', $$SELECT customer_import.rejected_csv({own}) LIKE '%byer%'$$, 'ok true', '42501 permission denied to view imports', NULL, NULL),
    ('its rejected bytes', 'history', 'function rejected_csv_bytes', $$SELECT position('byer' IN customer_import.rejected_csv_bytes({own})) > 0$$, 'ok true', '42501 permission denied to view imports', NULL, NULL),
    ('its skipped records', 'history', 'function skipped_csv', $$SELECT customer_import.skipped_csv({own}) LIKE 'userName,%'$$, 'ok true', '42501 permission denied to view imports', NULL, NULL),
    ('skipped records of another', 'admin', 'function skipped_csv', $$SELECT customer_import.skipped_csv({other}) LIKE 'userName,%'$$, 'ok true', '42501 permission denied to view imports', 'history', '42704 import {other} does not exist'),
    ('its rejected lines', 'history', 'function rejected_lines', $$SELECT bool_or(line LIKE 'userName,%') FROM customer_import.rejected_lines({own}) AS line$$, 'ok true', '42501 permission denied to view imports', NULL, NULL),
    ('rejected lines of another', 'admin', 'function rejected_lines', $$SELECT bool_or(line LIKE 'userName,%') FROM customer_import.rejected_lines({other}) AS line$$, 'ok true', '42501 permission denied to view imports', 'history', '42704 import {other} does not exist'),
    ('its skipped lines', 'history', 'function skipped_lines', $$SELECT bool_or(line LIKE 'userName,%') FROM customer_import.skipped_lines({own}) AS line$$, 'ok true', '42501 permission denied to view imports', NULL, NULL),
    ('skipped lines of another', 'admin', 'function skipped_lines', $$SELECT bool_or(line LIKE 'userName,%') FROM customer_import.skipped_lines({other}) AS line$$, 'ok true', '42501 permission denied to view imports', 'history', '42704 import {other} does not exist'),
    ('see imports of others', 'admin', 'table imports', 'SELECT count(*) FROM customer_import.imports WHERE id = {other}', 'ok 1', 'ok 0', 'history', 'ok 0'),
    ('see issues of others', 'admin', 'table import_issues', 'SELECT count(*) FROM customer_import.import_issues WHERE import_id = {other}', 'ok 1', 'ok 0', 'history', 'ok 0'),
    ('see changes of others', 'admin', 'view import_changes', 'SELECT count(*) FROM customer_import.import_changes WHERE import_id = {other}', 'ok 1', 'ok 0', 'history', 'ok 0'),
    ('see pages of others', 'admin', 'table _import_change_pages', 'SELECT count(*) FROM customer_import._import_change_pages WHERE import_id = {other}', 'ok 1', 'ok 0', 'history', 'ok 0'),
    ('report on the import of another', 'admin', 'function import_report', $$SELECT customer_import.import_report({other}) ->> 'file_name'$$, 'ok pattern', '42501 permission denied to view imports', 'history', '42704 import {other} does not exist'),
    ('rejected records of another', 'admin', 'function rejected_csv', $$SELECT customer_import.rejected_csv({other}) LIKE '%byer%'$$, 'ok true', '42501 permission denied to view imports', 'history', '42704 import {other} does not exist'),
    ('cancel an import that has ended', 'import', 'function cancel_import', $$SELECT customer_import.cancel_import({own})$$, '55000 import {own} has ended already', '42501 permission denied to cancel imports', NULL, NULL),
    ('resume an import that has completed', 'import', 'function resume_import', $$SELECT customer_import.resume_import({own})$$, '55000 import {own} has nothing left to apply', '42501 permission denied to resume imports', NULL, NULL),
    ('cancel the import of another', 'admin', 'function cancel_import', $$SELECT customer_import.cancel_import({other})$$, '55000 import {other} has ended already', '42501 permission denied to cancel imports', 'import', '42704 import {other} does not exist'),
    ('resume the import of another', 'admin', 'function resume_import', $$SELECT customer_import.resume_import({other})$$, '55000 import {other} has nothing left to apply', '42501 permission denied to resume imports', 'import', '42704 import {other} does not exist'),
    ('status of its import', 'history', 'view import_status', $$SELECT count(*) FROM customer_import.import_status WHERE id = {own}$$, 'ok 1', 'ok 0', NULL, NULL),
    ('status of the import of another', 'admin', 'view import_status', $$SELECT count(*) FROM customer_import.import_status WHERE id = {other}$$, 'ok 1', 'ok 0', 'history', 'ok 0'),
    ('import in the background', 'import', 'function import_customers', $$SELECT state FROM customer_import.import_customers(E'userName,addRoles\ndora,buyer\n', 'Create & Update', background => true)$$, 'ok queued', '42501 permission denied to import customers', NULL, NULL),
    ('preview a text', 'import', 'function preview_import', $$SELECT string_agg(outcome, ' ') FROM customer_import.preview_import(E'userName,addRoles\ndora,buyer\n', 'Create & Update')$$, 'ok created', '42501 permission denied to import customers', NULL, NULL),
    ('preview bytes', 'import', 'function preview_import', $$SELECT string_agg(outcome, ' ') FROM customer_import.preview_import('userName,addRoles\012bob,buyer\012'::bytea, 'Update Only')$$, 'ok updated', '42501 permission denied to import customers', NULL, NULL),
    ('preview a large object', 'import', 'function preview_import', $$SELECT string_agg(outcome, ' ') FROM customer_import.preview_import({file}::oid, 'Create Only')$$, 'ok created', '42501 permission denied to import customers', NULL, NULL),
    ('preview a file that creates role codes', 'admin', 'function preview_import', $$SELECT string_agg(outcome, ' ') FROM customer_import.preview_import(E'userName,addRoles\nbob,matrix\n', 'Update Only', unknown_roles => 'create')$$, 'ok updated', '42501 permission denied to', 'import', '42501 permission denied to'),
    ('dry run', 'import', 'function import_customers', $$SELECT state || ' ' || created FROM customer_import.import_customers(E'userName,addRoles\ndora,buyer\n', 'Create & Update', dry_run => true)$$, 'ok completed 1', '42501 permission denied to import customers', NULL, NULL),
    ('undo its import', 'import', 'function undo_import', $$SELECT state || ' ' || deleted FROM customer_import.undo_import({own})$$, 'ok completed 1', '42501 permission denied to undo imports', NULL, NULL),
    ('undo the import of another', 'admin', 'function undo_import', $$SELECT state || ' ' || deleted FROM customer_import.undo_import({other})$$, 'ok completed 1', '42501 permission denied to undo imports', 'import', '42704 import {other} does not exist'),
    ('undo in the background', 'import', 'function undo_import', $$SELECT state FROM customer_import.undo_import({own}, background => true)$$, 'ok queued', '42501 permission denied to undo imports', NULL, NULL),
    ('retry its rejected records', 'import', 'function retry_rejects', $$SELECT state || ' ' || rejected FROM customer_import.retry_rejects({own})$$, 'ok completed 1', '42501 permission denied to retry rejected records', NULL, NULL),
    ('retry rejected records of another', 'admin', 'function retry_rejects', $$SELECT state || ' ' || rejected FROM customer_import.retry_rejects({other})$$, 'ok completed 1', '42501 permission denied to retry rejected records', 'import', '42704 import {other} does not exist'),
    ('retry its skipped records', 'import', 'function retry_skipped', $$SELECT state FROM customer_import.retry_skipped({own}, 'Create Only')$$, '55000 import {own} has no skipped records that could be retried', '42501 permission denied to retry skipped records', NULL, NULL),
    ('retry skipped records of another', 'admin', 'function retry_skipped', $$SELECT state FROM customer_import.retry_skipped({other}, 'Create Only')$$, '55000 import {other} has no skipped records that could be retried', '42501 permission denied to retry skipped records', 'import', '42704 import {other} does not exist'),
    ('amend its record', 'import', 'function amend_record', $$SELECT customer_import.amend_record({own}, 3, 'bob,buyer')$$, 'ok ', '42501 permission denied to amend records', NULL, NULL),
    ('amend a record of another', 'admin', 'function amend_record', $$SELECT customer_import.amend_record({other}, 3, 'bob,buyer')$$, 'ok ', '42501 permission denied to amend records', 'import', '42704 import {other} does not exist'),
    ('purge', 'admin', 'function purge_imports', $$SELECT customer_import.purge_imports('100 years')$$, 'ok 0', '42501 permission denied to purge imports', NULL, NULL),
    ('rejected bytes of another', 'admin', 'function rejected_csv_bytes', $$SELECT position('byer' IN customer_import.rejected_csv_bytes({other})) > 0$$, 'ok true', '42501 permission denied to view imports', 'history', '42704 import {other} does not exist'),
    ('add a role code', 'admin', 'function add_role_codes', $$SELECT customer_import.add_role_codes('{matrix}')$$, 'ok 1', '42501 permission denied to change role codes', NULL, NULL),
    ('alter a role code', 'admin', 'function alter_role_code', $$SELECT customer_import.alter_role_code('buyer', privileged => true)$$, 'ok ', '42501 permission denied to change role codes', NULL, NULL),
    ('remove a role code', 'admin', 'function remove_role_codes', $$SELECT customer_import.remove_role_codes('{approver}')$$, 'ok 1', '42501 permission denied to change role codes', NULL, NULL),
    ('create role codes by a file', 'admin', 'function import_customers', $$SELECT state FROM customer_import.import_customers(E'userName,addRoles\nbob,matrix\n', 'Update Only', unknown_roles => 'create')$$, 'ok completed', '42501 permission denied to', 'import', '42501 permission denied to'),
    ('add an operator', 'admin', 'function add_operator', $$SELECT customer_import.add_operator('dora', roles => '{importView}')$$, 'ok ', '42501 permission denied to change operators', NULL, NULL),
    ('alter an operator', 'admin', 'function alter_operator', $$SELECT customer_import.alter_operator('spare', email => 'spare@example.com')$$, 'ok ', '42501 permission denied to change operators', NULL, NULL),
    ('alter himself', 'admin', 'function alter_operator', $$SELECT customer_import.alter_operator('{who}', roles => '{administrator}')$$, 'ok ', '42501 permission denied to change operators', NULL, NULL),
    ('remove an operator', 'admin', 'function remove_operator', $$SELECT customer_import.remove_operator('spare')$$, 'ok ', '42501 permission denied to change operators', NULL, NULL),
    ('create a second customers table', 'admin', 'function create_customers_table', $$SELECT customer_import.create_customers_table('public.second')$$, '55000 there is a customers table already', '42501 permission denied to create the customers table', NULL, NULL),
    ('attach a table of another', 'admin', 'function attach_customers_table', $$SELECT customer_import.attach_customers_table('public.customers', 'user_name', 'roles')$$, '42501 must be owner of table customers', '42501 permission denied to attach a customers table', NULL, NULL),
    ('detach the customers table of another', 'admin', 'function detach_customers_table', 'SELECT customer_import.detach_customers_table()', '42501 must be owner of table customers', '42501 permission denied to detach the customers table', NULL, NULL),
    ('see the health of imports', 'admin', 'view import_health', 'SELECT held FROM customer_import.import_health', 'ok 0', '42501 permission denied to see the activity of imports', NULL, NULL),
    ('see the activity of imports', 'admin', 'view import_activity', 'SELECT count(*) > 1 FROM customer_import.import_activity', 'ok true', '42501 permission denied to see the activity of imports', NULL, NULL),
    ('see role codes', 'operator', 'table role_codes', 'SELECT count(*) FROM customer_import.role_codes WHERE privileged', 'ok 6', 'ok 0', NULL, NULL),
    ('see the columns of a file', 'operator', 'table customers_table_columns', 'SELECT count(*) FROM customer_import.customers_table_columns', 'ok 6', 'ok 0', NULL, NULL),
    ('template', 'operator', 'function import_template', 'SELECT customer_import.import_template() LIKE $$userName,%$$', 'ok true', '42501 permission denied', NULL, NULL),
    ('see himself among the operators', 'operator', 'table operators', $$SELECT count(*) FROM customer_import.operators WHERE name = '{who}'$$, 'ok 1', 'ok 0', NULL, NULL),
    ('see other operators', 'admin', 'table operators', $$SELECT count(*) FROM customer_import.operators WHERE name = 'spare'$$, 'ok 1', 'ok 0', 'operator', 'ok 0'),
    ('ask who it is', 'operator', NULL, 'SELECT customer_import.current_operator()', 'ok {who}', NULL, 'everybody', 'ok NULL'),
    ('ask whether it is admin', 'admin', NULL, 'SELECT customer_import.is_admin()', 'ok true', NULL, 'everybody', 'ok false'),
    ('ask whether it may view customers', 'view', NULL, 'SELECT customer_import.may_view_customers()', 'ok true', NULL, 'everybody', 'ok false'),
    ('ask whether it may edit customers', 'edit', NULL, 'SELECT customer_import.may_edit_customers()', 'ok true', NULL, 'everybody', 'ok false'),
    ('ask whether it may import customers', 'import', NULL, 'SELECT customer_import.may_import_customers()', 'ok true', NULL, 'everybody', 'ok false'),
    ('ask whether it may view imports', 'history', NULL, 'SELECT customer_import.may_view_imports()', 'ok true', NULL, 'everybody', 'ok false'),
    ('compute with role sets', 'everybody', NULL, $$SELECT customer_import.role_set('{b,a}')$$, 'ok {a,b}', NULL, NULL, NULL),
    ('make a gateway', 'nobody', 'function grant_gateway', $$SELECT customer_import.grant_gateway('regress_rights_spare')$$, 'ok ', '42501 permission denied', NULL, NULL),
    ('revoke a gateway', 'nobody', 'function revoke_gateway', $$SELECT customer_import.revoke_gateway('regress_rights_gateway')$$, 'ok ', '42501 permission denied', NULL, NULL);

-- Which operator tries what, in which way, and what the result should be
CREATE TEMPORARY TABLE ways (name text PRIMARY KEY, by_grants boolean);
INSERT INTO ways VALUES
    ('logged in', true),                -- as its own database role, with what the extension has granted
    ('through a gateway', false),       -- the grants are the gateway's: policies and code alone tell people apart
    ('granted all by hand', false);     -- as its own database role, to which a DBA has granted everything
SELECT set_config('regress.file', :'file', true) AS file, set_config('regress.other', :'other', true) AS other \gset
CREATE FUNCTION pg_temp.fill(template text, person people) RETURNS text LANGUAGE sql AS $$
    SELECT replace(replace(replace(replace(template, '{who}', person.who), '{own}', person.own::text),
                           '{file}', current_setting('regress.file')), '{other}', current_setting('regress.other'))
$$;
CREATE TEMPORARY TABLE attempts AS
    SELECT w.name AS way, a.name AS action, a.needs, p.who, p.roles, p.who ~ '\d$' AS is_combination,
           CASE WHEN w.name = 'through a gateway' THEN 'regress_rights_gateway' ELSE p.who END AS role_name,
           CASE WHEN w.name = 'through a gateway' AND p.roles IS NOT NULL THEN p.who END AS acts_as,
           pg_temp.fill(a.statement, p) AS statement, pg_temp.fill(a.allowed, p) AS allowed,
           pg_temp.fill(CASE WHEN a.needs = ANY (p.rights) THEN a.allowed
                             WHEN a.weaker = ANY (p.rights) THEN a.hidden
                             WHEN w.by_grants THEN '42501 permission denied for ' || a.object
                             ELSE a.refused END, p) AS expected,
           NULL::text AS outcome
      FROM ways AS w CROSS JOIN actions AS a CROSS JOIN people AS p
     WHERE CASE p.who WHEN 'regress_rights_gateway' THEN w.name = 'through a gateway'
                      WHEN 'regress_rights_stranger' THEN w.name <> 'through a gateway'
                      WHEN 'regress_rights_inactive' THEN w.name <> 'through a gateway'
                      ELSE true END;
CREATE TEMPORARY VIEW state AS
    SELECT jsonb_build_array(
        (SELECT jsonb_agg(jsonb_build_array(c, c.ctid, c.xmin) ORDER BY user_name) FROM public.customers AS c),
        (SELECT jsonb_agg(r ORDER BY code) FROM customer_import.role_codes AS r),
        (SELECT jsonb_agg(o ORDER BY name) FROM customer_import.operators AS o),
        (SELECT jsonb_agg(g ORDER BY name) FROM customer_import.gateways AS g),
        (SELECT jsonb_agg(i ORDER BY id) FROM customer_import.imports AS i),
        (SELECT jsonb_agg(s ORDER BY import_id, line, issue_number) FROM customer_import.import_issues AS s), (SELECT count(*) FROM customer_import._import_change_pages)) AS now;
CREATE TEMPORARY TABLE state_before AS TABLE state;

UPDATE attempts SET outcome = pg_temp.attempt(role_name, acts_as, statement) WHERE way <> 'granted all by hand';
CREATE ROLE regress_rights_all;
GRANT ALL ON public.customers TO regress_rights_all;
GRANT ALL ON ALL TABLES IN SCHEMA customer_import TO regress_rights_all;
GRANT ALL ON ALL SEQUENCES IN SCHEMA customer_import TO regress_rights_all;
GRANT ALL ON ALL FUNCTIONS IN SCHEMA customer_import TO regress_rights_all;
SELECT format('GRANT regress_rights_all TO %I', who) FROM people WHERE who <> 'regress_rights_gateway' \gexec
UPDATE attempts SET outcome = pg_temp.attempt(role_name, acts_as, statement) WHERE way = 'granted all by hand';

-- For each action and way: one assertion that names the combinations that got something else, one of the count
SELECT plan((SELECT 6 * count(*) + 18 FROM actions)::integer);

CREATE FUNCTION pg_temp.is_outcome(outcome text, expected text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT outcome = expected OR expected !~ '^ok' AND starts_with(outcome, expected)
$$;
SELECT is_empty(format('SELECT roles, expected, outcome FROM attempts WHERE (way, action) = (%L, %L) AND is_combination
                           AND pg_temp.is_outcome(outcome, expected) IS NOT TRUE', w.name, a.name),
                format('%s: %s, as the six codes say', w.name, a.name))
  FROM ways AS w CROSS JOIN actions AS a ORDER BY w.name, a.number;
SELECT is((SELECT count(*) FROM attempts AS t
            WHERE (t.way, t.action) = (w.name, a.name) AND is_combination AND pg_temp.is_outcome(outcome, allowed)),
          r.combinations, format('%s: %s, %s of the 64 combinations', w.name, a.name, r.combinations))
  FROM ways AS w CROSS JOIN actions AS a JOIN rights AS r ON r.name = a.needs ORDER BY w.name, a.number;

-- Roles that have no combination at all
SELECT is_empty(format('SELECT action, expected, outcome FROM attempts WHERE (way, who) = (%L, %L)
                           AND pg_temp.is_outcome(outcome, expected) IS NOT TRUE', t.way, t.who),
                format('%s: %s is as good as nobody', t.way, t.who))
  FROM attempts AS t WHERE NOT is_combination GROUP BY t.way, t.who ORDER BY t.way, t.who;

-- A refusal by the extension names the operator and what it lacks: codes that it has not, and of which one at least would help
CREATE TEMPORARY VIEW refusals AS
    SELECT *, ARRAY(SELECT m[1] FROM regexp_matches(detail, '\m(administrator|superuser|customerView|customerEdit|importView|importEdit)\M', 'g') AS m) AS named
      FROM (SELECT *, split_part(outcome, ' | ', 2) AS detail FROM attempts) AS t
     WHERE outcome ~ '^42501 permission denied (?!for)';
SELECT isnt((SELECT count(*) FROM refusals WHERE way = w.name), 0::bigint, format('%s: code refuses', w.name))
  FROM ways AS w WHERE NOT by_grants ORDER BY w.name;
SELECT is_empty(format('SELECT action, roles, outcome FROM refusals
                         WHERE way = %L AND is_combination AND needs <> ''nobody''
                           AND (NOT starts_with(detail, format(''Operator "%%s" lacks '', who)) OR named = ''{}'' OR named && roles)', w.name),
                format('%s: a refusal names the operator and what it lacks', w.name))
  FROM ways AS w ORDER BY w.name;
SELECT is_empty(format('SELECT action, roles, outcome FROM refusals
                         WHERE way = %L AND is_combination AND needs = ''import''
                           AND NOT named <@ ''{customerView,customerEdit,importView,importEdit}''', w.name),
                format('%s: for an import it names some of the four codes', w.name))
  FROM ways AS w ORDER BY w.name;
SELECT is_empty($$SELECT action, outcome FROM refusals WHERE who = 'regress_rights_stranger' AND needs <> 'nobody'
                     AND detail <> 'Role "regress_rights_stranger" is not an operator.'$$, 'a stranger is told that it is no operator');
SELECT is_empty($$SELECT action, outcome FROM refusals WHERE who = 'regress_rights_inactive' AND needs <> 'nobody'
                     AND detail <> 'Operator "regress_rights_inactive" is not active.'$$, 'an inactive operator that it is not active');
SELECT is_empty($$SELECT action, outcome FROM refusals WHERE who = 'regress_rights_gateway' AND needs <> 'nobody'
                     AND detail <> 'Role "regress_rights_gateway" has not called customer_import.act_as() in this transaction.'$$,
                'a gateway that it has not called act_as()');

-- Nothing of all this has stayed
SELECT is((SELECT now FROM state), (SELECT now FROM state_before), 'every attempt was undone');
SELECT results_eq('SELECT user_name, roles FROM public.customers ORDER BY user_name',
                  $$VALUES ('ann' COLLATE "C", '{buyer}'::text[] COLLATE "C"), ('bob', '{}'), ('cleo', '{}')$$, 'the customers are as they were');

SELECT * FROM finish();
ROLLBACK;
