#include "providers/docker/files.hpp"

#include <chrono>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "core/archive/tar.hpp"
#include "core/base/files.hpp"
#include "core/base/id.hpp"
#include "core/secret/operator_secrets.hpp"

namespace croft::docker {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestFile = 1ULL << 30;
constexpr std::size_t kMostFiles = 100'000;
/// Made for an effect that has not come to its container yet.
constexpr std::chrono::minutes kYoung{15};

const std::shared_ptr<const FileTree>& tree_of(const Effect& effect) {
  return effect.ref.kind == Kind::Instance ? effect.files : effect.source;
}

Error missing_source(const PlannedFile& file) {
  return Error(ErrorCode::Invalid,
               fmt::format("'{}' for {} is not in the repository", file.source, file.path));
}

Result<fs::path> place_blob(const Core& core, const PlannedFile& file, const std::string& content) {
  const fs::path directory = core.settings.data / "blobs";
  const fs::path target =
      directory / fmt::format("{}-{:o}-{}-{}", sha256_hex(content), file.mode, file.uid, file.gid);
  std::error_code error;
  if (fs::exists(target, error)) {
    fs::last_write_time(target, fs::file_time_type::clock::now(), error);
    return target;
  }
  TRY(make_directory(directory, 0711));
  const fs::path fresh = directory / fmt::format(".new-{}", SystemRandom().id());
  TRY(write_file_atomic(fresh, content, static_cast<unsigned>(file.mode) & 0777U));
  const bool is_ours =
      (file.uid == 0 && file.gid == 0) ||
      ::chown(fresh.c_str(), static_cast<uid_t>(file.uid), static_cast<gid_t>(file.gid)) == 0;
  if (!is_ours) return fail(system_error(errno, "giving " + file.path + " to its owner"));
  fs::rename(fresh, target, error);
  if (error) return fail(system_error(error.value(), "putting " + file.path + " in place"));
  return target;
}

Result<fs::path> place_secret(const Core& core, const std::string& uid, const PlannedFile& file) {
  TRY_ASSIGN(const fs::path directory, secret::memory_directory(core.settings.data));
  // Named by what may be known of it: neither the value nor a digest of it.
  const fs::path target =
      directory / fmt::format("{}-{}-{:o}-{}-{}", uid, file.secret, file.mode, file.uid, file.gid);
  const fs::path fresh = directory / fmt::format(".new-{}", SystemRandom().id());
  TRY(write_file_atomic(fresh, file.content, static_cast<unsigned>(file.mode) & 0777U));
  const bool is_ours =
      (file.uid == 0 && file.gid == 0) ||
      ::chown(fresh.c_str(), static_cast<uid_t>(file.uid), static_cast<gid_t>(file.gid)) == 0;
  if (!is_ours) return fail(system_error(errno, "giving " + file.path + " to its owner"));
  std::error_code error;
  // A container that runs goes on seeing the file that it was given: the same, by its name.
  if (fs::exists(target, error)) {
    fs::remove(fresh, error);
    // Not yet mounted, it must not be swept away for its age meanwhile.
    fs::last_write_time(target, fs::file_time_type::clock::now(), error);
    return target;
  }
  fs::rename(fresh, target, error);
  if (error) return fail(system_error(error.value(), "putting " + file.path + " in place"));
  return target;
}

Result<void> place_tree(Core& core, const FileTree& tree, PlannedFile& file, FilePins& pins) {
  TRY_ASSIGN(const std::shared_ptr<const FileTree> part,
             tree.subtree(file.source == "." ? "" : file.source));
  pins.push_back(std::make_unique<Checkouts::Pin>(core.checkouts, part->id()));
  TRY(core.checkouts.materialize(*part));
  file.at = core.checkouts.path_of(part->id());
  return {};
}

Result<void> place(Core& core, const Effect& effect, PlannedFile& file, FilePins& pins) {
  if (!file.secret.empty()) {
    TRY_ASSIGN(file.at, place_secret(core, effect.uid, file));
    return {};
  }
  if (file.source.empty()) {
    TRY_ASSIGN(file.at, place_blob(core, file, file.content));
    return {};
  }
  const std::shared_ptr<const FileTree>& tree = tree_of(effect);
  if (!tree) return fail(missing_source(file));
  const Result<TreeEntry> entry = tree->entry(file.source == "." ? "" : file.source);
  if (!entry) return fail(missing_source(file));
  if (entry->mode == FileMode::Directory) return place_tree(core, *tree, file, pins);
  const bool is_file = entry->mode == FileMode::Regular || entry->mode == FileMode::Executable;
  if (!is_file)
    return fail(ErrorCode::Invalid,
                fmt::format("'{}' is neither a file nor a directory", file.source));
  TRY_ASSIGN(const std::string content, tree->read(entry->id, kLargestFile));
  if (entry->mode == FileMode::Executable) file.mode |= 0111;
  TRY_ASSIGN(file.at, place_blob(core, file, content));
  return {};
}

/// An archive in memory: files of a repository that go into a container.
class FileArchive {
 public:
  Result<void> add(TarEntry entry, std::string_view content) {
    entry.size = content.size();
    TRY_ASSIGN(const std::string head, writer_.begin(entry));
    bytes_ += head;
    bytes_ += content;
    bytes_ += TarWriter::padding(content.size());
    return {};
  }
  std::string finish() && { return std::move(bytes_) + TarWriter::finish(); }

