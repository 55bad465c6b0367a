-- The roles of fixture.sql.
DROP ROLE IF EXISTS regress_ann, regress_ben, regress_vic, regress_web;
