// Only what is signed by whom the operator trusts changes anything: the real server, real
// repositories, real ssh-keygen and gpg.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/platform.hpp"
#include "tests/support/signer.hpp"

namespace croft::e2e {

namespace {

constexpr const char* kSite = "alice-blog.localhost";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string indented(const std::string& text, const std::string& margin) {
  std::string lines;
  for (const char c : text) {
    lines += c;
    if (c == '\n') lines += margin;
  }
  return lines;
}

class TrustTest : public testing::Test {
 protected:
  Daemon& daemon() { return platform_.daemon; }
  GitRepository& alice() { return platform_.clone("alice"); }

  /// Alice's source asks for signatures, Bob's does not.
  void trust(const std::vector<std::string>& ssh, const std::string& mode = "head",
             const std::string& gpg = "") {
    std::string verify = fmt::format("\n    verify:\n      mode: {}\n", mode);
    if (!ssh.empty()) verify += "      ssh:\n";
    for (const std::string& key : ssh) verify += fmt::format("        - '{}'\n", key);
    if (!gpg.empty()) verify += "      gpg:\n        - |\n          " + indented(gpg, "          ");
    std::string yaml;
    for (const std::string name : {"alice", "bob"}) {
      yaml += fmt::format(
          "---\napiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: {}}}\nspec:\n  plan: studio\n"
          "  source:\n    url: \"{}\"{}\n",
          name, platform_.clone(name).git({"remote", "get-url", "origin"}),
          name == "alice" ? verify : "");
    }
    platform_.operate("tenants.yaml", yaml);
  }

  std::string push(const std::string& text) {
    return platform_.push("alice", site_files("blog", text));
  }

  /// Waits until the source is stalled for that reason, and says what people are told.
  std::string stalls_as(const std::string& reason, const std::string& commit) {
    std::string said;
    const bool is_so = wait_until([&] {
      said = daemon().croft({"get", "-t", "alice"}).error;
      return has(said, "(" + reason + ")") && has(said, commit.substr(0, 7));
    });
    EXPECT_TRUE(is_so) << reason << "\n" << said << daemon().log();
    return said;
  }

  bool shows(const std::string& text) { return platform_.shows(kSite, text); }

  Platform platform_{{"alice", "bob"}};
  SshSigner laptop_{"alice@laptop"};
  SshSigner desk_{"alice@desk"};
};

TEST_F(TrustTest, OnlySignedRevisionsChangeAnything) {
  trust({laptop_.public_key()});
  laptop_.sign_in(alice());
  push("signed");
  platform_.push("bob", site_files("home", "bob"));
  daemon().start();
  ASSERT_TRUE(shows("signed")) << daemon().log();

  sign_no_more(alice());
  const std::string plain = push("unsigned");
  const std::string said = stalls_as("Unsigned", plain);
  EXPECT_TRUE(has(said, "by Tester <tester@example.com> is not trusted: it is not signed")) << said;
  EXPECT_TRUE(has(said, "git commit --amend --no-edit -S")) << said;
  EXPECT_TRUE(shows("signed"));
  EXPECT_TRUE(has(daemon().croft({"events", "-t", "alice"}).output, "Unsigned"));
  // Nobody else waits for it.
  platform_.push("bob", site_files("home", "bob again"));
  EXPECT_TRUE(platform_.shows("bob-home.localhost", "bob again"));

  desk_.sign_in(alice());
  const std::string foreign = push("by another key");
  stalls_as("UntrustedKey", foreign);
  EXPECT_TRUE(shows("signed"));

  // A restart judges as before; a key that is added lets the same commit in.
  daemon().stop();
  daemon().start();
  stalls_as("UntrustedKey", foreign);
  EXPECT_TRUE(shows("signed"));
  trust({laptop_.public_key(), "alice valid-after=\"20200101Z\" " + desk_.public_key()});
  EXPECT_TRUE(shows("by another key")) << daemon().log();

  // The key's end takes nothing back, and lets nothing in.
  trust({laptop_.public_key(), "alice valid-before=\"20240101Z\" " + desk_.public_key()});
  const std::string late = push("too late");
  EXPECT_TRUE(has(stalls_as("UntrustedKey", late), "key has expired"));
  EXPECT_TRUE(shows("by another key"));

  laptop_.sign_in(alice());
  push("good again");
  EXPECT_TRUE(shows("good again"));
  EXPECT_TRUE(
      wait_until([&] { return !has(daemon().croft({"get", "-t", "alice"}).error, "is stalled"); }));
}

TEST_F(TrustTest, EveryCommitSinceTheLastAppliedCounts) {
  trust({laptop_.public_key()}, "every");
  push("before anybody signed");
  laptop_.sign_in(alice());
  push("first");
  daemon().start();
  ASSERT_TRUE(shows("first")) << daemon().log();
  push("second");
  EXPECT_TRUE(shows("second"));
  const std::string good = alice().id_of();
  sign_no_more(alice());
  const std::string hidden = alice().commit(site_files("blog", "hidden"));
  laptop_.sign_in(alice());
  push("on top");
  EXPECT_TRUE(has(stalls_as("Unsigned", alice().id_of()), hidden.substr(0, 10)));
  EXPECT_TRUE(shows("second"));
  alice().git({"reset", "--quiet", "--hard", good});
  alice().commit(site_files("blog", "mended"));
  alice().force_push();
  EXPECT_TRUE(shows("mended")) << daemon().log();
}

TEST_F(TrustTest, GpgKeysSignToo) {
  const GpgSigner gpg("alice");
  const GpgSigner mallory("mallory");
  trust({}, "head", gpg.public_key());
  gpg.sign_in(alice());
  push("by gpg");
  daemon().start();
  ASSERT_TRUE(shows("by gpg")) << daemon().log();
  mallory.sign_in(alice());
  const std::string foreign = push("by mallory");
  EXPECT_TRUE(has(stalls_as("UntrustedKey", foreign), "not among those that may sign"));
  EXPECT_TRUE(shows("by gpg"));
}

TEST_F(TrustTest, ThePlatformsRepositoryIsHeldToTheOperatorsFiles) {
  const std::filesystem::path signers = laptop_.directory() / "allowed_signers";
  ASSERT_TRUE(
      write_file_atomic(signers, "# who operates\nroot " + desk_.public_key() + "\n", 0600));
  daemon().flags.insert(daemon().flags.end(), {"--platform-verify", "head",
                                               "--platform-allowed-signers", signers.string()});
  desk_.sign_in(platform_.operators_clone());
  trust({laptop_.public_key()});
  laptop_.sign_in(alice());
  push("signed");
  daemon().start();
  ASSERT_TRUE(shows("signed")) << daemon().log();
  // Who can push to the platform's repository cannot let their own key in.
  laptop_.sign_in(platform_.operators_clone());
  trust({laptop_.public_key(), desk_.public_key()});
  EXPECT_TRUE(wait_until([&] {
    return has(daemon().croft({"get", "-A"}).error, "source platform is stalled");
  })) << daemon().log();
  desk_.sign_in(alice());
  stalls_as("UntrustedKey", push("by another key"));
  desk_.sign_in(platform_.operators_clone());
  platform_.operate("note.yaml", "# signed\n");
  EXPECT_TRUE(shows("by another key")) << daemon().log();
}

}  // namespace

}  // namespace croft::e2e
