#include "core/manifest/compose/decode_project.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/manifest/compose/service_reader.hpp"
#include "core/manifest/compose/words.hpp"
#include "core/resource/ref.hpp"

namespace croft::manifest::compose {

namespace {

class ProjectDecoder {
 public:
  ProjectDecoder(const Item& root, Repository& repository, const Sources& sources,
                 Complaints& complaints, TextBudget& budget)
      : context_{.repository = repository,
                 .sources = sources,
                 .complaints = complaints,
                 .budget = budget,
                 .root = root} {}

  Project run() {
    services();
    parts("volumes", "local", made_.volumes);
    parts("networks", "bridge", made_.networks);
    check_volumes();
    check_networks();
    for (const Service& service : made_.services) {
      const Value* context = service.draft.spec.at_path("build.context");
      if (context != nullptr) made_.contexts.push_back(context->as_text());
    }
    return std::move(made_);
  }

 private:
  void services() {
    const Item* all = context_.root.find("services");
    if (all == nullptr || all->entries.empty()) {
      complain(all == nullptr ? context_.root.spot : all->spot, "the project has no services",
               "for example services: {web: {image: nginx}}");
      return;
    }
    if (all->entries.size() > Project::kMostServices) {
      complain(all->spot,
               fmt::format("the project has more than {} services", Project::kMostServices));
      return;
    }
    for (const Item::Entry& entry : all->entries) {
      if (entry.value.is_map() && is_named_well(entry))
        made_.services.push_back(ServiceReader(context_, entry).read());
    }
  }

  bool is_named_well(const Item::Entry& entry) {
    if (is_part_name(entry.key)) return true;
    complain(entry.spot, fmt::format("'{}' is not a name that Croft can use", shortened(entry.key)),
             "a letter or digit first, at most 63 characters");
    return false;
  }

  // Named volumes, and networks.
  void parts(std::string_view section, std::string_view driver, std::vector<Draft>& into) {
    const Item* all = context_.root.find(section);
    if (all == nullptr) return;
    for (const Item::Entry& entry : all->entries) {
      if (!is_named_well(entry)) continue;
      Draft draft{entry.key, entry.spot, Value::map(), {}};
      const std::string subject = fmt::format("{}.{}", section, entry.key);
      check_external(entry.value, subject);
      check_driver(entry.value, subject, driver);
      if (const Item* labels = entry.value.find("labels")) part_labels(*labels, draft);
      if (const Item::Entry* internal = entry.value.find_entry("internal")) {
        const auto value = parse_truth(internal->value.text);
        if (!value) complain(internal->value.spot, subject + ".internal must be true or false");
        draft.set("internal", Value(value.value_or(false)), internal->spot);
      }
      into.push_back(std::move(draft));
    }
  }

  void check_external(const Item& part, const std::string& subject) {
    const Item::Entry* external = part.find_entry("external");
    if (external == nullptr) return;
    if (external->value.is_scalar() && parse_truth(external->value.text) == false) return;
    complain(external->spot, subject + ".external is not supported",
             "a Stack has its own: remove it; what another Stack offers is reached by its host");
  }

  void check_driver(const Item& part, const std::string& subject, std::string_view known) {
    const Item::Entry* driver = part.find_entry("driver");
    if (driver != nullptr && driver->value.is_scalar() && driver->value.text != known &&
        driver->value.text != "default")
      complain(
          driver->value.spot,
          fmt::format("{}.driver '{}' is not supported", subject, shortened(driver->value.text)),
          fmt::format("write '{}', or remove it", known));
    const Item* ipam = part.find("ipam");
    const Item::Entry* ipam_driver = ipam == nullptr ? nullptr : ipam->find_entry("driver");
    if (ipam_driver != nullptr && ipam_driver->value.text != "default")
      complain(ipam_driver->value.spot, subject + ".ipam.driver is not supported", "remove it");
  }

  void part_labels(const Item& labels, Draft& draft) {
    for (const Item::Entry& label : labels.entries) {
      if (label.key.starts_with("com.docker.compose.") || label.key.starts_with("croft.")) {
        complain(label.spot,
                 fmt::format("the label '{}' is set by Croft itself", shortened(label.key)),
                 "remove it");
      } else if (label.value.is_scalar() || label.value.is_null()) {
        draft.set_in("labels", label.key,
                     Value(label.value.is_null() ? std::string() : canonical_text(label.value)),
                     label.spot);
      }
    }
  }

  void check_volumes() {
    for (const Service& service : made_.services) {
      for (const Service::Use& use : service.volumes) {
        if (find(made_.volumes, use.name)) continue;
        const bool is_path = use.name.find('/') != std::string::npos;
        complain(use.spot, fmt::format("there is no volume '{}'", shortened(use.name)),
                 is_path
                     ? fmt::format("write './{}' if it is a path", shortened(use.name))
                     : suggestion(made_.volumes, use.name, "declare it in 'volumes' of the file"));
      }
    }
  }

  // "default" is there without being declared; what nobody uses is not made.
  void check_networks() {
    std::vector<std::string> used;
    for (const Service& service : made_.services) {
      for (const Service::Use& use : service.networks) {
        if (std::ranges::find(used, use.name) != used.end()) continue;
        used.push_back(use.name);
        if (find(made_.networks, use.name)) continue;
        if (use.name == "default") {
          made_.networks.push_back({"default", use.spot, Value::map(), {}});
        } else {
          complain(use.spot, fmt::format("there is no network '{}'", shortened(use.name)),
                   suggestion(made_.networks, use.name, "declare it in 'networks' of the file"));
        }
      }
    }
    for (const Draft& network : made_.networks) {
      if (std::ranges::find(used, network.name) == used.end() && network.name != "default")
        context_.complaints.warning(network.spot,
                                    fmt::format("no service is in the network '{}'", network.name),
                                    "remove it");
    }
    std::erase_if(made_.networks, [&](const Draft& network) {
      return std::ranges::find(used, network.name) == used.end();
    });
  }

  static bool find(const std::vector<Draft>& drafts, std::string_view name) {
    return std::ranges::find(drafts, name, &Draft::name) != drafts.end();
  }

  static std::string suggestion(const std::vector<Draft>& drafts, std::string_view name,
                                std::string fallback) {
    std::vector<std::string_view> names;
    for (const Draft& draft : drafts) names.push_back(draft.name);
    std::string hint = did_you_mean(name, names);
    return hint.empty() ? std::move(fallback) : hint;
  }

  void complain(const Spot& spot, std::string message, std::string hint = {}) {
    context_.complaints.error(spot, std::move(message), std::move(hint));
  }

  ProjectContext context_;
  Project made_;
};

}  // namespace

Project decode_project(const Item& root, Repository& repository, const Sources& sources,
                       Complaints& complaints, TextBudget& budget) {
  return ProjectDecoder(root, repository, sources, complaints, budget).run();
}

}  // namespace croft::manifest::compose
