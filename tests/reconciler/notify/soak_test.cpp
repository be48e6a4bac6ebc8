// Facts told to twenty endpoints, of which five fail, hang, answer garbage or are not there, by a
// process that is killed again and again: every healthy endpoint gets every fact at least once,
// those of a resource in their order.

#include <array>
#include <cstdio>
#include <map>
#include <random>
#include <set>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/base/value.hpp"
#include "core/net/server.hpp"
#include "tests/support/server_process.hpp"
#include "tests/support/test_store.hpp"

namespace croft::notify {
namespace {

using asio::ip::tcp;
using Time = std::chrono::steady_clock;

constexpr int kHealthy = 15;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

bool is_soak() { return std::getenv("CROFT_SOAK") != nullptr; }

/// What one healthy endpoint got.
struct Ledger {
  std::map<std::int64_t, int> times;           ///< by number of the fact
  std::map<std::string, std::int64_t> newest;  ///< of each subject
  std::map<std::int64_t, std::string> message_of;
  int out_of_order = 0;
  int renamed = 0;  ///< facts that came a second time under another id
};

class NotifySoak : public testing::Test {
 protected:
  NotifySoak()
      : server_(
            io_.get_executor(), [this](HttpRequest request) { return answer(std::move(request)); },
            settings()),
        hangs_(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        garbles_(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {
    port_ = server_.listen_tcp("127.0.0.1", 0).value();
    spawn(io_.get_executor(), hang(), "hangs");
    spawn(io_.get_executor(), garble(), "garbles");
  }

  static HttpServerSettings settings() {
    HttpServerSettings settings;
    settings.connections = 1'000;
    return settings;
  }

  Task<HttpResponse> answer(HttpRequest request) {
    HttpResponse response;
    if (request.target == "/fails" || request.target == "/fails-too") {
      response.status = 500;
      co_return response;
    }
    note(ledgers_[static_cast<std::size_t>(std::stoi(request.target.substr(1)))], request);
    response.status = 204;
    co_return response;
  }

  static void note(Ledger& ledger, const HttpRequest& request) {
    const Value event = parse_json(request.body).value();
    const std::int64_t number = event.integer_or("data.number", -1);
    const std::string id = request.headers.value_or("webhook-id", "");
    const bool is_new = ++ledger.times[number] == 1;
    if (!is_new) {
      ledger.renamed += ledger.message_of[number] == id ? 0 : 1;
      return;
    }
    ledger.message_of[number] = id;
    std::int64_t& newest = ledger.newest[event.text_or("subject", "")];
    ledger.out_of_order += number < newest ? 1 : 0;
    newest = std::max(newest, number);
  }

  /// Takes connections and says nothing.
  Task<> hang() {
    for (;;) {
      auto [failure, socket] = co_await hangs_.async_accept(kAwait);
      if (failure) co_return;
      if (silent_.size() > 50) silent_.clear();
      silent_.push_back(std::move(socket));
    }
  }

  Task<> garble() {
    for (;;) {
      auto [failure, socket] = co_await garbles_.async_accept(kAwait);
      if (failure) co_return;
      const std::string nonsense = "\x16\x03\x01 no HTTP at all\r\n\r\n";
      co_await asio::async_write(socket, asio::buffer(nonsense), kAwait);
    }
  }

  std::vector<std::string> urls() const {
    std::vector<std::string> all;
    for (int i = 0; i < kHealthy; ++i)
      all.push_back(fmt::format("http://127.0.0.1:{}/{}", port_, i));
    all.push_back(fmt::format("http://127.0.0.1:{}/fails", port_));
    all.push_back(fmt::format("http://127.0.0.1:{}/fails-too", port_));
    all.push_back(fmt::format("http://127.0.0.1:{}/", hangs_.local_endpoint().port()));
    all.push_back(fmt::format("http://127.0.0.1:{}/", garbles_.local_endpoint().port()));
    all.push_back("http://127.0.0.1:1/");  // nobody
    return all;
  }

  std::vector<std::string> command(int facts) {
    const std::string url = test_store_url(directory_.path());
    std::vector<std::string> words{CROFT_NOTIFY_WORKER, directory_.path().string(),
                                   url.empty() ? "-" : url, std::to_string(facts)};
    for (std::string& each : urls()) words.push_back(std::move(each));
    return words;
  }

  std::size_t received() const {
    std::size_t count = 0;
    for (const Ledger& ledger : ledgers_) count += ledger.times.size();
    return count;
  }

  /// Answers endpoints until it is so.
  template <typename Claim>
  bool serves_until(Claim is_so, Duration at_most) {
    const auto end = Time::now() + at_most;
    io_.restart();
    while (!is_so()) {
      if (Time::now() > end) return false;
      io_.run_one_for(Duration(20));
    }
    return true;
  }

  asio::io_context io_;
  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-notify-soak-").value();
  std::array<Ledger, kHealthy> ledgers_;
  HttpServer server_;
  tcp::acceptor hangs_;
  tcp::acceptor garbles_;
  std::vector<tcp::socket> silent_;
  int port_ = 0;
};

TEST_F(NotifySoak, LosesNothingAndKeepsTheOrder) {
  const int facts = is_soak() ? 10'000 : 1'000;
  const int kills = is_soak() ? 50 : 5;
  const std::size_t all = static_cast<std::size_t>(facts) * kHealthy;
  const auto log = directory_.path() / "log";
  const auto began = Time::now();
  std::mt19937 random(7);
  for (int i = 0; i < kills; ++i) {
    // Somewhere in the next share of the work, at a moment that nobody chose.
    const std::size_t goal = std::min(all, received() + all / static_cast<std::size_t>(kills + 1));
    ServerProcess worker(command(facts), log, "", SIGKILL);
    ASSERT_TRUE(serves_until([&] { return received() >= goal; }, Duration(300'000)))
        << read_file(log, 1U << 20U).value_or("no log");
    serves_until([] { return false; }, Duration(random() % 50));
    worker.end(SIGKILL);
  }
  ServerProcess worker(command(facts), log, "", SIGKILL);
  ASSERT_TRUE(serves_until([&] { return received() >= all; }, Duration(600'000)))
      << received() << " of " << all << "\n"
      << read_file(log, 1U << 20U).value_or("no log");
  serves_until([] { return false; }, Duration(500));
  worker.end(SIGKILL);

  std::size_t duplicates = 0;
  int out_of_order = 0;
  for (const Ledger& ledger : ledgers_) {
    EXPECT_EQ(ledger.times.size(), static_cast<std::size_t>(facts));
    EXPECT_EQ(ledger.times.begin()->first, 1);
    EXPECT_EQ(ledger.times.rbegin()->first, facts);
    EXPECT_EQ(ledger.out_of_order, 0);
    out_of_order += ledger.out_of_order;
    EXPECT_EQ(ledger.renamed, 0) << "a fact has one id, however often it is told";
    for (const auto& [number, times] : ledger.times)
      duplicates += static_cast<std::size_t>(times - 1);
  }
  const double seconds = std::chrono::duration<double>(Time::now() - began).count();
  std::printf(
      "webhooks: %d facts to %d endpoints, 5 of them bad; killed %d times: %zu of %zu deliveries "
      "to "
      "healthy ones, %zu lost, %d out of order, %zu doubled; %.0f a second\n",
      facts, kHealthy + 5, kills, received(), all, all - received(), out_of_order, duplicates,
      static_cast<double>(all) / seconds);
}

}  // namespace
}  // namespace croft::notify
