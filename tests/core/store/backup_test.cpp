#include "core/store/tools/backup.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sys/stat.h>
#include <thread>

#include "core/base/id.hpp"
#include "tests/core/store/numbered.hpp"
#include "tests/core/store/tools_fixture.hpp"

namespace croft::store_tools {

namespace {

namespace fs = std::filesystem;

class BackupTest : public testing::Test {
 protected:
  fs::path file(const std::string& name = "backup") { return home_.directory() / name; }

  void back_up(const Place& place, const fs::path& to, bool may_replace = false) {
    const auto report = write_backup(
        place, to, {.croft_version = "9.9", .time = store_rows::at(5), .may_replace = may_replace});
    ASSERT_TRUE(report.has_value()) << report.error().describe();
    EXPECT_EQ(report->size.count, static_cast<std::int64_t>(fs::file_size(to)));
  }

  static std::string read(const fs::path& path) { return read_file(path, 1 << 28).value(); }

  /// A backup of that text; the last line's sum is made anew.
  static std::string with_sum(std::string text) {
    const std::size_t end = text.rfind("{\"end\":");
    const std::size_t sum = text.find("\"sha256\":\"", end) + 10;
    return text.replace(sum, 64, sha256_hex(text.substr(0, end)));
  }

  /// Restores that text; the error's text, after nothing was found written.
  std::string refusal(const std::string& text) {
    EXPECT_TRUE(write_file_atomic(file("odd"), text, 0600).has_value());
    const Place to = home_.place(Engine::Sqlite);
    const auto done = restore_backup(to, file("odd"));
    EXPECT_TRUE(home_.is_empty(to));
    return done ? "restored" : done.error().describe();
  }

