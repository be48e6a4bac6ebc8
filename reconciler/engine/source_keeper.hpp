#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/git/mirror.hpp"
#include "core/git/trust.hpp"
#include "core/git/watch.hpp"
#include "core/resource/resource.hpp"
#include "core/secret/operator_secrets.hpp"
#include "reconciler/engine/catalog.hpp"
#include "reconciler/engine/github_apps.hpp"
#include "reconciler/engine/loader.hpp"

namespace croft {

/// Keeps one source: its mirror, its newest commit, what its commits declare. On the control
/// executor; Git and YAML are read on the pool, one call at a time.
class SourceKeeper {
 public:
  struct Settings {
    std::filesystem::path mirror;  ///< directory of the mirror
    std::shared_ptr<const secret::OperatorSecrets> secrets;
    std::shared_ptr<GithubApps> apps;
    std::filesystem::path memory;  ///< the data directory that a place in memory is made for
    SourceScope scope = SourceScope::Tenant;
    std::shared_ptr<manifest::SpecPool> specs;  ///< shared by all sources
  };

  /// Fetching has a pool of its own: repositories that do not answer must not keep others from
  /// being read.
  SourceKeeper(asio::any_io_executor executor, BlockingPool& fetching, BlockingPool& reading,
               SourceDeclaration declaration, Settings settings, std::function<void()> changed);

  const SourceDeclaration& declaration() const { return declaration_; }

  /// Brings the newest commit and says which it is. Also begins to watch a local repository.
  Task<Result<std::string>> fetch();
  /// Whether the commit that fetch() brought may be loaded, by what the source says in `verify`.
  /// `applied` is the last that was, or empty: the same one is judged as of its own time.
  Task<Result<TrustVerdict>> judge(std::string commit, std::string applied);
  /// What another ref holds, and its commit.
  struct Other {
    std::string commit;
    std::shared_ptr<const FileTree> tree;  ///< of the source's directory
  };
  /// Brings the newest commit of another ref, within limits that suit what strangers may push, into
  /// a mirror of its own: nothing else waits for it, nor is replaced by it.
  Task<Result<Other>> fetch_other(std::string ref);
  /// What a commit declares. Invalid with rendered diagnostics if anything in it is wrong.
  Task<Result<std::shared_ptr<const SourceLoad>>> load(std::string commit);
  /// The directory `path` of the source at a commit.
  Task<Result<std::shared_ptr<const FileTree>>> tree(std::string commit, std::string path);
  /// Keeps that commit whatever the remote does.
  Task<Result<void>> pin(std::string commit);

  /// Removes the keys in memory that lie there for none of these, with `memory` as in Settings.
  static void forget_other_keys(const std::filesystem::path& memory,
                                const std::vector<SourceDeclaration>& declared);

  /// How long to wait before looking again: local repositories tell by themselves.
  Duration poll_interval() const;

 private:
  void start_watching();
  Result<Mirror*> opened();
  Result<Mirror*> opened_for_others(const RemoteRepository& remote);
  Result<std::string> key_in_memory(const std::string& name) const;
  using Token = std::optional<Secret<std::string>>;
  Task<Result<Token>> app_token();
  Result<RemoteRepository> remote(Token app_token) const;
  Result<std::string> fetch_head(const Token& app_token);

  asio::any_io_executor executor_;
  BlockingPool& fetching_;
  BlockingPool& reading_;
  SourceDeclaration declaration_;
  Settings settings_;
  std::function<void()> changed_;
  std::unique_ptr<Mirror> mirror_;
  std::string tag_;      ///< the annotated tag that the last fetch() brought, or empty
  std::string trusted_;  ///< what was found to be trusted last, and is not judged again
  std::unique_ptr<RefWatch> watch_;
  std::shared_ptr<DocumentCache> cache_;
  std::shared_ptr<FilesSizes> sizes_ = std::make_shared<FilesSizes>();
  Semaphore turn_;
  std::unique_ptr<Mirror> others_;  ///< for fetch_other()
  Semaphore others_turn_;
};

}  // namespace croft
