#include <chrono>
#include <sstream>

#include <fmt/format.h>

#include "providers/docker/names.hpp"
#include "tests/providers/docker/provider/fixture.hpp"

namespace croft {
namespace {

class DockerFaultTest : public DockerTest {
 protected:
  int container_count(const Ref& ref) {
    const std::string ids = docker({"ps", "-aq", "--filter", "label=croft.uid=" + uid_of(ref)});
    return static_cast<int>(std::ranges::count(ids, '\n'));
  }
};

TEST_F(DockerFaultTest, AContainerOfThatNameThatIsNotOursIsNeverTouched) {
  const Ref ref = instance("api");
  Effect wanted = effect(ref, shell("sleep 1000"));
  const std::string name = docker::container_name(ref, wanted.uid, wanted.intent);
  docker({"run", "-d", "--name", name, "busybox:test", "sleep", "1000"});
  const Result<void> made = await(provider_->create(wanted));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::Conflict);
  EXPECT_NE(made.error().describe().find("not ours"), std::string::npos) << made.error().describe();
  EXPECT_TRUE(destroy(ref));
  EXPECT_EQ(docker({"inspect", "-f", "{{.State.Running}}", name}), "true\n");
  docker({"rm", "-f", name});
}

TEST_F(DockerFaultTest, ForeignNetworksAndVolumesAreNeverTouched) {
  const Ref ref = instance("db");
  Value spec = shell("sleep 1000");
  spec.set(
      "volumes",
      Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})}));
  const std::string volume = docker::own_object_name(uid_of(ref), "data");
  docker({"volume", "create", volume});
  const Result<void> made = create(ref, spec);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::Conflict) << made.error().describe();
  EXPECT_TRUE(destroy(ref, DataPolicy::Erase));
  EXPECT_EQ(docker({"volume", "ls", "-q", "--filter", "name=" + volume}), volume + "\n");
  docker({"volume", "rm", volume});
  const std::string network = docker::own_object_name(uid_of(ref), "");
  docker({"network", "create", network});
  EXPECT_FALSE(create(ref, spec));
  EXPECT_TRUE(destroy(ref, DataPolicy::Erase));
  EXPECT_NE(docker({"network", "ls", "--filter", "name=" + network, "-q"}), "");
  docker({"network", "rm", network});
}

TEST_F(DockerFaultTest, LabelsOfAStrangersContainerMakeItNotOurs) {
  const Ref ref = instance("api");
  docker({"run", "-d", "--name", "stranger", "--label", "croft.uid=" + uid_of(ref), "--label",
          "croft.provider=test", "--label", "croft.intent=x", "busybox:test", "sleep", "1000"});
  EXPECT_FALSE(seen(ref));
  EXPECT_TRUE(destroy(ref));
  EXPECT_EQ(docker({"inspect", "-f", "{{.State.Running}}", "stranger"}), "true\n");
  docker({"rm", "-f", "stranger"});
}

TEST_F(DockerFaultTest, AHalfMadeContainerIsFinished) {
  const Ref ref = instance("api");
  const Effect wanted = effect(ref, shell("sleep 1000"));
  ASSERT_TRUE(await(provider_->create(wanted)));
  // As if Croft had died between making and starting it.
  const std::string id = container_of(ref);
  docker({"rm", "-f", id});
  const Effect another = wanted;
  ASSERT_TRUE(await(provider_->create(another)));
  docker({"stop", "-t", "0", container_of(ref)});
  ASSERT_TRUE(await(provider_->create(another)));
  EXPECT_TRUE(becomes(ref, Phase::Running));
  EXPECT_EQ(container_count(ref), 1);
}

