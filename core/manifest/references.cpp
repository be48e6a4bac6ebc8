#include "core/manifest/references.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "core/base/suggest.hpp"

namespace croft::manifest {

namespace {

constexpr std::size_t kMostWebhooks = 50;

struct RefHash {
  std::size_t operator()(const Ref& ref) const {
    const std::hash<std::string> hash;
    return hash(ref.name) * 31 + hash(ref.tenant) * 7 + static_cast<std::size_t>(ref.kind);
  }
};
using Index = std::unordered_map<Ref, std::size_t, RefHash>;

Index index_of(std::span<const Resource> resources) {
  Index index;
  index.reserve(resources.size());
  for (std::size_t i = 0; i < resources.size(); ++i) index.emplace(resources[i].ref, i);
  return index;
}

// Checks one set; keeps what it found.
class ReferenceChecker {
 public:
  explicit ReferenceChecker(std::span<const Resource> resources)
      : resources_(resources), index_(index_of(resources)) {}

  std::vector<ReferenceProblem> run() {
    for (std::size_t i = 0; i < resources_.size(); ++i) check(i);
    find_circles();
    return std::move(problems_);
  }

 private:
  void check(std::size_t i) {
    const Resource& resource = resources_[i];
    switch (resource.ref.kind) {
      case Kind::Tenant:
        must_exist(i, "spec.plan", Kind::Plan, resource.spec->text_or("plan", ""));
        return check_source_name(i);
      case Kind::Source:
        return must_exist(i, "spec.tenant", Kind::Tenant, resource.spec->text_or("tenant", ""));
      case Kind::Plan:
        return each_must_exist(i, "allowedProviders", Kind::Provider);
      case Kind::Provider:
        each_must_exist(i, "tenants", Kind::Tenant);
        return check_default(i);
      case Kind::Webhook:
      case Kind::Secret:
        return;
      case Kind::Instance:
      case Kind::Site:
      case Kind::Stack:
      case Kind::Service:
      case Kind::Volume:
      case Kind::Network:
        return check_dependencies(i);
    }
  }

  void must_exist(std::size_t i, std::string path, Kind kind, const std::string& name) {
    const Ref wanted{"", kind, name};
    if (!index_.contains(wanted)) unknown(i, std::move(path), wanted);
  }

  void each_must_exist(std::size_t i, std::string_view field, Kind kind) {
    const Value* names = resources_[i].spec->find(field);
    for (std::size_t k = 0; names != nullptr && k < names->size(); ++k) {
      must_exist(i, fmt::format("spec.{}[{}]", field, k), kind, names->as_list()[k].as_text());
    }
  }

  void check_dependencies(std::size_t i) {
    const auto refs = dependencies_of(resources_[i].ref, *resources_[i].spec);
    for (std::size_t k = 0; k < refs.size(); ++k) {
      if (!index_.contains(refs[k])) unknown(i, fmt::format("spec.dependsOn[{}]", k), refs[k]);
    }
  }

  void unknown(std::size_t i, std::string path, const Ref& wanted) {
    std::vector<std::string> names;
    for (const Resource& other : resources_) {
      const bool is_possible =
          other.ref.tenant == wanted.tenant &&
          (wanted.tenant.empty() ? other.ref.kind == wanted.kind : other.ref != resources_[i].ref);
      if (is_possible && names.size() < kMostCandidates) names.push_back(local_name(other.ref));
    }
    const std::string written = local_name(wanted);
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    problems_.push_back({i, std::move(path), fmt::format("there is no {}", written),
                         did_you_mean(written, candidates)});
  }

  // `Tenant.spec.source` is short for a Source of the tenant's name; both at once would be two.
  void check_source_name(std::size_t i) {
    const Resource& tenant = resources_[i];
    if (tenant.spec->find("source") == nullptr ||
        !index_.contains(Ref{"", Kind::Source, tenant.ref.name}))
      return;
    problems_.push_back(
        {i, "spec.source",
         fmt::format("Source/{} is declared too, and this is short for the same", tenant.ref.name),
         "keep one of them"});
  }

