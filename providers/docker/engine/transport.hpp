#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/net/client.hpp"
#include "providers/docker/engine/engine_client.hpp"

namespace croft::docker {

/// One call, in the Engine's words.
struct Call {
  std::string doing;  ///< for errors: "starting container web"
  std::string method = "GET";
  std::string path;  ///< without the version, escaped: "/containers/json"
  std::vector<std::pair<std::string, std::string>> query = {};  ///< not escaped
  Value body = {};                                              ///< null: none
  ByteSource source = {};                                       ///< in the place of `body`: a tar
  HttpHeaders headers = {};
  Duration more_time{0};  ///< past EngineSettings::call_timeout
  Deadline deadline = kNoDeadline;
};

/// The engine's HTTP: versions, deadlines, errors. What the calls stand on.
class Transport : public std::enable_shared_from_this<Transport> {
 public:
  Transport(ServerAddress server, const EngineSettings& settings);

  /// Sends it and gives the whole reply; its status is below 400.
  Task<Result<HttpResponse>> send(Call call);
  /// The same, and reads the reply as JSON.
  Task<Result<Value>> ask(Call call);
  /// Sends it and gives the reply with its status below 400, whose read() waits for `quiet` at most
  /// (0: as long as it takes). `head_within` is for the reply's head; uploads have none, but each
  /// piece of them has to be taken within EngineSettings::quiet_timeout.
  struct Patience {
    Duration head_within{0};
    Duration quiet{0};
  };
  Task<Result<std::unique_ptr<HttpReply>>> open(Call call, Patience patience);
  /// Leaves HTTP. The stream is multiplexed unless `is_raw`.
  Task<Result<std::unique_ptr<AttachedStream>>> hijack(Call call, bool is_raw);
  Task<Result<EngineIdentity>> identity(Deadline deadline);
  /// Ends with Cancelled what open() gave and is still read.
  void cancel_streams();

  const EngineSettings& settings() const { return settings_; }

 private:
  class OpenReply;
  Task<Result<HttpRequest>> prepare(const Call& call, Deadline deadline);
  Task<Result<EngineIdentity>> negotiate(Deadline deadline);
  Deadline until(const Call& call) const;
  Error reached(Error error, const Call& call);

  EngineSettings settings_;
  HttpClient calls_;
  HttpClient streams_;
  std::optional<EngineIdentity> identity_;
  std::unordered_set<HttpReply*> open_;
};

/// Sends `source` nothing and reads `reply` to its end into `sink`, whose errors end it.
Task<Result<void>> drain(std::unique_ptr<HttpReply> reply, ByteSink sink);

/// The query value of filters: JSON.
std::string filters_text(const Filters& filters);
/// "/containers/NAME/verb", with the name escaped.
std::string path_of(std::string_view collection, std::string_view name, std::string_view verb = {});
/// A JSON list of texts.
Value texts(const std::vector<std::string>& list);
/// What stands at a key if it is a list, else an empty list: engines write null for empty lists.
const Value::List& list_at(const Value& value, std::string_view key);

}  // namespace croft::docker
