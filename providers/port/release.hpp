#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "core/base/result.hpp"

namespace croft {

/// One file of a release. Its content is the blob `id` in the release store.
struct ReleaseFile {
  std::string id;  ///< Git blob id: the ETag and the name in the blob store
  std::uint64_t size = 0;
};

/// An immutable set of files that the gateway serves: what a Site is at one tree. Only what is
/// listed can be served, so that no path can reach outside.
struct Release {
  std::string id;                      ///< see release_id()
  std::string index = "index.html";    ///< the file that stands for its directory
  std::string not_found = "404.html";  ///< served with 404 for what is not there; need not exist
  std::map<std::string, ReleaseFile> files;  ///< by path without leading "/": "img/logo.png"
};

/// Where releases live on disk: `blobs/ab/cdef...` (content, read-only, shared between releases)
/// and `releases/ID.json` (the index, written last: a release exists once its index does).
std::filesystem::path release_index_path(const std::filesystem::path& store, const std::string& id);
std::filesystem::path release_blob_path(const std::filesystem::path& store,
                                        const std::string& blob_id);

/// The id of a release: the Git tree's own if index and not_found are the usual ones, else a digest
/// over all three.
std::string release_id(const std::string& tree_id, const std::string& index,
                       const std::string& not_found);

std::string write_release(const Release& release);
Result<Release> read_release(std::string_view json);

}  // namespace croft
