#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/net/server.hpp"

namespace croft {

/// A small cloud vendor over real HTTP on loopback: boxes, volumes, logs, tokens, faults.
class Harbor {
 public:
  static constexpr std::string_view kToken = "hb-secret-0123456789";

  explicit Harbor(asio::io_context& io);

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }

  /// What the next request that changes something answers after it was carried out, instead of its
  /// own reply.
  int lose_replies = 0;
  /// Asked before anything else; a response ends the request.
  std::function<Task<std::optional<HttpResponse>>(const HttpRequest&)> before;
  /// Every request, "GET /v1/boxes".
  std::vector<std::string> requests;

  std::map<std::string, Value> boxes;
  std::map<std::string, std::map<std::string, std::string>> volumes;  ///< by box, then name
  int page_size = 2;

 private:
  Task<HttpResponse> handle(HttpRequest request);
  HttpResponse route(const HttpRequest& request, const RequestTarget& target);
  HttpResponse list(const RequestTarget& target) const;
  HttpResponse create(const Value& body);
  HttpResponse change(const std::string& method, const std::string& name, const Value& body);
  HttpResponse power(const std::string& name, const std::string& verb, const Value& body);
  HttpResponse keep_volume(const std::string& method, const RequestTarget& target);

  HttpServer server_;
  int port_ = 0;
  std::int64_t now_ = 1'700'000'000'000;
};

/// A JSON answer.
HttpResponse json_answer(int status, const Value& body);

}  // namespace croft
