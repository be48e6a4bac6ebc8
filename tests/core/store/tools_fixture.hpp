#pragma once

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/store/open.hpp"
#include "core/store/sql/tables.hpp"
#include "core/store/tools/access.hpp"
#include "core/store/tools/check.hpp"
#include "core/store/tools/rows.hpp"
#include "tests/contract/store_rows.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/run_task.hpp"

namespace croft::store_tools {

enum class Engine { Sqlite, Postgres };

inline std::string name_of(Engine engine) {
  return engine == Engine::Sqlite ? "Sqlite" : "Postgres";
}
inline std::string name_of_param(const testing::TestParamInfo<Engine>& info) {
  return name_of(info.param);
}
inline void PrintTo(Engine engine, std::ostream* out) { *out << name_of(engine); }

inline void PrintTo(const TableSum& sum, std::ostream* out) {
  *out << fmt::format("{} rows of {}, {}", sum.rows, sum.table, sum.sha256.substr(0, 12));
}

/// Text that breaks what is not careful: quotes, lines, the end of COPY, parameters, U+FFFD, bytes
/// that are none of UTF-8, and much of it.
inline std::string hostile_text() {
  return "it's \"quoted\" \\ $1 \r\n\\.\n\t\x01 \xEF\xBF\xBD \xF0\x9F\x90\x92 \xC3 {\"end\":1}" +
         std::string(1 << 20, 'x');
}

/// Stores to work on, in a directory and on a server of their own.
class ToolsHome {
 public:
  Place place(Engine engine) {
    if (engine == Engine::Sqlite) {
      const auto path = directory_.path() / fmt::format("data{}", ++places_);
      EXPECT_TRUE(make_directory(path, 0700).has_value());
      return parse_place(path.string()).value();
    }
    return parse_place(server().url(server().make_database())).value();
  }

  /// As a daemon opens it.
  Result<std::unique_ptr<Store>> open(const Place& place) {
    if (!place.is_postgres()) return open_store(place.directory, {});
    return open_store(directory_.path() / fmt::format("daemon{}", ++places_), place.url);
  }

  void commit(Store& store, Transaction transaction) {
    const Result<void> done = run_task(io_, store.commit(std::move(transaction)));
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().describe());
  }

  /// A store with rows in every table, more of resources than are written at once.
  Place filled(Engine engine) {
    Place where = place(engine);
    const auto store = open(where).value();
    commit(*store, content());
    return where;
  }

  /// What is there, by `store check`; nothing may be wrong.
  std::vector<TableSum> sums(const Place& where) {
    const Result<CheckReport> report = check_store(where);
    EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().describe());
    if (!report) return {};
    for (const Problem& problem : report->problems) ADD_FAILURE() << to_string(problem);
    return report->tables;
  }

  /// True if there is no store, or one without any content.
  bool is_empty(const Place& where) {
    const auto session = open_to_read(where);
    if (!session) return session.error().code() == ErrorCode::NotFound;
    return !has_content(**session).value();
  }

  /// Runs SQL as somebody who edits the store by hand.
  void edit(const Place& where, const std::string& script) {
    const auto session = open_to_edit(where);
    const Result<void> done = session->run_script(script);
    ASSERT_TRUE(done.has_value()) << done.error().describe();
  }
  std::unique_ptr<sql::Session> open_to_edit(const Place& where);

  static PostgresServer& server() { return PostgresServer::shared(); }
  const std::filesystem::path& directory() const { return directory_.path(); }
  asio::io_context& io() { return io_; }

 private:
  static Transaction content() {
    using namespace store_rows;
    Transaction all;
    TenantRow late = tenant("t9", "zoe");
    late.number = 7;
    late.removed_at = at(3);
    all.add(PutTenant{tenant("t1", "alice")}).add(PutTenant{late});
    all.add(PutSource{source("alice/main")});
    for (int i = 0; i < 120; ++i) {
      ResourceRow row = resource(fmt::format("u{}", i), site("alice", fmt::format("site{}", i)));
      if (i == 7) row.message = hostile_text();
      if (i == 8) row.applied = nullptr;
      if (i == 9) row.applied = document(Value::map({{"odd", Value(hostile_text())}}));
      all.add(PutResource{row});
    }
    all.add(PutIntent{intent("i1")}).add(PutIntent{intent("i2", IntentState::Failed, 3)});
    all.add(PutDirective{directive(site("alice", "site1"), DirectiveVerb::Stop)});
    for (int i = 0; i < 3; ++i)
      all.add(AppendEvent{event("alice", "alice/Site/site1", hostile_text())});
    all.add(PutUsage{usage("f1", 0, 5)}).add(PutUsage{usage("f2", 5, std::nullopt)});
    all.add(PutToken{token("k1")});
    all.add(PutAcknowledgement{{.tenant = "", .digest = "7c1e", .by = "root", .at = at(1)}});
    all.add(AppendNotification{notification("n1", "alice")});
    all.add(PutWebhook{webhook("ops")}).add(PutDelivery{delivery("d1", "ops", 1)});
    return all;
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-tools-").value();
  asio::io_context io_;
  int places_ = 0;
};

}  // namespace croft::store_tools
