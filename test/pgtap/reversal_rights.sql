-- Which operators may take back what, and try again what: own imports and those of others, lost rights, policies of the DBA, gateways, the
-- grant ceiling, and forged history.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(46);

CREATE ROLE regress_rev_ann;
CREATE ROLE regress_rev_ben;
CREATE ROLE regress_rev_admin;
CREATE ROLE regress_rev_web;
CREATE ROLE regress_rev_power;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer,approver,seller}');
    PERFORM customer_import.add_operator(name, roles => '{customerView,customerEdit,importView,importEdit}')
       FROM unnest('{regress_rev_ann,regress_rev_ben}'::text[]) AS o (name);
    PERFORM customer_import.add_operator('regress_rev_admin', roles => '{administrator}');
    PERFORM customer_import.grant_gateway('regress_rev_web');
    PERFORM customer_import.grant_gateway('regress_rev_power', may_act_as_admin => true);
END
$$;
INSERT INTO public.customers (user_name, roles, company) VALUES
    ('first', '{}', 'Old'), ('second', '{approver}', 'Old'), ('third', '{}', 'Old'), ('fourth', '{approver}', 'Old');

-- Undoes or retries as the caller, and says in a line what came of it: its state, the counts that are not 0, its issues.
CREATE FUNCTION pg_temp.reverse(what text, id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    done record;
BEGIN
    EXECUTE format('SELECT * FROM customer_import.%I($1)', what) INTO done USING id;
    RETURN concat_ws(' ', done.state,
        (SELECT string_agg(name || '=' || number, ' ' ORDER BY position)
           FROM unnest(ARRAY['created', 'updated', 'unchanged', 'skipped', 'rejected', 'deleted', 'unprocessed'],
                       ARRAY[done.created, done.updated, done.unchanged, done.skipped, done.rejected, done.deleted, done.unprocessed])
                WITH ORDINALITY AS counts (name, number, position)
          WHERE number <> 0),
        '(' || (SELECT string_agg(line || ' ' || code || COALESCE(' ' || sqlstate, ''), ', ' ORDER BY line, issue_number)
                  FROM customer_import.import_issues WHERE import_id = done.import_id) || ')');
END
$$;
-- All customers in a line.
CREATE FUNCTION pg_temp.customers() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', user_name, roles, company), ', ' ORDER BY user_name) FROM public.customers
$$;
-- Imports, and lets it stay; returns the number of the import.
CREATE FUNCTION pg_temp.imported(who text, csv text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', who);
    SELECT import_id INTO id FROM customer_import.import_customers(csv, 'Create & Update');
    SET LOCAL SESSION AUTHORIZATION DEFAULT;
    RETURN id;
END
$$;
-- The same of an undo.
CREATE FUNCTION pg_temp.undone(who text, source bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', who);
    SELECT import_id INTO id FROM customer_import.undo_import(source);
    SET LOCAL SESSION AUTHORIZATION DEFAULT;
    RETURN id;
END
$$;

--
-- Own imports, and those of others
--
SELECT pg_temp.imported('regress_rev_ann', E'userName,addRoles,removeRoles,company\nfirst,buyer,,New\nsecond,buyer,approver,New\nnina,buyer,,New\nthird,byer,,\n') AS anns \gset
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns), 'SELECT pg_temp.customers()'),
          'ok completed updated=2 deleted=1 => first {} Old, fourth {approver} Old, second {approver} Old, third {} Old', 'it undoes its own import');
SELECT is(pg_temp.attempt('regress_rev_ben', NULL, format('SELECT pg_temp.reverse(%L, %s)', what, :anns), 'SELECT pg_temp.customers()'),
          format('42704 import %s does not exist => %s', :anns, pg_temp.customers()), format('%s: to another operator it does not exist', what))
  FROM unnest('{undo_import,retry_rejects}'::text[]) AS what;
SELECT is(pg_temp.attempt('regress_rev_ben', NULL, format('SELECT customer_import.amend_record(%s, 5, ''third,buyer,,'')', :anns)),
          format('42704 import %s does not exist', :anns), 'nor can it amend its records');
