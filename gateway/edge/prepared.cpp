#include "gateway/edge/prepared.hpp"

#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <sys/stat.h>

#include <fmt/format.h>

#include "gateway/edge/mime.hpp"

namespace croft::edge {

namespace {

// Up to this size content is sent from memory; from there on sendfile wins over the copy
// (bench/edge_bench.sh).
constexpr std::uint64_t kMemoryLimit = 32 * 1024;
// What an open file costs the cache: descriptors are the scarcer thing.
constexpr std::size_t kFileCost = 128 * 1024;

std::string fields_of(const Prepared& prepared, bool is_error_page) {
  std::string fields =
      fmt::format("Content-Type: {}\r\nContent-Length: {}\r\nX-Content-Type-Options: nosniff\r\n",
                  prepared.content_type, prepared.size);
  if (is_error_page) {
    fields += "Cache-Control: no-store\r\n\r\n";
  } else {
    // Whoever has it asks each time whether it is still so, and hears 304: a push shows at once.
    fmt::format_to(std::back_inserter(fields),
                   "ETag: {}\r\nCache-Control: public, max-age=0, must-revalidate\r\n"
                   "Accept-Ranges: bytes\r\n\r\n",
                   prepared.etag);
  }
  return fields;
}

}  // namespace

Result<std::shared_ptr<const Prepared>> prepare(const std::filesystem::path& store,
                                                std::shared_ptr<const Release> release,
                                                const ReleaseFile& file, std::string_view name,
                                                bool is_error_page) {
  const std::filesystem::path path = release_blob_path(store, file.id);
  auto prepared = std::make_shared<Prepared>();
  prepared->release = std::move(release);
  prepared->content_type = content_type_of(name);
  prepared->size = file.size;
  prepared->etag = "\"" + file.id + "\"";
  prepared->text = fields_of(*prepared, is_error_page);
  prepared->head_size = prepared->text.size();
  if (file.size <= kMemoryLimit) {
    TRY_ASSIGN(const std::string content, read_file(path, kMemoryLimit));
    if (content.size() != file.size)
      return fail(ErrorCode::Internal, path.string() + " has the wrong size");
    prepared->text += content;
    return prepared;
  }
  prepared->file = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!prepared->file.is_open()) return fail(system_error(errno, "opening " + path.string()));
  struct stat status{};
  if (::fstat(prepared->file.get(), &status) != 0 ||
      static_cast<std::uint64_t>(status.st_size) != file.size) {
    return fail(ErrorCode::Internal, path.string() + " has the wrong size");
  }
  return prepared;
}

std::shared_ptr<const Prepared> PreparedCache::find(const Release& release, std::string_view path) {
  const KeyView key{&release, path};
  if (const auto found = young_.find(key); found != young_.end()) return found->second;
  const auto found = old_.find(key);
  if (found == old_.end()) return nullptr;
  std::shared_ptr<const Prepared> prepared = found->second;
  old_.erase(found);
  keep(path, prepared);
  return prepared;
}

void PreparedCache::keep(std::string_view path, std::shared_ptr<const Prepared> prepared) {
  const std::size_t cost =
      prepared->text.size() + path.size() + 256 + (prepared->is_in_memory() ? 0 : kFileCost);
  if (young_bytes_ + cost > half_) {
    old_ = std::exchange(young_, {});
    young_bytes_ = 0;
  }
  const Release* release = prepared->release.get();
  if (young_.try_emplace(Key{release, std::string(path)}, std::move(prepared)).second)
    young_bytes_ += cost;
}

}  // namespace croft::edge
