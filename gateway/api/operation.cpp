#include "gateway/api/operation.hpp"

#include <algorithm>

#include "core/resource/kind.hpp"
#include "gateway/api/exec_frames.hpp"
#include "gateway/api/schemas.hpp"

namespace croft {

namespace {

using Place = Parameter::Place;

/// Uploaded trees are large; the sum of what UploadLimits allows, with room for the listing.
constexpr std::size_t kUploadBody = 48U << 20U;

std::vector<std::string_view> kind_names() {
  std::vector<std::string_view> names;
  for (const Kind kind : known_kinds()) names.push_back(to_string(kind));
  return names;
}

Parameter tenant_query() {
  return {"tenant", Place::Query, text_schema("Only that tenant's; '-' is the platform's")};
}

std::vector<Parameter> event_parameters() {
  return {
      tenant_query(),
      {"subject", Place::Query, text_schema("Only those about that ref or source")},
      {"after", Place::Query,
       integer_schema("The first ones with a larger sequence; 0: the newest", -1, INT64_MAX)},
      {"limit", Place::Query, integer_schema("At most that many", 1, 1'000)},
      {"Last-Event-ID", Place::Header, text_schema("Of a stream: goes on after that sequence")}};
}

std::vector<Parameter> log_parameters() {
  return {{"lines", Place::Query, integer_schema("Of the past, to begin with", 0, 100'000)},
          {"follow", Place::Query, boolean_schema("Goes on as text comes")}};
}

std::vector<Parameter> transfer_parameters() {
  return {{"volume", Place::Query,
           text_schema("Which of an Instance's; may be left out if it has one only")},
          {"quiesce", Place::Query,
           boolean_schema("Holds what uses it stopped for the time, and lets it run again")}};
}

std::vector<Operation> make_operations() {
  using namespace operations;
  constexpr std::string_view kResource = "/v1/resources/{tenant}/{kind}/{name}";
  const Parameter kind{"kind", Place::Query, choice_schema("Only that kind", kind_names())};
  return {
      {"GET",
       "/healthz",
       "health",
       "Whether the server answers",
       Scope::Public,
       {},
       "",
       200,
       "Health",
       "",
       0,
       health},
      {"GET",
       "/readyz",
       "ready",
       "Whether it can do its work: its store answers",
       Scope::Public,
       {},
       "",
       200,
       "Health",
       "",
       0,
       readiness},
      {"GET",
       "/openapi.json",
       "openapi",
       "This document",
       Scope::Public,
       {},
       "",
       200,
       "Document",
       "",
       0,
       openapi},
      {"GET",
       "/v1/version",
       "version",
       "Which server this is",
       Scope::Tenant,
       {},
       "",
       200,
       "Version",
       "",
       0,
       version},
      {"GET",
       "/v1/tenants",
       "listTenants",
       "Names of tenants",
       Scope::Tenant,
       {},
       "",
       200,
       "TenantList",
       "",
       0,
       tenants},
      {"GET",
       "/v1/sources",
       "listSources",
       "Watched Git repositories and how they fare",
       Scope::Tenant,
       {tenant_query()},
       "",
       200,
       "SourceList",
       "",
       0,
       sources},
      {"GET",
       "/v1/resources",
       "listResources",
       "Resources and their status",
       Scope::Tenant,
       {tenant_query(), kind},
       "",
       200,
       "ResourceList",
       "",
       0,
       resources},
      {"GET",
       kResource,
       "getResource",
       "One resource with its events and, if it is not ready, its last log lines",
       Scope::Tenant,
       {},
       "",
       200,
       "ResourceDetail",
       "",
       0,
       resource},
      {"GET",
       "/v1/settled",
       "settled",
       "Whether nothing is left to do",
       Scope::Tenant,
       {tenant_query()},
       "",
       200,
       "Settled",
       "",
       0,
       settled},
      {"GET", "/v1/events", "listEvents",
       "History, oldest first; as a stream with Accept: text/event-stream", Scope::Tenant,
       event_parameters(), "", 200, "EventList", "text/event-stream", 0, events},
      {"GET", "/v1/logs/{tenant}/{kind}/{name}", "logs", "Log of what runs", Scope::Tenant,
       log_parameters(), "", 200, "", "text/plain; charset=utf-8", 0, logs},
      {"POST",
       "/v1/diff",
       "diff",
       "What would change, of what the source holds or of an uploaded tree",
       Scope::Tenant,
       {},
       "DiffRequest",
       200,
       "Changeset",
       "",
       kUploadBody,
       diff},
      {"POST",
       "/v1/price",
       "price",
       "What a month would cost, of what the source holds or of an uploaded tree",
       Scope::Tenant,
       {},
       "PriceRequest",
       200,
       "PriceList",
       "",
       kUploadBody,
       price},
      {"POST",
       "/v1/reconcile",
       "reconcile",
       "Fetches and makes a pass now",
       Scope::Tenant,
       {},
       "ReconcileRequest",
       200,
       "ChangesetList",
       "",
       64U << 10U,
       reconcile},
      {"GET",
       "/v1/directives",
       "listDirectives",
       "Orders by hand that hold",
       Scope::Tenant,
       {tenant_query()},
       "",
       200,
       "DirectiveList",
       "",
       0,
       directives},
      {"POST",
       "/v1/directives",
       "direct",
       "Stops, starts, restarts or suspends a resource",
       Scope::Tenant,
       {},
       "DirectiveRequest",
       201,
       "Directive",
       "",
       64U << 10U,
       direct},
      {"DELETE",
       "/v1/directives/{tenant}/{kind}/{name}/{verb}",
       "withdraw",
       "Takes a directive back",
       Scope::Tenant,
       {},
       "",
       204,
       "",
       "",
       0,
       withdraw},
      {"GET",
       "/v1/prunes",
       "listPrunes",
       "Changesets that wait for a person",
       Scope::Tenant,
       {tenant_query()},
       "",
       200,
       "PruneList",
       "",
       0,
       prunes},
      {"POST",
       "/v1/prunes/ack",
       "acknowledge",
       "Lets exactly that changeset go on",
       Scope::Tenant,
       {},
       "AcknowledgeRequest",
       204,
       "",
       "",
       64U << 10U,
       acknowledge},
      {"POST",
       "/v1/adoptions",
       "adopt",
       "Takes what runs under a tenant's name, and is not in the inventory, into it",
       Scope::Operator,
       {},
       "AdoptRequest",
       200,
       "AdoptedList",
       "",
       64U << 10U,
       adopt},
      {"POST",
       "/v1/exec/{tenant}/{kind}/{name}",
       "exec",
       "Runs a command inside what runs; the connection leaves HTTP for frames of its streams",
       Scope::Tenant,
       {},
       "ExecRequest",
       101,
       "",
       "",
       256U << 10U,
       exec,
       "",
       kExecProtocol,
       exec_for_audit},
      {"GET",
       "/v1/volumes",
       "listVolumes",
       "Volumes, those whose data is only kept, too",
       Scope::Tenant,
       {tenant_query()},
       "",
       200,
       "VolumeList",
       "",
       0,
       volumes},
      {"POST", "/v1/volumes/{tenant}/{kind}/{name}/export", "exportVolume",
       "The content of a volume as a tar archive", Scope::Tenant, transfer_parameters(), "", 200,
       "", "application/x-tar", 0, export_volume},
      {"POST", "/v1/volumes/{tenant}/{kind}/{name}/import", "importVolume",
       "Unpacks a tar archive into a volume, over what is there", Scope::Tenant,
       transfer_parameters(), "", 204, "", "", 0, import_volume, "application/x-tar"},
      {"DELETE",
       "/v1/volumes/{tenant}/{kind}/{name}",
       "eraseVolumes",
       "Erases what is kept of a resource that is declared no more",
       Scope::Tenant,
       {},
       "",
       204,
       "",
       "",
       0,
       erase_volumes},
      {"GET",
       "/v1/tokens",
       "listTokens",
       "Tokens, without what they are",
       Scope::Operator,
       {},
       "",
       200,
       "TokenList",
       "",
       0,
       tokens},
      {"POST",
       "/v1/tokens",
       "makeToken",
       "Makes a token; it is shown this once",
       Scope::Operator,
       {},
       "TokenRequest",
       201,
       "NewToken",
       "",
       64U << 10U,
       make_token},
      {"DELETE",
       "/v1/tokens/{id}",
       "revokeToken",
       "Ends a token",
       Scope::Operator,
       {},
       "",
       204,
       "",
       "",
       0,
       revoke_token},
  };
}

}  // namespace

std::span<const Operation> api_operations() {
  static const std::vector<Operation> operations = make_operations();
  return operations;
}

std::vector<std::string_view> path_segments(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    segments.push_back(path.substr(0, path.find('/')));
    path.remove_prefix(segments.back().size());
  }
  return segments;
}

Parameter path_parameter(std::string_view placeholder) {
  const std::string_view name = placeholder.substr(1, placeholder.size() - 2);
  if (name == "tenant")
    return {name, Place::Path, text_schema("A tenant's name; '-' is the platform")};
  if (name == "kind") return {name, Place::Path, choice_schema("Of the resource", kind_names())};
  if (name == "verb") {
    return {name, Place::Path,
            choice_schema("Of the directive", {"stop", "start", "restart", "suspend"})};
  }
  return {name, Place::Path, text_schema(name == "id" ? "Of the token" : "Of the resource")};
}

}  // namespace croft
