"""What a table's owner may hang on public.customers, and which values then fail.

A variant is made anew for every file, from the file's random numbers: its SQL runs in both databases. Everything it adds
has a name that begins with v_ and goes away by RESET.
"""

RESET = """
TRUNCATE public.customers;
DO $$
DECLARE
    x record;
BEGIN
    FOR x IN SELECT tgname FROM pg_trigger
             WHERE tgrelid = 'public.customers'::regclass AND tgname LIKE 'v\\_%' AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON public.customers', x.tgname);
    END LOOP;
    FOR x IN SELECT conname FROM pg_constraint
             WHERE conrelid = 'public.customers'::regclass AND conname LIKE 'v\\_%' LOOP
        EXECUTE format('ALTER TABLE public.customers DROP CONSTRAINT %I', x.conname);
    END LOOP;
    FOR x IN SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             WHERE i.indrelid = 'public.customers'::regclass AND c.relname LIKE 'v\\_%' LOOP
        EXECUTE format('DROP INDEX public.%I', x.relname);
    END LOOP;
    FOR x IN SELECT attname FROM pg_attribute
             WHERE attrelid = 'public.customers'::regclass AND attname LIKE 'v\\_%' AND NOT attisdropped LOOP
        EXECUTE format('ALTER TABLE public.customers DROP COLUMN %I', x.attname);
    END LOOP;
    FOR x IN SELECT proname FROM pg_proc
             WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'v\\_%' LOOP
        EXECUTE format('DROP FUNCTION public.%I()', x.proname);
    END LOOP;
END $$;
ALTER TABLE public.customers ALTER COLUMN phone DROP DEFAULT, ALTER COLUMN active SET DEFAULT true,
    ALTER COLUMN last_name DROP NOT NULL, ALTER COLUMN phone DROP NOT NULL,
    ALTER COLUMN company TYPE text, ALTER COLUMN phone TYPE text;
DROP DOMAIN IF EXISTS v_phone;
DROP TABLE IF EXISTS v_companies, v_audit;
CREATE TABLE v_audit (id bigint GENERATED ALWAYS AS IDENTITY, seen jsonb);
"""

COMPANIES = ["Acme", "Globex; Ltd", 'The "Best" Co', "Initech", "Ümlaut GmbH", "New\nLine Inc"]

CHECK = """
ALTER TABLE public.customers
    ADD CONSTRAINT v_company_is_good CHECK (company <> 'Bad Co'),
    ADD CONSTRAINT v_email_has_at CHECK (email LIKE '%@%'),
    ADD CONSTRAINT v_company_number CHECK (company !~ '^#' OR substr(company, 2)::smallint > 0),
    ADD CONSTRAINT v_company_division CHECK (company NOT LIKE '%/%' OR 1 / (length(company) - 5) <> 7);
"""
CHECK_FAILS = {
    "company": ["Bad Co", "#x", "#-1", "#99999999", "#", "ab/cd"],
    "email": ["no at sign", "x" * 90 + "ä" * 40],
}

REWRITE = """
CREATE FUNCTION v_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.email := lower(NEW.email);
    IF NEW.last_name LIKE 'M%' THEN
        NEW.roles := ARRAY['zeta', 'Viewer', 'zeta'] || NEW.roles || ARRAY['A1', ''];
        NEW.phone := '+' || coalesce(NEW.phone, '0');
    END IF;
    IF NEW.first_name = 'Bob' THEN
        NEW.roles := array_remove(NEW.roles, 'buyer');
        NEW.active := NOT NEW.active;
        NEW.first_name := NULL;
    END IF;
    NEW.company := NEW.company::varchar(12);
    RETURN NEW;
END $$;
CREATE TRIGGER v_rewrite BEFORE INSERT OR UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION v_rewrite();
ALTER TABLE public.customers ADD CONSTRAINT v_email_short CHECK (length(email) < 60);
"""
REWRITE_FAILS = {"email": ["L" * 60 + "@EXAMPLE.COM"]}

# Shows in which order rows were written, and what they were.
AUDIT = """
CREATE FUNCTION v_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO v_audit (seen)
    VALUES (jsonb_build_object('op', TG_OP, 'new', to_jsonb(NEW) - '{id,created_at,updated_at}'::text[],
                               'old', to_jsonb(OLD) - '{id,created_at,updated_at}'::text[]));
    RETURN NULL;
END $$;
CREATE TRIGGER v_note AFTER INSERT OR UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION v_note();
"""

