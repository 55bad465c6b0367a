-- What all specs start from. Each spec calls set_up() for each of its permutations. The psql variable partitions: how many
-- the customers table has.

CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table(partitions => :partitions);
SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin}');

-- ann and ben may import; vic only views. Each has a database role. web acts for others.
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_ben LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_web LOGIN;

-- A record is a batch, so that rights are looked at between two records.
ALTER DATABASE regress_isolation SET customer_import.batch_rows = 1;
-- Workers wait for locks for as long as a spec lets them, also on a slow machine.
ALTER DATABASE regress_isolation SET customer_import.lock_timeout = 0;

-- Triggers that wait, for customers named wait…, until the session that controls the spec lets them go. A worker is busy
-- meanwhile: one that waits for a lock, as it does for customers named lock…, may be called off at any moment after a
-- cancel, without its batch.
CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.user_name !~ '^(wait|lock)' THEN
        RETURN NEW;
    ELSIF NEW.user_name LIKE 'wait%' AND current_setting('application_name') NOT LIKE 'isolation/%' THEN
        WHILE NOT pg_try_advisory_xact_lock_shared(4711) LOOP
            PERFORM pg_sleep(0.005);
        END LOOP;
    ELSE
        PERFORM pg_advisory_xact_lock_shared(4711);
    END IF;
    RETURN NEW;
END $$;

-- waiting: '' for no trigger, so that records are applied by sets; else when the trigger fires.
CREATE PROCEDURE set_up(waiting text DEFAULT '') LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    one record;
BEGIN
    DROP TRIGGER IF EXISTS waits ON customers;
    TRUNCATE customers;
    TRUNCATE customer_import.email_outbox, customer_import.imports, customer_import.import_issues, customer_import._import_change_pages, customer_import._removal_marks RESTART IDENTITY;
    INSERT INTO customers (user_name, roles)
    VALUES ('boss', '{administrator}'), ('first', '{}'), ('second', '{approver}');
    IF waiting <> '' THEN
        EXECUTE format('CREATE TRIGGER waits %s INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION wait_here()', waiting);
    END IF;
    PERFORM customer_import.add_role_codes('{buyer,approver,companyAdmin}');
    PERFORM customer_import.alter_role_code(code, privileged => false)
       FROM unnest('{buyer,approver,companyAdmin}'::text[]) AS code;
    PERFORM customer_import.remove_operator(name) FROM customer_import.operators;
    PERFORM customer_import.revoke_gateway(name) FROM customer_import.gateways;
    FOR one IN SELECT unnest('{regress_ann,regress_ben,kim}'::text[]) AS name LOOP
        PERFORM customer_import.add_operator(one.name, email => one.name || '@example.com', roles => '{customerView,customerEdit,importView,importEdit}');
    END LOOP;
    PERFORM customer_import.add_operator('regress_vic', email => 'regress_vic@example.com', roles => '{customerView}');
    PERFORM customer_import.grant_gateway('regress_web');
END $$;

-- The one line of an import that specs look at.
CREATE FUNCTION import(csv text, mode text DEFAULT 'Create & Update', request_id text DEFAULT NULL,
    OUT state text, OUT created bigint, OUT updated bigint, OUT unchanged bigint, OUT skipped bigint, OUT rejected bigint,
    OUT unprocessed bigint
) LANGUAGE sql AS $$
    SELECT state, created, updated, unchanged, skipped, rejected, unprocessed
      FROM customer_import.import_customers(csv, mode, request_id => request_id)
$$;

-- What is there afterwards.
CREATE VIEW history AS
    SELECT id, operator, database_role AS role, state, message FROM customer_import.imports ORDER BY id;
CREATE VIEW issues AS
    SELECT import_id, line, outcome, code, sqlstate FROM customer_import.import_issues ORDER BY import_id, line, issue_number;
CREATE VIEW current_customers AS
    SELECT user_name, roles, company FROM customers ORDER BY user_name;
