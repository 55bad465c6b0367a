-- Nothing is PUBLIC but what only computes.

REVOKE ALL ON ALL TABLES IN SCHEMA customer_import FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA customer_import FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA customer_import FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    customer_import.role_set(text[]),
    customer_import.is_role_code(text),
    customer_import.is_role_set(text[]),
    customer_import.parse_role_set(text),
    customer_import.role_set_union(text[], text[]),
    customer_import.role_set_difference(text[], text[]),
    customer_import.role_set_intersection(text[], text[]),
    customer_import.role_set_agg(text[]),
    customer_import.fold_user_name(text),
    customer_import.is_user_name(text)
TO PUBLIC;
