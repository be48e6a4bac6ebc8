#include "core/git/mirror.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/guarded.hpp"
#include "core/base/log.hpp"
#include "core/git/fetch.hpp"
#include "core/git/local_repository.hpp"
#include "core/git/remote.hpp"
#include "core/git/repository.hpp"

namespace croft {

namespace fs = std::filesystem;

namespace {

using git::Repository;

/// Says that a directory is a mirror of Croft's, so that what is in it may be removed, and which of
/// the directories in it is the repository. A repository made anew gets another name: libgit2
/// shares open packs by their path, so that a tree of the damaged one that somebody still holds
/// would damage the new one too.
constexpr std::string_view kMarkerFile = "croft-mirror";
constexpr std::string_view kRepositoryPrefix = "repository-";
constexpr std::size_t kMarkerLimit = 100;
constexpr std::string_view kPinPrefix = "refs/croft/pins/";
/// Each fetch that brings something adds a pack; reading slows down with their number.
constexpr int kPacksBeforeTidying = 32;
constexpr Duration kUpkeepDeadline{10 * 60'000};
constexpr Duration kListingDeadline{60'000};

Result<void> init_repository(const fs::path& directory) {
  git::start_libgit2();
  git_repository_init_options options;
  git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
  options.flags =
      GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKDIR | GIT_REPOSITORY_INIT_NO_REINIT;
  options.initial_head = "croft";
  git_repository* repository = nullptr;
  TRY(git::check(git_repository_init_ext(&repository, directory.c_str(), &options),
                 "making a mirror"));
  git_repository_free(repository);
  return {};
}

/// The mirror's repository by its marker; NotFound without a marker.
Result<fs::path> find_mirror(const fs::path& directory) {
  TRY_ASSIGN(std::string name, read_file(directory / kMarkerFile, kMarkerLimit));
  while (name.ends_with('\n')) name.pop_back();
  if (!name.starts_with(kRepositoryPrefix) || name.find('/') != name.npos) {
    return fail(ErrorCode::Internal, fmt::format("the file {} is damaged", kMarkerFile));
  }
  return directory / name;
}

/// Makes an empty repository that takes the place of the one before, and gives its path.
Result<fs::path> renew_mirror(const fs::path& directory) {
  std::set<std::string> before;
  int number = 1;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kRepositoryPrefix)) continue;
    before.insert(name);
    number = std::max(number, std::atoi(name.c_str() + kRepositoryPrefix.size()) + 1);
  }
  const std::string name = fmt::format("{}{}", kRepositoryPrefix, number);
  // The marker first: a crash leaves a mirror that is damaged, not a directory that is a
  // stranger's.
  TRY(write_file_atomic(directory / kMarkerFile, name + "\n", 0600, Durability::Full));
  TRY(init_repository(directory / name));
  for (const std::string& old : before) {
    TRY(remove_tree(directory / old));
  }
  return directory / name;
}

Result<fs::path> replace_damaged(const fs::path& directory, std::string_view why) {
  log_warning("git", "a damaged mirror is made anew; its pins are lost",
              {{"mirror", directory.string()}, {"damage", std::string(why)}});
  return renew_mirror(directory);
}

/// Resolves a ref to the commit it names; a tag to what it tags.
Result<std::string> commit_of_ref(git_repository* repository, const std::string& ref) {
  git_reference* reference = nullptr;
  TRY(git::check(git_reference_lookup(&reference, repository, ref.c_str()),
                 "reading the ref " + ref));
  const git::ReferenceHandle owned(reference);
  git_object* commit = nullptr;
  TRY(git::check(git_reference_peel(&commit, reference, GIT_OBJECT_COMMIT),
                 fmt::format("reading what {} names", ref)));
  const git::ObjectHandle object(commit);
  return git::to_hex(*git_object_id(commit));
}

Result<git::CommitHandle> lookup_commit(git_repository* repository, const std::string& id) {
  TRY_ASSIGN(const git_oid oid, git::parse_id(id));
  git_commit* commit = nullptr;
  const int code = git_commit_lookup(&commit, repository, &oid);
  if (code == GIT_ENOTFOUND)
    return fail(ErrorCode::NotFound, fmt::format("there is no commit {}", id));
  TRY(git::check(code, "reading the commit " + id));
  return git::CommitHandle(commit);
}

/// The commit and its top directory can be read.
Result<void> probe_commit(git_repository* repository, const std::string& id) {
  TRY_ASSIGN(const git::CommitHandle commit, lookup_commit(repository, id));
  TRY(git::lookup_tree(repository, *git_commit_tree_id(commit.get())));
  return {};
}

struct ObjectHeader {
  git_object_t type = GIT_OBJECT_INVALID;
  std::size_t size = 0;
};

Result<git::OdbHandle> objects_of(git_repository* repository) {
  git_odb* objects = nullptr;
  TRY(git::check(git_repository_odb(&objects, repository), "opening the objects of a mirror"));
  return git::OdbHandle(objects);
}

Result<ObjectHeader> header_of(git_repository* repository, const git_oid& id) {
  TRY_ASSIGN(const git::OdbHandle objects, objects_of(repository));
  ObjectHeader header;
  TRY(git::check(git_odb_read_header(&header.size, &header.type, objects.get(), &id),
                 "reading the object " + git::to_hex(id)));
  return header;
}

Result<std::string> bytes_of(git_repository* repository, const git_oid& id) {
  TRY_ASSIGN(const git::OdbHandle objects, objects_of(repository));
  git_odb_object* found = nullptr;
  TRY(git::check(git_odb_read(&found, objects.get(), &id),
                 "reading the object " + git::to_hex(id)));
  const git::OdbObjectHandle object(found);
  return std::string(static_cast<const char*>(git_odb_object_data(found)),
                     git_odb_object_size(found));
}

std::vector<std::string> ids_in(std::string_view lines) {
  std::vector<std::string> ids;
  while (lines.size() >= GIT_OID_HEXSZ) {
    ids.emplace_back(lines.substr(0, GIT_OID_HEXSZ));
    lines.remove_prefix(std::min<std::size_t>(GIT_OID_HEXSZ + 1, lines.size()));
  }
  return ids;
}

/// The commits whose parents were left away.
Result<std::set<std::string>> shallow_commits(const fs::path& repository) {
  constexpr std::size_t kMostBytes = 64 << 20;
  const Result<std::string> lines = read_file(repository / "shallow", kMostBytes);
  if (!lines && lines.error().code() == ErrorCode::NotFound) return std::set<std::string>();
  TRY(lines);
  const std::vector<std::string> ids = ids_in(*lines);
  return std::set<std::string>(ids.begin(), ids.end());
}

/// A quick look: opens, and every ref names a commit that can be read.
Result<void> probe_mirror(const fs::path& directory) {
  TRY_ASSIGN(const auto repository, Repository::open(directory));
  return repository->with([](git_repository* handle) -> Result<void> {
    git_strarray names{};
    TRY(git::check(git_reference_list(&names, handle), "listing the refs"));
    const std::vector<std::string> refs(names.strings, names.strings + names.count);
    git_strarray_dispose(&names);
    for (const std::string& ref : refs) {
      TRY_ASSIGN(const std::string id, commit_of_ref(handle, ref));
      TRY(probe_commit(handle, id));
    }
    return {};
  });
}

/// Nothing is in the directory but what a crash left of writing the first marker.
bool is_unbegun(const fs::path& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name == kMarkerFile || !name.starts_with(kMarkerFile)) return false;
  }
  return !error;
}

