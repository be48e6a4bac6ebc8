#include "reconciler/engine/catalog.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace croft {

namespace {

std::vector<std::string> texts_at(const Value& spec, std::string_view path) {
  std::vector<std::string> texts;
  const Value* list = spec.at_path(path);
  if (list == nullptr || !list->is_list()) return texts;
  for (const Value& element : list->as_list()) {
    if (element.is_text()) texts.push_back(element.as_text());
  }
  return texts;
}

ProviderDeclaration provider_of(const Resource& resource) {
  ProviderDeclaration provider;
  provider.name = resource.ref.name;
  provider.adapter = resource.spec->text_or("adapter", "");
  provider.is_default = resource.spec->boolean_or("default", false);
  provider.tenants = texts_at(*resource.spec, "tenants");
  provider.spec = resource.spec;
  return provider;
}

void add_implicit_provider(Catalog& catalog, std::string_view name, std::string_view adapter) {
  const bool is_declared =
      std::any_of(catalog.providers.begin(), catalog.providers.end(),
                  [&](const auto& entry) { return entry.second.adapter == adapter; });
  if (is_declared || catalog.providers.contains(std::string(name))) return;
  ProviderDeclaration provider;
  provider.name = name;
  provider.adapter = adapter;
  provider.is_default = true;
  provider.spec =
      std::make_shared<const Value>(Value::map({{"adapter", adapter}, {"default", true}}));
  catalog.providers.emplace(name, std::move(provider));
}

CommitStatusDeclaration commit_status_of(const Value& spec) {
  CommitStatusDeclaration status;
  status.type = spec.text_or("type", "");
  status.secret = spec.text_or("secret", "");
  status.url = spec.text_or("url", "");
  status.repository = spec.text_or("repository", "");
  status.context = spec.text_or("context", status.context);
  status.link = spec.text_or("link", "");
  status.has_resources = spec.boolean_or("resources", status.has_resources);
  status.has_merge_requests = spec.boolean_or("mergeRequests", status.has_merge_requests);
  return status;
}

/// github.com has its API elsewhere; a server of one's own has it below itself.
std::string github_api_of(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme)) return std::string();
  const std::string_view host =
      url.substr(kScheme.size(), url.find('/', kScheme.size()) - kScheme.size());
  if (host == "github.com") return "https://api.github.com";
  return fmt::format("https://{}/api/v3", host.substr(host.find('@') + 1));
}

GithubAppDeclaration app_of(const Value& spec, const std::string& source_url) {
  GithubAppDeclaration app;
  app.app = spec.integer_or("appId", 0);
  app.installation = spec.integer_or("installationId", 0);
  app.secret = spec.text_or("secret", "");
  app.url = spec.text_or("url", github_api_of(source_url));
  return app;
}

VerifyDeclaration verify_of(const Value& spec) {
  VerifyDeclaration verify;
  verify.is_for_every = spec.text_or("mode", "head") == "every";
  verify.keys.ssh = texts_at(spec, "ssh");
  verify.keys.gpg = texts_at(spec, "gpg");
  return verify;
}

SourceDeclaration source_of(const Value& spec, std::string_view tenant, std::string_view name) {
  SourceDeclaration source;
  source.key = fmt::format("{}/{}", tenant, name);
  source.tenant = tenant;
  source.url = spec.text_or("url", "");
  source.ref = spec.text_or("ref", source.ref);
  source.path = spec.text_or("path", source.path);
  source.interval = Duration(spec.integer_or("interval", source.interval.count()));
  source.credentials = spec.text_or("credentials.secret", "");
  if (const Value* app = spec.at_path("credentials.githubApp"))
    source.app = app_of(*app, source.url);
  if (const Value* verify = spec.find("verify")) source.verify = verify_of(*verify);
  if (const Value* receiver = spec.find("receiver")) {
    source.receiver =
        ReceiverDeclaration{receiver->text_or("type", ""), receiver->text_or("secret", "")};
  }
  if (const Value* status = spec.find("commitStatus"))
    source.commit_status = commit_status_of(*status);
  if (source.commit_status && source.commit_status->secret.empty())
    source.commit_status->app = source.app;
  return source;
}

using Plans = std::map<std::string, const Resource*>;

