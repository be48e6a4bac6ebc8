#include <algorithm>

#include <fmt/format.h>

#include "tests/providers/docker/provider/fixture.hpp"

namespace croft {
namespace {

class DockerLifecycleTest : public DockerTest {};

TEST_F(DockerLifecycleTest, AKilledContainerIsReportedAtOnce) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, shell("sleep 1000")));
  ASSERT_TRUE(becomes(ref, Phase::Running));
  // Events are heard from a moment after the start on.
  ASSERT_TRUE(eventually([&] { return !changes_.empty(); }));
  changes_.clear();
  docker({"kill", container_of(ref)});
  EXPECT_TRUE(
      eventually([&] { return std::ranges::count(changes_, uid_of(ref)) > 0; }, Duration(2'000)));
  EXPECT_TRUE(becomes(ref, Phase::Stopped));
  ASSERT_TRUE(await(provider_->start(order(ref))));
  EXPECT_TRUE(becomes(ref, Phase::Running));
}

TEST_F(DockerLifecycleTest, SecretsReachTheContainerAndNoFileOfOurs) {
  const Ref web{"alice", Kind::Instance, "web"};
  const auto reference = [](const char* name) {
    return Value::map({{"secret", name}, {"fingerprint", "f1"}});
  };
  Value spec = shell("echo \"token $TOKEN\"; cat /run/secrets/key; echo; sleep 1000");
  spec.set("env", Value::map({{"TOKEN", reference("api")}}));
  spec.set("secretFiles", Value::map({{"/run/secrets/key", reference("tls/key")}}));
  Effect with = effect(web, spec);
  with.secrets = std::make_shared<const SecretValues>(SecretValues{
      {"api", Secret<std::string>("tok-1234")}, {"tls/key", Secret<std::string>("key-5678")}});
  const Result<void> created = await(provider_->create(with));
  ASSERT_TRUE(created) << created.error().describe();
  EXPECT_TRUE(says(web, "token tok-1234")) << log_of(web);
  EXPECT_TRUE(says(web, "key-5678")) << log_of(web);
  EXPECT_NE(exec(web, "echo x > /run/secrets/key"), 0);
  std::error_code error;
  for (const auto& file : std::filesystem::recursive_directory_iterator(settings_.data, error)) {
    if (!file.is_regular_file(error)) continue;
    const std::string text = read_file(file.path(), 1 << 26).value_or("");
    EXPECT_EQ(text.find("tok-1234"), std::string::npos) << file.path();
    EXPECT_EQ(text.find("key-5678"), std::string::npos) << file.path();
  }
  // The machine starts anew: what was in memory is gone.
  ASSERT_TRUE(await(provider_->stop(order(web))));
  const auto memory = secret::memory_directory(settings_.data).value();
  for (const auto& file : std::filesystem::directory_iterator(memory))
    std::filesystem::remove(file.path());
  Effect again = order(web);
  again.secrets = with.secrets;
  const Result<void> started = await(provider_->start(again));
  ASSERT_TRUE(started) << started.error().describe();
  EXPECT_TRUE(becomes(web, Phase::Running));
  EXPECT_EQ(exec(web, "grep -q key-5678 /run/secrets/key"), 0);
  ASSERT_TRUE(destroy(web));
  ASSERT_TRUE(remove_tree(memory));
}

TEST_F(DockerLifecycleTest, AServiceThatEndsWellIsCompleted) {
  const Ref ref = part(Kind::Service, "shop.migrate");
  ASSERT_TRUE(create(ref, service("exit 0")));
  EXPECT_TRUE(becomes(ref, Phase::Completed));
}

TEST_F(DockerLifecycleTest, AServiceThatMayNotStartAgainFailsWithItsStatus) {
  const Ref ref = part(Kind::Service, "shop.job");
  Value spec = service("exit 3");
  spec.set("restart", "no");
  ASSERT_TRUE(create(ref, spec));
  ASSERT_TRUE(becomes(ref, Phase::Failed));
  EXPECT_EQ(seen(ref)->message, "exit status 3");
}

TEST_F(DockerLifecycleTest, ACrashLoopShowsWithItsRestarts) {
  const Ref ref = part(Kind::Service, "shop.bad");
  ASSERT_TRUE(create(ref, service("exit 1")));
  EXPECT_TRUE(eventually([&] {
    const auto one = seen(ref);
    return one && one->reason == "CrashLoop" && one->restarts >= 2;
  }));
}

TEST_F(DockerLifecycleTest, MemoryPastTheLimitSaysSo) {
  const Ref ref = part(Kind::Service, "shop.fat");
  Value spec = service("busybox dd if=/dev/zero of=/dev/null bs=200M count=1; exit 9");
  spec.set("restart", "no");
  // The shell must go with it, or its own status is the last word.
  spec.set("command", Value(Value::List{"/bin/busybox", "dd", "if=/dev/zero", "of=/dev/null",
                                        "bs=200M", "count=1"}));
  ASSERT_TRUE(create(ref, spec));
  ASSERT_TRUE(becomes(ref, Phase::Failed));
  EXPECT_EQ(seen(ref)->reason, "OutOfMemory");
}

TEST_F(DockerLifecycleTest, HealthChecksOfTheEngineAreSeen) {
  const Ref ref = part(Kind::Service, "shop.web");
  Value spec = service("sleep 0.5; touch /tmp/well; sleep 1000");
  spec.set("health", Value::map({{"interval", 300}, {"timeout", 2000}, {"retries", 2}}));
  spec.find("health")->set("test", Value(Value::List{"CMD-SHELL", "[ -f /tmp/well ]"}));
  ASSERT_TRUE(create(ref, spec));
  EXPECT_TRUE(eventually([&] { return seen(ref)->health == Health::Passing; }));
  exec(ref, "busybox rm /tmp/well");
  EXPECT_TRUE(eventually([&] { return seen(ref)->health == Health::Failing; }));
}

TEST_F(DockerLifecycleTest, LimitsChangeWithoutANewContainer) {
  const Ref ref = instance("api");
  Value spec = shell("sleep 1000");
  ASSERT_TRUE(create(ref, spec));
  const std::string before = container_of(ref);
  spec.find("resources")->set("memory", 48 << 20);
  ASSERT_TRUE(update(ref, spec));
  EXPECT_EQ(container_of(ref), before);
  EXPECT_EQ(docker({"inspect", "-f", "{{.HostConfig.Memory}}", before}), "50331648\n");
  EXPECT_EQ(seen(ref)->fields->integer_or("resources.memory", 0), 48 << 20);
  // Without the records, what the engine says is still seen.
  std::filesystem::remove_all(settings_.data / "records");
  restart_croft();
  EXPECT_EQ(seen(ref)->fields->integer_or("resources.memory", 0), 48 << 20);
  EXPECT_EQ(container_of(ref), before);
}

TEST_F(DockerLifecycleTest, LimitsThatSomebodyChangedAreDrift) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, shell("sleep 1000")));
  docker({"update", "--memory", "40m", "--memory-swap", "40m", container_of(ref)});
  EXPECT_TRUE(
      eventually([&] { return seen(ref)->fields->integer_or("resources.memory", 0) == 40 << 20; }));
}

