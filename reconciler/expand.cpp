#include "reconciler/expand.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/resource/kinds.hpp"
#include "reconciler/fields.hpp"

namespace croft {

namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// What a resource asks of a provider, for messages: "run Instances with volumes".
struct Need {
  Kind kind;
  bool volumes = false;
  bool image = false;
  bool build = false;
};

Need need_of(const Resource& resource) {
  const Value* volumes = resource.spec->find("volumes");
  return {.kind = resource.ref.kind,
          .volumes = volumes != nullptr && volumes->size() > 0,
          .image = resource.spec->find("image") != nullptr,
          .build = resource.spec->find("build") != nullptr};
}

std::string to_text(const Need& need) {
  if (need.kind == Kind::Site) return "serve Sites";
  if (need.kind != Kind::Instance) return "run Stacks";
  std::string text = "run Instances";
  if (need.image) text += " from images";
  if (need.build) text += " that it builds";
  return need.volumes ? text + " with volumes" : text;
}

bool can(const ProviderOffer& offer, const Need& need) {
  const Capabilities& capabilities = offer.capabilities;
  if (offer.provider == nullptr && !capabilities.workloads && !capabilities.sites) return true;
  if (need.kind == Kind::Site) return capabilities.sites;
  if (need.kind != Kind::Instance) return capabilities.stacks;
  const bool runs_it = need.build   ? capabilities.builds
                       : need.image ? capabilities.images
                                    : capabilities.commands;
  return capabilities.workloads && runs_it && (capabilities.volumes || !need.volumes);
}

class Expander {
 public:
  explicit Expander(const ExpandInput& input) : input_(input) {
    for (const ProviderOffer& offer : input.providers) {
      if (offer.tenants.empty() || has(offer.tenants, input.tenant)) offers_.push_back(&offer);
    }
    std::ranges::sort(offers_, {}, &ProviderOffer::name);
    for (const auto& [ref, provider] : input.placed) {
      placed_.emplace(ref, provider);
      if (const auto stack = stack_of(ref)) placed_.emplace(*stack, provider);
    }
  }

  Expansion run() {
    std::vector<const Resource*> resources;
    for (const Resource& resource : input_.resources) resources.push_back(&resource);
    std::ranges::stable_sort(resources, {}, [](const Resource* resource) {
      return std::tie(resource->ref, resource->origin.source, resource->origin.file,
                      resource->origin.line);
    });
    for (const Resource* resource : resources) expand_one(*resource);
    expansion_.is_as_before = input_.before != nullptr && expansion_.problems.empty() &&
                              taken_over_ == expansion_.desired.size() &&
                              taken_over_ == input_.before->size();
    return std::move(expansion_);
  }

 private:
  void expand_one(const Resource& resource) {
    if (is_declared_twice(resource)) return;
    if (resource.ref.kind == Kind::Webhook) check_secrets(resource);
    if (is_for_no_provider(resource.ref.kind)) return;
    Desired desired{.ref = resource.ref, .spec = resource.spec, .source = resource.origin.source};
    const auto revision = input_.revisions.find(resource.origin.source);
    if (revision != input_.revisions.end()) desired.revision = revision->second;
    desired.declared = resource.spec;
    if (scope_of(resource.ref.kind) == KindScope::Tenant && !place_and_complete(resource, desired))
      return;
    if (desired.spec_digest.empty())
      desired.spec_digest = spec_digest(provider_part(resource.ref.kind, *desired.spec));
    expansion_.desired.emplace_hint(expansion_.desired.end(), resource.ref, std::move(desired));
  }

  /// A Stack is what it expands to, a Webhook is Croft's own, a Secret is for others' specs.
  static bool is_for_no_provider(Kind kind) { return kind == Kind::Stack || is_record(kind); }

  void check_secrets(const Resource& resource) {
    if (input_.secrets == nullptr || input_.may_use_operator_secrets) return;
    Value spec = *resource.spec;
    add_fingerprints(resource, spec, *input_.secrets, expansion_.problems);
  }

  bool is_declared_twice(const Resource& resource) {
    const bool is_new = first_.emplace(resource.ref, &resource.origin).second;
    if (is_new) return false;
    const Origin& first = *first_.at(resource.ref);
    problem(resource, "metadata.name",
            fmt::format("is declared twice: first in {}:{}", first.file, first.line), "");
    return true;
  }