SELECT is(pg_temp.attempt('regress_rev_ben', NULL, 'SELECT pg_temp.reverse(''undo_import'', -1)'), '42704 import -1 does not exist', 'just as one that there never was');
SELECT is(pg_temp.attempt('regress_rev_admin', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns),
              'SELECT concat_ws('' '', mode, operator, database_role) FROM customer_import.imports ORDER BY id DESC LIMIT 1'),
          'ok completed updated=2 deleted=1 => undo regress_rev_admin regress_rev_admin', 'an administrator undoes it, in its own name');
SELECT is(pg_temp.attempt('regress_rev_admin', NULL, format('SELECT pg_temp.reverse(''retry_rejects'', %s)', :anns)),
          'ok completed rejected=1 (5 unknown_role)', 'and retries its records');
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format($$SELECT concat(customer_import.amend_record(%1$s, 5, 'third,buyer,,'), pg_temp.reverse('retry_rejects', %1$s))$$, :anns), 'SELECT pg_temp.customers()'),
          'ok completed updated=1 => first {buyer} New, fourth {approver} Old, nina {buyer} New, second {buyer} New, third {buyer} Old', 'it amends its record and retries it');
-- What an administrator has undone is the administrator's to bring back
SELECT pg_temp.undone('regress_rev_admin', :anns) AS undo \gset
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :undo)), format('42704 import %s does not exist', :undo), 'the undo of its import by an administrator is not its own');
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns)), format('55000 import %s was undone by import %s', :anns, :undo), 'but it is told of it');
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''retry_rejects'', %s)', :anns)), format('55000 import %s was undone by import %s', :anns, :undo), 'nor can it retry records of what was undone');
SELECT is(pg_temp.attempt('regress_rev_admin', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :undo), 'SELECT pg_temp.customers()'),
          'ok completed created=1 updated=2 => first {buyer} New, fourth {approver} Old, nina {buyer} New, second {buyer} New, third {} Old', 'the administrator brings it back');

--
-- Rights that are lost
--
SELECT pg_temp.imported('regress_rev_ann', E'userName,addRoles\nfirst,buyer\nthird,byer\n') AS anns \gset
SELECT customer_import.alter_operator('regress_rev_ann', roles => '{customerView,customerEdit,importView}') AS altered \gset
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_import TO regress_rev_ann;
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, statement), outcome, 'without importEdit: ' || name)
  FROM (VALUES ('undo', format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns), '42501 permission denied to undo imports | Operator "regress_rev_ann" lacks importEdit.'),
               ('retry', format('SELECT pg_temp.reverse(''retry_rejects'', %s)', :anns), '42501 permission denied to retry rejected records | Operator "regress_rev_ann" lacks importEdit.'),
               ('amend', format('SELECT customer_import.amend_record(%s, 3, ''third,buyer'')', :anns), '42501 permission denied to amend records | Operator "regress_rev_ann" lacks importEdit.'),
               ('undo in the background', format('SELECT customer_import.undo_import(%s, true)', :anns), '42501 permission denied to undo imports | Operator "regress_rev_ann" lacks importEdit.'),
               ('preview', 'SELECT count(*) FROM customer_import.preview_import(E''userName,addRoles\nfirst,buyer\n'', ''Update Only'')', '42501 permission denied to import customers | Operator "regress_rev_ann" lacks importEdit.'))
       AS t (name, statement, outcome);
SELECT customer_import.alter_operator('regress_rev_ann', roles => '{customerView,customerEdit,importView,importEdit}') AS altered \gset
SELECT customer_import.alter_operator('regress_rev_ann', active => false) AS altered \gset
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns)), '42501 permission denied to undo imports | Operator "regress_rev_ann" is not active.', 'switched off');
SELECT customer_import.alter_operator('regress_rev_ann', active => true) AS altered \gset
REVOKE EXECUTE ON FUNCTION customer_import._decide(bigint, integer, boolean, tid, xid, text[], "any") FROM regress_rev_ann;
UPDATE public.customers SET roles = '{buyer,seller}' WHERE user_name = 'first';
SELECT pg_temp.imported('regress_rev_admin', E'userName,addRoles\nfourth,buyer\n') AS admins \gset
SELECT pg_temp.imported('regress_rev_admin', E'userName,removeRoles\nfirst,buyer\n') AS admins \gset
UPDATE customer_import.imports SET operator = 'regress_rev_ann' WHERE id = :admins;
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :admins), 'SELECT pg_temp.customers()'),
          '42501 permission denied for function _decide => ' || pg_temp.customers(), 'without a grant that the statements need, nothing is undone');
