#include "mailer/config.h"

#include <gtest/gtest.h>

#include <string>

#include "mailer/backoff.h"

namespace customer_import::mailer {
namespace {

using Environment = std::map<std::string, std::string>;
const Environment kHome = {{"HOME", "/home/ann"}};

Options options_of(const std::string& toml) {
    auto parsed = parse_config_file(toml);
    const auto* file = std::get_if<ConfigFile>(&parsed);
    EXPECT_TRUE(file != nullptr && file->faults.empty()) << toml;
    return file ? file->options : Options();
}

// All that is wrong, in a file or in what it says.
std::vector<std::string> faults_of(const std::string& toml) {
    auto parsed = parse_config_file(toml);
    if (const auto* fault = std::get_if<ConfigFault>(&parsed)) {
        return {fault->reason};
    }
    const ConfigFile& file = std::get<ConfigFile>(parsed);
    auto made = make_config(file.options, kHome, file);
    std::vector<std::string> faults;
    if (const auto* fault = std::get_if<ConfigFault>(&made)) {
        faults.push_back(fault->reason);
        faults.insert(faults.end(), fault->more.begin(), fault->more.end());
    }
    return faults;
}

std::string fault_of(const std::string& toml) {
    const std::vector<std::string> faults = faults_of(toml);
    return faults.empty() ? "" : faults.front();
}

Config config_of(const std::string& toml, const Environment& environment = kHome) {
    auto made = make_config(options_of(toml), environment);
    const auto* fault = std::get_if<ConfigFault>(&made);
    EXPECT_EQ(fault, nullptr) << (fault ? fault->reason : "");
    return fault ? Config() : std::get<Config>(made);
}

CommandLine line_of(const std::vector<std::string>& arguments) {
    auto parsed = parse_command_line(arguments, "1.2");
    const auto* end = std::get_if<EndNow>(&parsed);
    EXPECT_EQ(end, nullptr) << (end ? end->text : "");
    return end ? CommandLine() : std::get<CommandLine>(parsed);
}

TEST(MailerConfig, ReadsTheCommandLine) {
    const CommandLine line = line_of({"--database", "dbname=shop", "--from=a@b.example", "--smtp-url", "smtp://mx",
                                      "--user", "u", "--password-file", "p", "--ca-file", "c", "--allow-plaintext",
                                      "--once", "--check-config", "--config", "f.toml"});
    EXPECT_EQ(line.options.database, "dbname=shop");
    EXPECT_EQ(line.options.from, "a@b.example");
    EXPECT_EQ(line.options.smtp_url, "smtp://mx");
    EXPECT_EQ(line.options.user, "u");
    EXPECT_EQ(line.options.password_file, "p");
    EXPECT_EQ(line.options.ca_file, "c");
    EXPECT_EQ(line.options.allow_plaintext, true);
    EXPECT_FALSE(line.options.maildir.has_value());
    EXPECT_TRUE(line.once);
    EXPECT_TRUE(line.check_config);
    EXPECT_EQ(line.config_file, "f.toml");
}

TEST(MailerConfig, EndsAfterHelpVersionAndFaults) {
    const auto status_of = [](const std::vector<std::string>& arguments) {
        auto parsed = parse_command_line(arguments, "1.2");
        return std::get<EndNow>(parsed);
    };
    EXPECT_EQ(status_of({"--version"}).text, "customer-import-mailer 1.2\n");
    EXPECT_EQ(status_of({"--version"}).status, 0);
    EXPECT_EQ(status_of({"--help"}).status, 0);
    EXPECT_NE(status_of({"--help"}).text.find("--smtp-url"), std::string::npos);
    EXPECT_EQ(status_of({"--nonsense"}).status, 2);
    EXPECT_EQ(status_of({"--from"}).status, 2);
    EXPECT_EQ(status_of({"stray"}).status, 2);
    EXPECT_EQ(status_of({"--password", "x"}).status, 2);
}

TEST(MailerConfig, KeepsPasswordsOutOfTheCommandLine) {
    for (const char* conninfo : {"host=h password=secret", "postgresql://u:secret@h/d"}) {
        auto parsed = parse_command_line({"--database", conninfo}, "1.2");
        const auto* end = std::get_if<EndNow>(&parsed);
        ASSERT_NE(end, nullptr) << conninfo;
        EXPECT_EQ(end->status, 2);
        EXPECT_EQ(end->text.find("secret"), std::string::npos);
    }
    EXPECT_EQ(config_of("from = 'a@b.example'\ndatabase = 'host=h password=x'").database, "host=h password=x");
}

TEST(MailerConfig, ReadsToml) {
    const Options options = options_of(
        "# all of them\ndatabase = \"dbname=shop\"\nfrom = \"a@b.example\"\nsmtp-url = \"smtps://mx\"\n"
        "user = \"u\"\npassword-file = \"p\"\nca-file = \"c\"\nallow-plaintext = false\n");
    EXPECT_EQ(options.database, "dbname=shop");
    EXPECT_EQ(options.smtp_url, "smtps://mx");
    EXPECT_EQ(options.password_file, "p");
    EXPECT_EQ(options.allow_plaintext, false);
}

TEST(MailerConfig, RefusesFaultsInToml) {
    EXPECT_NE(fault_of("from = ").find("line 1"), std::string::npos);
    EXPECT_NE(fault_of("\n\nfrom = 'x").find("line 3"), std::string::npos);
    EXPECT_EQ(fault_of("smtp-ulr = 'x'"),
              "unknown key \"smtp-ulr\" in the configuration file; did you mean \"smtp-url\"?");
    EXPECT_NE(fault_of("password = 'x'").find("file of its own"), std::string::npos);
    EXPECT_NE(fault_of("[smtp]\nurl = 'x'").find("unknown key"), std::string::npos);
    EXPECT_EQ(fault_of("from = 3"), "from must be a text in quotes");
    EXPECT_EQ(fault_of("allow-plaintext = 'yes'"), "allow-plaintext must be true or false");
    EXPECT_NE(fault_of(std::string("a\xff = 1")), "");
}

TEST(MailerConfig, TellsAllFaultsInOnePass) {
    EXPECT_EQ(
        faults_of("from = 'x'\nusr = 'x'\nallow-plaintext = 'no'\nmaildir = '/x'\nsendmail = 'x'\n"
                  "password-file = '/x'\n"),
        (std::vector<std::string>{
            "allow-plaintext must be true or false",
            "unknown key \"usr\" in the configuration file; did you mean \"user\"?",
            "invalid sender \"x\"; give a plain address in ASCII", "give only one of smtp-url, maildir and sendmail",
            "user, password-file, ca-file and allow-plaintext need smtp-url", "sendmail must be an absolute path"}));
}

TEST(MailerConfig, MissesNothingThatItCannotRead) {
    EXPECT_EQ(faults_of("from = 1\nsmtp-url = 2\nuser = 'u'\n"),
              (std::vector<std::string>{"from must be a text in quotes", "smtp-url must be a text in quotes"}));
    EXPECT_EQ(faults_of("from = 'a@b.example'\nsmtp-url = 'smtp://mx'\nuser = 3\npassword-file = '/x'\n"),
              (std::vector<std::string>{"user must be a text in quotes"}));
}

TEST(MailerConfig, CommandLineGoesFirst) {
    const Options both = merged(line_of({"--user", "cli"}).options, options_of("user = 'file'\nfrom = 'a@b.example'"));
    EXPECT_EQ(both.user, "cli");
    EXPECT_EQ(both.from, "a@b.example");
    EXPECT_EQ(merged(line_of({"--allow-plaintext"}).options, options_of("allow-plaintext = false")).allow_plaintext,
              true);
}

TEST(MailerConfig, ParsesSmtpUrls) {
    const auto plain = parse_smtp_url("smtp://mx.example.com");
    ASSERT_TRUE(plain);
    EXPECT_FALSE(plain->implicit_tls);
    EXPECT_EQ(plain->host, "mx.example.com");
    EXPECT_EQ(plain->port, 587);
    EXPECT_EQ(parse_smtp_url("smtp://mx:25/")->port, 25);
    EXPECT_EQ(parse_smtp_url("smtps://mx")->port, 465);
    EXPECT_TRUE(parse_smtp_url("smtps://mx")->implicit_tls);
    EXPECT_EQ(parse_smtp_url("smtp://[::1]")->host, "[::1]");
    EXPECT_EQ(parse_smtp_url("smtp://[::1]:2525")->port, 2525);
    EXPECT_EQ(parse_smtp_url("smtp://127.0.0.1:1")->host, "127.0.0.1");
}

TEST(MailerConfig, RefusesOtherUrls) {
    for (const char* url : {"",
                            "mx",
                            "http://mx",
                            "smtp:/mx",
                            "smtp://",
                            "smtp:///",
                            "smtp://user@mx",
                            "smtp://u:p@mx",
                            "smtp://mx/x",
                            "smtp://mx:0",
                            "smtp://mx:65536",
                            "smtp://mx:",
                            "smtp://mx:25x",
                            "smtp://mx:-1",
                            "smtp://m x",
                            "smtp://mx?x",
                            "smtp://mx#x",
                            "smtp://-mx",
                            "smtp://.mx",
                            "smtp://[mx]",
                            "smtp://[::1",
                            "smtp://m\xc3\xa4x",
                            "smtp://mx\r\nQUIT",
                            "smtp://mx%0d",
                            "file:///tmp/x",
                            "SMTP://mx"}) {
        EXPECT_FALSE(parse_smtp_url(url)) << url;
    }
}

TEST(MailerConfig, ChecksOptions) {
    EXPECT_NE(fault_of("").find("--from"), std::string::npos);
    EXPECT_NE(fault_of("from = 'Ann <a@b.example>'").find("invalid sender"), std::string::npos);
    EXPECT_NE(fault_of("from = \"a@b.example\\r\\nBcc: x@y\"").find("control character"), std::string::npos);
    const std::string from = "from = 'a@b.example'\n";
    EXPECT_NE(fault_of(from + "smtp-url = 'smtp://mx'\nmaildir = 'm'").find("only one"), std::string::npos);
    EXPECT_NE(fault_of(from + "sendmail = '/s'\nmaildir = 'm'").find("only one"), std::string::npos);
    EXPECT_NE(fault_of(from + "sendmail = 'sendmail'").find("absolute"), std::string::npos);
    EXPECT_NE(fault_of(from + "user = 'u'").find("need smtp-url"), std::string::npos);
    EXPECT_NE(fault_of(from + "allow-plaintext = true").find("need smtp-url"), std::string::npos);
    EXPECT_NE(fault_of(from + "smtp-url = 'smtps://mx'\nallow-plaintext = true").find("contradicts"),
              std::string::npos);
    EXPECT_NE(fault_of(from + "smtp-url = 'smtp://mx'\npassword-file = 'p'").find("without user"), std::string::npos);
    EXPECT_NE(fault_of(from + "database = 'nonsense=1'").find("invalid connection string"), std::string::npos);
    const std::string leak = fault_of(from + "smtp-url = 'smtp://u:secret@mx'");
    EXPECT_NE(leak.find("invalid smtp-url"), std::string::npos);
    EXPECT_EQ(leak.find("secret"), std::string::npos);
}

TEST(MailerConfig, DefaultIsAMaildirInTheStateDirectory) {
    const std::string from = "from = 'a@b.example'";
    EXPECT_EQ(config_of(from).maildir, "/home/ann/.local/state/customer-import-mailer/Maildir");
    EXPECT_EQ(config_of(from, {{"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}}).maildir, "/x/customer-import-mailer/Maildir");
    EXPECT_EQ(config_of(from, {{"STATE_DIRECTORY", "/v/a:/v/b"}, {"HOME", "/h"}}).maildir, "/v/a/Maildir");
    auto made = make_config(options_of(from), {});
    EXPECT_NE(std::get_if<ConfigFault>(&made), nullptr);
    EXPECT_EQ(config_of(from + "\nsmtp-url = 'smtp://mx'").maildir, "");
}

TEST(MailerConfig, ReadsPasswords) {
    EXPECT_EQ(password_from_file("secret\n"), "secret");
    EXPECT_EQ(password_from_file("secret\r\n"), "secret");
    EXPECT_EQ(password_from_file(" with blanks "), " with blanks ");
    EXPECT_EQ(password_from_file(""), "");
    EXPECT_FALSE(password_from_file("two\nlines\n"));
    EXPECT_FALSE(password_from_file(std::string("a\0b", 3)));
    EXPECT_FALSE(password_from_file(std::string(2000, 'x')));
}

TEST(MailerBackoff, GrowsToItsLimitAndStartsAnew) {
    Backoff backoff(std::chrono::seconds(60));
    for (const int seconds : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
        EXPECT_EQ(backoff.next(0.5), std::chrono::seconds(seconds));
    }
    backoff.reset();
    EXPECT_EQ(backoff.next(0.5), std::chrono::seconds(1));
}

TEST(MailerBackoff, IsSpread) {
    for (const double chance : {0.0, 0.25, 0.5, 0.75, 1.0}) {
        Backoff backoff(std::chrono::seconds(60));
        const auto delay = backoff.next(chance);
        EXPECT_GE(delay, std::chrono::milliseconds(750));
        EXPECT_LE(delay, std::chrono::milliseconds(1250));
    }
    EXPECT_NE(Backoff(std::chrono::seconds(60)).next(0), Backoff(std::chrono::seconds(60)).next(1));
}

}  // namespace
}  // namespace customer_import::mailer
