-- edit_customer() is an UPDATE by hand: what it takes, what the guard and policies make of it, and what is marked. Where the customers
-- table has a shadow (test/shadow), the statement goes by that.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(42);

CREATE ROLE regress_edit_ann;
CREATE ROLE regress_edit_web;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer,approver,Auditor}');
    PERFORM customer_import.add_operator('regress_edit_ann', user_name => 'ann', roles => '{customerView,customerEdit}');
    PERFORM customer_import.grant_gateway('regress_edit_web');
    PERFORM customer_import.import_customers(E'userName,addRoles,email,active\nann,buyer,a@x,\nbob,"approver,buyer",b@x,\ncleo,administrator,c@x,no\n', 'Create Only');
END
$$;
-- Where a policy has to be made, and the names of its table
SELECT COALESCE(to_regclass('customer_import._shadow'), 'public.customers')::text AS written \gset

CREATE FUNCTION pg_temp.edit(who text, changes jsonb, look text DEFAULT 'bob') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.attempt('regress_edit_ann', NULL, format('SELECT customer_import.edit_customer(%L, %L)', who, changes),
                           format('SELECT concat_ws('' '', user_name, email, first_name, active, roles) FROM public.customers WHERE user_name = %L', look))
$$;

-- Values
SELECT is(pg_temp.edit('bob', '{"email": "new@x", "firstName": "Bob"}'), 'ok  => bob new@x Bob t {approver,buyer}', 'what is named is changed');
SELECT is(pg_temp.edit(' BOB ', '{"E-Mail": " new@x ", "active": false}'), 'ok  => bob  new@x  f {approver,buyer}',
          'names are matched as those of a file; values stay as they are');
SELECT is(pg_temp.edit('bob', '{"email": null}'), 'ok  => bob t {approver,buyer}', 'null clears');
SELECT matches(pg_temp.edit('bob', '{"active": null}'), '^23502 null value in column "active" of relation "customers" violates not-null constraint.* => bob b@x t {approver,buyer}$',
               'unless the table does not allow it');
SELECT is(pg_temp.edit('bob', '{"active": "perhaps"}'), '22P02 invalid input syntax for type boolean: "perhaps" => bob b@x t {approver,buyer}', 'a value that the column does not take');
SELECT is(pg_temp.edit('bob', '{"firstName": 5, "lastName": {"a": [1]}}'), 'ok  => bob b@x 5 t {approver,buyer}', 'other values are taken as their text');
SELECT is(pg_temp.attempt('regress_edit_ann', NULL, $$SELECT customer_import.edit_customer('bob', '{"email": "d@x"}')$$,
                          $$SELECT updated_at = now() FROM public.customers WHERE user_name = 'bob'$$), 'ok  => true', 'updated_at follows');

-- Roles
SELECT is(pg_temp.edit('bob', '{"roles": ["AUDITOR", "buyer", "Buyer"]}'), 'ok  => bob b@x t {Auditor,buyer}', 'roles replaces all, in the spelling of the catalog');
SELECT is(pg_temp.edit('bob', '{"addRoles": ["auditor"], "removeRoles": ["BUYER"]}'), 'ok  => bob b@x t {Auditor,approver}', 'addRoles and removeRoles change them');
SELECT is(pg_temp.edit('bob', '{"addRoles": ["auditor", "buyer"], "removeRoles": ["Auditor"]}'), 'ok  => bob b@x t {approver,buyer}', 'what is both is removed');
SELECT is(pg_temp.edit('bob', '{"roles": []}'), 'ok  => bob b@x t {}', 'none');
SELECT is(pg_temp.edit('bob', '{"roles": null}'), 'ok  => bob b@x t {}', 'null is none');
SELECT is(pg_temp.edit('bob', '{"addRoles": []}'), '22023 the changes are empty => bob b@x t {approver,buyer}', 'nothing to add is no change');
SELECT is(pg_temp.edit('bob', '{"removeRoles": ["nosuch"]}'), 'ok  => bob b@x t {approver,buyer}', 'what nobody holds may be removed');
SELECT is(pg_temp.edit('bob', '{"addRoles": ["byer"]}'), '23514 role code "byer" is not in the catalog => bob b@x t {approver,buyer}', 'a code that does not exist');
SELECT is(pg_temp.edit('bob', jsonb_build_object(kind, value::jsonb)), format('22023 the value of "%s" is no JSON array of role codes => bob b@x t {approver,buyer}', kind), format('%s: %s', kind, value))
  FROM (VALUES ('roles', '"buyer"'), ('addRoles', '{"buyer": true}'), ('removeRoles', '[1]'), ('addRoles', '["buyer", null]')) AS v (kind, value);

-- What is no change
SELECT is(pg_temp.edit('bob', changes::jsonb), '22023 the changes are no JSON object that has a member => bob b@x t {approver,buyer}', changes)
  FROM (VALUES ('{}'), ('[]'), ('"email"'), ('null')) AS v (changes);
