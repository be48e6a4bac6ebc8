#include "cli/check/offline.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/check/repository.hpp"
#include "core/base/clock.hpp"
#include "reconciler/engine/loader.hpp"
#include "reconciler/pricing.hpp"
#include "reconciler/world.hpp"

namespace croft::cli {

namespace {

using manifest::SourceScope;
using Declared = std::map<Ref, Desired>;

/// What the platform repository says about one tenant.
struct Platform {
  PlatformView view;
  std::string tenant;
  std::string plan;
  bool is_suspended = false;
  PlatformTerms terms;
  std::optional<plans::Loosening> loosening;  ///< nothing: no platform was given

  const plans::PlanTerms* plan_terms() const {
    const auto found = terms.plans.find(plan);
    return found == terms.plans.end() ? nullptr : found->second.get();
  }
};

std::vector<std::string> texts_at(const Value& spec, std::string_view path) {
  std::vector<std::string> texts;
  const Value* list = spec.at_path(path);
  if (list == nullptr || !list->is_list()) return texts;
  for (const Value& text : list->as_list()) {
    if (text.is_text()) texts.push_back(text.as_text());
  }
  return texts;
}

/// What an adapter of ours can run. Of others nothing is known offline: they are taken to run
/// everything.
Capabilities capabilities_of(const std::string& adapter) {
  Capabilities capabilities;
  const bool runs_containers = adapter == "docker";
  capabilities.workloads = adapter == "process" || runs_containers;
  capabilities.volumes = capabilities.workloads;
  capabilities.commands = !runs_containers;
  capabilities.images = runs_containers;
  capabilities.builds = runs_containers;
  capabilities.stacks = runs_containers;
  capabilities.sites = adapter == "site";
  return capabilities;
}

ProviderOffer offer_of(const std::string& name, const std::string& adapter, bool is_default) {
  return {.name = name,
          .adapter = adapter,
          .is_default = is_default,
          .capabilities = capabilities_of(adapter)};
}

/// The providers that are declared, and those that are there without being declared.
std::vector<ProviderOffer> offers_of(const std::vector<Resource>& resources, bool is_solo) {
  std::vector<ProviderOffer> offers;
  for (const Resource& resource : resources) {
    if (resource.ref.kind != Kind::Provider) continue;
    ProviderOffer offer = offer_of(resource.ref.name, resource.spec->text_or("adapter", ""),
                                   resource.spec->boolean_or("default", false));
    offer.tenants = texts_at(*resource.spec, "tenants");
    offers.push_back(std::move(offer));
  }
  const auto add_missing = [&](const std::string& name, const std::string& adapter) {
    const bool is_there = std::ranges::any_of(offers, [&](const ProviderOffer& offer) {
      return offer.adapter == adapter || offer.name == name;
    });
    if (!is_there) offers.push_back(offer_of(name, adapter, false));
  };
  add_missing("site", "site");
  if (is_solo) add_missing("local", "process");
  return offers;
}

const Resource* find_resource(const std::vector<Resource>& resources, Kind kind,
                              const std::string& name) {
  const auto found = std::ranges::find_if(resources, [&](const Resource& resource) {
    return resource.ref.kind == kind && resource.ref.name == name;
  });
  return found == resources.end() ? nullptr : &*found;
}

Result<const Resource*> choose_tenant(const std::vector<Resource>& resources,
                                      const std::string& wanted) {
  std::vector<std::string> names;
  for (const Resource& resource : resources) {
    if (resource.ref.kind == Kind::Tenant) names.push_back(resource.ref.name);
  }
  if (wanted.empty() && names.size() == 1)
    return find_resource(resources, Kind::Tenant, names.front());
  if (const Resource* tenant = find_resource(resources, Kind::Tenant, wanted)) return tenant;
  const std::string hint = names.empty() ? "it declares no tenants"
                                         : fmt::format("say -t, one of {}", fmt::join(names, ", "));
  if (wanted.empty())
    return fail(Error(ErrorCode::Invalid, "whose repository is it?").with_hint(hint));
  return fail(
      Error(ErrorCode::NotFound, fmt::format("the platform repository has no tenant '{}'", wanted))
          .with_hint(hint));
}

Result<Platform> platform_for(const Repository& repository, const std::string& wanted_tenant) {
  const std::vector<Resource>& resources = repository.set.resources;
  Platform platform;
  TRY_ASSIGN(const Resource* tenant, choose_tenant(resources, wanted_tenant));
  platform.tenant = tenant->ref.name;
  platform.plan = tenant->spec->text_or("plan", "");
  platform.is_suspended = tenant->spec->boolean_or("suspended", false);
  platform.view.providers = offers_of(resources, false);
  platform.view.allowed_hosts = texts_at(*tenant->spec, "hosts");
  const Resource* plan = find_resource(resources, Kind::Plan, platform.plan);
  if (plan != nullptr) platform.view.allowed_providers = texts_at(*plan->spec, "allowedProviders");
  platform.loosening =
      plans::loosening_of(plan != nullptr ? plan->spec.get() : nullptr, tenant->spec.get());
  return platform;
}

/// What a revision declares, as if it had been applied: the inventory that the diff starts from.
std::vector<ResourceRow> as_inventory(const Declared& desired) {
  std::vector<ResourceRow> rows;
  for (const auto& [ref, each] : desired) {
    ResourceRow row;
    row.uid = to_string(ref);
    row.ref = ref;
    row.source = each.source;
    row.provider = each.provider;
    row.applied = each.spec;
    row.phase = Phase::Running;
    rows.push_back(std::move(row));
  }
  return rows;
}

class OfflineDiffer {
 public:
  explicit OfflineDiffer(const OfflineRequest& request) : request_(request) {}

