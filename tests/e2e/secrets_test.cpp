// Secrets from a commit to an app and nowhere else: the real server, real repositories, real
// processes. Every value that is planted is looked for everywhere in the end.

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/base64.hpp"
#include "core/base/hex.hpp"
#include "tests/e2e/support/platform.hpp"
#include "tests/support/sops_file.hpp"
#include "tests/support/test_store.hpp"

namespace croft::e2e {

namespace {

namespace fs = std::filesystem;

/// Answers with what it was given, and with its start's own number; prints none of it.
constexpr const char* kTeller = R"(import http.server
import os
import pathlib

BOOT = os.urandom(6).hex()
FILE = pathlib.Path("/run/secrets/key")


class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = f"token={os.environ.get('TOKEN')} boot={BOOT}"
        if FILE.exists():
            mode = FILE.stat().st_mode & 0o777
            mine = FILE.stat().st_uid == os.getuid()
            text += f" file={FILE.read_text()} mode={mode:o} mine={mine}"
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), App).serve_forever()
)";

std::string instance(const std::string& name, const std::string& more) {
  return fmt::format(
      "apiVersion: croft/v1\nkind: Instance\nmetadata: {{name: {0}}}\nspec:\n"
      "  command: [python3, app.py]\n  files: {{path: {0}}}\n  http: {{port: 8000}}\n"
      "  resources: {{cpu: 500m, memory: 64MiB}}\n  health: {{http: /, startWithin: 50s}}\n{1}",
      name, more);
}

