#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/providers/docker/provider/fixture.hpp"
#include "tests/support/docker_registry.hpp"

namespace croft {
namespace {

using testing::HasSubstr;

class DockerImageTest : public DockerTest {
 protected:
  std::string image_of(const Ref& ref) {
    std::string text =
        docker({"inspect", "-f", "{{index .Config.Labels \"croft.image\"}}", container_of(ref)});
    if (!text.empty()) text.pop_back();
    return text;
  }
  /// Registries on this machine have to be named.
  void take_from(const std::string& registry) {
    settings_.registries = {"docker.io", registry};
    restart_croft();
  }
  void push(const std::string& name, const std::string& marker) {
    const std::string base = fmt::format("croft-test-{}", marker);
    docker({"create", "--name", base, "busybox:test", "true"});
    docker({"commit", "--change", "ENV MARKER=" + marker, base, name});
    docker({"rm", base});
    docker({"push", name});
    docker({"rmi", name});
  }
  Value build_spec() const {
    Value spec = shell("cat /made; sleep 1000");
    spec.erase("image");
    spec.set("build", Value::map({{"context", "app"}, {"dockerfile", "Dockerfile"}}));
    return spec;
  }
};

TEST_F(DockerImageTest, AnImageThatIsNowhereSaysSo) {
  take_from("127.0.0.1:1");
  Value spec = shell("true");
  spec.set("image", "127.0.0.1:1/nothing:1");
  const Result<void> made = create(instance("api"), spec);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().describe(), HasSubstr("127.0.0.1:1/nothing:1"));
}

TEST_F(DockerImageTest, ATagMeansWhatItMeantWhenItWasApplied) {
  if (!DockerRegistry::missing().empty()) GTEST_SKIP() << DockerRegistry::missing();
  DockerRegistry registry;
  take_from(registry.address());
  const std::string name = registry.address() + "/team/app:1";
  push(name, "one");
  const Ref ref = instance("api");
  Value spec = shell("echo is $MARKER; sleep 1000");
  spec.set("image", name);
  ASSERT_TRUE(create(ref, spec));
  EXPECT_TRUE(says(ref, "is one"));
  EXPECT_TRUE(has_news("Pulled"));
  const std::string first = image_of(ref);
  EXPECT_THAT(first, HasSubstr("/team/app@sha256:"));
  push(name, "two");
  spec.set("env", Value::map({{"A", "1"}}));
  ASSERT_TRUE(update(ref, spec));
  EXPECT_EQ(image_of(ref), first) << "pinned";
  spec.set("imagePolicy", "follow");
  spec.set("env", Value::map({{"A", "2"}}));
  ASSERT_TRUE(update(ref, spec));
  EXPECT_NE(image_of(ref), first);
  EXPECT_TRUE(says(ref, "is two"));
}

TEST_F(DockerImageTest, AMovedTagIsAnEventOrADifference) {
  if (!DockerRegistry::missing().empty()) GTEST_SKIP() << DockerRegistry::missing();
  settings_.measure_every = Duration(100);
  settings_.image_check_every = Duration(200);
  DockerRegistry registry;
  take_from(registry.address());
  const std::string name = registry.address() + "/team/app:1";
  push(name, "one");
  Value spec = shell("sleep 1000");
  spec.set("image", name);
  const Ref pinned = instance("pinned");
  const Ref follows = instance("follows");
  ASSERT_TRUE(create(pinned, spec));
  Value moving = spec;
  moving.set("imagePolicy", "follow");
  ASSERT_TRUE(create(follows, moving));
  push(name, "two");
  EXPECT_TRUE(eventually([&] { return has_news("ImageMoved"); }));
  EXPECT_EQ(seen(pinned)->fields->text_or("image", ""), name);
  EXPECT_TRUE(eventually([&] { return seen(follows)->fields->text_or("image", "") != name; }));
  ASSERT_TRUE(update(follows, moving));
  EXPECT_EQ(seen(follows)->fields->text_or("image", ""), name);
}

TEST_F(DockerImageTest, PrivateRegistriesGetTheProvidersLogin) {
  if (!DockerRegistry::missing().empty()) GTEST_SKIP() << DockerRegistry::missing();
  DockerRegistry registry(DockerRegistry::Access::Login);
  take_from(registry.address());
  docker(
      {"login", "-u", DockerRegistry::kUser, "-p", DockerRegistry::kPassword, registry.address()});
  const std::string name = registry.address() + "/secret/app:1";
  push(name, "private");
  docker({"logout", registry.address()});
  Value spec = shell("echo is $MARKER; sleep 1000");
  spec.set("image", name);
  EXPECT_FALSE(create(instance("stranger"), spec));
  settings_.logins[registry.address()] = {
      DockerRegistry::kUser, Secret<std::string>(std::string(DockerRegistry::kPassword))};
  restart_croft();
  ASSERT_TRUE(create(instance("api"), spec));
  EXPECT_TRUE(says(instance("api"), "is private"));
  // That it is here now gives it to nobody; what runs with it goes on.
  settings_.logins.clear();
  restart_croft();
  const Result<void> denied = create(instance("stranger"), spec);
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code(), ErrorCode::Denied) << denied.error().describe();
  spec.set("imagePolicy", "follow");
  spec.set("env", Value::map({{"A", "1"}}));
  const Result<void> updated = update(instance("api"), spec);
  EXPECT_TRUE(updated) << updated.error().describe();
  // Nor does a build give it away.
  for (const char* dockerfile : {"FROM {}\n", "FROM busybox:test\nCOPY --from={} /bin /stolen\n"}) {
    source_ = make_memory_tree({{"app/Dockerfile", fmt::format(fmt::runtime(dockerfile), name)}});
    const Result<void> built = create(instance("thief", "mallory"), build_spec(), "mallory");
    ASSERT_FALSE(built) << dockerfile;
    EXPECT_EQ(built.error().code(), ErrorCode::Denied) << built.error().describe();
  }
}

