#include "core/secret/sops.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "core/base/value.hpp"
#include "core/secret/sops_rules.hpp"
#include "tests/support/sops_file.hpp"

namespace croft::secret {
namespace {

std::string data(const std::string& name) {
  return read_file(CROFT_SOURCE_DIR "/tests/data/sops/" + name, 1 << 20).value();
}

std::string unhex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  return bytes;
}

Value facts(const std::string& name) {
  return *parse_json(data("decrypted.json")).value().find(name);
}

std::string key_of(const std::string& name) {
  return unhex(facts(name).text_or("data_key_hex", ""));
}

/// The file with its data key wrapped for us, as SOPS itself writes it.
std::string wrapped_for(std::string file, const std::string& name, const AgeIdentity& recipient) {
  const std::string enc = encrypt_age(key_of(name), {recipient.public_bytes()});
  std::string block =
      "    age:\n        - recipient: " + recipient.recipient() + "\n          enc: |\n";
  std::string_view rest = enc;
  for (; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1))
    block += "            " + std::string(rest.substr(0, rest.find('\n') + 1));
  const std::size_t empty = file.find("    age: []\n");
  if (empty != std::string::npos) file.erase(empty, std::string_view("    age: []\n").size());
  return file.insert(file.find("\nsops:\n") + 7, block);
}

void expect_values(const SopsValues& values, const Value& facts) {
  const Value::List& list = facts.find("values")->as_list();
  ASSERT_EQ(values.size(), list.size());
  for (const Value& one : list) {
    const auto found = values.find(one.text_or("path", ""));
    ASSERT_NE(found, values.end()) << one.text_or("path", "");
    EXPECT_EQ(found->second.reveal(), one.text_or("value", ""));
  }
}

TEST(SopsTest, OpensWhatSopsWrote) {
  for (const char* name : {"comments.enc.yaml", "comments_unencrypted_comments.yaml",
                           "format.enc.json", "format.enc.yaml", "multiple_keys.yaml"}) {
    SCOPED_TRACE(name);
    const auto values = open_sops_with_key(data(name), key_of(name));
    ASSERT_TRUE(values) << values.error().describe();
    expect_values(*values, facts(name));
  }
}

TEST(SopsTest, OpensForTheAgeRecipientAndNobodyElse) {
  const AgeIdentity mine = AgeIdentity::generate();
  for (const char* name : {"comments.enc.yaml", "format.enc.yaml"}) {
    const std::string file = wrapped_for(data(name), name, mine);
    const auto values = open_sops(file, {AgeIdentity::generate(), mine});
    ASSERT_TRUE(values) << values.error().describe();
    expect_values(*values, facts(name));
    const auto refused = open_sops(file, {AgeIdentity::generate()});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::NotFound);
    EXPECT_NE(refused.error().describe().find("croft secret key"), std::string::npos);
  }
}

TEST(SopsTest, SaysThatAFileHasNoAgeRecipientAtAll) {
  const auto refused = open_sops(data("format.enc.yaml"), {AgeIdentity::generate()});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("no age recipient"), std::string::npos);
}

TEST(SopsTest, RefusesAFileWithoutAMac) {
  const auto refused = open_sops_with_key(data("no_mac.yaml"), key_of("no_mac.yaml"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("no MAC"), std::string::npos);
}

TEST(SopsTest, RefusesWhatIsNotEncrypted) {
  const auto refused = open_sops_with_key(data("plainfile.yaml"), std::string(32, 'k'));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("no 'sops'"), std::string::npos);
}

TEST(SopsTest, FindsAValueThatWasMovedToAnotherKey) {
  const std::string name = "comments.enc.yaml";
  std::string file = data(name);
  const std::size_t lorem = file.find("lorem:");
  file.replace(lorem, 6, "other:");
  const auto refused = open_sops_with_key(file, key_of(name));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("'other' was changed, or moved"), std::string::npos);
  ASSERT_TRUE(refused.error().position());
  EXPECT_EQ(refused.error().position()->line, 2);
}

TEST(SopsTest, FindsAValueThatIsMissing) {
  const std::string name = "comments.enc.yaml";
  std::string file = data(name);
  const std::size_t dolor = file.find("\ndolor:");
  file.erase(dolor, file.find('\n', dolor + 1) - dolor);
  const auto refused = open_sops_with_key(file, key_of(name));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("MAC"), std::string::npos);
}

TEST(SopsTest, FindsAValueInClearThatShouldNotBe) {
  const std::string name = "format.enc.yaml";
  std::string file = data(name);
  file.insert(0, "added: in clear\n");
  const auto refused = open_sops_with_key(file, key_of(name));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("'added' is not encrypted"), std::string::npos);
  EXPECT_EQ(refused.error().describe().find("in clear"), std::string::npos);
}

TEST(SopsTest, FindsAnotherTimeOfChange) {
  const std::string name = "format.enc.yaml";
  std::string file = data(name);
  const std::size_t year = file.find("lastmodified: \"2026");
  ASSERT_NE(year, std::string::npos);
  file[year + 18] = '7';
  EXPECT_FALSE(open_sops_with_key(file, key_of(name)));
}

