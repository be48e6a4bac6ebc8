#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/command/command.hpp"
#include "core/base/value.hpp"
#include "core/net/client.hpp"
#include "core/net/sse.hpp"
#include "core/resource/ref.hpp"

namespace croft::cli {

/// The API of a running `croft serve`, as commands use it: one call, one answer, blocking. Errors
/// say where the server was looked for and what to try.
class Client {
 public:
  /// Finds the server by -s, CROFT_SERVER, or else `fallback`: empty is where `croft serve` puts
  /// its socket. Does not connect yet.
  static Result<Client> from(const Invocation& invocation, std::string fallback = {});

  Result<Value> get(const std::string& target) const;
  /// A null: without a body.
  Result<Value> post(const std::string& target, const Value& body) const;
  Result<Value> post(const std::string& target) const;  ///< without a body
  Result<void> remove(const std::string& target) const;

  /// Gives a text body piece by piece until it ends or the sink returns false.
  Result<void> stream(const std::string& target, std::function<bool(std::string_view)> sink) const;
  /// Gives server-sent events until the stream ends or the sink returns false.
  Result<void> follow(const std::string& target, const std::string& last_id,
                      std::function<bool(const SseEvent&)> sink) const;

  /// The same of a POST without a body.
  Result<void> post_for_stream(const std::string& target,
                               std::function<bool(std::string_view)> sink) const;
  /// Sends bytes as they come as the body of a POST.
  Result<void> upload(const std::string& target, const std::string& media, ByteSource source) const;

  /// A POST whose connection leaves HTTP for that protocol; on the caller's loop.
  Task<Result<std::unique_ptr<ByteStream>>> leave_http(std::string target, Value body,
                                                       std::string protocol) const;

  std::string where() const { return to_string(http_.server()); }

 private:
  Client(HttpClient http, std::string token) : http_(std::move(http)), token_(std::move(token)) {}
  Result<Value> call(std::string method, const std::string& target, std::string body) const;
  HttpRequest request(std::string method, const std::string& target) const;
  Result<void> read_body(HttpRequest request,
                         const std::function<Result<bool>(std::string_view)>& sink) const;
  Error explain(Error error) const;

  HttpClient http_;
  std::string token_;
};

/// The tenant meant: -t, else the only one there is; "" with -A. Invalid, naming the choices, if
/// there are several.
Result<std::string> tenant_of(const Client& client, const Invocation& invocation);

/// Reads "Site/blog", "site/blog" or "alice/Site/blog"; a ref without tenant is the one's that
/// tenant_of() finds.
Result<Ref> ref_of(const Client& client, const Invocation& invocation, const std::string& text);

/// "/v1/resources/alice/Site/blog", the platform as "-".
std::string path_to(std::string_view collection, const Ref& ref);

}  // namespace croft::cli
