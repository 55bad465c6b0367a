-- The second half of the oracle: applies the records of oracle.record to public.customers, each in a block of its own.

CREATE FUNCTION oracle.add_issues(record_line bigint, record_outcome text, faults oracle.issue[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO oracle.outcome VALUES (record_line, record_outcome);
    INSERT INTO oracle.issues
    SELECT record_line, f.n, record_outcome,
           ROW(f.code, f.column_name, f.value, f.message, f.detail, f.hint, f.sqlstate)::oracle.issue
    FROM unnest(faults) WITH ORDINALITY f (code, column_name, value, message, detail, hint, sqlstate, n);
$$;

-- The value columns of a customer by their CSV names, as text.
CREATE FUNCTION oracle.value_columns(c public.customers) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('email', c.email, 'firstName', c.first_name, 'lastName', c.last_name, 'phone', c.phone,
                              'company', c.company, 'active', CASE WHEN c.active THEN 'true' ELSE 'false' END)
$$;

CREATE FUNCTION oracle.add_change(record_line bigint, old public.customers, new public.customers) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := oracle.value_columns(old);
    is_now jsonb := oracle.value_columns(new);
    field text;
BEGIN
    IF old.user_name IS NULL THEN
        INSERT INTO oracle.changes
        VALUES (record_line, new.user_name, true, new.roles, '{}', NULL, jsonb_strip_nulls(is_now));
        RETURN;
    END IF;
    FOR field IN SELECT jsonb_object_keys(was) LOOP
        IF was -> field = is_now -> field THEN
            was := was - field;
            is_now := is_now - field;
        END IF;
    END LOOP;
    INSERT INTO oracle.changes
    VALUES (record_line, new.user_name, false, oracle.sorted(oracle.minus(new.roles, old.roles)),
            oracle.sorted(oracle.minus(old.roles, new.roles)), was, is_now);
END $$;

-- Inserts a customer. A column without a cell that says something is left to its default.
CREATE FUNCTION oracle.insert_customer(r oracle.record, name text, new_roles text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    names text := 'user_name, roles';
    vals text := format('%L, %L', name, new_roles);
    count bigint;
    c record;
BEGIN
    FOR c IN SELECT * FROM (VALUES
            ('email', oracle.email_cell(r.email)), ('first_name', r.first_name), ('last_name', r.last_name), ('phone', r.phone),
            ('company', r.company)) v (column_name, cell) WHERE oracle.trim_cell(cell) <> '' LOOP
        names := names || ', ' || c.column_name;
        vals := vals || ', ' || quote_nullable(oracle.text_after(c.cell, NULL));
    END LOOP;
    IF oracle.boolean_after(r.active, NULL) IS NOT NULL THEN
        names := names || ', active';
        vals := vals || ', ' || oracle.boolean_after(r.active, NULL)::text;
    END IF;
    EXECUTE format('INSERT INTO public.customers (%s) VALUES (%s)', names, vals);
    GET DIAGNOSTICS count = ROW_COUNT;
    RETURN count;
END $$;

-- Applies one record without faults; returns its outcome. A server error comes out as it is.
CREATE FUNCTION oracle.apply_record(r oracle.record, mode text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name text := oracle.user_name(oracle.unescape(oracle.trim_cell(r.user_name)));
    added text[] := oracle.known(oracle.codes(r.add_roles));
    removed text[] := oracle.known(oracle.codes(r.remove_roles));
    lost text[] := oracle.unknown(oracle.codes(r.remove_roles));
    kept text[] := oracle.unknown(oracle.codes(r.roles));
    held text[];
    old public.customers;
    new public.customers;
    count bigint;
    field text;
    cell text;
    value text;
    faults oracle.issue[] := '{}';
    e oracle.issue;
BEGIN
    -- Texts that their column's type does not take fail here, whether or not the customer exists.
    BEGIN
        field := 'email';
        new.email := oracle.email_after(r.email, NULL);
        field := 'firstName';
        new.first_name := oracle.text_after(r.first_name, NULL);
        field := 'lastName';
        new.last_name := oracle.text_after(r.last_name, NULL);
        field := 'phone';
        new.phone := oracle.text_after(r.phone, NULL);
        field := 'company';
        new.company := oracle.text_after(r.company, NULL);
    EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
        e := oracle.new_issue('invalid_value', field, oracle.text_after(CASE WHEN field = 'email' THEN oracle.email_cell(r.email) ELSE oracle.text_cell(r, field) END, NULL), SQLERRM);
        IF oracle.is_nearly_empty(e.value) THEN
            e.hint := oracle.empty_value_hint(field);
        END IF;
        e.sqlstate := SQLSTATE;
        PERFORM oracle.add_issues(r.line, 'rejected', ARRAY[e]);
        RETURN 'rejected';
    END;

    SELECT * INTO old FROM public.customers c WHERE c.user_name = name;
    held := coalesce(old.roles, '{}');

    -- A doubtful name is none where there is no such customer, and codes that the catalog has lost have to be held.
    IF old.user_name IS NULL AND (oracle.doubtful_name(oracle.unescape(oracle.trim_cell(r.user_name)))).code IS NOT NULL THEN
        faults := ARRAY[oracle.doubtful_name(oracle.unescape(oracle.trim_cell(r.user_name)))];
    END IF;
    faults := faults || ARRAY(SELECT oracle.unknown_role('roles', u)
                                FROM unnest(oracle.minus_ignoring_case(kept, held)) WITH ORDINALITY x (u, n) ORDER BY n)
                     || ARRAY(SELECT oracle.unknown_role('removeRoles', u)
                                FROM unnest(oracle.minus_ignoring_case(lost, held)) WITH ORDINALITY x (u, n) ORDER BY n);
    -- Nor is text written that is damaged or looks like _EMPTY_VALUE_.
    IF mode <> (CASE WHEN old.user_name IS NULL THEN 'Update Only' ELSE 'Create Only' END) THEN
        FOR field, cell, value IN
            SELECT h.name, c.cell, to_jsonb(old) ->> f.column_name
              FROM oracle.header AS h JOIN oracle.fields AS f ON f.name = h.name
              CROSS JOIN LATERAL (SELECT CASE WHEN h.name = 'email' THEN oracle.email_cell(r.email) ELSE oracle.text_cell(r, h.name) END) AS c (cell)
             WHERE h.name <> 'active' AND oracle.trim_cell(c.cell) <> '' AND c.cell <> '_EMPTY_VALUE_' ORDER BY h.position LOOP
            IF oracle.is_doubtful(oracle.unescape(cell)) AND oracle.unescape(cell) IS DISTINCT FROM value
                AND NOT (field = 'email' AND r.email IS NOT DISTINCT FROM value) THEN
                faults := faults || oracle.doubtful_text(field, oracle.unescape(cell));
            END IF;
        END LOOP;
    END IF;
    IF faults <> '{}' THEN
        PERFORM oracle.add_issues(r.line, 'rejected', faults);
        RETURN 'rejected';
    END IF;
    IF old.user_name IS NOT NULL AND mode = 'Create Only' THEN
        PERFORM oracle.add_issues(r.line, 'skipped', ARRAY[oracle.new_issue('already_exists', 'userName', name,
                                                                            'customer already exists')]);
        RETURN 'skipped';
    END IF;
    IF old.user_name IS NULL AND mode = 'Update Only' THEN
        PERFORM oracle.add_issues(r.line, 'skipped', ARRAY[oracle.new_issue('not_found', 'userName', name,
                                                                            'customer does not exist')]);
        RETURN 'skipped';
    END IF;

    IF oracle.is_clear(r.roles) OR oracle.codes(r.roles) <> '{}' THEN
        held := oracle.known(oracle.codes(r.roles)) || ARRAY(SELECT h FROM unnest(held) h
                                                              WHERE oracle.lower(h) IN (SELECT oracle.lower(k) FROM unnest(kept) k));
    END IF;
    -- A code is the same whatever its case: what is added comes in the catalog's spelling.
    held := oracle.sorted(oracle.minus_ignoring_case(held, lost || removed || added) || added);

    IF old.user_name IS NULL THEN
        count := oracle.insert_customer(r, name, held);
    ELSE
        new := old;
        new.email := oracle.email_after(r.email, old.email);
        new.first_name := oracle.text_after(r.first_name, old.first_name);
        new.last_name := oracle.text_after(r.last_name, old.last_name);
        new.phone := oracle.text_after(r.phone, old.phone);
        new.company := oracle.text_after(r.company, old.company);
        new.active := oracle.boolean_after(r.active, old.active);
        new.roles := held;
        IF new IS NOT DISTINCT FROM old THEN
            INSERT INTO oracle.outcome VALUES (r.line, 'unchanged');
            RETURN 'unchanged';
        END IF;
        UPDATE public.customers c
        SET email = new.email, first_name = new.first_name, last_name = new.last_name, phone = new.phone,
            company = new.company, active = new.active, roles = new.roles, updated_at = now()
        WHERE c.user_name = name;
        GET DIAGNOSTICS count = ROW_COUNT;
    END IF;

    IF count = 0 THEN  -- a trigger has suppressed the row
        PERFORM oracle.add_issues(r.line, 'rejected', ARRAY[oracle.new_issue('not_permitted', 'userName', name,
            'the customer is not visible to you, or its row may not be written')]);
        RETURN 'rejected';
    END IF;
    SELECT * INTO STRICT new FROM public.customers c WHERE c.user_name = name;
    PERFORM oracle.add_change(r.line, old, new);
    INSERT INTO oracle.outcome VALUES (r.line, CASE WHEN old.user_name IS NULL THEN 'created' ELSE 'updated' END);
    RETURN CASE WHEN old.user_name IS NULL THEN 'created' ELSE 'updated' END;
END $$;

-- Applies all of oracle.record in file order.
CREATE FUNCTION oracle.apply(mode text, unknown_roles text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    create_codes boolean := unknown_roles = 'create';
    known text[] := ARRAY(SELECT code FROM oracle.catalog);
    r oracle.record;
    e oracle.issue;
    faults oracle.issue[];
BEGIN
    TRUNCATE oracle.outcome, oracle.issues, oracle.changes, oracle.added, oracle.no_roles, oracle.sound;
    SET CONSTRAINTS ALL IMMEDIATE;
    -- A word for a missing or wrong value, alone in a cell of roles to add or to remove, names none.
    INSERT INTO oracle.no_roles
    SELECT n.line, c.name, oracle.trim_cell(c.cell)
      FROM oracle.record AS n CROSS JOIN LATERAL (VALUES ('addRoles', n.add_roles), ('removeRoles', n.remove_roles)) AS c (name, cell)
     WHERE n.fault_code IS NULL AND oracle.damage(oracle.trim_cell(c.cell)) IN ('missing', 'error') AND oracle.spelling(oracle.trim_cell(c.cell)) IS NULL;
    UPDATE oracle.record AS n SET add_roles = NULL FROM oracle.no_roles AS c WHERE c.line = n.line AND c.name = 'addRoles';
    UPDATE oracle.record AS n SET remove_roles = NULL FROM oracle.no_roles AS c WHERE c.line = n.line AND c.name = 'removeRoles';
    IF create_codes THEN
        FOR r IN SELECT * FROM oracle.record ORDER BY line LOOP
            IF oracle.faults(r, true) = '{}' THEN
                INSERT INTO oracle.catalog
                SELECT unnest(oracle.unknown(oracle.codes(r.add_roles)));
                INSERT INTO oracle.catalog
                SELECT u FROM unnest(oracle.unknown(oracle.codes(r.roles))) AS u WHERE NOT oracle.is_no_role(u);
            END IF;
        END LOOP;
    END IF;
    FOR r IN SELECT * FROM oracle.record ORDER BY line LOOP
        faults := oracle.faults(r, create_codes);
        IF faults <> '{}' THEN
            PERFORM oracle.add_issues(r.line, 'rejected', faults);
            CONTINUE;
        END IF;
        INSERT INTO oracle.sound VALUES (r.line, oracle.user_name(oracle.unescape(oracle.trim_cell(r.user_name))));
        BEGIN
            PERFORM oracle.apply_record(r, mode);
        EXCEPTION WHEN OTHERS OR assert_failure THEN
            e := NULL;
            e.code := 'database_error';
            GET STACKED DIAGNOSTICS e.message = MESSAGE_TEXT, e.detail = PG_EXCEPTION_DETAIL,
                                    e.hint = PG_EXCEPTION_HINT, e.sqlstate = RETURNED_SQLSTATE,
                                    e.column_name = COLUMN_NAME;
            e.message := oracle.one_line(e.message);
            e.detail := oracle.one_line(e.detail);
            e.hint := oracle.one_line(e.hint);
            IF left(e.sqlstate, 2) NOT IN ('22', '23', '44', 'P0') THEN
                RAISE;
            END IF;
            e.column_name := (SELECT f.name FROM oracle.fields f WHERE f.column_name = e.column_name);
            e.detail := nullif(e.detail, '');
            e.hint := nullif(e.hint, '');
            PERFORM oracle.add_issues(r.line, 'rejected', ARRAY[e]);
        END;
    END LOOP;
    SET CONSTRAINTS ALL DEFERRED;
    -- A code that was given to no customer in the end is removed, unless a customer held it before.
    DELETE FROM oracle.catalog AS c
     WHERE code <> ALL (known) AND NOT EXISTS (SELECT FROM oracle.changes WHERE c.code = ANY (added))
       AND NOT EXISTS (SELECT FROM public.customers WHERE c.code = ANY (roles));
    INSERT INTO oracle.added SELECT code FROM oracle.catalog WHERE code <> ALL (known);
END $$;

-- Replaces the extension's guard trigger; like that one it fires last.
CREATE FUNCTION oracle.guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.roles := oracle.sorted(NEW.roles);
    RETURN NEW;
END $$;
