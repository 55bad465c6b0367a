-- Solidus keeps its customers in spree_users. This is the table that its migrations make, with the columns that matter here:
-- https://github.com/solidusio/solidus_auth_devise/tree/main/db/migrate
-- birthday and discount are of a shop that has added them, and so is the trigger.
CREATE TABLE spree_users (
    id bigserial PRIMARY KEY,
    email varchar,
    encrypted_password varchar(128),
    reset_password_token varchar,
    sign_in_count integer NOT NULL DEFAULT 0,
    bill_address_id bigint,
    deleted_at timestamp,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    birthday date,
    discount numeric(4, 2) CHECK (discount < 50)
);
CREATE UNIQUE INDEX email_idx_unique ON spree_users (email);
CREATE UNIQUE INDEX index_spree_users_on_reset_password_token ON spree_users (reset_password_token);
CREATE INDEX index_spree_users_on_deleted_at ON spree_users (deleted_at);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := '2024-03-01';
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON spree_users FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO spree_users (email, encrypted_password, created_at, updated_at)
VALUES ('Ana@Example.com', '$2a$10$a', '2024-01-01', '2024-01-01'),
       ('ben@example.com', '$2a$10$b', '2024-01-01', '2024-01-01'),
       ('cam@example.com', '$2a$10$c', '2024-01-01', '2024-01-01');

-- Roles are in a table of their own: here they become a column. Rails knows its columns by their names, too.
CREATE TABLE spree_roles (id bigserial PRIMARY KEY, name varchar);
CREATE TABLE spree_role_users (role_id bigint, user_id bigint);
INSERT INTO spree_roles (name) VALUES ('admin'), ('wholesale');
INSERT INTO spree_role_users VALUES (2, 1), (2, 3);
ALTER TABLE spree_users ADD COLUMN role_codes text[] NOT NULL DEFAULT '{}';
UPDATE spree_users AS u SET role_codes = ARRAY(
    SELECT r.name FROM spree_role_users AS ru JOIN spree_roles AS r ON r.id = ru.role_id WHERE ru.user_id = u.id);

-- One customer, whatever the case of its address: Devise asks for addresses in lower case, and so they must be stored.
CREATE EXTENSION customer_import;
\set ON_ERROR_STOP off
SELECT customer_import.attach_customers_table('spree_users', 'email', 'role_codes', ignore_case => true);
\set ON_ERROR_STOP on
UPDATE spree_users SET email = customer_import.fold_user_name(email);
ALTER TABLE spree_users ALTER created_at SET DEFAULT now(), ALTER updated_at SET DEFAULT now();
SELECT customer_import.attach_customers_table('spree_users', 'email', 'role_codes',
    '{"birthday": "birthday", "discount": "discount"}', ignore_case => true, own_row_triggers => true);
SELECT customer_import.add_role_codes('{buyer}');
\lo_import solidus.csv
SELECT state, created, updated, rejected
FROM customer_import.import_customers(:LASTOID, 'Create & Update', unlink => true);
SELECT line, code, column_name, value, message FROM customer_import.import_issues ORDER BY line;
SELECT email, birthday, discount, role_codes, updated_at = '2024-03-01' AS touched FROM spree_users ORDER BY email COLLATE "C";

-- The shop's own statements: log in, sign up, forget a password, change an address, sign off.
SELECT id, encrypted_password FROM spree_users WHERE deleted_at IS NULL AND email = 'ana@example.com' ORDER BY id LIMIT 1;
UPDATE spree_users SET sign_in_count = sign_in_count + 1 WHERE id = 1 RETURNING sign_in_count;
INSERT INTO spree_users (email, encrypted_password, created_at, updated_at)
VALUES ('eve@example.com', '$2a$10$e', now(), now()) RETURNING email, role_codes;
UPDATE spree_users SET reset_password_token = 'token' WHERE email = 'eve@example.com';
UPDATE spree_users SET bill_address_id = 7 WHERE email = 'eve@example.com';
UPDATE spree_users SET deleted_at = '2024-04-01', email = 'gone-1@example.com' WHERE email = 'eve@example.com';
SELECT email, deleted_at FROM spree_users WHERE deleted_at IS NOT NULL;

SELECT customer_import.detach_customers_table();
DROP EXTENSION customer_import;
\d spree_users
