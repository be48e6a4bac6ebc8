// Pushes at a Git host that only a hook tells of (the poll interval is hours), up to what the
// daemon says about them at the forge.

#include <algorithm>
#include <csignal>
#include <future>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/clock.hpp"
#include "core/net/client.hpp"
#include "tests/e2e/support/platform.hpp"
#include "tests/e2e/support/ssh_git_host.hpp"
#include "tests/gateway/forge/fake_forge.hpp"
#include "tests/gateway/receivers/deliveries.hpp"
#include "tests/support/run_task.hpp"
#include "tests/support/trace_collector.hpp"

namespace croft::e2e {

namespace {

/// As the audit log has it.
constexpr const char* kLook = "POST /v1/looks";

/// The fake forge on a thread of its own.
class ServedForge {
 public:
  ServedForge() : forge_(io_.get_executor()), thread_([this] { io_.run(); }) {}
  ~ServedForge() {
    io_.stop();
    thread_.join();
  }
  std::string url() const { return forge_.url(); }
  /// Looks at it while it does nothing else.
  template <typename Look>
  auto look(Look look) {
    auto done = std::make_shared<std::promise<decltype(look(forge_))>>();
    asio::post(io_, [this, done, look] { done->set_value(look(forge_)); });
    return done->get_future().get();
  }
  /// "context state" of each status of a revision, in order.
  std::vector<std::string> statuses(const std::string& revision) {
    return look([revision](const FakeForge& forge) {
      std::vector<std::string> all;
      for (const FakeForge::Status& one : forge.statuses) {
        if (one.revision == revision) all.push_back(one.context + " " + one.state);
      }
      return all;
    });
  }
  std::vector<FakeForge::Comment> comments() {
    return look([](const FakeForge& forge) { return forge.comments; });
  }

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  FakeForge forge_;
  std::thread thread_;
};

class HooksTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = SshGitHost::missing(); !missing.empty())
      GTEST_SKIP() << missing;
    host_ = std::make_unique<SshGitHost>(secrets());
    (void)write_file_atomic(secrets() / "alice-hook", kHookSecret + "\n", 0600);
    (void)write_file_atomic(secrets() / "forge-token", "token-of-the-forge\n", 0600);
    hooks_port_ = free_port();
    declare();
    daemon_.flags = {"--platform-url", platform_.path().string(),
                     "--secrets-dir",  secrets().string(),
                     "--hooks-listen", fmt::format("127.0.0.1:{}", hooks_port_),
                     "--hooks-url",    "http://hooks.test"};
  }

  std::filesystem::path secrets() const { return root_.path() / "secrets"; }

  void declare() {
    GitRepository clone = platform_.clone();
    clone.commit({{"tenants.yaml", fmt::format(R"(apiVersion: croft/v1
kind: Plan
metadata: {{name: studio}}
spec:
  price: {{amount: "9.00", currency: USD, per: month}}
---
apiVersion: croft/v1
kind: Tenant
metadata: {{name: alice}}
spec:
  plan: studio
  source:
    url: "{}"
    interval: 20h
    credentials: {{secret: deploy}}
    receiver: {{type: github, secret: alice-hook}}
    commitStatus:
      {{type: github, secret: forge-token, url: "{}", repository: alice/hosting}}
)",
                                               host_->url_of(bare_), forge_.url())}});
    clone.push();
  }

  void start() {
    push("one");
    daemon_.start();
    ASSERT_EQ(daemon_.croft({"reconcile", "--wait"}).status, 0) << daemon_.log();
    ASSERT_TRUE(shows("one"));
  }

  std::string push(const std::string& text) {
    std::string id = clone_.commit(site_files("blog", text));
    clone_.push();
    return id;
  }
  bool shows(const std::string& text) {
    return wait_until([&] {
      return http_get(daemon_.port(), "alice-blog.localhost").body.find(text) != std::string::npos;
    });
  }

  std::string hook_id() {
    const std::string output = daemon_.croft({"hooks", "-o", "json"}).output;
    const std::size_t at = output.find("/hooks/");
    return at == std::string::npos ? output : output.substr(at + 7, 32);
  }

  /// What the receiver answers; through the edge at the host of hooks.url, or at its own port.
  int deliver(const std::string& event, const std::string& body, bool is_through_edge = false) {
    const SentHook hook{HookType::GitHub, event, false, body};
    HttpRequest request =
        hook.request(id_, fmt::format("delivery-{}", ++deliveries_), SystemClock().now());
    request.headers.set("Host", "hooks.test");
    const int port = is_through_edge ? daemon_.port() : hooks_port_;
    const ::croft::HttpClient client(
        parse_server_address(fmt::format("http://127.0.0.1:{}", port)).value());
    asio::io_context io;
    const Result<HttpResponse> answer = run_task(io, client.send(std::move(request)));
    return answer ? answer->status : 0;
  }
  /// The table of hooks is written a moment after the platform was read.
  void expect_hook() {
    id_ = hook_id();
    ASSERT_TRUE(wait_until([&] { return deliver("ping", "{}") == 200; })) << daemon_.log();
  }
  static std::string push_body() { return R"({"ref":"refs/heads/main","before":"1","after":"2"})"; }

  TemporaryDirectory root_ = TemporaryDirectory::make("croft-e2e-hooks-").value();
  ServedForge forge_;
  std::unique_ptr<SshGitHost> host_;
  GitRepository platform_ = GitRepository::make_bare();
  GitRepository bare_ = GitRepository::make_bare();
  GitRepository clone_ = bare_.clone();
  Daemon daemon_;
  std::string id_;
  int hooks_port_ = 0;
  int deliveries_ = 0;
};

