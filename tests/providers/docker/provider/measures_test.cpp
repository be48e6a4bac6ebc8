#include <chrono>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/providers/docker/provider/fixture.hpp"

namespace croft {
namespace {

/// Of an engine of this machine, and of the same one as if it were another's.
class DockerMeasuresTest : public DockerTest {
 protected:
  void make_remote() {
    const DockerEngine& engine = DockerEngine::shared();
    settings_.host = fmt::format("tcp://127.0.0.1:{}", engine.tls_port());
    settings_.isolation = docker::ProviderSettings::Isolation::None;
    settings_.ca_file = in_file("ca.pem", engine.certificates().authority);
    settings_.cert_file = in_file("cert.pem", engine.certificates().client);
    settings_.key_file = in_file("key.pem", engine.certificates().client_key);
    restart_croft();
  }
  void TearDown() override {
    settings_.host = DockerEngine::shared().host();  // for its own client, which has no certificate
    DockerTest::TearDown();
  }
  std::string in_file(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = directory_->path() / name;
    EXPECT_TRUE(write_file_atomic(path, text, 0600));
    return path;
  }
  /// Each with a mebibyte of its own to hold.
  void make(int count) {
    for (int i = 0; i < count; ++i) {
      Value spec = shell("head -c 1048576 /dev/zero >/dev/shm/held; echo ready; sleep 1000");
      const Result<void> made = create(instance(fmt::format("app{}", i)), spec);
      ASSERT_TRUE(made) << made.error().describe();
    }
    for (int i = 0; i < count; ++i) ASSERT_TRUE(says(instance(fmt::format("app{}", i)), "ready"));
  }
  std::map<std::string, Use> use() {
    const auto begin = std::chrono::steady_clock::now();
    const Result<std::vector<Use>> all = await(provider_->use());
    EXPECT_TRUE(all) << all.error().describe();
    std::map<std::string, Use> by_uid;
    if (!all) return by_uid;
    for (const Use& one : *all) EXPECT_TRUE(by_uid.emplace(one.uid, one).second);
    const auto took = std::chrono::steady_clock::now() - begin;
    fmt::print("{} were measured in {} ms, by {}\n", all->size(),
               took / std::chrono::milliseconds(1), settings_.host.substr(0, 4));
    return by_uid;
  }
};

TEST_F(DockerMeasuresTest, ManyAreMeasuredAndOneThatDiedIsLeftOut) {
  constexpr int kMany = 30;
  make(kMany);
  std::map<std::string, Use> measured = use();
  EXPECT_EQ(measured.size(), std::size_t{kMany});
  for (const auto& [uid, one] : measured) {
    EXPECT_GE(one.memory.value_or(0), 1 << 20) << uid;
    EXPECT_LE(one.memory.value_or(0), 32 << 20) << uid;
    EXPECT_EQ(one.memory_limit, 32 << 20) << uid;
    EXPECT_TRUE(one.cpu_seconds) << uid;
    EXPECT_GE(one.processes.value_or(0), 1) << uid;
    EXPECT_GT(one.at, Timestamp()) << uid;
  }
  const std::string dead = uid_of(instance("app3"));
  docker({"kill", container_of(instance("app3"))});
  const auto others = [&] {
    std::map<std::string, Use> all = use();
    all.erase(dead);  // the engine may have started it again
    return all.size();
  };
  EXPECT_EQ(others(), std::size_t{kMany - 1});
  make_remote();
  EXPECT_EQ(others(), std::size_t{kMany - 1});
}

TEST_F(DockerMeasuresTest, TheKernelAndTheEngineSayTheSame) {
  make(2);
  const std::map<std::string, Use> by_kernel = use();
  make_remote();
  const std::map<std::string, Use> by_engine = use();
  ASSERT_EQ(by_engine.size(), 2U);
  for (const auto& [uid, one] : by_engine) {
    ASSERT_TRUE(by_kernel.contains(uid));
    const Use& other = by_kernel.at(uid);
    EXPECT_NEAR(static_cast<double>(*one.memory), static_cast<double>(*other.memory), 1 << 19);
    EXPECT_EQ(one.memory_limit, other.memory_limit);
    EXPECT_EQ(one.processes, other.processes);
    EXPECT_NEAR(*one.cpu_seconds, *other.cpu_seconds, 0.2);
  }
}

}  // namespace
}  // namespace croft
