#include "core/resource/walls.hpp"

#include <algorithm>
#include <array>

namespace croft {

namespace {

// The engine's usual ones but for those that make devices, raw packets and other people's files:
// AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP, SYS_CHROOT.
constexpr std::array<std::string_view, 9> kOrdinary{"CHOWN",  "DAC_OVERRIDE", "FOWNER",
                                                    "FSETID", "KILL",         "NET_BIND_SERVICE",
                                                    "SETGID", "SETPCAP",      "SETUID"};
static_assert(std::ranges::is_sorted(kOrdinary));

constexpr std::array<std::string_view, 12> kUlimits{"as",    "core",  "cpu",        "data",
                                                    "fsize", "locks", "memlock",    "nofile",
                                                    "nproc", "rss",   "sigpending", "stack"};
static_assert(std::ranges::is_sorted(kUlimits));

struct Namespace {
  std::string_view field;
  std::array<std::string_view, 4> words;  ///< empty ones do not count
  bool takes_service = false;             ///< `service:NAME`
  std::string_view named;
};
constexpr std::array<Namespace, 5> kNamespaces{
    {{"pid", {"host"}, true, "`host` or `service:NAME`"},
     {"ipc",
      {"host", "private", "shareable", "none"},
      false,
      "`private`, `shareable`, `none` or `host`"},
     {"uts", {"host"}, false, "`host`"},
     {"userns", {"host"}, false, "`host`"},
     {"cgroupns", {"host", "private"}, false, "`host` or `private`"}}};

const Namespace* find_namespace(std::string_view field) {
  const auto found = std::ranges::find(kNamespaces, field, &Namespace::field);
  return found == kNamespaces.end() ? nullptr : &*found;
}

}  // namespace

std::span<const std::string_view> ordinary_capabilities() { return kOrdinary; }

std::string canonical_capability(std::string_view written) {
  std::string name(written);
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name.starts_with("CAP_") ? name.substr(4) : name;
}

bool is_namespace_word(std::string_view field, std::string_view value) {
  const Namespace* space = find_namespace(field);
  if (space == nullptr || value.empty()) return false;
  constexpr std::string_view kService = "service:";
  if (space->takes_service && value.starts_with(kService) && value.size() > kService.size())
    return true;
  return std::ranges::find(space->words, value) != space->words.end();
}

std::string_view namespace_words(std::string_view field) {
  const Namespace* space = find_namespace(field);
  return space == nullptr ? std::string_view() : space->named;
}

std::span<const std::string_view> ordinary_ulimits() { return kUlimits; }

}  // namespace croft