std::string secret_manifest(const std::string& name, const std::string& values) {
  return fmt::format(
      "apiVersion: croft/v1\nkind: Secret\nmetadata: {{name: {}}}\nspec:\n  values:\n{}", name,
      values);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// How a text may turn up: as it is, in hexadecimal, and in base64 wherever it lies in what was
/// encoded.
std::vector<std::string> forms_of(const std::string& value) {
  std::vector<std::string> forms{
      value, to_hex({reinterpret_cast<const unsigned char*>(value.data()), value.size()})};
  for (std::size_t before = 0; before < 3; ++before) {
    // Characters that depend on the neighbours are left out at both ends.
    const std::string coded = to_base64(std::string(before, ' ') + value);
    const std::size_t first = before == 0 ? 0 : before + 1;
    forms.push_back(coded.substr(first, (value.size() + before) / 3 * 4 - first));
  }
  return forms;
}

class SecretsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "secret files need a sandbox, which needs root";
    daemon().flags.insert(daemon().flags.end(),
                          {"--metrics-listen", fmt::format("127.0.0.1:{}", metrics_port_)});
    daemon().start();
    key_ = croft({"secret", "key"});
    key_.erase(key_.find_last_not_of('\n') + 1);
  }

  Daemon& daemon() { return platform_.daemon; }

  std::string croft(const std::vector<std::string>& words) {
    const ChildOutput done = daemon().croft(words);
    EXPECT_EQ(done.status, 0) << fmt::format("croft {}: {}{}", fmt::join(words, " "), done.output,
                                             done.error);
    said_ += done.output + done.error;
    return done.output;
  }

  /// A new value that nothing else of the world contains.
  std::string plant() {
    planted_.push_back("planted-" + unique_marker());
    return planted_.back();
  }

  /// As a tenant does it, without the server.
  std::string seal(const std::string& tenant, const std::string& place, const std::string& value) {
    const auto done =
        run_child({.arguments = {CROFT_BINARY, "seal", place, "-t", tenant, "--with", key_},
                   .input = value + "\n"});
    EXPECT_TRUE(done && done->status == 0) << (done ? done->error : done.error().describe());
    std::string sealed = done ? done->output : "";
    sealed.erase(sealed.find_last_not_of('\n') + 1);
    EXPECT_TRUE(sealed.starts_with("sealed:v1:")) << sealed;
    return sealed;
  }

  std::string body(const std::string& app) {
    return platform_.get("alice-" + app + ".localhost").body;
  }
  bool comes(const std::string& app, const std::string& text) {
    return wait_until([&] { return has(body(app), text); });
  }
  bool says(const std::vector<std::string>& words, const std::string& part) {
    return wait_until([&] { return has(daemon().croft(words).output, part); });
  }

  /// Everything that the server says to whoever asks it.
  void ask_everything() {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"get", "-A"},
                                               {"get", "-A", "-o", "json"},
                                               {"get", "-A", "-o", "wide"},
                                               {"events", "-A"},
                                               {"events", "-A", "-o", "json"},
                                               {"secret", "keys", "-o", "json"},
                                               {"get", "webhooks", "-A", "-o", "json"},
                                               {"webhook", "ls", "-A"},
                                               {"diff", "-t", "alice"},
                                               {"describe", "bob/Secret/none"},
                                               {"prune", "show", "-t", "alice"},
                                               {"logs", "alice/Instance/api"},
                                               {"doctor", "--data", daemon().data().string()},
                                               {"top", "-A"},
                                               {"describe", "alice/Instance/api"},
                                               {"describe", "alice/Instance/api", "-o", "yaml"}}) {
      const ChildOutput done = daemon().croft(words);
      said_ += done.output + done.error;
    }
    const Answer metrics = http_get(metrics_port_, "127.0.0.1", "/metrics");
    EXPECT_EQ(metrics.status, 200) << metrics.failure;
    said_ += metrics.body;
  }

  /// All that the store holds, whichever engine it is on.
  std::string dump_of_store() {
    const std::string file = daemon().data() / "dump.jsonl";
    std::vector<std::string> words{CROFT_BINARY, "store",  "backup",
                                   file,         "--data", daemon().data().string()};
    const std::string url = test_store_url(daemon().data());
    if (!url.empty()) words.insert(words.end(), {"--store-url", url});
    const auto done = run_child({.arguments = words});
    EXPECT_TRUE(done && done->status == 0) << (done ? done->error : done.error().describe());
    const std::string text = read_file(file, 512U << 20U).value_or("");
    EXPECT_TRUE(has(text, "alice")) << "the dump is not of this store";
    fs::remove(file);
    return text;
  }

  /// Where a value is that nobody may see, in any of its forms.
  std::set<std::string> places_of(const std::string& value) {
    std::set<std::string> places;
    for (const std::string& form : forms_of(value)) places.merge(places_of_form(form));
    return places;
  }

  /// Looked into are the files of the data directory (but for the operator's secrets themselves),
  /// the log, what was said, the store, the arguments of every process, and the variables of ours.
  std::set<std::string> places_of_form(const std::string& value) {
    std::set<std::string> places;
    if (has(dump_of_store(), value)) places.insert("the store");
    if (has(daemon().log(), value)) places.insert("the log");
    if (has(said_, value)) places.insert("what was said");
    std::error_code error;
    for (fs::recursive_directory_iterator it(daemon().data(), error), end; it != end;
         it.increment(error)) {
      if (it->path() == daemon().data() / "secrets") it.disable_recursion_pending();
      if (!fs::is_regular_file(it->symlink_status(error))) continue;
      const auto text = read_file(it->path(), 512U << 20U);
      if (text && has(*text, value)) places.insert(fs::relative(it->path(), daemon().data()));
    }
    for (const fs::directory_entry& process : fs::directory_iterator("/proc", error)) {
      const auto arguments = read_file(process.path() / "cmdline", 1 << 20);
      if (arguments && has(*arguments, value)) places.insert("the arguments of a process");
    }
    for (const char* role : {"control", "edge", "hooks"}) {
      const std::optional<pid_t> pid = daemon().role(role);
      const auto variables = read_file(fmt::format("/proc/{}/environ", pid.value_or(0)), 1 << 20);
      if (variables && has(*variables, value)) places.insert("the variables of a role");
    }
    return places;
  }

  Platform platform_{{"alice", "bob"}};
  int metrics_port_ = free_port();
  std::string key_;
  std::string said_;
  std::vector<std::string> planted_;
};