  ToolsHome home_;
};

TEST_F(BackupTest, RestoresToEitherEngine) {
  for (const Engine from_engine : {Engine::Sqlite, Engine::Postgres}) {
    const Place from = home_.filled(from_engine);
    const fs::path path = file(name_of(from_engine));
    ASSERT_NO_FATAL_FAILURE(back_up(from, path));
    for (const Engine to_engine : {Engine::Sqlite, Engine::Postgres}) {
      SCOPED_TRACE(name_of(from_engine) + " to " + name_of(to_engine));
      const Place to = home_.place(to_engine);
      const auto report = restore_backup(to, path);
      ASSERT_TRUE(report.has_value()) << report.error().describe();
      EXPECT_EQ(report->header.croft, "9.9");
      EXPECT_EQ(report->header.time, store_rows::at(5));
      EXPECT_EQ(home_.sums(to), home_.sums(from));
      EXPECT_EQ(report->tables, home_.sums(from));
      EXPECT_TRUE(home_.open(to).has_value());
    }
  }
  const auto body = [](const std::string& text) { return text.substr(text.find('\n')); };
  const std::string sqlite = body(read(file("Sqlite")));
  const std::string postgres = body(read(file("Postgres")));
  EXPECT_TRUE(sqlite.substr(0, sqlite.rfind("{\"end\":")) ==
              postgres.substr(0, postgres.rfind("{\"end\":")))
      << "equal content is equal text";
}

TEST_F(BackupTest, IsOfOneMomentWhileSomebodyWrites) {
  for (const Engine engine : {Engine::Sqlite, Engine::Postgres}) {
    SCOPED_TRACE(name_of(engine));
    const Place from = home_.place(engine);
    asio::io_context io;  // the store goes first
    auto store = home_.open(from).value();
    std::atomic<bool> is_over = false;
    std::atomic<int> written = 0;
    std::thread writer([&] {
      while (!is_over) {
        Transaction numbered = numbered_transaction(written);
        if (run_task(io, store->commit(std::move(numbered)))) ++written;
      }
    });
    std::size_t largest = 0;
    for (int i = 0; i < 10; ++i) {
      const int before = written;
      while (written < before + 3) std::this_thread::yield();
      const fs::path path = file(fmt::format("{}{}", name_of(engine), i));
      back_up(from, path);
      const Place to = home_.place(Engine::Sqlite);
      const auto restored = restore_backup(to, path);
      EXPECT_TRUE(restored.has_value()) << (restored ? "" : restored.error().describe());
      const auto copy = home_.open(to).value();
      const NumberedContent content = read_numbered(home_.io(), *copy);
      EXPECT_EQ(content.complaints, std::vector<std::string>{});
      EXPECT_GE(content.whole.size(), static_cast<std::size_t>(before));
      largest = std::max(largest, content.whole.size());
    }
    EXPECT_GT(largest, 0U);
    is_over = true;
    writer.join();
  }
}

TEST_F(BackupTest, ReadsWellAndIsItsOwnersOnly) {
  ASSERT_NO_FATAL_FAILURE(back_up(home_.filled(Engine::Sqlite), file()));
  struct stat facts{};
  ASSERT_EQ(::stat(file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  const std::string text = read(file());
  EXPECT_TRUE(text.starts_with(R"({"croft":"9.9","format":"croft-backup","from":")"))
      << text.substr(0, 200);
  EXPECT_NE(
      text.find("\n{\"tenants\":{\"created_at\":1700000000000,\"name\":\"alice\",\"number\":1,"
                "\"removed_at\":null,"),
      std::string::npos);
}

TEST_F(BackupTest, ReplacesNothingUnasked) {
  const Place from = home_.filled(Engine::Sqlite);
  ASSERT_TRUE(write_file_atomic(file(), "precious", 0600).has_value());
  const auto refused = write_backup(from, file(), {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_EQ(read(file()), "precious");
  fs::create_symlink("made-meanwhile", file("link"));  // there, but not before one looks closely
  EXPECT_EQ(write_backup(from, file("link"), {}).error().code(), ErrorCode::Conflict);
  EXPECT_TRUE(fs::is_symlink(file("link")));
  ASSERT_NO_FATAL_FAILURE(back_up(from, file(), true));
  EXPECT_NE(read(file()), "precious");
}

TEST_F(BackupTest, LeavesNoFileWhereItFails) {
  const Place from = home_.filled(Engine::Sqlite);
  home_.edit(from, "UPDATE tokens SET name = CAST(x'ff' AS TEXT)");
  const fs::path directory = home_.directory() / "backups";
  ASSERT_TRUE(make_directory(directory, 0700).has_value());
  const auto refused = write_backup(from, directory / "b", {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().describe().find("tokens k1: name is not valid UTF-8 text"),
            std::string::npos)
      << refused.error().describe();
  EXPECT_TRUE(fs::is_empty(directory));
}

TEST_F(BackupTest, RestoresNothingOfAFileThatWasCut) {
  const Place from = home_.place(Engine::Sqlite);
  {
    const auto store = home_.open(from).value();
    Transaction some;
    some.add(PutToken{store_rows::token("k1")}).add(AppendEvent{store_rows::event("a", "b")});
    home_.commit(*store, std::move(some));
  }
  ASSERT_NO_FATAL_FAILURE(back_up(from, file()));
  const std::string text = read(file());
  for (std::size_t length = 0; length < text.size(); length += length % 7 == 0 ? 3 : 11) {
    const std::string said = refusal(text.substr(0, length));
    EXPECT_TRUE(said.find("was cut or changed") != std::string::npos ||
                said.find("is no backup of Croft's") != std::string::npos)
        << length << ": " << said;
  }
  EXPECT_NE(refusal(text.substr(0, text.size() - 1)), "restored");
  EXPECT_NE(refusal(text + "{}\n").find("something follows its end"), std::string::npos);
}

TEST_F(BackupTest, RestoresNothingOfAFileThatWasChanged) {
  ASSERT_NO_FATAL_FAILURE(back_up(home_.filled(Engine::Sqlite), file()));
  const std::string text = read(file());
  const auto replaced = [&text](std::string_view what, std::string_view by) {
    std::string changed = text;
    return changed.replace(changed.find(what), what.size(), by);
  };
  EXPECT_NE(refusal(replaced("\"alice\"", "\"mallo\"")).find("its SHA-256 is another one"),
            std::string::npos);
  const std::size_t line = text.find("{\"tokens\"");
  std::string without = text;
  without.erase(line, text.find('\n', line) + 1 - line);
  EXPECT_NE(refusal(without).find("its SHA-256 is another one"), std::string::npos);
  EXPECT_NE(refusal(with_sum(without)).find("more or fewer rows than its end says"),
            std::string::npos);
  EXPECT_NE(refusal(with_sum(replaced("{\"tokens\"", "{\"writer\""))).find("no table 'writer'"),
            std::string::npos);
  EXPECT_NE(refusal(with_sum(replaced("\"given_by\"", "\"given_xx\""))).find("given_by"),
            std::string::npos);
  EXPECT_NE(refusal(with_sum(replaced("\"Owned\"", "\"Eaten\""))).find("unknown word 'Eaten'"),
            std::string::npos);
  EXPECT_NE(refusal(with_sum(replaced("\"number\":7", "\"number\":1"))).find("UNIQUE"),
            std::string::npos);
}

TEST_F(BackupTest, RestoresNothingOfAnotherVersionOrProgram) {
  ASSERT_NO_FATAL_FAILURE(back_up(home_.filled(Engine::Sqlite), file()));
  const std::string text = read(file());
  const auto replaced = [&text](std::string what, std::string_view by) {
    std::string changed = text;
    return with_sum(changed.replace(changed.find(what), what.size(), by));
  };
  const std::string schema = fmt::format("\"schema\":{}", known_version());
  EXPECT_NE(refusal(replaced(schema, "\"schema\":99")).find("is of schema version 99"),
            std::string::npos);
  EXPECT_NE(refusal(replaced(schema, "\"schema\":0")).find("is of schema version 0"),
            std::string::npos);
  EXPECT_NE(refusal(replaced("\"version\":1}", "\"version\":2}")).find("has format version 2"),
            std::string::npos);
  EXPECT_NE(refusal("").find("is no backup of Croft's"), std::string::npos);
  EXPECT_NE(refusal("-- PostgreSQL database dump\n").find("is no backup"), std::string::npos);
  EXPECT_NE(refusal("[1,2]\n").find("is no backup of Croft's"), std::string::npos);
  EXPECT_NE(refusal(read(home_.filled(Engine::Sqlite).file())).find("is no backup"),
            std::string::npos)
      << "a croft.db is none";
}

TEST_F(BackupTest, IsNotRestoredOverContentOrUnderADaemon) {
  ASSERT_NO_FATAL_FAILURE(back_up(home_.filled(Engine::Sqlite), file()));
  for (const Engine engine : {Engine::Sqlite, Engine::Postgres}) {
    SCOPED_TRACE(name_of(engine));
    const Place full = home_.filled(engine);
    const auto before = home_.sums(full);
    const auto refused = restore_backup(full, file());
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().describe().find("is not empty"), std::string::npos);
    EXPECT_EQ(home_.sums(full), before);
    const Place busy = home_.place(engine);
    const auto daemon = home_.open(busy).value();
    const auto in_use = restore_backup(busy, file());
    ASSERT_FALSE(in_use.has_value());
    EXPECT_NE(in_use.error().describe().find("another croft"), std::string::npos);
    EXPECT_TRUE(home_.is_empty(busy));
  }
}

TEST_F(BackupTest, OfAnEarlierSchemaIsRestored) {
  const Place from = home_.filled(Engine::Sqlite);
  ASSERT_NO_FATAL_FAILURE(back_up(from, file()));
  std::string text = read(file());
  const std::string schema = fmt::format("\"schema\":{}", known_version());
  text.replace(text.find(schema), schema.size(), fmt::format("\"schema\":{}", sql::kTablesSince));
  ASSERT_TRUE(write_file_atomic(file("old"), with_sum(text), 0600).has_value());
  const Place to = home_.place(Engine::Postgres);
  const auto report = restore_backup(to, file("old"));
  ASSERT_TRUE(report.has_value()) << report.error().describe();
  EXPECT_EQ(home_.sums(to), home_.sums(from));
}

}  // namespace

}  // namespace croft::store_tools
