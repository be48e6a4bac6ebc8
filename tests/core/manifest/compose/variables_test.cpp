#include "core/manifest/compose/variables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "core/manifest/compose/dotenv.hpp"
#include "core/manifest/compose/words.hpp"
#include "tests/core/manifest/compose/composing.hpp"

namespace croft::manifest::compose {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kEnough = 1 << 20;

Variables some() {
  Variables made;
  made.set("SET", "value");
  made.set("EMPTY", "");
  made.set("DOLLAR", "$SET");
  return made;
}

std::string put(std::string_view text) {
  const Substitution made = substitute(text, some(), kEnough);
  return made.error.empty() ? made.text : "error: " + made.error;
}

TEST(ComposeVariablesTest, EveryFormOfTheSpecification) {
  EXPECT_EQ(put("$SET ${SET}"), "value value");
  EXPECT_EQ(put("${SET:-d}|${EMPTY:-d}|${NO:-d}"), "value|d|d");
  EXPECT_EQ(put("${SET-d}|${EMPTY-d}|${NO-d}"), "value||d");
  EXPECT_EQ(put("${SET:+r}|${EMPTY:+r}|${NO:+r}"), "r||");
  EXPECT_EQ(put("${SET+r}|${EMPTY+r}|${NO+r}"), "r|r|");
  EXPECT_EQ(put("${SET:?e}|${SET?e}|${EMPTY?e}"), "value|value|");
  EXPECT_EQ(put("${EMPTY:?no $SET}"), "error: needs the variable EMPTY: no value");
  EXPECT_EQ(put("${NO?}"), "error: needs the variable NO, which is not set");
  EXPECT_EQ(put("${NO:-${EMPTY:-${SET}}}"), "value");
  EXPECT_EQ(put("$$SET $$$$ $${SET}"), "$SET $$ ${SET}");
  EXPECT_EQ(put("${NO:-}"), "");
}

TEST(ComposeVariablesTest, WhatIsPutInIsNotLookedAtAgain) { EXPECT_EQ(put("$DOLLAR"), "$SET"); }

TEST(ComposeVariablesTest, WhatIsNoVariableIsAnError) {
  for (const char* text :
       {"$", "$5", "${", "${}", "${SET", "${SET!x}", "${1A}", "${SET:}", "$(SET)"})
    EXPECT_THAT(put(text), HasSubstr("error: ")) << text;
}

TEST(ComposeVariablesTest, NamesThatNothingSetsAreNamed) {
  EXPECT_THAT(substitute("$A ${B} ${C:-x} $A", some(), kEnough).missing, ElementsAre("A", "B"));
}

TEST(ComposeVariablesTest, ATextWithDoubledDollarsIsTheText) {
  EXPECT_TRUE(rc::check("doubling undoes", [](const std::string& text) {
    std::string doubled;
    for (const char c : text) doubled += c == '$' ? std::string("$$") : std::string(1, c);
    const Substitution made = substitute(doubled, some(), kEnough);
    RC_ASSERT(made.error.empty());
    RC_ASSERT(made.text == text);
  }));
}

TEST(ComposeVariablesTest, AnyTextEndsWithinItsLimit) {
  EXPECT_TRUE(rc::check("bounded", [] {
    const auto text = *rc::gen::container<std::string>(
        rc::gen::element('$', '{', '}', ':', '-', '?', '+', 'A', 'S', 'E', 'T'));
    const Substitution made = substitute(text, some(), 64);
    RC_ASSERT(!made.error.empty() || made.text.size() <= 64);
  }));
}

std::string read_env(std::string_view text) {
  std::string made;
  const Variables outside = some();
  Variables known(&outside);
  const EnvironmentFile file = read_environment(text, known);
  for (const auto& line : file.lines) made += line.name + "=" + line.value.value_or("<none>") + ";";
  for (const auto& problem : file.problems)
    made += std::to_string(problem.line) + ": " + problem.message;
  return made;
}

TEST(ComposeVariablesTest, LinesOfEnvironmentFiles) {
  EXPECT_EQ(read_env("A=1\n# x\n\n  B = 2 # y\r\nC\nexport D=4\nE: 5\n"),
            "A=1;B=2;C=<none>;D=4;E=5;");
  EXPECT_EQ(read_env("A='$SET \\n'\nB=\"$SET \\n \\$SET\"\nC=$SET#x\nD=${A}\n"),
            "A=$SET \\n;B=value \n $SET;C=value#x;D=$SET \\n;");
  EXPECT_EQ(read_env("A=\"two\nlines\"\nB=1"), "A=two\nlines;B=1;");
  EXPECT_EQ(read_env("SET=own\nA=$SET"), "SET=own;A=value;") << "what was set before wins";
  EXPECT_THAT(read_env("A=1\nnot a name=2"), HasSubstr("2: 'not a name' is no name"));
  EXPECT_THAT(read_env("A=\"open"), HasSubstr("1: the quote of this value is never closed"));
  EXPECT_THAT(read_env("A='x'y"), HasSubstr("1: something stands behind the closing quote"));
  EXPECT_THAT(read_env("A=${NO:?gone}"), HasSubstr("1: the value needs the variable NO: gone"));
}

TEST(ComposeVariablesTest, ALaterEnvironmentFileWinsAndSeesTheEarlierOnes) {
  const Files files{
      {"compose.yaml",
       "services: {web: {image: a, env_file: [one, two]}}\ninclude:\n"
       "  - {path: in.yaml, env_file: [one, two]}\n"},
      {"in.yaml", "services: {in: {image: a, command: ['$A', '$B', '$C', '$D', '$GIVEN']}}\n"},
      {"one", "A=1\nB=1\nGIVEN=1\n"},
      {"two", "A=2\nC=$A\nD=$B-$GIVEN\nE=$NOWHERE\n"}};
  const LoadedSet set = load_stack(files, "  variables: {GIVEN: outside}\n");
  EXPECT_EQ(to_json(*spec_of_part(set, "Service/shop.web").find("env")),
            R"({"A":"2","B":"1","C":"2","D":"1-outside","E":"","GIVEN":"1"})");
  EXPECT_EQ(to_json(*spec_of_part(set, "Service/shop.in").find("command")),
            R"(["2","1","2","1-outside","outside"])");
  EXPECT_THAT(complaints(set),
              HasSubstr("two:4: the variable NOWHERE is not set; it stands for nothing"));
  EXPECT_THAT(complaints(set), HasSubstr("two:4:1: warning: the variable NOWHERE is not set"));
}

TEST(ComposeWordsOfValuesTest, TimesSizesAndCommands) {
  EXPECT_EQ(parse_time_span("1h30m"), 5'400'000);
  EXPECT_EQ(parse_time_span("1.5s"), 1500);
  EXPECT_EQ(parse_time_span("10us"), 1);
  EXPECT_EQ(parse_time_span("10"), std::nullopt);
  EXPECT_EQ(parse_time_span(""), std::nullopt);
  EXPECT_EQ(parse_byte_count("1.5G"), 1610612736);
  EXPECT_EQ(parse_byte_count("64 mb"), 67108864);
  EXPECT_EQ(parse_byte_count("1e99g"), std::nullopt);
  EXPECT_EQ(parse_byte_count("-1"), std::nullopt);
  EXPECT_EQ(parse_cores("0.3333"), 334);
  EXPECT_EQ(parse_truth("Yes"), true);
  EXPECT_EQ(parse_truth("maybe"), std::nullopt);
  EXPECT_EQ(parse_port_range("1-3"), (std::pair{1, 3}));
  EXPECT_EQ(parse_port_range("3-1"), std::nullopt);
  EXPECT_THAT(*split_command("a 'b c'\\ d \"e\\\"f\" ''"), ElementsAre("a", "b c d", "e\"f", ""));
  EXPECT_EQ(split_command("'open"), std::nullopt);
  EXPECT_EQ(split_command("end\\"), std::nullopt);
}

}  // namespace
}  // namespace croft::manifest::compose
