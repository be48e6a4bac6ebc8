#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/base/async.hpp"
#include "core/base/id.hpp"
#include "core/net/client.hpp"
#include "gateway/receivers/hook_table.hpp"
#include "reconciler/engine/queue.hpp"

namespace croft {

struct NotifierSettings {
  ServerAddress control;  ///< the API's unix socket
  /// After a notice, further ones of the same source wait that long and become one.
  Duration rest{1'000};
  /// So many merge requests of one source may wait; what comes beyond them is dropped, and the next
  /// push to it is told again.
  std::size_t merge_requests = 100;
};

/// Passes notices on to control: the first at once, those that come while it rests as one. While
/// control is away (an upgrade, a crash) they are kept and tried again. Bounded: one waits for each
/// source and merge request. On one executor.
class Notifier {
 public:
  Notifier(asio::any_io_executor executor, RandomSource& random, NotifierSettings settings);

  /// Is part of the span of the work in hand (core/base/work.hpp), and says so to control.
  void add(const HookNotice& notice);
  /// Ends when control has taken that merge request, which then is remembered, or has refused it;
  /// at the latest after that long.
  Task<> wait_until_taken(HookNotice notice, Duration at_most);
  /// Passes nothing on any more; returns when what is under way has ended.
  Task<> stop();

 private:
  using Time = std::chrono::steady_clock::time_point;

  Task<Outcome> pass_on(std::string key);
  void note_taken(const std::string& key);
  bool is_crowded(const std::string& source) const;
  /// What is left of a key's rest.
  Duration rest_of(const std::string& key);

  NotifierSettings settings_;
  HttpClient client_;
  std::set<std::string> waiting_;                                ///< keys of merge requests
  std::multimap<std::string, std::shared_ptr<Signal>> awaited_;  ///< by key of merge request
  std::map<std::string, Time> rests_;                            ///< by key: until when it rests
  std::map<std::string, std::string> traceparents_;              ///< of what waits: the last one's
  Queue queue_;
};

}  // namespace croft
