#pragma once

#include "core/store/postgres/server.hpp"

namespace croft::postgres {

/// Hears of orders that somebody else wrote (the trigger croft_notice of the schema). Through a
/// pool of transactions nothing is heard; those who wait look for themselves now and then.
class Listener {
 public:
  explicit Listener(Server& server) : server_(server), heard_(server.executor()) {}

  /// For ever.
  Task<> run();
  /// Until something was heard, or may have been missed; at the latest after that long.
  Task<> wait(Duration at_most) { (void)co_await heard_.wait(at_most); }

 private:
  /// Until the connection breaks.
  Task<> listen();

  Server& server_;
  Signal heard_;
};

}  // namespace croft::postgres
