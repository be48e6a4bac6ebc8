#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/units.hpp"
#include "core/base/value.hpp"
#include "core/resource/ref.hpp"
#include "core/resource/status.hpp"
#include "core/store/rows.hpp"
#include "core/store/sql/session.hpp"

namespace croft::sql {

// How the types of rows stand in columns. Nothing is written that could not be read again: text
// becomes valid UTF-8 without NUL (what is not is replaced by U+FFFD), documents that are too deep
// are refused.

/// Gathers the parameters of one statement, in order. The first thing that cannot be written is
/// kept as error.
class CellWriter {
 public:
  /// What identifies the row: must not be empty, nor longer than kLongestKey.
  CellWriter& key(const std::string& value, std::string_view what);
  /// What rows are found by: not longer than kLongestKey.
  CellWriter& found_by(std::string_view value, std::string_view what);
  CellWriter& text(std::string_view value);
  CellWriter& integer(std::int64_t value);
  CellWriter& time(Timestamp value);
  CellWriter& time(const std::optional<Timestamp>& value);
  CellWriter& ref(const Ref& value);  ///< three columns
  CellWriter& document(const std::shared_ptr<const Value>& value);
  CellWriter& conditions(const std::vector<Condition>& value);

  /// The cells, or why there are none. Ends the gathering.
  Result<std::vector<Cell>> take();

 private:
  void refuse(std::string message);

  std::vector<Cell> cells_;
  std::optional<Error> failure_;
};

/// Reads the columns of one row, left to right. The first that cannot be read is kept as error
/// (Internal: the store is damaged, or was edited by hand); what is read after that means nothing.
class CellReader {
 public:
  explicit CellReader(const Row& row) : row_(row) {}

  std::string text();
  std::int64_t integer();
  Timestamp time();
  std::optional<Timestamp> optional_time();
  Ref ref();
  std::shared_ptr<const Value> document();
  std::vector<Condition> conditions();

  /// A word of an enumeration; `parse` gives nullopt for one it does not know.
  template <typename Word>
  Word word(std::optional<Word> (*parse)(std::string_view)) {
    const std::string_view name = row_.text(column_++);
    const std::optional<Word> found = parse(name);
    if (!found) refuse("unknown word '" + std::string(name) + "'");
    return found.value_or(Word{});
  }

  Result<void> finish() const;

 private:
  void refuse(std::string message);

  const Row& row_;
  int column_ = 0;
  std::optional<Error> failure_;
};

std::string_view severity_name(Severity severity);
std::optional<Severity> severity_from(std::string_view name);

/// The text as valid UTF-8 without NUL.
std::string clean_text(std::string text);

}  // namespace croft::sql
