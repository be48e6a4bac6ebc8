#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/api/access.hpp"
#include "gateway/api/api.hpp"

namespace croft {

/// Who may call an operation.
enum class Scope {
  Public,    ///< anybody; no credentials are looked at
  Tenant,    ///< tokens of a tenant too; they see only its things, all else is as if it were not
             ///< there
  Operator,  ///< the operator only
};

struct Parameter {
  enum class Place { Path, Query, Header };
  std::string_view name;
  Place place = Place::Query;
  Value schema;
};

/// What the operations share.
struct Service {
  ApiParts parts;
  ApiSettings settings;
  std::string openapi;
};

struct Operation;

/// One request, checked against its operation.
struct Call {
  const Operation* operation = nullptr;
  Principal who;
  std::map<std::string, std::string, std::less<>> path;  ///< parameters in the path, decoded
  Value query;  ///< map of those in the query, typed as their schemas say
  Value body;   ///< null if it takes none
  HttpHeaders headers;
  ByteSource source;  ///< of an operation that streams its body
};

/// What one can ask: a row of the one table from which both dispatch and /openapi.json come.
struct Operation {
  std::string_view method;
  std::string_view path;  ///< "/v1/resources/{tenant}/{kind}/{name}"
  std::string_view id;    ///< operationId: "getResource"
  std::string_view summary;
  Scope scope = Scope::Tenant;
  std::vector<Parameter> parameters;  ///< of the query and headers; those of the path come from it
  std::string_view request;           ///< schema of the body, or empty
  int status = 200;                   ///< when all went well
  std::string_view answer;            ///< schema of the answer; empty: no JSON
  std::string_view other_media;       ///< what else it answers with: "text/event-stream"
  std::size_t body_limit = 64U << 10U;
  Task<Result<HttpResponse>> (*run)(Service& service, Call call) = nullptr;
  std::string_view request_media = "";  ///< of a body that is no JSON, and is read as it comes
  std::string_view upgrade = "";        ///< the protocol that it leaves HTTP for
  Value (*for_audit)(const Value& body) = nullptr;  ///< the body as the audit log may keep it

  bool is_mutation() const { return method != "GET" && id != "diff" && id != "price"; }
};

std::span<const Operation> api_operations();

/// Segments of an operation's path: "v1", "resources", "{tenant}", ...
std::vector<std::string_view> path_segments(std::string_view path);
inline bool is_placeholder(std::string_view segment) { return segment.starts_with('{'); }
/// What stands at a placeholder: "{tenant}" → its parameter.
Parameter path_parameter(std::string_view placeholder);

/// The OpenAPI 3.1 document of the operations.
Value openapi_document(std::string_view version);

// For the operations' own code.

HttpResponse json_response(const Value& body, int status = 200);
HttpResponse empty_response();
/// The tenant that a listing is about: the one asked for, or all that may be seen. NotFound for one
/// that may not. Nothing: all; "": the platform.
Result<std::optional<std::string>> listed_tenant(const Call& call);
/// The tenant that a body names ("-" and "" mean the platform); a tenant's token may leave it out.
/// NotFound as above.
Result<std::string> named_tenant(const Call& call, std::string_view fallback);
/// The ref in the path. NotFound if it may not be seen.
Result<Ref> named_ref(const Call& call);
/// The error for what is not there, or may not be seen: they read alike.
Error no_such(std::string_view what);
/// The status of a resource that exists.
Result<ResourceStatus> status_of(const Service& service, const Ref& ref);

// The operations, by file.
namespace operations {

Task<Result<HttpResponse>> health(Service& service, Call call);
Task<Result<HttpResponse>> readiness(Service& service, Call call);
Task<Result<HttpResponse>> metrics(Service& service, Call call);
Task<Result<HttpResponse>> openapi(Service& service, Call call);
Task<Result<HttpResponse>> version(Service& service, Call call);
Task<Result<HttpResponse>> tenants(Service& service, Call call);
Task<Result<HttpResponse>> providers(Service& service, Call call);
Task<Result<HttpResponse>> sources(Service& service, Call call);
Task<Result<HttpResponse>> resources(Service& service, Call call);
Task<Result<HttpResponse>> resource(Service& service, Call call);
Task<Result<HttpResponse>> use(Service& service, Call call);
Task<Result<HttpResponse>> settled(Service& service, Call call);
Task<Result<HttpResponse>> events(Service& service, Call call);
Task<Result<HttpResponse>> logs(Service& service, Call call);
Task<Result<HttpResponse>> diff(Service& service, Call call);
Task<Result<HttpResponse>> price(Service& service, Call call);
Task<Result<HttpResponse>> reconcile(Service& service, Call call);
Task<Result<HttpResponse>> look(Service& service, Call call);
Task<Result<HttpResponse>> directives(Service& service, Call call);
Task<Result<HttpResponse>> direct(Service& service, Call call);
Task<Result<HttpResponse>> withdraw(Service& service, Call call);
Task<Result<HttpResponse>> prunes(Service& service, Call call);
Task<Result<HttpResponse>> acknowledge(Service& service, Call call);
Task<Result<HttpResponse>> adopt(Service& service, Call call);
Task<Result<HttpResponse>> exec(Service& service, Call call);
Value exec_for_audit(const Value& body);
Task<Result<HttpResponse>> volumes(Service& service, Call call);
Task<Result<HttpResponse>> export_volume(Service& service, Call call);
Task<Result<HttpResponse>> import_volume(Service& service, Call call);
Task<Result<HttpResponse>> erase_volumes(Service& service, Call call);
Task<Result<HttpResponse>> webhooks(Service& service, Call call);
Task<Result<HttpResponse>> deliveries(Service& service, Call call);
Task<Result<HttpResponse>> test_webhook(Service& service, Call call);
Task<Result<HttpResponse>> replay_webhook(Service& service, Call call);
Task<Result<HttpResponse>> rotate_webhook(Service& service, Call call);
Task<Result<HttpResponse>> sealing_keys(Service& service, Call call);
Task<Result<HttpResponse>> rotate_sealing_key(Service& service, Call call);
Task<Result<HttpResponse>> retire_sealing_key(Service& service, Call call);
Task<Result<HttpResponse>> reseal(Service& service, Call call);
Task<Result<HttpResponse>> tokens(Service& service, Call call);
Task<Result<HttpResponse>> make_token(Service& service, Call call);
Task<Result<HttpResponse>> revoke_token(Service& service, Call call);

}  // namespace operations
}  // namespace croft