TEST(SopsTest, NamesItsValuesWithoutAKey) {
  EXPECT_EQ(names_in_sops(data("comments.enc.yaml")).value(),
            (std::vector<std::string>{"lorem", "dolor"}));
  EXPECT_FALSE(names_in_sops("a: b\n"));
  EXPECT_FALSE(names_in_sops(": : :\n"));
}

TEST(SopsTest, ClearIntegersCountInAllTheirDigits) {
  const AgeIdentity mine = AgeIdentity::generate();
  for (const char* number :
       {"9007199254740993", "-9223372036854775807", "18446744073709551615", "12", "1.50"}) {
    const std::string as_sops = std::string(number) == "1.50" ? "1.5" : number;
    std::string file = sops_file({{"a", "x"}}, mine.recipient(), as_sops);
    file.insert(0, fmt::format("n_unencrypted: {}\n", number));
    const auto values = open_sops(file, {mine});
    ASSERT_TRUE(values) << number << ": " << values.error().describe();
    EXPECT_EQ(values->at("n_unencrypted").reveal(), number);
  }
}

TEST(SopsTest, HasBoundsForRecipientsAndNames) {
  const AgeIdentity mine = AgeIdentity::generate();
  const std::string file = sops_file({{"a", "x"}}, mine.recipient());
  ASSERT_TRUE(open_sops(file, {mine}));
  const std::string age = "    age:\n";
  std::string many = file;
  for (int i = 0; i < 100; ++i)
    many.insert(many.find(age) + age.size(), "        - {recipient: age1x, enc: x}\n");
  EXPECT_NE(open_sops(many, {mine}).error().message().find("more than 100 age recipients"),
            std::string::npos);
  std::string large = file;
  large.insert(large.find(age) + age.size(),
               "        - {recipient: age1x, enc: " + std::string(5000, 'x') + "}\n");
  EXPECT_NE(open_sops(large, {mine}).error().message().find("too long"), std::string::npos);
  const std::string named = sops_file({{std::string(254, 'n'), "x"}}, mine.recipient());
  EXPECT_NE(open_sops(named, {mine}).error().message().find("more than 253"), std::string::npos);
}

TEST(SopsRulesTest, DecideByAnyNameOnTheWay) {
  using Kind = SopsRules::Kind;
  const auto is_encrypted = [](Kind kind, const char* text, std::vector<std::string> path) {
    return SopsRules::make(kind, text)->is_encrypted(path);
  };
  EXPECT_TRUE(is_encrypted(Kind::UnencryptedSuffix, "_open", {"a", "b"}));
  EXPECT_FALSE(is_encrypted(Kind::UnencryptedSuffix, "_open", {"a_open", "b"}));
  EXPECT_FALSE(is_encrypted(Kind::EncryptedSuffix, "_secret", {"a", "b"}));
  EXPECT_TRUE(is_encrypted(Kind::EncryptedSuffix, "_secret", {"a", "b_secret"}));
  EXPECT_TRUE(is_encrypted(Kind::EncryptedRegex, "^(data|stringData)$", {"stringData", "x"}));
  EXPECT_FALSE(is_encrypted(Kind::EncryptedRegex, "^(data|stringData)$", {"metadata", "x"}));
  EXPECT_FALSE(is_encrypted(Kind::UnencryptedRegex, "^meta", {"metadata", "x"}));
}

TEST(SopsRulesTest, RefusePatternsThatCouldMeanTwoThings) {
  for (const char* pattern : {"\\d+", "(?i)data", "a{2,3}", "[[:alpha:]]", "[\\]]", "(", "a\\"}) {
    EXPECT_FALSE(SopsRules::make(SopsRules::Kind::EncryptedRegex, pattern)) << pattern;
  }
  EXPECT_TRUE(SopsRules::make(SopsRules::Kind::EncryptedRegex, "^a\\.b$"));
}

// Skipped where SOPS is not installed: Debian 12 has no package of it.
TEST(SopsTest, TheSopsProgramWritesWhatWeOpen) {
  const ChildCommand asks{.arguments = {"sops", "--version"}, .deadline = Duration(10'000)};
  if (!run_child_checked(asks)) GTEST_SKIP() << "sops is not installed";
  const auto directory = TemporaryDirectory::make("croft-sops").value();
  const AgeIdentity mine = AgeIdentity::generate();
  const std::string clear = directory.path() / "clear.yaml";
  ASSERT_TRUE(write_file_atomic(clear,
                                "password: hunter2\nnested: {port: 5432, ratio: 1.50, on: true}\n"
                                "list: [one, two]\nopen_unencrypted: 1.50\nempty: ''\n",
                                0600));
  for (const bool is_mac_only : {false, true}) {
    std::vector<std::string> arguments{"sops", "--encrypt", "--age", mine.recipient()};
    if (is_mac_only) arguments.emplace_back("--mac-only-encrypted");
    arguments.push_back(clear);
    const auto encrypted =
        run_child_checked({.arguments = std::move(arguments), .deadline = Duration(30'000)});
    ASSERT_TRUE(encrypted) << encrypted.error().describe();
    const auto values = open_sops(*encrypted, {mine});
    ASSERT_TRUE(values) << values.error().describe();
    EXPECT_EQ(values->at("password").reveal(), "hunter2");
    EXPECT_EQ(values->at("nested.on").reveal(), "true");
    EXPECT_EQ(values->at("list.1").reveal(), "two");
  }
}

}  // namespace
}  // namespace croft::secret
