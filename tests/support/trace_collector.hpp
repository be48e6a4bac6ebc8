#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

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
  std::vector<std::string> paths() const;

 private:
  Task<HttpResponse> answer(HttpRequest request);
  void take(const Value& body);
  void take_span(const Value& form, const std::string& role);
  void expect(bool holds, const std::string& what);

  std::unique_ptr<HttpServer> server_;
  std::string address_;
};

/// "push/pass/apply" of each span, sorted.
std::vector<std::string> trace_paths(const std::vector<TraceCollector::Span>& spans);

/// The collector on a thread of its own.
class ServedTraceCollector {
 public:
  ServedTraceCollector() : collector_(io_.get_executor()), thread_([this] { io_.run(); }) {}
  ~ServedTraceCollector() {
    io_.stop();
    thread_.join();
  }
  ServedTraceCollector(const ServedTraceCollector&) = delete;
  ServedTraceCollector& operator=(const ServedTraceCollector&) = delete;

  std::string address() const { return collector_.address(); }
  /// Looks at it while it does nothing else.
  template <typename Look>
  auto with(Look look) {
    auto done = std::make_shared<std::promise<decltype(look(collector_))>>();
    asio::post(io_, [this, done, look] { done->set_value(look(collector_)); });
    return done->get_future().get();
  }

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  TraceCollector collector_;
  std::thread thread_;
};

}  // namespace croft
