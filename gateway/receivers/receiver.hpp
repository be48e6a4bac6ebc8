#pragma once
// Room gateway/receivers: hearing of pushes from forges and CI. A role of its own: what parses
// strangers' bytes shares no process with the store's writer; what reaches control from here is the
// key of a source to look at, and nothing else.
//
//   hook_type, proof     who sends, and what proves it; pure
//   delivery             what a delivery tells, whoever sent it; pure
//   hook_table           the hooks there are, and which sources a delivery concerns; pure
//   receiver             answers POST /hooks/ID
//   notifier             passes keys on to control: bursts become one, and none gets lost
//   hooks_publisher      control's side: keeps the table what the sources declare
//   hooks_role           the process
//
// The id in a URL is no secret (it stands in proxies' logs) and only names the hook; the proof is
// the signature or the token. Nothing of a body is read before it is proven.

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "core/base/clock.hpp"
#include "core/net/server.hpp"
#include "gateway/receivers/hook_table.hpp"
#include "gateway/receivers/seen_deliveries.hpp"

namespace croft {

struct ReceiverSettings {
  std::filesystem::path table_file;  ///< hook_table.hpp; read again whenever it was replaced
  std::size_t body_limit = 4U << 20U;
  std::size_t remembered_deliveries = 10'000;
};

/// Answers deliveries: 202 as soon as one is proven and understood, 200 to a ping, 401 without a
/// word why to what is not proven, 404 to an id that is no hook, 503 while its secret is not there.
/// Not thread safe.
class Receiver {
 public:
  using Sink = std::function<void(HookNotice)>;

  Receiver(ReceiverSettings settings, Clock& clock, Sink sink);

  HttpResponse handle(const HttpRequest& request);
  /// For HttpServer: limits that suit strangers.
  HttpServerSettings server_settings() const;

 private:
  HttpResponse receive(const HookedSource& source, const HttpRequest& request);
  void refresh_table();
  /// Says why a delivery was refused; once a minute for each source, so that strangers fill no log.
  void note_refusal(const HookedSource& source, const std::string& why);

  ReceiverSettings settings_;
  Clock& clock_;
  Sink sink_;
  HookTable table_;
  std::string table_state_;  ///< what the file was when it was read
  SeenDeliveries seen_;
  std::map<std::string, Timestamp> noted_;  ///< by source
};

}  // namespace croft
