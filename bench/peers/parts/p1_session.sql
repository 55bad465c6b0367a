-- P1: the settings and the objects that an expert starts an import with.
--
-- Memory enough that nothing spills; no JIT, whose compiling costs more than it saves here;
-- the page cost of a table that is in memory. Temporary tables write no WAL. UNLOGGED ones,
-- which parallel workers could read, were not faster: COPY, INSERT and UPDATE stay serial.
SET work_mem = '512MB';
SET temp_buffers = '512MB';
SET jit = off;
SET random_page_cost = 1.1;

BEGIN;
CREATE TABLE public.import_rejects (
    line bigint NOT NULL,
    code text NOT NULL,
    value text
);
