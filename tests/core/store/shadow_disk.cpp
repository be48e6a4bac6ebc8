#include "tests/core/store/shadow_disk.hpp"

#include <iterator>
#include <memory>

#include <sqlite3.h>

namespace croft {

namespace {

ShadowDisk* disk = nullptr;   // SQLite's callbacks have no other way to it
sqlite3_vfs* real = nullptr;  // the machine's own
sqlite3_vfs patched;          // the same but for xOpen and xDelete
std::mutex methods_mutex;
// The real methods of each kind of file, and ours: the same but for xWrite, xTruncate and xSync.
struct Methods {
  const sqlite3_io_methods* original = nullptr;
  sqlite3_io_methods ours{};
};
std::map<const sqlite3_io_methods*, std::unique_ptr<Methods>> by_original;
std::map<const sqlite3_io_methods*, const sqlite3_io_methods*> original_of;

const sqlite3_io_methods& real_methods(sqlite3_file* file) {
  const std::scoped_lock lock(methods_mutex);
  return *original_of.at(file->pMethods);
}

int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  const int code = disk->begin(false);
  return code == SQLITE_OK ? real_methods(file).xWrite(file, data, size, offset) : code;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  const int code = disk->begin(false);
  return code == SQLITE_OK ? real_methods(file).xTruncate(file, size) : code;
}

// The real disk is not synced: what counts here is what SQLite asked for, and asking is faster.
int sync(sqlite3_file* file, int) {
  const int code = disk->begin(true);
  if (code == SQLITE_OK) disk->synced(file);
  return code;
}

const sqlite3_io_methods* patch(const sqlite3_io_methods* original) {
  const std::scoped_lock lock(methods_mutex);
  std::unique_ptr<Methods>& methods = by_original[original];
  if (!methods) {
    methods = std::make_unique<Methods>(Methods{original, *original});
    methods->ours.xWrite = write;
    methods->ours.xTruncate = truncate;
    methods->ours.xSync = sync;
    original_of[&methods->ours] = original;
  }
  return &methods->ours;
}

int open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  const int code = real->xOpen(real, path, file, flags, out_flags);
  if (code != SQLITE_OK || path == nullptr) return code;
  disk->opened(file, path);
  file->pMethods = patch(file->pMethods);
  return code;
}

int remove(sqlite3_vfs*, const char* path, int sync_directory) {
  const int code = real->xDelete(real, path, sync_directory);
  if (code == SQLITE_OK) disk->deleted(path, sync_directory != 0);
  return code;
}

}  // namespace

ShadowDisk::ShadowDisk() {
  disk = this;
  real = sqlite3_vfs_find(nullptr);
  patched = *real;
  patched.zName = "shadow";
  patched.xOpen = open;
  patched.xDelete = remove;
  sqlite3_vfs_register(&patched, 1);
}

ShadowDisk::~ShadowDisk() {
  sqlite3_vfs_unregister(&patched);
  sqlite3_vfs_register(real, 1);
  disk = nullptr;
}

void ShadowDisk::on_operation(std::function<int(int)> decide) { decide_ = std::move(decide); }

int ShadowDisk::begin(bool is_sync) {
  const int number = ++operations_;
  const int code = decide_ ? decide_(number) : SQLITE_OK;
  if (is_sync && code == SQLITE_OK) ++syncs_;
  return code;
}

void ShadowDisk::opened(const void* file, const char* path) {
  const std::scoped_lock lock(mutex_);
  paths_[file] = path;
}

void ShadowDisk::synced(const void* file) {
  const std::scoped_lock lock(mutex_);
  const std::string& path = paths_.at(file);
  synced_[path] = content_of(path);
}

void ShadowDisk::deleted(const char* path, bool is_durable) {
  const std::scoped_lock lock(mutex_);
  readers_.erase(path);
  if (is_durable) synced_.erase(path);
}

std::string ShadowDisk::content_of(const std::string& path) {
  std::ifstream& file = readers_[path];
  if (!file.is_open()) file.open(path, std::ios::binary);
  file.clear();
  file.seekg(0);
  return {std::istreambuf_iterator<char>(file), {}};
}

PowerLoss ShadowDisk::power_loss() {
  const std::scoped_lock lock(mutex_);
  PowerLoss loss;
  for (const auto& [path, content] : synced_) {
    const std::string name = std::filesystem::path(path).filename().string();
    loss.synced[name] = content;
    loss.current[name] = content_of(path);
  }
  return loss;
}

void PowerLoss::restore(const std::filesystem::path& directory,
                        const std::function<bool()>& keeps_current) const {
  constexpr std::size_t kSector = 512;
  for (const auto& [name, old_content] : synced) {
    const std::string& new_content = current.at(name);
    std::string mixed = old_content;
    for (std::size_t at = 0; at < new_content.size(); at += kSector) {
      if (!keeps_current()) continue;
      const std::string_view sector = std::string_view(new_content).substr(at, kSector);
      if (mixed.size() < at + sector.size()) mixed.resize(at + sector.size(), '\0');
      mixed.replace(at, sector.size(), sector);
    }
    std::ofstream(directory / name, std::ios::binary) << mixed;
  }
}

}  // namespace croft
