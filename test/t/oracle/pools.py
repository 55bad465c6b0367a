"""What random files are made of: names, values, role codes, headers."""

# Each entry is one user, in spellings that must all be found to be the same.
PEOPLE = [
    ["anna", "ANNA", "  Anna ", "anna\u00a0", "\u3000aNNa", "\tanna", "anna\u200b", "\ufeffanna"],
    ["straße", "STRASSE", "Straße", "strasse"],
    ["josé", "JOSÉ", "jose\u0301", "JOSE\u0301 "],
    ["σίσυφος", "ΣΊΣΥΦΟΣ", "Σίσυφοσ"],
    ["fisch", "\ufb01sch", "FISCH"],
    ["ångström", "\u212bngström", "A\u030angstro\u0308m", "ÅNGSTRÖM"],
    ["i\u0307stanbul", "İstanbul", "İSTANBUL"],
    ["istanbul", "Istanbul"],
    ["\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af"],
    ["😀", " 😀 "],
    ["o'neil, jr", "O'NEIL, JR"],
    ['say "hi"', 'SAY "HI"'],
    ["a;b|c,d", "A;B|C,D"],
    ["jo  ann", "JO  ANN"],
    ["_empty_value_", "\\_EMPTY_VALUE_", "_Empty_Value_"],
    ["\\_empty_value_", "\\\\_EMPTY_VALUE_"],
    ["back\\slash", "BACK\\SLASH"],
    ["null", "NULL", "Null "],
    ["1.5e+12", "1.5E+12"],
    ["m\ufffdller", "M\ufffdLLER"],
    ["an\u200bna", "AN\u200bNA", "An\u200bna\u200b"],
    ["an\u00a0na", "AN\u00a0NA"],
    ["'); drop table customers; --"],
    ["%s {} $1"],
    ["-1"], ["007"], ["="],
    ["z" * 320, "Z" * 320],
    ["ǆ", "ǅ", "Ǆ"],
    ["ŉ", "ʼn"],
    ["ẞ", "ss", "ß"],
]

KNOWN_CODES = ["buyer", "approver", "companyAdmin", "Viewer", "viewer2", "sales.rep", "sales:lead", "ops-team",
               "B2B_user", "zeta", "A1", "a2", "_EMPTY_VALUE_", "Z", "x" * 63, "customerView", "administrator"]
# Held by customers of old, but not in the catalog any more.
LOST_CODES = ["oldRole", "Legacy.x", "viewer3"]
NEAR_CODES = ["byer", "BUYERR", "approvre", "comapnyAdmin", "view", "sales.lead", "opsteam", "b2bUser", "zet", "viewer9",
              "a", "customerEdti"]
FAR_CODES = ["xylophone-quest", "q", "Nothing_Like.it:at-all", "customers", "none", "-", "NULL", "#N/A"]
ILL_CODES = ["bad code", "büyer", "buyer!", "x" * 64, "code\twith tab", '"quoted"', "日本", "N/A", "buy\u200ber", "w" * 1001,
             "é" * 600]

# More than a page holds, and not to be compressed: the table points to where it is stored.
OUT_OF_LINE = "".join("%08x" % (number * 2654435761 % 2**32) for number in range(2000))

TEXTS = {
    "email": [],  # made for each file
    "firstName": ["Ann", "Bob", "Zoë", "Zoe\u0308", "  Ann", "bob"],
    "lastName": ["Müller", "O\"Neil", "Smith, Jr", "de\nla Cruz", "Ma;ry|x", "M\r\nCR", "ＷＩＤＥ"],
    "phone": ["+49 30 1", "0", "()", "x" * 3000, "\ttab\t", OUT_OF_LINE],
    "company": [],  # the variant's
}
ODD_TEXTS = ["\\_EMPTY_VALUE_", "\\\\_EMPTY_VALUE_", " _EMPTY_VALUE_", "_EMPTY_VALUE_ ", "_empty_value_", "NULL", "\\N",
             " ", "\u00a0", "{a,b}", "''", '"', "a\\", "😀\u200d", "=1+1", "\\.", "true", "#N/A",
             "1.5E+12", "M\ufffdller", "EMPTY_VALUE", "\u200b", "x\u200by"]

TRUE_CELLS = ["true", "TRUE", "yes", "Y", "t", "1", " true ", "Yes\u00a0", "on", "tru", "WAHR", "Oui", "Sí"]
FALSE_CELLS = ["false", "False", "no", "N", "f", "0", " no", "off", "FALSCH", "Nee"]
BAD_BOOLEANS = ["maybe", "2", "trux", "o", "enabled", "EMPTY_VALUE", "true false", "\\_EMPTY_VALUE_", "_EMPTY_VALUE_"]

HEADERS = {
    "userName": ["userName", "user_name", "User Name", "USERNAME", "login", "Log In", "user-name", " userName "],
    "addRoles": ["addRoles", "add_roles", "ADD ROLES", "rolesToAdd", "roles to add"],
    "removeRoles": ["removeRoles", "Remove-Roles", "roles_to_remove", "rolesToRemove"],
    "roles": ["roles", "ROLES", "Ro les"],
    "email": ["email", "E-Mail", "mail", "MAIL", "e_mail"],
    "firstName": ["firstName", "First Name", "first_name"],
    "lastName": ["lastName", "LASTNAME", "last name"],
    "phone": ["phone", "Phone"],
    "company": ["company", "Company "],
    "active": ["active", "ACTIVE", "act-ive"],
}
VALUE_FIELDS = ["email", "firstName", "lastName", "phone", "company"]
UNKNOWN_HEADERS = ["Remark", "Abteilung", "Kunden, alte", "Größe", "foo;bar", "say \"x\""]
BLANKS = ["", "", "", " ", "  ", "\t", "\u00a0"]
