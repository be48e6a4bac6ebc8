#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/hidden.hpp"
#include "core/net/http.hpp"
#include "reconciler/notify/retry.hpp"

namespace croft::notify {

/// One attempt that is to be made.
struct Post {
  std::string url;
  HttpHeaders headers;
  std::string body;
  bool allow_private = false;
  std::string tenant;  ///< whose it is; "" for the operator
  HiddenTexts hidden;  ///< kept out of the attempt's answer
};

/// Makes attempts. Never fails itself: what goes wrong is the attempt's.
using Sender = std::function<Task<Attempt>(Post post)>;

struct SenderSettings {
  Duration connect_timeout{5'000};  ///< for each address of a name, and for TLS
  Duration timeout{15'000};         ///< until the answer's status and headers are there
  /// Private networks that anybody's endpoints may be in.
  std::vector<std::string> allowed_networks;
  std::string certificate_authorities;  ///< PEM file to trust besides the system's
};

/// Over HTTP: a POST on a connection of its own. Redirects are not followed: a key or an event
/// would go to who knows where. Of a good answer only status and headers are read, of another the
/// first bytes, for people.
Sender http_sender(SenderSettings settings, const Clock& clock);

/// A URL as it may be shown to people: what follows the host may be a key.
std::string shown_url(std::string_view url);

}  // namespace croft::notify
