#include "gateway/api/api.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/base/secret.hpp"
#include "core/base/suggest.hpp"
#include "gateway/api/audit.hpp"
#include "gateway/api/json_forms.hpp"
#include "gateway/api/operation.hpp"
#include "gateway/api/schema.hpp"
#include "gateway/api/schemas.hpp"

namespace croft {

namespace {

/// Bodies above this are parsed on the pool, so that they do not hold up control.
constexpr std::size_t kParsedAtOnce = 64U << 10U;
/// Large bodies that are worked on at a time: parsed, they take several times their size.
constexpr int kLargeAtOnce = 2;

/// A failure with the status that it is answered with.
struct Refusal {
  int status = 500;
  Error error;
  std::string allow;  ///< methods, for 405
};

HttpResponse answer_refusal(const Refusal& refusal) {
  HttpResponse response = json_response(to_form(refusal.error), refusal.status);
  if (refusal.status == 401) response.headers.set("WWW-Authenticate", "Bearer");
  if (!refusal.allow.empty()) response.headers.set("Allow", refusal.allow);
  return response;
}

HttpResponse answer_error(const Error& error) {
  return answer_refusal({http_status(error.code()), error, {}});
}

/// The values of an operation's placeholders if the path is its own.
std::optional<std::map<std::string, std::string, std::less<>>> match(const Operation& operation,
                                                                     const RequestTarget& target) {
  const std::vector<std::string_view> pattern = path_segments(operation.path);
  if (pattern.size() != target.segments.size()) return std::nullopt;
  std::map<std::string, std::string, std::less<>> values;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_placeholder(pattern[i])) {
      values.emplace(pattern[i].substr(1, pattern[i].size() - 2), target.segments[i]);
    } else if (pattern[i] != target.segments[i]) {
      return std::nullopt;
    }
  }
  return values;
}

