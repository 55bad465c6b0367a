-- The oracle: what an import must do, one record after another, in the plainest SQL there is. It shares nothing with the
-- extension but fold_user_name(). It gets records that are split into cells already and works on public.customers, whose
-- guard trigger it replaces by one of its own. Slow on purpose: there is nothing clever in here.

CREATE SCHEMA oracle;

CREATE TYPE oracle.issue AS (
    code text, column_name text, value text, message text, detail text, hint text, sqlstate text);

-- The input. NULL = the file has no such column. A record that is broken as CSV comes with its fault.
CREATE TABLE oracle.record (
    line bigint PRIMARY KEY,
    fault_code text, fault_message text, fault_hint text,
    user_name text, add_roles text, remove_roles text, roles text,
    email text, first_name text, last_name text, phone text, company text, active text);
CREATE TABLE oracle.header (position int PRIMARY KEY, name text NOT NULL);
CREATE TABLE oracle.catalog (code text PRIMARY KEY);

-- The output.
CREATE TABLE oracle.outcome (line bigint PRIMARY KEY, outcome text NOT NULL);
CREATE TABLE oracle.issues (line bigint, issue_number int, outcome text, fault oracle.issue);
CREATE TABLE oracle.changes (
    line bigint, user_name text, created boolean, added text[], removed text[], before jsonb, after jsonb);

-- The value columns by their CSV names.
CREATE TABLE oracle.fields (name text PRIMARY KEY, column_name text NOT NULL);
INSERT INTO oracle.fields VALUES ('email', 'email'), ('firstName', 'first_name'), ('lastName', 'last_name'),
    ('phone', 'phone'), ('company', 'company'), ('active', 'active');