  bool place_and_complete(const Resource& resource, Desired& desired) {
    const ProviderOffer* offer = nullptr;
    if (!input_.providers.empty()) {
      offer = is_derived(resource.ref.kind) ? place_part(resource) : place(resource);
      if (offer == nullptr) return false;
      desired.provider = offer->name;
    } else {
      desired.provider = resource.spec->text_or("provider", "");
    }
    if (take_over(resource, desired)) return true;
    Value spec = *resource.spec;
    if (!add_tree(resource, spec)) return false;
    if (input_.secrets != nullptr) {
      const std::size_t before = expansion_.problems.size();
      const auto applied = input_.applied.find(resource.ref);
      add_fingerprints(resource, spec, *input_.secrets, expansion_.problems,
                       applied == input_.applied.end() ? nullptr : applied->second.get());
      if (expansion_.problems.size() != before) return false;
    }
    if (!desired.provider.empty() && spec_of(resource.ref.kind).find("provider") != nullptr) {
      spec.set("provider", desired.provider);
    }
    if (offer != nullptr && offer->provider != nullptr && !normalize(resource, *offer, spec))
      return false;
    desired.spec = input_.pool != nullptr ? input_.pool->share(spec)
                                          : std::make_shared<const Value>(std::move(spec));
    return true;
  }

  /// True if the expansion before made the same of it; then that is taken.
  bool take_over(const Resource& resource, Desired& desired) {
    if (input_.before == nullptr) return false;
    const auto found = input_.before->find(resource.ref);
    if (found == input_.before->end()) return false;
    const Desired& known = found->second;
    if (known.declared != resource.spec || known.provider != desired.provider) return false;
    if (!input_.are_secrets_as_before && names_secret(resource.ref.kind, *known.spec)) return false;
    if (const Value* path = resource.spec->at_path("files.path")) {
      const auto tree = input_.trees.find({resource.origin.source, path->as_text()});
      const bool is_same_tree =
          tree != input_.trees.end() && known.spec->text_or("files.tree", "") == tree->second;
      if (!is_same_tree) return false;
    }
    desired.spec = known.spec;
    desired.spec_digest = known.spec_digest;
    ++taken_over_;
    return true;
  }

  // Placement

  bool is_allowed(const ProviderOffer& offer) const {
    return input_.allowed_providers.empty() || has(input_.allowed_providers, offer.name);
  }

  /// It is there already: a smaller plan does not take it away.
  bool is_placed_on(const Resource& resource, const ProviderOffer& offer) const {
    const auto placed = placed_.find(owner_of(resource));
    return placed != placed_.end() && placed->second == offer.name;
  }

  static Ref owner_of(const Resource& resource) {
    return stack_of(resource.ref).value_or(resource.ref);
  }

  /// All parts of a Stack are on one provider, and what is wrong with that is said once.
  const ProviderOffer* place_part(const Resource& resource) {
    const Ref stack = owner_of(resource);
    const auto known = stacks_.find(stack);
    if (known != stacks_.end()) return known->second;
    return stacks_.emplace(stack, place(resource)).first->second;
  }

  const ProviderOffer* place(const Resource& resource) {
    const std::string named = resource.spec->text_or("provider", "");
    return named.empty() ? place_by_itself(resource) : place_on(resource, named);
  }

  const ProviderOffer* offer_named(const std::string& name) const {
    const auto found = std::ranges::find(offers_, name, &ProviderOffer::name);
    return found == offers_.end() ? nullptr : *found;
  }

  const ProviderOffer* place_on(const Resource& resource, const std::string& name) {
    const Need need = need_of(resource);
    const ProviderOffer* offer = offer_named(name);
    if (offer == nullptr) {
      return refuse(resource, fmt::format("there is no provider '{}'", name),
                    suggestion(need, name));
    }
    if (!is_allowed(*offer) && !is_placed_on(resource, *offer)) {
      return refuse(resource, fmt::format("the plan does not allow provider '{}'", name),
                    suggestion(need, ""));
    }
    if (!can(*offer, need)) {
      const bool lacks_image = !need.image && !need.build && !offer->capabilities.commands &&
                               need.kind == Kind::Instance;
      return refuse(resource,
                    fmt::format("provider '{}' cannot {}{}", name, to_text(need),
                                lacks_image ? " without 'image' or 'build'" : ""),
                    suggestion(need, ""));
    }
    return offer;
  }