TEST_F(DockerFaultTest, WhatAnInterruptedUpdateLeftBehindIsSeenAndTidiedUp) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, shell("sleep 1000")));
  // As if an update had ended after the new container ran, and before the old one went.
  const Effect other = effect(ref, shell("sleep 1000"));
  const std::string left = docker::container_name(ref, other.uid, other.intent);
  std::vector<std::string> words{"create", "--name", left};
  std::istringstream labels(docker({"inspect", "-f",
                                    R"({{range $k, $v := .Config.Labels}}{{$k}}={{$v}}
{{end}})",
                                    container_of(ref)}));
  for (std::string line; std::getline(labels, line);) {
    if (line.starts_with(docker::label::kIntent))
      line = docker::label::kIntent + ("=" + other.intent);
    if (!line.empty()) words.insert(words.end(), {"--label", line});
  }
  words.insert(words.end(), {"busybox:test", "sleep", "1000"});
  const std::string kept = container_of(ref);
  docker(words);
  ASSERT_EQ(container_count(ref), 2);
  EXPECT_EQ(seen(ref)->left_behind, "another container");
  ASSERT_TRUE(update(ref, shell("sleep 1000")));
  EXPECT_EQ(container_count(ref), 1);
  EXPECT_EQ(container_of(ref), kept) << "what runs as declared runs on";
  EXPECT_EQ(seen(ref)->left_behind, "");
}

TEST_F(DockerFaultTest, AnEngineThatHangsIsATimeout) {
  const Ref ref = instance("api");
  Effect wanted = effect(ref, shell("sleep 1000"));
  wanted.deadline = Duration(1'000);
  DockerEngine::shared().pause();
  const auto begun = std::chrono::steady_clock::now();
  const Result<void> made = await(provider_->create(wanted));
  const auto took = std::chrono::steady_clock::now() - begun;
  DockerEngine::shared().resume();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::Timeout) << made.error().describe();
  EXPECT_LT(took, std::chrono::seconds(5));
  wanted.deadline = Duration(30'000);
  EXPECT_TRUE(await(provider_->create(wanted)));
  EXPECT_TRUE(becomes(ref, Phase::Running));
}

TEST_F(DockerFaultTest, AfterARestartOfTheEngineEverythingIsLookedAtAgain) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, shell("sleep 1000")));
  ASSERT_TRUE(becomes(ref, Phase::Running));
  DockerEngine::shared().stop();
  const auto without = await(provider_->observe());
  ASSERT_FALSE(without);
  EXPECT_TRUE(without.error().is_retryable()) << without.error().describe();
  changes_.clear();
  ASSERT_EQ(engine_starts(), "");
  EXPECT_TRUE(eventually([&] { return std::ranges::count(changes_, uid_of(ref)) > 0; }));
  // The engine starts by its policy what it had stopped with itself; if not, we do.
  if (seen(ref)->phase != Phase::Running) {
    ASSERT_TRUE(await(provider_->start(order(ref))));
  }
  EXPECT_TRUE(becomes(ref, Phase::Running));
}

TEST_F(DockerFaultTest, ANetworkThatIsAnotherByNowDoesNotKeepItDown) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, shell("sleep 1000")));
  ASSERT_TRUE(await(provider_->stop(order(ref))));
  ASSERT_TRUE(becomes(ref, Phase::Stopped));
  docker({"network", "rm", docker::own_object_name(uid_of(ref), "")});
  const Result<void> started = await(provider_->start(order(ref)));
  ASSERT_TRUE(started) << started.error().describe();
  EXPECT_TRUE(becomes(ref, Phase::Running));
  EXPECT_EQ(container_count(ref), 1);
}

TEST_F(DockerFaultTest, TheDataDirectoryMayBeLost) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, web("still here")));
  ASSERT_TRUE(eventually([&] { return get(ref) == "still here"; }));
  const Observed before = *seen(ref);
  std::filesystem::remove_all(settings_.data);
  restart_croft();
  const auto after = seen(ref);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->intent, before.intent);
  EXPECT_EQ(after->spec_digest, before.spec_digest);
  EXPECT_EQ(to_json(*after->fields), to_json(*before.fields));
}

}  // namespace
}  // namespace croft
