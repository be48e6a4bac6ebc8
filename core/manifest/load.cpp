#include "core/manifest/load.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/manifest/compose/expand.hpp"
#include "core/manifest/locate.hpp"
#include "core/manifest/references.hpp"
#include "core/manifest/source_text.hpp"

namespace croft::manifest {

namespace {

constexpr std::size_t kMostFiles = 100'000;   ///< YAML files of a source
constexpr std::size_t kMostBytes = 16 << 20;  ///< of manifests that one load parses
constexpr std::size_t kMostSecretFiles = 100;
constexpr std::size_t kDeepestDirectory = 128;
constexpr std::size_t kLargestLook =
    16 << 20;  ///< a larger file is not even searched for a Croft document

bool is_yaml_name(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

std::string join_path(std::string_view directory, std::string_view name) {
  return directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

}  // namespace

// One load: finds files, reads those that are not remembered, puts the set together.
class Loader {
 public:
  Loader(const FileTree& tree, const LoadRequest& request, DocumentCache& cache)
      : tree_(tree), request_(request), cache_(cache), rules_{request.scope, request.tenant} {}

  Result<LoadedSet> run();

 private:
  using Cache = DocumentCache;
  struct Found {
    std::string path;
    Cache::ObjectId id;
    std::string hex;
  };

  Result<Cache::Directory*> directory(std::string_view path, const std::string& id);
  Result<bool> find_files(std::string_view path, const std::string& id, std::size_t depth);
  bool is_too_much();
  Result<void> read_file(const Found& file);
  Result<void> read_large_file(const Found& file);
  void parse(const Found& file, std::string_view text);
  void take(const std::string& path, const std::vector<ParsedDocument>& documents);
  Result<void> expand_stacks();
  Result<void> read_secret_files();
  Result<void> read_secret_file(const Resource& resource, const std::string& path);
  Result<void> judge_undecided();
  void warn_of_links();
  void check_set();
  void whole_file_error(const std::string& path, std::string message, std::string hint);
  std::string in_repository(std::string_view path) const {
    return join_path(request_.directory, path);
  }
  bool is_content(std::string_view path) const;

  static Result<Cache::ObjectId> parse_id(const std::string& hex);
  static std::string to_hex(const Cache::ObjectId& id);

  const FileTree& tree_;
  const LoadRequest& request_;
  DocumentCache& cache_;
  DocumentRules rules_;
  LoadedSet set_;
  std::vector<Found> found_;
  std::vector<Found> undecided_;  ///< what they are depends on which directories are content
  std::vector<std::string> links_;
  std::size_t bytes_parsed_ = 0;
  std::set<std::string> content_;  ///< directories that files.path names
};

Result<LoadedSet> Loader::run() {
  cache_.begin_load(rules_);
  TRY(find_files("", tree_.id(), 0));
  std::ranges::sort(found_, {}, &Found::path);
  set_.statistics.files = found_.size();
  for (const Found& file : found_) {
    TRY(read_file(file));
    if (is_too_much()) break;
  }
  TRY(expand_stacks());
  TRY(read_secret_files());
  TRY(judge_undecided());
  warn_of_links();
  // References are judged only in a set that is whole: a file that failed would make every mention
  // of it an error.
  if (set_.is_usable()) check_set();
  set_.diagnostics.sort();
  if (!set_.is_usable()) set_.resources.clear();
  set_.resources.shrink_to_fit();
  cache_.end_load();
  return std::move(set_);
}

// Bounds the time and memory that one source can take: what it says past the limits is not read.
bool Loader::is_too_much() {
  const std::string where = request_.directory.empty() ? "." : request_.directory;
  const bool is_many = set_.statistics.documents > kMostDocuments;
  if (is_many)
    whole_file_error(where, fmt::format("more than {} documents in one source", kMostDocuments),
                     "");
  const bool is_large = bytes_parsed_ > kMostBytes;
  if (is_large)
    whole_file_error(
        where, fmt::format("more than {} MiB of manifests in one source", kMostBytes >> 20), "");
  return is_many || is_large;
}

Result<Loader::Cache::ObjectId> Loader::parse_id(const std::string& hex) {
  Cache::ObjectId id{};
  bool is_good = hex.size() == id.size() * 2;
  for (std::size_t i = 0; is_good && i < id.size(); ++i) {
    const char* begin = hex.data() + i * 2;
    const auto [end, failure] = std::from_chars(begin, begin + 2, id[i], 16);
    is_good = failure == std::errc{} && end == begin + 2;
  }
  if (!is_good)
    return fail(ErrorCode::Internal, fmt::format("'{}' is not the id of a Git object", hex));
  return id;
}

std::string Loader::to_hex(const Cache::ObjectId& id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(id.size() * 2);
  for (const std::uint8_t byte : id) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

Result<Loader::Cache::Directory*> Loader::directory(std::string_view path, const std::string& id) {
  TRY_ASSIGN(const Cache::ObjectId key, parse_id(id));
  const auto known = cache_.directories_.find(key);
  if (known != cache_.directories_.end()) return &known->second;
  TRY_ASSIGN(const auto entries, tree_.list(path));
  ++set_.statistics.directories_listed;
  Cache::Directory made;
  for (const TreeEntry& entry : entries) {
    const bool is_directory = entry.mode == FileMode::Directory;
    const bool is_file = entry.mode == FileMode::Regular || entry.mode == FileMode::Executable;
    if (entry.mode == FileMode::Link && is_yaml_name(entry.name)) made.links.push_back(entry.name);
    if (!is_directory && !(is_file && is_yaml_name(entry.name))) continue;
    TRY_ASSIGN(const Cache::ObjectId child, parse_id(entry.id));
    made.children.push_back({entry.name, child, is_directory});
  }
  made.children.shrink_to_fit();
  return &cache_.directories_.emplace(key, std::move(made)).first->second;
}

// True if there is anything of interest below. Directories without are dropped from their parent,
// so that a site's thousand directories of pictures are walked once and never again.
Result<bool> Loader::find_files(std::string_view path, const std::string& id, std::size_t depth) {
  if (depth > kDeepestDirectory) {
    return fail(ErrorCode::Invalid, fmt::format("directories nest deeper than {} levels at '{}'",
                                                kDeepestDirectory, path.substr(0, 200)));
  }
  TRY_ASSIGN(Cache::Directory* const listed, directory(path, id));
  // References into an unordered_map stay good while others are added.
  Cache::Directory& here = *listed;
  here.load = cache_.load_;
  for (const std::string& link : here.links) links_.push_back(join_path(path, link));
  std::erase_if(here.children,
                [](const Cache::Directory::Child& child) { return child.name.empty(); });
  for (Cache::Directory::Child& child : here.children) {
    const std::string child_path = join_path(path, child.name);
    if (!child.is_directory) {
      found_.push_back({child_path, child.id, {}});
      if (found_.size() > kMostFiles) {
        return fail(ErrorCode::Invalid,
                    fmt::format("the source has more than {} YAML files", kMostFiles));
      }
      continue;
    }
    TRY_ASSIGN(const bool is_useful, find_files(child_path, to_hex(child.id), depth + 1));
    if (!is_useful) child.name.clear();
  }
  std::erase_if(here.children,
                [](const Cache::Directory::Child& child) { return child.name.empty(); });
  return !here.children.empty() || !here.links.empty();
}

Result<void> Loader::read_file(const Found& file) {
  const auto known = cache_.files_.find(file.id);
  if (known != cache_.files_.end()) {
    known->second.load = cache_.load_;
    set_.statistics.documents += known->second.document_count;
    take(file.path, known->second.documents);
    return {};
  }
  const std::string hex = to_hex(file.id);
  ++set_.statistics.files_parsed;
  auto text = tree_.read(hex, kLargestFile);
  if (text) {
    parse(file, *text);
    return {};
  }
  if (text.error().code() != ErrorCode::Invalid)
    return fail(std::move(text.error()).while_doing("reading " + in_repository(file.path)));
  return read_large_file({file.path, file.id, hex});
}

// Larger than a manifest may be: an error if it is one, nobody's business if not.
Result<void> Loader::read_large_file(const Found& file) {
  TRY_ASSIGN(const std::uint64_t size, tree_.blob_size(file.hex));
  if (size <= kLargestLook) {
    TRY_ASSIGN(const std::string text, tree_.read(file.hex, kLargestLook));
    if (likeness_of(text) != Likeness::Manifest) {
      cache_.files_[file.id].load = cache_.load_;
      return {};
    }
  }
  whole_file_error(
      in_repository(file.path),
      fmt::format("the file has {} bytes; a manifest has at most {}", size, kLargestFile),
      size <= kLargestLook ? "split it into several files"
                           : "give it another ending if it is not Croft's");
  return {};
}

void Loader::parse(const Found& file, std::string_view text) {
  const Likeness likeness = likeness_of(text);
  if (likeness == Likeness::Forgotten) {
    undecided_.push_back(file);
    return;
  }
  Cache::File parsed;
  parsed.load = cache_.load_;
  if (likeness == Likeness::Manifest) {
    bytes_parsed_ += text.size();
    Diagnostics found;
    ParsedFile read = read_documents(in_repository(file.path), text, rules_, *cache_.pool_, found);
    parsed.documents = std::move(read.documents);
    parsed.documents.shrink_to_fit();
    parsed.document_count = read.document_count;
    set_.statistics.documents += parsed.document_count;
    take(file.path, parsed.documents);
    const bool is_clean = found.list.empty();
    set_.diagnostics.append(std::move(found));
    if (!is_clean) return;
  }
  cache_.files_.insert_or_assign(file.id, std::move(parsed));
}

void Loader::take(const std::string& path, const std::vector<ParsedDocument>& documents) {
  for (const ParsedDocument& one : documents) {
    const bool is_operators =
        scope_of(one.kind) == KindScope::Operator ||
        (scope_of(one.kind) == KindScope::Anybody && request_.scope == SourceScope::Platform);
    Resource resource;
    resource.ref = {is_operators ? std::string() : request_.tenant, one.kind, one.name};
    resource.spec = one.spec;
    resource.labels = one.labels;
    resource.annotations = one.annotations;
    resource.origin = {request_.source, in_repository(path), one.document, one.line};
    const std::string files = one.spec->text_or("files.path", ".");
    if (files != ".") content_.insert(files.starts_with("./") ? files.substr(2) : files);
    set_.resources.push_back(std::move(resource));
  }
}

// What each Stack stands for comes after all that is declared.
Result<void> Loader::expand_stacks() {
  const std::size_t declared = set_.resources.size();
  for (std::size_t i = 0; i < declared; ++i) {
    if (set_.resources[i].ref.kind != Kind::Stack) continue;
    TRY_ASSIGN(compose::Expansion expansion,
               compose::expand(tree_, request_.directory, set_.resources[i], *cache_.pool_,
                               set_.diagnostics));
    for (std::string& context : expansion.contexts) {
      if (context != ".") content_.insert(std::move(context));
    }
    std::ranges::move(expansion.parts, std::back_inserter(set_.resources));
  }
  return {};
}

// They are kept as they are: only the server can read what is in them.
Result<void> Loader::read_secret_files() {
  for (const Resource& resource : set_.resources) {
    // What nobody is going to open is not read.
    if (!set_.is_usable()) return {};
    const std::string path =
        resource.ref.kind == Kind::Secret ? resource.spec->text_or("file", "") : "";
    if (path.empty() || set_.secret_files.contains(path)) continue;
    TRY(read_secret_file(resource, path));
    if (is_too_much()) return {};
  }
  return {};
}

Result<void> Loader::read_secret_file(const Resource& resource, const std::string& path) {
  const auto wrong = [&](std::string message, std::string hint) {
    Locator locator(tree_, request_.directory);
    set_.diagnostics.add(
        locator.diagnose(resource, "spec.file", std::move(message), std::move(hint)));
    return Result<void>();
  };
  const Result<TreeEntry> entry = tree_.entry(path);
  const bool is_file =
      entry && (entry->mode == FileMode::Regular || entry->mode == FileMode::Executable);
  if (!is_file)
    return wrong(fmt::format("there is no file '{}' in the repository", path),
                 "is it committed? the path is seen from the root of the source");
  if (set_.secret_files.size() == kMostSecretFiles)
    return wrong(fmt::format("Secrets name more than {} files in one source", kMostSecretFiles),
                 "put several values into one file");
  TRY_ASSIGN(std::string text,
             while_doing(tree_.read(entry->id, kLargestFile), "reading " + in_repository(path)));
  bytes_parsed_ += text.size();
  set_.secret_files.emplace(path, std::move(text));
  return {};
}

bool Loader::is_content(std::string_view path) const {
  return std::ranges::any_of(
      content_, [&](const std::string& directory) { return is_below(path, directory); });
}

// Files that name one of our kinds but not Croft. Content, other people's files and files that are
// no YAML are none of our business; the rest forgot its apiVersion.
Result<void> Loader::judge_undecided() {
  for (const Found& file : undecided_) {
    if (is_content(file.path)) continue;
    TRY_ASSIGN(const std::string text, tree_.read(to_hex(file.id), kLargestFile));
    const std::string_view unmarked = without_byte_order_mark(text);
    if (check_source_text(unmarked) || !yaml::read(unmarked).is_complete) continue;
    read_documents(in_repository(file.path), text, rules_, *cache_.pool_, set_.diagnostics);
  }
  return {};
}

void Loader::warn_of_links() {
  for (const std::string& link : links_) {
    if (is_content(link)) continue;
    Diagnostic made;
    made.position.file = in_repository(link);
    made.weight = Weight::Warning;
    made.message = "this is a symbolic link, which is not followed";
    set_.diagnostics.add(std::move(made));
  }
}

void Loader::check_set() {
  std::vector<ReferenceProblem> problems = check_duplicates(set_.resources);
  if (problems.empty()) problems = check_amounts(set_.resources);
  if (problems.empty() && request_.is_whole_set) problems = check_references(set_.resources);
  Locator locator(tree_, request_.directory);
  for (ReferenceProblem& problem : problems) {
    // Past the most that is shown, positions are not worth reading files for.
    Diagnostic made;
    if (set_.diagnostics.list.size() < Diagnostics::kMost) {
      made = locator.diagnose(set_.resources[problem.resource], problem.path,
                              std::move(problem.message), std::move(problem.hint));
    }
    set_.diagnostics.add(std::move(made));
  }
}

void Loader::whole_file_error(const std::string& path, std::string message, std::string hint) {
  Diagnostic made;
  made.position.file = path;
  made.message = std::move(message);
  made.hint = std::move(hint);
  set_.diagnostics.add(std::move(made));
}

Result<LoadedSet> load(const FileTree& tree, const LoadRequest& request, DocumentCache& cache) {
  return Loader(tree, request, cache).run();
}

}  // namespace croft::manifest
