// A compose project that Debian's docker-compose brought up on a real engine, imported: Croft reads
// what was written as it reads the file that was brought up.

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/git/tree.hpp"
#include "tests/cli/command_line.hpp"
#include "tests/core/manifest/loading.hpp"
#include "tests/support/docker_engine.hpp"

namespace croft::cli {
namespace {

using testing::HasSubstr;

// All that is said here can be read off the engine.
constexpr const char* kCompose = R"(services:
  web:
    image: busybox:test
    command: [sh, -c, 'echo "$$GREETING" > /tmp/x; trap "exit 0" TERM; sleep 600 & wait']
    environment: {GREETING: "it's $$5: yes # no", EMPTY: ""}
    ports: ["127.0.0.1:18080:80"]
    labels: {tier: front}
    networks: {back: {}, front: {aliases: [www]}}
    restart: unless-stopped
    healthcheck: {test: [CMD, "true"], interval: 90s, timeout: 3s, retries: 5}
    mem_limit: 64m
    cpus: 0.5
    user: "1000:1000"
    read_only: true
    tmpfs: ["/tmp:size=1m"]
    cap_drop: [ALL]
    init: false
    stop_grace_period: 3s
  db:
    image: busybox:test
    command: [sleep, "600"]
    volumes: ["data:/data", "/scratch"]
    networks: [back]
    restart: "on-failure:3"
    hostname: base
    ulimits: {nofile: {soft: 100, hard: 200}}
    stop_signal: SIGKILL
  one:
    image: busybox:test
    command: [id]
    restart: "no"
networks: {front: {}, back: {internal: true}}
volumes: {data: {}}
)";

constexpr const char* kHosting =
    "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {file: compose.yaml}\n";

/// Ref → spec of all parts of the Stack; what is wrong under "complaints".
std::map<std::string, std::string> parts_of(const FileTree& tree) {
  const manifest::LoadRequest request{.source = "alice/main", .tenant = "alice"};
  const manifest::LoadedSet set = manifest::load_tree(tree, request);
  std::map<std::string, std::string> parts;
  if (!set.is_usable()) parts["complaints"] = manifest::render(set.diagnostics);
  for (const Resource& resource : set.resources) {
    if (resource.ref.kind != Kind::Stack) parts[local_name(resource.ref)] = to_json(*resource.spec);
  }
  return parts;
}

class ImportEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!DockerEngine::problem().empty()) GTEST_SKIP() << DockerEngine::problem();
    if (!run_child_checked({.arguments = {"docker-compose", "version"}}))
      GTEST_SKIP() << "docker-compose is not installed";
    std::ofstream(file()) << kCompose;
    const auto up = compose({"up", "-d"});
    is_up_ = true;
    ASSERT_TRUE(up) << up.error().describe();
  }
  void TearDown() override {
    if (is_up_) (void)compose({"down", "-v"});
  }

  static DockerEngine& engine() { return DockerEngine::shared(); }
  std::filesystem::path file() const { return directory_.path() / "docker-compose.yaml"; }
  Result<std::string> compose(std::vector<std::string> words) const {
    words.insert(words.begin(), {"docker-compose", "-p", "shop", "-f", file().string()});
    return run_child_checked({.arguments = std::move(words),
                              .environment = {"DOCKER_HOST=" + engine().host()},
                              .deadline = Duration(90'000)});
  }
  Ran import(const std::string& project, const std::string& directory,
             std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"import",        "compose", project,  "--engine",
                                   engine().host(), "-o",      directory};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-import-").value();
  bool is_up_ = false;
};

TEST_F(ImportEngineTest, WhatDockerComposeBroughtUpIsReadAsItsFileIs) {
  const std::string out = directory_.path() / "out";
  const Ran ran = import("shop", out);
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("Stack/shop: 3 services"));
  EXPECT_THAT(ran.out, HasSubstr("docker run --rm -v shop_data:/d:ro busybox tar -C /d -c . | "
                                 "croft volume import --quiesce Volume/shop.data"));
  const auto original =
      parts_of(*make_memory_tree({{"compose.yaml", kCompose}, {"hosting.yaml", kHosting}}));
  EXPECT_EQ(original.size(), 7U) << "three services, three networks, a volume";
  EXPECT_EQ(parts_of(*open_working_tree(out).value()), original)
      << read_file(out + "/compose.yaml", 1 << 20).value();

  const Ran again = import("shop", out);
  EXPECT_EQ(again.status, 2);
  EXPECT_THAT(again.err, HasSubstr("compose.yaml is there already"));
  EXPECT_EQ(import("shop", out, {"--force"}).status, 0);
}

TEST_F(ImportEngineTest, AProjectThatIsNotThereNamesThoseThatAre) {
  const Ran ran = import("shopp", directory_.path() / "out");
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("there is no container of a project 'shopp'"));
  EXPECT_THAT(ran.err, HasSubstr("there are: shop"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "out"));
}

TEST(ImportWithoutEngineTest, NobodyListensIsSaid) {
  const Ran ran = run({"import", "compose", "shop", "--engine", "unix:///nonexistent/docker.sock"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("/nonexistent/docker.sock"));
}

}  // namespace
}  // namespace croft::cli
