#include <fstream>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/providers/docker/provider/fixture.hpp"

namespace croft {
namespace {

class DockerStackTest : public DockerTest {
 protected:
  const Ref network_ = part(Kind::Network, "shop.default");
  const Ref volume_ = part(Kind::Volume, "shop.data");
  const Ref web_ = part(Kind::Service, "shop.web");
  const Ref worker_ = part(Kind::Service, "shop.worker");

  Value on_network(Value spec) const {
    spec.set("networks", Value(Value::List{Value::map({{"name", "default"}})}));
    return spec;
  }
  Value web_service() const {
    Value spec = web("from web");
    spec.erase("http");
    spec.set("ports", Value(Value::List{Value(8080)}));
    return on_network(std::move(spec));
  }
  Value with_volume(Value spec) const {
    spec.set("mounts", Value(Value::List{Value::map({{"path", "/data"}, {"volume", "data"}})}));
    return spec;
  }
};

TEST_F(DockerStackTest, ServicesReachEachOtherByName) {
  ASSERT_TRUE(create(network_, Value::map()));
  ASSERT_TRUE(create(web_, web_service()));
  ASSERT_TRUE(create(worker_, on_network(service("sleep 1000"))));
  EXPECT_TRUE(eventually(
      [&] { return exec(worker_, "[ \"$(wget -q -O - http://web:8080/)\" = 'from web' ]") == 0; }));
  EXPECT_EQ(get(web_), "from web");
  EXPECT_EQ(seen(network_)->phase, Phase::Running);
}

TEST_F(DockerStackTest, AServiceMayShareTheNetworkOfAnother) {
  ASSERT_TRUE(create(network_, Value::map()));
  Value sidecar = service("sleep 1000");
  sidecar.set("networkMode", "service:web");
  const Result<void> early = create(worker_, sidecar);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code(), ErrorCode::Conflict) << early.error().describe();
  ASSERT_TRUE(create(web_, web_service()));
  ASSERT_TRUE(create(worker_, sidecar));
  allow_egress_ = false;
  ASSERT_TRUE(update(web_, web_service()));
  const Result<void> closed = update(worker_, sidecar);
  ASSERT_TRUE(closed) << closed.error().describe();
  EXPECT_TRUE(eventually([&] {
    return exec(worker_, "[ \"$(wget -q -O - http://127.0.0.1:8080/)\" = 'from web' ]") == 0;
  }));
}

TEST_F(DockerStackTest, WhatSharesWithAReplacedOneIsMadeAnew) {
  const Ref watcher = part(Kind::Service, "shop.watcher");
  const auto answers = [this] {
    return exec(worker_, "[ \"$(wget -q -O - http://127.0.0.1:8080/)\" = 'from web' ]") == 0;
  };
  ASSERT_TRUE(create(network_, Value::map()));
  ASSERT_TRUE(create(web_, web_service()));
  Value sidecar = service("sleep 1000");
  sidecar.set("networkMode", "service:web");
  ASSERT_TRUE(create(worker_, sidecar));
  Value watching = service("sleep 1000");
  watching.set("pid", "service:web");
  ASSERT_TRUE(create(watcher, watching));
  ASSERT_TRUE(eventually(answers));
  EXPECT_EQ(seen(worker_)->outdated, "");
  EXPECT_EQ(seen(watcher)->outdated, "");
  Value changed = web_service();
  changed.set("env", Value::map({{"A", "1"}}));
  ASSERT_TRUE(update(web_, changed));
  const std::optional<Observed> stale = seen(worker_);
  EXPECT_EQ(stale->phase, Phase::Running) << "nothing else tells";
  EXPECT_NE(stale->outdated, "");
  EXPECT_FALSE(answers());
  EXPECT_NE(seen(watcher)->outdated, "");
  // The specs are the same, and would be changed in place.
  ASSERT_TRUE(update(worker_, sidecar));
  ASSERT_TRUE(update(watcher, watching));
  EXPECT_EQ(seen(worker_)->outdated, "");
  EXPECT_TRUE(eventually(answers));
  EXPECT_EQ(seen(watcher)->outdated, "");
  EXPECT_EQ(exec(watcher, "grep -qs 'http[d]' /proc/[0-9]*/cmdline"), 0);
}

TEST_F(DockerStackTest, AVolumeIsSharedAndKept) {
  ASSERT_TRUE(create(network_, Value::map()));
  ASSERT_TRUE(create(volume_, Value::map()));
  ASSERT_TRUE(create(web_, with_volume(on_network(service("sleep 1000")))));
  ASSERT_EQ(exec(web_, "echo -n mine >/data/note"), 0);
  ASSERT_TRUE(destroy(web_));
  ASSERT_TRUE(destroy(volume_, DataPolicy::Keep));
  EXPECT_FALSE(seen(volume_)) << "kept data is no Volume";
  restart_croft();
  EXPECT_FALSE(seen(volume_));
  ASSERT_TRUE(create(volume_, Value::map()));
  EXPECT_TRUE(seen(volume_));
  ASSERT_TRUE(create(web_, with_volume(on_network(service("sleep 1000")))));
  EXPECT_EQ(exec(web_, "[ $(cat /data/note) = mine ]"), 0);
  ASSERT_TRUE(destroy(web_));
  ASSERT_TRUE(destroy(volume_, DataPolicy::Erase));
  EXPECT_EQ(docker({"volume", "ls", "-q", "--filter", "name=croft_"}), "");
}

TEST_F(DockerStackTest, AServiceWaitsForItsVolume) {
  ASSERT_TRUE(create(network_, Value::map()));
  const Result<void> made = create(web_, with_volume(on_network(service("sleep 1000"))));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::Conflict);
}

