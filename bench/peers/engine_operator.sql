-- The engine, called by an operator whom row-level security restricts.
SET SESSION AUTHORIZATION :operator;
\i :peers/engine.sql
