#include "core/manifest/compose/expand.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/manifest/compose/decode_project.hpp"
#include "core/manifest/compose/manifest_text.hpp"
#include "core/manifest/compose/read_project.hpp"
#include "core/manifest/compose/words.hpp"
#include "core/resource/completion.hpp"
#include "core/resource/kinds.hpp"

namespace croft::manifest::compose {

namespace {

// One Stack on its way to its parts.
class Expander {
 public:
  Expander(const FileTree& tree, const std::string& directory, const Resource& stack,
           SpecPool& pool, Diagnostics& diagnostics)
      : stack_(stack),
        spec_(*stack.spec),
        pool_(pool),
        directory_(directory),
        repository_(tree),
        complaints_(sources_, diagnostics),
        budget_(complaints_),
        manifest_(repository_, sources_, stack, directory) {}

  Result<Expansion> run() {
    const std::size_t before = complaints_.error_count();
    const Item root = read();
    if (repository_.failure()) return failed();
    Expansion made;
    // Of a file that says nothing, nothing more can be said.
    if (root.entries.empty()) {
      if (complaints_.error_count() == before)
        complaints_.error(root.spot, "the compose file says nothing", "it has 'services'");
      return made;
    }
    project_ = decode_project(root, repository_, sources_, complaints_, budget_);
    if (repository_.failure()) return failed();
    made.contexts = project_.contexts;
    choose_services();
    expose();
    apply_volume_settings();
    add_secret_variables();
    check_dependencies();
    for (Draft& network : project_.networks) add(Kind::Network, network, made.parts);
    for (Draft& volume : project_.volumes) add(Kind::Volume, volume, made.parts);
    for (Service& service : project_.services) {
      depend(service);
      add(Kind::Service, service.draft, made.parts);
    }
    if (complaints_.error_count() != before) made.parts.clear();
    return made;
  }

 private:
  std::unexpected<Error> failed() const {
    Error error = *repository_.failure();
    return fail(std::move(error).while_doing(
        fmt::format("reading the compose files of {}", to_string(stack_.ref))));
  }

  Item read() {
    ProjectReader reader(repository_, sources_, complaints_, budget_, directory_);
    ProjectFiles files;
    auto variables = std::make_shared<Variables>();
    if (const Value* given = spec_.find("variables")) {
      for (const auto& [name, value] : given->as_map()) variables->set(name, value.as_text());
    }
    variables->add("COMPOSE_PROJECT_NAME", stack_.ref.name);
    files.variables = variables;
    if (const Value* inline_text = spec_.find("inline")) {
      const Spot asked = manifest_.spot_of("spec.inline");
      const std::uint32_t source = manifest_.add_inline(reader.variables_of(files, asked));
      return reader.read_inline(source, inline_text->as_text());
    }
    const auto resolved = [](const Value& path) {
      return resolve_path("", path.as_text()).value_or("");
    };
    files.paths.push_back(resolved(*spec_.find("file")));
    files.directory = parent_of(files.paths.front());
    if (const Value* overrides = spec_.find("overrides")) {
      for (const Value& path : overrides->as_list()) files.paths.push_back(resolved(path));
    }
    return reader.read(files, manifest_.spot_of("spec.file"));
  }

  // Services of profiles that are not chosen are not there; their volumes stay, with the data.
  void choose_services() {
    std::vector<std::string> chosen;
    const Value* profiles = spec_.find("profiles");
    for (std::size_t i = 0; profiles != nullptr && i < profiles->size(); ++i) {
      const std::string& profile = profiles->as_list()[i].as_text();
      const bool is_known =
          profile == "*" || std::ranges::any_of(project_.services, [&](const Service& service) {
            return std::ranges::find(service.profiles, profile) != service.profiles.end();
          });
      if (!is_known)
        complaints_.warning(manifest_.spot_of(fmt::format("spec.profiles[{}]", i)),
                            fmt::format("no service has the profile '{}'", shortened(profile)));
      chosen.push_back(profile);
    }
    const auto is_idle = [&](const Service& service) {
      return !service.profiles.empty() &&
             std::ranges::none_of(chosen, [&](const std::string& profile) {
               return profile == "*" ||
                      std::ranges::find(service.profiles, profile) != service.profiles.end();
             });
    };
    for (const Service& service : project_.services) {
      if (is_idle(service)) idle_.push_back(service.draft.name);
    }
    std::erase_if(project_.services, is_idle);
    std::erase_if(project_.networks, [&](const Draft& network) {
      return std::ranges::none_of(project_.services, [&](const Service& service) {
        return std::ranges::find(service.networks, network.name, &Service::Use::name) !=
               service.networks.end();
      });
    });
    if (project_.services.empty() && !idle_.empty())
      complaints_.warning(manifest_.spot_of("spec"),
                          "every service has a profile, and none of them is chosen",
                          "name some in 'profiles'");
  }