GRANT EXECUTE ON FUNCTION customer_import._decide(bigint, integer, boolean, tid, xid, text[], "any") TO regress_rev_ann;
REVOKE UPDATE ON public.customers FROM regress_rev_ann;
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :admins), 'SELECT pg_temp.customers()'),
          '42501 permission denied for table customers => ' || pg_temp.customers(), 'nor without a privilege on the table');
GRANT UPDATE ON public.customers TO regress_rev_ann;
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :admins)), 'ok completed updated=1', 'with all rights it undoes');

--
-- Policies that the DBA has added
--
DELETE FROM public.customers;
INSERT INTO public.customers (user_name, roles, company) VALUES
    ('first', '{}', 'Old'), ('second', '{approver}', 'Old'), ('third', '{}', 'Old'), ('fourth', '{approver}', 'Old');
SELECT pg_temp.imported('regress_rev_ann', E'userName,addRoles,company\nfirst,buyer,\nsecond,buyer,\nfourth,,Now\nnew1,buyer,\nnew2,buyer,\nnew3,buyer,\nthird,byer,\n') AS anns \gset
CREATE TABLE public.rules (user_name text, rule text);
GRANT SELECT ON public.rules TO PUBLIC;
CREATE POLICY hidden ON public.customers AS RESTRICTIVE FOR SELECT USING (user_name NOT IN (SELECT r.user_name FROM public.rules AS r WHERE rule = 'hidden'));
CREATE POLICY fixed ON public.customers AS RESTRICTIVE FOR UPDATE USING (user_name NOT IN (SELECT r.user_name FROM public.rules AS r WHERE rule = 'fixed'))
    WITH CHECK (company IS DISTINCT FROM 'Old' OR user_name NOT IN (SELECT r.user_name FROM public.rules AS r WHERE rule = 'not old'));
CREATE POLICY kept ON public.customers AS RESTRICTIVE FOR DELETE USING (user_name NOT IN (SELECT r.user_name FROM public.rules AS r WHERE rule = 'kept'));
CREATE POLICY refused ON public.customers AS RESTRICTIVE FOR INSERT WITH CHECK (user_name NOT IN (SELECT r.user_name FROM public.rules AS r WHERE rule = 'not new'));
INSERT INTO public.rules VALUES ('first', 'hidden'), ('second', 'fixed'), ('fourth', 'not old'), ('new1', 'hidden'), ('new2', 'fixed'), ('new3', 'kept');
CREATE TEMPORARY TABLE customers_before AS SELECT * FROM public.customers;
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns),
              'SELECT count(*) FROM ((TABLE public.customers EXCEPT TABLE customers_before) UNION ALL (TABLE customers_before EXCEPT TABLE public.customers)) AS c'),
          'ok completed skipped=2 rejected=4 (2 not_found, 3 not_permitted, 4 not_permitted 42501, 5 not_found, 6 not_permitted, 7 not_permitted) => 0',
          'who is hidden is not found, who may only be seen, written otherwise or not be deleted is not permitted, and nothing is written');
SELECT is(pg_temp.attempt('regress_rev_admin', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns)),
          'ok completed skipped=2 rejected=4 (2 not_found, 3 not_permitted, 4 not_permitted 42501, 5 not_found, 6 not_permitted, 7 not_permitted)', 'RESTRICTIVE policies hold for administrators too');
