// Two tenants push while the whole daemon is killed again and again; twenty endpoints want to hear
// of it, of which five fail, hang, answer garbage, vanish half way or were never there. Every
// healthy one gets every fact at least once, those of a subject in their order.

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/value.hpp"
#include "core/net/server.hpp"
#include "core/store/open.hpp"
#include "tests/e2e/support/platform.hpp"
#include "tests/support/run_task.hpp"

namespace croft::e2e {
namespace {

using asio::ip::tcp;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kHealthy = 15;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// What came to one healthy endpoint: ids of events, in the order in which they came.
using Ledger = std::vector<std::string>;

/// The endpoints, on a thread of their own.
class EndpointServers {
 public:
  EndpointServers()
      : server_(
            io_.get_executor(), [this](HttpRequest request) { return answer(std::move(request)); },
            settings()),
        hangs_(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        garbles_(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {
    port_ = server_.listen_tcp("127.0.0.1", 0).value();
    vanishing_.emplace(
        io_.get_executor(), [this](HttpRequest) { return take_while_there(); }, settings());
    vanishing_port_ = vanishing_->listen_tcp("127.0.0.1", 0).value();
    spawn(io_.get_executor(), hang(), "hangs");
    spawn(io_.get_executor(), garble(), "garbles");
    thread_ = std::thread([this] { io_.run(); });
  }
  ~EndpointServers() {
    io_.stop();
    thread_.join();
  }
  EndpointServers(const EndpointServers&) = delete;
  EndpointServers& operator=(const EndpointServers&) = delete;

  std::vector<std::string> urls() const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < kHealthy; ++i)
      all.push_back(fmt::format("http://127.0.0.1:{}/{}", port_, i));
    all.push_back(fmt::format("http://127.0.0.1:{}/fails", port_));
    all.push_back(fmt::format("http://127.0.0.1:{}/", hangs_.local_endpoint().port()));
    all.push_back(fmt::format("http://127.0.0.1:{}/", garbles_.local_endpoint().port()));
    all.push_back(fmt::format("http://127.0.0.1:{}/", vanishing_port_));
    all.push_back("http://127.0.0.1:1/");  // nobody, ever
    return all;
  }
  /// The vanishing one takes nothing any more.
  void vanish() {
    asio::post(io_, [this] { vanishing_.reset(); });
  }
  std::vector<Ledger> ledgers() const {
    const std::lock_guard lock(mutex_);
    return {ledgers_.begin(), ledgers_.end()};
  }
  std::size_t taken_before_vanishing() const { return taken_before_vanishing_; }

 private:
  static HttpServerSettings settings() {
    HttpServerSettings settings;
    settings.connections = 1'000;
    return settings;
  }

  Task<HttpResponse> answer(HttpRequest request) {
    HttpResponse response;
    response.status = request.target == "/fails" ? 500 : 204;
    if (response.status == 204) {
      const std::lock_guard lock(mutex_);
      ledgers_.at(std::stoul(request.target.substr(1)))
          .push_back(request.headers.value_or("webhook-id", ""));
    }
    co_return response;
  }

