-- What the extension consists of, by name, and how it comes and goes.
\set SHOW_CONTEXT never
SET client_min_messages = error;

-- Only where it can work
CREATE SCHEMA customer_import;
CREATE EXTENSION customer_import;
DROP SCHEMA customer_import;
CREATE EXTENSION customer_import SCHEMA public;
CREATE ROLE regress_install;
SET ROLE regress_install;
CREATE EXTENSION customer_import;
RESET ROLE;
DROP ROLE regress_install;

CREATE EXTENSION customer_import;
ALTER EXTENSION customer_import SET SCHEMA public;
-- While a package is being built, its files are not where pg_available_extensions looks.
SELECT coalesce(e.extversion = a.default_version, true) AS current, n.nspname AS schema, e.extrelocatable AS relocatable
  FROM pg_extension AS e
  LEFT JOIN pg_available_extensions AS a ON a.name = e.extname
  JOIN pg_namespace AS n ON n.oid = e.extnamespace
 WHERE e.extname = 'customer_import';

-- Every object but the row types of tables
SELECT pg_describe_object(d.classid, d.objid, 0) AS object
  FROM pg_depend AS d
 WHERE d.refclassid = 'pg_extension'::regclass
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'customer_import')
   AND d.deptype = 'e'
   AND d.classid <> 'pg_type'::regclass
 ORDER BY pg_describe_object(d.classid, d.objid, 0) COLLATE "C";

-- Nothing in its schema is no member
SELECT c.relname
  FROM pg_class AS c
 WHERE c.relnamespace = 'customer_import'::regnamespace
   AND c.relkind NOT IN ('i', 't')
   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1;

-- What a call of import_customers looks like
SELECT p.proargtypes[0]::regtype AS csv, u.position, u.name, u.mode
  FROM pg_proc AS p
 CROSS JOIN LATERAL unnest(p.proargnames, p.proargmodes::text[]) WITH ORDINALITY AS u (name, mode, position)
 WHERE p.oid = 'customer_import.import_customers(oid, text, text, boolean, boolean, bigint, text, text, text, boolean, text, boolean, text, jsonb, text, numeric, boolean)'::regprocedure
 ORDER BY u.position;
SELECT pg_get_function_arguments('customer_import.create_customers_table'::regproc) AS create_customers_table;
SELECT pg_get_function_arguments('customer_import.add_role_codes'::regproc) AS add_role_codes;
SELECT pg_get_function_arguments('customer_import.alter_role_code'::regproc) AS alter_role_code;

-- The columns of what users read
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.oid IN ('customer_import.role_codes'::regclass, 'customer_import.imports'::regclass,
                 'customer_import.import_issues'::regclass, 'customer_import.import_changes'::regclass)
 ORDER BY c.relname, a.attnum;

-- Its settings: refused by value and by name
SELECT customer_import.role_set('{}');
SET customer_import.batch_rows = 0;
SET customer_import.batch_rows = 'many';
SET customer_import.batch_row = 1;
SET customer_import.batch_rows = 1;
RESET customer_import.batch_rows;
SELECT name, context, vartype, min_val, setting = boot_val AS is_default
  FROM pg_settings WHERE name LIKE 'customer\_import.%' ORDER BY name;

-- It goes without a trace, and comes again
DROP EXTENSION customer_import;
SELECT count(*) FROM pg_namespace WHERE nspname = 'customer_import';
CREATE EXTENSION customer_import;
SELECT count(*) FROM customer_import.role_codes;
DROP EXTENSION customer_import;
