#pragma once

#include <cstdint>
#include <filesystem>

#include "core/base/result.hpp"
#include "core/base/units.hpp"

namespace croft {

/// A volume as a file system of its own in a file, so that it cannot hold more than was declared,
/// whatever the file system around it can do. All of it blocks and needs root.
///
/// The file is sparse: it takes the room that its content takes. ext4, because every kernel has it
/// and it grows and shrinks.
namespace volume_image {

/// Makes an empty image that holds at least `size` of files (mke2fs), its root directory the
/// user's. There is either a whole image at that path afterwards, or none.
Result<void> make(const std::filesystem::path& image, Bytes size, unsigned uid);

/// Makes the image hold `size` (resize2fs). Invalid if its content needs more; it is as it was
/// then. Conflict if it is still mounted somewhere.
Result<void> fit(const std::filesystem::path& image, Bytes size);

/// Makes the directory and mounts it there; done already is well done.
Result<void> mount(const std::filesystem::path& image, const std::filesystem::path& directory);

/// True if something is mounted at the directory.
bool is_mounted(const std::filesystem::path& directory);
/// Takes away what is mounted there, in every mount namespace, and the directory.
Result<void> unmount(const std::filesystem::path& directory);

/// Bytes in use of what is mounted at the directory; 0 if nothing is.
std::int64_t used_bytes(const std::filesystem::path& directory);
/// True if hardly anything fits any more into what is mounted at the directory.
bool is_full(const std::filesystem::path& directory);

/// Tries all of it out on a small image. The error says what is missing.
Result<void> try_out();

}  // namespace volume_image

}  // namespace croft
