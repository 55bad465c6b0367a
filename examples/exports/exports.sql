-- Files as other systems export them, imported as they are: the option "columns" says what their headers mean. Columns that
-- are not named keep their own meaning; those that have none are ignored, and the message names them. All values are
-- invented. The columns are made from public documentation, where it is named, and from files that people have shown.
CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table(), customer_import.add_role_codes('{approver,buyer,orderView}');

-- Shopify, Customers, Export. The tags are role codes.
\lo_import shopify.csv
SELECT message FROM customer_import.import_customers(:LASTOID, 'Create & Update', unlink => true,
    columns => '{"Email": ["userName", "email"], "Tags": "addRoles", "Default Address Company": "company"}') \gx (tuples_only)

-- WooCommerce, the export of users and customers. Its column "roles" is not to replace what a customer holds: it adds. Those
-- of WordPress have to be in the catalog, or their records are rejected.
-- https://woocommerce.com/document/import-and-export-of-woocommerce-users/
SELECT customer_import.add_role_codes('{customer}');
\lo_import woocommerce.csv
SELECT message FROM customer_import.import_customers(:LASTOID, 'Create & Update', unlink => true,
    columns => '{"roles": "addRoles", "billing_company": "company", "billing_phone": "phone", "ID": null, "customer_id": null,
                 "user_pass": null, "user_nicename": null, "user_url": null, "user_registered": null,
                 "display_name": null, "user_status": null, "billing_city": null}') \gx (tuples_only)

-- Adobe Commerce (Magento), System, Export, Customers Main File, where the customer groups have the names of codes.
-- https://experienceleague.adobe.com/docs/commerce-admin/systems/data-transfer/data-attributes-customer.html
\lo_import adobe_commerce.csv
SELECT message FROM customer_import.import_customers(:LASTOID, 'Create & Update', unlink => true,
    columns => '{"email": ["userName", "email"], "group_id": "addRoles"}') \gx (tuples_only)

-- Microsoft Entra ID, the bulk template: its first line names a version. The department holds the codes.
-- https://learn.microsoft.com/en-us/entra/identity/users/users-bulk-add
\lo_import entra.csv
SELECT message FROM customer_import.import_customers(:LASTOID, 'Create & Update', unlink => true,
    columns => '{"User name [userPrincipalName] Required": ["userName", "email"], "First name [givenName]": "firstName",
                 "Last name [surname]": "lastName", "Mobile phone [mobile]": "phone", "Department [department]": "addRoles"}')
\gx (tuples_only)

-- HubSpot, Contacts, Export. A property of checkboxes holds the codes, separated by ";" and begun with one.
\lo_import hubspot.csv
SELECT message FROM customer_import.import_customers(:LASTOID, 'Create & Update', unlink => true,
    columns => '{"Email": ["userName", "email"], "Portal roles": "addRoles"}') \gx (tuples_only)

-- Okta, the template of the CSV import. The type of a user is a code.
-- https://help.okta.com/en/prod/Content/Topics/users-groups-profiles/usgp-import-users-csv.htm
\lo_import okta.csv
SELECT message FROM customer_import.import_customers(:LASTOID, 'Create & Update', unlink => true,
    columns => '{"primaryPhone": "phone", "userType": "addRoles"}') \gx (tuples_only)

-- A sheet with one column for each role. A header that is no code is given its meaning, or ignored.
\lo_import matrix.csv
SELECT message FROM customer_import.import_customers(:LASTOID, 'Create & Update', unlink => true, role_columns => '*',
    columns => '{"Order view": null, "remarks": null}') \gx (tuples_only)

SELECT user_name, roles, email, first_name, last_name, phone, company FROM customers ORDER BY user_name;
