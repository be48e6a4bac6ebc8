// Writes numbered facts and tells them to endpoints, until it is killed.
//
// usage: notify_worker DIRECTORY STORE_URL FACTS URL...
//
// STORE_URL is "-" for the embedded store. Each fact is an event and its notification, in one
// transaction; it goes on behind the last one that is stored.

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "core/store/open.hpp"
#include "reconciler/notify/dispatcher.hpp"

namespace {

using namespace croft;
using namespace croft::notify;

constexpr int kSubjects = 50;
constexpr int kAtOnce = 10;

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "%s\n", error.describe().c_str());
  std::exit(1);
}

void add_fact(Transaction& transaction, std::int64_t number, RandomSource& random,
              const Clock& clock) {
  EventRow event;
  event.time = clock.now();
  event.tenant = "alice";
  event.subject = fmt::format("alice/Instance/i{}", number % kSubjects);
  event.reason = "Updated";
  event.message = std::to_string(number);
  NotificationRow row;
  row.id = random.id();
  row.time = event.time;
  row.tenant = event.tenant;
  row.type = "croft.resource.updated";
  row.subject = event.subject;
  row.data = std::make_shared<const Value>(Value::map({{"number", number}}));
  transaction.add(AppendEvent{std::move(event)});
  transaction.add(AppendNotification{std::move(row)});
}

Task<> write_facts(Store& store, Dispatcher& dispatcher, std::int64_t facts) {
  SystemRandom random;
  SystemClock clock;
  NotificationQuery newest;
  newest.limit = 1;
  const auto last = co_await store.notifications(std::move(newest));
  if (!last) give_up(last.error());
  std::int64_t next = last->empty() ? 1 : last->back().data->integer_or("number", 0) + 1;
  while (next <= facts) {
    Transaction transaction;
    for (int i = 0; i < kAtOnce && next <= facts; ++i) add_fact(transaction, next++, random, clock);
    const Result<void> done = co_await store.commit(std::move(transaction));
    if (!done) give_up(done.error());
    dispatcher.wake("alice");
  }
}

WebhookSet webhooks(int count, char** urls) {
  WebhookSet set;
  for (int i = 0; i < count; ++i) {
    WebhookDeclaration webhook;
    webhook.ref = {"alice", Kind::Webhook, fmt::format("w{}", i)};
    webhook.source = "alice/main";
    webhook.url = urls[i];
    webhook.allow_private = true;
    set.webhooks.push_back(std::move(webhook));
  }
  return set;
}

Task<> work(Store& store, Dispatcher& dispatcher, WebhookSet set, std::int64_t facts) {
  const Result<void> started = co_await dispatcher.start();
  if (!started) give_up(started.error());
  const std::size_t count = set.webhooks.size();
  dispatcher.declare(std::move(set));
  while (dispatcher.list("").size() < count) co_await sleep_for(Duration(5));
  co_await write_facts(store, dispatcher, facts);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const std::string url = std::string_view(argv[2]) == "-" ? "" : argv[2];
  Result<std::unique_ptr<Store>> store = open_store(argv[1], url);
  if (!store) give_up(store.error());
  asio::io_context io(1);
  SystemClock clock;
  SystemRandom random;
  DispatcherSettings settings;
  settings.key_file = std::filesystem::path(argv[1]) / "webhooks.key";
  settings.schedule.delays.assign(10'000, Duration(2'000));
  SenderSettings sender;
  sender.timeout = Duration(3'000);
  Dispatcher dispatcher({.settings = settings,
                         .executor = io.get_executor(),
                         .store = **store,
                         .clock = clock,
                         .random = random,
                         .sender = http_sender(sender, clock),
                         .secret = {},
                         .keys = {},
                         .wake = {},
                         .on_change = {}},
                        [] {});
  spawn(io.get_executor(),
        work(**store, dispatcher, webhooks(argc - 4, argv + 4), std::atoll(argv[3])), "work");
  io.run();
  return 1;
}
