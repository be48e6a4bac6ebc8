#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "providers/port/provider.hpp"
#include "reconciler/engine/journal.hpp"

namespace croft {

/// Makes events of what providers tell while they work (images pulled, lines of a build). A build
/// says a thousand lines: they are gathered for a moment and written in one transaction, and of
/// more than the journal should hold the oldest are left out and counted. On the control executor;
/// outlived by the journal.
class NewsDesk {
 public:
  static constexpr std::size_t kMostWaiting = 500;  ///< of one resource, between two writes

  NewsDesk(asio::any_io_executor executor, Journal& journal, const Clock& clock);
  ~NewsDesk();
  NewsDesk(const NewsDesk&) = delete;
  NewsDesk& operator=(const NewsDesk&) = delete;

  /// News of something that is not in the inventory is dropped.
  void add(ProviderNews news);

 private:
  struct Waiting {
    std::vector<EventRow> events;
    std::size_t left_out = 0;
  };
  struct State;
  static Task<> write_soon(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace croft
