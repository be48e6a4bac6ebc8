#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/net/http.hpp"

namespace croft::lua {

/// What a script asks of its provider's server. It names neither the server nor a credential.
struct AdapterRequest {
  std::string method = "GET";
  std::string path;  ///< below the base URL, with its query; "" is the base URL itself
  HttpHeaders headers;
  std::string body;
  std::optional<Duration> timeout;   ///< of one try; unset: the server's usual
  std::optional<Duration> deadline;  ///< Clock::steady(); nothing is sent or waited for after it
  bool is_idempotent = false;        ///< may be sent again if nobody knows what became of it
  std::vector<int> accept;           ///< statuses that are an answer to the script, not a failure
  std::function<bool()> is_wanted;   ///< asked just before it is sent; unset: it is
  std::string asked_at;  ///< "FILE:LINE" of the script, where coverage is taken; may be empty
};

/// The way to one provider's server: base URL, credentials, limits and retries are behind it. On
/// one executor.
class AdapterHttp {
 public:
  virtual ~AdapterHttp() = default;
  /// The last try's answer, whatever its status; an error if there was none.
  virtual Task<Result<HttpResponse>> send(AdapterRequest request) = 0;
};

}  // namespace croft::lua
