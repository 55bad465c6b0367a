#include "core/own_columns.h"

#include <gtest/gtest.h>

namespace customer_import {
namespace {

TEST(OwnColumns, LeavesOtherFilesAsTheyAre) {
    for (const char* header : {"userName,addRoles", "_line,_error", "userName,_line", "userName,_error,_line",
                               "userName,\"_line,_error", ""}) {
        const OwnColumns own(header, ',');
        EXPECT_EQ(own.header(), header);
        EXPECT_EQ(own.strip("ann,buyer,3,x"), "ann,buyer,3,x");
    }
}

TEST(OwnColumns, TakesThemOffOnceOrSeveralTimes) {
    const OwnColumns once("userName,addRoles,_line,_error", ',');
    EXPECT_EQ(once.header(), "userName,addRoles");
    EXPECT_EQ(once.strip("ann,\"buyer,approver\",3,\"say \"\"no\"\", please\""), "ann,\"buyer,approver\"");
    const OwnColumns twice("userName;addRoles; \"_Line\" ;_ERROR;_line;_error", ';');
    EXPECT_EQ(twice.header(), "userName;addRoles");
    EXPECT_EQ(twice.strip("ann;;2;x;3;y"), "ann;");
}

TEST(OwnColumns, LeavesRecordsOfAnotherShape) {
    const OwnColumns own("userName,addRoles,_line,_error", ',');
    for (const char* record : {"ann,buyer", "ann,buyer,3", "ann,buyer,3,x,y", "ann,\"buyer,3,x", "", "a\nb"}) {
        EXPECT_EQ(own.strip(record), record);
    }
}

TEST(OwnColumns, CompletesRecords) {
    const OwnColumns own("userName,addRoles,email", ',');
    EXPECT_EQ(own.complete("ann"), "ann,,");
    EXPECT_EQ(own.complete("ann,\"buyer,x\""), "ann,\"buyer,x\",");
    EXPECT_EQ(own.complete("ann,\"b\"\"\nx\","), "ann,\"b\"\"\nx\",");
    EXPECT_EQ(own.complete("ann,,a@x,,\"\""), "ann,,a@x");
    EXPECT_EQ(own.complete("ann,\"b"), "ann,\"b");
}

}  // namespace
}  // namespace customer_import
