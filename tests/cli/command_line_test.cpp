#include "tests/cli/command_line.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "cli/command/help.hpp"
#include "cli/command/parse.hpp"
#include "core/base/value.hpp"
#include "tests/cli/golden.hpp"

namespace croft::cli {
namespace {

void for_each_command(const Command& command, const std::function<void(const Command&)>& visit) {
  visit(command);
  for (const Command& child : command.commands) for_each_command(child, visit);
}

TEST(CommandLineTest, SuggestsTheCommandThatWasMeant) {
  const Ran ran = run({"reconsile"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.err, "croft: unknown command 'reconsile'\n  did you mean 'croft reconcile'?\n");
  EXPECT_EQ(run({"token", "creat"}).err,
            "croft: unknown command 'creat'\n  did you mean 'croft token create'?\n");
}

TEST(CommandLineTest, SuggestsTheOptionThatWasMeant) {
  EXPECT_EQ(run({"reconcile", "--wiat"}).err,
            "croft: unknown option '--wiat'\n  did you mean '--wait'?\n");
  EXPECT_EQ(run({"get", "--all-tenant=x"}).err,
            "croft: unknown option '--all-tenant'\n  did you mean '--all-tenants'?\n");
  EXPECT_EQ(run({"get", "-x"}).err, "croft: unknown option '-x'\n  see 'croft get --help'\n");
}

TEST(CommandLineTest, SaysWhatIsMissingOrTooMuch) {
  EXPECT_EQ(run({"stop"}).err, "croft: REF is missing\n  see 'croft stop --help'\n");
  EXPECT_EQ(run({"explain", "a", "b"}).err,
            "croft: unexpected argument 'b'\n  see 'croft explain --help'\n");
  EXPECT_EQ(run({"get", "-o", "xml"}).err,
            "croft: 'xml' is no output format of 'croft get'\n  it is one of table, wide, json, "
            "yaml, name\n");
  EXPECT_EQ(run({"stop", "Instance/x", "-o", "json"}).status, 2);
  EXPECT_EQ(run({"schema", "Sight"}).status, 2);
  EXPECT_EQ(run({"get", "-t"}).status, 2);
}

TEST(CommandLineTest, TakesGlobalOptionsBeforeAndAfterTheCommand) {
  const auto parsed = [](std::vector<std::string> words) {
    return parse_command_line(command_tree(), words, {}).value().arguments;
  };
  EXPECT_EQ(parsed({"-t", "alice", "get"}).text("tenant"), "alice");
  EXPECT_EQ(parsed({"get", "-t", "alice"}).text("tenant"), "alice");
  EXPECT_EQ(parsed({"get", "--tenant=alice", "Site/blog"}).list("REF"),
            std::vector<std::string>{"Site/blog"});
  EXPECT_EQ(parsed({"-t", "get", "get"}).text("tenant"), "get")
      << "a value that is called like a command";
  EXPECT_EQ(parsed({"get", "-t", "a", "-t", "b"}).text("tenant"), "b") << "the last one wins";
  EXPECT_EQ(parsed({"logs", "Instance/a", "-fn", "5"}).text("lines"), "5");
  EXPECT_TRUE(parsed({"logs", "Instance/a", "-fn", "5"}).has("follow"));
}

TEST(CommandLineTest, LetsVariablesStandInForOptions) {
  const auto tenant = [](std::vector<std::string> words) {
    return parse_command_line(command_tree(), words, {{"CROFT_TENANT", "bob"}})
        .value()
        .arguments.text("tenant");
  };
  EXPECT_EQ(tenant({"get"}), "bob");
  EXPECT_EQ(tenant({"get", "-t", "alice"}), "alice");
}

TEST(CommandLineTest, ShowsHelpForEveryCommandTwoWays) {
  for_each_command(command_tree(), [](const Command& command) {
    std::vector<std::string> words;
    std::istringstream path(path_of(command_tree(), command));
    for (std::string word; path >> word;) words.push_back(word);
    words.front() = "help";
    const Ran helped = run(words);
    EXPECT_EQ(helped.status, 0) << helped.err;
    words.erase(words.begin());
    words.emplace_back("--help");
    EXPECT_EQ(run(words).out, helped.out);
    EXPECT_NE(helped.out.find(command.summary), std::string::npos);
  });
}

TEST(CommandLineTest, HelpFitsItsWidth) {
  for_each_command(command_tree(), [](const Command& command) {
    CapturedTerminal captured;
    captured.terminal.width = 80;
    std::istringstream lines(help_text(command_tree(), command, captured.terminal));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 80U) << line;
  });
}

TEST(CommandLineTest, EveryCommandIsDescribedAlike) {
  for_each_command(command_tree(), [](const Command& command) {
    EXPECT_FALSE(command.summary.empty()) << command.name;
    EXPECT_FALSE(command.summary.ends_with('.')) << command.summary;
    EXPECT_NE(command.commands.empty(), command.run == nullptr) << command.name;
    std::set<std::string> names;
    std::set<char> letters;
    for (const Parameter& option : options_of(command)) {
      EXPECT_TRUE(names.insert(option.name).second) << command.name << " --" << option.name;
      EXPECT_TRUE(option.letter == 0 || letters.insert(option.letter).second)
          << command.name << " -" << option.letter;
      EXPECT_TRUE(option.help.ends_with('.')) << option.help;
    }
  });
}

TEST(CommandLineTest, TheOverviewIsAsPeopleKnowIt) {
  expect_golden("help.txt", run({"help"}, {}, 100).out);
}
TEST(CommandLineTest, TheHelpOfServeListsEverySetting) {
  expect_golden("help-serve.txt", run({"serve", "-h"}).out);
}
TEST(CommandLineTest, TheHelpOfDiffSaysItsExitStatus) {
  expect_golden("help-diff.txt", run({"diff", "-h"}).out);
}

TEST(CommandLineTest, ABareCallShowsTheOverviewAndFails) {
  const Ran ran = run({});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, run({"help"}).out);
}

TEST(CommandLineTest, SaysItsVersion) {
  const Ran ran = run({"--version"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_TRUE(ran.out.starts_with("croft 0.")) << ran.out;
  const Ran long_form = run({"version"});
  EXPECT_EQ(long_form.status, 0) << "the server need not run for that";
  EXPECT_NE(long_form.out.find("server: none reached at"), std::string::npos) << long_form.out;
}

TEST(CommandLineTest, SaysWhereItLookedForTheServerAndWhatToTry) {
  const Ran ran = run({"get"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("cannot reach croft at"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("/nonexistent/croft/api.sock"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("is `croft serve` running? say where with -s or CROFT_SERVER"),
            std::string::npos)
      << ran.err;
  EXPECT_EQ(run({"get", "-s", "ftp://x"}).status, 2);
}

TEST(CommandLineTest, EveryCommandThatAsksTheServerFailsWithoutIt) {
  const std::vector<std::vector<std::string>> lines = {{"get"},
                                                       {"describe", "Site/a"},
                                                       {"events"},
                                                       {"events", "-w", "-t", "a"},
                                                       {"logs", "a/Instance/b"},
                                                       {"reconcile"},
                                                       {"stop", "a/Instance/b"},
                                                       {"start", "a/Instance/b"},
                                                       {"restart", "a/Instance/b"},
                                                       {"suspend", "a/Instance/b"},
                                                       {"resume", "a/Instance/b"},
                                                       {"prune", "show"},
                                                       {"prune", "ack", "abcd"},
                                                       {"token", "ls"},
                                                       {"token", "create", "x", "--operator"},
                                                       {"token", "revoke", "x"},
                                                       {"diff", "--pending"}};
  for (const auto& line : lines) {
    const Ran ran = run(line);
    EXPECT_EQ(ran.status, 2) << line[0];
    EXPECT_NE(ran.err.find("CROFT_SERVER"), std::string::npos) << line[0] << ": " << ran.err;
  }
}

TEST(CommandLineTest, ServeNeedsARepository) {
  const Ran ran = run({"serve", "--config", "/dev/null"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("--platform-url REPO or --solo REPO"), std::string::npos) << ran.err;
  EXPECT_EQ(run({"serve", "--config", "/nonexistent.yaml"}).status, 2);
  EXPECT_NE(run({"serve", "--resync", "soon"}).err.find("--resync: 'soon' is not a duration"),
            std::string::npos);
}

TEST(CommandLineTest, TokensNeedExactlyOneScope) {
  EXPECT_NE(run({"token", "create", "ci"}).err.find("--operator"), std::string::npos);
  EXPECT_EQ(run({"token", "create", "ci", "-t", "alice", "--operator"}).status, 2);
}

TEST(CommandLineTest, ExplainsAndDescribesKinds) {
  const Ran explained = run({"explain", "Instance.spec.health"});
  EXPECT_EQ(explained.status, 0) << explained.err;
  EXPECT_NE(explained.out.find("startWithin"), std::string::npos) << explained.out;
  EXPECT_EQ(run({"explain", "Instance.spec.helth"}).status, 2);
  const Ran schema = run({"schema"});
  EXPECT_EQ(schema.status, 0);
  EXPECT_TRUE(parse_json(schema.out)) << "not JSON";
  EXPECT_TRUE(parse_json(run({"schema", "Site"}).out));
}

}  // namespace
}  // namespace croft::cli