  void check_default(std::size_t i) {
    const Value& spec = *resources_[i].spec;
    if (!spec.boolean_or("default", false)) return;
    const auto [first, is_new] = default_of_adapter_.emplace(spec.text_or("adapter", ""), i);
    if (is_new) return;
    problems_.push_back({i, "spec.default",
                         fmt::format("{} is the default of adapter '{}' already",
                                     local_name(resources_[first->second].ref), first->first),
                         ""});
  }

  enum class Mark { New, Open, Done };

  void find_circles() {
    std::vector<Mark> marks(resources_.size(), Mark::New);
    for (std::size_t i = 0; i < resources_.size(); ++i) {
      if (marks[i] == Mark::New) follow(i, marks);
    }
  }

  // Depth first, with a stack of our own: a chain of dependencies may be as long as the set.
  void follow(std::size_t start, std::vector<Mark>& marks) {
    struct Step {
      std::size_t at;
      std::vector<Ref> next;
      std::size_t tried = 0;
    };
    std::vector<Step> trail;
    const auto enter = [&](std::size_t i) {
      marks[i] = Mark::Open;
      trail.push_back({i, dependencies_of(resources_[i].ref, *resources_[i].spec)});
    };
    enter(start);
    while (!trail.empty()) {
      Step& step = trail.back();
      if (step.tried == step.next.size()) {
        marks[step.at] = Mark::Done;
        trail.pop_back();
        continue;
      }
      const std::size_t k = step.tried++;
      const auto found = index_.find(step.next[k]);
      if (found == index_.end() || marks[found->second] == Mark::Done) continue;
      if (marks[found->second] == Mark::New) {
        enter(found->second);
        continue;
      }
      std::string circle;
      bool is_inside = false;
      for (const Step& one : trail) {
        is_inside = is_inside || one.at == found->second;
        if (is_inside) circle += local_name(resources_[one.at].ref) + " → ";
      }
      circle += local_name(resources_[found->second].ref);
      problems_.push_back({step.at, fmt::format("spec.dependsOn[{}]", k),
                           "dependsOn goes in a circle: " + circle, ""});
    }
  }

  static constexpr std::size_t kMostCandidates = 1000;

  std::span<const Resource> resources_;
  Index index_;
  std::unordered_map<std::string, std::size_t> default_of_adapter_;
  std::vector<ReferenceProblem> problems_;
};

}  // namespace

std::vector<ReferenceProblem> check_duplicates(std::span<const Resource> resources) {
  std::vector<ReferenceProblem> problems;
  Index index;
  index.reserve(resources.size());
  for (std::size_t i = 0; i < resources.size(); ++i) {
    const auto [found, is_new] = index.emplace(resources[i].ref, i);
    if (is_new) continue;
    const Origin& first = resources[found->second].origin;
    const bool is_elsewhere = first.source != resources[i].origin.source;
    problems.push_back(
        {i, "metadata.name",
         fmt::format("{} is declared twice; first at {}:{}{}", local_name(resources[i].ref),
                     first.file, first.line,
                     is_elsewhere ? fmt::format(" of source '{}'", first.source) : ""),
         ""});
  }
  return problems;
}

std::vector<ReferenceProblem> check_amounts(std::span<const Resource> resources) {
  std::vector<ReferenceProblem> problems;
  std::map<std::string_view, std::size_t> counts;
  for (std::size_t i = 0; i < resources.size(); ++i) {
    const Ref& ref = resources[i].ref;
    if (ref.kind != Kind::Webhook || ++counts[ref.tenant] != kMostWebhooks + 1) continue;
    problems.push_back({i, "metadata.name",
                        fmt::format("there are more than {} Webhooks", kMostWebhooks),
                        "one Webhook may hear of many events and resources"});
  }
  return problems;
}

std::vector<ReferenceProblem> check_references(std::span<const Resource> resources) {
  return ReferenceChecker(resources).run();
}

}  // namespace croft::manifest
