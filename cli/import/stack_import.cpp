#include "cli/import/stack_import.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "cli/import/engine_json.hpp"
#include "cli/output/terminal.hpp"
#include "cli/output/yaml.hpp"
#include "core/resource/ref.hpp"

namespace croft::cli {

namespace {

/// The nearest name that a resource may have: lower case, single dashes.
std::string resource_name(std::string_view text) {
  std::string name;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (is_plain) name += c;
    if (!is_plain && !name.empty() && !name.ends_with('-')) name += '-';
  }
  while (name.ends_with('-')) name.pop_back();
  return is_resource_name(name) ? name : "stack";
}

/// Texts as compose reads them back: a `$` would be a variable.
Value with_plain_dollars(const Value& value) {
  if (value.is_text()) {
    std::string text;
    for (const char c : value.as_text()) text.append(c == '$' ? 2 : 1, c);
    return Value(std::move(text));
  }
  if (value.is_list()) {
    Value list = Value::list();
    for (const Value& one : value.as_list()) list.push_back(with_plain_dollars(one));
    return list;
  }
  if (value.is_map()) {
    Value map = Value::map();
    for (const Value::Entry& entry : value.as_map())
      map.set(entry.key, with_plain_dollars(entry.value));
    return map;
  }
  return value;
}

/// One entry of a map, so many spaces in.
std::string entry_text(const std::string& key, const Value& value, std::size_t indent) {
  const std::string plain = to_yaml(Value::map({{key, with_plain_dollars(value)}}));
  std::string text;
  for (std::size_t begin = 0; begin < plain.size();) {
    const std::size_t end = std::min(plain.find('\n', begin), plain.size());
    if (end > begin) text.append(indent, ' ').append(plain, begin, end - begin);
    text += '\n';
    begin = end + 1;
  }
  return text;
}

std::string comment_text(const std::string& words, std::size_t indent) {
  std::string line = printable(words);
  std::ranges::replace(line, '\n', ' ');
  return fmt::format("{}# {}\n", std::string(indent, ' '), line);
}

class ProjectImport {
 public:
  explicit ProjectImport(const EngineProject& project) : project_(project) {
    made_.name = resource_name(project.name);
  }

  Result<ImportedStack> run() {
    for (const Value& container : project_.containers) {
      if (!text_at(container, {"Config", "Labels", "croft.uid"}).empty())
        return fail(Error(ErrorCode::Invalid,
                          fmt::format("project '{}' is one that Croft runs", project_.name))
                        .with_hint("its compose file is in the tenant's repository"));
    }
    choose_containers();
    name_networks();
    name_volumes();
    for (const Value* container : chosen_) add_service(*container);
    note_about_all();
    write_compose();
    write_hosting();
    return std::move(made_);
  }

 private:
  static std::int64_t number_of(const Value& container) {
    const std::string text = text_at(container, {"Config", "Labels", compose_label::kNumber});
    std::int64_t number = 1;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }

  // One of each service: its first. What `run` started is nobody's service.
  void choose_containers() {
    std::map<std::string, std::vector<const Value*>> of_service;
    for (const Value& container : project_.containers) {
      const Value& labels = at(container, {"Config", "Labels"});
      const std::string service = text_at(labels, {compose_label::kService});
      if (text_at(labels, {compose_label::kOneOff}) == "True" || service.empty()) continue;
      of_service[service].push_back(&container);
      names_.services.emplace(text_at(container, {"Id"}), service);
    }
    for (const auto& [service, containers] : of_service) {
      chosen_.push_back(*std::ranges::min_element(
          containers, {}, [](const Value* container) { return number_of(*container); }));
      if (containers.size() > 1)
        made_.notes.push_back(
            {fmt::format("service '{}'", service),
             fmt::format("it had {} containers and has one now", containers.size()),
             "write a service for each, with `extends` of the first"});
    }
    made_.services = chosen_.size();
  }

  bool is_own(const Value& part) const {
    return text_at(part, {"Labels", compose_label::kProject}) == project_.name;
  }

