-- The roles of fixture.sql: ada administers, ann imports, vic is dropped while imports of theirs run, bob only views, web is a
-- gateway, mia a mailer, out has no rights here; own owns the schema shop.
CREATE ROLE regress_chaos_ada LOGIN;
CREATE ROLE regress_chaos_ann LOGIN;
CREATE ROLE regress_chaos_vic LOGIN;
CREATE ROLE regress_chaos_bob LOGIN;
CREATE ROLE regress_chaos_web LOGIN;
CREATE ROLE regress_chaos_mia LOGIN;
CREATE ROLE regress_chaos_out LOGIN;
CREATE ROLE regress_chaos_own LOGIN;
