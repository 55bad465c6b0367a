-- For suites that run against an attached table too: from now on create_customers_table() of this database makes an
-- application's table of that name and attaches it. It has the columns that a created one has, which the suites use, and
-- what applications have besides: a key of its own, a default, a generated column; with the psql variable own_row_triggers
-- = true a trigger that touches its own row.
CREATE TABLE public.attached_how AS SELECT :own_row_triggers AS own_row_triggers;
GRANT SELECT ON public.attached_how TO PUBLIC;

CREATE FUNCTION public.original_create_customers_table(name text, partitions integer) RETURNS regclass
    LANGUAGE C STRICT AS '$libdir/customer_import', 'ci_create_customers_table';

CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := pg_catalog.now();
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION customer_import.create_customers_table(
    name text DEFAULT 'public.customers', partitions integer DEFAULT 0
) RETURNS regclass
LANGUAGE plpgsql AS $$
DECLARE
    with_triggers boolean := (SELECT own_row_triggers FROM public.attached_how);
    target regclass;
BEGIN
    -- What it refuses, it refuses in its own words.
    target := public.original_create_customers_table(name, partitions);
    PERFORM customer_import.detach_customers_table();
    EXECUTE format('DROP TABLE %s', target);
    EXECUTE format($sql$
        CREATE TABLE %s (
            user_name text COLLATE "C" NOT NULL,
            email text, first_name text, last_name text, phone text, company text,
            active boolean NOT NULL DEFAULT true,
            roles text[] COLLATE "C" NOT NULL DEFAULT '{}',
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
            password text NOT NULL DEFAULT 'none',
            shown_name text GENERATED ALWAYS AS (COALESCE(first_name, '') || ' ' || COALESCE(last_name, '')) STORED,
            CONSTRAINT %I PRIMARY KEY (user_name))$sql$, name, split_part(name, '.', -1) || '_pkey');
    IF with_triggers THEN
        EXECUTE format('CREATE TRIGGER a_touch BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION public.touch()', name);
    END IF;
    RETURN customer_import.attach_customers_table(name, 'user_name', 'roles',
        '{"email": "email", "firstName": "first_name", "lastName": "last_name", "phone": "phone", "company": "company",
          "active": "active"}',
        ignore_case => true, row_security => true, own_row_triggers => with_triggers);
END $$;