/// Gives the mirror's repository, which is made if there is none, and made anew if it is damaged.
Result<fs::path> prepare_mirror(const fs::path& directory) {
  std::error_code error;
  const bool exists = fs::exists(fs::symlink_status(directory, error));
  if (!exists || (fs::is_directory(directory, error) && is_unbegun(directory))) {
    TRY(make_directory(directory, 0700));
    return renew_mirror(directory);
  }
  const Result<fs::path> found = find_mirror(directory);
  if (!found && found.error().code() == ErrorCode::NotFound) {
    return fail(
        Error(ErrorCode::Conflict, fmt::format("{} is no mirror of Croft's", directory.string()))
            .with_hint("move it away"));
  }
  if (!found) return replace_damaged(directory, found.error().describe());
  // Marked, and then killed before it was made.
  if (!fs::exists(*found, error)) return renew_mirror(directory);
  git::remove_leftovers(*found);
  const Result<void> sound = probe_mirror(*found);
  if (sound) return found;
  return replace_damaged(directory, sound.error().describe());
}

class ChildFetchedMirror final : public Mirror {
 public:
  ChildFetchedMirror(fs::path directory, fs::path repository)
      : directory_(std::move(directory)), place_(Place{std::move(repository), {}}) {}

  Result<std::string> fetch(const RemoteRepository& remote, const FetchLimits& limits,
                            std::stop_token stop) override {
    std::optional<RememberedSecret> hidden;
    if (remote.https_password) hidden.emplace(*remote.https_password);
    TRY_ASSIGN(const git::RemoteAddress address, git::parse_remote(remote.url));
    return while_doing(fetch_from(address, remote, limits, std::move(stop)),
                       fmt::format("fetching {} from {}", remote.ref, address.url));
  }

