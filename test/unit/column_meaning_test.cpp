#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/header_map.h"

namespace customer_import {
namespace {

using Cells = std::vector<std::string_view>;
using Names = std::vector<std::string>;

class ColumnMeanings : public ::testing::Test {
protected:
    ColumnMeanings() {
        for (const char* code : {"buyer", "approver", "companyAdmin", "role"}) {
            catalog_.add(code);
        }
        options_.catalog = &catalog_;
    }

    void say(std::vector<ColumnMeaning> columns) { options_.columns = std::move(columns); }

    HeaderMap map_of(const Cells& header) {
        auto created = HeaderMap::create(header, standard_fields(), options_);
        if (const auto* refusal = std::get_if<Refusal>(&created)) {
            ADD_FAILURE() << refusal->message;
            return {};
        }
        return std::get<HeaderMap>(std::move(created));
    }

    Refusal refusal_of(const Cells& header) {
        const auto created = HeaderMap::create(header, standard_fields(), options_);
        const auto* refusal = std::get_if<Refusal>(&created);
        EXPECT_NE(refusal, nullptr) << "accepted";
        return refusal == nullptr ? Refusal() : *refusal;
    }

    // Each feed as "column field" or "column field code".
    static Names feeds_of(const HeaderMap& map) {
        Names names;
        for (const HeaderMap::Feed& feed : map.feeds()) {
            names.push_back(std::to_string(feed.column) + " " +
                            map.fields()[static_cast<std::size_t>(feed.field)].name);
            if (feed.role != HeaderMap::kNoRole) {
                names.back() += " " + map.role_codes()[static_cast<std::size_t>(feed.role)];
            }
        }
        return names;
    }

