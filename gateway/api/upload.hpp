#pragma once

#include <memory>
#include <set>
#include <string>

#include "core/base/value.hpp"
#include "core/git/tree.hpp"

namespace croft {

// How `croft diff` shows the server a tree without sending all of it: the listing of every file,
// and the content of the YAML files. The server computes directory ids from the listing as Git
// does, so that they equal those of the commit that would be pushed.
//
//   {"files": [{"path": "api/app.py", "mode": "100644", "id": "<40 hex>"}, ...],
//    "blobs": [{"id": "<40 hex>", "size": 120, "text": "..." | "base64": "..."}, ...]}

/// Bounds that both sides keep.
struct UploadLimits {
  std::size_t files = 100'000;
  std::size_t content =
      1U << 20U;  ///< of one YAML file; larger ones are listed with their size only
  std::size_t total = 24U << 20U;  ///< of all contents
  std::size_t path = 4'096;
  std::size_t depth = 64;
};

/// The upload of a tree, with the content of the files at the paths `also`, whatever they are
/// called. Blocking. Invalid if it is past a limit.
Result<Value> to_upload(const FileTree& tree, const UploadLimits& limits = {},
                        const std::set<std::string>& also = {});

/// The tree of an upload; Invalid for paths that Git would not take, ids that are not their
/// content's, or what is past a limit. Reading a blob that was not uploaded is NotFound.
Result<std::shared_ptr<const FileTree>> tree_from_upload(const Value& upload,
                                                         const UploadLimits& limits = {});

}  // namespace croft
