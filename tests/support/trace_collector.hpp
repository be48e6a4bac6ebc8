#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/net/server.hpp"

namespace croft {

/// An OpenTelemetry collector that takes OTLP/HTTP in JSON and is strict about it. On one executor.
class TraceCollector {
 public:
  struct Span {
    std::string trace;
    std::string id;
    std::string parent;  ///< empty: the trace begins here
    std::string name;
    std::string role;   ///< of its resource: croft.role
    std::string error;  ///< if its status says so
    std::int64_t kind = 0;
    std::int64_t begun = 0;
    std::int64_t ended = 0;
    std::map<std::string, std::string> attributes;
  };

  explicit TraceCollector(const asio::any_io_executor& executor);

  std::vector<Span> spans;
  std::vector<std::string> problems;  ///< what was no OTLP
  std::vector<HttpHeaders> requests;
  /// What the next request is answered with instead of being taken; empty: it is.
  std::function<std::optional<HttpResponse>()> refuse = [] { return std::nullopt; };
  /// How long it takes over a request.
  Duration slowness{0};

  const std::string& address() const { return address_; }  ///< "http://127.0.0.1:PORT"
  HttpServer& server() { return *server_; }
  const Span* find(std::string_view name) const;
  /// "push/pass/apply" of each span, sorted.
  std::vector<std::string> paths() const;

 private:
  Task<HttpResponse> answer(HttpRequest request);
  void take(const Value& body);
  void take_span(const Value& form, const std::string& role);
  void expect(bool holds, const std::string& what);

  std::unique_ptr<HttpServer> server_;
  std::string address_;
};

}  // namespace croft
