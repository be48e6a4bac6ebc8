#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "gateway/receivers/delivery.hpp"
#include "gateway/receivers/hook_type.hpp"

namespace croft {

/// A hook: where its deliveries go to, and what proves them.
struct Hook {
  std::string id;  ///< in its URL: cannot be guessed, and proves nothing
  HookType type = HookType::GitHub;
  std::string secret;       ///< its name, for messages
  std::string secret_file;  ///< where it lies: absolute

  bool operator==(const Hook&) const = default;
};

/// A source, as far as receivers must know of it.
struct HookedSource {
  std::string key;  ///< "alice/alice"; "platform"
  std::string url;
  std::string ref;            ///< as it is declared: "main", "refs/tags/v1", "HEAD"
  bool is_operators = false;  ///< its hook may speak for other repositories, too
  bool wants_merge_requests = false;
  std::optional<Hook> hook;

  bool operator==(const HookedSource&) const = default;
};

/// What control publishes for the role that receives: every source, those without a hook, too.
struct HookTable {
  std::vector<HookedSource> sources;

  /// The source whose hook has that id, or null.
  const HookedSource* find(std::string_view id) const;
  bool operator==(const HookTable&) const = default;
};

/// The table as a file; it holds names of secrets only.
std::string write_hook_table(const HookTable& table);
Result<HookTable> read_hook_table(std::string_view text);

/// The id of a source's hook: the same for ever, for whoever knows the installation's key.
std::string hook_id(const Secret<std::string>& key, std::string_view source_key);

/// Something to look at: a source, or one of its merge requests.
struct HookNotice {
  std::string source;
  std::int64_t merge_request = 0;  ///< 0: the source itself

  auto operator<=>(const HookNotice&) const = default;
};

/// Who is concerned by a delivery that came through the hook of `from`: that source if its ref
/// moved, and every other source of the same repository and ref; for an operator's hook, those of
/// any repository that the delivery names. A repository that is called by another host here than
/// there (a proxy, a mirror) is taken to be the right one. Pure.
std::vector<HookNotice> concerned_by(const Delivery& delivery, const HookedSource& from,
                                     const HookTable& table);

}  // namespace croft
