-- Nothing is PUBLIC but what only computes, or tells callers about themselves.

REVOKE ALL ON ALL TABLES IN SCHEMA customer_import FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA customer_import FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA customer_import FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    customer_import.role_set(text[]),
    customer_import.is_role_code(text),
    customer_import.is_role_set(text[]),
    customer_import.parse_role_set(text),
    customer_import.role_set_union(text[], text[]),
    customer_import.role_set_difference(text[], text[]),
    customer_import.role_set_intersection(text[], text[]),
    customer_import.role_set_agg(text[]),
    customer_import.fold_user_name(text),
    customer_import.is_user_name(text),
    customer_import._search_text(text, text, text, text, text),
    customer_import.current_operator(),
    customer_import.is_admin(),
    customer_import.may_view_customers(),
    customer_import.may_edit_customers(),
    customer_import.may_import_customers(),
    customer_import.may_view_imports()
TO PUBLIC;

-- What monitoring may see: no customer, no file, no message.
GRANT SELECT ON customer_import.import_activity, customer_import.import_health TO pg_monitor;
GRANT EXECUTE ON FUNCTION customer_import._import_activity(), customer_import._import_health() TO pg_monitor;

-- What operators are granted with which right. The functions ask for the right once more, and policies do: a gateway is
-- granted all of it and has the rights of the operator that it acts as.
INSERT INTO customer_import.operator_privileges (object, privilege, needs)
SELECT o.object, o.privilege, o.needs || '{gateway}'
  FROM (VALUES
        ('customers table', 'SELECT', '{view_customers}'::text[]),
        ('customers table', 'INSERT', '{edit_customers}'),
        ('customers table', 'UPDATE', '{edit_customers}'),
        ('customers table', 'DELETE', '{edit_customers}'),
        ('customer_import.edit_customer(text,jsonb)', 'EXECUTE', '{edit_customers}'),
        ('customer_import.customer_export', 'SELECT', '{view_customers}'),
        ('customer_import._export_customers()', 'EXECUTE', '{view_customers}'),
        ('customer_import.customer_export_spreadsheet', 'SELECT', '{view_customers}'),
        ('customer_import._export_spreadsheet()', 'EXECUTE', '{view_customers}'),
        ('customer_import.customer_roles(text)', 'EXECUTE', '{view_customers}'),
        ('customer_import.search_customers(text,integer)', 'EXECUTE', '{view_customers}'),
        ('customer_import.customers_with_roles(text[])', 'EXECUTE', '{view_customers}'),
        ('customer_import.create_search_indexes()', 'EXECUTE', '{administer}'),
        ('customer_import.operators', 'SELECT', '{operator}'),
        ('customer_import.role_codes', 'SELECT', '{operator}'),
        ('customer_import.customers_table_columns', 'SELECT', '{operator}'),
        ('customer_import.import_template()', 'EXECUTE', '{operator}'),
        ('customer_import.begin_upload(text,boolean)', 'EXECUTE', '{import_customers}'),
        ('customer_import.append_upload(bigint,bytea,bigint)', 'EXECUTE', '{import_customers}'),
        ('customer_import.discard_upload(bigint)', 'EXECUTE', '{import_customers}'),
        ('customer_import.uploads', 'SELECT', '{import_customers}'),
        ('customer_import.undo_import(bigint,boolean)', 'EXECUTE', '{import_customers}'),
        ('customer_import.retry_rejects(bigint,boolean)', 'EXECUTE', '{import_customers}'),
        ('customer_import.retry_skipped(bigint,text,boolean)', 'EXECUTE', '{import_customers}'),
        ('customer_import.amend_record(bigint,bigint,text)', 'EXECUTE', '{import_customers}'),
        ('customer_import._decide(bigint,integer,boolean,tid,xid,text[],"any")', 'EXECUTE', '{import_customers}'),
        ('customer_import._merged_roles(bigint,integer)', 'EXECUTE', '{import_customers}'),
        ('customer_import.imports', 'SELECT', '{view_imports}'),
        ('customer_import.import_issues', 'SELECT', '{view_imports}'),
        ('customer_import._import_change_pages', 'SELECT', '{view_imports}'),
        ('customer_import.import_changes', 'SELECT', '{view_imports}'),
        ('customer_import._read_change_page(bigint,bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import.customer_history(text)', 'EXECUTE', '{view_imports}'),
        ('customer_import.import_report(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import._visible_import(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import._may_reverse(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import._may_resume(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import.rejected_csv(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import.rejected_csv_bytes(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import.skipped_csv(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import.wait_for_import(bigint,interval,text,text)', 'EXECUTE', '{view_imports}'),
        ('customer_import.rejected_lines(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import.skipped_lines(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import._import_slices', 'SELECT', '{view_imports}'),
        ('customer_import.import_status', 'SELECT', '{view_imports}'),
        ('customer_import._running_imports()', 'EXECUTE', '{view_imports}'),
        ('customer_import._open_import(bigint)', 'EXECUTE', '{view_imports}'),
        ('customer_import._free_worker_slots()', 'EXECUTE', '{view_imports}'),
        ('customer_import._blockers(integer)', 'EXECUTE', '{view_imports}'),
        ('customer_import._waits(integer)', 'EXECUTE', '{view_imports}'),
        ('customer_import._remaining_blockers(jsonb,integer[])', 'EXECUTE', '{view_imports}'),
        ('customer_import._progress_bar(double precision)', 'EXECUTE', '{view_imports}'),
        ('customer_import.cancel_import(bigint)', 'EXECUTE', '{import_customers}'),
        ('customer_import.resume_import(bigint)', 'EXECUTE', '{import_customers}'),
        ('customer_import.run_imports()', 'EXECUTE', '{import_customers}'),
        ('customer_import.purge_imports(interval)', 'EXECUTE', '{administer}'),
        ('customer_import.email_outbox', 'SELECT', '{administer}'),
        ('customer_import.mailer_status', 'SELECT', '{administer}'),
        ('customer_import._database_origin()', 'EXECUTE', '{administer}'),
        ('customer_import.import_activity', 'SELECT', '{administer}'),
        ('customer_import._import_activity()', 'EXECUTE', '{administer}'),
        ('customer_import.import_health', 'SELECT', '{administer}'),
        ('customer_import._import_health()', 'EXECUTE', '{administer}'),
        ('customer_import.retry_message(bigint)', 'EXECUTE', '{administer}'),
        ('customer_import.add_role_codes(text[],boolean)', 'EXECUTE', '{administer}'),
        ('customer_import.alter_role_code(text,text,text,boolean)', 'EXECUTE', '{administer}'),
        ('customer_import.remove_role_codes(text[])', 'EXECUTE', '{administer}'),
        ('customer_import.add_operator(text,text,text[],boolean,text)', 'EXECUTE', '{administer}'),
        ('customer_import.alter_operator(text,text,text[],boolean,text,boolean)', 'EXECUTE', '{administer}'),
        ('customer_import.remove_operator(text)', 'EXECUTE', '{administer}'),
        ('customer_import.create_customers_table(text,integer)', 'EXECUTE', '{administer}'),
        ('customer_import.attach_customers_table(regclass,name,name,jsonb,boolean,boolean,boolean)', 'EXECUTE',
         '{administer}'),
        ('customer_import.detach_customers_table()', 'EXECUTE', '{administer}'),
        ('customer_import._guard_customers()', 'EXECUTE', '{administer}'),
        ('customer_import.act_as(text)', 'EXECUTE', '{}')
       ) AS o (object, privilege, needs);

-- The functions that read a file, with all the options that they have.
INSERT INTO customer_import.operator_privileges (object, privilege, needs)
SELECT pg_catalog.format('customer_import.%s(%s)', p.proname,
                         pg_catalog.replace(pg_catalog.oidvectortypes(p.proargtypes), ', ', ',')),
       'EXECUTE', '{import_customers,gateway}'
  FROM pg_catalog.pg_proc AS p
 WHERE p.pronamespace OPERATOR(pg_catalog.=) 'customer_import'::pg_catalog.regnamespace
   AND p.proname OPERATOR(pg_catalog.=) ANY ('{import_customers,import_upload,preview_import,preview_upload}');

-- What a mailer needs, and no other role.
INSERT INTO customer_import.operator_privileges (object, privilege, needs)
SELECT o.object, 'EXECUTE', '{mailer}'
  FROM (VALUES
        ('customer_import.claim_message(interval)'),
        ('customer_import.store_message(bigint,integer,bytea)'),
        ('customer_import.message_sent(bigint,integer)'),
        ('customer_import.message_failed(bigint,integer,text,boolean)'),
        ('customer_import.next_message_at()')
       ) AS o (object);
