#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gateway/edge/edge_harness.hpp"

namespace croft::edge {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHost = "alice-blog.localhost";

// Clients that ask without a pause, on connections that are kept as long as the edge lets them, and
// opened anew when it says so. An answer that is cut, wrong or missing is a failure, and so is a
// connection that cannot be made.
class Load {
 public:
  Load(std::string address, std::string path, std::function<bool(const Answer&)> is_good,
       int clients = 4)
      : address_(std::move(address)), path_(std::move(path)), is_good_(std::move(is_good)) {
    for (int i = 0; i < clients; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Load() { stop(); }
  void stop() {
    is_stopped_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  int answers() const { return answers_; }
  int failures() const { return failures_; }
  void wait_for_more(int count) {
    const int goal = answers_ + count;
    EXPECT_TRUE(eventually([&] { return answers_ >= goal || failures_ > 0; }));
  }

 private:
  void run() {
    std::unique_ptr<RawClient> client;
    while (!is_stopped_) {
      if (!client) client = std::make_unique<RawClient>(address_);
      const Answer answer = client->ask(get(kHost, path_));
      if (answer.is_whole && is_good_(answer)) {
        ++answers_;
      } else {
        ++failures_;
        client.reset();
      }
      if (answer.field("connection") == "close") client.reset();
    }
  }
  std::string address_;
  std::string path_;
  std::function<bool(const Answer&)> is_good_;
  std::atomic<bool> is_stopped_{false};
  std::atomic<int> answers_{0};
  std::atomic<int> failures_{0};
  std::vector<std::thread> threads_;
};

class LifecycleTest : public testing::Test {
 protected:
  Answer fetch() { return harness_.client().ask(get(kHost, "/")); }
  EdgeHarness harness_;
};

TEST_F(LifecycleTest, SaysThatItIsStartingUntilThereAreRoutes) {
  harness_.settings.on_listening = [](const std::vector<std::string>& addresses) {
    EXPECT_EQ(addresses.size(), 1u);
  };
  harness_.start();
  EXPECT_EQ(fetch().status, 404) << "no such route in an empty table";
  harness_.stop();
  std::filesystem::remove(harness_.settings.routes_file);
  auto edge = Edge::start(harness_.settings);
  ASSERT_TRUE(edge);
  RawClient client((*edge)->addresses().front());
  EXPECT_EQ(client.ask(get(kHost, "/")).status, 503);
  harness_.route_site(std::string(kHost), {{"index.html", "here"}});
  EXPECT_TRUE(eventually([&] { return client.ask(get(kHost, "/")).body == "here"; }));
}

TEST_F(LifecycleTest, ABadSnapshotChangesNothing) {
  harness_.route_site(std::string(kHost), {{"index.html", "here"}});
  harness_.start();
  for (const std::string_view bad :
       {"", "{", "[]", "{\"generation\":9}", "{\"generation\":9,\"hosts\":{\"a\":1}}",
        "{\"generation\":9,\"hosts\":{\"a\":{\"endpoint\":\"nonsense\"}}}"}) {
    ASSERT_TRUE(write_file_atomic(harness_.settings.routes_file, bad, 0600));
    EXPECT_EQ(fetch().body, "here");
  }
  std::filesystem::remove(harness_.settings.routes_file);
  EXPECT_EQ(fetch().body, "here");
  harness_.route_site(std::string(kHost), {{"index.html", "next"}});
  EXPECT_EQ(fetch().body, "next");
}

TEST_F(LifecycleTest, NoRequestFailsWhileSnapshotsAreReplaced) {
  harness_.settings.threads = 2;
  harness_.route_site(std::string(kHost), {{"index.html", "version 0"}});
  harness_.start();
  Load load(harness_.address(), "/",
            [](const Answer& a) { return a.status == 200 && a.body.starts_with("version "); });
  for (int i = 1; i <= 40; ++i) {
    harness_.route_site(std::string(kHost), {{"index.html", "version " + std::to_string(i)}});
    load.wait_for_more(5);
  }
  load.stop();
  EXPECT_EQ(load.failures(), 0);
  EXPECT_GT(load.answers(), 200);
  EXPECT_EQ(fetch().body, "version 40");
}

TEST_F(LifecycleTest, NoRequestFailsWhileAnAppMoves) {
  const auto serve = [](RawClient& client) {
    while (!TestApp::read_head(client).empty())
      client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  };
  auto app = std::make_unique<TestApp>(serve);
  harness_.route_app(std::string(kHost), app->endpoint());
  harness_.start();
  Load load(harness_.address(), "/", [](const Answer& a) { return a.body == "ok"; });
  for (int i = 0; i < 10; ++i) {
    auto next = std::make_unique<TestApp>(serve);
    harness_.route_app(std::string(kHost), next->endpoint());
    load.wait_for_more(20);
    app = std::move(next);  // the old one ends, with the connections that it still has
    load.wait_for_more(20);
  }
  load.stop();
  EXPECT_EQ(load.failures(), 0);
}

TEST_F(LifecycleTest, FinishesWhatIsInFlightBeforeItEnds) {
  std::atomic<bool> may_answer = false;
  TestApp app([&](RawClient& client) {
    if (TestApp::read_head(client).empty()) return;
    (void)eventually([&] { return may_answer.load(); });
    client.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
  });
  harness_.route_app(std::string(kHost), app.endpoint());
  harness_.start();
  RawClient busy = harness_.client();
  busy.send(get(kHost, "/"));
  RawClient idle = harness_.client();
  ASSERT_TRUE(eventually([&] { return app.connections() == 1; }));
  harness_.edge().drain();
  EXPECT_EQ(idle.read(), "") << "a connection without a request is closed";
  may_answer = true;
  const Answer answer = busy.receive();
  EXPECT_EQ(answer.body, "late");
  harness_.edge().join();
  EXPECT_EQ(harness_.edge().counters().open_connections, 0u);
  EXPECT_FALSE(harness_.client().send("GET")) << "nothing listens any more";
}

TEST_F(LifecycleTest, DoesNotWaitForeverForWhatIsInFlight) {
  harness_.settings.drain_time = Duration(300);
  TestApp app([](RawClient& client) { (void)client.is_closed(); });
  harness_.route_app(std::string(kHost), app.endpoint());
  harness_.start();
  RawClient busy = harness_.client();
  busy.send(get(kHost, "/"));
  ASSERT_TRUE(eventually([&] { return app.connections() == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  harness_.edge().drain();
  harness_.edge().join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(LifecycleTest, RefusesSettingsThatCannotBe) {
  EdgeSettings bad = harness_.settings;
  bad.listen = {"nonsense"};
  EXPECT_FALSE(Edge::start(bad));
  bad.listen = {"127.0.0.1:99999999"};
  EXPECT_FALSE(Edge::start(bad));
  bad = harness_.settings;
  bad.trusted_proxies = {"10.0.0.0/33"};
  EXPECT_FALSE(Edge::start(bad));
  bad = harness_.settings;
  bad.listen_fds = {::dup(0)};
  EXPECT_FALSE(Edge::start(bad));
}

// Edges as processes of their own, as an upgrade replaces them.
class HandoverTest : public LifecycleTest {
 protected:
  void SetUp() override {
    harness_.route_site(std::string(kHost),
                        {{"index.html", "here"}, {"big", std::string(200'000, 'x')}});
    harness_.write_routes_file();
  }
  ~HandoverTest() override {
    for (const pid_t process : processes_) {
      ::kill(process, SIGKILL);
      ::waitpid(process, nullptr, 0);
    }
  }

  // Starts one and waits until it says that it listens. `inherited` is passed as systemd would.
  pid_t start_edge(const std::string& listen, int inherited = -1) {
    int output[2];
    EXPECT_EQ(::pipe(output), 0);
    const pid_t process = ::fork();
    if (process == 0) {
      ::dup2(output[1], 1);
      if (inherited >= 0) {
        ::dup2(inherited, 3);
        ::fcntl(3, F_SETFD, 0);
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
      }
      const std::string routes = harness_.settings.routes_file.string();
      const std::string store = harness_.settings.release_store.string();
      ::execl(CROFT_EDGE_TEST, CROFT_EDGE_TEST, "--routes", routes.c_str(), "--store",
              store.c_str(), "--listen", listen.c_str(), "--handover", "200", nullptr);
      ::_exit(127);
    }
    ::close(output[1]);
    std::string said;
    char byte = 0;
    while (::read(output[0], &byte, 1) == 1 && byte != '\n') said += byte;
    ::close(output[0]);
    address_ = said.substr(said.find(' ') + 1);
    processes_.push_back(process);
    return process;
  }
  int end_edge(pid_t process) {
    ::kill(process, SIGTERM);
    int status = 0;
    ::waitpid(process, &status, 0);
    std::erase(processes_, process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string address_;
  std::vector<pid_t> processes_;
};

bool is_here(const Answer& answer) { return answer.body == "here"; }

TEST_F(HandoverTest, NoRequestFailsWhenANewEdgeTakesTheAddressOver) {
  pid_t running = start_edge("127.0.0.1:0");
  const std::string address = address_;
  // Half of the clients keep their connections, half open one for each request.
  Load keeping(address, "/", is_here, 3);
  std::atomic<bool> is_over = false;
  std::atomic<int> failures = 0;
  std::atomic<int> answers = 0;
  std::thread opening([&] {
    while (!is_over) {
      RawClient client(address);
      const Answer answer = client.ask(get(kHost, "/big", "Connection: close\r\n"));
      answer.body.size() == 200'000 ? ++answers : ++failures;
    }
  });
  for (int i = 0; i < 4; ++i) {
    keeping.wait_for_more(50);
    const pid_t next = start_edge(address);
    keeping.wait_for_more(50);
    EXPECT_EQ(end_edge(running), 0);
    running = next;
  }
  keeping.wait_for_more(50);
  keeping.stop();
  is_over = true;
  opening.join();
  EXPECT_EQ(keeping.failures(), 0);
  EXPECT_EQ(failures, 0);
  EXPECT_GT(answers, 20);
  EXPECT_EQ(end_edge(running), 0);
}

TEST_F(HandoverTest, NoRequestFailsWhenTheListeningSocketIsInherited) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
  ASSERT_EQ(::listen(listener.get(), 1024), 0);
  pid_t running = start_edge("unused:0", listener.get());
  Load load(address_, "/", is_here);
  for (int i = 0; i < 4; ++i) {
    load.wait_for_more(50);
    // Even without any edge at all for a while: who supervises holds the socket, and connections
    // wait in it.
    EXPECT_EQ(end_edge(running), 0);
    running = start_edge("unused:0", listener.get());
  }
  load.wait_for_more(50);
  load.stop();
  EXPECT_EQ(load.failures(), 0);
}

TEST_F(HandoverTest, OneThatIsKilledLeavesItsPlaceToTheOther) {
  const pid_t first = start_edge("127.0.0.1:0");
  const std::string address = address_;
  const pid_t second = start_edge(address);
  ::kill(second, SIGKILL);
  ::waitpid(second, nullptr, 0);
  std::erase(processes_, second);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(RawClient(address).ask(get(kHost, "/")).body, "here");
  EXPECT_EQ(end_edge(first), 0);
}

}  // namespace
}  // namespace croft::edge