TEST_F(DockerStackTest, ANetworkThatSomebodyTookAwayIsDrift) {
  ASSERT_TRUE(create(network_, Value::map()));
  const Value spec = on_network(service("sleep 1000"));
  ASSERT_TRUE(create(worker_, spec));
  ASSERT_EQ(seen(worker_)->fields->find("networks")->size(), 1u);
  std::string name =
      docker({"network", "ls", "-q", "--filter", "label=croft.uid=" + uid_of(network_)});
  name.pop_back();
  docker({"network", "disconnect", name, container_of(worker_)});
  EXPECT_EQ(seen(worker_)->fields->find("networks")->size(), 0u);
}

TEST_F(DockerStackTest, ComposeUnderstandsWhatItSees) {
  ASSERT_TRUE(create(network_, Value::map()));
  ASSERT_TRUE(create(web_, web_service()));
  const std::string file = directory_->path() / "docker-compose.yml";
  std::ofstream(file) << "version: '3'\nservices: {web: {image: 'busybox:test'}}\n";
  const std::string common =
      fmt::format("DOCKER_HOST={} docker-compose -p alice-shop -f {} ", settings_.host, file);
  if (!run_child_checked({.arguments = {"sh", "-c", "command -v docker-compose"}}))
    GTEST_SKIP() << "docker-compose is not installed";
  const auto listed = run_child_checked({.arguments = {"sh", "-c", common + "ps -q web"}});
  ASSERT_TRUE(listed) << listed.error().describe();
  EXPECT_EQ(*listed, container_of(web_) + "\n");
  const auto shown = run_child_checked({.arguments = {"sh", "-c", common + "ps"}});
  ASSERT_TRUE(shown) << shown.error().describe();
  EXPECT_NE(shown->find("Up"), std::string::npos) << *shown;
}

TEST_F(DockerStackTest, ConfigsAndSecretsAreFilesThatNobodyCanChange) {
  Value spec = service("sleep 1000");
  spec.set("files", Value(Value::List{Value::map({{"path", "/run/secrets/token"},
                                                  {"content", "hush"},
                                                  {"mode", 0400},
                                                  {"uid", 1000},
                                                  {"gid", 1000}})}));
  ASSERT_TRUE(create(worker_, spec));
  EXPECT_EQ(exec(worker_, "[ $(cat /run/secrets/token) = hush ]"), 0);
  EXPECT_EQ(exec(worker_, "[ $(busybox stat -c %a:%u:%g /run/secrets/token) = 400:1000:1000 ]"), 0);
  EXPECT_NE(exec(worker_, "echo no >/run/secrets/token"), 0);
}

}  // namespace
}  // namespace croft
