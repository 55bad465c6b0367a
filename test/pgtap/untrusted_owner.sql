-- A table whose owner is not to be trusted. Mallory, a plain role, has put code of theirs everywhere the server lets them: whatever
-- a superuser or an administrator calls on this table, no code of Mallory's runs as the caller beyond what the caller's own
-- SELECT, INSERT, UPDATE and DELETE would run, nothing that runs as Mallory is left for later, and no setting changes.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(50);

CREATE EXTENSION pg_trgm;
CREATE ROLE regress_mallory;
CREATE ROLE regress_admin IN ROLE regress_mallory;  -- else they could not attach it
CREATE ROLE regress_ann;
CREATE SCHEMA mal AUTHORIZATION regress_mallory;
GRANT USAGE, CREATE ON SCHEMA mal TO PUBLIC;
DO $$
BEGIN
    PERFORM customer_import.add_operator('regress_admin', roles => '{administrator}');
    PERFORM customer_import.add_operator('regress_ann', roles => '{customerView,customerEdit,importView,importEdit}');
END
$$;

SET LOCAL ROLE regress_mallory;
-- Sequences keep what a roll-back takes away: one for each place of code, called when that code ran as another role.
SELECT format('CREATE SEQUENCE mal.%I', place) FROM unnest(ARRAY['index', 'predicate', 'partial', 'statistics', 'check', 'row check', 'domain',
    'default', 'generated', 'policy', 'before', 'after', 'statement', 'deferred', 'later', 'cast', 'cell cast', 'reference', 'reference check', 'reference policy',
    'as Mallory']) AS place
\gexec
GRANT ALL ON ALL SEQUENCES IN SCHEMA mal TO PUBLIC;