TEST_F(DockerLifecycleTest, AnUpdateKeepsTheOldOneUntilTheNewOneIsWell) {
  const Ref ref = instance("web");
  ASSERT_TRUE(create(ref, web("first")));
  ASSERT_TRUE(eventually([&] { return get(ref) == "first"; }));
  const std::string before = container_of(ref);
  // Never listens: the old one must go on.
  Value broken = web("broken");
  broken.set("command", Value(Value::List{"/bin/sh", "-c", "exit 7"}));
  EXPECT_FALSE(update(ref, broken));
  EXPECT_EQ(get(ref), "first");
  EXPECT_EQ(container_of(ref), before);
  ASSERT_TRUE(update(ref, web("second")));
  EXPECT_NE(container_of(ref), before);
  EXPECT_TRUE(eventually([&] { return get(ref) == "second"; }));
}

TEST_F(DockerLifecycleTest, WhatCannotStartDoesNotTakeDownWhatRan) {
  const Ref ref = part(Kind::Service, "shop.db");
  Value spec = service("sleep 1000");
  spec.set("mounts", Value(Value::List{Value::map({{"path", "/data"}})}));
  ASSERT_TRUE(create(ref, spec));
  const std::string before = container_of(ref);
  spec.set("command", Value(Value::List{"/bin/not-there"}));
  EXPECT_FALSE(update(ref, spec));
  EXPECT_EQ(container_of(ref), before);
  EXPECT_TRUE(becomes(ref, Phase::Running));
}

