#pragma once

#include <libpq-fe.h>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/units.hpp"
#include "core/store/sql/session.hpp"

namespace croft::postgres {

struct FinishConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, FinishConnection>;
using Answer = std::unique_ptr<PGresult, ClearResult>;

/// Where a database is.
struct Target {
  std::string url;            ///< as libpq takes it; may hold a password, and is never shown
  std::string name;           ///< for people: "postgres://croft@db.example.com:5432/croft"
  bool has_password = false;  ///< in the url
};

/// Invalid if libpq does not understand it. Its password is remembered as a secret.
Result<Target> parse_target(const std::string& url);

enum class Access {
  Write,  ///< a server that refuses to be written to will not do
  Read,   ///< a standby will
};

/// Connects, as a client that writes UTF-8. Blocks, some seconds a host at most. Unavailable with
/// the server's words and what to try.
Result<Handle> connect(const Target& target, Access access = Access::Write);

/// What a failed statement says. Foreign codes become Errors here and nowhere else.
Error error_of(const PGresult* answer, const Target& target);
/// The server's five letters for what is wrong ("23505"); empty if the connection itself failed.
std::string_view state_of(const PGresult* answer);
/// True if it is the server's trouble, which may pass: the same call may do later.
inline bool is_away(const Error& error) { return error.code() == ErrorCode::Unavailable; }
/// For a connection that broke.
Error connection_lost(const PGconn* connection, const Target& target);

/// The cells as parameters of a statement: text, or text cells as they are if `is_binary`. Points
/// into itself and into the cells.
class Parameters {
 public:
  explicit Parameters(const std::vector<sql::Cell>& cells, bool is_binary = false);
  int count() const { return static_cast<int>(values_.size()); }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return formats_.empty() ? nullptr : lengths_.data(); }
  const int* formats() const { return formats_.empty() ? nullptr : formats_.data(); }

 private:
  std::vector<std::string> numbers_;
  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;  ///< empty: all are text
};

/// One row of an answer.
class AnswerRow final : public sql::Row {
 public:
  AnswerRow(const PGresult* answer, int row) : answer_(answer), row_(row) {}
  bool is_null(int column) const override { return PQgetisnull(answer_, row_, column) != 0; }
  std::int64_t integer(int column) const override;
  std::string_view text(int column) const override;

 private:
  const PGresult* answer_;
  int row_;
};

/// Hands over every row of an answer.
Result<void> for_each_row(const PGresult* answer, const sql::RowSink& sink);

}  // namespace croft::postgres