  Result<void> pin(const std::string& name, const std::string& commit) override {
    TRY_ASSIGN(const std::string ref, pin_ref(name));
    TRY_ASSIGN(const auto repository, open());
    return repository->with([&](git_repository* handle) -> Result<void> {
      TRY_ASSIGN(const git::CommitHandle pinned, lookup_commit(handle, commit));
      git_reference* reference = nullptr;
      const int code = git_reference_create(&reference, handle, ref.c_str(),
                                            git_commit_id(pinned.get()), 1, nullptr);
      const git::ReferenceHandle owned(reference);
      return git::check(code, fmt::format("pinning the commit {} as {}", commit, name));
    });
  }

  Result<void> unpin(const std::string& name) override {
    TRY_ASSIGN(const std::string ref, pin_ref(name));
    TRY_ASSIGN(const auto repository, open());
    return repository->with([&](git_repository* handle) -> Result<void> {
      const int code = git_reference_remove(handle, ref.c_str());
      if (code == GIT_ENOTFOUND) return {};
      return git::check(code, "removing the pin " + name);
    });
  }

  Result<Commit> commit(const std::string& id) const override {
    TRY_ASSIGN(const auto repository, open());
    return repository->with([&](git_repository* handle) -> Result<Commit> {
      TRY_ASSIGN(const git::CommitHandle commit, lookup_commit(handle, id));
      const git_signature* author = git_commit_author(commit.get());
      const char* message = git_commit_message(commit.get());
      return Commit{
          id, message != nullptr ? message : "",
          author != nullptr ? fmt::format("{} <{}>", author->name, author->email) : std::string(),
          Timestamp(std::chrono::seconds(git_commit_time(commit.get())))};
    });
  }

  Result<std::shared_ptr<const FileTree>> tree(const std::string& commit,
                                               const std::string& path) const override {
    TRY_ASSIGN(const auto repository, open());
    const auto find = [&](git_repository* handle) -> Result<git_oid> {
      TRY_ASSIGN(const git::CommitHandle found, lookup_commit(handle, commit));
      const git_oid root = *git_commit_tree_id(found.get());
      return git::find_directory(handle, root, path == "." ? std::string_view() : path);
    };
    TRY_ASSIGN(const git_oid id, repository->with(find));
    return git::make_repository_tree(repository, id);
  }