TEST_F(HooksTest, AHookIsWhatBringsAPush) {
  start();
  expect_hook();
  push("two");
  EXPECT_EQ(http_get(daemon_.port(), "alice-blog.localhost").body.find("two"), std::string::npos);
  EXPECT_EQ(deliver("push", R"({"ref":"refs/heads/else","before":"1","after":"2"})"), 202);
  EXPECT_EQ(deliver("push", push_body()), 202);
  EXPECT_TRUE(shows("two")) << daemon_.log();
  push("three");
  EXPECT_EQ(deliver("push", push_body(), true), 202);
  EXPECT_TRUE(shows("three")) << daemon_.log();
  // Control is away: what is told meanwhile is not lost.
  push("four");
  const pid_t control = daemon_.role("control").value();
  ASSERT_EQ(::kill(control, SIGKILL), 0);
  EXPECT_EQ(deliver("push", push_body()), 202);
  EXPECT_TRUE(shows("four")) << daemon_.log();
}

TEST_F(HooksTest, ADeliveryIsWhereTheTraceOfItsPushBegins) {
  ServedTraceCollector collector;
  daemon_.flags.insert(daemon_.flags.end(), {"--traces-endpoint", collector.address()});
  start();
  expect_hook();
  const std::string commit = push("two");
  ASSERT_EQ(deliver("push", push_body()), 202);
  ASSERT_TRUE(shows("two")) << daemon_.log();
  const auto is_of = [&](const TraceCollector::Span& span) {
    const auto revision = span.attributes.find("croft.revision");
    return span.name == "push" && revision != span.attributes.end() && revision->second == commit;
  };
  ASSERT_TRUE(wait_until([&] {
    return collector.with([&](const TraceCollector& traces) {
      return std::ranges::any_of(traces.spans, is_of) && traces.find("delivery") != nullptr;
    });
  })) << daemon_.log();
  collector.with([&](const TraceCollector& traces) {
    const auto push = std::ranges::find_if(traces.spans, is_of);
    const auto* delivery = traces.find("delivery");
    EXPECT_EQ(push->parent, delivery->id);
    EXPECT_EQ(push->trace, delivery->trace);
    EXPECT_EQ(push->role, "control");
    EXPECT_EQ(delivery->role, "hooks");
    EXPECT_TRUE(traces.problems.empty()) << traces.problems.front();
    return true;
  });
}

TEST_F(HooksTest, AHundredPushesCostAFewPasses) {
  start();
  expect_hook();
  const std::string audit = (daemon_.data() / "audit.log").string();
  const auto looks = [&] {
    const std::string text = read_file(audit, 1U << 24U).value_or("");
    std::size_t count = 0;
    for (std::size_t at = text.find(kLook); at != std::string::npos; at = text.find(kLook, at + 1))
      ++count;
    return count;
  };
  const std::size_t before = looks();
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(deliver("push", push_body()), 202);
  push("last");
  EXPECT_EQ(deliver("push", push_body()), 202);
  ASSERT_TRUE(shows("last")) << daemon_.log();
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  // The first fetch may have found it already; what came after the first look is looked for anyway.
  EXPECT_TRUE(wait_until([&] { return looks() - before >= 2; }));
  EXPECT_LE(static_cast<double>(looks() - before), seconds + 2);
}