std::expected<Call, Refusal> find_operation(std::string_view method, const RequestTarget& target) {
  std::string allowed;
  for (const Operation& operation : api_operations()) {
    auto values = match(operation, target);
    if (!values) continue;
    const bool is_head = method == "HEAD" && operation.method == "GET";
    if (operation.method == method || is_head) {
      Call call;
      call.operation = &operation;
      call.path = std::move(*values);
      return call;
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(operation.method);
  }
  if (!allowed.empty()) {
    return std::unexpected(
        Refusal{405, Error(ErrorCode::Invalid, "this path takes " + allowed), allowed});
  }
  const Error error =
      Error(ErrorCode::NotFound, "there is no such path").with_hint("GET /openapi.json lists them");
  return std::unexpected(Refusal{404, error, {}});
}

/// A parameter's text as the type that its schema asks for; as text if it is not of that type.
Value typed(const Value& schema, const std::string& text) {
  const std::string type = schema.text_or("type", "string");
  if (type == "boolean" && (text == "true" || text.empty())) return true;
  if (type == "boolean" && text == "false") return false;
  if (type == "integer") {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  }
  return text;
}

Result<void> check_parameter(std::string_view name, const Value& schema, const Value& value) {
  const std::vector<std::string> problems = check_schema(schema, value, Value::map());
  if (problems.empty()) return {};
  return fail(ErrorCode::Invalid, fmt::format("parameter '{}': {}", name, problems.front()));
}

Error unknown_parameter(const Operation& operation, const std::string& name) {
  std::vector<std::string> known;
  for (const Parameter& parameter : operation.parameters) known.emplace_back(parameter.name);
  const Error error(ErrorCode::Invalid, fmt::format("there is no parameter '{}' here", name));
  const std::optional<std::string> meant = closest_word(name, known);
  return meant ? Error(error).with_hint("did you mean '" + *meant + "'?") : error;
}

Result<void> read_parameters(Call& call, const RequestTarget& target) {
  for (const std::string_view segment : path_segments(call.operation->path)) {
    if (!is_placeholder(segment)) continue;
    const Parameter parameter = path_parameter(segment);
    TRY(check_parameter(parameter.name, parameter.schema, call.path.find(parameter.name)->second));
  }
  call.query = Value::map();
  for (const auto& [name, text] : target.query) {
    const auto found =
        std::ranges::find_if(call.operation->parameters, [&](const Parameter& parameter) {
          return parameter.place == Parameter::Place::Query && parameter.name == name;
        });
    if (found == call.operation->parameters.end())
      return fail(unknown_parameter(*call.operation, name));
    if (call.query.find(name) != nullptr)
      return fail(ErrorCode::Invalid, "parameter '" + name + "' comes twice");
    Value value = typed(found->schema, text);
    TRY(check_parameter(name, found->schema, value));
    call.query.set(name, std::move(value));
  }
  return {};
}

Result<Value> read_body(std::string_view schema, const std::string& body) {
  if (!is_utf8(body)) return fail(ErrorCode::Invalid, "the body is not UTF-8");
  TRY_ASSIGN(Value value, while_doing(parse_json(body.empty() ? "{}" : body), "reading the body"));
  const std::vector<std::string> problems =
      check_schema(schema_reference(schema), value, api_schemas());
  if (problems.empty()) return value;
  std::string message;
  for (const std::string& problem : problems) message += (message.empty() ? "" : "; ") + problem;
  return fail(Error(ErrorCode::Invalid, "in the body: " + message)
                  .with_hint("GET /openapi.json describes it"));
}

class RestApi final : public Api {
 public:
  RestApi(ApiParts parts, ApiSettings settings) : service_{parts, std::move(settings), {}} {
    service_.openapi = to_pretty_json(openapi_document(service_.settings.version)) + "\n";
  }

  Task<HttpResponse> handle(HttpRequest request) override;
  HttpServerSettings server_settings() override;
  std::string openapi() const override { return service_.openapi; }

 private:
  using Admission = std::expected<Call, Refusal>;

  Task<Admission> admit(HttpRequest request);
  Task<HttpResponse> answer(Call call, HttpRequest request, RequestTarget target);
  Task<Result<Value>> body_of(const Operation& operation, std::string body);
  Task<HttpResponse> run_audited(Call call, std::string target);
  Task<HttpResponse> run(Call call);
  Task<std::size_t> body_limit(HttpRequest head);
  Task<bool> streams_body(HttpRequest head);

  Service service_;
  std::optional<Semaphore> large_;  ///< made with the first large body, on the executor then known
};

/// Which operation a request is about and who asks, if they may.
Task<RestApi::Admission> RestApi::admit(HttpRequest request) {
  const Result<RequestTarget> target = parse_target(request.target);
  if (!target) co_return std::unexpected(Refusal{400, target.error(), {}});
  Admission call = find_operation(request.method, *target);
  if (!call || call->operation->scope == Scope::Public) co_return call;
  Result<Principal> who = co_await authenticate(request, service_.parts.store, service_.parts.clock,
                                                service_.settings.operator_uids);
  if (!who) {
    const bool needs_token = who.error().code() == ErrorCode::Denied && !request.peer.is_unix;
    const int status = needs_token ? 401 : http_status(who.error().code());
    co_return std::unexpected(Refusal{status, std::move(who).error(), {}});
  }
  call->who = std::move(*who);
  if (call->operation->scope == Scope::Operator && !call->who.is_operator) {
    co_return std::unexpected(
        Refusal{403, Error(ErrorCode::Denied, "this is for the operator only"), {}});
  }
  co_return call;
}

Task<HttpResponse> RestApi::handle(HttpRequest request) {
  HttpRequest head;
  head.method = request.method;
  head.target = request.target;
  head.headers = request.headers;
  head.peer = request.peer;
  Admission call = co_await admit(std::move(head));
  if (!call) co_return answer_refusal(call.error());
  Result<RequestTarget> target = parse_target(request.target);
  co_return co_await answer(std::move(*call), std::move(request), std::move(*target));
}

Task<HttpResponse> RestApi::answer(Call call, HttpRequest request, RequestTarget target) {
  const Result<void> parameters = read_parameters(call, target);
  if (!parameters) co_return answer_error(parameters.error());
  call.headers = std::move(request.headers);
  if (!call.operation->request_media.empty()) call.source = std::move(request.source);
  if (call.operation->request.empty()) {
    if (!request.body.empty()) co_return answer_error({ErrorCode::Invalid, "this takes no body"});
    if (call.operation->is_mutation())
      co_return co_await run_audited(std::move(call), std::move(request.target));
    co_return co_await run(std::move(call));
  }
  Semaphore::Permit permit;
  if (request.body.size() > kParsedAtOnce) {
    if (!large_) large_.emplace(co_await asio::this_coro::executor, kLargeAtOnce);
    permit = co_await large_->acquire();
  }
  Result<Value> body = co_await body_of(*call.operation, std::move(request.body));
  if (!body) co_return answer_error(body.error());
  call.body = std::move(*body);
  if (call.operation->is_mutation())
    co_return co_await run_audited(std::move(call), std::move(request.target));
  co_return co_await run(std::move(call));
}

Task<Result<Value>> RestApi::body_of(const Operation& operation, std::string body) {
  if (body.size() <= kParsedAtOnce) co_return read_body(operation.request, body);
  const auto read = [schema = operation.request, text = std::move(body)] {
    return read_body(schema, text);
  };
  co_return co_await service_.parts.pool.run(read);
}

Task<HttpResponse> RestApi::run(Call call) {
  Result<HttpResponse> response = co_await call.operation->run(service_, std::move(call));
  co_return response ? std::move(*response) : answer_error(response.error());
}

Task<HttpResponse> RestApi::run_audited(Call call, std::string target) {
  const std::string id = service_.parts.random.id();
  const std::filesystem::path& log = service_.settings.audit_log;
  const std::string scope = call.who.is_operator ? "operator" : call.who.tenant;
  const Result<void> begun =
      append_audit(log, Value::map({{"time", format_time(service_.parts.clock.now())},
                                    {"id", id},
                                    {"who", call.who.name},
                                    {"scope", scope},
                                    {"did", fmt::format("{} {}", call.operation->method, target)},
                                    {"body", call.operation->for_audit != nullptr
                                                 ? call.operation->for_audit(call.body)
                                                 : call.body}}));
  if (!begun) {
    log_error("api", "a mutation was refused: the audit log cannot be written",
              {{"what", begun.error().describe()}});
    co_return answer_error(
        {ErrorCode::Unavailable, "the audit log cannot be written, so nothing was done"});
  }
  HttpResponse response = co_await run(std::move(call));
  const Result<void> ended =
      append_audit(log, Value::map({{"time", format_time(service_.parts.clock.now())},
                                    {"id", id},
                                    {"status", response.status}}));
  if (!ended) log_error("api", "cannot write the audit log", {{"what", ended.error().describe()}});
  co_return response;
}

/// Only who is admitted may send more than a little; others send enough to be told why they are
/// not.
Task<std::size_t> RestApi::body_limit(HttpRequest head) {
  const Admission call = co_await admit(std::move(head));
  co_return std::max(kParsedAtOnce, call ? call->operation->body_limit : 0);
}

/// Nobody who is not admitted sends a body of any length.
Task<bool> RestApi::streams_body(HttpRequest head) {
  const Admission call = co_await admit(std::move(head));
  co_return call && !call->operation->request_media.empty();
}

HttpServerSettings RestApi::server_settings() {
  HttpServerSettings settings;
  settings.body_limit = [this](const HttpRequest& head) { return body_limit(head); };
  settings.streams_body = [this](const HttpRequest& head) { return streams_body(head); };
  settings.refuse = [](int status, std::string message) {
    const ErrorCode code = status >= 500 ? ErrorCode::Internal : ErrorCode::Invalid;
    return answer_refusal({status, Error(code, std::move(message)), {}});
  };
  return settings;
}

}  // namespace

std::unique_ptr<Api> make_api(ApiParts parts, ApiSettings settings) {
  return std::make_unique<RestApi>(parts, std::move(settings));
}

}  // namespace croft