TEST_F(DockerLifecycleTest, LogsAreFollowedOverARestart) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, shell("echo hello; sleep 1000")));
  EXPECT_TRUE(says(ref, "hello\n"));
  const auto text = std::make_shared<std::string>();
  LogRequest request{.uid = uid_of(ref), .last_lines = 10, .follow = true};
  LogSink sink = [text](std::string_view more) {
    *text += more;
    return std::ranges::count(*text, '\n') < 2;
  };
  bool ended = false;
  auto following = [](Provider& provider, LogRequest asked, LogSink into) -> Task<Result<void>> {
    Result<void> done = co_await provider.logs(std::move(asked), std::move(into));
    co_return done;
  };
  asio::co_spawn(io_, following(*provider_, request, sink),
                 [&](const std::exception_ptr&, const Result<void>&) { ended = true; });
  ASSERT_TRUE(eventually([&] { return *text == "hello\n"; }));
  docker({"restart", "-t", "0", container_of(ref)});
  EXPECT_TRUE(eventually([&] { return ended; }));
  EXPECT_EQ(*text, "hello\nhello\n");
}

TEST_F(DockerLifecycleTest, ASessionHasItsStreamsAndStatus) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, shell("sleep 1000")));
  ExecRequest request{.uid = uid_of(ref),
                      .command = {"/bin/sh", "-c", "cat; echo oops >&2; exit 5"},
                      .env = {},
                      .working_dir = {}};
  auto session = await(provider_->open_exec(std::move(request)));
  ASSERT_TRUE(session) << session.error().describe();
  ASSERT_TRUE(await((*session)->write("typed")));
  ASSERT_TRUE(await((*session)->close_input()));
  std::string out;
  std::string err;
  while (true) {
    auto piece = await((*session)->read());
    ASSERT_TRUE(piece);
    if (piece->bytes.empty()) break;
    (piece->stream == ExecSession::Stream::Out ? out : err) += piece->bytes;
  }
  EXPECT_EQ(out, "typed");
  EXPECT_EQ(err, "oops\n");
  EXPECT_EQ(await((*session)->exit_status()).value(), 5);
}

TEST_F(DockerLifecycleTest, ACommandEndsWithItsClientAndWithItsTime) {
  const Ref ref = instance("api");
  ASSERT_TRUE(create(ref, shell("sleep 1000")));
  // The first ends by SIGHUP, the second and its child only by SIGKILL.
  const std::vector<std::string> obedient{"sleep", "771"};
  const std::vector<std::string> stubborn{"/bin/sh", "-c", "trap '' HUP; sleep 772; sleep 773"};
  const auto runs = [&](const std::string& what) {
    return docker({"top", container_of(ref), "-eo", "pid,args"}).find(what) != std::string::npos;
  };
  for (const auto& command : {obedient, stubborn}) {
    ExecRequest request{.uid = uid_of(ref), .command = command, .env = {}, .working_dir = {}};
    auto session = await(provider_->open_exec(std::move(request)));
    ASSERT_TRUE(session) << session.error().describe();
    ASSERT_TRUE(eventually([&] { return runs("sleep 77"); }));
    session->reset();
    EXPECT_TRUE(eventually([&] { return !runs("sleep 77"); }));
  }
  const Result<int> late = await(provider_->exec(uid_of(ref), stubborn, Duration(500)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::Timeout);
  EXPECT_TRUE(eventually([&] { return !runs("sleep 77"); }));
  EXPECT_TRUE(runs("sleep 1000"));
}

}  // namespace
}  // namespace croft