  Task<HttpResponse> take_while_there() {
    ++taken_before_vanishing_;
    HttpResponse response;
    response.status = 204;
    co_return response;
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

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  mutable std::mutex mutex_;
  std::array<Ledger, kHealthy> ledgers_;
  HttpServer server_;
  tcp::acceptor hangs_;
  tcp::acceptor garbles_;
  std::vector<tcp::socket> silent_;
  std::optional<HttpServer> vanishing_;
  std::atomic<std::size_t> taken_before_vanishing_ = 0;
  int port_ = 0;
  int vanishing_port_ = 0;
  std::thread thread_;
};

/// What went wrong on the way to the healthy endpoints.
struct Counts {
  std::size_t facts = 0;
  std::size_t deliveries = 0;
  std::size_t lost = 0;
  std::size_t out_of_order = 0;
  std::size_t doubled = 0;
  std::size_t unknown = 0;  ///< told, and not in the outbox: of a transaction that did not happen
};

void count(const Ledger& ledger, const std::vector<NotificationRow>& facts, Counts& counts) {
  std::map<std::string, const NotificationRow*> by_id;
  for (const NotificationRow& fact : facts) by_id[fact.id] = &fact;
  std::set<std::string> seen;
  std::map<std::string, std::int64_t> newest;  // of each subject
  for (const std::string& id : ledger) {
    ++counts.deliveries;
    if (!seen.insert(id).second) {
      ++counts.doubled;
      continue;
    }
    const auto fact = by_id.find(id);
    if (fact == by_id.end()) {
      ++counts.unknown;
      continue;
    }
    std::int64_t& last = newest[fact->second->subject];
    if (fact->second->sequence < last) ++counts.out_of_order;
    last = std::max(last, fact->second->sequence);
  }
  for (const NotificationRow& fact : facts) counts.lost += seen.contains(fact.id) ? 0 : 1;
}

class WebhookSoak : public testing::Test {
 protected:
  std::string webhooks() const {
    std::string text;
    const std::vector<std::string> urls = servers_.urls();
    for (std::size_t i = 0; i < urls.size(); ++i) {
      text += fmt::format(
          "---\napiVersion: croft/v1\nkind: Webhook\nmetadata: {{name: w{}}}\n"
          "spec: {{url: \"{}\", allowPrivate: true}}\n",
          i, urls[i]);
    }
    return text;
  }

  /// A commit that changes all of the tenant's sites.
  std::string push(const std::string& tenant) {
    GitRepository::Files files;
    const std::string text = fmt::format("{} {}", tenant, ++pushes_);
    for (int i = 0; i < sites_; ++i) {
      const GitRepository::Files site = site_files(fmt::format("s{}", i), text);
      files.insert(files.end(), site.begin(), site.end());
    }
    return platform_.push(tenant, files);
  }

  /// The tenants; five of the operator's Webhooks are never well.
  void settle() {
    for (const char* tenant : {"alice", "bob"}) platform_.settle(tenant);
  }

  /// The supervisor and every role, with nothing that could be tidied up.
  void kill_all() {
    std::vector<pid_t> roles;
    for (const char* role : {"control", "edge", "hooks"}) {
      for (const pid_t pid : platform_.daemon.processes_of(role)) roles.push_back(pid);
    }
    platform_.daemon.kill();
    for (const pid_t pid : roles) ::kill(pid, SIGKILL);
    wait_until(
        [&] { return std::ranges::all_of(roles, [](pid_t pid) { return ::kill(pid, 0) != 0; }); });
    ++kills_;
  }

  /// Until nothing waits for a healthy endpoint, or nobody gets anything for long.
  bool are_all_told() {
    const auto is_told = [&] {
      const ChildOutput listed = platform_.daemon.croft({"webhook", "ls", "-o", "json"});
      const Result<Value> parsed = parse_json(listed.output);
      const Value* all = parsed ? parsed->find("webhooks") : nullptr;
      if (all == nullptr || all->as_list().size() != servers_.urls().size()) return false;
      return std::ranges::all_of(all->as_list(), [](const Value& one) {
        const std::string ref = one.text_or("ref", "Webhook/w99");
        const bool is_bad = std::stoul(ref.substr(ref.rfind('w') + 1)) >= kHealthy;
        return is_bad || one.integer_or("waiting", -1) == 0;
      });
    };
    const auto sizes = [&] {
      std::vector<std::size_t> all;
      for (const Ledger& ledger : servers_.ledgers()) all.push_back(ledger.size());
      return all;
    };
    return wait_until(
        [&] {
          const auto before = sizes();
          if (!is_told()) return false;
          std::this_thread::sleep_for(std::chrono::milliseconds(500));
          return sizes() == before && is_told();
        },
        std::chrono::minutes(15));
  }