void add_tenant(Catalog& catalog, const Resource& resource, const Plans& plans) {
  const Value& spec = *resource.spec;
  TenantDeclaration tenant;
  tenant.name = resource.ref.name;
  tenant.plan = spec.text_or("plan", "");
  tenant.is_suspended = spec.boolean_or("suspended", false);
  tenant.hosts = texts_at(spec, "hosts");
  tenant.contacts = texts_at(spec, "contacts");
  const auto plan = plans.find(tenant.plan);
  if (plan != plans.end()) {
    tenant.allowed_providers = texts_at(*plan->second->spec, "allowedProviders");
    tenant.allow_egress = plan->second->spec->text_or("network.egress", "deny") == "allow";
    tenant.loosening = plans::loosening_of(plan->second->spec.get(), &spec);
  } else if (!tenant.plan.empty()) {
    catalog.problems.push_back({resource.ref, "spec.plan",
                                fmt::format("there is no plan '{}'", tenant.plan),
                                "declare a Plan of that name, or name one that is declared"});
  }
  if (const Value* source = spec.find("source"); source != nullptr && source->is_map()) {
    SourceDeclaration declared = source_of(*source, tenant.name, tenant.name);
    tenant.sources.push_back(declared.key);
    catalog.sources.emplace(declared.key, std::move(declared));
  }
  catalog.tenants.emplace(tenant.name, std::move(tenant));
}

void add_source(Catalog& catalog, const Resource& resource) {
  const std::string tenant = resource.spec->text_or("tenant", "");
  const auto owner = catalog.tenants.find(tenant);
  if (owner == catalog.tenants.end()) {
    catalog.problems.push_back({resource.ref, "spec.tenant",
                                fmt::format("there is no tenant '{}'", tenant),
                                "declare a Tenant of that name, or name one that is declared"});
    return;
  }
  SourceDeclaration declared = source_of(*resource.spec, tenant, resource.ref.name);
  owner->second.sources.push_back(declared.key);
  const std::string key = declared.key;
  if (!catalog.sources.emplace(key, std::move(declared)).second) {
    catalog.problems.push_back(
        {resource.ref, "metadata.name",
         fmt::format("tenant '{}' has a source of this name in its spec.source", tenant),
         "give this Source another name"});
  }
}

void check_defaults(Catalog& catalog) {
  std::map<std::string, std::string> first_default;
  for (const auto& [name, provider] : catalog.providers) {
    if (!provider.is_default) continue;
    const auto [first, is_new] =
        first_default.emplace(provider.adapter == "site" ? "Sites" : "Instances", name);
    if (is_new) continue;
    catalog.problems.push_back(
        {Ref{"", Kind::Provider, name}, "spec.default",
         fmt::format("provider '{}' is the default for {} already", first->second, first->first),
         "leave `default` at one of them"});
  }
}

}  // namespace

Catalog make_catalog(const std::vector<Resource>& platform, const Scripts& scripts) {
  Catalog catalog;
  catalog.terms = make_platform_terms(platform, scripts);
  catalog.problems = std::exchange(catalog.terms.problems, {});
  Plans plans;
  for (const Resource& resource : platform) {
    if (resource.ref.kind == Kind::Plan) plans[resource.ref.name] = &resource;
    if (resource.ref.kind == Kind::Provider)
      catalog.providers.emplace(resource.ref.name, provider_of(resource));
  }
  for (const Resource& resource : platform) {
    if (resource.ref.kind == Kind::Tenant) add_tenant(catalog, resource, plans);
  }
  for (const Resource& resource : platform) {
    if (resource.ref.kind == Kind::Source) add_source(catalog, resource);
  }
  check_defaults(catalog);
  add_implicit_provider(catalog, kSiteProvider, "site");
  return catalog;
}

Catalog make_solo_catalog(const std::vector<Resource>& resources, const Scripts& scripts,
                          const SourceDeclaration& source) {
  Catalog catalog;
  check_templates(resources, scripts, catalog.problems);
  for (const Resource& resource : resources) {
    if (resource.ref.kind == Kind::Provider)
      catalog.providers.emplace(resource.ref.name, provider_of(resource));
  }
  check_defaults(catalog);
  add_implicit_provider(catalog, kSiteProvider, "site");
  add_implicit_provider(catalog, kLocalProvider, "process");
  TenantDeclaration home;
  home.name = kSoloTenant;
  home.allow_egress = true;
  home.hosts = {"*"};
  home.sources = {source.key};
  catalog.sources.emplace(source.key, source);
  catalog.tenants.emplace(home.name, std::move(home));
  return catalog;
}

}  // namespace croft
