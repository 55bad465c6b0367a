-- P1 without its lock of the table, so that other sessions update customers meanwhile. A customer that they create or delete
-- between two of its statements is reported as what it was at the first.
\set without_lock on
\i :peers/p1_update.sql
