-- F2, floor of C: plain COPY of rows that are ready, without a check or a report.
\echo @step copy
\set copy_file '\\copy public.customers (user_name, email, first_name, last_name, roles) FROM ' :'ready' ' (FORMAT csv)'
:copy_file