TEST_F(DockerImageTest, ARegistryOfThisMachineOrAPrivateNetworkHasToBeNamed) {
  if (!DockerRegistry::missing().empty()) GTEST_SKIP() << DockerRegistry::missing();
  DockerRegistry registry;
  const std::string name = registry.address() + "/team/app:1";
  push(name, "one");
  docker({"pull", name});
  Value spec = shell("sleep 1000");
  spec.set("image", name);
  const auto judged = provider_->normalize(instance("api"), spec);
  ASSERT_FALSE(judged) << "before anything runs";
  EXPECT_THAT(judged.error().describe(), HasSubstr("`registries`"));
  source_ = make_memory_tree({{"app/Dockerfile", "FROM " + name + "\n"}});
  const Result<void> built = create(instance("thief"), build_spec());
  ASSERT_FALSE(built) << "that it is here makes no difference";
  EXPECT_EQ(built.error().code(), ErrorCode::Denied) << built.error().describe();
  take_from(registry.address());
  EXPECT_TRUE(create(instance("thief"), build_spec())) << "the control";
  EXPECT_TRUE(create(instance("api"), spec));
}

TEST_F(DockerImageTest, AnImageOfTheMachineIsForWhomTheOperatorSays) {
  settings_.has_local_images = false;
  restart_croft();
  source_ = make_memory_tree({{"app/Dockerfile", "FROM busybox:test\n"}});
  const Result<void> run = create(instance("api"), shell("sleep 1000"));
  const Result<void> built = create(instance("thief"), build_spec());
  for (const Result<void>& refused : {run, built}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::Denied);
    EXPECT_THAT(refused.error().describe(), HasSubstr("localImages: allow"));
  }
  settings_.has_local_images = true;
  restart_croft();
  EXPECT_TRUE(create(instance("api"), shell("sleep 1000"))) << "the control";
}

TEST_F(DockerImageTest, BuildsFromTheRepositoryAndTells) {
  source_ = make_memory_tree(
      {{"app/Dockerfile", "FROM busybox:test\nCOPY marker /made\nRUN echo step says hello\n"},
       {"app/marker", "built once\n"}});
  const Ref ref = instance("api");
  const Result<void> made = create(ref, build_spec());
  ASSERT_TRUE(made) << made.error().describe();
  EXPECT_TRUE(says(ref, "built once"));
  bool was_heard = false;
  for (const ProviderNews& news : news_)
    was_heard = was_heard || (news.reason == "BuildOutput" && news.message == "step says hello");
  EXPECT_TRUE(was_heard);
}

TEST_F(DockerImageTest, ABuildFindsNothingThatItsRepositoryDoesNotHold) {
  using Files = std::vector<std::pair<std::string, std::string>>;
  const auto built = [&](const Ref& ref, Files more) {
    more.emplace_back("app/Dockerfile",
                      "FROM busybox:test\nCOPY . /src/\nRUN busybox ls -A /src >/made\n");
    more.emplace_back("app/marker", "x\n");
    source_ = make_memory_tree(more);
    const Result<void> made = create(ref, build_spec());
    EXPECT_TRUE(made) << made.error().describe();
    EXPECT_TRUE(says(ref, "marker"));
    return log_of(ref);
  };
  EXPECT_EQ(built(instance("plain"), {}), "Dockerfile\nmarker\n");
  EXPECT_EQ(built(instance("ignores"), {{"app/.dockerignore", "no*"}, {"app/not", "x"}}),
            ".dockerignore\nDockerfile\nmarker\n");
  EXPECT_EQ(built(instance("own"),
                  {{"app/Dockerfile.dockerignore", "Dockerfile*\nno*"}, {"app/not", "x"}}),
            "marker\n")
      << "one of the Dockerfile's own counts, too";
}

