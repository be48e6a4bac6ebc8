#include "reconciler/engine/loader.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "core/manifest/locate.hpp"
#include "core/manifest/references.hpp"

namespace croft {

namespace {

std::map<std::string, std::string> trees_of(const FileTree& tree,
                                            const std::vector<Resource>& resources) {
  std::map<std::string, std::string> trees;
  for (const Resource& resource : resources) {
    const std::string path = resource.spec->text_or("files.path", "");
    if (path.empty() || trees.contains(path)) continue;
    const Result<TreeEntry> entry = tree.entry(path == "." ? "" : path);
    if (entry && entry->mode == FileMode::Directory) trees.emplace(path, entry->id);
  }
  return trees;
}

constexpr std::string_view kAdapters = "adapters";
constexpr std::size_t kLongestScript = 1 << 20;
constexpr std::size_t kMostAdapters = 200;
constexpr std::string_view kAdapterFile = "adapter.lua";
constexpr std::size_t kMostFiles = 50;  // beside one adapter's script

bool is_file(const TreeEntry& entry) {
  return entry.mode == FileMode::Regular || entry.mode == FileMode::Executable;
}

/// The other Lua files beside an adapter's script, which it may require.
Result<std::map<std::string, std::string>> files_beside(const FileTree& tree,
                                                        const std::string& folder) {
  std::map<std::string, std::string> files;
  TRY_ASSIGN(const std::vector<TreeEntry> entries, tree.list(folder));
  for (const TreeEntry& entry : entries) {
    const std::filesystem::path name(entry.name);
    if (!is_file(entry) || name.extension() != ".lua" || entry.name == kAdapterFile) continue;
    const std::string path = folder + "/" + entry.name;
    if (files.size() == kMostFiles)
      return fail(ErrorCode::Invalid,
                  fmt::format("{}: there are more than {} Lua files", folder, kMostFiles));
    TRY_ASSIGN(std::string source,
               while_doing(tree.read(entry.id, kLongestScript), "reading " + path));
    files.emplace(name.stem().string(), std::move(source));
  }
  return files;
}

/// The operator's own adapters.
Result<std::map<std::string, AdapterScript>> adapters_of(const FileTree& tree) {
  std::map<std::string, AdapterScript> adapters;
  const Result<TreeEntry> folder = tree.entry(kAdapters);
  if (!folder || folder->mode != FileMode::Directory) return adapters;
  TRY_ASSIGN(const std::vector<TreeEntry> entries, tree.list(kAdapters));
  for (const TreeEntry& entry : entries) {
    if (entry.mode != FileMode::Directory) continue;
    AdapterScript script;
    script.name = entry.name;
    const std::string own = std::string(kAdapters) + "/" + entry.name;
    script.path = fmt::format("{}/{}", own, kAdapterFile);
    const Result<TreeEntry> file = tree.entry(script.path);
    if (!file || !is_file(*file)) continue;
    if (!is_resource_name(entry.name))
      return fail(ErrorCode::Invalid, script.path + ": '" + entry.name + "' is no adapter's name");
    if (adapters.size() == kMostAdapters)
      return fail(ErrorCode::Invalid, "adapters: there are too many");
    TRY_ASSIGN(script.source,
               while_doing(tree.read(file->id, kLongestScript), "reading " + script.path));
    TRY_ASSIGN(script.files, files_beside(tree, own));
    adapters.emplace(script.name, std::move(script));
  }
  return adapters;
}

const Resource* find_resource(const std::vector<Resource>& resources, const Ref& ref) {
  const auto found = std::find_if(resources.begin(), resources.end(),
                                  [&](const Resource& resource) { return resource.ref == ref; });
  return found == resources.end() ? nullptr : &*found;
}

manifest::Diagnostic diagnostic_without_text(const Resource* resource, const Problem& problem) {
  manifest::Diagnostic diagnostic;
  if (resource != nullptr) diagnostic.position = {resource->origin.file, resource->origin.line, 1};
  diagnostic.message = problem.message;
  if (!problem.ref.name.empty())
    diagnostic.message = to_string(problem.ref) + " " + problem.path + ": " + problem.message;
  diagnostic.hint = problem.hint;
  return diagnostic;
}

/// `known` has directories, too.
Result<plans::FilesSize> measure_files(const FileTree& tree, const TreeEntry& directory,
                                       const std::string& path, FilesSizes& known) {
  const auto seen = known.find(directory.id);
  if (seen != known.end()) return seen->second;
  plans::FilesSize size;
  TRY_ASSIGN(const std::vector<TreeEntry> entries, tree.list(path));
  for (const TreeEntry& entry : entries) {
    const bool is_file = entry.mode == FileMode::Regular || entry.mode == FileMode::Executable;
    plans::FilesSize one;
    if (entry.mode == FileMode::Directory) {
      TRY_ASSIGN(one, measure_files(tree, entry,
                                    path.empty() ? entry.name : path + "/" + entry.name, known));
      one.largest_path = entry.name + "/" + one.largest_path;
    } else if (is_file) {
      TRY_ASSIGN(const std::uint64_t bytes, tree.blob_size(entry.id));
      one = {static_cast<std::int64_t>(bytes), static_cast<std::int64_t>(bytes), entry.name};
    }
    size.bytes += one.bytes;
    if (one.largest <= size.largest) continue;
    size.largest = one.largest;
    size.largest_path = std::move(one.largest_path);
  }
  known.emplace(directory.id, size);
  return size;
}

}  // namespace

Result<FilesSizes> measure_sites(const FileTree& tree, const std::vector<Resource>& resources,
                                 FilesSizes& known) {
  constexpr std::size_t kMostKnown = 100'000;
  if (known.size() > kMostKnown) known.clear();
  FilesSizes sizes;
  for (const Resource& resource : resources) {
    if (resource.ref.kind != Kind::Site) continue;
    const std::string path = resource.spec->text_or("files.path", "");
    const std::string directory = path == "." ? "" : path;
    const Result<TreeEntry> entry = tree.entry(directory);
    if (!entry || entry->mode != FileMode::Directory) continue;
    TRY_ASSIGN(sizes[entry->id], measure_files(tree, *entry, directory, known));
  }
  return sizes;
}

Result<SourceLoad> load_source(const FileTree& tree, const manifest::LoadRequest& request,
                               DocumentCache& cache, FilesSizes& known_sizes) {
  TRY_ASSIGN(manifest::LoadedSet loaded, manifest::load(tree, request, cache));
  if (!loaded.is_usable()) return fail(ErrorCode::Invalid, manifest::render(loaded.diagnostics));
  SourceLoad load;
  load.trees = trees_of(tree, loaded.resources);
  if (request.scope != SourceScope::Tenant) {
    TRY_ASSIGN(load.adapters, adapters_of(tree));
    TRY_ASSIGN(load.scripts, read_scripts(tree, loaded.resources));
  }
  TRY_ASSIGN(load.sizes, measure_sites(tree, loaded.resources, known_sizes));
  load.secret_files = std::move(loaded.secret_files);
  load.resources = std::make_shared<const std::vector<Resource>>(std::move(loaded.resources));
  return load;
}

std::vector<Problem> check_set(const std::vector<Resource>& resources) {
  std::vector<manifest::ReferenceProblem> found = manifest::check_duplicates(resources);
  for (auto& problem : manifest::check_references(resources)) found.push_back(std::move(problem));
  std::vector<Problem> problems;
  problems.reserve(found.size());
  for (manifest::ReferenceProblem& problem : found) {
    problems.push_back({resources[problem.resource].ref, std::move(problem.path),
                        std::move(problem.message), std::move(problem.hint)});
  }
  return problems;
}

std::string render_problems(const FileTree* tree, const std::vector<Resource>& resources,
                            const std::vector<Problem>& problems) {
  manifest::Diagnostics diagnostics;
  for (const Problem& problem : problems) {
    const Resource* resource = find_resource(resources, problem.ref);
    if (tree == nullptr || resource == nullptr) {
      diagnostics.add(diagnostic_without_text(resource, problem));
      continue;
    }
    manifest::Locator locator(*tree);
    diagnostics.add(locator.diagnose(*resource, problem.path, problem.message, problem.hint));
  }
  return manifest::render(diagnostics);
}

void place_problems(const FileTree& tree, const std::string& directory,
                    const std::vector<Resource>& resources, std::vector<Problem>& problems) {
  manifest::Locator locator(tree, directory);
  for (Problem& problem : problems) {
    const Resource* resource = find_resource(resources, problem.ref);
    if (resource == nullptr) continue;
    const SourcePosition at = locator.diagnose(*resource, problem.path, {}, {}).position;
    problem.place = fmt::format("{}:{}:{}", at.file, at.line, at.column);
  }
}

}  // namespace croft