SELECT is(pg_temp.attempt(NULL, NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns)), 'ok completed updated=3 deleted=3', 'a superuser passes them');
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, $$SELECT string_agg(concat_ws(' ', line, user_name, outcome, COALESCE(roles_before::text, 'NULL'), COALESCE(roles_after::text, 'NULL'), code), ', ' ORDER BY line)
              FROM customer_import.preview_import(E'userName,addRoles,company\nfirst,approver,\nsecond,seller,\nfourth,buyer,Old\nthird,approver,\n', 'Create & Update')$$),
          'ok 2 first rejected NULL NULL not_permitted, 3 second rejected {approver,buyer} {approver,buyer} not_permitted, 4 fourth rejected {approver} {approver} not_permitted, 5 third updated {} {approver}',
          'a preview shows nothing of those who are hidden, and that others are not permitted');
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, $$SELECT string_agg(concat_ws(' ', user_name, outcome, COALESCE(roles_before::text, 'NULL'), code), ', ' ORDER BY line)
              FROM customer_import.preview_import(E'userName,addRoles\nfirst,approver\nnobody,approver\n', 'Update Only')$$),
          'ok first skipped NULL not_found, nobody skipped NULL not_found', 'to a preview who is hidden is as good as nobody');
-- What an undo has deleted does not come back past a policy
DELETE FROM public.rules;
SELECT pg_temp.undone('regress_rev_ann', :anns) AS undo \gset
INSERT INTO public.rules VALUES ('new1', 'not new');
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :undo)),
          'ok completed created=2 updated=3 rejected=1 (5 not_permitted 42501)', 'who was deleted is created again where the policies allow it');
DROP POLICY hidden ON public.customers;
DROP POLICY fixed ON public.customers;
DROP POLICY kept ON public.customers;
DROP POLICY refused ON public.customers;
DROP TABLE public.rules;

--
-- Gateways
--
SELECT pg_temp.imported('regress_rev_ann', E'userName,addRoles\nfirst,buyer\nthird,byer\n') AS anns \gset
UPDATE customer_import.imports SET database_role = 'regress_rev_web' WHERE id = :anns;  -- act_as() would hold to the end of the transaction
SELECT is(pg_temp.attempt('regress_rev_web', 'regress_rev_ann', format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns), 'SELECT concat_ws('' '', operator, database_role) FROM customer_import.imports ORDER BY id DESC LIMIT 1'),
          'ok completed updated=1 => regress_rev_ann regress_rev_web', 'a gateway undoes as whom it acts as');
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns)), 'ok completed updated=1', 'the role itself undoes what it has imported through it');
SELECT is(pg_temp.attempt('regress_rev_web', 'regress_rev_ben', format('SELECT pg_temp.reverse(%L, %s)', what, :anns)), format('42704 import %s does not exist', :anns), format('%s: acting as another, not', what))
  FROM unnest('{undo_import,retry_rejects}'::text[]) AS what;
SELECT is(pg_temp.attempt('regress_rev_web', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns)),
          '42501 permission denied to undo imports | Role "regress_rev_web" has not called customer_import.act_as() in this transaction.', 'nor acting as nobody');
SELECT is(pg_temp.attempt('regress_rev_web', 'regress_rev_ann', format($$SELECT concat(customer_import.amend_record(%1$s, 3, 'third,buyer'), pg_temp.reverse('retry_rejects', %1$s))$$, :anns),
                          format('SELECT amended_by FROM customer_import.import_issues WHERE import_id = %s', :anns)),
          'ok completed updated=1 => regress_rev_ann', 'it amends and retries');
SELECT alike(pg_temp.attempt('regress_rev_web', 'regress_rev_admin', format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns)), '42501 %', 'it does not act as an administrator');
SELECT is(pg_temp.attempt('regress_rev_power', 'regress_rev_admin', format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns), 'SELECT concat_ws('' '', operator, database_role) FROM customer_import.imports ORDER BY id DESC LIMIT 1'),
          'ok completed updated=1 => regress_rev_admin regress_rev_power', 'one that may undoes imports of others');

--
-- The grant ceiling: codes that were ordinary at the import are privileged at the undo
--
DELETE FROM public.customers;
INSERT INTO public.customers (user_name, roles, company) VALUES
    ('both', '{seller}', 'Old'), ('given', '{}', 'Old'), ('himself', '{}', 'Old'), ('holder', '{customerView}', 'Old'), ('other', '{}', 'Old'), ('taken', '{approver}', 'Old');