  static Value own_labels(const Value& part) {
    Value labels = Value::map();
    for (const auto& [name, text] : pairs_at(part, {"Labels"})) {
      if (!name.starts_with(compose_label::kPrefix)) labels.set(name, Value(text));
    }
    return labels;
  }

  void name_networks() {
    for (const Value& network : project_.networks) {
      const std::string key = text_at(network, {"Labels", compose_label::kNetwork});
      if (!is_own(network) || key.empty()) continue;
      names_.networks.emplace(text_at(network, {"Name"}), key);
      Value made = Value::map();
      if (truth_at(network, {"Internal"})) made.set("internal", Value(true));
      if (Value labels = own_labels(network); labels.size() > 0)
        made.set("labels", std::move(labels));
      const std::string driver = text_at(network, {"Driver"});
      if (driver != "bridge" || !pairs_at(network, {"Options"}).empty())
        made_.notes.push_back({fmt::format("network '{}'", key),
                               fmt::format("its driver '{}' and its options are left out", driver),
                               "networks of a Stack are bridges without options"});
      if (key != "default" || made.size() > 0) networks_.set(key, std::move(made));
    }
  }

  // Two volumes never become one.
  std::string free_volume_key(const std::string& key) const {
    constexpr std::size_t kLongestStem = 55;
    std::string made = key;
    for (int i = 2; volumes_.find(made) != nullptr; ++i)
      made = fmt::format("{}-{}", key.substr(0, kLongestStem), i);
    return made;
  }

  void name_volumes() {
    // Those of the project keep the names that its file has.
    for (const bool is_first : {true, false}) {
      for (const Value& volume : project_.volumes) {
        const bool has_key =
            is_own(volume) && !text_at(volume, {"Labels", compose_label::kVolume}).empty();
        if (has_key == is_first) name_volume(volume);
      }
    }
  }

  void name_volume(const Value& volume) {
    const std::string name = text_at(volume, {"Name"});
    std::string wanted = text_at(volume, {"Labels", compose_label::kVolume});
    const bool is_unnamed = wanted.empty() && name.size() == 64 && !is_part_name(name);
    if (is_unnamed) return;
    if (!is_own(volume) || wanted.empty()) {
      wanted = name;
      std::ranges::replace_if(
          wanted, [](char c) { return !is_part_name(std::string("a") + c); }, '-');
      made_.notes.push_back({fmt::format("volume '{}'", name),
                             "it is not the project's own, and others may use it",
                             "the Stack gets one of its own, empty at first"});
    }
    const std::string key = free_volume_key(wanted);
    if (key != wanted)
      made_.notes.push_back(
          {fmt::format("volume '{}'", name),
           fmt::format("it is called '{}' here, as there is another '{}'", key, wanted),
           "give it a name of your own if you like"});
    names_.volumes.emplace(name, key);
    made_.data.push_back({name, fmt::format("Volume/{}.{}", made_.name, key)});
    Value made = Value::map();
    if (Value labels = own_labels(volume); labels.size() > 0) made.set("labels", std::move(labels));
    volumes_.set(key, std::move(made));
    const std::string driver = text_at(volume, {"Driver"});
    if (driver != "local" || !pairs_at(volume, {"Options"}).empty())
      made_.notes.push_back({fmt::format("volume '{}'", key),
                             fmt::format("its driver '{}' and its options are left out", driver),
                             "volumes of a Stack are local ones of the machine"});
  }

  void add_service(const Value& container) {
    static const Value kNoImage = Value::map();
    const auto image = project_.images.find(text_at(container, {"Image"}));
    services_.push_back(import_service(
        container, image == project_.images.end() ? kNoImage : image->second, names_));
    const ImportedService& service = services_.back();
    made_.notes.insert(made_.notes.end(), service.notes.begin(), service.notes.end());
    made_.has_secrets = made_.has_secrets || service.has_secrets;
  }

