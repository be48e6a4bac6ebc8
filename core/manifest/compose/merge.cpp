#include "core/manifest/compose/merge.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

namespace croft::manifest::compose {

namespace {

std::string text_at(const Item& map, std::string_view key, std::string_view fallback = "") {
  const Item* found = map.find(key);
  return found != nullptr && found->is_scalar() ? found->text : std::string(fallback);
}

// What makes an element of a list the same as another one: of equal ones the later file's counts.
std::string identity(std::string_view list, const Item& element) {
  if (!element.is_map()) return element.text;
  if (list == "ports") {
    return text_at(element, "host_ip") + "|" + text_at(element, "published") + "|" +
           text_at(element, "target") + "|" + text_at(element, "protocol", "tcp");
  }
  if (list == "env_file") return text_at(element, "path");
  if (list == "configs" || list == "secrets")
    return text_at(element, "target", text_at(element, "source"));
  // volumes and devices
  return text_at(element, "target", text_at(element, "source"));
}

constexpr std::string_view kService = "services.*";

// Where an entry is: "services.*.healthcheck.test". Names of services say nothing.
std::string path_below(std::string_view path, std::string_view key) {
  if (path == "services") return std::string(kService);
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

bool is_replaced(std::string_view path) {
  constexpr std::array<std::string_view, 3> kReplaced{"services.*.command", "services.*.entrypoint",
                                                      "services.*.healthcheck.test"};
  return std::ranges::find(kReplaced, path) != kReplaced.end();
}

bool has_other_driver(const Item& base, const Item& over) {
  return over.find("driver") != nullptr && text_at(base, "driver") != text_at(over, "driver");
}

void merge_entry(std::string_view path, std::string_view key, Item& base, const Item& over);

void merge_map(std::string_view path, Item& base, const Item& over) {
  for (const Item::Entry& entry : over.entries) {
    if (entry.value.tag == Item::Tag::Reset) {
      base.erase(entry.key);
      continue;
    }
    Item* known = base.find(entry.key);
    if (known == nullptr) {
      base.set(entry.key, entry.spot, entry.value);
      continue;
    }
    merge_entry(path_below(path, entry.key), entry.key, *known, entry.value);
    const auto place = std::ranges::find(base.entries, entry.key, &Item::Entry::key);
    place->spot = entry.spot;
  }
}

void merge_list(std::string_view key, Item& base, const Item& over) {
  std::unordered_map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < base.items.size(); ++i)
    known.emplace(identity(key, base.items[i]), i);
  for (const Item& element : over.items) {
    const auto [place, is_new] = known.emplace(identity(key, element), base.items.size());
    if (is_new) {
      base.items.push_back(element);
    } else {
      base.items[place->second] = element;
    }
  }
}

void merge_entry(std::string_view path, std::string_view key, Item& base, const Item& over) {
  const bool is_same_type = base.type == over.type;
  if (over.tag == Item::Tag::Override || !is_same_type || is_replaced(path)) {
    // An empty entry of a map (`networks: {back: }`) says nothing of what it stands over.
    if (over.is_null() && base.is_map() && over.tag == Item::Tag::None) return;
    base = over;
  } else if (base.is_map()) {
    if (path == "services.*.logging" && has_other_driver(base, over)) {
      base = over;
    } else {
      merge_map(path, base, over);
    }
  } else if (base.is_list()) {
    merge_list(key, base, over);
  } else {
    base = over;
  }
}

}  // namespace

Item merge_services(Item base, const Item& over) {
  base.spot = over.spot;
  merge_map(kService, base, over);
  return base;
}

Item merge_files(Item base, const Item& over) {
  merge_map("", base, over);
  return base;
}

void drop_tags(Item& item) {
  item.tag = Item::Tag::None;
  std::erase_if(item.entries,
                [](const Item::Entry& entry) { return entry.value.tag == Item::Tag::Reset; });
  std::erase_if(item.items, [](const Item& element) { return element.tag == Item::Tag::Reset; });
  for (Item::Entry& entry : item.entries) drop_tags(entry.value);
  for (Item& element : item.items) drop_tags(element);
}

}  // namespace croft::manifest::compose
