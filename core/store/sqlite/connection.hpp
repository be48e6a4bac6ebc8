#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/store/sql/session.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace croft::sqlite {

/// A connection to a SQLite file with its prepared statements. One thread at a time. Foreign codes
/// become Errors here and nowhere else; their hints name the file.
class Connection final : public sql::Session {
 public:
  enum class Role {
    Writer,  ///< makes the file if it is missing, sets WAL and full sync
    Reader,  ///< refuses to write
  };
  static Result<std::unique_ptr<Connection>> open(const std::filesystem::path& file, Role role);

  sql::Dialect dialect() const override { return sql::Dialect::Sqlite; }
  Result<void> execute(std::string_view text, const std::vector<sql::Cell>& cells) override;
  Result<void> query(std::string_view text, const std::vector<sql::Cell>& cells,
                     const sql::RowSink& sink) override;
  Result<void> run_script(std::string_view text) override;

  /// True between BEGIN and its end. SQLite ends a transaction by itself after some failures (a
  /// full disk).
  bool is_in_transaction() const;
  /// Reads the whole file; Internal with what SQLite found if it is damaged.
  Result<void> check();
  /// Reads it and compares its indexes too: what is wrong, in SQLite's words, the first of it.
  Result<std::vector<std::string>> find_damage();
  /// The file grows to so many bytes at most.
  Result<void> limit_size(std::int64_t bytes);

 private:
  struct CloseDatabase {
    void operator()(sqlite3* database) const;
  };
  struct FinishStatement {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, FinishStatement>;

  Connection(std::filesystem::path file, sqlite3* database)
      : file_(std::move(file)), database_(database) {}
  Result<void> configure(Role role);
  Result<sqlite3_stmt*> prepare(std::string_view text);
  Result<void> bind(sqlite3_stmt* statement, const std::vector<sql::Cell>& cells);
  /// The first column of the first row of a pragma.
  Result<std::string> pragma(std::string_view text);
  Error error_of(int code) const;

  std::filesystem::path file_;
  std::unique_ptr<sqlite3, CloseDatabase> database_;
  std::unordered_map<std::string_view, Statement>
      statements_;  ///< keyed by texts that live as long as the program
};

}  // namespace croft::sqlite