  void note_about_all() {
    const bool says_dependencies = std::ranges::any_of(chosen_, [](const Value* container) {
      return at(*container, {"Config", "Labels"}).find(compose_label::kDependsOn) != nullptr;
    });
    if (!says_dependencies && services_.size() > 1)
      made_.notes.push_back({"", "this compose did not write down which service depends on which",
                             "add `depends_on` where the order matters"});
    std::string unlimited;
    for (const ImportedService& service : services_) {
      if (!service.has_limits) unlimited += (unlimited.empty() ? "" : ", ") + service.name;
    }
    if (!unlimited.empty())
      made_.notes.push_back({"", "no limit of memory or of processor time: " + unlimited,
                             "Croft always limits, to 256 MiB and a quarter of a core unless "
                             "`mem_limit` and `cpus` say more"});
    if (volumes_.size() > 0)
      made_.notes.push_back({"", "volumes had no limit",
                             "they hold 1 GiB unless `volumes` of the Stack says more: volumes: "
                             "{NAME: {size: 5GiB}}"});
  }

  void write_compose() {
    std::string& text = made_.compose;
    text += comment_text(
        fmt::format("What ran as the compose project '{}', written by `croft import compose`.",
                    project_.name),
        0);
    for (const ImportNote& note : made_.notes) {
      if (note.is_comment && !note.about.starts_with("service "))
        text += comment_text(fmt::format("{}{}: {}.", note.about.empty() ? "" : note.about + ": ",
                                         note.what, note.advice),
                             0);
    }
    text += "services:\n";
    for (const ImportedService& service : services_) write_service(service);
    if (networks_.size() > 0) text += entry_text("networks", networks_, 0);
    if (volumes_.size() > 0) text += entry_text("volumes", volumes_, 0);
  }

  void write_service(const ImportedService& service) {
    std::string& text = made_.compose;
    const std::string key = to_yaml(Value::map({{service.name, Value()}}));
    text += fmt::format("  {}\n", key.substr(0, key.rfind(": ") + 1));
    for (const ImportNote& note : made_.notes) {
      if (note.is_comment && note.about == fmt::format("service '{}'", service.name))
        text += comment_text(fmt::format("{}: {}.", note.what, note.advice), 4);
    }
    for (const auto& [field, value] : service.fields) text += entry_text(field, value, 4);
  }

  // The first port is called as the Stack is, the others after their services.
  Value exposed() const {
    Value hosts = Value::map();
    for (const ImportedService& service : services_) {
      for (const int port : service.ports) {
        std::string host = made_.name;
        if (hosts.find(host) != nullptr)
          host = fmt::format("{}-{}", made_.name, resource_name(service.name));
        if (hosts.find(host) != nullptr) host = fmt::format("{}-{}", host, port);
        hosts.set(host, Value(fmt::format("{}:{}", service.name, port)));
      }
    }
    return hosts;
  }

  void write_hosting() {
    std::string& text = made_.hosting;
    text = fmt::format(
        "apiVersion: croft/v1\nkind: Stack\nmetadata: {{name: {}}}\nspec:\n  file: {}\n",
        made_.name, kComposeFile);
    const Value hosts = exposed();
    const bool has_ports = std::ranges::any_of(services_, [](const ImportedService& service) {
      return std::ranges::any_of(service.fields,
                                 [](const auto& field) { return field.first == "ports"; });
    });
    if (!has_ports) return;
    text += comment_text(
        "`ports` take ports of the machine, which a plan has to allow. Visitors "
        "come by hosts; with `expose`, `ports` may be ignored:",
        2);
    std::string pairs;
    for (const Value::Entry& host : hosts.as_map())
      pairs +=
          fmt::format("{}{}: \"{}\"", pairs.empty() ? "" : ", ", host.key, host.value.as_text());
    if (!pairs.empty()) text += fmt::format("  # expose: {{{}}}\n", pairs);
    text += "  # hostPorts: ignore\n";
    made_.notes.push_back(
        {"", "`ports` take ports of the machine, which a plan has to allow",
         fmt::format("let visitors come by `expose`, as {} suggests", kHostingFile), false});
  }

  const EngineProject& project_;
  ImportedStack made_;
  ImportNames names_;
  std::vector<const Value*> chosen_;
  std::vector<ImportedService> services_;
  Value networks_ = Value::map();
  Value volumes_ = Value::map();
};

}  // namespace

Result<ImportedStack> import_project(const EngineProject& project) {
  return ProjectImport(project).run();
}

}  // namespace croft::cli