CREATE TABLE mal.for_later (what text);
CREATE FUNCTION mal.note(place text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'regress_mallory' THEN
        PERFORM pg_catalog.nextval(pg_catalog.format('mal.%I', place));
        RETURN;
    END IF;
    IF pg_catalog.current_setting('mal.armed', true) IS DISTINCT FROM 'on' THEN
        RETURN;
    END IF;
    PERFORM pg_catalog.nextval('mal."as Mallory"');
    PERFORM pg_catalog.set_config(name, value, false)
       FROM (VALUES ('search_path', 'mal'), ('work_mem', '77MB'), ('enable_seqscan', 'on'), ('enable_indexscan', 'off'), ('mal.mark', 'set')) AS s (name, value);
    -- Each in a subtransaction of its own: what is refused does not keep the others away.
    BEGIN
        INSERT INTO mal.for_later VALUES (place);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
        EXECUTE 'DECLARE later CURSOR WITH HOLD FOR SELECT 1';
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
        EXECUTE 'PREPARE later AS SELECT 1';
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
        CREATE TEMPORARY TABLE pg_class (oid oid, relname name);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
        EXECUTE 'SET LOCAL ROLE NONE';
        PERFORM pg_catalog.nextval('mal.later');
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
END
$$;
CREATE FUNCTION mal.evil(place text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM mal.note(place);
    RETURN 1;
END
$$;
CREATE FUNCTION mal.evil(place text, anything anyelement) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM mal.note(place);
    RETURN 1;
END
$$;
CREATE FUNCTION mal.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mal.note(TG_ARGV[0]);
    RETURN COALESCE(NEW, OLD);
END
$$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON mal.for_later DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION mal.fire('later');

CREATE TYPE mal.mood AS ENUM ('ann', 'ben', 'cleo');
CREATE FUNCTION mal.mood_text(mal.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM mal.note('cast');
    RETURN pg_catalog.enum_out($1)::text;
END
$$;
CREATE CAST (mal.mood AS text) WITH FUNCTION mal.mood_text(mal.mood) AS IMPLICIT;
CREATE FUNCTION mal.text_mood(text) RETURNS mal.mood LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM mal.note('cell cast');
    RETURN pg_catalog.enum_in($1::cstring, 'mal.mood'::regtype);
END
$$;
CREATE CAST (text AS mal.mood) WITH FUNCTION mal.text_mood(text) AS ASSIGNMENT;
CREATE DOMAIN mal.tag AS text CHECK (mal.evil('domain', VALUE) = 1);

CREATE TABLE mal.account (
    login text COLLATE "C" NOT NULL UNIQUE,
    roles text[],
    email text,
    company mal.tag,
    mood mal.mood,
    number integer DEFAULT mal.evil('default'),
    made integer GENERATED ALWAYS AS (mal.evil('generated', login)) STORED,
    CONSTRAINT constant CHECK (mal.evil('check') = 1),
    CONSTRAINT by_row CHECK (mal.evil('row check', login) = 1)
);
INSERT INTO mal.account VALUES ('ann', '{buyer}', 'ann@example.com', 'x', 'ann'), ('ben', '{}', NULL, NULL, NULL);
CREATE INDEX ON mal.account ((mal.evil('index')));
CREATE INDEX ON mal.account (login) WHERE mal.evil('predicate') = 1;
CREATE INDEX ON mal.account (email) WHERE mal.evil('partial', email) = 1;
CREATE STATISTICS mal.more ON (mal.evil('statistics')), login FROM mal.account;
ALTER TABLE mal.account ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON mal.account USING (mal.evil('policy') = 1);
CREATE TRIGGER a_before BEFORE INSERT OR UPDATE OR DELETE ON mal.account FOR EACH ROW EXECUTE FUNCTION mal.fire('before');
CREATE TRIGGER a_after AFTER INSERT OR UPDATE OR DELETE ON mal.account FOR EACH ROW EXECUTE FUNCTION mal.fire('after');
CREATE TRIGGER a_statement BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON mal.account EXECUTE FUNCTION mal.fire('statement');
CREATE CONSTRAINT TRIGGER a_deferred AFTER INSERT OR UPDATE OR DELETE ON mal.account DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION mal.fire('deferred');

CREATE TABLE mal.orders (
    buyer mal.mood,
    seller text REFERENCES mal.account (login),
    CONSTRAINT constant CHECK (mal.evil('reference check') = 1)
);
-- Its cast is the owner's. From 18 on the server refuses a foreign key between columns of which one has no collation.
SELECT current_setting('server_version_num')::int < 180000 AS takes_cast \gset
\if :takes_cast
    ALTER TABLE mal.orders ADD FOREIGN KEY (buyer) REFERENCES mal.account (login);
\endif
CREATE INDEX ON mal.orders ((mal.evil('reference')));
INSERT INTO mal.orders VALUES ('ann', 'ann');
ALTER TABLE mal.orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON mal.orders USING (mal.evil('reference policy') = 1);
RESET ROLE;
SET LOCAL mal.armed = 'on';
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
-- The planner looks at constant CHECKs
SET LOCAL constraint_exclusion = on;

-- Forgets what ran, and what the server keeps of the tables, so that it evaluates their expressions again.
CREATE FUNCTION pg_temp.forget() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setval(oid::regclass, 1, false) FROM pg_class WHERE relnamespace = 'mal'::regnamespace AND relkind = 'S';
    UPDATE pg_class SET relhassubclass = relhassubclass WHERE relnamespace = 'mal'::regnamespace;
END
$$;
CREATE FUNCTION pg_temp.places() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    place record;
    called boolean;
    places text[] := '{}';
BEGIN
    FOR place IN SELECT relname, oid::regclass AS name FROM pg_class WHERE relnamespace = 'mal'::regnamespace AND relkind = 'S' ORDER BY 1 LOOP
        EXECUTE format('SELECT is_called FROM %s', place.name) INTO called;
        IF called THEN
            places := places || place.relname::text;
        END IF;
    END LOOP;
    RETURN places;
END
$$;
CREATE FUNCTION pg_temp.settings() RETURNS text LANGUAGE sql AS $$
    SELECT pg_catalog.string_agg(s.name || '=' || s.setting || '/' || s.source, ' ' ORDER BY s.name)
           || COALESCE(current_setting('mal.mark', true), '') FROM pg_catalog.pg_settings AS s
$$;

-- Runs a statement as a given role, and what is deferred to the end of the transaction; undoes it. Returns where code of Mallory's ran
-- as another role, and "settings" or "left behind" if some have changed or something is left in the session; an error comes first.
CREATE FUNCTION pg_temp.found(who text, statement text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    before text;
    found text[] := '{}';
BEGIN
    PERFORM pg_temp.forget();
    BEGIN
        IF who IS NOT NULL THEN
            EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', who);
        END IF;
        before := pg_temp.settings();
        EXECUTE statement;
        IF before <> pg_temp.settings() THEN
            found := found || 'settings'::text;
        END IF;
        SET LOCAL SESSION AUTHORIZATION DEFAULT;
        IF EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE name = 'later') OR EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE name = 'later')
           OR EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'pg_class' AND relpersistence = 't') THEN
            found := found || 'left behind'::text;
        END IF;
        SET CONSTRAINTS ALL IMMEDIATE;
        RAISE EXCEPTION USING ERRCODE = 'UNDO1';
    EXCEPTION
        WHEN SQLSTATE 'UNDO1' THEN NULL;
        WHEN OTHERS THEN found := (SQLSTATE || ' ' || SQLERRM) || found;
    END;
    DEALLOCATE ALL;
    RETURN found || pg_temp.places();
END
$$;
-- The same in a line, but for what the server itself would do.
CREATE FUNCTION pg_temp.ran(who text, statement text, but text[] DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT COALESCE(string_agg(f, ', '), '') FROM unnest(pg_temp.found(who, statement)) AS f WHERE f <> ALL (but || ARRAY['as Mallory'])
$$;
-- Where code ran as the owner in the last call.
CREATE FUNCTION pg_temp.as_mallory() RETURNS boolean LANGUAGE sql AS $$ SELECT is_called FROM mal."as Mallory" $$;

-- Where the server itself runs code of Mallory's as the caller, when the caller reads and when they write.
CREATE TEMPORARY TABLE own (who text, does text, places text[]);
CREATE FUNCTION pg_temp.own(who text, does text) RETURNS text[] LANGUAGE sql AS $$
    SELECT COALESCE(array_agg(DISTINCT p), '{}') FROM own, unnest(places) AS p
     WHERE own.who IS NOT DISTINCT FROM $1 AND (own.does = $2 OR own.does = 'read')
$$;
CREATE FUNCTION pg_temp.note_own(who text, does text, statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found text[] := pg_temp.found(who, statement);
BEGIN
    IF found[1] ~ '^[0-9A-Z]{5} ' THEN
        RAISE EXCEPTION '%', found[1];
    END IF;
    INSERT INTO own VALUES (who, does, found);
END
$$;
CREATE FUNCTION pg_temp.callers() RETURNS SETOF text LANGUAGE sql AS $$ VALUES (NULL), ('regress_admin') $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON mal.account TO regress_admin;

SELECT pg_temp.note_own(who, 'read', statement)
  FROM pg_temp.callers() AS who, unnest(ARRAY[
      'SELECT * FROM mal.account',
      $$SELECT login FROM mal.account WHERE login = 'ann' OR login LIKE 'a%' ORDER BY login LIMIT 5$$,
      $$SELECT login FROM mal.account WHERE roles @> '{buyer}'$$]) AS statement;
SELECT pg_temp.note_own(who, 'write', statement)
  FROM pg_temp.callers() AS who, unnest(ARRAY[
      $$INSERT INTO mal.account (login, roles, email, company) VALUES ('cleo', '{}', 'c', 'y')$$,
      $$INSERT INTO mal.account (login, roles, email, company) VALUES ('ann', '{}', 'c', 'y') ON CONFLICT (login) DO NOTHING$$,
      $$UPDATE mal.account SET roles = '{seller}', email = 'c', company = 'y' WHERE login = 'ann'$$,
      $$DELETE FROM mal.account WHERE login = 'ben'$$]) AS statement;
SELECT cmp_ok(pg_temp.own(who, 'write'), '@>', '{before,after,statement,deferred,domain,default,generated,check,row check}',
              format('what %s writes runs code of the owner, by the rules of the server', COALESCE(who, 'a superuser')))
  FROM pg_temp.callers() AS who;

-- Set-up: nothing at all runs as the caller
SELECT is(pg_temp.ran(who, statement), ''::text, format('%s: %s', COALESCE(who, 'a superuser'), statement))
  FROM pg_temp.callers() AS who, unnest(ARRAY[
      $$SELECT customer_import.attach_customers_table('mal.account', 'login', 'roles', '{"email": "email", "company": "company", "mood": "mood"}', ignore_case => true)$$,
      $$SELECT customer_import.create_customers_table('mal.customers')$$,
      $$DO $do$ BEGIN PERFORM customer_import.attach_customers_table('mal.account', 'login', 'roles', ignore_case => true, row_security => true);
                      PERFORM customer_import.detach_customers_table(); END $do$ $$]) AS statement;
SELECT pg_temp.ran(NULL, $$SELECT customer_import.attach_customers_table('mal.account', 'login', 'roles')$$);
SELECT ok(pg_temp.as_mallory(), 'code of the owner has run as the owner meanwhile');

SET LOCAL mal.armed = 'off';
SELECT customer_import.attach_customers_table('mal.account', 'login', 'roles', '{"email": "email", "company": "company"}');
SELECT customer_import.add_role_codes('{seller}');
-- An import with one of everything: its undo deletes, updates and looks for references.
SELECT import_id AS import FROM customer_import.import_customers(
    E'userName,roles,email,company\nnew,seller,n@example.com,z\nben,seller,b@example.com,z\nbad,nothing,,', 'Create & Update') \gset
UPDATE mal.orders SET seller = 'new';
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SET LOCAL mal.armed = 'on';

-- Functions that do not touch the table's rows: nothing
SELECT is(pg_temp.ran(who, statement), ''::text, format('%s: %s', COALESCE(who, 'a superuser'), statement))
  FROM pg_temp.callers() AS who, unnest(ARRAY[
      $$SELECT customer_import.create_search_indexes()$$,
      $$SELECT customer_import.import_template()$$,
      $$SELECT customer_import.add_operator('regress_new', roles => '{customerView,customerEdit}')$$,
      $$SELECT customer_import.alter_operator('regress_ann', roles => '{customerView}')$$,
      $$SELECT customer_import.remove_operator('regress_ann')$$,
      $$SELECT count(*) FROM customer_import.imports, customer_import.import_issues, customer_import.import_changes, customer_import.import_status$$,
      format($$SELECT customer_import.import_report(%1$s), customer_import.rejected_csv(%1$s)$$, :import),
      format($$SELECT customer_import.amend_record(%s, 4, 'bad,seller,,')$$, :import),
      $$SELECT customer_import.detach_customers_table()$$]) AS statement;

-- Reading
SELECT is(pg_temp.ran(who, statement, pg_temp.own(who, 'read')), ''::text, format('%s: %s', COALESCE(who, 'a superuser'), statement))
  FROM pg_temp.callers() AS who, unnest(ARRAY[
      $$SELECT * FROM customer_import.search_customers('example')$$,
      $$SELECT * FROM customer_import.customers_with_roles('{seller}')$$,
      $$SELECT * FROM customer_import.customer_roles('ben')$$,
      $$TABLE customer_import.customer_export$$]) AS statement;
SELECT pg_temp.ran(NULL, $$SELECT * FROM customer_import.customers_with_roles('{seller}')$$);
SELECT ok(pg_temp.as_mallory(), 'a search looks keys up as the owner');

-- Writing
SELECT is(pg_temp.ran(who, statement, pg_temp.own(who, 'write')), ''::text, format('%s: %s', COALESCE(who, 'a superuser'), statement))
  FROM pg_temp.callers() AS who, unnest(ARRAY[
      $$SELECT customer_import.import_customers(E'userName,roles,email,company\nann,seller,x,y\nnobody,,,z', 'Create & Update')$$,
      $$SELECT customer_import.preview_import(E'userName,roles,email,company\nann,seller,x,y\nnobody,,,z', 'Create & Update')$$,
      $$SELECT customer_import.import_customers(E'userName,roles\nann,seller', 'Create & Update', background => true)$$,
      $$SELECT customer_import.import_customers(E'userName,roles\nann,seller', 'Create & Update', dry_run => true)$$,
      format($$SELECT customer_import.undo_import(%s)$$, :import),
      format($$SELECT customer_import.retry_rejects(%s)$$, :import)]) AS statement;
SELECT pg_temp.ran(NULL, format($$SELECT customer_import.undo_import(%s)$$, :import));
SELECT CASE WHEN :'takes_cast' THEN ok(pg_temp.as_mallory(), 'an undo looks for references as the owner of the table that refers')
            ELSE skip('a foreign key calls nothing of the owner''s here') END;
SELECT is(pg_temp.attempt(NULL, NULL, format($$SELECT state || ' ' || deleted || ' ' || skipped FROM customer_import.undo_import(%s)$$, :import)),
          'ok completed 0 1', 'and finds them');

SELECT * FROM finish();
ROLLBACK;