  Result<std::string> fetched_tag() const override {
    TRY_ASSIGN(const auto repository, open());
    return repository->with([&](git_repository* handle) -> Result<std::string> {
      git_oid brought{};
      TRY(git::check(git_reference_name_to_id(&brought, handle, git::kFetchedRef),
                     "reading what was fetched"));
      TRY_ASSIGN(const ObjectHeader header, header_of(handle, brought));
      return header.type == GIT_OBJECT_TAG ? git::to_hex(brought) : std::string();
    });
  }

  Result<std::string> object(const std::string& id, std::size_t limit) const override {
    TRY_ASSIGN(const auto repository, open());
    return repository->with([&](git_repository* handle) -> Result<std::string> {
      TRY_ASSIGN(const git_oid oid, git::parse_id(id));
      TRY_ASSIGN(const ObjectHeader header, header_of(handle, oid));
      if (header.size > limit) {
        return fail(ErrorCode::Invalid,
                    fmt::format("it has {} bytes, more than {}", header.size, limit));
      }
      return bytes_of(handle, oid);
    });
  }

  Result<CommitRange> commits_between(const std::string& old, const std::string& commit,
                                      int limit) const override {
    for (const std::string& id : {old, commit}) {
      TRY(git::parse_id(id));
      const Result<Commit> known = this->commit(id);
      if (!known && known.error().code() == ErrorCode::NotFound) return CommitRange{};
      TRY(known);
    }
    const fs::path repository = path();
    TRY_ASSIGN(
        const ChildOutput listed,
        git::run_in_mirror(
            repository, {"rev-list", fmt::format("--max-count={}", limit + 1), commit, "^" + old},
            kListingDeadline, {}));
    if (listed.status != 0)
      return fail(ErrorCode::Internal, "listing the commits of a mirror: " + listed.error);
    TRY_ASSIGN(const std::set<std::string> cut, shallow_commits(repository));
    CommitRange range{ids_in(listed.output), true};
    const bool is_cut =
        std::ranges::any_of(range.commits, [&](const auto& id) { return cut.contains(id); });
    range.is_whole = !is_cut && range.commits.size() <= static_cast<std::size_t>(limit);
    return range;
  }

 private:
  static Result<std::string> pin_ref(const std::string& name) {
    std::string ref = std::string(kPinPrefix) + name;
    TRY(git::full_ref_name(ref));
    return ref;
  }

  /// Opened while somebody reads, closed in between: a daemon has many mirrors and not as many
  /// descriptors.
  Result<std::shared_ptr<Repository>> open() const {
    return place_.with([&](Place& place) -> Result<std::shared_ptr<Repository>> {
      if (auto repository = place.open.lock()) return repository;
      TRY_ASSIGN(auto repository, Repository::open(place.path, is_suspect_));
      place.open = repository;
      return repository;
    });
  }

  fs::path path() const {
    return place_.with([](const Place& place) { return place.path; });
  }

  Result<std::string> fetch_from(const git::RemoteAddress& address, const RemoteRepository& remote,
                                 const FetchLimits& limits, const std::stop_token& stop) {
    TRY_ASSIGN(const std::string ref, git::full_ref_name(remote.ref));
    if (*is_suspect_) {
      TRY(repair("reading it failed", stop));
    }
    if (auto unmoved = find_unmoved(address, ref); unmoved && has_history(*unmoved, limits))
      return *unmoved;
    TRY_ASSIGN(git::FetchOutcome outcome,
               git::fetch_newest(path(), address, ref, remote, limits, stop));
    Result<std::string> brought =
        outcome.refusal ? fail(std::move(*outcome.refusal)) : fetched_commit();
    if (brought) {
      tidy(stop);
      return brought;
    }
    if (outcome.refusal && !outcome.may_be_damage) return brought;
    TRY_ASSIGN(const bool was_damaged, repair(brought.error().describe(), stop));
    if (!was_damaged) return brought;
    TRY_ASSIGN(outcome, git::fetch_newest(path(), address, ref, remote, limits, stop));
    if (outcome.refusal) return fail(std::move(*outcome.refusal));
    return fetched_commit();
  }

