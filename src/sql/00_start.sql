\echo Use "CREATE EXTENSION customer_import" to load this file. \quit

DO $$
DECLARE
    major CONSTANT pg_catalog.int4 := pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog./) 10000;
    minor CONSTANT pg_catalog.int4 := pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.%) 10000;
    cve pg_catalog.text;
    hole pg_catalog.text;
    fixed pg_catalog.text;
BEGIN
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'customer_import needs a database with encoding UTF8'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = pg_catalog.format('This database has encoding %s.', pg_catalog.getdatabaseencoding()),
                  HINT = 'Use CREATE DATABASE … ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
    -- Known holes in row-level security, and the first releases without them. doc/installation.md has the same table.
    FOR cve, hole, fixed IN
        SELECT h.cve, h.hole, f.release
        FROM (VALUES ('CVE-2026-14666', 'Plans stay in use after a change of role.', '15.19 16.15 17.11 18.6'),
                     ('CVE-2026-16237', 'INSERT … ON CONFLICT DO UPDATE writes rows that policies hide.', '15.20 16.16 17.12 18.7'),
                     ('CVE-2026-120154', 'INSERT … ON CONFLICT DO UPDATE reads rows that policies hide.', '15.20 16.16 17.12 18.7'))
                 AS h (cve, hole, fixed)
        CROSS JOIN LATERAL pg_catalog.string_to_table(h.fixed, ' ') AS f (release)
        WHERE pg_catalog.split_part(f.release, '.', 1)::pg_catalog.int4 OPERATOR(pg_catalog.=) major
          AND pg_catalog.split_part(f.release, '.', 2)::pg_catalog.int4 OPERATOR(pg_catalog.>) minor
    LOOP
        RAISE WARNING 'row-level security of this server has a known hole: %', cve
            USING DETAIL = hole, HINT = pg_catalog.format('Update the server to PostgreSQL %s or later.', fixed);
    END LOOP;
END
$$;

CREATE SCHEMA customer_import;
GRANT USAGE ON SCHEMA customer_import TO PUBLIC;
COMMENT ON SCHEMA customer_import IS 'Import of role assignments of customers from CSV.';
