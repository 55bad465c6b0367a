-- What each database of the suite starts from. Roles are shared by all of them: see roles.sql.

SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin}');
SELECT customer_import.add_operator(name, name || '@example.com', '{customerView,customerEdit,importView,importEdit}')
  FROM unnest('{regress_ann,regress_ben,regress_eve,kim,lee}'::text[]) AS name;
SELECT customer_import.add_operator('regress_adm', roles => '{administrator}');
SELECT customer_import.add_operator('regress_vic', roles => '{customerView}');
SELECT customer_import.add_operator('regress_viv', roles => '{importView}');
SELECT customer_import.grant_gateway('regress_web');

-- A trigger that holds a worker: it waits for the holder of the advisory lock, at customers named wait…
CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.user_name LIKE 'wait%' THEN
        PERFORM pg_advisory_xact_lock_shared(4711);
    END IF;
    RETURN NEW;
END $$;

-- The same without waiting for a lock: it is busy until no session has the advisory lock.
CREATE FUNCTION busy_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WHILE NEW.user_name LIKE 'wait%' AND NOT pg_try_advisory_xact_lock_shared(4711) LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN NEW;
END $$;

-- As which role a trigger sees an import work.
CREATE TABLE seen (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_name text, current_name text, session_name text, operator text, is_superuser text,
    date_style text, time_zone text, path text, pid integer DEFAULT pg_backend_pid(), more text
);
GRANT SELECT, INSERT ON seen TO PUBLIC;
CREATE FUNCTION note_who() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen (user_name, current_name, session_name, operator, is_superuser, date_style, time_zone, path)
    VALUES (NEW.user_name, current_user, session_user, customer_import.current_operator(), current_setting('is_superuser'),
            current_setting('DateStyle'), current_setting('TimeZone'), current_setting('search_path'));
    RETURN NULL;
END $$;

-- Empties everything but set-up, and takes away what tests have hung on the customers table.
CREATE PROCEDURE reset_all() LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'customers'::regclass AND tgname LIKE 'v\_%' AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON customers', found.tgname);
    END LOOP;
    FOR found IN SELECT conname FROM pg_constraint WHERE conrelid = 'customers'::regclass AND conname LIKE 'v\_%' LOOP
        EXECUTE format('ALTER TABLE customers DROP CONSTRAINT %I', found.conname);
    END LOOP;
    FOR found IN SELECT polname FROM pg_policy WHERE polrelid = 'customers'::regclass AND polname LIKE 'v\_%' LOOP
        EXECUTE format('DROP POLICY %I ON customers', found.polname);
    END LOOP;
    FOR found IN SELECT attname FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attname LIKE 'v\_%' AND NOT attisdropped LOOP
        EXECUTE format('ALTER TABLE customers DROP COLUMN %I', found.attname);
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attname = 'phone' AND atttypid = 'text'::regtype
                                              AND NOT atthasdef AND attidentity = '') THEN
        ALTER TABLE customers DROP COLUMN phone;
        ALTER TABLE customers ADD COLUMN phone text;
    END IF;
    TRUNCATE customers, seen RESTART IDENTITY;
    TRUNCATE customer_import.imports, customer_import.import_issues, customer_import._import_change_pages, customer_import._removal_marks,
             customer_import._import_files, customer_import._background_imports, customer_import._import_slices, customer_import.uploads,
             customer_import._upload_chunks, customer_import.email_outbox RESTART IDENTITY;
    PERFORM customer_import.remove_role_codes(array_agg(code)) FROM customer_import.role_codes
      WHERE NOT privileged AND code <> ALL ('{buyer,approver,companyAdmin}') HAVING count(*) > 0;
END $$;
GRANT EXECUTE ON FUNCTION wait_here(), busy_here(), note_who() TO PUBLIC;
