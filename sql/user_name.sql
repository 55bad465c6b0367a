-- User names: what they are folded to, and which may be stored.
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;
SET search_path = public, customer_import;

-- What is no user name
SELECT what, is_user_name(name)
  FROM (VALUES (1, 'empty', ''), (2, 'blank', ' '), (3, 'blank at the start', ' ann'), (4, 'blank at the end', 'ann '),
               (5, 'no-break space at the end', U&'ann\00A0'), (6, 'capital', 'Ann'), (7, 'sharp s', U&'stra\00DFe'),
               (8, 'not composed', U&'e\0301ric'), (9, 'final sigma', U&'\03C9\03C2'), (10, 'tab', E'a\tb'), (11, 'line feed', E'a\nb'),
               (12, 'U+0001', E'a\x01'), (13, 'delete', E'a\x7fb'), (14, 'U+0080', U&'a\0080b'), (15, 'U+0085', U&'a\0085b'),
               (16, 'U+009F', U&'a\009Fb'), (17, '321 bytes', repeat('a', 321)), (18, '321 bytes, wide', repeat(U&'\00E9', 160) || 'a'),
               (19, '10 MB', repeat('a', 10000000))) AS t (position, what, name)
 ORDER BY position;
SELECT is_user_name(NULL) IS NULL AS null_name;

-- What is one
SELECT what, is_user_name(name)
  FROM (VALUES (1, 'one byte', 'a'), (2, 'e-mail', 'ann@example.com'), (3, 'blank inside', 'ann lee'), (4, '320 bytes', repeat('a', 320)),
               (5, '320 bytes, wide', repeat(U&'\00E9', 160)), (6, 'composed', U&'\00E9ric'), (7, 'dotless i', U&'\0131'), (8, 'sigma', U&'\03C3'),
               (9, 'no-break space inside', U&'a\00A0b'), (10, 'zero width space at the end', U&'ann\200B'), (11, 'emoji', U&'\+01F600'),
               (12, 'no control: U+00A1', U&'a\00A1'), (13, 'quotes', '''";--')) AS t (position, what, name)
 ORDER BY position;

-- Folding. Bytes are shown, so that nothing depends on the terminal
CREATE FUNCTION pg_temp.shown(name text) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN (SELECT string_agg(CASE WHEN c ~ '[ -~]' THEN c ELSE '<' || to_hex(ascii(c)) || '>' END, '' ORDER BY i)
              FROM regexp_split_to_table(name, '') WITH ORDINALITY AS s (c, i));
SELECT what, pg_temp.shown(name) AS name, pg_temp.shown(fold_user_name(name)) AS folded
  FROM (VALUES (1, 'case', 'Ann@Example.COM'),
               (2, 'case, wide', U&'\00C9RIC \042F'),
               (3, 'NFD', U&'E\0301ric'),
               (4, 'NFC', U&'\00C9ric'),
               (5, 'order of marks', U&'a\0301\0323'),
               (6, 'order of marks', U&'a\0323\0301'),
               (7, 'sharp s', U&'Stra\00DFe'),
               (8, 'capital sharp s', U&'Stra\1E9Ee'),
               (9, 'double s', 'STRASSE'),
               (10, 'Turkish capital dotted I', U&'\0130zmir'),
               (11, 'Turkish dotless i', U&'\0131'),
               (12, 'I', 'I'),
               (13, 'Greek, final sigma', U&'\039F\0394\03A5\03A3\03A3\0395\03A5\03A3'),
               (14, 'Greek, final sigma', U&'\03BF\03B4\03C5\03C3\03C3\03B5\03C5\03C2'),
               (15, 'kelvin sign', U&'\212A'),
               (16, 'angstrom sign', U&'\212B'),
               (17, 'ligature', U&'\FB01n'),
               (18, 'full width is another name', U&'\FF21'),
               (19, 'iota subscript', U&'\1FB3'),
               (20, 'Cherokee', U&'\13A0'),
               (21, 'blanks', E' \t ann lee \r\n'),
               (22, 'no-break space', U&'\00A0ann\00A0'),
               (23, 'wide blanks', U&'\3000\2003\2028ann\1680\205F'),
               (24, 'next line', U&'\0085ann\0085'),
               (25, 'zero width space stays', U&'\200Bann\200B'),
               (26, 'byte order mark stays', U&'\FEFFann'),
               (27, 'control characters stay', E'A\x01B\x7fC'),
               (28, 'only blanks', U&' \00A0 '),
               (29, 'empty', '')) AS t (position, what, name)
 ORDER BY position;
SELECT fold_user_name(NULL) IS NULL AS null_name;

-- Spellings of one name are one name
SELECT fold_user_name(U&'E\0301RIC') = fold_user_name(U&'\00E9ric') AS composed,
       fold_user_name(U&'STRA\1E9EE') = fold_user_name('strasse') AS sharp_s,
       fold_user_name(U&'\03A3') = fold_user_name(U&'\03C2') AS sigma,
       fold_user_name(U&'\1E9B\0323') = fold_user_name(U&'\017F\0323\0307') AS long_s,
       fold_user_name('I') = fold_user_name(U&'\0131') AS dotless_i;

-- Folding what is folded changes nothing: every character below U+30000 that is one, alone and behind a mark
SELECT count(*) AS characters,
       count(*) FILTER (WHERE fold_user_name(fold_user_name(c)) <> fold_user_name(c)) AS alone,
       count(*) FILTER (WHERE fold_user_name(fold_user_name(U&'\0345\0301' || c)) <> fold_user_name(U&'\0345\0301' || c)) AS behind_marks,
       count(*) FILTER (WHERE fold_user_name(fold_user_name('a' || c || U&'\0345')) <> fold_user_name('a' || c || U&'\0345')) AS before_a_mark
  FROM (SELECT chr(i) AS c FROM generate_series(1, 196607) AS i WHERE i NOT BETWEEN 55296 AND 57343) AS t;
-- What is folded may be stored, if it is not empty, too long, or a control character
SELECT count(*) AS characters, count(*) FILTER (WHERE NOT is_user_name(fold_user_name(c))) AS blanks_and_controls
  FROM (SELECT chr(i) AS c FROM generate_series(1, 196607) AS i WHERE i NOT BETWEEN 55296 AND 57343) AS t;

-- Lengths change by folding: the limit holds before and after
SELECT octet_length(fold_user_name(repeat(U&'\0390', 50))) AS stays, octet_length(fold_user_name(repeat(U&'\0130', 107))) AS grows,
       is_user_name(fold_user_name(repeat(U&'\0130', 106))) AS fits, is_user_name(fold_user_name(repeat(U&'\0130', 107))) AS too_long,
       is_user_name(fold_user_name('  ' || repeat('A', 320) || U&'\00A0')) AS blanks_do_not_count,
       octet_length(fold_user_name(repeat(U&'\212A', 106))) AS shrinks, octet_length(fold_user_name(repeat(U&'\212A', 107))) AS stays_too_long;

-- Immutable: in an index
CREATE TEMPORARY TABLE names (name text);
CREATE UNIQUE INDEX names_folded ON names (fold_user_name(name));
INSERT INTO names VALUES ('Ann'), (U&'stra\00DFe');
INSERT INTO names VALUES (' ANN ');
INSERT INTO names VALUES ('STRASSE');
DROP TABLE names;

RESET search_path;
DROP EXTENSION customer_import;