TEST_F(DockerImageTest, OneTenantsBuildsWaitForEachOtherAndAllForTheMachine) {
  // Each build has a network of its own while its steps run.
  const auto building = [this] {
    const std::string ids = docker({"network", "ls", "-q", "--filter", "name=_build"});
    return std::ranges::count(ids, '\n');
  };
  const auto waits = [this](const std::string& words) {
    return std::ranges::any_of(news_, [&](const ProviderNews& one) {
      return one.reason == "BuildWaits" && one.message == words;
    });
  };
  source_ = make_memory_tree(
      {{"app/Dockerfile", "FROM busybox:test\nARG WHO\nRUN sleep 6; echo $WHO >/made\n"}});
  deadline_ = Duration(120'000);
  std::vector<Result<void>> made;
  const auto begin = [&](const Ref& ref) {
    Value spec = build_spec();
    spec.find("build")->set("args", Value::map({{"WHO", to_string(ref)}}));
    asio::co_spawn(
        io_, provider_->create(effect(ref, spec, ref.tenant)),
        [&](const std::exception_ptr&, Result<void> done) { made.push_back(std::move(done)); });
  };
  begin(instance("one"));
  ASSERT_TRUE(eventually([&] { return has_news("Building"); }));
  begin(instance("two"));
  begin(instance("api", "bob"));
  begin(instance("api", "carol"));
  EXPECT_TRUE(eventually([&] { return waits("for another build of this tenant"); }));
  EXPECT_TRUE(eventually([&] { return waits("for others: 2 at once are built here"); }));
  std::ptrdiff_t most = 0;
  const auto all_are_made = [&] {
    most = std::max(most, building());
    return made.size() == 4;
  };
  ASSERT_TRUE(eventually(all_are_made, Duration(90'000)));
  for (const Result<void>& one : made) EXPECT_TRUE(one) << one.error().describe();
  EXPECT_EQ(most, 2) << "buildsAtOnce";
}

TEST_F(DockerImageTest, ABuildThatFailsSaysWhy) {
  source_ = make_memory_tree({{"app/Dockerfile", "FROM busybox:test\nRUN exit 3\n"}});
  const Result<void> made = create(instance("api"), build_spec());
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().describe(), HasSubstr("exit 3"));
  EXPECT_EQ(docker({"network", "ls", "-q", "--filter", "name=_build"}), "");
}

TEST_F(DockerImageTest, ADockerfileThatIsALinkIsRefused) {
  const TemporaryDirectory repository = TemporaryDirectory::make("croft-link-").value();
  const std::string app = (repository.path() / "app").string();
  ASSERT_TRUE(make_directory(app, 0755));
  ASSERT_TRUE(write_file_atomic(app + "/busybox:test", "FROM busybox:test\n", 0644));
  std::filesystem::create_symlink("busybox:test", app + "/Dockerfile");
  source_ = open_working_tree(repository.path().string()).value();
  const Result<void> made = create(instance("api"), build_spec());
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().describe(), HasSubstr("no regular file"));
}

TEST_F(DockerImageTest, ABaseImageWhoseLaterStepsTakeFromOthersIsRefused) {
  docker({"create", "--name", "croft-test-base", "busybox:test", "true"});
  docker({"commit", "--change", "ONBUILD COPY --from=busybox:test /bin /stolen", "croft-test-base",
          "croft-test/trap:1"});
  docker({"rm", "croft-test-base"});
  source_ = make_memory_tree({{"app/Dockerfile", "FROM croft-test/trap:1\n"}});
  const Result<void> made = create(instance("api"), build_spec());
  docker({"rmi", "croft-test/trap:1"});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().describe(), HasSubstr("ONBUILD COPY --from=busybox:test"));
}

TEST_F(DockerImageTest, ABuildThatFailsAfterItsEffectSaysSoOnce) {
  source_ = make_memory_tree({{"app/Dockerfile", "FROM busybox:test\nRUN sleep 3; exit 3\n"}});
  deadline_ = Duration(1'500);
  const Result<void> first = create(instance("api"), build_spec());
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code(), ErrorCode::Timeout);
  changes_.clear();
  EXPECT_TRUE(eventually([&] { return has_news("BuildFailed"); }));
  EXPECT_THAT(changes_, testing::Contains(uid_of(instance("api"))));
  const Result<void> second = create(instance("api"), build_spec());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().describe(), HasSubstr("exit 3"));
  EXPECT_EQ(std::ranges::count(news_, "Building", &ProviderNews::reason), 1);
}