# The last rule looks at other rows, so that the order of the records matters.
RAISE = """
CREATE FUNCTION v_raise() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    nothing int;
BEGIN
    CASE NEW.company
        WHEN 'raise' THEN
            RAISE EXCEPTION 'no % today', TG_OP
                USING DETAIL = format('It is "%s".', NEW.user_name), HINT = 'Try later.', COLUMN = 'first_name';
        WHEN 'no data' THEN
            SELECT 1 INTO STRICT nothing WHERE false;
        WHEN 'assert' THEN
            ASSERT NEW.company = '', 'asserted';
        WHEN 'view' THEN
            RAISE EXCEPTION 'as by a view' USING ERRCODE = '44000';
        WHEN 'number' THEN
            nothing := NEW.user_name::int;
        WHEN 'null' THEN
            RETURN NULL;
        WHEN 'no update' THEN
            IF TG_OP = 'UPDATE' THEN
                RETURN NULL;
            END IF;
        WHEN 'own' THEN
            RAISE EXCEPTION E'two\\nlines' USING ERRCODE = '23X99';
        ELSE
            NULL;
    END CASE;
    IF (SELECT count(*) FROM public.customers WHERE company = NEW.company AND user_name <> NEW.user_name) >= CAP THEN
        RAISE EXCEPTION 'company "%" is full', NEW.company USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER v_raise BEFORE INSERT OR UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION v_raise();
CREATE FUNCTION v_raise_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.company = 'late' THEN
        RAISE EXCEPTION 'too late' USING ERRCODE = 'P0099', DETAIL = NEW.user_name;
    END IF;
    RETURN NULL;
END $$;
"""
RAISE_FAILS = {"company": ["raise", "no data", "assert", "view", "number", "null", "no update", "own", "late"]}

# One customer's record writes to others, and once more to its own row.
CASCADE = """
CREATE FUNCTION v_cascade() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    next_name text := (SELECT user_name FROM public.customers WHERE user_name > NEW.user_name ORDER BY 1 LIMIT 1);
BEGIN
    CASE NEW.first_name
        WHEN 'Ann' THEN
            UPDATE public.customers SET roles = roles || ARRAY['zeta', 'A1'], last_name = NEW.last_name
            WHERE user_name = next_name;
        WHEN 'Bob' THEN
            INSERT INTO public.customers (user_name, first_name, roles)
            VALUES ('user' || length(NEW.user_name) || '@example.com', 'made', '{zeta,A1,zeta}') ON CONFLICT DO NOTHING;
        WHEN 'bob' THEN
            DELETE FROM public.customers WHERE user_name = next_name;
        WHEN 'Zoë' THEN
            UPDATE public.customers SET phone = '+' || coalesce(phone, '0'), roles = roles || ARRAY['buyer']
            WHERE user_name = NEW.user_name;
        ELSE
            NULL;
    END CASE;
    IF (SELECT count(*) FROM public.customers WHERE first_name = NEW.first_name) % 7 = 0 THEN
        RAISE EXCEPTION 'seven of "%"', NEW.first_name;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER v_cascade AFTER INSERT OR UPDATE ON public.customers
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION v_cascade();
"""

TYPES = """
CREATE DOMAIN v_phone AS text CONSTRAINT v_phone_is_short CHECK (length(value) < 100 AND value <> 'NULL');
ALTER TABLE public.customers ALTER COLUMN company TYPE varchar(12), ALTER COLUMN phone TYPE v_phone;
"""
TYPES_FAILS = {"company": ["thirteen long", "Initech        !"], "phone": ["y" * 100]}

FK_COMPANIES = """
CREATE TABLE v_companies (name text PRIMARY KEY);
INSERT INTO v_companies VALUES (%s);
ALTER TABLE public.customers
    ADD CONSTRAINT v_company_fkey FOREIGN KEY (company) REFERENCES v_companies (name) %s;
"""
FK_FAILS = {"company": ["Nowhere", "acme", "Acme "]}

DEFERRABLE = ["DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE INITIALLY IMMEDIATE",
              "NOT DEFERRABLE"]

UNIQUE_KINDS = [
    "ALTER TABLE public.customers ADD CONSTRAINT v_email_key UNIQUE (email) {deferrable};",
    "ALTER TABLE public.customers ADD CONSTRAINT v_email_excl EXCLUDE (email WITH =) {deferrable};",
    "CREATE UNIQUE INDEX v_email_idx ON public.customers (lower(email));",
    "CREATE UNIQUE INDEX v_email_idx ON public.customers (email) WHERE active;",
]