TEST_F(HooksTest, TellsTheForgeHowEachRevisionFares) {
  start();
  const std::string first = clone_.id_of();
  const std::vector<std::string> success{"croft/alice success"};
  const auto ends_with = [&](const std::string& revision, const std::string& last) {
    return wait_until([&] {
      const std::vector<std::string> all = forge_.statuses(revision);
      return !all.empty() && all.back() == last;
    });
  };
  ASSERT_TRUE(ends_with(first, "croft/alice success")) << daemon_.log();
  expect_hook();
  clone_.write("broken.yaml",
               "apiVersion: croft/v1\nkind: Site\nmetadata: {name: x}\nspec: {a: b}\n");
  const std::string broken = clone_.commit();
  clone_.push();
  EXPECT_EQ(deliver("push", push_body()), 202);
  ASSERT_TRUE(ends_with(broken, "croft/alice failure")) << daemon_.log();
  const std::vector<std::string> told = forge_.statuses(first);
  EXPECT_EQ(std::ranges::count(forge_.statuses(broken), "croft/alice success"), 0);
  EXPECT_EQ(daemon_.stop(), 0);
  daemon_.start();
  clone_.remove("broken.yaml");
  const std::string mended = push("mended");
  expect_hook();
  EXPECT_EQ(deliver("push", push_body()), 202);
  ASSERT_TRUE(ends_with(mended, "croft/alice success")) << daemon_.log();
  EXPECT_EQ(forge_.statuses(first), told);
  EXPECT_EQ(std::ranges::count(forge_.statuses(broken), "croft/alice failure"), 1);
  EXPECT_EQ(daemon_.log().find("token-of-the-forge"), std::string::npos);
}

TEST_F(HooksTest, ShowsOnAMergeRequestWhatItWouldChangeAndAppliesNothing) {
  start();
  expect_hook();
  const auto propose = [&](const std::string& text) {
    clone_.commit(site_files("shop", text));
    clone_.push("+HEAD:refs/pull/7/head");
    return deliver("pull_request",
                   R"({"action":"synchronize","number":7,"pull_request":{"base":{"ref":"main"}}})");
  };
  clone_.start_branch("proposal");
  EXPECT_EQ(propose("eve"), 202);
  const auto says = [&](const std::string& words) {
    return wait_until([&] {
      const auto comments = forge_.comments();
      return !comments.empty() && comments.back().text.find(words) != std::string::npos;
    });
  };
  ASSERT_TRUE(says("shop")) << daemon_.log();
  const std::string first = forge_.comments().back().text;
  EXPECT_NE(first.find("USD"), std::string::npos) << first;
  clone_.write("shop.yaml",
               "apiVersion: croft/v1\nkind: Site\nmetadata: {name: shop}\nspec: {x: y}\n");
  clone_.commit();
  clone_.push("+HEAD:refs/pull/7/head");
  EXPECT_EQ(
      deliver("pull_request",
              R"({"action":"synchronize","number":7,"pull_request":{"base":{"ref":"main"}}})"),
      202);
  ASSERT_TRUE(says("unknown field 'x'")) << daemon_.log();
  EXPECT_EQ(forge_.comments().size(), 1u);
  EXPECT_EQ(daemon_.croft({"get", "-A"}).output.find("shop"), std::string::npos);
}

TEST_F(HooksTest, ACommentThatWasAskedForComesAfterAKill) {
  start();
  const std::vector<std::string> success{"croft/alice success"};
  ASSERT_TRUE(wait_until([&] { return forge_.statuses(clone_.id_of()) == success; }))
      << daemon_.log();
  expect_hook();
  clone_.start_branch("proposal");
  clone_.commit(site_files("shop", "eve"));
  clone_.push("+HEAD:refs/pull/7/head");
  // The forge is of no use for now.
  const auto posts = [&] { return forge_.look([](auto& forge) { return forge.count("POST"); }); };
  const std::size_t before = posts();
  forge_.look([](auto& forge) {
    forge.faults.assign(1'000, {503, {}, false});
    return true;
  });
  EXPECT_EQ(deliver("pull_request",
                    R"({"action":"opened","number":7,"pull_request":{"base":{"ref":"main"}}})"),
            202);
  ASSERT_TRUE(wait_until([&] { return posts() > before; })) << daemon_.log();
  for (const char* role : {"hooks", "control"}) ::kill(daemon_.role(role).value(), SIGKILL);
  forge_.look([](auto& forge) {
    forge.faults.clear();
    return true;
  });
  ASSERT_TRUE(wait_until([&] { return forge_.comments().size() == 1; })) << daemon_.log();
}

}  // namespace

}  // namespace croft::e2e
