#include "gateway/metrics/watch_server.hpp"

#include <cstdlib>
#include <utility>

#include "core/base/json.hpp"
#include "core/base/value.hpp"
#include "gateway/metrics/exposition.hpp"

namespace croft {

namespace {

constexpr int kConnections = 32;

HttpServerSettings server_settings() {
  HttpServerSettings settings;
  settings.any_address = true;
  settings.connections = kConnections;
  settings.body_limit = [](const HttpRequest&) -> Task<std::size_t> { co_return 0; };
  return settings;
}

HttpResponse json_answer(int status, const Value& value) {
  HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = to_json(value) + "\n";
  return response;
}

HttpResponse not_ready(const std::vector<std::string>& reasons) {
  Value list = Value::list();
  for (const std::string& reason : reasons) list.push_back(reason);
  return json_answer(503, Value::map({{"status", "unavailable"}, {"reasons", std::move(list)}}));
}

}  // namespace

WatchServer::WatchServer(asio::any_io_executor executor,
                         std::function<const ControlMetrics*()> present)
    : present_(std::move(present)),
      server_(
          std::move(executor), [this](HttpRequest request) { return answer(std::move(request)); },
          server_settings()) {}

Result<int> WatchServer::listen(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  return while_doing(
      server_.listen_tcp(address.substr(0, colon), std::atoi(address.c_str() + colon + 1)),
      "showing metrics (metrics.listen)");
}

Task<HttpResponse> WatchServer::answer(HttpRequest request) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refusal = plain_answer(405, "only GET\n");
    refusal.headers.set("Allow", "GET, HEAD");
    co_return refusal;
  }
  if (path == "/healthz") co_return json_answer(200, Value::map({{"status", "ok"}}));
  if (path == "/readyz") co_return co_await readiness();
  if (path != "/metrics") co_return plain_answer(404, "see /metrics, /healthz, /readyz\n");
  const ControlMetrics* metrics = present_();
  if (metrics == nullptr)
    co_return metrics_answer(metrics::own_page(metrics::Role::Control).text());
  std::string page = co_await metrics->page();
  co_return metrics_answer(std::move(page));
}

Task<HttpResponse> WatchServer::readiness() const {
  const ControlMetrics* metrics = present_();
  if (metrics == nullptr) co_return not_ready({"control is starting or stopping"});
  const std::vector<std::string> reasons = co_await metrics->reasons_not_ready();
  if (!reasons.empty()) co_return not_ready(reasons);
  co_return json_answer(200, Value::map({{"status", "ok"}}));
}

}  // namespace croft