SELECT pg_temp.imported('regress_rev_ann', E'userName,addRoles,removeRoles,company\ngiven,buyer,,New\ntaken,,approver,New\nboth,buyer,seller,New\nhimself,seller,,New\nholder,seller,,New\nother,seller,,New\nnew,buyer,,\nplainnew,seller,,\nmyself,seller,,\n') AS anns \gset
SELECT count(customer_import.alter_role_code(code, privileged => true)) AS altered FROM unnest('{buyer,approver}'::text[]) AS code \gset
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns), 'SELECT pg_temp.customers()'),
          'ok completed updated=3 rejected=4 deleted=2 (2 role_not_grantable, 3 role_not_grantable, 4 role_not_grantable, 8 role_not_grantable) => '
          || 'both {buyer} New, given {buyer} New, himself {} Old, holder {customerView} Old, new {buyer}, other {} Old, taken {} New',
          'it neither takes away nor gives back privileged codes, nor deletes their holders; of such a record nothing is undone');
SELECT is(pg_temp.attempt('regress_rev_admin', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns), 'SELECT pg_temp.customers()'),
          'ok completed updated=6 deleted=3 => both {seller} Old, given {} Old, himself {} Old, holder {customerView} Old, other {} Old, taken {approver} Old', 'an administrator undoes all of it');
-- Some of the customers have become himself
UPDATE customer_import.operators SET user_name = 'himself' WHERE name = 'regress_rev_ann';
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns), 'SELECT pg_temp.customers()'),
          'ok completed updated=2 rejected=5 deleted=2 (2 role_not_grantable, 3 role_not_grantable, 4 role_not_grantable, 5 role_not_grantable, 8 role_not_grantable) => '
          || 'both {buyer} New, given {buyer} New, himself {seller} New, holder {customerView} Old, new {buyer}, other {} Old, taken {} New', 'it does not change its own roles');
UPDATE customer_import.operators SET user_name = 'myself' WHERE name = 'regress_rev_ann';
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns), 'SELECT pg_temp.customers()'),
          'ok completed updated=3 rejected=5 deleted=1 (2 role_not_grantable, 3 role_not_grantable, 4 role_not_grantable, 8 role_not_grantable, 10 role_not_grantable) => '
          || 'both {buyer} New, given {buyer} New, himself {} Old, holder {customerView} Old, myself {seller}, new {buyer}, other {} Old, taken {} New', 'nor delete himself');
UPDATE customer_import.operators SET user_name = NULL WHERE name = 'regress_rev_ann';
-- A code that the catalog has lost is not given back
SELECT customer_import.remove_role_codes('{approver}') AS removed \gset
SELECT is(pg_temp.attempt('regress_rev_admin', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :anns)),
          'ok completed updated=5 rejected=1 deleted=3 (3 unknown_role)', 'a code that is not in the catalog is not given back');
SELECT customer_import.add_role_codes('{approver}') AS added \gset
-- The undo of an undo
SELECT customer_import.alter_role_code('buyer', privileged => false) AS altered \gset
SELECT pg_temp.undone('regress_rev_ann', :anns) AS undo \gset
SELECT customer_import.alter_role_code('buyer', privileged => true) AS altered \gset
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :undo), 'SELECT pg_temp.customers()'),
          'ok completed created=2 updated=4 rejected=3 (2 role_not_grantable, 4 role_not_grantable, 8 role_not_grantable) => '
          || 'both {seller} Old, given {} Old, himself {seller} New, holder {customerView,seller} New, myself {seller}, other {seller} New, plainnew {seller}, taken {} New',
          'nor does it give them or create their holders by the undo of its undo');
UPDATE customer_import.operators SET user_name = 'plainnew' WHERE name = 'regress_rev_ann';
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format('SELECT pg_temp.reverse(''undo_import'', %s)', :undo)),
          'ok completed created=1 updated=4 rejected=4 (2 role_not_grantable, 4 role_not_grantable, 8 role_not_grantable, 9 role_not_grantable)', 'nor create himself');
UPDATE customer_import.operators SET user_name = NULL WHERE name = 'regress_rev_ann';
-- A retry
SELECT pg_temp.imported('regress_rev_ann', E'userName,addRoles\nother,buyer\nother,byer\n') AS anns \gset
SELECT is(pg_temp.attempt('regress_rev_ann', NULL, format($$SELECT concat(customer_import.amend_record(%1$s, 3, 'other,administrator'), pg_temp.reverse('retry_rejects', %1$s))$$, :anns), $$SELECT roles FROM public.customers WHERE user_name = 'other'$$),
          'ok completed rejected=2 (2 role_not_grantable, 3 role_not_grantable) => {}', 'neither retried nor amended records pass the ceiling');
