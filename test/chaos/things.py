"""What can be dropped, renamed or taken away while others work, and what others do meanwhile. SQL only."""

FILE = "E'userName,addRoles,company\\nwait,companyAdmin,D\\nzoe%s,buyer,E\\nold1,approver,F\\n'"


def import_of(mark, more=""):
    return f"SELECT * FROM customer_import.import_customers({FILE % mark}::text, 'Create & Update'{more})"


# Each runs as a superuser in one transaction, on a copy of the template.
DROPS = {
    "table": "DROP TABLE shop.customers CASCADE",
    "table renamed": "ALTER TABLE shop.customers RENAME TO clients",
    "table truncated": "TRUNCATE shop.customers CASCADE",
    "table detached": "SELECT customer_import.detach_customers_table()",
    "table exchanged": "SELECT customer_import.detach_customers_table();"
                       " SELECT customer_import.attach_customers_table('shop.other', 'login', 'codes')",
    "table dropped and made again": "DROP TABLE shop.customers CASCADE; SELECT customer_import.create_customers_table('shop.customers')",
    "schema": "DROP SCHEMA shop CASCADE",
    "schema renamed": "ALTER SCHEMA shop RENAME TO mall",
    "column": "ALTER TABLE shop.customers DROP COLUMN company CASCADE",
    "column of the roles": "ALTER TABLE shop.customers DROP COLUMN roles CASCADE",
    "column of the user names": "ALTER TABLE shop.customers DROP COLUMN user_name CASCADE",
    "column of another type": "ALTER TABLE shop.customers ALTER COLUMN company TYPE integer USING length(company)",
    "type": "DROP DOMAIN shop.short CASCADE",
    "function": "DROP FUNCTION shop.is_short CASCADE",
    "trigger": "DROP FUNCTION shop.note CASCADE",
    "guard": "DROP TRIGGER \"~customer_import_guard\" ON shop.customers",
    "policies": "DROP POLICY somebody ON shop.customers; DROP POLICY customer_import_select ON shop.customers;"
                " ALTER TABLE shop.customers DISABLE ROW LEVEL SECURITY",
    "key": "ALTER TABLE shop.customers DROP CONSTRAINT customers_pkey CASCADE",
    "constraint": "ALTER TABLE shop.customers DROP CONSTRAINT short_phone",
    "sequence": "DROP SEQUENCE shop.numbers CASCADE",
    "referencing table": "DROP TABLE shop.orders",
    "export view": "DROP VIEW customer_import.customer_export CASCADE",
    "export view for spreadsheets": "DROP VIEW customer_import.customer_export_spreadsheet CASCADE",
    "large object": "SELECT lo_unlink(4711)",
    "role": "SELECT customer_import.remove_operator('regress_chaos_vic'); DROP ROLE regress_chaos_vic",
    "role renamed": "ALTER ROLE regress_chaos_vic RENAME TO regress_chaos_victor",
    "gateway": "SELECT customer_import.revoke_gateway('regress_chaos_web'); DROP ROLE regress_chaos_web",
    "privileges": "REVOKE ALL ON shop.customers FROM regress_chaos_vic, regress_chaos_ann; REVOKE USAGE ON SCHEMA shop FROM regress_chaos_vic",
    "role codes": "DELETE FROM customer_import.role_codes",
    "history": "DELETE FROM customer_import.imports; DELETE FROM customer_import.import_issues; DELETE FROM customer_import._import_change_pages; DELETE FROM customer_import._removal_marks;"
               " DELETE FROM customer_import._background_imports; DELETE FROM customer_import._import_slices",
    "operators": "DELETE FROM customer_import.operators",
    "extension": "DROP EXTENSION customer_import CASCADE",
}

# name: role (None: a superuser), SQL. The last ones lock the table against all others.
MEANWHILE = {
    "import": ("regress_chaos_vic", import_of(1)),
    "import by a superuser": (None, import_of(2)),
    "import of a large object": ("regress_chaos_ann", "SELECT * FROM customer_import.import_customers(4711::oid, 'Create & Update')"),
    "import of a gateway": ("regress_chaos_web", f"BEGIN; SELECT customer_import.act_as('kim'); {import_of(3)}; COMMIT"),
    "dry run": ("regress_chaos_vic", import_of(4, ", dry_run => true")),
    "preview": ("regress_chaos_vic", f"SELECT * FROM customer_import.preview_import({FILE % 5}::text, 'Create & Update')"),
    "import in the background": ("regress_chaos_vic", import_of(6, ", background => true")),
    "undo": ("regress_chaos_ann", "SELECT * FROM customer_import.undo_import(1)"),
    "retry": ("regress_chaos_ann", "SELECT * FROM customer_import.retry_rejects(2)"),
    "amend": ("regress_chaos_ada", "SELECT customer_import.amend_record(2, 2, 'wait,buyer')"),
    "search": ("regress_chaos_bob", "SELECT * FROM customer_import.search_customers('old')"),
    "search by roles": ("regress_chaos_bob", "SELECT * FROM customer_import.customers_with_roles('{buyer}')"),
    "roles of a customer": ("regress_chaos_bob", "SELECT * FROM customer_import.customer_roles('old1')"),
    "history of a customer": ("regress_chaos_ann", "SELECT * FROM customer_import.customer_history('old1')"),
    "template": ("regress_chaos_ann", "SELECT customer_import.import_template()"),
    "export": ("regress_chaos_ann", "SELECT * FROM customer_import.customer_export"),
    "export for a spreadsheet": ("regress_chaos_ann", "SELECT * FROM customer_import.customer_export_spreadsheet"),
    "rejected records": ("regress_chaos_ann", "SELECT customer_import.rejected_csv(2)"),
    "mailer": ("regress_chaos_mia", "SELECT * FROM customer_import.claim_message()"),
    "change by hand": ("regress_chaos_vic", "UPDATE shop.customers SET roles = '{approver}', company = 'G' WHERE user_name = 'old2'"),
    "new operator": ("regress_chaos_ada", "SELECT customer_import.add_operator('regress_chaos_out', roles => '{customerView,customerEdit}')"),
    "operator altered": ("regress_chaos_ada", "SELECT customer_import.alter_operator('regress_chaos_bob', roles => '{importView}')"),
    "gateway granted": (None, "SELECT customer_import.grant_gateway('regress_chaos_out')"),
    "purge": ("regress_chaos_ada", "SELECT customer_import.purge_imports('0 seconds')"),
    "attach": (None, "SELECT customer_import.attach_customers_table('shop.other', 'login', 'codes')"),
    "detach": (None, "SELECT customer_import.detach_customers_table()"),
}

# In a transaction whose snapshot is older than the drop.
OLD_SNAPSHOT = {
    "import with an old snapshot": ("regress_chaos_ann", import_of(7)),
    "search with an old snapshot": ("regress_chaos_ada", "SELECT * FROM customer_import.search_customers('old')"),
    "operator altered with an old snapshot": (None, "SELECT customer_import.alter_operator('regress_chaos_bob', roles => '{importView}')"),
}

# These import, and wait for the customer "wait".
HELD = ("import", "import by a superuser", "import of a large object", "import of a gateway", "dry run", "preview", "undo", "retry",
        "import in the background")

VIEWS = ("SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relkind IN ('v', 'r')"
         "   AND c.relnamespace = to_regnamespace('customer_import') ORDER BY 1")
