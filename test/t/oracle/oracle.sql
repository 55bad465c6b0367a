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
CREATE TABLE oracle.sound (line bigint, user_name text);  -- records without faults
CREATE TABLE oracle.no_roles (line bigint, name text, value text);  -- cells that hold a word for a missing or wrong value

-- The output.
CREATE TABLE oracle.added (code text PRIMARY KEY);
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

-- The same, and characters that cannot be seen (Default_Ignorable_Code_Point).
CREATE FUNCTION oracle.trim_cell(cell text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(cell, '^' || around || '+|' || around || '+$', '', 'g')
      FROM (SELECT '[\u0009-\u000d\u0020\u0085\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f'
                   '\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]') AS a (around)
$$;

-- What people are shown: what cannot be seen by its code point. (Joiners between letters that need them are in no file.)
CREATE FUNCTION oracle.shown(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(CASE WHEN c ~ '[\u0001-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]'
                           THEN '<U+' || CASE WHEN ascii(c) > 65535 THEN upper(to_hex(ascii(c))) ELSE lpad(upper(to_hex(ascii(c))), 4, '0') END || '>' ELSE c END, '' ORDER BY n)
      FROM regexp_split_to_table(t, '') WITH ORDINALITY x (c, n)
$$;
CREATE FUNCTION oracle.one_line(message text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN message ~ '[^ -~]' THEN oracle.shown(regexp_replace(message, '\r\n|[\r\n\t]', ' ', 'g')) ELSE message END
$$;

-- Whether a cell has a word in place of a value that some program has lost, and of what kind.
CREATE FUNCTION oracle.damage(cell text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN lower(cell) IN ('#n/a', '#ref!') THEN 'error'
                WHEN lower(cell) IN ('null', '\n', 'nan', 'none', 'n/a') THEN 'missing'
                WHEN cell ~ '^[+-]?[0-9]+([.,][0-9]+)?[eE][+-][0-9]{2,}$' THEN 'shortened' END
$$;

-- Whether a cell seems to mean _EMPTY_VALUE_ and is not that. (Misspelled ones are in no file.)
CREATE FUNCTION oracle.is_nearly_empty(cell text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT cell <> '_EMPTY_VALUE_' AND oracle.trim_cell(cell) !~ '^\\' AND octet_length(oracle.trim_cell(cell)) <= 40
           AND lower(regexp_replace(oracle.trim_cell(cell), '[^A-Za-z0-9\u0080-\U0010ffff]', '', 'g')) = 'emptyvalue'
$$;

-- Whether a text must not be written by an import.
CREATE FUNCTION oracle.is_doubtful(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT oracle.is_nearly_empty(t) OR strpos(t, U&'\FFFD') > 0
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
                WHEN oracle.trim_cell(cell) = '' THEN held
                ELSE oracle.unescape(cell) END
$$;

-- What a cell of addresses is without what is around it. It stays around the word that would clear the address.
CREATE FUNCTION oracle.email_cell(cell text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN oracle.trim_cell(cell) ~ '^\\*_EMPTY_VALUE_$' THEN cell ELSE oracle.trim_cell(cell) END
$$;

-- An address has nothing around it, but is not changed by a cell that is what is held.
CREATE FUNCTION oracle.email_after(cell text, held text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN oracle.trim_cell(cell) <> cell AND cell = held THEN held
                ELSE oracle.text_after(oracle.email_cell(cell), held) END
$$;

CREATE FUNCTION oracle.boolean_after(cell text, held boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN lower(oracle.trim_cell(cell)) IN ('true', 'tru', 'yes', '1', 't', 'y', 'on', 'wahr', 'oui', 'sí') THEN true
                WHEN lower(oracle.trim_cell(cell)) IN ('false', 'no', '0', 'f', 'n', 'off', 'falsch', 'nee') THEN false
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
    IF cell IS NULL OR oracle.is_clear(cell) OR oracle.trim_cell(cell) = '' THEN
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
    SELECT ROW(code, column_name, oracle.shortened(value), oracle.one_line(message), NULL, hint, NULL)::oracle.issue
$$;

CREATE FUNCTION oracle.empty_value_hint(column_name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN column_name IN ('addRoles', 'removeRoles') THEN 'Leave the cell empty to change nothing.'
                WHEN column_name = 'roles' THEN 'Write _EMPTY_VALUE_ to take all roles, or leave the cell empty to change nothing.'
                ELSE 'Write _EMPTY_VALUE_ to clear the value, or leave the cell empty to change nothing.' END
$$;

CREATE FUNCTION oracle.is_no_role(code text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT code ~ '^-+$' OR oracle.lower(code) = 'none' OR oracle.damage(code) IS NOT NULL OR oracle.is_nearly_empty(code)
$$;

-- What is wrong with a text that must not be written.
CREATE FUNCTION oracle.doubtful_text(column_name text, t text) RETURNS oracle.issue LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN oracle.is_nearly_empty(t)
                THEN oracle.new_issue('invalid_value', column_name, t,
                         format('"%s" looks like _EMPTY_VALUE_, but is not exactly that', oracle.shown(t)), oracle.empty_value_hint(column_name))
                ELSE oracle.new_issue('invalid_encoding', column_name, t,
                         format('"%s" has the character U+FFFD: the text was damaged before it came here', column_name),
                         'Import the original file with its encoding, or correct the text.') END
$$;

-- What is wrong with a user name that is one only if a customer has it; NULL: nothing.
CREATE FUNCTION oracle.doubtful_name(name text) RETURNS oracle.issue LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    message text;
    hint text;
BEGIN
    CASE oracle.damage(name)
        WHEN 'error' THEN message := 'looks like an error value of a spreadsheet'; hint := 'Write the user name as text, not as a formula.';
        WHEN 'missing' THEN message := 'looks like a missing value of another program'; hint := 'Write the user name. If this is one, import it with damaged => ''keep''.';
        WHEN 'shortened' THEN message := 'looks shortened by a spreadsheet'; hint := 'Give the column the format of text before the numbers are entered, and write them again.';
        ELSE
            IF oracle.is_nearly_empty(name) THEN
                message := 'looks like _EMPTY_VALUE_'; hint := 'Write the user name: it cannot be cleared.';
            ELSIF oracle.shown(name) <> name THEN
                message := 'has a character that cannot be seen'; hint := 'Write the user name without it.';
            ELSIF strpos(name, U&'\FFFD') > 0 THEN
                RETURN oracle.doubtful_text('userName', name);
            ELSE
                RETURN NULL;
            END IF;
    END CASE;
    RETURN oracle.new_issue('invalid_user_name', 'userName', name, format('the user name %s: "%s"', message, oracle.shown(name)), hint);
END $$;

CREATE FUNCTION oracle.unknown_role(column_name text, code text) RETURNS oracle.issue LANGUAGE sql STABLE AS $$
    SELECT oracle.new_issue('unknown_role', column_name, code,
        format('role code "%s" is not in the catalog', oracle.shown(oracle.shortened(code))),
        CASE WHEN oracle.is_no_role(code) THEN oracle.empty_value_hint(column_name)
             WHEN oracle.nearest(code) IS NOT NULL THEN format('Did you mean "%s"?', oracle.nearest(code)) END)
$$;

-- The same of a code that was to be created and cannot be.
CREATE FUNCTION oracle.uncreatable_role(column_name text, code text) RETURNS oracle.issue LANGUAGE plpgsql STABLE AS $$
DECLARE
    fault oracle.issue := oracle.unknown_role(column_name, code);
BEGIN
    fault.message := oracle.one_line(format('role code "%s" cannot be created: it ', oracle.shown(oracle.shortened(code)))
        || CASE WHEN oracle.is_no_role(code) THEN 'looks like a word for no role'
                WHEN octet_length(code) > 63 THEN 'is longer than 63 bytes'
                ELSE 'has characters other than letters from A to Z, digits and "_.:-"' END);
    RETURN fault;
END $$;

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
    lost integer := 0;  -- faults that are none when there is such a customer, or when it holds the code
    well_formed boolean;
BEGIN
    IF r.fault_code IS NOT NULL THEN
        RETURN ARRAY[oracle.new_issue(r.fault_code, NULL, NULL, r.fault_message, r.fault_hint)];
    END IF;
    FOR field IN SELECT h.name FROM oracle.header h ORDER BY position LOOP
        IF field = 'userName' THEN
            cell := oracle.trim_cell(r.user_name);
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
            ELSIF (oracle.doubtful_name(oracle.unescape(cell))).code IS NOT NULL THEN  -- there may be such a customer
                result := result || oracle.doubtful_name(oracle.unescape(cell));
                lost := lost + 1;
            END IF;
        ELSIF field IN ('addRoles', 'removeRoles', 'roles') THEN
            cell := CASE field WHEN 'addRoles' THEN r.add_roles WHEN 'removeRoles' THEN r.remove_roles ELSE r.roles END;
            IF oracle.is_clear(cell) AND field <> 'roles' THEN
                result := result || oracle.cannot_clear(field);
            END IF;
            FOREACH code IN ARRAY oracle.unknown(oracle.codes(cell)) LOOP
                well_formed := code ~ '^[A-Za-z0-9_.:-]{1,63}$';
                IF create_codes AND field <> 'removeRoles' THEN
                    IF NOT well_formed OR oracle.is_no_role(code) THEN
                        result := result || oracle.uncreatable_role(field, code);
                        lost := lost + CASE WHEN field = 'roles' AND well_formed THEN 1 ELSE 0 END;
                    END IF;
                ELSE
                    result := result || oracle.unknown_role(field, code);
                    -- The customer may hold a code that the catalog had once.
                    lost := lost + CASE WHEN field = 'removeRoles' OR field = 'roles' AND well_formed THEN 1 ELSE 0 END;
                END IF;
            END LOOP;
        ELSIF field <> 'active' THEN
            IF (CASE WHEN field = 'email' THEN oracle.email_cell(r.email) ELSE oracle.text_cell(r, field) END) = '_EMPTY_VALUE_' AND NOT oracle.is_nullable(field) THEN
                result := result || oracle.cannot_clear(field);
            END IF;
        ELSE
            IF oracle.is_clear(r.active) THEN
                result := result || oracle.cannot_clear(field);
            ELSIF oracle.trim_cell(r.active) <> '' AND oracle.boolean_after(r.active, NULL) IS NULL THEN
                result := result || CASE WHEN oracle.is_nearly_empty(r.active) THEN oracle.doubtful_text(field, r.active)
                                         ELSE oracle.new_issue('invalid_value', field, r.active, '"active" must be true or false',
                                                               'Use true, false, yes, no, on, off, 1 or 0.') END;
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
            format('role code "%s" is both added and removed', oracle.shown(oracle.shortened(code))));
    END LOOP;
    IF cardinality(result) = lost THEN
        RETURN '{}';
    END IF;
    RETURN result;
END $$;

-- What is told of damaged values (of columns that are no texts, of errors alone), how often and where first; of user names
-- that are repeated; and of role codes that were added.
CREATE FUNCTION oracle.warnings() RETURNS TABLE (warning text) LANGUAGE sql STABLE AS $$
    (SELECT CASE WHEN value IS NULL AND count = 1 THEN format('"%s": one cell looks like a number shortened by a spreadsheet, at line %s', name, line)
                WHEN value IS NULL THEN format('"%s": %s cells look like numbers shortened by a spreadsheet, first at line %s', name, count, line)
                WHEN count = 1 THEN format('"%s": one cell holds "%s", at line %s', name, value, line)
                ELSE format('"%s": %s cells hold "%s", first at line %s', name, count, value, line) END
      FROM (SELECT name, CASE WHEN damage <> 'shortened' THEN cell END AS value, count(*) AS count, min(line) AS line, min(ARRAY[line, position]) AS place
              FROM (SELECT line, name, position, value AS cell, 'error' AS damage, true AS is_text
                      FROM oracle.no_roles JOIN oracle.header USING (name)
                    UNION ALL
                    SELECT r.line, h.name, h.position, oracle.trim_cell(oracle.text_cell(r, h.name)) AS cell, oracle.damage(oracle.trim_cell(oracle.text_cell(r, h.name))) AS damage,
                           a.atttypid = 'text'::regtype AS is_text
                      FROM oracle.record AS r CROSS JOIN oracle.header AS h JOIN oracle.fields AS f ON f.name = h.name
                      JOIN pg_attribute AS a ON a.attrelid = 'public.customers'::regclass AND a.attname = f.column_name
                     WHERE r.fault_code IS NULL) AS c
             WHERE damage = 'error' OR (damage IS NOT NULL AND is_text)
             GROUP BY name, CASE WHEN damage <> 'shortened' THEN cell END) AS w
     ORDER BY value IS NULL, place)
    UNION ALL
    SELECT CASE WHEN count(*) = 1 THEN format('the record at line %s repeats a user name of an earlier line', min(line))
                ELSE format('%s records repeat a user name of an earlier line, first at line %s', count(*), min(line)) END
      FROM (SELECT line, row_number() OVER (PARTITION BY user_name ORDER BY line) AS number FROM oracle.sound) AS n
     WHERE number > 1 HAVING count(*) > 0
    UNION ALL
    SELECT CASE WHEN count(*) = 1 THEN format('role code "%s" was added to the catalog', min(code))
                ELSE format('%s role codes were added to the catalog: %s', count(*), string_agg(code, ', ' ORDER BY code COLLATE "C")) END
      FROM oracle.added HAVING count(*) > 0
$$;
