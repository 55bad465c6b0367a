#include "core/email_address.h"

#include <gtest/gtest.h>

#include <string>

namespace customer_import {
namespace {

TEST(EmailAddress, AcceptsPlainOnes) {
    for (const char* address : {"ann@example.com", "a.b+c@sub.example.co.uk", "o'neil@example.com", "x@localhost",
                                "1@2", "a_b-c!#$%&'*/=?^`{|}~@x-y.example"}) {
        EXPECT_TRUE(is_email_address(address)) << address;
    }
}

TEST(EmailAddress, RefusesWhatIsNone) {
    for (const char* address : {"", "@", "ann", "ann@", "@example.com", "a@b@c", ".ann@example.com", "ann.@example.com",
                                "a..b@example.com", "ann@.com", "ann@example..com", "ann@example.com.", "ann@-x.com",
                                "ann@x-.com", "ann@exa_mple.com", "ann@[127.0.0.1]", "\"a b\"@example.com"}) {
        EXPECT_FALSE(is_email_address(address)) << address;
    }
}

TEST(EmailAddress, RefusesSyntaxOfHeadersAndCommands) {
    for (const char* address : {"a\r\nBcc: b@example.com", "a@example.com\r\n", "a@example.com\n", "a b@example.com",
                                "a@example.com, b@example.com", "b> NOTIFY=NEVER <c@example.com", "<a@example.com>",
                                "Ann <a@example.com>", "a@example.com (Ann)", "a;b@example.com", "a\t@example.com",
                                "a@exam\tple.com", "a:b@example.com", "\xc3\xa4@example.com", "a@ex\xc3\xa4mple.com"}) {
        EXPECT_FALSE(is_email_address(address)) << address;
    }
    EXPECT_FALSE(is_email_address(std::string("a\0@example.com", 14)));
    EXPECT_FALSE(is_email_address(std::string("a@example.com\0", 14)));
}

TEST(EmailAddress, HasLimits) {
    const std::string local(64, 'a'), label(63, 'b');
    EXPECT_TRUE(is_email_address(local + "@example.com"));
    EXPECT_FALSE(is_email_address(local + "a@example.com"));
    EXPECT_TRUE(is_email_address("a@" + label + ".com"));
    EXPECT_FALSE(is_email_address("a@" + label + "b.com"));
    const std::string longest = local + "@" + label + "." + label + "." + std::string(61, 'c');
    ASSERT_EQ(longest.size(), kMaxEmailAddressBytes);
    EXPECT_TRUE(is_email_address(longest));
    EXPECT_FALSE(is_email_address(longest + "c"));
}

}  // namespace
}  // namespace customer_import