  Result<OfflineDiff> run() {
    if (!request_.platform.empty()) {
      TRY_ASSIGN(const bool is_good, read_platform());
      if (!is_good) return std::move(out_);
    }
    TRY_ASSIGN(std::optional<Declared> from, read_from());
    if (!from) return std::move(out_);
    if (read_last_) records_before_ = records_in(*read_last_);
    for (const auto& [ref, desired] : *from) platform_.view.placed.emplace(ref, desired.provider);
    TRY_ASSIGN(std::optional<Declared> now, read(""));
    if (!now) return std::move(out_);
    World world = world_of(*from, std::move(*now));
    world.records_before = std::move(records_before_);
    world.records = records_in(*read_last_);
    compute(world);
    TRY(ask_plan(world));
    return std::move(out_);
  }

  Result<OfflinePrice> price(const SupposedUsage& supposed, bool all_plans) {
    OfflinePrice out;
    TRY_ASSIGN(const bool is_good, read_platform());
    std::optional<Declared> now;
    if (is_good) {
      TRY_ASSIGN(now, read(""));
    }
    out.diagnostics = std::move(out_.diagnostics);
    if (!now) return out;
    const World world = world_of({}, std::move(*now));
    TRY_ASSIGN(plans::Pricer pricer, plans::Pricer::make());
    const UsageFacts usage{.world = &world, .sizes = &sizes_, .facts = {}};
    out.list = price_plans(platform_.terms, all_plans, usage, supposed, pricer);
    return out;
  }

 private:
  /// False: it has errors, which are in out_.
  Result<bool> read_platform() {
    RepositoryRequest request;
    request.directory = request_.platform;
    request.scope = SourceScope::Platform;
    TRY_ASSIGN(Repository repository, load_repository(request));
    PlatformTerms terms;
    if (repository.set.is_usable()) terms = terms_of_repository(repository);
    if (!repository.set.is_usable()) {
      out_.diagnostics = std::move(repository.set.diagnostics);
      return false;
    }
    TRY_ASSIGN(platform_, platform_for(repository, request_.tenant));
    platform_.terms = std::move(terms);
    return true;
  }

  Result<std::optional<Declared>> read_from() {
    if (request_.from.empty()) return Declared();
    return read(request_.from);
  }

  /// What the directory declares at a revision; nothing if it has errors, which are in out_.
  Result<std::optional<Declared>> read(const std::string& revision) {
    RepositoryRequest request;
    request.directory = request_.directory;
    request.revision = revision;
    request.tenant = platform_.tenant.empty() ? request_.tenant : platform_.tenant;
    if (!request_.platform.empty()) request.scope = SourceScope::Tenant;
    TRY_ASSIGN(Repository repository, load_repository(request));
    tenant_ = repository.tenant;
    if (repository.scope == SourceScope::Solo)
      platform_.view.providers = offers_of(repository.set.resources, true);
    Declared desired = expand_repository(repository, platform_.view);
    if (!repository.set.is_usable()) {
      out_.diagnostics = std::move(repository.set.diagnostics);
      return std::nullopt;
    }
    TRY_ASSIGN(const FilesSizes sizes,
               measure_sites(*repository.tree, repository.set.resources, known_sizes_));
    sizes_.insert(sizes.begin(), sizes.end());
    read_last_ = std::move(repository);
    return desired;
  }

  static Records records_in(const Repository& repository) {
    Records records;
    add_records(records, repository.set.resources, repository.set.secret_files);
    return records;
  }

  World world_of(const Declared& from, Declared now) const {
    World world;
    world.tenant = tenant_;
    world.plan = platform_.plan;
    if (platform_.plan_terms() != nullptr) world.terms = platform_.plan_terms()->digest;
    world.is_suspended = platform_.is_suspended;
    world.is_observed = false;
    world.inventory = as_inventory(from);
    world.desired = std::move(now);
    world.now = SystemClock().now();
    return world;
  }

  void compute(const World& world) {
    out_.changeset = diff(world);
    out_.changeset.observed = false;
    out_.changeset.plan = platform_.plan;
    out_.changeset.before = request_.from;
    out_.changeset.after = "working tree";
  }

  Result<void> ask_plan(const World& world) {
    Changeset& changeset = out_.changeset;
    Admission admission =
        admit({.plan = platform_.plan_terms(),
               .platform = &platform_.terms,
               .world = &world,
               .sizes = &sizes_,
               .loosening = platform_.loosening ? &*platform_.loosening : nullptr});
    changeset.refusals = std::move(admission.refusals);
    if (read_last_)
      place_problems(*read_last_->tree, read_last_->directory, read_last_->set.resources,
                     changeset.refusals);
    changeset.quotas = std::move(admission.quotas);
    for (std::string& warning : admission.warnings) changeset.notes.push_back(std::move(warning));
    TRY_ASSIGN(plans::Pricer pricer, plans::Pricer::make());
    const UsageFacts usage{.world = &world, .sizes = &sizes_, .facts = {}};
    add_prices(changeset, platform_.plan_terms(), usage, pricer);
    return {};
  }

  const OfflineRequest& request_;
  Platform platform_;
  std::string tenant_;
  FilesSizes sizes_;
  FilesSizes known_sizes_;
  Records records_before_;
  std::optional<Repository> read_last_;
  OfflineDiff out_;
};

}  // namespace

Result<OfflineDiff> diff_offline(const OfflineRequest& request) {
  return OfflineDiffer(request).run();
}

Result<OfflinePrice> price_offline(const OfflineRequest& request, const SupposedUsage& supposed,
                                   bool all_plans) {
  return OfflineDiffer(request).price(supposed, all_plans);
}

}  // namespace croft::cli