  Service* find_service(std::string_view name) {
    const auto found = std::ranges::find_if(
        project_.services, [&](const Service& service) { return service.draft.name == name; });
    return found == project_.services.end() ? nullptr : &*found;
  }

  std::string why_not_there(std::string_view name) const {
    if (std::ranges::find(idle_, name) != idle_.end())
      return "it has a profile that is not chosen: name it in the Stack's 'profiles'";
    std::vector<std::string_view> names;
    for (const Service& service : project_.services) names.push_back(service.draft.name);
    return did_you_mean(name, names);
  }

  void expose() {
    const Value* exposed = spec_.find("expose");
    if (exposed == nullptr) return;
    for (const auto& [host, target] : exposed->as_map()) {
      const std::string& text = target.as_text();
      const std::size_t colon = text.rfind(':');
      const std::string name = text.substr(0, colon);
      const std::int64_t port = parse_count(text.substr(colon + 1)).value_or(0);
      const Spot spot = manifest_.spot_of("spec.expose." + host);
      Service* service = find_service(name);
      if (service == nullptr) {
        complaints_.error(spot,
                          fmt::format("expose.{}: there is no service '{}'", host, shortened(name)),
                          why_not_there(name));
        continue;
      }
      Draft& draft = service->draft;
      if (draft.spec.find("networkMode") != nullptr) {
        complaints_.error(spot,
                          fmt::format("expose.{}: '{}' has no network of the Stack", host, name),
                          "give it 'networks' in the place of 'network_mode'");
        continue;
      }
      const Value* ports = draft.spec.find("ports");
      if (ports == nullptr ||
          std::ranges::find(ports->as_list(), Value(port)) == ports->as_list().end())
        draft.append("ports", Value(port), spot);
      draft.append("routes", Value::map({{"host", Value(host)}, {"port", Value(port)}}), spot);
    }
  }

  void apply_volume_settings() {
    const Value* settings = spec_.find("volumes");
    if (settings == nullptr) return;
    for (const auto& [name, setting] : settings->as_map()) {
      const Spot spot = manifest_.spot_of(fmt::format("spec.volumes.{}.size", name));
      const auto volume = std::ranges::find(project_.volumes, name, &Draft::name);
      if (volume == project_.volumes.end()) {
        std::vector<std::string_view> names;
        for (const Draft& one : project_.volumes) names.push_back(one.name);
        complaints_.error(manifest_.spot_of("spec.volumes." + name),
                          fmt::format("the compose file has no volume '{}'", shortened(name)),
                          did_you_mean(name, names));
      } else if (const Value* size = setting.find("size")) {
        volume->set("size", *size, spot);
      }
    }
  }

  // Over what the compose file says itself, which cannot name a Secret in a variable.
  void add_secret_variables() {
    const Value* given = spec_.find("secretEnv");
    if (given == nullptr) return;
    for (const auto& [name, variables] : given->as_map()) {
      Service* service = find_service(name);
      if (service == nullptr) {
        complaints_.error(manifest_.spot_of("spec.secretEnv." + name),
                          fmt::format("secretEnv: there is no service '{}'", shortened(name)),
                          why_not_there(name));
        continue;
      }
      for (const auto& [variable, secret] : variables.as_map())
        service->draft.set_in(
            "env", variable, secret,
            manifest_.spot_of(fmt::format("spec.secretEnv.{}.{}", name, variable)));
    }
  }

  void check_dependencies() {
    for (Service& service : project_.services) {
      std::erase_if(service.depends_on, [&](const Service::Dependency& one) {
        if (one.service == service.draft.name) {
          complaints_.error(one.spot, fmt::format("'{}' depends on itself", one.service));
          return true;
        }
        if (find_service(one.service) != nullptr) return false;
        if (one.is_required)
          complaints_.error(one.spot,
                            fmt::format("there is no service '{}'", shortened(one.service)),
                            why_not_there(one.service));
        return true;
      });
    }
  }

  std::string part(Kind kind, std::string_view name) const {
    return fmt::format("{}/{}.{}", to_string(kind), stack_.ref.name, name);
  }

