#include <filesystem>

#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "tests/cli/command_line.hpp"

namespace croft::cli {
namespace {

using Words = std::vector<std::string>;

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

/// The same in a real fish and a real zsh: what is offered when TAB is pressed at the end of a
/// line.
class OtherShellsTest : public BashCompletionTest {
 protected:
  static bool is_installed(const std::string& shell) {
    return run_child({.arguments = {shell, "--version"}}).has_value();
  }
  std::filesystem::path script_of(const std::string& shell) {
    const std::filesystem::path file = directory_.path() / ("completion." + shell);
    EXPECT_TRUE(write_file_atomic(file, run({"completion", shell}).out, 0644));
    return file;
  }
  std::string output_of(std::vector<std::string> arguments) {
    const Result<ChildOutput> done =
        run_child({.arguments = std::move(arguments),
                   .environment = {"HOME=" + directory_.path().string(), "TERM=dumb"},
                   .directory = directory_.path().string()});
    EXPECT_TRUE(done) << done.error().describe();
    return done ? done->output : "";
  }
  // fish prints a word and, after a tab, what it is for.
  Words fish(const std::string& line) {
    std::istringstream text(
        output_of({"fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]",
                   script_of("fish").string(), line}));
    Words words;
    for (std::string offer; std::getline(text, offer);)
      words.push_back(offer.substr(0, offer.find('\t')));
    return words;
  }
  // zsh completes only in a terminal; it is told to write each word that it offers in <>.
  Words zsh(const std::string& line) {
    constexpr const char* kTerminal = R"zsh(
      zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell "PROMPT=; autoload -Uz compinit; compinit -u -D; source ${(q)1}
        offer() {
          [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd \"\$@\"; return }
          local -a words; builtin compadd -A words \"\$@\"; print -r -- \"<\${(j:> <:)words}>\"
        }
        functions[compadd]=\$functions[offer]
        leave() { print the-end; exit }; comppostfuncs=(leave)
        bindkey '^I' complete-word; print ready"
      while zpty -r shell line; do [[ $line == *ready* && $line != *print* ]] && break; done
      zpty -w -n shell "$2"$'\t'
      while zpty -r shell line; do [[ $line == *the-end* ]] && break; print -r -- "$line"; done
      zpty -d shell)zsh";
    const std::string output =
        output_of({"zsh", "-f", "-c", kTerminal, "zsh", script_of("zsh").string(), line});
    Words words;
    for (std::size_t at = 0; (at = output.find('<', at)) != std::string::npos; ++at) {
      const std::string word = output.substr(at + 1, output.find('>', at) - at - 1);
      if (!word.empty()) words.push_back(word);
    }
    return words;
  }
};

TEST_F(OtherShellsTest, FishCompletesCommandsOptionsAndValues) {
  if (!is_installed("fish")) GTEST_SKIP() << "fish is not installed";
  EXPECT_EQ(fish("croft rec"), Words{"reconcile"});
  EXPECT_EQ(fish("croft prune "), (Words{"ack", "show"}));
  EXPECT_EQ(fish("croft -t get desc"), Words{"describe"}) << "a value is no command";
  EXPECT_EQ(fish("croft reconcile --wa"), Words{"--wait"});
  EXPECT_EQ(fish("croft -t alice serve --platform-u"), Words{"--platform-url"});
  EXPECT_EQ(fish("croft diff --output mark"), Words{"markdown"});
  EXPECT_EQ(fish("croft completion z"), Words{"zsh"});
}

TEST_F(OtherShellsTest, ZshCompletesCommandsOptionsAndValues) {
  if (!is_installed("zsh")) GTEST_SKIP() << "zsh is not installed";
  EXPECT_EQ(zsh("croft rec"), Words{"reconcile"});
  EXPECT_EQ(zsh("croft prune "), (Words{"show", "ack"}));
  EXPECT_EQ(zsh("croft -t get desc"), Words{"describe"}) << "a value is no command";
  EXPECT_EQ(zsh("croft reconcile --wa"), Words{"--wait"});
  EXPECT_EQ(zsh("croft diff --output mark"), Words{"markdown"});
  EXPECT_EQ(zsh("croft completion z"), Words{"zsh"});
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
