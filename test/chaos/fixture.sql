-- What each database of the suites starts from. The customers table has one of everything that can be dropped from under it.

CREATE EXTENSION customer_import;
CREATE SCHEMA shop AUTHORIZATION regress_chaos_own;
SELECT customer_import.create_customers_table('shop.customers');
SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin}');
SELECT customer_import.add_operator('regress_chaos_ann', 'ann@example.com', '{customerView,customerEdit,importView,importEdit}');
SELECT customer_import.add_operator('regress_chaos_ada', roles => '{administrator}');
SELECT customer_import.add_operator('regress_chaos_bob', roles => '{customerView,importView}');
SELECT customer_import.add_operator('kim', 'kim@example.com', '{customerView,customerEdit,importView,importEdit}', database_role => false);
SELECT customer_import.grant_mailer('regress_chaos_mia');

CREATE DOMAIN shop.short AS text CHECK (length(VALUE) < 100);
CREATE SEQUENCE shop.numbers;
CREATE FUNCTION shop.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION shop.is_short(text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN length($1) < 200;
ALTER TABLE shop.customers ALTER COLUMN company TYPE shop.short,
    ADD COLUMN number bigint NOT NULL DEFAULT nextval('shop.numbers'),
    ADD CONSTRAINT short_phone CHECK (shop.is_short(phone));
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.note();
CREATE POLICY somebody ON shop.customers AS RESTRICTIVE USING (shop.is_short(user_name));
CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY, customer text REFERENCES shop.customers);
GRANT USAGE ON SEQUENCE shop.numbers TO PUBLIC;
CREATE TABLE shop.other (login text PRIMARY KEY, codes text[] NOT NULL DEFAULT '{}');

-- Import 1, that can be undone; 2, with a rejected record; a customer to wait for; a file as a large object.
INSERT INTO shop.customers (user_name, roles) VALUES ('wait', '{}'), ('old1', '{buyer}'), ('old2', '{approver}');
SET SESSION AUTHORIZATION regress_chaos_ann;
SELECT import_id FROM customer_import.import_customers(E'userName,addRoles,company\nwait,buyer,A\nnew1,buyer,B\nnew2,,C\n', 'Create & Update');
SELECT import_id FROM customer_import.import_customers(E'userName,addRoles\nwait,nobody\nnew3,buyer\n', 'Create & Update');
SELECT customer_import.amend_record(2, 2, 'wait,approver');
RESET SESSION AUTHORIZATION;
SELECT lo_from_bytea(4711, E'userName,addRoles\\012wait,companyAdmin\\012lo1,buyer\\012');
GRANT SELECT, UPDATE ON LARGE OBJECT 4711 TO PUBLIC;
