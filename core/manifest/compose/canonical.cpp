#include "core/manifest/compose/canonical.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/manifest/compose/words.hpp"

namespace croft::manifest::compose {

namespace {

constexpr int kMostPortsOfRange = 100;
constexpr std::size_t kMostPorts = 500;  ///< of a service, ranges written out

// ["A=1", "B"] as {A: 1, B: null}; of two of a name the last counts.
void list_to_map(Item* item) {
  if (item == nullptr || !item->is_list()) return;
  Item made = Item::map(item->spot);
  made.tag = item->tag;
  for (const Item& one : item->items) {
    if (!one.is_scalar()) continue;
    const std::size_t equals = one.text.find('=');
    const std::string name = one.text.substr(0, equals);
    made.set(name, one.spot,
             equals == std::string::npos ? Item::null(one.spot)
                                         : Item::scalar(one.text.substr(equals + 1), one.spot));
  }
  *item = std::move(made);
}

void text_to_list(Item* item) {
  if (item == nullptr || !item->is_scalar()) return;
  Item made = Item::list(item->spot);
  made.tag = item->tag;
  Item only = *item;
  only.tag = Item::Tag::None;
  made.items.push_back(std::move(only));
  *item = std::move(made);
}

Item map_of(const Spot& spot, std::initializer_list<std::pair<std::string_view, Item>> entries) {
  Item made = Item::map(spot);
  for (const auto& [key, value] : entries) made.set(key, spot, value);
  return made;
}

// A text as {key: text}.
void text_to_map(Item& item, std::string_view key) {
  if (!item.is_scalar()) return;
  const Item::Tag tag = item.tag;
  item = map_of(item.spot, {{key, Item::scalar(item.text, item.spot)}});
  item.tag = tag;
}

void each(Item* list, auto&& function) {
  if (list == nullptr || !list->is_list()) return;
  for (Item& item : list->items) function(item);
}

void dependencies(Item* item) {
  if (item == nullptr || !item->is_list()) return;
  Item made = Item::map(item->spot);
  made.tag = item->tag;
  for (const Item& one : item->items) {
    if (one.is_scalar())
      made.set(one.text, one.spot,
               map_of(one.spot, {{"condition", Item::scalar("service_started", one.spot)}}));
  }
  *item = std::move(made);
}

void names_to_map(Item* item) {
  if (item == nullptr || !item->is_list()) return;
  Item made = Item::map(item->spot);
  made.tag = item->tag;
  for (const Item& one : item->items) {
    if (one.is_scalar()) made.set(one.text, one.spot, Item::null(one.spot));
  }
  *item = std::move(made);
}

// {host: address} as ["host=address"], and "host:address" likewise.
void extra_hosts(Item* item) {
  if (item == nullptr) return;
  Item made = Item::list(item->spot);
  made.tag = item->tag;
  for (const Item::Entry& entry : item->entries) {
    Item addresses = entry.value;
    text_to_list(&addresses);
    for (const Item& address : addresses.items)
      made.items.push_back(Item::scalar(entry.key + "=" + address.text, entry.spot));
  }
  for (const Item& one : item->items) {
    std::string text = one.text;
    const std::size_t separator = text.find_first_of("=:");
    if (separator != std::string::npos) text[separator] = '=';
    made.items.push_back(Item::scalar(std::move(text), one.spot));
  }
  *item = std::move(made);
}

void refuse_port(const Item& item, Complaints& complaints) {
  complaints.error(item.spot,
                   fmt::format("'{}' is no port that can be published", shortened(item.text)),
                   "it is [[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL], for example '8080:80'");
}

struct PortText {
  std::string_view address;
  std::string_view published;
  std::string_view target;
  std::string_view protocol;
};

PortText parse_port_text(std::string_view text) {
  PortText made;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    made.protocol = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  const std::size_t last = text.rfind(':');
  made.target = last == std::string_view::npos ? text : text.substr(last + 1);
  if (last == std::string_view::npos) return made;
  text = text.substr(0, last);
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  const bool has_address =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  made.published = has_address ? text.substr(colon + 1) : text;
  if (has_address) made.address = text.substr(0, colon);
  if (made.address.starts_with('[') && made.address.ends_with(']'))
    made.address = made.address.substr(1, made.address.size() - 2);
  return made;
}

Item port_map(const Item& origin, const PortText& text, int target, int published) {
  Item made = map_of(origin.spot, {{"target", Item::scalar(std::to_string(target), origin.spot)}});
  const auto set = [&](std::string_view key, std::string value) {
    made.set(key, origin.spot, Item::scalar(std::move(value), origin.spot));
  };
  if (published > 0) set("published", std::to_string(published));
  if (!text.address.empty()) set("host_ip", std::string(text.address));
  if (!text.protocol.empty()) set("protocol", std::string(text.protocol));
  return made;
}

// One text may stand for a range of ports.
void port(const Item& item, std::vector<Item>& into, Complaints& complaints) {
  if (!item.is_scalar()) {
    into.push_back(item);
    return;
  }
  const std::string written = canonical_text(item);
  const PortText text = parse_port_text(written);
  const auto target = parse_port_range(text.target);
  const auto published = parse_port_range(text.published);
  if (!target || target->first == 0 || (!text.published.empty() && !published))
    return refuse_port(item, complaints);
  const int count = target->second - target->first + 1;
  if (published && published->second - published->first + 1 != count) {
    return complaints.error(item.spot,
                            fmt::format("'{}' has ranges of different length", shortened(written)),
                            "give each port the one that it is published at");
  }
  if (count > kMostPortsOfRange) {
    return complaints.error(item.spot, fmt::format("'{}' has more than {} ports",
                                                   shortened(written), kMostPortsOfRange));
  }
  for (int i = 0; i < count; ++i)
    into.push_back(port_map(item, text, target->first + i, published ? published->first + i : 0));
}

void ports(Item* item, Complaints& complaints) {
  if (item == nullptr || !item->is_list()) return;
  std::vector<Item> made;
  for (const Item& one : item->items) {
    if (made.size() > kMostPorts) {
      complaints.error(one.spot, fmt::format("the service has more than {} ports", kMostPorts));
      break;
    }
    port(one, made, complaints);
  }
  item->items = std::move(made);
}

bool is_path(std::string_view source) {
  return source.starts_with('.') || source.starts_with('/') || source.starts_with('~');
}

// Options behind the last colon of a volume; false if one is unknown.
bool mount_options(std::string_view options, const Spot& spot, Item& into) {
  for (const std::string_view option : split(options, ',')) {
    if (option == "ro" || option == "rw") {
      into.set("read_only", spot, Item::scalar(option == "ro" ? "true" : "false", spot));
    } else if (option == "nocopy") {
      into.set("volume", spot, map_of(spot, {{"nocopy", Item::scalar("true", spot)}}));
    } else if (option == "z" || option == "Z") {
      into.set("bind", spot, map_of(spot, {{"selinux", Item::scalar(std::string(option), spot)}}));
    } else if (option != "cached" && option != "delegated" && option != "consistent" &&
               option != "copy") {
      return false;
    }
  }
  return true;
}

void volume(Item& item, Complaints& complaints) {
  if (!item.is_scalar()) return;
  const std::string text = item.text;
  const Spot spot = item.spot;
  const auto parts = split(text, ':');
  const std::string_view source = parts.size() > 1 ? parts[0] : "";
  const std::string_view target = parts.size() > 1 ? parts[1] : parts[0];
  Item made = map_of(spot, {{"type", Item::scalar(is_path(source) ? "bind" : "volume", spot)},
                            {"target", Item::scalar(std::string(target), spot)}});
  if (!source.empty()) made.set("source", spot, Item::scalar(std::string(source), spot));
  const bool is_good = parts.size() <= 3 && !target.empty() &&
                       (parts.size() == 1 || !source.empty()) &&
                       (parts.size() < 3 || mount_options(parts[2], spot, made));
  if (!is_good) {
    complaints.error(spot, fmt::format("'{}' is no volume that can be mounted", shortened(text)),
                     "it is [SOURCE:]TARGET[:ro], for example 'data:/var/lib/data'");
  }
  item = std::move(made);
}

void device(Item& item, Complaints& complaints) {
  if (!item.is_scalar()) return;
  const std::string text = item.text;
  const auto parts = split(text, ':');
  if (parts.size() > 3 || parts[0].empty())
    complaints.error(item.spot, fmt::format("'{}' is no device", shortened(text)),
                     "it is HOST[:PATH[:rwm]]");
  Item made = map_of(item.spot, {{"source", Item::scalar(std::string(parts[0]), item.spot)}});
  for (std::size_t i = 1; i < std::min<std::size_t>(parts.size(), 3); ++i)
    made.set(i == 1 ? "target" : "permissions", item.spot,
             Item::scalar(std::string(parts[i]), item.spot));
  item = std::move(made);
}

void service(Item& service, Complaints& complaints) {
  for (const std::string_view key : {"environment", "labels", "sysctls", "annotations"})
    list_to_map(service.find(key));
  if (Item* build = service.find("build")) {
    text_to_map(*build, "context");
    list_to_map(build->find("args"));
    list_to_map(build->find("labels"));
  }
  for (const std::string_view key : {"dns", "dns_search", "tmpfs", "env_file", "label_file"})
    text_to_list(service.find(key));
  each(service.find("env_file"), [](Item& item) { text_to_map(item, "path"); });
  for (const std::string_view key : {"configs", "secrets"})
    each(service.find(key), [](Item& item) { text_to_map(item, "source"); });
  if (Item* extends = service.find("extends")) text_to_map(*extends, "service");
  dependencies(service.find("depends_on"));
  names_to_map(service.find("networks"));
  extra_hosts(service.find("extra_hosts"));
  ports(service.find("ports"), complaints);
  each(service.find("volumes"), [&](Item& item) { volume(item, complaints); });
  each(service.find("devices"), [&](Item& item) { device(item, complaints); });
}

}  // namespace

void make_canonical(Item& file, Complaints& complaints) {
  if (Item* services = file.find("services")) {
    for (Item::Entry& entry : services->entries) service(entry.value, complaints);
  }
  for (const std::string_view section : {"networks", "volumes", "configs", "secrets"}) {
    Item* all = file.find(section);
    if (all == nullptr) continue;
    for (Item::Entry& entry : all->entries) list_to_map(entry.value.find("labels"));
  }
  if (Item* includes = file.find("include")) {
    each(includes, [](Item& item) { text_to_map(item, "path"); });
    for (Item& one : includes->items) {
      text_to_list(one.find("path"));
      text_to_list(one.find("env_file"));
    }
  }
}

}  // namespace croft::manifest::compose
