#include "core/header_map.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace customer_import {
namespace {

using Cells = std::vector<std::string_view>;

std::variant<HeaderMap, Refusal> create(const Cells& header, const std::vector<Field>& fields = standard_fields()) {
    return HeaderMap::create(header, fields);
}

Refusal refusal_of(const Cells& header) {
    const auto created = create(header);
    const auto* refusal = std::get_if<Refusal>(&created);
    EXPECT_NE(refusal, nullptr) << "accepted";
    return refusal == nullptr ? Refusal() : *refusal;
}

HeaderMap map_of(const Cells& header, const std::vector<Field>& fields = standard_fields()) {
    auto created = create(header, fields);
    if (const auto* refusal = std::get_if<Refusal>(&created)) {
        ADD_FAILURE() << refusal->message;
        return {};
    }
    return std::get<HeaderMap>(std::move(created));
}

// The names of the fields that the columns mean, "-" for an ignored one.
std::vector<std::string> names_of(const HeaderMap& map) {
    std::vector<std::string> names;
    for (const int index : map.columns()) {
        names.push_back(index == HeaderMap::kIgnored ? "-" : map.fields()[static_cast<std::size_t>(index)].name);
    }
    return names;
}

using Names = std::vector<std::string>;

constexpr std::size_t kMany = 1500;

TEST(HeaderMap, RefusesAHeaderWithoutUserName) {
    const Refusal refusal = refusal_of({"email", "addRoles"});
    EXPECT_EQ(refusal.fault, Refusal::Fault::broken_file);
    EXPECT_EQ(refusal.message, "the header has no column \"userName\"");
    EXPECT_EQ(refusal.detail, "Columns found: email, addRoles.");
    EXPECT_EQ(refusal.hint, "Name the column with the user names \"userName\".");
}

TEST(HeaderMap, TakesTheGuardOfHeadersAway) {
    const std::vector<Field> fields = {{"userName", {}, FieldKind::user_name, false},
                                       {"1/2", {}, FieldKind::text, true},
                                       {"a\nb", {}, FieldKind::text, true}};
    const HeaderMap map = map_of({"userName", "'1/2", "'a\\nb", "_Broken", "_ESCAPED"}, fields);
    EXPECT_EQ(names_of(map), (Names{"userName", "1/2", "a\nb", "-", "-"}));
    EXPECT_EQ(map.escaped_column(), 4);
    EXPECT_EQ(map.broken_column(), 3);
    EXPECT_EQ(map.escape_names().at(2), "a\nb");
    EXPECT_EQ(names_of(map_of({"userName", "1/2", "'a\\nb"}, fields)), (Names{"userName", "1/2", "-"}))
        << "only with a list";
}

TEST(HeaderMap, SuggestsTheDelimiterForASingleColumn) {
    const Refusal refusal = refusal_of({"user:roles:mail:more"});
    EXPECT_EQ(refusal.message, "the header has no column \"userName\"");
    EXPECT_EQ(refusal.hint,
              "Name the column with the user names \"userName\". If another character separates the columns, name it "
              "with the option \"delimiter\".");
}

TEST(HeaderMap, RefusesAHeaderWithNothingToImport) {
    const Refusal refusal = refusal_of({"userName", "_note", "colour"});
    EXPECT_EQ(refusal.message, "the header has no column to import beside \"userName\"");
    EXPECT_EQ(refusal.detail, "Columns found: userName, _note, colour.");
    EXPECT_EQ(refusal.hint,
              "Known columns: addRoles, removeRoles, roles, email, firstName, lastName, phone, company, active.");
}

TEST(HeaderMap, RefusesAFieldThatStandsTwice) {
    const Refusal refusal = refusal_of({"userName", "roles", "email", "ROLES"});
    EXPECT_EQ(refusal.message, "column \"roles\" appears twice in the header");
    EXPECT_EQ(refusal.detail, "Columns 2 and 4 both mean \"roles\".");
}

TEST(HeaderMap, UnitesColumnsOfRolesToAddAndToRemove) {
    const HeaderMap map = map_of({"userName", "addRoles", "rolesToRemove", "add_roles", "removeRoles"});
    EXPECT_EQ(names_of(map), (Names{"userName", "addRoles", "removeRoles", "addRoles", "removeRoles"}));
    EXPECT_TRUE(map.has_united());
    EXPECT_FALSE(map.feeds()[0].is_united);
    EXPECT_TRUE(map.feeds()[1].is_united);
    EXPECT_FALSE(map_of({"userName", "addRoles", "removeRoles"}).has_united());
}

TEST(HeaderMap, NamesAllFaultsAtOnce) {
    const Refusal refusal = refusal_of({"addRole", "frstName", "email", "mail", "colour"});
    EXPECT_EQ(refusal.message, "the header column \"addRole\" is not known");
    EXPECT_EQ(refusal.detail,
              "There are 4 faults:\n"
              "1. the header column \"addRole\" is not known: did you mean \"addRoles\"?\n"
              "2. the header column \"frstName\" is not known: did you mean \"firstName\"?\n"
              "3. column \"email\" appears twice in the header. Columns 3 and 4 both mean \"email\".\n"
              "4. the header has no column \"userName\". Columns found: addRole, frstName, email, mail, colour.");
    EXPECT_EQ(refusal.hint,
              "Correct the names, and begin those that are to be ignored with \"_\".\n"
              "Name the column with the user names \"userName\".");
}

TEST(HeaderMap, LeavesOutFaultsThatFollowFromOthers) {
    EXPECT_EQ(refusal_of({"usrName", "addRoles"}).detail, "");  // there is a user name, misspelled
    EXPECT_EQ(refusal_of({"userName", "adRoles"}).detail, "");  // there is something to import
}

TEST(HeaderMap, ListsNotTooManyFaults) {
    const Cells header(kMany, "adRoles");
    EXPECT_LT(refusal_of(header).detail.size(), 2000u);
    EXPECT_TRUE(refusal_of(header).detail.starts_with("There are 1501 faults:\n"));
}

TEST(HeaderMap, ReadsAHeaderAsItLooks) {
    EXPECT_EQ(names_of(map_of({"\xEF\xBB\xBFuserName", "e\xE2\x80\x8Bmail"})), (Names{"userName", "email"}));
    EXPECT_EQ(names_of(map_of({"User\xC2\xA0Name", "\xC2\xADphone"})), (Names{"userName", "phone"}));
    EXPECT_EQ(names_of(map_of({"userName", "email", "\xE2\x80\x8B"})).back(), "-");
    EXPECT_EQ(map_of({"userName", "email", "\xEF\xBB\xBF_note"}).warnings().size(), 0u);
    EXPECT_EQ(refusal_of({"userName",
                          "\xE2\x80\x8B"
                          "emal"})
                  .message,
              "the header column \"emal\" is not known");
}

TEST(HeaderMap, NamesTheColumnsThatItIgnores) {
    const HeaderMap map = map_of({"userName", "email", "Phone Num", "_note", "", "Location"});
    EXPECT_EQ(map.ignored(), (Names{"Phone Num", "Location"}));
}

TEST(HeaderMap, TakesShortNamesExactlyOnly) {
    EXPECT_EQ(names_of(map_of({"userName", "Tel"})), (Names{"userName", "phone"}));
    EXPECT_EQ(names_of(map_of({"userName", "email", "Del"})), (Names{"userName", "email", "-"}));
}

TEST(HeaderMap, RefusesAFieldBesideItsAlias) {
    EXPECT_EQ(refusal_of({"login", "userName", "email"}).detail, "Columns 1 and 2 both mean \"userName\".");
    EXPECT_EQ(refusal_of({"userName", "mail", "E-Mail"}).detail, "Columns 2 and 3 both mean \"email\".");
}

TEST(HeaderMap, RefusesNearMisses) {
    const Refusal refusal = refusal_of({"userName", "adRoles"});
    EXPECT_EQ(refusal.message, "the header column \"adRoles\" is not known");
    EXPECT_EQ(refusal.hint, "Did you mean \"addRoles\"? Begin its name with \"_\" to have it ignored.");
}

TEST(HeaderMap, NamesTheFieldThatANearMissMeans) {
    const auto meant = [](std::string_view name) {
        const std::string hint = refusal_of({"userName", "roles", name}).hint;
        const std::size_t begin = hint.find('"') + 1;
        return hint.substr(begin, hint.find('"', begin) - begin);
    };
    EXPECT_EQ(meant("emial"), "email");  // an exchange
    EXPECT_EQ(meant("e-mails"), "email");
    EXPECT_EQ(meant("role"), "roles");
    EXPECT_EQ(meant("Pone"), "phone");
    EXPECT_EQ(meant("usrnme"), "userName");       // two edits of a long name
    EXPECT_EQ(meant("roles to ad"), "addRoles");  // an alias
    EXPECT_EQ(meant("first nme"), "firstName");
    EXPECT_EQ(meant("remove_rolls"), "removeRoles");
}

TEST(HeaderMap, SuggestsTheNearestAndOfTwoTheFirst) {
    const std::vector<Field> fields = {{"userName", {}, FieldKind::user_name, false},
                                       {"longField1", {}, FieldKind::text, true},
                                       {"longField2", {}, FieldKind::text, true},
                                       {"longFieldXY", {}, FieldKind::text, true}};
    const auto hint = [&](std::string_view name) {
        const auto created = create({"userName", name}, fields);
        return std::holds_alternative<Refusal>(created) ? std::get<Refusal>(created).hint : "accepted";
    };
    EXPECT_TRUE(hint("longField3").starts_with("Did you mean \"longField1\"?"));
    EXPECT_TRUE(hint("longFieldX").starts_with("Did you mean \"longField1\"?"));
    EXPECT_TRUE(hint("longFieldXZ").starts_with("Did you mean \"longFieldXY\"?"));
}

TEST(HeaderMap, AllowsOneEditOnlyOfShortNames) {
    // Two edits from "company" (7 letters) and "active" (6).
    EXPECT_EQ(map_of({"userName", "roles", "kompani", "aktiv"}).warnings().size(), 2u);
}

TEST(HeaderMap, RefusesANearMissBeforeAMissingUserName) {
    EXPECT_EQ(refusal_of({"usrName", "addRoles"}).message, "the header column \"usrName\" is not known");
}

TEST(HeaderMap, ShortensWhatItShows) {
    const std::string name(5000, 'x');
    const Refusal refusal = refusal_of({name, "email"});
    EXPECT_LT(refusal.detail.size(), 1100u);
    EXPECT_LT(map_of({"userName", "email", name}).warnings().at(0).size(), 300u);
}

TEST(HeaderMap, WarnsOfUnknownColumns) {
    const HeaderMap map = map_of({"userName", "colour", "email", " "});
    EXPECT_EQ(names_of(map), (Names{"userName", "-", "email", "-"}));
    EXPECT_EQ(map.warnings(),
              (Names{"column \"colour\" is not known and was ignored", "column 4 has no name and was ignored"}));
}

TEST(HeaderMap, IgnoresColumnsWithUnderscoreSilently) {
    const HeaderMap map = map_of({"_line", "userName", " _email", "email", "_error", "_adRoles"});
    EXPECT_EQ(names_of(map), (Names{"-", "userName", "-", "email", "-", "-"}));
    EXPECT_TRUE(map.warnings().empty());
}

TEST(HeaderMap, TakesAllFields) {
    const HeaderMap map = map_of({"userName", "addRoles", "removeRoles", "roles", "email", "firstName", "lastName",
                                  "phone", "company", "active"});
    EXPECT_EQ(names_of(map), (Names{"userName", "addRoles", "removeRoles", "roles", "email", "firstName", "lastName",
                                    "phone", "company", "active"}));
    EXPECT_TRUE(map.warnings().empty());
    EXPECT_EQ(map.value_fields().size(), 6u);
}

TEST(HeaderMap, IgnoresCaseBlanksUnderscoresAndHyphens) {
    for (const std::string_view name : {"username", "USERNAME", "User Name", "user_name", "user-name", " userName ",
                                        "u s e r n a m e", "user__name-"}) {
        EXPECT_EQ(names_of(map_of({name, "email"})), (Names{"userName", "email"})) << name;
    }
}

TEST(HeaderMap, KnowsTheAliases) {
    EXPECT_EQ(names_of(map_of({"login", "mail", "roles to add", "RolesToRemove"})),
              (Names{"userName", "email", "addRoles", "removeRoles"}));
    EXPECT_EQ(names_of(map_of({"Username", "Mail"})), (Names{"userName", "email"}));
    for (const Field& field : standard_fields()) {
        for (const std::string& alias : field.aliases) {
            const bool is_user_name = field.kind == FieldKind::user_name;
            const HeaderMap map = map_of({is_user_name ? "active" : "userName", alias});
            EXPECT_EQ(names_of(map).back(), field.name) << alias;
        }
    }
}

TEST(HeaderMap, KeepsTheOrderOfTheHeader) {
    const HeaderMap map = map_of({"phone", "roles", "active", "userName", "email"});
    Names values;
    for (const int index : map.value_fields()) {
        values.push_back(map.fields()[static_cast<std::size_t>(index)].name);
    }
    EXPECT_EQ(values, (Names{"phone", "active", "email"}));
}

TEST(HeaderMap, SaysWhichKindsItHas) {
    const HeaderMap map = map_of({"userName", "addRoles", "email"});
    EXPECT_TRUE(map.has(FieldKind::user_name));
    EXPECT_TRUE(map.has(FieldKind::add_roles));
    EXPECT_TRUE(map.has(FieldKind::text));
    EXPECT_FALSE(map.has(FieldKind::remove_roles));
    EXPECT_FALSE(map.has(FieldKind::roles));
    EXPECT_FALSE(map.has(FieldKind::boolean));
    EXPECT_FALSE(map.has(FieldKind::other));
}

TEST(HeaderMap, TakesOtherFields) {
    const std::vector<Field> fields = {{"Kundennummer", {}, FieldKind::user_name, false},
                                       {"Größe", {}, FieldKind::other, true}};
    const HeaderMap map = map_of({"GRÖSSE", "kunden-nummer"}, fields);
    EXPECT_EQ(names_of(map), (Names{"Größe", "Kundennummer"}));
    EXPECT_EQ(map.value_fields(), (std::vector<int>{1}));
    const auto refused = create({"Größe"}, fields);
    ASSERT_TRUE(std::holds_alternative<Refusal>(refused));
    EXPECT_EQ(std::get<Refusal>(refused).message, "the header has no column \"Kundennummer\"");
}

TEST(HeaderMap, TellsFieldsApartThatDifferLittle) {
    const std::vector<Field> fields{{"userName", {}, FieldKind::user_name, false},
                                    {"phone1", {}, FieldKind::text, true},
                                    {"phone2", {}, FieldKind::text, true},
                                    {"emailAddress", {}, FieldKind::text, true},
                                    {"emailAddresses", {}, FieldKind::text, true}};
    const HeaderMap map = map_of({"phone2", "E-Mail Addresses", "userName", "PHONE_1", "emailAddress"}, fields);
    EXPECT_EQ(names_of(map),
              (std::vector<std::string>{"phone2", "emailAddresses", "userName", "phone1", "emailAddress"}));
    const auto created = create({"userName", "phone3"}, fields);
    ASSERT_TRUE(std::holds_alternative<Refusal>(created));
    EXPECT_EQ(std::get<Refusal>(created).hint,
              "Did you mean \"phone1\"? Begin its name with \"_\" to have it ignored.");
}

TEST(HeaderKey, LeavesOutWhatDoesNotCount) {
    EXPECT_EQ(header_key(" -_"), "");
    EXPECT_EQ(header_key("First_NAME"), header_key("first-name"));
    EXPECT_NE(header_key("phone1"), header_key("phone2"));
}

TEST(StandardFields, AreThoseOfTheContract) {
    Names clearable;
    for (const Field& field : standard_fields()) {
        if (field.clearable) {
            clearable.push_back(field.name);
        }
    }
    EXPECT_EQ(clearable, (Names{"roles", "email", "firstName", "lastName", "phone", "company"}));
    EXPECT_EQ(standard_fields().size(), 10u);
    EXPECT_EQ(standard_fields().back().kind, FieldKind::boolean);
}

}  // namespace
}  // namespace customer_import