  /// What the outbox holds since that sequence, all of it; the daemon does not run.
  std::vector<NotificationRow> facts_since(std::int64_t sequence) {
    asio::io_context io;
    const auto store = open_store(platform_.daemon.data(), "").value();
    std::vector<NotificationRow> all;
    for (;;) {
      NotificationQuery query;
      query.after = all.empty() ? std::max<std::int64_t>(sequence, -1) : all.back().sequence;
      query.limit = 10'000;
      std::vector<NotificationRow> rows = run_task(io, store->notifications(query)).value();
      std::ranges::move(rows, std::back_inserter(all));
      if (rows.size() < query.limit) return all;
    }
  }

  int sites_ = is_soak() ? 100 : 20;
  int rounds_ = is_soak() ? 50 : 5;
  int pushes_ = 0;
  int kills_ = 0;
  EndpointServers servers_;
  Platform platform_{{"alice", "bob"}};
};

TEST_F(WebhookSoak, KillingTheDaemonLosesNothingAndKeepsTheOrder) {
  push("alice");
  push("bob");
  platform_.operate("webhooks.yaml", webhooks());
  platform_.daemon.start();
  settle();
  ASSERT_TRUE(are_all_told()) << platform_.daemon.log();
  ASSERT_EQ(platform_.daemon.stop(), 0);
  const std::vector<NotificationRow> before = facts_since(-1);
  ASSERT_FALSE(before.empty());
  const std::int64_t start = before.back().sequence;
  const std::vector<Ledger> ledgers_before = servers_.ledgers();

  const auto began = SteadyClock::now();
  std::mt19937 random(11);
  std::vector<std::string> applied;  // commits that we saw applied
  for (int round = 0; round < rounds_; ++round) {
    if (round == rounds_ / 2) servers_.vanish();
    push("alice");
    platform_.daemon.start();
    const std::string alice = push("alice");
    const std::string bob = push("bob");
    if (round % 3 == 1) {
      settle();
      applied.insert(applied.end(), {alice, bob});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 2'500));
    kill_all();
  }
  platform_.daemon.start();
  const std::string alice = push("alice");
  const std::string bob = push("bob");
  settle();
  applied.insert(applied.end(), {alice, bob});
  EXPECT_TRUE(are_all_told()) << platform_.daemon.log();
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
  ASSERT_EQ(platform_.daemon.stop(), 0);

  const std::vector<NotificationRow> facts = facts_since(start);
  for (const std::string& commit : applied) {
    EXPECT_EQ(std::ranges::count_if(facts,
                                    [&](const NotificationRow& fact) {
                                      return fact.type == "croft.revision.applied" &&
                                             fact.data->text_or("revision", "") == commit;
                                    }),
              1)
        << commit;
  }
  Counts counts;
  counts.facts = facts.size();
  const std::vector<Ledger> ledgers = servers_.ledgers();
  for (std::size_t i = 0; i < kHealthy; ++i) {
    const auto begin = ledgers[i].begin() + static_cast<std::ptrdiff_t>(ledgers_before[i].size());
    count(Ledger(begin, ledgers[i].end()), facts, counts);
  }
  std::printf(
      "webhooks of croft serve: %zu facts of %d pushes to 20 endpoints, 5 of them bad; the whole "
      "daemon killed %d times: %zu deliveries to healthy ones, %zu lost, %zu out of order, %zu "
      "doubled, %zu unknown; %.0f s\n",
      counts.facts, pushes_, kills_, counts.deliveries, counts.lost, counts.out_of_order,
      counts.doubled, counts.unknown, seconds);
  EXPECT_GT(counts.facts, static_cast<std::size_t>(rounds_ * sites_));
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_EQ(counts.out_of_order, 0U);
  EXPECT_EQ(counts.unknown, 0U);
  EXPECT_GT(servers_.taken_before_vanishing(), 0U);
}

}  // namespace
}  // namespace croft::e2e
