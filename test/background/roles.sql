-- The roles of fixture.sql. ann and ben may import, adm administers, vic and viv only look on, web acts for others, eve means ill,
-- out has no rights here, mon is for monitoring.
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_ben LOGIN;
CREATE ROLE regress_eve LOGIN;
CREATE ROLE regress_adm LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_viv LOGIN;
CREATE ROLE regress_web LOGIN;
CREATE ROLE regress_out LOGIN;
CREATE ROLE regress_mon LOGIN IN ROLE pg_monitor;