 private:
  TarWriter writer_;
  std::string bytes_;
};

TarEntry entry_of(const PlannedFile& file, std::string path) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.mode = static_cast<std::uint32_t>(file.mode);
  entry.uid = file.uid;
  entry.gid = file.gid;
  return entry;
}

Result<void> pack_tree(const FileTree& tree, const std::string& inside, FileArchive& archive) {
  TarEntry top;
  top.path = inside + "/";
  top.type = TarType::Directory;
  top.mode = 0755;
  TRY(archive.add(top, ""));
  TRY_ASSIGN(const std::vector<TreeFile> all, list_recursively(tree, kMostFiles));
  for (const TreeFile& one : all) {
    if (one.mode == FileMode::Submodule || one.mode == FileMode::Directory) continue;
    TRY_ASSIGN(const std::string content, tree.read(one.id, kLargestFile));
    TarEntry entry;
    entry.path = inside + "/" + one.path;
    entry.mode = one.mode == FileMode::Executable ? 0755 : 0644;
    if (one.mode == FileMode::Link) {
      if (!is_inner_link(one.path, content))
        return fail(ErrorCode::Invalid,
                    fmt::format("the link {} leads out of the files", one.path));
      entry.type = TarType::Link;
      entry.target = content;
    }
    TRY(archive.add(entry, one.mode == FileMode::Link ? std::string_view() : content));
  }
  return {};
}

Result<void> pack(const Effect& effect, const PlannedFile& file, FileArchive& archive) {
  const std::string inside = file.path.substr(1);
  if (file.source.empty()) return archive.add(entry_of(file, inside), file.content);
  const std::shared_ptr<const FileTree>& tree = tree_of(effect);
  if (!tree) return fail(missing_source(file));
  const std::string source = file.source == "." ? "" : file.source;
  TRY_ASSIGN(const TreeEntry entry, tree->entry(source));
  if (entry.mode == FileMode::Directory) {
    TRY_ASSIGN(const std::shared_ptr<const FileTree> part, tree->subtree(source));
    return pack_tree(*part, inside, archive);
  }
  TRY_ASSIGN(const std::string content, tree->read(entry.id, kLargestFile));
  return archive.add(entry_of(file, inside), content);
}

Result<std::string> archive_of(const Effect& effect, const std::vector<PlannedFile>& files) {
  FileArchive archive;
  for (const PlannedFile& file : files) {
    TRY(pack(effect, file, archive));
  }
  return std::move(archive).finish();
}

}  // namespace

Task<Result<std::vector<PlannedFile>>> place_files(CorePtr core, EffectPtr effect, Value workload,
                                                   std::shared_ptr<FilePins> pins) {
  std::vector<PlannedFile> files = planned_files(*effect, workload);
  if (files.empty() || !core->settings.is_local()) co_return files;
  const auto shared = std::make_shared<std::vector<PlannedFile>>(std::move(files));
  auto placing = core->pool.run([core, effect, shared, pins]() -> Result<void> {
    for (PlannedFile& file : *shared) {
      TRY(while_doing(place(*core, *effect, file, *pins), "placing its files"));
    }
    return {};
  });
  CO_TRY(co_await std::move(placing));
  co_return std::move(*shared);
}

Task<Result<void>> place_secret_files(CorePtr core, EffectPtr effect, Value workload) {
  std::vector<PlannedFile> files = planned_files(*effect, workload);
  std::erase_if(files, [](const PlannedFile& file) { return file.secret.empty(); });
  if (files.empty() || !core->settings.is_local()) co_return Result<void>{};
  auto placing = core->pool.run([core, effect, files]() -> Result<void> {
    for (const PlannedFile& file : files) {
      TRY(while_doing(place_secret(*core, effect->uid, file), "placing its secrets"));
    }
    return {};
  });
  Result<void> placed = co_await std::move(placing);
  co_return placed;
}

Task<Result<void>> write_files(CorePtr core, EffectPtr effect, std::vector<PlannedFile> files,
                               std::string container, Limit limit) {
  if (files.empty()) co_return Result<void>{};
  const auto shared = std::make_shared<std::vector<PlannedFile>>(std::move(files));
  auto packing = core->pool.run([effect, shared] { return archive_of(*effect, *shared); });
  CO_TRY_ASSIGN(std::string archive, co_await std::move(packing));
  const auto rest = std::make_shared<std::string>(std::move(archive));
  ByteSource source = [rest]() -> Task<Result<std::string>> {
    std::string piece = std::exchange(*rest, {});
    co_return piece;
  };
  Result<void> sent = co_await core->engine.containers().put_archive(std::move(container), "/",
                                                                     std::move(source), limit.at);
  co_return while_doing(std::move(sent), "sending its files into the container");
}

void sweep_files(Core& core, const std::set<std::string>& mounted) {
  std::set<std::string> trees;
  for (const std::string& source : mounted) trees.insert(fs::path(source).filename().string());
  core.checkouts.sweep(trees, kYoung);
  std::error_code error;
  const auto young = fs::file_time_type::clock::now() - kYoung;
  std::vector<fs::path> directories{core.settings.data / "blobs"};
  if (const Result<fs::path> secrets = secret::memory_directory(core.settings.data))
    directories.push_back(*secrets);
  for (const fs::path& directory : directories) {
    for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
      if (trees.contains(entry.path().filename().string())) continue;
      if (entry.last_write_time(error) < young) fs::remove(entry.path(), error);
    }
  }
}

}  // namespace croft::docker
