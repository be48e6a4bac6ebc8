#include "tests/providers/script/harbor.hpp"

#include <stdexcept>

namespace croft {

HttpResponse json_answer(int status, const Value& body) {
  HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = to_json(body);
  return response;
}

namespace {

HttpResponse problem(int status, std::string_view message) {
  return json_answer(status, Value::map({{"error", message}}));
}

void merge_labels(Value& box, const Value& body) {
  const Value* labels = body.find("labels");
  if (labels == nullptr || !labels->is_map()) return;
  for (const Value::Entry& entry : labels->as_map())
    box.find("labels")->set(entry.key, entry.value);
}

}  // namespace

Harbor::Harbor(asio::io_context& io)
    : server_(
          io.get_executor(), [this](HttpRequest request) { return handle(std::move(request)); },
          [] {
            HttpServerSettings settings;
            settings.connections = 2000;
            return settings;
          }()) {
  const Result<int> port = server_.listen_tcp("127.0.0.1", 0);
  if (!port) throw std::runtime_error(port.error().describe());
  port_ = *port;
}

Task<HttpResponse> Harbor::handle(HttpRequest request) {
  requests.push_back(request.method + " " + request.target);
  if (before) {
    std::optional<HttpResponse> instead = co_await before(request);
    if (instead) co_return std::move(*instead);
  }
  if (request.headers.value_or("Authorization", "") != "Bearer " + std::string(kToken))
    co_return problem(401, "who are you?");
  const Result<RequestTarget> target = parse_target(request.target);
  if (!target || target->segments.size() < 2 || target->segments[0] != "v1")
    co_return problem(404, "no such thing");
  HttpResponse response = route(request, *target);
  if (request.method != "GET" && response.status < 300 && lose_replies > 0) {
    --lose_replies;
    co_return problem(502, "the reply got lost");
  }
  co_return response;
}

HttpResponse Harbor::route(const HttpRequest& request, const RequestTarget& target) {
  const Value body = request.body.empty() ? Value::map() : parse_json(request.body).value();
  const auto& segments = target.segments;
  if (segments[1] == "volumes") return keep_volume(request.method, target);
  if (segments.size() == 2) return request.method == "GET" ? list(target) : create(body);
  if (segments.size() == 3) return change(request.method, segments[2], body);
  return power(segments[2], segments[3], body);
}

HttpResponse Harbor::list(const RequestTarget& target) const {
  const std::string* from = target.parameter("from");
  Value items = Value::list();
  Value answer = Value::map();
  for (auto box = from != nullptr ? boxes.lower_bound(*from) : boxes.begin(); box != boxes.end();
       ++box) {
    if (items.size() == static_cast<std::size_t>(page_size)) {
      answer.set("next", "/boxes?from=" + box->first);
      break;
    }
    items.push_back(box->second);
  }
  answer.set("items", std::move(items));
  return json_answer(200, answer);
}

HttpResponse Harbor::create(const Value& body) {
  const std::string name = body.text_or("name", "");
  if (name.empty() || !body.find("config")->is_map()) return problem(400, "a box has a name");
  if (boxes.contains(name)) return problem(409, "there is a box of that name");
  Value box = Value::map({{"name", name},
                          {"state", "running"},
                          {"labels", Value::map()},
                          {"config", *body.find("config")},
                          {"url", "https://" + name + ".harbor.example.com"},
                          {"started_at", ++now_}});
  merge_labels(box, body);
  boxes.emplace(name, box);
  return json_answer(201, box);
}

HttpResponse Harbor::change(const std::string& method, const std::string& name, const Value& body) {
  const auto box = boxes.find(name);
  if (box == boxes.end()) return problem(404, "no such box");
  if (method == "GET") return json_answer(200, box->second);
  if (method == "DELETE") {
    boxes.erase(box);
    return json_answer(200, Value::map());
  }
  merge_labels(box->second, body);
  box->second.set("config", *body.find("config"));
  box->second.set("state", "running");
  box->second.set("started_at", ++now_);
  return json_answer(200, box->second);
}

HttpResponse Harbor::power(const std::string& name, const std::string& verb, const Value& body) {
  const auto box = boxes.find(name);
  if (box == boxes.end()) return problem(404, "no such box");
  if (verb == "logs") {
    HttpResponse response;
    response.body = "one\ntwo\n";
    return response;
  }
  merge_labels(box->second, body);
  const std::string state = verb == "start" ? "running" : "stopped";
  if (state == "running" && box->second.text_or("state", "") != state)
    box->second.set("started_at", ++now_);
  box->second.set("state", state);
  return json_answer(200, box->second);
}

HttpResponse Harbor::keep_volume(const std::string& method, const RequestTarget& target) {
  const std::string box = target.segments.size() > 2 ? target.segments[2] : "";
  if (method == "DELETE") {
    if (volumes.erase(box) == 0) return problem(404, "no such volumes");
  } else if (target.segments.size() == 4) {
    volumes[box].try_emplace(target.segments[3]);
  }
  return json_answer(200, Value::map());
}

}  // namespace croft
