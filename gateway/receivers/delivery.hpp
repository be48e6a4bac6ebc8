#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/net/http.hpp"
#include "gateway/receivers/hook_type.hpp"

namespace croft {

/// What a delivery tells, whoever sent it. It says where to look; it is never believed about what
/// is there.
struct Delivery {
  enum class Kind {
    Push,          ///< branches moved; without `moves`: something did
    Tag,           ///< tags moved
    Ping,          ///< the hook was set up
    MergeRequest,  ///< one was opened, reopened, or has new commits
    Other,         ///< of no interest here
  };

  /// A ref that moved.
  struct Move {
    std::string ref;     ///< full: "refs/heads/main"
    std::string before;  ///< commit ids; empty: it was not there
    std::string after;   ///< empty: it is gone

    bool operator==(const Move&) const = default;
  };

  Kind kind = Kind::Other;
  std::vector<std::string> repositories;  ///< URLs of the repository, as far as it names them
  std::vector<Move> moves;
  std::int64_t merge_request = 0;  ///< its number in the repository
  std::string target_ref;          ///< what it wants to go into: "refs/heads/main"
};

/// Reads a delivery that was proven. The body is JSON, or a form with the JSON in `payload`; the
/// generic types may have none at all. Invalid if it is neither, or lacks what its kind needs.
/// Pure.
///
/// The generic types read {"ref": "refs/heads/main", "before": "...", "after": "...", "repository":
/// "https://..."}, of which everything may be left out.
Result<Delivery> read_delivery(HookType type, const HttpHeaders& headers, std::string_view body);

}  // namespace croft