TEST_F(SecretsTest, ComeToTheAppAndNowhereElse) {
  const std::string token = plant();
  const std::string file = plant();
  const std::string other = plant();
  const std::string loud = plant();
  const std::string uses =
      "  env: {TOKEN: {secret: api}}\n  secretFiles: {/run/secrets/key: {secret: tls/key}}\n";
  const std::string recipient = [&] {
    std::string text = croft({"secret", "key", "--sops", "-t", "alice"});
    return text.erase(text.find_last_not_of('\n') + 1);
  }();
  platform_.push(
      "alice",
      {{"api.yaml", instance("api", uses)},
       {"api/app.py", kTeller},
       {"still.yaml", instance("still", "  env: {TOKEN: {secret: still}}\n")},
       {"still/app.py", kTeller},
       // What fails, and prints its environment: that is its own log, which is the tenant's.
       {"loud.yaml", instance("loud", "  env: {TOKEN: {secret: loud}}\n")},
       {"loud/app.py", "import os, sys\nprint(os.environ, flush=True)\nsys.exit(1)\n"},
       {"secrets.yaml",
        secret_manifest("api", "    value: " + seal("alice", "api", token) + "\n") + "---\n" +
            secret_manifest("tls", "    key: \"" + seal("alice", "tls/key", file) + "\"\n" +
                                       "    crt: " + seal("alice", "tls/crt", "public") + "\n") +
            "---\n" + secret_manifest("loud", "    value: " + seal("alice", "loud", loud) + "\n") +
            "---\napiVersion: croft/v1\nkind: Secret\nmetadata: {name: still}\n"
            "spec: {file: still.enc.yaml}\n"},
       {"still.enc.yaml", sops_file({{"value", other}, {"more", "x"}}, recipient)}});
  ASSERT_TRUE(comes("api", "token=" + token)) << body("api") << daemon().log();
  EXPECT_TRUE(has(body("api"), "file=" + file + " mode=400 mine=True")) << body("api");
  ASSERT_TRUE(comes("still", "token=" + other)) << body("still") << daemon().log();
  EXPECT_TRUE(says({"describe", "alice/Instance/loud"}, "CrashLoop"));

  // Another value: only what uses it is changed, and the diff says why.
  const std::string still = body("still");
  const std::string renewed = plant();
  const fs::path clone = platform_.clone("alice").path();
  std::string manifests = read_file(clone / "secrets.yaml", 1 << 20).value();
  const std::size_t begin = manifests.find("    value: ");
  manifests.replace(begin, manifests.find('\n', begin) - begin,
                    "    value: " + seal("alice", "api", renewed));
  platform_.clone("alice").write("secrets.yaml", manifests);
  const ChildOutput diff = daemon().croft({"diff", clone.string(), "-t", "alice"});
  EXPECT_EQ(diff.status, 1) << diff.output << diff.error;
  EXPECT_TRUE(has(diff.output, "Instance/api")) << diff.output;
  EXPECT_TRUE(has(diff.output, "secret changed")) << diff.output;
  EXPECT_FALSE(has(diff.output, "~ Instance/still")) << diff.output;
  for (const char* format : {"json", "markdown"}) {
    const ChildOutput done = daemon().croft({"diff", clone.string(), "-t", "alice", "-o", format});
    said_ += done.output + done.error;
  }
  said_ += diff.output;
  platform_.push("alice", {{"secrets.yaml", manifests}});
  ASSERT_TRUE(comes("api", "token=" + renewed)) << body("api") << daemon().log();
  EXPECT_EQ(body("still"), still) << "it was started anew for a secret that it does not use";

  ask_everything();
  for (const std::string& value : {token, file, other, renewed})
    EXPECT_EQ(places_of(value), std::set<std::string>()) << value;
  for (const std::string& place : places_of(loud)) EXPECT_TRUE(has(place, "/logs/")) << place;
}