# For each variant: the columns its files must have, the values that fail, and the wanted share of records that fail in
# the database (None: none need fail).
# A table in partitions has no key without the column by which it is partitioned.
OF_PARTITIONS = ["plain", "defaults", "types", "check", "rewrite", "raise", "cascade", "self_fk", "deferred_fk"]
NAMES = ["plain", "defaults", "types", "check", "rewrite", "raise", "cascade", "unique", "self_fk", "deferred_fk", "all"]
NEEDS = {
    "plain": [], "defaults": [], "types": ["company", "phone"], "check": ["company", "email"],
    "rewrite": ["email", "lastName"], "raise": ["company"], "cascade": ["firstName", "phone"], "unique": ["email"], "self_fk": ["company"], "deferred_fk": ["company"],
    "all": ["company", "email", "lastName"],
}
FAILS = {
    "plain": {}, "defaults": {}, "types": TYPES_FAILS, "cascade": {}, "check": CHECK_FAILS, "rewrite": REWRITE_FAILS, "raise": RAISE_FAILS, "unique": {},
    "self_fk": {"company": ["nobody", "nobody else"]}, "deferred_fk": FK_FAILS,
    "all": {"company": CHECK_FAILS["company"] + RAISE_FAILS["company"] + FK_FAILS["company"],
            "email": CHECK_FAILS["email"] + REWRITE_FAILS["email"]},
}
# Their triggers look at other rows, or write them.
WITH_TRIGGERS = ["rewrite", "raise", "cascade", "all"]
MUST_FAIL = ["types", "check", "rewrite", "raise", "cascade", "unique", "self_fk", "deferred_fk", "all"]


def literal(text):
    """A string literal of SQL."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


def make_sql(name, random, people):
    """The SQL that makes variant `name` for a file about `people` customers, with its random choices."""
    raising = RAISE.replace("CAP", str(max(5, people // 6)))
    deferrable = random.choice(DEFERRABLE)
    unique_deferrable = random.choice(DEFERRABLE)
    unique = random.choice(UNIQUE_KINDS).format(deferrable=unique_deferrable)
    # Those of the other fault kinds are in the companies table too, or they would never come to their own rule.
    companies = COMPANIES + (FAILS["all"]["company"] if name == "all" else [])
    fk_companies = FK_COMPANIES % (
        "), (".join(literal(c) for c in companies if name != "all" or c not in FK_FAILS["company"]), deferrable)
    late = ("CREATE CONSTRAINT TRIGGER v_raise_late AFTER INSERT OR UPDATE ON public.customers %s "
            "FOR EACH ROW EXECUTE FUNCTION v_raise_late();" % deferrable)
    not_null = "ALTER TABLE public.customers ALTER COLUMN last_name SET NOT NULL;" if random.random() < 0.4 else ""
    generated = ("ALTER TABLE public.customers ADD COLUMN v_upper text "
                 "GENERATED ALWAYS AS (upper(left(company, 5))) STORED;" if random.random() < 0.3 else "")
    return {
        "plain": "",
        "defaults": "ALTER TABLE public.customers ALTER COLUMN phone SET DEFAULT 'none', "
                    "ALTER COLUMN active SET DEFAULT false%s;"
                    % (", ALTER COLUMN phone SET NOT NULL" if not_null else ""),
        "types": TYPES,
        "cascade": CASCADE + AUDIT,
        "check": CHECK + generated + not_null,
        "rewrite": REWRITE + (AUDIT if random.random() < 0.5 else ""),
        "raise": raising + late + AUDIT,
        "unique": unique,
        "self_fk": "ALTER TABLE public.customers ADD CONSTRAINT v_company_fkey "
                   "FOREIGN KEY (company) REFERENCES public.customers (user_name) %s;" % deferrable,
        "deferred_fk": fk_companies,
        "all": CHECK + generated + REWRITE.replace("NEW.company := NEW.company::varchar(12);", "") + raising + late
               + unique + fk_companies + AUDIT,
    }[name]


def defers(sql):
    """True when the variant's foreign key to companies is deferred until the end of a transaction."""
    return "REFERENCES v_companies (name) DEFERRABLE INITIALLY DEFERRED" in sql
