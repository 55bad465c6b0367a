\echo Use "CREATE EXTENSION customer_import" to load this file. \quit

DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'customer_import needs a database with encoding UTF8'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = pg_catalog.format('This database has encoding %s.', pg_catalog.getdatabaseencoding()),
                  HINT = 'Use CREATE DATABASE … ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
    IF pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 150020 THEN
        RAISE WARNING 'customer_import is tested with PostgreSQL 15.20 and later'
            USING HINT = 'Earlier minor releases have known holes in row-level security.';
    END IF;
END
$$;

CREATE SCHEMA customer_import;
GRANT USAGE ON SCHEMA customer_import TO PUBLIC;
COMMENT ON SCHEMA customer_import IS 'Import of role assignments of customers from CSV.';