-- Cells ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION oracle.trim(cell text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    -- The 25 characters with the Unicode property White_Space.
    SELECT regexp_replace(cell,
        '^[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+'
        '|[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$', '', 'g')
$$;

-- The user name that a trimmed cell means: an attached table may have them as they are written.
CREATE FUNCTION oracle.user_name(name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN current_setting('oracle.fold')::boolean THEN customer_import.fold_user_name(name) ELSE name END
$$;

CREATE FUNCTION oracle.unescape(cell text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN cell ~ '^\\+_EMPTY_VALUE_$' THEN substr(cell, 2) ELSE cell END
$$;

-- What a text column holds after the cell was applied to it.
CREATE FUNCTION oracle.text_after(cell text, held text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN cell IS NULL OR cell = '' THEN held
                WHEN cell = '_EMPTY_VALUE_' THEN NULL
                ELSE oracle.unescape(cell) END
$$;

CREATE FUNCTION oracle.boolean_after(cell text, held boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN lower(oracle.trim(cell)) IN ('true', 'yes', '1', 't', 'y') THEN true
                WHEN lower(oracle.trim(cell)) IN ('false', 'no', '0', 'f', 'n') THEN false
                ELSE held END
$$;

CREATE FUNCTION oracle.is_clear(cell text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(oracle.trim(cell) = '_EMPTY_VALUE_', false)
$$;

-- Role codes ----------------------------------------------------------------------------------------------------------

-- Lower case of ASCII letters only.
CREATE FUNCTION oracle.lower(code text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT translate(code, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')
$$;

-- The codes of a role cell as written, each once (ignoring case), in order of appearance. A cell that clears has none.
CREATE FUNCTION oracle.codes(cell text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    result text[] := '{}';
    seen text[] := '{}';
    code text;
BEGIN
    IF cell IS NULL OR oracle.is_clear(cell) THEN
        RETURN result;
    END IF;
    FOR code IN SELECT oracle.trim(part)
                FROM regexp_split_to_table(oracle.unescape(oracle.trim(cell)), '[,;|\r\n]') WITH ORDINALITY p (part, n)
                ORDER BY n LOOP
        IF code <> '' AND oracle.lower(code) <> ALL (seen) THEN
            result := result || code;
            seen := seen || oracle.lower(code);
        END IF;
    END LOOP;
    RETURN result;
END $$;

-- The catalog's spelling, or NULL.
CREATE FUNCTION oracle.spelling(code text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT c.code FROM oracle.catalog c WHERE oracle.lower(c.code) = oracle.lower($1)
$$;

CREATE FUNCTION oracle.known(codes text[]) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(oracle.spelling(u)), '{}') FROM unnest(codes) u WHERE oracle.spelling(u) IS NOT NULL
$$;

CREATE FUNCTION oracle.unknown(codes text[]) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(u ORDER BY n), '{}') FROM unnest(codes) WITH ORDINALITY x (u, n)
    WHERE oracle.spelling(u) IS NULL
$$;

-- A canonical role set: byte order, unique, no NULL, no empty code.
CREATE FUNCTION oracle.sorted(codes text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(c ORDER BY c COLLATE "C"), '{}')
    FROM (SELECT DISTINCT u AS c FROM unnest(codes) u WHERE u <> '') s
$$;

CREATE FUNCTION oracle.minus(a text[], b text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(u), '{}') FROM unnest(a) u WHERE u <> ALL (b)
$$;

CREATE FUNCTION oracle.minus_ignoring_case(a text[], b text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(u ORDER BY n), '{}') FROM unnest(a) WITH ORDINALITY x (u, n)
    WHERE oracle.lower(u) NOT IN (SELECT oracle.lower(v) FROM unnest(b) v)
$$;

-- Optimal string alignment distance over letters, by the textbook.
CREATE FUNCTION oracle.distance(left_code text, right_code text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    a text[] := string_to_array(oracle.lower(left_code), NULL);
    b text[] := string_to_array(oracle.lower(right_code), NULL);
    before_last int[];
    last int[];
    this int[];
    best int;
BEGIN
    FOR i IN 0 .. cardinality(a) LOOP
        before_last := last;
        last := this;
        this := array_fill(0, ARRAY[cardinality(b) + 1], ARRAY[0]);
        FOR j IN 0 .. cardinality(b) LOOP
            IF i = 0 OR j = 0 THEN
                this[j] := i + j;
                CONTINUE;
            END IF;
            best := least(last[j] + 1, this[j - 1] + 1, last[j - 1] + (a[i] <> b[j])::int);
            IF i > 1 AND j > 1 AND a[i] = b[j - 1] AND a[i - 1] = b[j] THEN
                best := least(best, before_last[j - 2] + 1);
            END IF;
            this[j] := best;
        END LOOP;
    END LOOP;
    RETURN this[cardinality(b)];
END $$;

CREATE FUNCTION oracle.nearest(code text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT c FROM (
        SELECT c.code AS c, oracle.distance($1, c.code) AS d FROM oracle.catalog c
        -- Each letter of difference in length costs one: the rest cannot be near.
        WHERE abs(char_length($1) - char_length(c.code)) <= greatest(1, char_length($1) / 3)) near
    WHERE d <= greatest(1, char_length($1) / 3)
    ORDER BY d, c COLLATE "C" LIMIT 1
$$;

-- Issues --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION oracle.shortened(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    result text := left(value, 997);
BEGIN
    IF octet_length(value) <= 1000 THEN
        RETURN value;
    END IF;
    WHILE octet_length(result) > 997 LOOP
        result := left(result, -1);
    END LOOP;
    RETURN result || '…';
END $$;

CREATE FUNCTION oracle.new_issue(code text, column_name text, value text, message text, hint text DEFAULT NULL)
RETURNS oracle.issue LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW(code, column_name, oracle.shortened(value), message, NULL, hint, NULL)::oracle.issue
$$;

CREATE FUNCTION oracle.unknown_role(column_name text, code text) RETURNS oracle.issue LANGUAGE sql STABLE AS $$
    SELECT oracle.new_issue('unknown_role', column_name, code,
        format('role code "%s" is not in the catalog', oracle.shortened(code)),
        CASE WHEN oracle.nearest(code) IS NOT NULL THEN format('Did you mean "%s"?', oracle.nearest(code)) END)
$$;

CREATE FUNCTION oracle.cannot_clear(column_name text) RETURNS oracle.issue LANGUAGE sql IMMUTABLE AS $$
    SELECT oracle.new_issue('invalid_value', column_name, '_EMPTY_VALUE_', format('"%s" cannot be cleared', column_name))
$$;

CREATE FUNCTION oracle.text_cell(r oracle.record, field text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE field WHEN 'email' THEN r.email WHEN 'firstName' THEN r.first_name WHEN 'lastName' THEN r.last_name
                      WHEN 'phone' THEN r.phone WHEN 'company' THEN r.company END
$$;

CREATE FUNCTION oracle.is_nullable(field text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT a.attnotnull
    FROM pg_attribute a JOIN oracle.fields f ON f.column_name = a.attname
    WHERE a.attrelid = 'public.customers'::regclass AND f.name = field
$$;

-- All that is wrong with a record in itself. With `create_codes` a code that could be added is no fault.
CREATE FUNCTION oracle.faults(r oracle.record, create_codes boolean) RETURNS oracle.issue[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    result oracle.issue[] := '{}';
    field text;
    cell text;
    code text;
    name text;
    lost integer := 0;  -- faults that are none when the customer holds the code
    well_formed boolean;
BEGIN
    IF r.fault_code IS NOT NULL THEN
        RETURN ARRAY[oracle.new_issue(r.fault_code, NULL, NULL, r.fault_message, r.fault_hint)];
    END IF;
    FOR field IN SELECT h.name FROM oracle.header h ORDER BY position LOOP
        IF field = 'userName' THEN
            cell := oracle.trim(r.user_name);
            name := oracle.user_name(oracle.unescape(cell));
            IF cell = '' THEN
                result := result || oracle.new_issue('missing_user_name', field, NULL, 'the user name is empty',
                                                     'Fill "userName", or remove the record.');
            ELSIF cell = '_EMPTY_VALUE_' THEN
                result := result || oracle.cannot_clear(field);
            ELSIF octet_length(name) > 320 THEN
                result := result || oracle.new_issue('invalid_user_name', field, r.user_name,
                                                     'the user name is longer than 320 bytes');
            ELSIF name ~ '[\u0001-\u001f\u007f-\u009f]' THEN
                result := result || oracle.new_issue('invalid_user_name', field, r.user_name,
                                                     'the user name contains a control character');
            END IF;
        ELSIF field IN ('addRoles', 'removeRoles', 'roles') THEN
            cell := CASE field WHEN 'addRoles' THEN r.add_roles WHEN 'removeRoles' THEN r.remove_roles ELSE r.roles END;
            IF oracle.is_clear(cell) AND field <> 'roles' THEN
                result := result || oracle.cannot_clear(field);
            END IF;
            FOREACH code IN ARRAY oracle.unknown(oracle.codes(cell)) LOOP
                well_formed := code ~ '^[A-Za-z0-9_.:-]{1,63}$';
                IF field = 'removeRoles' OR NOT (create_codes AND well_formed) THEN
                    result := result || oracle.unknown_role(field, code);
                    -- The customer may hold a code that the catalog had once.
                    lost := lost + CASE WHEN field = 'removeRoles' OR field = 'roles' AND well_formed THEN 1 ELSE 0 END;
                END IF;
            END LOOP;
        ELSIF field <> 'active' THEN
            IF oracle.text_cell(r, field) = '_EMPTY_VALUE_' AND NOT oracle.is_nullable(field) THEN
                result := result || oracle.cannot_clear(field);
            END IF;
        ELSE
            IF oracle.is_clear(r.active) THEN
                result := result || oracle.cannot_clear(field);
            ELSIF oracle.trim(r.active) <> '' AND oracle.boolean_after(r.active, NULL) IS NULL THEN
                result := result || oracle.new_issue('invalid_value', field, r.active, '"active" must be true or false',
                                                     'Use true, false, yes, no, 1, 0, t, f, y or n.');
            END IF;
        END IF;
    END LOOP;
    IF (oracle.is_clear(r.roles) OR oracle.codes(r.roles) <> '{}')
            AND (oracle.codes(r.add_roles) <> '{}' OR oracle.codes(r.remove_roles) <> '{}') THEN
        result := result || oracle.new_issue('conflicting_roles', 'roles', NULL,
                                             '"roles" cannot be combined with "addRoles" or "removeRoles"');
    END IF;
    -- Those of the catalog first, in byte order; then the others as they appear.
    FOR code IN SELECT coalesce(oracle.spelling(a), a) FROM unnest(oracle.codes(r.add_roles)) WITH ORDINALITY x (a, n)
                WHERE oracle.lower(a) IN (SELECT oracle.lower(d) FROM unnest(oracle.codes(r.remove_roles)) d)
                ORDER BY oracle.spelling(a) COLLATE "C" NULLS LAST, n LOOP
        result := result || oracle.new_issue('conflicting_roles', 'removeRoles', code,
            format('role code "%s" is both added and removed', oracle.shortened(code)));
    END LOOP;
    IF cardinality(result) = lost THEN
        RETURN '{}';
    END IF;
    RETURN result;
END $$;