  void depend(Service& service) {
    Draft& draft = service.draft;
    Value all = Value::list();
    const auto add_once = [&](std::string name, const Spot& spot) {
      const auto& list = all.as_list();
      if (std::ranges::find(list, Value(name)) != list.end()) return;
      draft.places.emplace_back(fmt::format("dependsOn[{}]", list.size()), spot);
      all.push_back(Value(std::move(name)));
    };
    if (const Value* own = spec_.find("dependsOn")) {
      for (std::size_t i = 0; i < own->size(); ++i)
        add_once(own->as_list()[i].as_text(),
                 manifest_.spot_of(fmt::format("spec.dependsOn[{}]", i)));
    }
    // What is not declared was complained of.
    const auto add_uses = [&](Kind kind, const std::vector<Service::Use>& uses,
                              const std::vector<Draft>& declared) {
      for (const Service::Use& use : uses) {
        if (std::ranges::find(declared, use.name, &Draft::name) != declared.end())
          add_once(part(kind, use.name), use.spot);
      }
    };
    add_uses(Kind::Network, service.networks, project_.networks);
    add_uses(Kind::Volume, service.volumes, project_.volumes);
    for (const Service::Dependency& one : service.depends_on) {
      const std::string name = part(Kind::Service, one.service);
      const Value* known = draft.spec.at_path("dependsWhen");
      add_once(name, one.spot);
      // Said twice (`depends_on` and `network_mode: service:`), the stricter counts.
      if (known == nullptr || known->find(name) == nullptr || one.when != "started")
        draft.set_in("dependsWhen", name, Value(one.when), one.spot);
    }
    if (all.size() > 0) draft.spec.set("dependsOn", std::move(all));
    draft.spec.set("imagePolicy", Value(spec_.text_or("imagePolicy", "pinned")));
    if (spec_.text_or("hostPorts", "refuse") == "ignore") draft.spec.erase("hostPorts");
  }

  void add(Kind kind, Draft& draft, std::vector<Resource>& into) {
    for (const std::string_view field : {"provider", "deletion"}) {
      if (const Value* value = spec_.find(field)) draft.spec.set(field, *value);
    }
    auto places = std::make_shared<FieldPlaces>(places_of(draft));
    std::vector<FieldProblem> problems;
    const Value spec = completed(spec_of(kind), std::move(draft.spec), problems);
    for (const FieldProblem& problem : problems) {
      const std::string path = "spec." + problem.path;
      complaints_.error(spot_near(draft, problem.path),
                        fmt::format("{} '{}': {} {}", lowered(to_string(kind)), draft.name,
                                    problem.path, problem.message));
    }
    const SourcePosition at = complaints_.position_of(draft.spot);
    Resource made;
    made.ref = {stack_.ref.tenant, kind, fmt::format("{}.{}", stack_.ref.name, draft.name)};
    made.spec = pool_.share(spec);
    made.labels = stack_.labels;
    made.origin = {stack_.origin.source, at.file, 0, at.line};
    made.places = std::move(places);
    into.push_back(std::move(made));
  }

  FieldPlaces places_of(const Draft& draft) const {
    FieldPlaces made;
    const auto place = [&](std::string path, const Spot& spot) {
      const SourcePosition at = complaints_.position_of(spot);
      made.places.push_back(
          {std::move(path), at.file, at.line, at.column, static_cast<int>(spot.length)});
    };
    place("spec", draft.spot);
    for (const auto& [path, spot] : draft.places) place("spec." + path, spot);
    // Of a field that was set twice, the last place is the one that counts.
    std::ranges::reverse(made.places);
    std::ranges::stable_sort(made.places, {}, &FieldPlaces::Place::path);
    const auto [first, last] = std::ranges::unique(made.places, {}, &FieldPlaces::Place::path);
    made.places.erase(first, last);
    return made;
  }

  static Spot spot_near(const Draft& draft, std::string_view path) {
    while (true) {
      for (auto place = draft.places.rbegin(); place != draft.places.rend(); ++place) {
        if (place->first == path) return place->second;
      }
      const std::size_t end = path.find_last_of(".[");
      if (end == std::string_view::npos) return draft.spot;
      path = path.substr(0, end);
    }
  }

  const Resource& stack_;
  const Value& spec_;
  SpecPool& pool_;
  std::string directory_;
  Repository repository_;
  Sources sources_;
  Complaints complaints_;
  TextBudget budget_;
  ManifestText manifest_;
  Project project_;
  std::vector<std::string> idle_;  ///< services whose profiles are not chosen
};

}  // namespace

Result<Expansion> expand(const FileTree& tree, const std::string& directory, const Resource& stack,
                         SpecPool& pool, Diagnostics& diagnostics) {
  return Expander(tree, directory, stack, pool, diagnostics).run();
}

}  // namespace croft::manifest::compose
