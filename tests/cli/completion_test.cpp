#include <filesystem>

#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "tests/cli/command_line.hpp"

namespace croft::cli {
namespace {

/// Completes in a real bash, as if TAB were pressed at the end of the words.
class BashCompletionTest : public testing::Test {
 protected:
  std::vector<std::string> complete(const std::vector<std::string>& words) {
    std::string script = run({"completion", "bash"}).out;
    script += "\nCOMP_WORDS=(croft";
    for (const std::string& word : words) script += " '" + word + "'";
    script += ")\nCOMP_CWORD=" + std::to_string(words.size()) + "\n";
    // compopt works only while bash completes.
    script += "compopt() { :; }\n_croft\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    const Result<ChildOutput> done = run_child(
        {.arguments = {"bash", "--norc", "-uc", script}, .directory = directory_.path().string()});
    EXPECT_TRUE(done) << done.error().describe();
    EXPECT_EQ(done->status, 0) << done->error;
    EXPECT_EQ(done->error, "");
    std::vector<std::string> lines;
    std::istringstream text(done->output);
    for (std::string line; std::getline(text, line);) {
      if (!line.empty()) lines.push_back(line);
    }
    return lines;
  }
  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-completion-").value();
};

using Words = std::vector<std::string>;

TEST_F(BashCompletionTest, CompletesCommands) {
  EXPECT_EQ(complete({"rec"}), Words{"reconcile"});
  EXPECT_EQ(complete({"prune", ""}), (Words{"show", "ack"}));
  EXPECT_EQ(complete({"-t", "get", "desc"}), Words{"describe"}) << "a value is no command";
}

TEST_F(BashCompletionTest, CompletesOptionsOfTheCommand) {
  EXPECT_EQ(complete({"reconcile", "--w"}), Words{"--wait"});
  EXPECT_EQ(complete({"get", "--no"}), Words{"--no-color"});
  EXPECT_EQ(complete({"start", "--outp"}), Words{}) << "start has no -o";
  EXPECT_EQ(complete({"serve", "--platform-u"}), Words{"--platform-url"});
}

TEST_F(BashCompletionTest, CompletesValues) {
  EXPECT_EQ(complete({"get", "-o", ""}), (Words{"table", "wide", "json", "yaml", "name"}));
  EXPECT_EQ(complete({"diff", "--output", "=", "mark"}), Words{"markdown"}) << "bash splits at '='";
  EXPECT_EQ(complete({"diff", "--output", "="}), (Words{"text", "markdown", "json", "yaml"}));
  EXPECT_EQ(complete({"completion", "z"}), Words{"zsh"});
  EXPECT_EQ(complete({"serve", "--log-level", "w"}), Words{"warning"});
}

TEST_F(BashCompletionTest, CompletesDirectoriesAndFiles) {
  ASSERT_TRUE(make_directory(directory_.path() / "hosting", 0755));
  ASSERT_TRUE(write_file_atomic(directory_.path() / "hosts.yaml", "", 0644));
  EXPECT_EQ(complete({"validate", "ho"}), Words{"hosting"});
  EXPECT_EQ(complete({"serve", "-c", "hosts"}), Words{"hosts.yaml"});
}

TEST_F(BashCompletionTest, CompletesRefsByAskingCroft) {
  const std::filesystem::path fake = directory_.path() / "croft";
  ASSERT_TRUE(write_file_atomic(
      fake, "#!/bin/sh\n[ \"$*\" = 'get -o name' ] && printf 'Site/blog\\nInstance/api\\n'\n",
      0755));
  std::string script = run({"completion", "bash"}).out;
  script += "\nCOMP_WORDS=('" + fake.string() +
            "' logs I)\nCOMP_CWORD=2\n_croft\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
  EXPECT_EQ(run_child({.arguments = {"bash", "--norc", "-uc", script}}).value().output,
            "Instance/api\n");
}

TEST(CompletionTest, IsGoodSyntaxInShellsThatAreHere) {
  int tried = 0;
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const std::string script = run({"completion", shell}).out;
    EXPECT_NE(script.find("reconcile"), std::string::npos) << shell;
    const Result<ChildOutput> checked = run_child({.arguments = {shell, "-n"}, .input = script});
    if (!checked) continue;  // that shell is not installed
    ++tried;
    EXPECT_EQ(checked->status, 0) << shell << ": " << checked->error;
  }
  EXPECT_GT(tried, 0);
}

TEST(ManualPageTest, IsTakenByGroffWithoutAWarning) {
  const Ran page = run({"man", "--date", "2026-11-21"});
  ASSERT_EQ(page.status, 0);
  const Result<ChildOutput> formatted =
      run_child({.arguments = {"groff", "-man", "-Tutf8", "-ww", "-z"}, .input = page.out});
  if (!formatted) GTEST_SKIP() << "groff is not installed";
  EXPECT_EQ(formatted->status, 0);
  EXPECT_EQ(formatted->error, "");
}

TEST(ManualPageTest, NamesEveryCommand) {
  const std::string page = run({"man"}).out;
  for (const Command& command : command_tree().commands) {
    EXPECT_NE(page.find("croft " + command.name), std::string::npos) << command.name;
  }
}

}  // namespace
}  // namespace croft::cli