SELECT is(pg_temp.attempt('regress_rev_admin', NULL, format($$SELECT pg_temp.reverse('retry_rejects', %1$s)$$, :anns), $$SELECT roles FROM public.customers WHERE user_name = 'other'$$),
          'ok completed rejected=2 (2 role_not_grantable, 3 unknown_role) => {}', 'an administrator who retries them is held to its ceiling');

--
-- Forged history
--
SELECT set_config('regress.anns', :'anns', true) AS set \gset
CREATE TEMPORARY TABLE forgeries (name text PRIMARY KEY, statement text);
INSERT INTO forgeries VALUES
    ('amends by hand', 'UPDATE customer_import.import_issues SET amended_record = ''other,administrator'' WHERE import_id = {own}'),
    ('amends in the name of another', 'UPDATE customer_import.import_issues SET amended_by = ''regress_rev_admin'' WHERE import_id = {own}'),
    ('lets records be retried once more', 'UPDATE customer_import.import_issues SET retried_by = NULL WHERE import_id = {own}'),
    ('says that records were retried', 'UPDATE customer_import.import_issues SET retried_by = 1 WHERE import_id = {own}'),
    ('brings in a record', 'INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, message, record) VALUES ({own}, 99, 1, ''rejected'', ''x'', ''x'', ''other,administrator'')'),
    ('removes one', 'DELETE FROM customer_import.import_issues WHERE import_id = {own}'),
    ('locks them', 'SELECT count(*) FROM (SELECT FROM customer_import.import_issues WHERE import_id = {own} FOR UPDATE) AS s'),
    ('says what was changed', 'INSERT INTO customer_import._import_change_pages (import_id, page, first_user_name, last_user_name, changes, payload) VALUES ({own}, 99, ''a'', ''b'', 1, '''')'),
    ('changes what was changed', 'UPDATE customer_import._import_change_pages SET payload = '''' WHERE import_id = {own}'),
    ('makes an import undone', 'UPDATE customer_import.imports SET state = ''undone'', undo_import_id = {own} WHERE id = {own}'),
    ('makes it the undo of another', 'UPDATE customer_import.imports SET mode = ''undo'', source_import_id = 1 WHERE id = {own}'),
    ('opens an undo', 'INSERT INTO customer_import.imports (operator, database_role, mode, state, source_import_id) VALUES (''regress_rev_ann'', ''regress_rev_ann'', ''undo'', ''running'', {own})');
CREATE FUNCTION pg_temp.history() RETURNS text LANGUAGE sql AS $$
    SELECT md5(concat((SELECT jsonb_agg(i ORDER BY id) FROM customer_import.imports AS i), (SELECT jsonb_agg(s ORDER BY import_id, line, issue_number) FROM customer_import.import_issues AS s),
                      (SELECT jsonb_agg(p ORDER BY import_id, page) FROM customer_import._import_change_pages AS p)))
$$;
CREATE TEMPORARY TABLE history_before AS SELECT pg_temp.history() AS now;
SELECT is_empty($$SELECT name, outcome FROM history_before, forgeries,
                         pg_temp.attempt('regress_rev_ann', NULL, replace(statement, '{own}', current_setting('regress.anns')), 'SELECT pg_temp.history()') AS outcome
                   WHERE outcome !~ '^42501 permission denied for table' OR outcome NOT LIKE '% => ' || now$$, 'nobody writes history by hand');
GRANT ALL ON customer_import.imports, customer_import.import_issues, customer_import._import_change_pages TO regress_rev_ann;
SELECT is_empty($$SELECT name, outcome FROM history_before, forgeries,
                         pg_temp.attempt('regress_rev_ann', NULL, replace(statement, '{own}', current_setting('regress.anns')), 'SELECT pg_temp.history()') AS outcome
                   WHERE outcome !~ '^(ok 0|42501 new row violates row-level security policy)' OR outcome NOT LIKE '% => ' || now$$, 'not even with all privileges');

SELECT * FROM finish();
ROLLBACK;