    RoleCatalog catalog_;
    HeaderOptions options_;
};

TEST_F(ColumnMeanings, SayWhatAHeaderMeans) {
    say({{"user_login", {"userName"}}, {"Tags", {"addRoles"}}, {"Internal note", {}}});
    const HeaderMap map = map_of({"user_login", "Tags", "Internal note", "phone", "colour"});
    EXPECT_EQ(feeds_of(map), (Names{"0 userName", "1 addRoles", "3 phone"}));
    EXPECT_EQ(map.warnings(), (Names{"column \"colour\" is not known and was ignored"}));
    EXPECT_EQ(map.ignored(), (Names{"colour"}));
}

TEST_F(ColumnMeanings, FeedTwoFieldsFromOneColumn) {
    say({{"Email", {"userName", "email"}}});
    const HeaderMap map = map_of({"Email", "Phone"});
    EXPECT_EQ(feeds_of(map), (Names{"0 userName", "0 email", "1 phone"}));
    EXPECT_EQ(map.value_fields().size(), 2u);
    EXPECT_EQ(map.columns(), (std::vector<int>{0, 7}));
}

TEST_F(ColumnMeanings, UniteColumnsOfRoles) {
    say({{"Tags", {"addRoles"}}, {"Groups", {"add_roles"}}, {"Left", {"removeRoles"}}, {"Gone", {"removeRoles"}}});
    const HeaderMap map = map_of({"userName", "Tags", "addRoles", "Groups", "Left", "Gone"});
    EXPECT_EQ(feeds_of(map),
              (Names{"0 userName", "1 addRoles", "2 addRoles", "3 addRoles", "4 removeRoles", "5 removeRoles"}));
    EXPECT_TRUE(map.feeds().back().is_united);
}

TEST_F(ColumnMeanings, ComeBeforeWhatTheHeaderMeansByItself) {
    say({{"email", {}}, {"_login", {"login"}}, {"adRoles", {"addRoles"}}, {"", {}}});
    const HeaderMap map = map_of({"email", "_login", "adRoles", ""});
    EXPECT_EQ(feeds_of(map), (Names{"1 userName", "2 addRoles"}));
    EXPECT_TRUE(map.warnings().empty());
}

TEST_F(ColumnMeanings, MeetTheVeryHeaderFirst) {
    say({{"E-Mail", {}}, {"EMAIL", {"email"}}});
    EXPECT_EQ(feeds_of(map_of({"userName", "E-Mail", "EMAIL"})), (Names{"0 userName", "2 email"}));
    say({{"Primary email", {"email"}}});
    EXPECT_EQ(feeds_of(map_of({"userName", "primary_Email\xE2\x80\x8B"})), (Names{"0 userName", "1 email"}));
}

TEST_F(ColumnMeanings, MustMeetAHeader) {
    say({{"Tag", {"addRoles"}}});
    const Refusal refusal = refusal_of({"userName", "Tags", "phone"});
    EXPECT_EQ(refusal.fault, Refusal::Fault::bad_argument);
    EXPECT_EQ(refusal.message, "the option \"columns\" names the column \"Tag\", which the file does not have");
    EXPECT_EQ(refusal.detail, "Columns found: userName, Tags, phone.");
}

TEST_F(ColumnMeanings, MustNameFields) {
    say({{"Tags", {"adRoles"}}});
    Refusal refusal = refusal_of({"userName", "Tags"});
    EXPECT_EQ(refusal.fault, Refusal::Fault::bad_argument);
    EXPECT_EQ(refusal.message, "the option \"columns\" names the field \"adRoles\", which does not exist");
    EXPECT_EQ(refusal.hint, "Did you mean \"addRoles\"?");
    say({{"Tags", {"nothing like it"}}});
    refusal = refusal_of({"userName", "Tags"});
    EXPECT_TRUE(refusal.hint.starts_with("Known fields: userName, addRoles, ")) << refusal.hint;
}

TEST_F(ColumnMeanings, GiveASingleValueOnce) {
    say({{"Work mail", {"email"}}});
    const Refusal refusal = refusal_of({"userName", "email", "Work mail"});
    EXPECT_EQ(refusal.fault, Refusal::Fault::bad_argument);
    EXPECT_EQ(refusal.message, "by the option \"columns\" two columns mean \"email\"");
    EXPECT_EQ(refusal.detail, "They are the columns 2 and 3 of the header.");
    say({{"Tags", {"addRoles", "addRoles"}}});
    EXPECT_EQ(refusal_of({"userName", "Tags"}).message,
              "the option \"columns\" names the field \"addRoles\" twice for one column");
    say({{"A", {"roles"}}, {"B", {"roles"}}});
    EXPECT_EQ(refusal_of({"userName", "A", "B"}).fault, Refusal::Fault::bad_argument);
}

TEST_F(ColumnMeanings, AreAFaultOfTheCallBeforeOneOfTheFile) {
    say({{"Tag", {"addRoles"}}, {"phone", {"fone"}}});
    const Refusal refusal = refusal_of({"userNam", "phone"});
    EXPECT_EQ(refusal.fault, Refusal::Fault::bad_argument);
    EXPECT_TRUE(refusal.detail.starts_with("There are 2 faults:\n")) << refusal.detail;
}

TEST_F(ColumnMeanings, WithAStarCodesAreColumns) {
    options_.role_columns = "*";
    const HeaderMap map = map_of({"userName", "Buyer", "companyadmin", "colour", "role", "Roles to add", "phone"});
    EXPECT_EQ(feeds_of(map), (Names{"0 userName", "1 addRoles buyer", "2 addRoles companyAdmin", "4 addRoles role",
                                    "5 addRoles", "6 phone"}));
    EXPECT_TRUE(map.has(FieldKind::add_roles));
    EXPECT_EQ(map.ignored(), (Names{"colour"}));
}

TEST_F(ColumnMeanings, WithAStarOneCodeIsEnough) {
    options_.role_columns = "*";
    EXPECT_TRUE(map_of({"userName", "buyer"}).feeds().back().is_united);
}

TEST_F(ColumnMeanings, WithAStarNearMissesOfCodesAreRefused) {
    options_.role_columns = "*";
    const Refusal refusal = refusal_of({"userName", "buyr", "approver"});
    EXPECT_EQ(refusal.fault, Refusal::Fault::broken_file);
    EXPECT_EQ(refusal.message, "the header column \"buyr\" names no role code of the catalog");
    EXPECT_EQ(refusal.hint, "Did you mean \"buyer\"? Begin its name with \"_\" to have it ignored.");
    EXPECT_EQ(map_of({"userName", "approver", "aprovrs here"}).ignored(), (Names{"aprovrs here"}));
    EXPECT_EQ(refusal_of({"userName", "approver", "emial"}).hint,
              "Did you mean \"email\"? Begin its name with \"_\" to have it ignored.");
}

TEST_F(ColumnMeanings, WithABeginAllSuchColumnsAreRoles) {
    options_.role_columns = "role:";
    EXPECT_EQ(feeds_of(map_of({"userName", "ROLE: Buyer", "role:approver", "buyer", "email"})),
              (Names{"0 userName", "1 addRoles buyer", "2 addRoles approver", "4 email"}));
    const Refusal refusal = refusal_of({"userName", "role:buyer", "role:aprover", "role:"});
    EXPECT_EQ(refusal.fault, Refusal::Fault::broken_file);
    EXPECT_EQ(refusal.detail,
              "There are 2 faults:\n"
              "1. the header column \"role:aprover\" names no role code of the catalog: did you mean \"approver\"?\n"
              "2. the header column \"role:\" names no role code of the catalog");
}

TEST_F(ColumnMeanings, WithABeginCodesMayBeCreated) {
    options_.role_columns = "role:";
    options_.may_create_codes = true;
    EXPECT_EQ(feeds_of(map_of({"userName", "role:gardener"})), (Names{"0 userName", "1 addRoles gardener"}));
    EXPECT_EQ(refusal_of({"userName", "role:two words"}).fault, Refusal::Fault::broken_file);
}

TEST_F(ColumnMeanings, WantsARoleColumnThatIsAskedFor) {
    for (const char* begin : {"*", "rol:"}) {
        options_.role_columns = begin;
        const Refusal refusal = refusal_of({"userName", "role:buyer", "email"});
        EXPECT_EQ(refusal.fault, Refusal::Fault::bad_argument);
        EXPECT_TRUE(refusal.message.starts_with("the file has no column for the value \"")) << refusal.message;
    }
}

}  // namespace
}  // namespace customer_import