// Everything that the operator's kinds sign in with, where whatever they sign in to fails.
TEST_F(SecretsTest, WhatOperatorsKindsUseIsNowhereElse) {
  const std::string dead = fmt::format("127.0.0.1:{}", free_port());
  const fs::path secrets = daemon().data() / "secrets";
  fs::create_directories(secrets);
  std::map<std::string, std::string> values;
  for (const char* name : {"git", "hook", "forge"}) values[name] = plant();
  const std::string token = plant();
  values["endpoint"] = "http://" + dead + "/" + token;
  values["key"] = "whsec_" + to_base64(plant() + "-and-as-long-as-it-has-to-be");
  for (const auto& [name, value] : values)
    ASSERT_TRUE(write_file_atomic(secrets / name, value + "\n", 0600));
  const std::string commit = platform_.push("alice", site_files("blog", "garden"));
  const std::string alice = platform_.clone("alice").git({"remote", "get-url", "origin"});
  platform_.operate(
      "more.yaml",
      fmt::format(
          "apiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: carol}}\nspec:\n  plan: studio\n"
          "  source: {{url: \"https://{0}/carol.git\", credentials: {{secret: git}}}}\n---\n"
          "apiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: dave}}\nspec:\n  plan: studio\n"
          "  source:\n    url: \"{1}\"\n    receiver: {{type: hmac, secret: hook}}\n"
          "    commitStatus: {{type: gitea, secret: forge, url: \"http://{0}/api/v1\", repository: "
          "a/b}}\n"
          "---\napiVersion: croft/v1\nkind: Webhook\nmetadata: {{name: ops}}\nspec:\n"
          "  url: {{secret: endpoint}}\n  secret: {{secret: key}}\n  allowPrivate: true\n",
          dead, alice.substr(0, alice.find('\n'))));
  EXPECT_TRUE(says({"events", "-t", "carol"}, "FetchFailed")) << daemon().log();
  EXPECT_TRUE(says({"webhook", "deliveries", "-t", "-", "ops"}, "nothing listens there"))
      << daemon().croft({"webhook", "deliveries", "-t", "-", "ops"}).output
      << daemon().croft({"webhook", "deliveries", "-t", "-", "ops"}).error;
  // And the line that says so says whose revision it is about.
  const auto told = [&] {
    const std::string log = daemon().log();
    const std::size_t line = log.find("a report cannot be posted yet");
    return line != std::string::npos &&
           has(log.substr(line, log.find('\n', line) - line), "revision=" + commit);
  };
  EXPECT_TRUE(wait_until(told)) << daemon().log();
  croft({"webhook", "deliveries", "-t", "-", "ops"});
  croft({"hooks"});
  ask_everything();
  for (const std::string& value : planted_)
    EXPECT_EQ(places_of(value), std::set<std::string>()) << value;
  EXPECT_EQ(places_of(values["key"].substr(6)), std::set<std::string>());
}

TEST_F(SecretsTest, MemoryOfWhatReadsThemIsNeverDumped) {
  const auto limits =
      read_file(fmt::format("/proc/{}/limits", daemon().role("control").value_or(0)), 1 << 16);
  ASSERT_TRUE(limits);
  const std::size_t line = limits->find("Max core file size");
  ASSERT_NE(line, std::string::npos);
  std::istringstream words(limits->substr(line + std::string("Max core file size").size()));
  std::string soft;
  std::string hard;
  words >> soft >> hard;
  EXPECT_EQ(soft, "0");
  EXPECT_EQ(hard, "0");
}

TEST_F(SecretsTest, SurviveTheServerAndTheSupervisor) {
  const std::string token = plant();
  platform_.push("alice",
                 {{"api.yaml", instance("api", "  env: {TOKEN: {secret: api}}\n")},
                  {"api/app.py", kTeller},
                  {"secret.yaml",
                   secret_manifest("api", "    value: " + seal("alice", "api", token) + "\n")}});
  ASSERT_TRUE(comes("api", "token=" + token)) << daemon().log();
  const std::string first = body("api");
  daemon().kill();
  daemon().start();
  platform_.settle();
  ASSERT_TRUE(comes("api", first)) << "the app was started anew: " << body("api");
  croft({"restart", "alice/Instance/api"});
  EXPECT_TRUE(wait_until([&] {
    const std::string now = body("api");
    return has(now, "token=" + token) && now != first;
  })) << body("api");
  ask_everything();
  EXPECT_EQ(places_of(token), std::set<std::string>());
}

