-- Role sets: text[] sorted in byte order, unique, without NULL and empty codes.

CREATE FUNCTION customer_import.role_set(codes text[]) RETURNS text[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_role_set';
COMMENT ON FUNCTION customer_import.role_set(text[]) IS
    'Makes a role set of any array: sorted in byte order, unique, without NULL and empty codes.';

CREATE FUNCTION customer_import.is_role_set(codes text[]) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_is_role_set';
COMMENT ON FUNCTION customer_import.is_role_set(text[]) IS
    'True for a role set: sorted in byte order, unique, without NULL and empty codes.';

CREATE FUNCTION customer_import.parse_role_set(cell text) RETURNS text[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_parse_role_set';
COMMENT ON FUNCTION customer_import.parse_role_set(text) IS
    'Makes a role set of the text of a CSV cell: codes separated by , ; | or line break, trimmed.';

CREATE FUNCTION customer_import.is_role_code(code text) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_is_role_code';
COMMENT ON FUNCTION customer_import.is_role_code(text) IS
    'True for a role code that the catalog may hold: 1 to 63 of letters, digits and the characters _ . : - .';

CREATE FUNCTION customer_import.role_set_union(a text[], b text[]) RETURNS text[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_role_set_union';
COMMENT ON FUNCTION customer_import.role_set_union(text[], text[]) IS
    'Codes that are in either array, as a role set. Also: a | b.';

CREATE FUNCTION customer_import.role_set_difference(a text[], b text[]) RETURNS text[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_role_set_difference';
COMMENT ON FUNCTION customer_import.role_set_difference(text[], text[]) IS
    'Codes that are in the first array and not in the second, as a role set. Also: a - b.';

CREATE FUNCTION customer_import.role_set_intersection(a text[], b text[]) RETURNS text[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_role_set_intersection';
COMMENT ON FUNCTION customer_import.role_set_intersection(text[], text[]) IS
    'Codes that are in both arrays, as a role set. Also: a & b.';

CREATE OPERATOR customer_import.| (
    LEFTARG = text[], RIGHTARG = text[], FUNCTION = customer_import.role_set_union,
    COMMUTATOR = OPERATOR(customer_import.|)
);
COMMENT ON OPERATOR customer_import.| (text[], text[]) IS 'Union of two role sets.';

CREATE OPERATOR customer_import.- (
    LEFTARG = text[], RIGHTARG = text[], FUNCTION = customer_import.role_set_difference
);
COMMENT ON OPERATOR customer_import.- (text[], text[]) IS 'Difference of two role sets.';

CREATE OPERATOR customer_import.& (
    LEFTARG = text[], RIGHTARG = text[], FUNCTION = customer_import.role_set_intersection,
    COMMUTATOR = OPERATOR(customer_import.&)
);
COMMENT ON OPERATOR customer_import.& (text[], text[]) IS 'Intersection of two role sets.';

CREATE AGGREGATE customer_import.role_set_agg(codes text[]) (
    SFUNC = customer_import.role_set_union, STYPE = text[], COMBINEFUNC = customer_import.role_set_union,
    INITCOND = '{}', PARALLEL = SAFE
);
COMMENT ON AGGREGATE customer_import.role_set_agg(text[]) IS
    'Union of all input arrays as a role set; empty without input.';

CREATE FUNCTION customer_import.fold_user_name(name text) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_fold_user_name';
COMMENT ON FUNCTION customer_import.fold_user_name(text) IS
    'The key that a user name is stored under: trimmed, case folded, Unicode NFC.';

CREATE FUNCTION customer_import.is_user_name(name text) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_is_user_name';
COMMENT ON FUNCTION customer_import.is_user_name(text) IS
    'True for a user name that may be stored: folded, 1 to 320 bytes, no control character.';
