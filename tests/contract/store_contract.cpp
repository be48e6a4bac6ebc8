#include "tests/contract/store_contract.hpp"

#include <algorithm>
#include <limits>
#include <random>
#include <set>

#include <fmt/format.h>

#include "core/base/clock.hpp"
#include "core/store/keys.hpp"
#include "tests/contract/store_rows.hpp"

namespace croft {

void StoreContract::SetUp() {
  home_ = GetParam().make_home();
  reopen();
}

void StoreContract::reopen(StoreHistory history) {
  store_.reset();
  Result<std::unique_ptr<Store>> opened = home_->open(history);
  ASSERT_TRUE(opened.has_value()) << opened.error().describe();
  store_ = std::move(*opened);
}

std::vector<Result<void>> StoreContract::commit_at_once(std::vector<Transaction> transactions) {
  std::vector<Result<void>> results(transactions.size(),
                                    fail(ErrorCode::Internal, "never completed"));
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    asio::co_spawn(io_, store_->commit(std::move(transactions[i])),
                   [&results, i](std::exception_ptr thrown, Result<void> result) {
                     if (!thrown) results[i] = std::move(result);
                   });
  }
  io_.restart();
  io_.run();
  return results;
}

namespace {

using namespace store_rows;

template <typename Row, typename Member>
auto all_of(const std::vector<Row>& rows, Member member) {
  std::vector<std::decay_t<std::invoke_result_t<Member, const Row&>>> values;
  for (const Row& row : rows) values.push_back(std::invoke(member, row));
  return values;
}

template <typename... Writes>
Transaction transaction_of(Writes... writes) {
  Transaction transaction;
  (transaction.add(std::move(writes)), ...);
  return transaction;
}

std::vector<std::string> texts(std::initializer_list<std::string> list) { return list; }

#define EXPECT_GOOD(expr)                                     \
  do {                                                        \
    const auto& good = (expr);                                \
    EXPECT_TRUE(good.has_value()) << good.error().describe(); \
  } while (false)

#define EXPECT_FAILS(expected, expr)                                                    \
  do {                                                                                  \
    const auto& failed = (expr);                                                        \
    ASSERT_FALSE(failed.has_value());                                                   \
    EXPECT_EQ(failed.error().code(), ErrorCode::expected) << failed.error().describe(); \
  } while (false)

// every field comes back, also after a restart

TEST_P(StoreContract, IsEmptyAtFirst) {
  EXPECT_TRUE(rows(store().tenants()).empty());
  EXPECT_TRUE(rows(store().sources()).empty());
  EXPECT_TRUE(rows(store().all_resources()).empty());
  EXPECT_TRUE(rows(store().resources("alice")).empty());
  EXPECT_TRUE(rows(store().open_intents()).empty());
  EXPECT_TRUE(rows(store().directives()).empty());
  EXPECT_TRUE(rows(store().events({})).empty());
  EXPECT_TRUE(rows(store().usage("t1", at(0), at(100))).empty());
  EXPECT_TRUE(rows(store().open_usage()).empty());
  EXPECT_TRUE(rows(store().tokens()).empty());
  EXPECT_TRUE(rows(store().acknowledgements()).empty());
}

TEST_P(StoreContract, KeepsTenantsAndSourcesOverARestart) {
  TenantRow removed = tenant("t2", "bob");
  removed.removed_at = at(5);
  removed.retained_until = at(6);
  const SourceRow bare{.key = "bob/main"};
  EXPECT_GOOD(commit(PutTenant{tenant("t1", "alice")}, PutTenant{removed},
                     PutSource{source("alice/main")}, PutSource{bare}));
  reopen();
  TenantRow first = tenant("t1", "alice");
  first.number = 1;
  removed.number = 2;
  EXPECT_EQ(rows(store().tenants()), (std::vector<TenantRow>{first, removed}));
  EXPECT_EQ(rows(store().sources()), (std::vector<SourceRow>{source("alice/main"), bare}));
}

TEST_P(StoreContract, KeepsResourcesOverARestart) {
  ResourceRow bare{.uid = "u2", .ref = site("alice", "shop"), .state = InventoryState::Retained};
  const ResourceRow full = resource("u1", site("alice", "blog"));
  EXPECT_GOOD(commit(PutResource{full}, PutResource{bare}));
  reopen();
  const std::vector<ResourceRow> kept = rows(store().resources("alice"));
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_TRUE(is_same(kept[0], full));
  EXPECT_TRUE(is_same(kept[1], bare));
}

TEST_P(StoreContract, KeepsEveryPhaseAndKind) {
  Transaction transaction;
  for (const Kind kind : all_kinds()) {
    for (int phase = 0; phase <= static_cast<int>(Phase::Destroyed); ++phase) {
      const std::string name = "n" + std::to_string(phase);
      ResourceRow row = resource(std::string(to_string(kind)) + name, Ref{"alice", kind, name});
      row.phase = static_cast<Phase>(phase);
      transaction.add(PutResource{row});
    }
  }
  EXPECT_GOOD(run(store().commit(transaction)));
  for (const ResourceRow& row : rows(store().all_resources())) {
    EXPECT_EQ("n" + std::to_string(static_cast<int>(row.phase)), row.ref.name);
    EXPECT_EQ(std::string(to_string(row.ref.kind)) + row.ref.name, row.uid);
  }
}

TEST_P(StoreContract, KeepsTheSmallThingsOverARestart) {
  const AcknowledgementRow yes{.tenant = "alice", .digest = "7c1e", .by = "root", .at = at(3)};
  const DirectiveRow stop = directive(site("alice", "blog"), DirectiveVerb::Stop);
  EventRow created = event("alice", "alice/Site/blog");
  EXPECT_GOOD(commit(PutIntent{intent("i1")}, PutDirective{stop}, AppendEvent{created},
                     PutUsage{usage("f1", 0, {})}, PutToken{token("k1")}, PutAcknowledgement{yes}));
  reopen();
  created.sequence = 1;
  EXPECT_EQ(rows(store().open_intents()), std::vector<IntentRow>{intent("i1")});
  EXPECT_EQ(rows(store().directives()), std::vector<DirectiveRow>{stop});
  EXPECT_EQ(rows(store().events({})), std::vector<EventRow>{created});
  EXPECT_EQ(rows(store().tokens()), std::vector<TokenRow>{token("k1")});
  EXPECT_EQ(rows(store().acknowledgements()), std::vector<AcknowledgementRow>{yes});
  const std::vector<UsageRow> open = rows(store().open_usage());
  ASSERT_EQ(open.size(), 1U);
  EXPECT_TRUE(is_same(open[0], usage("f1", 0, {})));
}

TEST_P(StoreContract, KeepsDocumentsExactly) {
  const Value spec =
      Value::map({{"empty", Value::map()},
                  {"list", Value(Value::List{Value(), Value(true), Value(-1), Value("012")})},
                  {"largest", Value(std::numeric_limits<std::int64_t>::max())},
                  {"smallest", Value(std::numeric_limits<std::int64_t>::min())},
                  {"real", Value(0.1)},
                  {"text", Value("\"quoted\"\n\ttab \\ \x01 ünïcödé 🚀")}});
  ResourceRow row = resource("u1", site("alice", "blog"));
  row.applied = document(spec);
  EXPECT_GOOD(commit(PutResource{row}));
  const std::vector<ResourceRow> kept = rows(store().all_resources());
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(*kept[0].applied, spec);
}

TEST_P(StoreContract, KeepsAnyValidText) {
  const std::string megabyte(1 << 20, 'x');
  for (const std::string& text :
       {std::string("'; DROP TABLE events; --"), std::string("$1 ? :name @x"),
        std::string("日本 🚀 e\u0301"), megabyte}) {
    EXPECT_GOOD(commit(AppendEvent{event("alice", "s", text)}));
    EXPECT_EQ(rows(store().events({.limit = 1})).at(0).message, text);
  }
}

/// Text that does not compress.
std::string noise(std::size_t size, int salt) {
  std::mt19937 random(static_cast<unsigned>(salt));
  std::string text;
  while (text.size() < size) text += static_cast<char>('!' + random() % 90);
  return text;
}

/// One row of each kind, everything that it is found by so long.
std::vector<Write> rows_found_by(std::size_t size) {
  auto text = [size, salt = 0]() mutable { return noise(size, ++salt); };
  const Ref ref{.tenant = text(), .kind = Kind::Site, .name = text()};
  UsageRow fact = usage(text(), 0, 5);
  fact.tenant_uid = text();
  return {PutTenant{tenant(text(), text())},
          PutSource{source(text())},
          PutResource{resource(text(), ref)},
          PutIntent{intent(text())},
          PutDirective{directive(ref, DirectiveVerb::Suspend)},
          AppendEvent{event(text(), "s")},
          AppendEvent{event("alice", text())},
          PutUsage{fact},
          PutToken{token(text())},
          PutAcknowledgement{{.tenant = text(), .digest = text(), .by = "root", .at = at(1)}}};
}

TEST_P(StoreContract, BoundsWhatRowsAreFoundBy) {
  const auto commit_one = [this](Write write) {
    Transaction transaction;
    transaction.writes.push_back(std::move(write));
    return commit_at_once({std::move(transaction)}).front();
  };
  for (Write& write : rows_found_by(kLongestKey)) EXPECT_GOOD(commit_one(std::move(write)));
  for (Write& write : rows_found_by(kLongestKey + 1))
    EXPECT_FAILS(Invalid, commit_one(std::move(write)));
  // What is no UTF-8 takes more room once it is kept.
  const std::string broken(kLongestKey, '\xFF');
  EXPECT_FAILS(Invalid, commit_one(AppendEvent{event("alice", broken)}));
  EXPECT_EQ(rows(store().events({})).size(), 2U);
}

TEST_P(StoreContract, KeepsStrangersBytesAsReadableText) {
  SourceRow row = source("alice/main");
  row.conditions[0].message = "caf\xE9 \xF0\x9F\x9A";  // Latin-1, and a cut-off emoji
  EXPECT_GOOD(commit(PutSource{row},
                     AppendEvent{event("alice", "s", std::string("a\0b \xED\xA0\x80", 7))}));
  EXPECT_EQ(rows(store().sources()).at(0).conditions.at(0).message, "caf\uFFFD \uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(rows(store().events({})).at(0).message, "a\uFFFDb \uFFFD\uFFFD\uFFFD");
}

// put, erase, refuse

TEST_P(StoreContract, ReplacesTheRowWithTheSameKey) {
  EXPECT_GOOD(commit(
      PutSource{source("alice/main")}, PutResource{resource("u1", site("alice", "blog"))},
      PutDirective{directive(site("alice", "blog"), DirectiveVerb::Stop)}, PutToken{token("k1")}));
  SourceRow moved = source("alice/main");
  moved.applied_revision = "8d1c0aa";
  moved.conditions.clear();
  ResourceRow changed = resource("u1", site("alice", "shop"));
  changed.phase = Phase::Running;
  changed.applied = nullptr;
  changed.retained_until.reset();
  DirectiveRow later = directive(site("alice", "blog"), DirectiveVerb::Stop);
  later.until.reset();
  TokenRow renamed = token("k1");
  renamed.name = "deploy";
  EXPECT_GOOD(
      commit(PutSource{moved}, PutResource{changed}, PutDirective{later}, PutToken{renamed}));
  EXPECT_EQ(rows(store().sources()), std::vector<SourceRow>{moved});
  EXPECT_EQ(rows(store().directives()), std::vector<DirectiveRow>{later});
  EXPECT_EQ(rows(store().tokens()), std::vector<TokenRow>{renamed});
  const std::vector<ResourceRow> kept = rows(store().all_resources());
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_TRUE(is_same(kept[0], changed));
}

TEST_P(StoreContract, ErasesRowsAndForgivesErasingTheAbsent) {
  const Ref ref = site("alice", "blog");
  const AcknowledgementRow yes{.tenant = "", .digest = "7c1e", .by = "root", .at = at(3)};
  EXPECT_GOOD(commit(PutTenant{tenant("t1", "alice")}, PutSource{source("alice/main")},
                     PutResource{resource("u1", ref)},
                     PutDirective{directive(ref, DirectiveVerb::Stop)}, PutToken{token("k1")},
                     PutAcknowledgement{yes}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_GOOD(commit(EraseTenant{"t1"}, EraseSource{"alice/main"}, EraseResource{"u1"},
                       EraseDirective{ref, DirectiveVerb::Stop}, EraseToken{"k1"},
                       EraseAcknowledgement{"", "7c1e"}));
    EXPECT_TRUE(rows(store().tenants()).empty());
    EXPECT_TRUE(rows(store().sources()).empty());
    EXPECT_TRUE(rows(store().all_resources()).empty());
    EXPECT_TRUE(rows(store().directives()).empty());
    EXPECT_TRUE(rows(store().tokens()).empty());
    EXPECT_TRUE(rows(store().acknowledgements()).empty());
  }
}

TEST_P(StoreContract, KeepsOneDirectiveAVerbAndRef) {
  const Ref ref = site("alice", "blog");
  EXPECT_GOOD(commit(PutDirective{directive(ref, DirectiveVerb::Stop)},
                     PutDirective{directive(ref, DirectiveVerb::Stop)},
                     PutDirective{directive(ref, DirectiveVerb::Suspend)}));
  EXPECT_EQ(rows(store().directives()).size(), 2U);
  EXPECT_GOOD(commit(EraseDirective{ref, DirectiveVerb::Stop}));
  EXPECT_EQ(rows(store().directives()),
            std::vector<DirectiveRow>{directive(ref, DirectiveVerb::Suspend)});
}

TEST_P(StoreContract, RefusesRowsWithoutAKey) {
  EXPECT_FAILS(Invalid, commit(PutTenant{tenant("", "alice")}));
  EXPECT_FAILS(Invalid, commit(PutTenant{tenant("t1", "")}));
  EXPECT_FAILS(Invalid, commit(PutSource{source("")}));
  EXPECT_FAILS(Invalid, commit(PutResource{resource("", site("alice", "blog"))}));
  EXPECT_FAILS(Invalid, commit(PutResource{resource("u1", site("alice", ""))}));
  EXPECT_FAILS(Invalid, commit(PutIntent{intent("")}));
  EXPECT_FAILS(Invalid, commit(PutUsage{usage("", 0, 1)}));
  EXPECT_FAILS(Invalid, commit(PutToken{token("")}));
}

TEST_P(StoreContract, RefusesDocumentsItCouldNotReadAgain) {
  Value deep("bottom");
  for (int i = 0; i < 100; ++i) deep = Value(Value::List{std::move(deep)});
  ResourceRow row = resource("u1", site("alice", "blog"));
  row.applied = document(deep);
  EXPECT_FAILS(Invalid, commit(PutResource{row}));
  row.applied = document(Value(std::numeric_limits<double>::infinity()));
  EXPECT_FAILS(Invalid, commit(PutResource{row}));
  EXPECT_TRUE(rows(store().all_resources()).empty());
}

TEST_P(StoreContract, KeepsDocumentsAsDeepAsManifestsMayBe) {
  Value deep("bottom");
  for (int i = 0; i < 63; ++i) deep = Value::map({{"k", deep}});
  ResourceRow row = resource("u1", site("alice", "blog"));
  row.applied = document(deep);
  EXPECT_GOOD(commit(PutResource{row}));
  EXPECT_EQ(*rows(store().all_resources()).at(0).applied, deep);
}

TEST_P(StoreContract, LetsOneUidOwnARefAtATime) {
  const Ref ref = site("alice", "blog");
  EXPECT_GOOD(commit(PutResource{resource("u1", ref)}));
  EXPECT_FAILS(Conflict, commit(PutResource{resource("u2", ref)}));
  ResourceRow retained = resource("u1", ref);
  retained.state = InventoryState::Retained;
  EXPECT_GOOD(commit(PutResource{retained}, PutResource{resource("u2", ref)}));
  EXPECT_EQ(rows(store().resources("alice")).size(), 2U);
}

// tenants' numbers and names

TEST_P(StoreContract, GivesTenantsRisingNumbersAndNeverOneTwice) {
  EXPECT_GOOD(commit(PutTenant{tenant("t1", "alice")}, PutTenant{tenant("t2", "bob")}));
  EXPECT_EQ(all_of(rows(store().tenants()), &TenantRow::number), (std::vector<std::int64_t>{1, 2}));
  EXPECT_GOOD(commit(EraseTenant{"t2"}));
  reopen();
  EXPECT_GOOD(commit(PutTenant{tenant("t3", "bob")}));
  EXPECT_EQ(all_of(rows(store().tenants()), &TenantRow::number), (std::vector<std::int64_t>{1, 3}));
}

TEST_P(StoreContract, KeepsTheNumberOfAKnownTenant) {
  EXPECT_GOOD(commit(PutTenant{tenant("t1", "alice")}));
  EXPECT_GOOD(commit(PutTenant{tenant("t1", "alice")}));
  TenantRow row = rows(store().tenants()).at(0);
  EXPECT_EQ(row.number, 1);
  row.removed_at = at(9);
  EXPECT_GOOD(commit(PutTenant{row}));
  EXPECT_EQ(rows(store().tenants()), std::vector<TenantRow>{row});
  row.number = 7;
  EXPECT_FAILS(Conflict, commit(PutTenant{row}));
}

TEST_P(StoreContract, TakesANumberOnlyIfItWasNeverGiven) {
  TenantRow imported = tenant("t1", "alice");
  imported.number = 40;
  EXPECT_GOOD(commit(PutTenant{imported}));
  EXPECT_GOOD(commit(PutTenant{tenant("t2", "bob")}));
  EXPECT_EQ(all_of(rows(store().tenants()), &TenantRow::number),
            (std::vector<std::int64_t>{40, 41}));
  TenantRow stale = tenant("t3", "carol");
  stale.number = 41;
  EXPECT_FAILS(Conflict, commit(PutTenant{stale}));
  EXPECT_GOOD(commit(EraseTenant{"t2"}));
  EXPECT_FAILS(Conflict, commit(PutTenant{stale}));
}

TEST_P(StoreContract, GivesManyTenantsAtOnceANumberEach) {
  std::vector<Transaction> transactions;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "t" + std::to_string(i);
    transactions.push_back(transaction_of(PutTenant{tenant("u" + name, name)}));
  }
  for (const Result<void>& result : commit_at_once(std::move(transactions))) EXPECT_GOOD(result);
  const std::vector<std::int64_t> numbers = all_of(rows(store().tenants()), &TenantRow::number);
  EXPECT_EQ(std::set<std::int64_t>(numbers.begin(), numbers.end()).size(), 200U);
}

TEST_P(StoreContract, ReservesATenantsNameUntilItsRowIsErased) {
  TenantRow removed = tenant("t1", "alice");
  removed.removed_at = at(1);
  EXPECT_GOOD(commit(PutTenant{removed}));
  const Result<void> taken = commit(PutTenant{tenant("t2", "alice")});
  EXPECT_FAILS(Conflict, taken);
  EXPECT_NE(taken.error().describe().find("the name 'alice' belongs to another tenant"),
            std::string::npos);
  EXPECT_GOOD(commit(EraseTenant{"t1"}, PutTenant{tenant("t2", "alice")}));
}

// transactions

TEST_P(StoreContract, LeavesNothingOfAFailedTransaction) {
  EXPECT_GOOD(commit(PutTenant{tenant("t1", "alice")}));
  EXPECT_FAILS(Conflict,
               commit(PutSource{source("bob/main")}, AppendEvent{event("bob", "bob/main")},
                      EraseTenant{"t1"}, PutTenant{tenant("t2", "bob")},
                      PutTenant{tenant("t3", "bob")}, PutToken{token("k1")}));
  EXPECT_TRUE(rows(store().sources()).empty());
  EXPECT_TRUE(rows(store().events({})).empty());
  EXPECT_TRUE(rows(store().tokens()).empty());
  EXPECT_EQ(all_of(rows(store().tenants()), &TenantRow::uid), texts({"t1"}));
}

TEST_P(StoreContract, AcceptsAnEmptyTransaction) { EXPECT_GOOD(commit()); }

TEST_P(StoreContract, AppliesWritesInOrder) {
  EXPECT_GOOD(commit(PutToken{token("k1")}, EraseToken{"k1"}, PutToken{token("k2")},
                     EraseToken{"k3"}, PutToken{token("k3")}));
  EXPECT_EQ(all_of(rows(store().tokens()), &TokenRow::id), texts({"k2", "k3"}));
}

TEST_P(StoreContract, LetsTheOthersSucceedWhenOneInTheMiddleFails) {
  std::vector<Transaction> transactions;
  for (int i = 0; i < 90; ++i) {
    const std::string number = std::to_string(i);
    Transaction transaction;
    transaction.add(PutToken{token("a" + number)});
    transaction.add(PutTenant{tenant("u" + number, i % 3 == 1 ? "same" : "t" + number)});
    transaction.add(PutToken{token("b" + number)});
    transactions.push_back(std::move(transaction));
  }
  const std::vector<Result<void>> results = commit_at_once(std::move(transactions));
  std::set<std::string> expected;
  for (int i = 0; i < 90; ++i) {
    const bool is_good = i % 3 != 1 || i == 1;
    EXPECT_EQ(results[static_cast<std::size_t>(i)].has_value(), is_good) << i;
    if (is_good) expected.insert({"a" + std::to_string(i), "b" + std::to_string(i)});
  }
  const std::vector<std::string> kept = all_of(rows(store().tokens()), &TokenRow::id);
  EXPECT_EQ(std::set<std::string>(kept.begin(), kept.end()), expected);
}

// Large enough for an engine to write them in several goes, of which one fails.
TEST_P(StoreContract, KeepsTheOrderOfTheOthersIfSomeFailAmongMany) {
  EXPECT_GOOD(commit(PutResource{resource("owner", site("alice", "taken"))}));
  const std::set<int> failing{5, 17, 18};
  std::vector<Transaction> transactions;
  for (int i = 0; i < 24; ++i) {
    ResourceRow shared = resource("u1", site("alice", "blog"));
    shared.message = std::to_string(i);
    Transaction transaction = transaction_of(PutResource{shared});
    for (int j = 0; j < 250; ++j)
      transaction.add(AppendEvent{event("alice", "s", fmt::format("{} {}", i, j))});
    if (failing.contains(i)) transaction.add(PutResource{resource("u2", site("alice", "taken"))});
    transactions.push_back(std::move(transaction));
  }
  const std::vector<Result<void>> results = commit_at_once(std::move(transactions));
  std::vector<std::string> expected;
  for (int i = 0; i < 24; ++i) {
    EXPECT_EQ(results[static_cast<std::size_t>(i)].has_value(), !failing.contains(i)) << i;
    for (int j = 0; j < 250 && !failing.contains(i); ++j)
      expected.push_back(fmt::format("{} {}", i, j));
  }
  EXPECT_NE(results[17].error().describe().find("is owned already"), std::string::npos);
  const std::vector<EventRow> history = rows(store().events({.after = -1, .limit = 10'000}));
  EXPECT_EQ(all_of(history, &EventRow::message), expected);
  EXPECT_EQ(history.back().sequence, static_cast<std::int64_t>(expected.size())) << "a gap";
  EXPECT_EQ(rows(store().resources("alice")).at(0).message, "23");
}

TEST_P(StoreContract, KeepsManyRowsOfAKindAsItKeepsOne) {
  Transaction all;
  std::vector<SourceRow> sources;
  std::vector<ResourceRow> resources;
  std::vector<IntentRow> intents;
  std::vector<UsageRow> facts;
  for (int i = 0; i < 30; ++i) {
    const std::string number = fmt::format("{:02}", i);
    const bool is_odd = i % 2 == 1;
    sources.push_back(source("alice/" + number));
    if (is_odd) sources.back().fetched_at.reset();
    resources.push_back(resource("u" + number, site("alice", "{\"odd\",\\" + number)));
    resources.back().message = is_odd ? "" : "NULL";
    if (is_odd) resources.back().applied = nullptr;
    if (is_odd) resources.back().observed_at.reset();
    intents.push_back(intent("i" + number, IntentState::Open, i));
    facts.push_back(usage("f" + number, i, std::nullopt));
    facts.back().quantity = std::numeric_limits<std::int64_t>::min() + i;
    if (is_odd) facts.back().dimensions = nullptr;
    // Out of date before it is written, by the same transaction.
    all.add(PutSource{source("alice/" + number)}).add(PutSource{sources.back()});
    all.add(PutResource{resources.back()}).add(PutIntent{intents.back()});
    all.add(PutUsage{facts.back()});
  }
  all.add(PutResource{resource("gone", site("bob", "blog"))}).add(EraseResource{"gone"});
  const Result<void> done = commit_at_once({std::move(all)}).front();
  EXPECT_GOOD(done);
  EXPECT_EQ(rows(store().sources()), sources);
  EXPECT_EQ(rows(store().open_intents()), intents);
  const std::vector<ResourceRow> kept = rows(store().all_resources());
  ASSERT_EQ(kept.size(), resources.size());
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(is_same(kept[i], resources[i])) << i;
  const std::vector<UsageRow> open = rows(store().open_usage());
  ASSERT_EQ(open.size(), facts.size());
  for (std::size_t i = 0; i < open.size(); ++i) EXPECT_TRUE(is_same(open[i], facts[i])) << i;
}

TEST_P(StoreContract, TakesAThousandCommitsInFlightInTheirOrder) {
  std::vector<Transaction> transactions;
  for (int i = 0; i < 1'000; ++i) {
    TokenRow last = token("last");
    last.name = std::to_string(i);
    transactions.push_back(transaction_of(PutToken{token(std::to_string(i))}, PutToken{last},
                                          AppendEvent{event("", "s", last.name)}));
  }
  for (const Result<void>& result : commit_at_once(std::move(transactions))) EXPECT_GOOD(result);
  reopen();
  EXPECT_EQ(rows(store().tokens()).size(), 1'001U);
  const std::vector<EventRow> history = rows(store().events({.after = -1, .limit = 2'000}));
  ASSERT_EQ(history.size(), 1'000U);
  for (std::size_t i = 0; i < history.size(); ++i) {
    EXPECT_EQ(history[i].message, std::to_string(i));
    EXPECT_EQ(history[i].sequence, static_cast<std::int64_t>(i) + 1);
  }
}

TEST_P(StoreContract, ShowsACompletedCommitToTheNextRead) {
  for (int i = 1; i <= 50; ++i) {
    EXPECT_GOOD(commit(PutToken{token("k" + std::to_string(i))}));
    EXPECT_EQ(rows(store().tokens()).size(), static_cast<std::size_t>(i));
  }
}

// what reads give

TEST_P(StoreContract, ReadsResourcesOfATenantAlone) {
  ResourceRow plan = resource("u3", Ref{"", Kind::Plan, "hobby"});
  EXPECT_GOOD(commit(PutResource{resource("u1", site("alice", "blog"))},
                     PutResource{resource("u2", site("bob", "blog"))}, PutResource{plan}));
  EXPECT_EQ(all_of(rows(store().resources("alice")), &ResourceRow::uid), texts({"u1"}));
  EXPECT_EQ(all_of(rows(store().resources("")), &ResourceRow::uid), texts({"u3"}));
  EXPECT_EQ(all_of(rows(store().all_resources()), &ResourceRow::uid), texts({"u3", "u1", "u2"}));
}

TEST_P(StoreContract, FindsNothingByWhatNoRowCanHave) {
  EXPECT_GOOD(commit(AppendEvent{event("alice", "s")}, PutUsage{usage("u", 0, 5)}));
  for (const std::string& key : {std::string(kLongestKey + 1, 'a'), std::string(1 << 20, 'a'),
                                 std::string("a\0b", 3), std::string("\xFF"), std::string("'")}) {
    EXPECT_TRUE(rows(store().resources(key)).empty());
    EXPECT_TRUE(rows(store().events({.tenant = key})).empty());
    EXPECT_TRUE(rows(store().events({.subject = key})).empty());
    EXPECT_TRUE(rows(store().usage(key, at(0), at(20))).empty());
  }
}

TEST_P(StoreContract, GivesRowsInTheOrderOfTheirKeys) {
  EXPECT_GOOD(commit(PutResource{resource("u1", site("bob", "a-b"))},
                     PutResource{resource("u2", site("bob", "a0"))},
                     PutResource{resource("u3", Ref{"bob", Kind::Instance, "z"})},
                     PutResource{resource("u4", site("alice", "z"))}, PutSource{source("b/main")},
                     PutSource{source("a/main")},
                     PutDirective{directive(site("bob", "z"), DirectiveVerb::Stop)},
                     PutDirective{directive(site("bob", "a"), DirectiveVerb::Stop)}));
  EXPECT_EQ(all_of(rows(store().all_resources()), &ResourceRow::uid),
            texts({"u4", "u3", "u1", "u2"}));
  EXPECT_EQ(all_of(rows(store().sources()), &SourceRow::key), texts({"a/main", "b/main"}));
  EXPECT_EQ(rows(store().directives()).at(0).ref.name, "a");
}

TEST_P(StoreContract, ShowsIntentsWhileTheyAreOpenOldestFirst) {
  EXPECT_GOOD(commit(PutIntent{intent("i3", IntentState::Open, 3)},
                     PutIntent{intent("i1", IntentState::Open, 1)},
                     PutIntent{intent("i2", IntentState::Open, 2)},
                     PutIntent{intent("i4", IntentState::Open, 3)}));
  EXPECT_EQ(all_of(rows(store().open_intents()), &IntentRow::id), texts({"i1", "i2", "i3", "i4"}));
  IntentRow failed = intent("i3", IntentState::Failed, 3);
  failed.error = "no such image";
  EXPECT_GOOD(commit(PutIntent{intent("i1", IntentState::Done, 1)}, PutIntent{failed}));
  EXPECT_EQ(all_of(rows(store().open_intents()), &IntentRow::id), texts({"i2", "i4"}));
}

TEST_P(StoreContract, ForgetsFinishedIntentsButNeverOpenOnes) {
  reopen({.ended = 10});
  EXPECT_GOOD(commit(PutIntent{intent("old", IntentState::Open, -5)}));
  for (int round = 0; round < 3; ++round) {
    Transaction transaction;
    for (int i = 0; i < 1'000; ++i) {
      const std::string id = std::to_string(round) + "/" + std::to_string(i);
      transaction.add(PutIntent{intent(id, IntentState::Done, i)});
    }
    EXPECT_GOOD(run(store().commit(std::move(transaction))));
  }
  EXPECT_EQ(all_of(rows(store().open_intents()), &IntentRow::id), texts({"old"}));
}

TEST_P(StoreContract, FindsUsageThatOverlapsAndUsageThatIsOpen) {
  UsageRow of_another = usage("other", 0, 100);
  of_another.tenant_uid = "t2";
  EXPECT_GOOD(commit(PutUsage{usage("before", 0, 10)}, PutUsage{usage("into", 5, 11)},
                     PutUsage{usage("within", 12, 14)}, PutUsage{usage("across", 0, 100)},
                     PutUsage{usage("open", 3, {})}, PutUsage{usage("after", 20, 30)},
                     PutUsage{usage("gauge", 10, 10)}, PutUsage{usage("gauge-at-end", 20, 20)},
                     PutUsage{of_another}, PutUsage{usage("open-later", 25, {})}));
  EXPECT_EQ(all_of(rows(store().usage("t1", at(10), at(20))), &UsageRow::id),
            texts({"across", "open", "into", "gauge", "within"}));
  EXPECT_EQ(all_of(rows(store().open_usage()), &UsageRow::id), texts({"open", "open-later"}));
  EXPECT_GOOD(commit(PutUsage{usage("open", 3, 9)}));
  EXPECT_EQ(all_of(rows(store().open_usage()), &UsageRow::id), texts({"open-later"}));
}

// events

TEST_P(StoreContract, NumbersEventsWithoutReuseOverRestarts) {
  EXPECT_GOOD(commit(AppendEvent{event("alice", "s")}, AppendEvent{event("alice", "s")}));
  reopen();
  EventRow with_wish = event("alice", "s");
  with_wish.sequence = 1;
  EXPECT_GOOD(commit(AppendEvent{with_wish}));
  EXPECT_EQ(all_of(rows(store().events({})), &EventRow::sequence),
            (std::vector<std::int64_t>{1, 2, 3}));
}

TEST_P(StoreContract, FiltersEventsByTenantAndSubject) {
  EXPECT_GOOD(
      commit(AppendEvent{event("", "platform")}, AppendEvent{event("alice", "alice/Site/a")},
             AppendEvent{event("alice", "alice/Site/b")}, AppendEvent{event("bob", "bob/Site/a")}));
  const auto sequences = [this](EventQuery query) {
    return all_of(rows(store().events(query)), &EventRow::sequence);
  };
  using List = std::vector<std::int64_t>;
  EXPECT_EQ(sequences({}), (List{1, 2, 3, 4}));
  EXPECT_EQ(sequences({.tenant = ""}), (List{1}));
  EXPECT_EQ(sequences({.tenant = "alice"}), (List{2, 3}));
  EXPECT_EQ(sequences({.subject = "bob/Site/a"}), (List{4}));
  EXPECT_EQ(sequences({.tenant = "alice", .subject = "alice/Site/b"}), (List{3}));
  EXPECT_EQ(sequences({.tenant = "alice", .subject = "bob/Site/a"}), (List{}));
  EXPECT_EQ(sequences({.tenant = "alice", .after = 2}), (List{3}));
  EXPECT_EQ(sequences({.tenant = "alice", .subject = "alice/Site/a", .after = 2}), (List{}));
}

TEST_P(StoreContract, GivesTheNewestEventsOrPagesForwardWithoutGaps) {
  Transaction transaction;
  for (int i = 0; i < 25; ++i) transaction.add(AppendEvent{event("alice", "s")});
  EXPECT_GOOD(run(store().commit(std::move(transaction))));
  EXPECT_EQ(all_of(rows(store().events({.limit = 3})), &EventRow::sequence),
            (std::vector<std::int64_t>{23, 24, 25}));
  std::vector<std::int64_t> seen;
  for (std::int64_t after = -1;;) {
    const std::vector<EventRow> page = rows(store().events({.after = after, .limit = 10}));
    if (page.empty()) break;
    for (const EventRow& row : page) seen.push_back(row.sequence);
    after = seen.back();
  }
  ASSERT_EQ(seen.size(), 25U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_TRUE(rows(store().events({.limit = 0})).empty());
}

TEST_P(StoreContract, KeepsABoundedHistoryWithoutReusingNumbers) {
  reopen({.events = 100});
  std::int64_t appended = 0;
  for (int round = 0; round < 8; ++round) {
    Transaction transaction;
    for (int i = 0; i < 500; ++i, ++appended) transaction.add(AppendEvent{event("alice", "s")});
    EXPECT_GOOD(run(store().commit(std::move(transaction))));
  }
  reopen({.events = 100});
  EXPECT_GOOD(commit(AppendEvent{event("alice", "s")}));
  EXPECT_GOOD(commit(
      AppendEvent{event("alice", "s")}));  // what was due with the one before is done before this
  const std::vector<EventRow> history = rows(store().events({.limit = 10'000}));
  EXPECT_GE(history.size(), 100U);
  EXPECT_LE(history.size(), 102U);
  EXPECT_EQ(history.back().sequence, appended + 2);
}

TEST_P(StoreContract, ForgetsEventsPastTheirAge) {
  const StoreHistory history{.event_age = Duration(3'600'000)};
  reopen(history);
  const auto event_of = [](Duration age) {
    EventRow row = event("alice", "s");
    row.time = std::chrono::floor<Duration>(SystemClock().now()) - age;
    return row;
  };
  EXPECT_GOOD(commit(AppendEvent{event_of(Duration(7'200'000))},
                     AppendEvent{event_of(Duration(3'700'000))},
                     AppendEvent{event_of(Duration(3'000'000))}));
  reopen(history);
  EXPECT_GOOD(commit(AppendEvent{event_of(Duration(0))}));
  EXPECT_GOOD(commit(AppendEvent{event_of(Duration(0))}));  // as above
  EXPECT_EQ(all_of(rows(store().events({})), &EventRow::sequence),
            (std::vector<std::int64_t>{3, 4, 5}));
}

TEST_P(StoreContract, ForgetsAllEventsIfAllAreTooOld) {
  const StoreHistory history{.event_age = Duration(1'000)};
  EXPECT_GOOD(commit(AppendEvent{event("alice", "s")}, AppendEvent{event("alice", "s")}));
  reopen(history);
  EXPECT_GOOD(commit(PutSource{source("alice/main")}));
  EXPECT_GOOD(commit(PutSource{source("alice/main")}));
  EXPECT_TRUE(rows(store().events({})).empty());
}

TEST_P(StoreContract, PagesEventsBackwards) {
  Transaction transaction;
  for (int i = 0; i < 25; ++i)
    transaction.add(AppendEvent{event(i % 2 == 0 ? "alice" : "bob", "s")});
  EXPECT_GOOD(run(store().commit(std::move(transaction))));
  const auto sequences = [this](EventQuery query) {
    return all_of(rows(store().events(query)), &EventRow::sequence);
  };
  using List = std::vector<std::int64_t>;
  EXPECT_EQ(sequences({.before = 24, .limit = 3}), (List{21, 22, 23}));
  EXPECT_EQ(sequences({.tenant = "alice", .before = 24, .limit = 2}), (List{21, 23}));
  EXPECT_EQ(sequences({.before = 2, .limit = 10}), (List{1}));
  EXPECT_TRUE(sequences({.before = 1}).empty());
}

// the outbox, and what is on its way

TEST_P(StoreContract, KeepsTheOutboxOverARestart) {
  NotificationRow said = notification("n1", "alice");
  NotificationRow bare{.id = "n2", .type = "croft.webhook.test"};
  const WebhookRow full = webhook("ops");
  const WebhookRow fresh{.ref = webhook_ref("ops", ""), .id = "w2"};
  const DeliveryRow waiting = delivery("d1", "ops", 1);
  EXPECT_GOOD(commit(AppendNotification{said}, AppendNotification{bare}, PutWebhook{full},
                     PutWebhook{fresh}, PutDelivery{waiting}));
  reopen();
  said.sequence = 1;
  bare.sequence = 2;
  const auto outbox = rows(store().notifications({}));
  ASSERT_EQ(outbox.size(), 2U);
  EXPECT_TRUE(is_same(outbox[0], said));
  EXPECT_TRUE(is_same(outbox[1], bare));
  EXPECT_EQ(rows(store().webhooks()), (std::vector<WebhookRow>{fresh, full}));
  const auto kept = rows(store().deliveries({.webhook = full.ref}));
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_TRUE(is_same(kept[0], waiting));
  EXPECT_TRUE(is_same(rows(store().delivery("d1")).at(0), waiting));
  EXPECT_TRUE(rows(store().delivery("d2")).empty());
}

TEST_P(StoreContract, PagesNotificationsOfATenantOrOfAll) {
  EXPECT_GOOD(commit(
      AppendNotification{notification("a", "alice")}, AppendNotification{notification("b", "bob")},
      AppendNotification{notification("c", "alice")}, AppendNotification{notification("d", "")}));
  const auto sequences = [this](NotificationQuery query) {
    return all_of(rows(store().notifications(query)), &NotificationRow::sequence);
  };
  using List = std::vector<std::int64_t>;
  EXPECT_EQ(sequences({}), (List{1, 2, 3, 4}));
  EXPECT_EQ(sequences({.limit = 2}), (List{3, 4}));
  EXPECT_EQ(sequences({.tenant = "alice", .limit = 1}), (List{3}));
  EXPECT_EQ(sequences({.after = -1, .limit = 2}), (List{1, 2}));
  EXPECT_EQ(sequences({.after = 2}), (List{3, 4}));
  EXPECT_EQ(sequences({.tenant = "alice", .after = 1}), (List{3}));
  EXPECT_EQ(sequences({.tenant = ""}), (List{4}));
}

TEST_P(StoreContract, BoundsTheOutboxWithoutReusingNumbers) {
  reopen({.notifications = 100});
  std::int64_t appended = 0;
  for (int round = 0; round < 4; ++round) {
    Transaction transaction;
    for (int i = 0; i < 500; ++i, ++appended)
      transaction.add(AppendNotification{notification(fmt::format("n{}", appended), "alice")});
    EXPECT_GOOD(run(store().commit(std::move(transaction))));
  }
  reopen({.notifications = 100});
  EXPECT_GOOD(commit(AppendNotification{notification("x", "alice")}));
  EXPECT_GOOD(commit(AppendNotification{notification("y", "alice")}));
  const auto outbox = rows(store().notifications({.limit = 10'000}));
  EXPECT_GE(outbox.size(), 100U);
  EXPECT_LE(outbox.size(), 102U);
  EXPECT_EQ(outbox.back().sequence, appended + 2);
}

TEST_P(StoreContract, GivesDeliveriesOfAWebhookInTheirOrder) {
  EXPECT_GOOD(commit(PutDelivery{delivery("d3", "ops", 3)}, PutDelivery{delivery("d1", "ops", 1)},
                     PutDelivery{delivery("d2", "ops", 2, DeliveryState::Delivered)},
                     PutDelivery{delivery("d4", "chat", 4)}));
  const auto ids = [this](DeliveryQuery query) {
    return all_of(rows(store().deliveries(std::move(query))), &DeliveryRow::id);
  };
  const Ref ops = webhook_ref("ops");
  EXPECT_EQ(ids({.webhook = ops}), texts({"d1", "d2", "d3"}));
  EXPECT_EQ(ids({.webhook = ops, .limit = 2}), texts({"d2", "d3"}));
  EXPECT_EQ(ids({.webhook = ops, .only_pending = true}), texts({"d1", "d3"}));
  EXPECT_EQ(ids({.webhook = ops, .only_pending = true, .limit = 1}), texts({"d1"}));
  EXPECT_EQ(ids({.webhook = webhook_ref("ops", "bob")}), texts({}));
  EXPECT_EQ(ids({.webhook = ops, .only_pending = true, .after = 1}), texts({"d3"}));
  DeliveryRow again = delivery("d1", "ops", 1, DeliveryState::Failed);
  EXPECT_GOOD(commit(PutDelivery{again}));
  EXPECT_TRUE(is_same(rows(store().delivery("d1")).at(0), again));
  EXPECT_EQ(ids({.webhook = ops, .only_pending = true}), texts({"d3"}));
}

TEST_P(StoreContract, PagesThroughWhatWaitsOfOneSubject) {
  Transaction transaction;
  for (int number = 1; number <= 30; ++number) {
    const DeliveryState state = number == 3 ? DeliveryState::Delivered : DeliveryState::Pending;
    DeliveryRow row = delivery(fmt::format("d{:02}", number), "ops", number, state);
    row.notification.subject = number % 3 == 0 ? "alice/Site/blog" : "alice/Site/other";
    transaction.add(PutDelivery{std::move(row)});
  }
  EXPECT_GOOD(run(store().commit(std::move(transaction))));
  DeliveryQuery query{.webhook = webhook_ref("ops"), .only_pending = true};
  query.subject = "alice/Site/blog";
  query.limit = 2;
  const auto ids = [&] { return all_of(rows(store().deliveries(query)), &DeliveryRow::id); };
  EXPECT_EQ(ids(), texts({"d06", "d09"}));
  query.after = 9;
  EXPECT_EQ(ids(), texts({"d12", "d15"}));
  query.after = 30;
  EXPECT_EQ(ids(), texts({}));
  query.after = -1;
  query.webhook = webhook_ref("chat");
  EXPECT_EQ(ids(), texts({}));
}

TEST_P(StoreContract, ErasesAWebhookWithItsDeliveries) {
  EXPECT_GOOD(commit(PutWebhook{webhook("ops")}, PutWebhook{webhook("chat")},
                     PutDelivery{delivery("d1", "ops", 1)},
                     PutDelivery{delivery("d2", "chat", 1)}));
  EXPECT_GOOD(commit(EraseWebhook{webhook_ref("ops")}));
  EXPECT_EQ(rows(store().webhooks()), (std::vector<WebhookRow>{webhook("chat")}));
  EXPECT_TRUE(rows(store().delivery("d1")).empty());
  EXPECT_EQ(rows(store().delivery("d2")).size(), 1U);
}

TEST_P(StoreContract, ForgetsDeliveriesThatEndedButNeverPendingOnes) {
  reopen({.ended = 10});
  for (int round = 0; round < 3; ++round) {
    Transaction transaction;
    for (int i = 0; i < 500; ++i) {
      const std::int64_t number = round * 500 + i;
      const bool is_old = number < 20;
      transaction.add(
          PutDelivery{delivery(fmt::format("d{:04}", number), "ops", number,
                               is_old ? DeliveryState::Pending : DeliveryState::Delivered)});
    }
    EXPECT_GOOD(run(store().commit(std::move(transaction))));
  }
  reopen({.ended = 10});
  EXPECT_GOOD(commit());
  EXPECT_GOOD(commit(EraseToken{"k"}));
  EXPECT_GOOD(commit(EraseToken{"k"}));
  const auto kept = rows(store().deliveries({.webhook = webhook_ref("ops"), .limit = 10'000}));
  EXPECT_EQ(std::ranges::count(kept, DeliveryState::Pending, &DeliveryRow::state), 20);
  EXPECT_EQ(kept.size(), 30U);
  EXPECT_EQ(kept.back().id, "d1499");
}

}  // namespace

}  // namespace croft
