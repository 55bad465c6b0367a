#include "core/import_mode.h"

#include <gtest/gtest.h>

namespace customer_import {
namespace {

TEST(ImportMode, RefusesWhatIsNoMode) {
    for (const char* text : {"", " ", "create", "update", "delete", "create and", "createonly", "create__only",
                             "create only x", "update_and_create", "&", "create & update & delete"}) {
        EXPECT_EQ(parse_import_mode(text), std::nullopt) << text;
    }
}

TEST(ImportMode, ReadsTheNames) {
    EXPECT_EQ(parse_import_mode("create_and_update"), ImportMode::create_and_update);
    EXPECT_EQ(parse_import_mode("create_only"), ImportMode::create_only);
    EXPECT_EQ(parse_import_mode("update_only"), ImportMode::update_only);
}

TEST(ImportMode, ReadsTheTitles) {
    EXPECT_EQ(parse_import_mode("Create & Update"), ImportMode::create_and_update);
    EXPECT_EQ(parse_import_mode("Create&Update"), ImportMode::create_and_update);
    EXPECT_EQ(parse_import_mode("Create and Update"), ImportMode::create_and_update);
    EXPECT_EQ(parse_import_mode("Create Only"), ImportMode::create_only);
    EXPECT_EQ(parse_import_mode("Update Only"), ImportMode::update_only);
}

TEST(ImportMode, TakesAnyCaseAndBlankOrHyphenForUnderscore) {
    EXPECT_EQ(parse_import_mode("CREATE-ONLY"), ImportMode::create_only);
    EXPECT_EQ(parse_import_mode("uPdAtE oNlY"), ImportMode::update_only);
    EXPECT_EQ(parse_import_mode("create-and update"), ImportMode::create_and_update);
    EXPECT_EQ(parse_import_mode(" update only\n"), ImportMode::update_only);
}

TEST(ImportMode, NamesReadBack) {
    for (const ImportMode mode : {ImportMode::create_and_update, ImportMode::create_only, ImportMode::update_only}) {
        EXPECT_EQ(parse_import_mode(import_mode_name(mode)), mode);
    }
}

}  // namespace
}  // namespace customer_import