SELECT is(pg_temp.edit('bob', '{"emial": "x"}'), '22023 the changes name "emial", which cannot be changed => bob b@x t {approver,buyer}', 'a name that is not known');
SELECT is(pg_temp.edit('bob', '{"userName": "bert"}'), '22023 the changes name "userName", which cannot be changed => bob b@x t {approver,buyer}', 'nobody is renamed');
SELECT is(pg_temp.edit('bob', '{"secret": "x"}'), '22023 the changes name "secret", which cannot be changed => bob b@x t {approver,buyer}', 'nor what no file may name');
SELECT is(pg_temp.edit('bob', '{"email": "x", "E-Mail": "y"}'), '22023 the changes name "email" twice => bob b@x t {approver,buyer}', 'a name twice');
SELECT is(pg_temp.edit('nobody', '{"email": "x"}'), '42704 customer "nobody" does not exist => bob b@x t {approver,buyer}', 'a customer that does not exist is not created');
SELECT is(pg_temp.edit('bob', jsonb_build_object('email', repeat('x', 1048577))), '54000 the JSON object is larger than 1048576 bytes | It has 1048594 bytes. => bob b@x t {approver,buyer}',
          'an object that is too large');

-- Rights, ceiling, policies
SELECT is(pg_temp.edit('bob', '{"addRoles": ["administrator"]}'),
          '42501 only administrators may give role code "administrator" [customer_import_grant_ceiling] => bob b@x t {approver,buyer}', 'a privileged code');
SELECT is(pg_temp.edit('cleo', '{"roles": ["buyer"]}', 'cleo'),
          '42501 only administrators may take role code "administrator" [customer_import_grant_ceiling] => cleo c@x f {administrator}', 'nor is it taken away');
SELECT is(pg_temp.edit('ann', '{"addRoles": ["approver"]}', 'ann'),
          '42501 only administrators may change their own roles [customer_import_grant_ceiling] => ann a@x t {buyer}', 'roles of one''s own');
SELECT is(pg_temp.edit('ann', '{"email": "own@x"}', 'ann'), 'ok  => ann own@x t {buyer}', 'but all else');
SELECT is(pg_temp.attempt('regress_edit_web', 'regress_edit_ann', $$SELECT customer_import.edit_customer('bob', '{"email": "web@x"}')$$,
                          $$SELECT email FROM public.customers WHERE user_name = 'bob'$$), 'ok  => web@x', 'a gateway edits as the operator');
SELECT is(pg_temp.attempt('regress_edit_web', NULL, $$SELECT customer_import.edit_customer('bob', '{"email": "web@x"}')$$,
                          $$SELECT email FROM public.customers WHERE user_name = 'bob'$$),
          '42501 permission denied to change customers | Role "regress_edit_web" has not called customer_import.act_as() in this transaction. => b@x', 'and not as none');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.edit_customer('cleo', '{"removeRoles": ["administrator"]}')$$,
                          $$SELECT roles FROM public.customers WHERE user_name = 'cleo'$$), 'ok  => {}', 'a superuser may all');
CREATE POLICY bobs ON :written AS RESTRICTIVE USING (user_name <> 'bob' OR (SELECT customer_import.current_operator()) <> 'regress_edit_ann');
SELECT is(pg_temp.edit('bob', '{"email": "x"}'), '42704 customer "bob" does not exist => bob b@x t {approver,buyer}', 'a customer that is hidden');
SELECT is(pg_temp.edit('ann', '{"email": "x"}', 'ann'), 'ok  => ann x t {buyer}', 'another one is not');
DROP POLICY bobs ON :written;
CREATE POLICY mails ON :written AS RESTRICTIVE FOR UPDATE USING (true) WITH CHECK (email LIKE '%@x');
SELECT matches(pg_temp.edit('bob', '{"email": "x@y"}'), '^42501 new row violates row-level security policy "mails"', 'a row that is not allowed');
DROP POLICY mails ON :written;

-- By hand: no import has done it, and what is removed is marked
SELECT customer_import.edit_customer('bob', '{"removeRoles": ["buyer"]}');
SELECT customer_import.edit_customer('bob', '{"addRoles": ["buyer"]}');
SELECT is((SELECT string_agg(concat(code, ':', line), ' ') FROM customer_import.customer_roles('bob')), 'approver:3 buyer:', 'no import is named for what was removed and given by hand');
SELECT is((SELECT string_agg(concat_ws(' ', customers_table, user_name, codes), ', ') FROM customer_import._removal_marks), 'customers bob {buyer}', 'the mark is of the customers table');
SELECT is((SELECT count(*) FROM customer_import.imports), 1::bigint, 'and there is no import');

SELECT * FROM finish();
ROLLBACK;
