#pragma once

#include <charconv>
#include <set>
#include <string>
#include <vector>

#include "core/store/store.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

// Transactions that carry a number in three places, so that half of one would show.

inline Transaction numbered_transaction(int number, std::size_t payload = 0) {
  const std::string text = std::to_string(number);
  Transaction transaction;
  transaction.add(PutToken{{.id = "a/" + text, .name = "first"}});
  transaction.add(AppendEvent{{.subject = "n/" + text, .message = std::string(payload, 'x')}});
  transaction.add(PutToken{{.id = "b/" + text, .name = "last"}});
  return transaction;
}

struct NumberedContent {
  std::set<int> whole;                  ///< the numbers that are there in all places
  std::vector<std::string> complaints;  ///< halves, and reads that failed
};

inline NumberedContent read_numbered(asio::io_context& io, Store& store) {
  NumberedContent content;
  std::set<int> first;
  std::set<int> last;
  std::set<int> events;
  const auto number_in = [](const std::string& text) {
    int number = -1;
    std::from_chars(text.data() + 2, text.data() + text.size(), number);
    return number;
  };
  const Result<std::vector<TokenRow>> tokens = run_task(io, store.tokens());
  const Result<std::vector<EventRow>> history =
      run_task(io, store.events({.after = -1, .limit = 1'000'000}));
  if (!tokens) content.complaints.push_back(tokens.error().describe());
  if (!history) content.complaints.push_back(history.error().describe());
  if (!tokens || !history) return content;
  for (const TokenRow& row : *tokens)
    (row.id.starts_with("a/") ? first : last).insert(number_in(row.id));
  for (const EventRow& row : *history) events.insert(number_in(row.subject));
  if (first != last || first != events || events.size() != history->size()) {
    content.complaints.push_back("half of a transaction is there: " + std::to_string(first.size()) +
                                 " first, " + std::to_string(events.size()) + " middle, " +
                                 std::to_string(last.size()) + " last");
  }
  content.whole = std::move(first);
  return content;
}

}  // namespace croft