  /// The commit that the last fetch brought, if it can be read; NotFound unless `expected` is what
  /// was brought.
  Result<std::string> fetched_commit(std::string_view expected = {}) const {
    TRY_ASSIGN(const auto repository, open());
    return repository->with([&](git_repository* handle) -> Result<std::string> {
      git_oid brought{};
      TRY(git::check(git_reference_name_to_id(&brought, handle, git::kFetchedRef),
                     "reading what was fetched"));
      if (!expected.empty() && git::to_hex(brought) != expected)
        return fail(ErrorCode::NotFound, "the ref moved");
      TRY_ASSIGN(std::string id, commit_of_ref(handle, git::kFetchedRef));
      TRY(probe_commit(handle, id));
      return id;
    });
  }

  /// The ref's commit if a look into a local repository says that the mirror has it already: no
  /// child is needed. Any doubt gives nothing, and the fetch finds out.
  std::optional<std::string> find_unmoved(const git::RemoteAddress& address,
                                          const std::string& ref) const {
    if (address.transport != git::Transport::Local) return std::nullopt;
    const auto layout = git::find_repository(address.url);
    if (!layout) return std::nullopt;
    const auto theirs = git::peek_ref(*layout, ref);
    if (!theirs) return std::nullopt;
    const auto ours = fetched_commit(*theirs);
    return ours ? std::optional(*ours) : std::nullopt;
  }

  /// A commit that came alone has to come again if its history is asked for.
  bool has_history(const std::string& commit, const FetchLimits& limits) const {
    if (limits.history <= 1) return true;
    const Result<std::set<std::string>> cut = shallow_commits(path());
    return cut && !cut->contains(commit);
  }

  /// Checks the whole mirror; makes it anew if it is damaged, and says whether it was.
  Result<bool> repair(const std::string& suspicion, const std::stop_token& stop) {
    const fs::path repository = path();
    if (probe_mirror(repository)) {
      TRY_ASSIGN(const ChildOutput checked,
                 git::run_in_mirror(repository, {"fsck", "--no-dangling", "--no-progress"},
                                    kUpkeepDeadline, stop));
      *is_suspect_ = checked.status != 0;
      if (checked.status == 0) return false;
    }
    TRY_ASSIGN(fs::path renewed, replace_damaged(directory_, suspicion));
    place_.with([&](Place& place) { place = Place{std::move(renewed), {}}; });
    *is_suspect_ = false;
    return true;
  }

  /// Packs again once fetches left many packs. A failure costs only speed.
  void tidy(const std::stop_token& stop) const {
    const fs::path repository = path();
    int packs = 0;
    std::error_code error;
    for (const auto& file : fs::directory_iterator(repository / "objects" / "pack", error)) {
      if (file.path().extension() == ".pack") ++packs;
    }
    if (packs < kPacksBeforeTidying) return;
    const auto done = git::run_in_mirror(
        repository, {"gc", "--quiet", "--cruft", "--prune=1.hour.ago"}, kUpkeepDeadline, stop);
    if (done && done->status == 0) return;
    git::remove_leftovers(repository);
    log_warning(
        "git", "a mirror could not be packed again",
        {{"mirror", directory_.string()}, {"why", done ? done->error : done.error().describe()}});
  }

  struct Place {
    fs::path path;
    std::weak_ptr<Repository> open;
  };

  const fs::path directory_;
  const Repository::Suspicion is_suspect_ = std::make_shared<std::atomic<bool>>(false);
  mutable Guarded<Place> place_;
};

}  // namespace

Result<std::unique_ptr<Mirror>> open_mirror(const fs::path& directory) {
  std::error_code error;
  const fs::path absolute = fs::absolute(directory, error);
  if (error) return fail(system_error(error.value(), "opening the mirror " + directory.string()));
  const fs::path normal = absolute.lexically_normal();
  TRY_ASSIGN(fs::path repository, prepare_mirror(normal));
  return std::make_unique<ChildFetchedMirror>(normal, std::move(repository));
}

}  // namespace croft
