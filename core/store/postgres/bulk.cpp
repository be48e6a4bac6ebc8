#include "core/store/postgres/bulk.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/store/sql/statements.hpp"

namespace croft::postgres {

namespace {

using sql::Cell;
using sql::RowsAtOnce;
using sql::Statement;

// The server's time-out is for one statement, and its memory for one array is bounded.
constexpr std::size_t kRowsInStatement = 500;
constexpr std::size_t kBytesInStatement = 16U << 20U;
// What PostgreSQL calls its types, in pg_type.
constexpr std::uint32_t kTextType = 25;
constexpr std::uint32_t kBigintType = 20;

/// Numbers as the protocol has them, most significant byte first.
template <typename Number>
void append_number(std::string& bytes, Number number) {
  for (int shift = 8 * (static_cast<int>(sizeof(Number)) - 1); shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xFFU);
}

void append_element(std::string& bytes, const Cell& cell) {
  if (const auto* number = std::get_if<std::int64_t>(&cell)) {
    append_number<std::uint32_t>(bytes, sizeof(*number));
    append_number(bytes, *number);
  } else if (const auto* text = std::get_if<std::string>(&cell)) {
    append_number(bytes, static_cast<std::uint32_t>(text->size()));
    bytes += *text;
  } else {
    append_number(bytes, std::int32_t{-1});
  }
}

/// One column of rows, as array_recv() of the server's source takes it.
std::string array_of(const std::vector<Statement>& rows, std::size_t column, char type) {
  std::string bytes;
  append_number(bytes, std::uint32_t{1});  // dimension
  append_number(bytes, std::uint32_t{1});  // there may be NULLs
  append_number(bytes, type == 'i' ? kBigintType : kTextType);
  append_number(bytes, static_cast<std::uint32_t>(rows.size()));
  append_number(bytes, std::uint32_t{1});  // the first index
  for (const Statement& row : rows) append_element(bytes, row.cells[column]);
  return bytes;
}

/// Rows for one statement.
struct Group {
  const RowsAtOnce* form = nullptr;  ///< null: one statement that has no such form
  std::vector<Statement> rows;
  std::unordered_set<std::string> keys;
  std::size_t bytes = 0;

  bool is_full() const { return rows.size() >= kRowsInStatement || bytes >= kBytesInStatement; }
};

std::size_t size_of(const Statement& row) {
  std::size_t bytes = 0;
  for (const Cell& cell : row.cells) {
    if (const auto* text = std::get_if<std::string>(&cell)) bytes += text->size();
  }
  return bytes;
}

class Grouping {
 public:
  void add(Statement statement);
  std::vector<Statement> finish();

 private:
  Group& group_for(const RowsAtOnce& form, const std::string* key);

  std::vector<Group> groups_;
  std::unordered_map<const RowsAtOnce*, std::size_t> open_;  ///< form → its last group
};

const RowsAtOnce* form_of(std::string_view text) {
  const auto forms = sql::rows_at_once();
  const auto found =
      std::ranges::find_if(forms, [text](const RowsAtOnce& form) { return form.one == text; });
  return found == forms.end() ? nullptr : &*found;
}

/// Rows may join a group past statements of other tables' rows, but never past one of their own
/// table: that would be another order.
void Grouping::add(Statement statement) {
  if (statement.text == sql::kNextEvent) return;  // comes with its event
  const RowsAtOnce* const form = form_of(statement.text);
  if (form == nullptr) {
    open_.clear();  // whatever table it is about
    Group& alone = groups_.emplace_back();
    alone.rows.push_back(std::move(statement));
    return;
  }
  const auto* const key =
      form->has_key ? std::get_if<std::string>(&statement.cells.front()) : nullptr;
  Group& group = group_for(*form, key);
  if (key != nullptr) group.keys.insert(*key);
  group.bytes += size_of(statement);
  group.rows.push_back(std::move(statement));
}

Group& Grouping::group_for(const RowsAtOnce& form, const std::string* key) {
  const auto known = open_.find(&form);
  if (known != open_.end()) {
    Group& group = groups_[known->second];
    const bool is_key_taken = key != nullptr && group.keys.contains(*key);
    if (!is_key_taken && !group.is_full()) return group;
  }
  open_[&form] = groups_.size();
  Group& group = groups_.emplace_back();
  group.form = &form;
  return group;
}

std::vector<Statement> Grouping::finish() {
  std::vector<Statement> statements;
  for (Group& group : groups_) {
    const bool is_events = group.form != nullptr && group.form->one == sql::kAppendEvent;
    if (group.rows.size() == 1) {
      if (is_events) statements.push_back({sql::kNextEvent, {}});
      statements.push_back(std::move(group.rows.front()));
      continue;
    }
    if (is_events) {
      const auto count = static_cast<std::int64_t>(group.rows.size());
      statements.push_back({sql::kNextEvents, {Cell(count)}});
    }
    Statement many{.text = group.form->many, .cells = {}, .is_binary = true};
    for (std::size_t column = 0; column < group.form->types.size(); ++column)
      many.cells.emplace_back(array_of(group.rows, column, group.form->types[column]));
    statements.push_back(std::move(many));
  }
  return statements;
}

}  // namespace

std::vector<Statement> in_bulk(std::vector<Statement> statements) {
  Grouping grouping;
  for (Statement& statement : statements) grouping.add(std::move(statement));
  return grouping.finish();
}

}  // namespace croft::postgres