TEST_F(DockerImageTest, ANewerBuildWaitsForTheOneBefore) {
  const auto dockerfile = [](const std::string& text) {
    return make_memory_tree({{"app/Dockerfile", "FROM busybox:test\nRUN " + text + "\n"}});
  };
  deadline_ = Duration(1'000);
  for (const char* step : {"sleep 4; echo one >/made", "echo two >/made"}) {
    source_ = dockerfile(step);
    EXPECT_FALSE(create(instance("api"), build_spec()));
  }
  deadline_ = Duration(30'000);
  source_ = dockerfile("grep processes /proc/self/limits; echo three >/made");
  const Result<void> made = create(instance("api"), build_spec());
  ASSERT_TRUE(made) << made.error().describe();
  EXPECT_TRUE(says(instance("api"), "three"));
  EXPECT_EQ(std::ranges::count(news_, "Building", &ProviderNews::reason), 2) << "two is not built";
  const auto limit = std::ranges::find_if(news_, [](const ProviderNews& one) {
    return one.reason == "BuildOutput" && one.message.starts_with("Max processes");
  });
  ASSERT_NE(limit, news_.end());
  EXPECT_THAT(limit->message, HasSubstr("4096"));
}

TEST_F(DockerImageTest, NoBuildTakesFromAnothersImage) {
  source_ = make_memory_tree({{"app/Dockerfile", "FROM busybox:test\nRUN echo secret >/made\n"}});
  ASSERT_TRUE(create(instance("api"), build_spec(), "alice"));
  std::string built = docker({"images", "-q", "--no-trunc", "--filter", "label=croft.build"});
  built = built.substr(0, built.find('\n'));
  const std::string id = built.substr(7, 12);
  source_ = make_memory_tree({{"app/Dockerfile", "FROM " + id + "\n"}});
  const Result<void> stolen = create(instance("thief", "mallory"), build_spec(), "mallory");
  ASSERT_FALSE(stolen);
  EXPECT_EQ(stolen.error().code(), ErrorCode::Invalid) << stolen.error().describe();
  // Under a name of its own, it is still another tenant's.
  docker({"tag", built, "harmless:1"});
  Value spec = shell("cat /made");
  spec.set("image", "harmless:1");
  const Result<void> run = create(instance("thief", "mallory"), spec, "mallory");
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), ErrorCode::Denied);
  for (const char* dockerfile :
       {"FROM harmless:1\n", "FROM busybox:test\nCOPY --from=harmless:1 /made /stolen\n"}) {
    source_ = make_memory_tree({{"app/Dockerfile", dockerfile}});
    const Result<void> taken = create(instance("thief", "mallory"), build_spec(), "mallory");
    ASSERT_FALSE(taken) << dockerfile;
    EXPECT_EQ(taken.error().code(), ErrorCode::Denied) << taken.error().describe();
  }
  docker({"rmi", "harmless:1"});
}

TEST_F(DockerImageTest, AnImageThatOnlySaysItIsABuildIsLeftAlone) {
  const Ref ref = instance("api");
  source_ = make_memory_tree({{"app/Dockerfile", "FROM busybox:test\nRUN echo one >/made\n"}});
  ASSERT_TRUE(create(ref, build_spec()));
  docker({"create", "--name", "croft-test-base", "busybox:test", "true"});
  docker({"commit", "--change", "LABEL croft.build=" + uid_of(ref), "croft-test-base",
          "croft-test/claims:1"});
  docker({"rm", "croft-test-base"});
  const auto builds = [&] {
    return docker({"images", "-q", "--filter", "label=croft.build=" + uid_of(ref)});
  };
  source_ = make_memory_tree({{"app/Dockerfile", "FROM busybox:test\nRUN echo two >/made\n"}});
  ASSERT_TRUE(update(ref, build_spec()));
  EXPECT_TRUE(eventually([&] { return std::ranges::count(builds(), '\n') == 2; })) << builds();
  EXPECT_NE(docker({"images", "-q", "croft-test/claims:1"}), "");
  docker({"rmi", "croft-test/claims:1"});
}

TEST_F(DockerImageTest, AStepOfABuildTakesNothingFromAnothersCache) {
  source_ = make_memory_tree(
      {{"app/Dockerfile", "FROM busybox:test\nRUN cat /proc/sys/kernel/random/uuid >/made\n"}});
  ASSERT_TRUE(create(instance("one"), build_spec(), "alice"));
  ASSERT_TRUE(create(instance("two", "bob"), build_spec(), "bob"));
  ASSERT_TRUE(eventually([&] { return log_of(instance("one")).size() > 30; }));
  ASSERT_TRUE(eventually([&] { return log_of(instance("two", "bob")).size() > 30; }));
  EXPECT_NE(log_of(instance("one")), log_of(instance("two", "bob")));
}

}  // namespace
}  // namespace croft