TEST_F(SecretsTest, WhatCannotBeOpenedStopsThatTenantAndChangesNothing) {
  const std::string token = plant();
  const std::string sealed = seal("alice", "api", token);
  const auto files = [&](const std::string& value) {
    return GitRepository::Files{
        {"api.yaml", instance("api", "  env: {TOKEN: {secret: api}}\n")},
        {"api/app.py", kTeller},
        {"secret.yaml", secret_manifest("api", "    value: " + value + "\n")}};
  };
  platform_.push("alice", files(sealed));
  ASSERT_TRUE(comes("api", "token=" + token)) << daemon().log();
  const std::string before = body("api");

  // Moved to another tenant.
  platform_.push("bob", files(sealed));
  EXPECT_TRUE(says({"events", "-t", "bob"}, "was sealed for another place than bob's api/value"))
      << daemon().croft({"events", "-t", "bob"}).output;
  EXPECT_TRUE(says({"events", "-t", "bob"}, "secret.yaml:6:12"))
      << daemon().croft({"events", "-t", "bob"}).output;
  EXPECT_FALSE(has(daemon().croft({"get", "-t", "bob"}).output, "Instance/api"));

  // In clear by mistake: refused, and not repeated.
  const std::string clear = plant();
  platform_.push("alice", files(clear));
  EXPECT_TRUE(says({"events", "-t", "alice"}, "is not sealed"));
  // A name that there is not.
  platform_.push("alice", {{"api.yaml", instance("api", "  env: {TOKEN: {secret: apj}}\n")},
                           {"secret.yaml", secret_manifest("api", "    value: " + sealed + "\n")}});
  EXPECT_TRUE(says({"events", "-t", "alice"}, "there is no Secret 'apj'"))
      << daemon().croft({"events", "-t", "alice"}).output;
  EXPECT_EQ(body("api"), before);
  ask_everything();
  EXPECT_EQ(places_of(token), std::set<std::string>());
  EXPECT_EQ(places_of(clear), std::set<std::string>());
}

TEST_F(SecretsTest, KeysAreRotatedWithoutAnythingStartingAnew) {
  const std::string token = plant();
  platform_.push("alice",
                 {{"api.yaml", instance("api", "  env: {TOKEN: {secret: api}}\n")},
                  {"api/app.py", kTeller},
                  {"secret.yaml",
                   secret_manifest("api", "    value: " + seal("alice", "api", token) + "\n")}});
  ASSERT_TRUE(comes("api", "token=" + token)) << daemon().log();
  const std::string before = body("api");
  const std::string list = croft({"secret", "keys"});
  const std::string old_id = list.substr(list.find('\n') + 1, 8);
  croft({"secret", "rotate"});
  EXPECT_NE(daemon().croft({"secret", "retire", old_id}).status, 0)
      << "a key was forgotten that is in use";
  const fs::path clone = platform_.clone("alice").path();
  EXPECT_TRUE(has(croft({"secret", "reseal", clone.string(), "-t", "alice"}), "api/value"));
  EXPECT_TRUE(has(croft({"secret", "reseal", clone.string(), "-t", "alice"}), "0 sealed anew, 1"));
  platform_.clone("alice").commit("seal anew");
  platform_.clone("alice").push();
  platform_.settle("alice");
  croft({"secret", "retire", old_id});
  EXPECT_FALSE(has(croft({"secret", "keys"}), old_id));
  EXPECT_EQ(body("api"), before);
  daemon().kill();
  daemon().start();
  platform_.settle();
  EXPECT_TRUE(comes("api", before)) << body("api");
  ask_everything();
  EXPECT_EQ(places_of(token), std::set<std::string>());
}

}  // namespace

}  // namespace croft::e2e