  const ProviderOffer* place_by_itself(const Resource& resource) {
    const Need need = need_of(resource);
    const auto candidates = usable(need);
    for (const ProviderOffer* offer : offers_) {
      if (is_placed_on(resource, *offer) && can(*offer, need)) return offer;
    }
    const auto standard = std::ranges::find_if(candidates, &ProviderOffer::is_default);
    if (standard != candidates.end()) return *standard;
    if (candidates.size() == 1) return candidates.front();
    if (candidates.empty()) {
      return refuse(resource, fmt::format("no provider that you may use can {}", to_text(need)),
                    "ask the operator for one");
    }
    return refuse(resource, fmt::format("no default provider can {}", to_text(need)),
                  suggestion(need, ""));
  }

  std::vector<const ProviderOffer*> usable(const Need& need) const {
    std::vector<const ProviderOffer*> found;
    for (const ProviderOffer* offer : offers_) {
      if (is_allowed(*offer) && can(*offer, need)) found.push_back(offer);
    }
    return found;
  }

  std::string suggestion(const Need& need, const std::string& written) const {
    std::vector<std::string> names;
    for (const ProviderOffer* offer : usable(need)) names.push_back(offer->name);
    if (names.empty())
      return fmt::format("no provider that you may use can {}; ask the operator", to_text(need));
    if (!written.empty()) {
      if (const auto meant = closest_word(written, names))
        return fmt::format("did you mean '{}'?", *meant);
    }
    return fmt::format("you may use: {}", fmt::join(names, ", "));
  }

  // The spec

  bool add_tree(const Resource& resource, Value& spec) {
    const Value* path = spec.at_path("files.path");
    if (path == nullptr || !path->is_text()) return true;
    const auto tree = input_.trees.find({resource.origin.source, path->as_text()});
    if (tree == input_.trees.end()) {
      problem(resource, "spec.files.path",
              fmt::format("there is no directory '{}' in this repository", path->as_text()),
              nearest_directory(resource.origin.source, path->as_text()));
      return false;
    }
    spec.find("files")->set("tree", tree->second);
    return true;
  }

  std::string nearest_directory(const std::string& source, const std::string& path) const {
    std::vector<std::string> known;
    for (const auto& [key, id] : input_.trees) {
      if (key.first == source) known.push_back(key.second);
    }
    const auto meant = closest_word(path, known);
    return meant ? fmt::format("did you mean '{}'?", *meant) : std::string("is it committed?");
  }

  bool normalize(const Resource& resource, const ProviderOffer& offer, Value& spec) {
    auto normal = offer.provider->normalize(resource.ref, provider_part(resource.ref.kind, spec));
    if (!normal) {
      const Error& error = normal.error();
      const bool names_field =
          !error.context().empty() && error.context().front().starts_with("spec");
      problem(resource, names_field ? error.context().front() : "spec",
              fmt::format("provider '{}': {}", offer.name, error.message()), error.hint());
      return false;
    }
    spec = joined(std::move(*normal), croft_part(resource.ref.kind, spec));
    return true;
  }

  const ProviderOffer* refuse(const Resource& resource, std::string message, std::string hint) {
    const bool is_named = resource.spec->find("provider") != nullptr;
    problem(resource, is_named ? "spec.provider" : "spec", std::move(message), std::move(hint));
    return nullptr;
  }

  void problem(const Resource& resource, std::string path, std::string message, std::string hint) {
    expansion_.problems.push_back(
        {resource.ref, std::move(path), std::move(message), std::move(hint)});
  }

  const ExpandInput& input_;
  std::vector<const ProviderOffer*> offers_;    // those that this tenant may know of, by name
  std::map<Ref, std::string> placed_;           // Stacks, too: where their parts are
  std::map<Ref, const ProviderOffer*> stacks_;  // where those met so far are placed, or null
  std::map<Ref, const Origin*> first_;
  Expansion expansion_;
  std::size_t taken_over_ = 0;
};

}  // namespace

Expansion expand(const ExpandInput& input) { return Expander(input).run(); }

}  // namespace croft
