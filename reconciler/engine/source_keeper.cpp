#include "reconciler/engine/source_keeper.hpp"

#include <set>

#include "core/base/files.hpp"
#include "core/base/id.hpp"
#include "core/base/log.hpp"
#include "core/base/metric_families.hpp"

namespace croft {

namespace {

/// A merge request may come from anybody's fork.
constexpr std::uint64_t kStrangersPack = 128ULL << 20U;
constexpr std::size_t kLongestCredential = 65'536;
constexpr std::string_view kKeyPrefix = "ssh-";

std::string key_file_of(const SourceDeclaration& declaration) {
  return std::string(kKeyPrefix) + sha256_hex(declaration.key);
}

}  // namespace

SourceKeeper::SourceKeeper(asio::any_io_executor executor, BlockingPool& fetching,
                           BlockingPool& reading, SourceDeclaration declaration, Settings settings,
                           std::function<void()> changed)
    : executor_(executor),
      fetching_(fetching),
      reading_(reading),
      declaration_(std::move(declaration)),
      settings_(std::move(settings)),
      changed_(std::move(changed)),
      cache_(std::make_shared<DocumentCache>(settings_.specs)),
      turn_(executor, 1),
      others_turn_(executor, 1) {}

Result<Mirror*> SourceKeeper::opened() {
  if (!mirror_) {
    TRY_ASSIGN(mirror_, open_mirror(settings_.mirror));
  }
  return mirror_.get();
}

void SourceKeeper::forget_other_keys(const std::filesystem::path& memory,
                                     const std::vector<SourceDeclaration>& declared) {
  std::set<std::string> kept;
  for (const SourceDeclaration& one : declared) {
    if (!one.credentials.empty()) kept.insert(key_file_of(one));
  }
  secret::sweep_memory(memory, kKeyPrefix, kept);
}

/// It holds what the source follows as well, once, so that others' refs bring what differs only.
Result<Mirror*> SourceKeeper::opened_for_others(const RemoteRepository& remote) {
  if (!others_) {
    const std::filesystem::path& own = settings_.mirror;
    TRY_ASSIGN(auto others, open_mirror(own.parent_path() / "merge-requests" / own.filename()));
    TRY_ASSIGN(const std::string followed, others->fetch(remote, FetchLimits{}, {}));
    TRY(others->pin("followed", followed));
    others_ = std::move(others);
  }
  return others_.get();
}

/// ssh wants a file; this one lies on no disk.
Result<std::string> SourceKeeper::key_in_memory(const std::string& name) const {
  TRY_ASSIGN(const Secret<std::string> key, settings_.secrets->find(name, kLongestCredential));
  TRY_ASSIGN(const std::filesystem::path directory, secret::memory_directory(settings_.memory));
  const std::filesystem::path file = directory / key_file_of(declaration_);
  std::string text = key.reveal();
  if (!text.ends_with('\n')) text += '\n';  // OpenSSH takes no key without
  TRY(write_file_atomic(file, text, 0600));
  return file.string();
}

Task<Result<SourceKeeper::Token>> SourceKeeper::app_token() {
  if (!declaration_.app || !settings_.apps) co_return Token();
  CO_TRY_ASSIGN(Secret<std::string> token, co_await settings_.apps->token(*declaration_.app));
  co_return Token(std::move(token));
}

Result<RemoteRepository> SourceKeeper::remote(Token app_token) const {
  RemoteRepository remote;
  remote.url = declaration_.url;
  remote.ref = declaration_.ref;
  if (app_token) {
    remote.https_user = "x-access-token";
    remote.https_password = std::move(app_token);
    return remote;
  }
  if (declaration_.credentials.empty()) return remote;
  const std::string& name = declaration_.credentials;
  const std::filesystem::path& directory = settings_.secrets->directory();
  if (declaration_.url.starts_with("https://")) {
    TRY_ASSIGN(remote.https_password, settings_.secrets->find_line(name, kLongestCredential));
    remote.https_user = "croft";
  } else {
    remote.ssh_key_file = (directory / name).string();
    if (settings_.secrets->is_declared(name)) {
      TRY_ASSIGN(remote.ssh_key_file, key_in_memory(name));
    }
    const std::filesystem::path known_hosts = directory / "known_hosts";
    if (std::filesystem::exists(known_hosts)) remote.ssh_known_hosts_file = known_hosts.string();
  }
  return remote;
}

void SourceKeeper::start_watching() {
  // Before the refs are read: what moves in between is noticed, at worst twice.
  if (watch_ || !is_local_repository(declaration_.url)) return;
  Result<std::unique_ptr<RefWatch>> watch = watch_refs(executor_, declaration_.url, changed_);
  if (watch) {
    watch_ = std::move(*watch);
  } else {
    log_debug("source", "cannot watch a local repository; it is polled instead",
              {{"source", declaration_.key}, {"error", watch.error().describe()}});
  }
}

Result<std::string> SourceKeeper::fetch_head(const Token& app_token) {
  TRY_ASSIGN(Mirror* const mirror, opened());
  TRY_ASSIGN(const RemoteRepository repository, remote(app_token));
  FetchLimits limits;
  if (declaration_.verify && declaration_.verify->is_for_every)
    limits.history = kMostCommitsJudged + 1;
  TRY_ASSIGN(std::string head, mirror->fetch(repository, limits, {}));
  if (declaration_.verify) {
    TRY_ASSIGN(tag_, mirror->fetched_tag());
  }
  return head;
}

Task<Result<std::string>> SourceKeeper::fetch() {
  const Semaphore::Permit permit = co_await turn_.acquire();
  start_watching();
  Result<Token> token = co_await app_token();
  if (!token) {
    co_return while_doing(Result<std::string>(fail(std::move(token.error()))),
                          "fetching source " + declaration_.key);
  }
  auto work = [this, token = std::move(*token)]() { return fetch_head(token); };
  const auto begun = std::chrono::steady_clock::now();
  Result<std::string> head = co_await fetching_.run(std::move(work));
  static metrics::Histogram& seconds = metrics::registry().histogram(metrics::kGitFetchSeconds);
  seconds.observe(std::chrono::steady_clock::now() - begun);
  metrics::registry().counter(metrics::kGitFetches, {head ? "ok" : "failed"}).add();
  if (!head && head.error().code() == ErrorCode::Denied && declaration_.app && settings_.apps)
    settings_.apps->forget(*declaration_.app);
  co_return while_doing(std::move(head),
                        "fetching source " + declaration_.key + " from " + declaration_.url);
}

Task<Result<TrustVerdict>> SourceKeeper::judge(std::string commit, std::string applied) {
  if (!declaration_.verify) co_return TrustVerdict{};
  const Semaphore::Permit permit = co_await turn_.acquire();
  const std::string what = commit + tag_;
  if (trusted_ == what) co_return TrustVerdict{};
  auto work = [this, commit, applied]() -> Result<TrustVerdict> {
    TRY_ASSIGN(Mirror* const mirror, opened());
    TrustQuestion question;
    question.keys = declaration_.verify->keys;
    question.commit = commit;
    question.ref = declaration_.ref;
    question.tag = tag_;
    question.is_old = commit == applied;
    if (declaration_.verify->is_for_every && !question.is_old) question.since = applied;
    return judge_revision(*mirror, question);
  };
  Result<TrustVerdict> verdict = co_await reading_.run(std::move(work));
  if (verdict && !verdict->distrust) trusted_ = what;
  co_return while_doing(std::move(verdict), "judging the signatures of source " + declaration_.key);
}

Task<Result<SourceKeeper::Other>> SourceKeeper::fetch_other(std::string ref) {
  const Semaphore::Permit permit = co_await others_turn_.acquire();
  CO_TRY_ASSIGN(Token token, co_await app_token());
  auto work = [this, ref, token = std::move(token)]() -> Result<Other> {
    TRY_ASSIGN(RemoteRepository repository, remote(token));
    TRY_ASSIGN(Mirror* const mirror, opened_for_others(repository));
    repository.ref = ref;
    FetchLimits limits;
    limits.pack_bytes = kStrangersPack;
    Other other;
    TRY_ASSIGN(other.commit, mirror->fetch(repository, limits, {}));
    TRY_ASSIGN(other.tree, mirror->tree(other.commit, declaration_.path));
    return other;
  };
  Result<Other> found = co_await fetching_.run(std::move(work));
  co_return while_doing(std::move(found), "fetching " + ref + " from " + declaration_.url);
}

Task<Result<std::shared_ptr<const SourceLoad>>> SourceKeeper::load(std::string commit) {
  const Semaphore::Permit permit = co_await turn_.acquire();
  auto work = [this, commit]() -> Result<std::shared_ptr<const SourceLoad>> {
    TRY_ASSIGN(Mirror* const mirror, opened());
    TRY_ASSIGN(const Commit facts, mirror->commit(commit));
    TRY_ASSIGN(const auto tree, mirror->tree(commit, declaration_.path));
    manifest::LoadRequest request;
    request.source = declaration_.key;
    request.tenant = declaration_.tenant;
    request.scope = settings_.scope;
    request.is_whole_set = request.scope == SourceScope::Platform;
    TRY_ASSIGN(SourceLoad loaded, load_source(*tree, request, *cache_, *sizes_));
    loaded.commit = commit;
    loaded.message = facts.message;
    return std::make_shared<const SourceLoad>(std::move(loaded));
  };
  co_return co_await reading_.run(std::move(work));
}

Task<Result<std::shared_ptr<const FileTree>>> SourceKeeper::tree(std::string commit,
                                                                 std::string path) {
  const Semaphore::Permit permit = co_await turn_.acquire();
  auto work = [this, commit, path]() -> Result<std::shared_ptr<const FileTree>> {
    TRY_ASSIGN(Mirror* const mirror, opened());
    TRY_ASSIGN(const auto root, mirror->tree(commit, declaration_.path));
    return root->subtree(path == "." ? "" : path);
  };
  co_return co_await reading_.run(std::move(work));
}

Task<Result<void>> SourceKeeper::pin(std::string commit) {
  const Semaphore::Permit permit = co_await turn_.acquire();
  auto work = [this, commit]() -> Result<void> {
    TRY_ASSIGN(Mirror* const mirror, opened());
    return mirror->pin("applied", commit);
  };
  co_return co_await reading_.run(std::move(work));
}

Duration SourceKeeper::poll_interval() const {
  // A watched repository is polled all the same, seldom: inotify does not reach across every kind
  // of mount.
  return watch_ ? declaration_.interval * 10 : declaration_.interval;
}

}  // namespace croft
