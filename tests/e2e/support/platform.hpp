#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/e2e/support/daemon.hpp"
#include "tests/e2e/support/http_client.hpp"
#include "tests/support/git_repository.hpp"

namespace croft::e2e {

/// A small app: answers every request with `text`, then "boot" and a number that is new at each of
/// its starts. Its process carries E2E_MARKER=marker.
GitRepository::Files app_files(const std::string& name, const std::string& text,
                               const std::string& marker);
/// A site with one page.
GitRepository::Files site_files(const std::string& name, const std::string& text);

/// An operator's platform with tenants: bare repositories as on a Git host, clones to work in, and
/// a daemon (not started yet) that watches them.
class Platform {
 public:
  explicit Platform(const std::vector<std::string>& tenants);

  Daemon daemon;

  /// The tenant's working clone.
  GitRepository& clone(const std::string& tenant) { return clones_.at(tenant); }
  /// That of the platform's repository.
  GitRepository& operators_clone() { return platform_clone_; }
  /// Writes the files, commits all and pushes: the commit's id.
  std::string push(const std::string& tenant, const GitRepository::Files& files,
                   const std::string& message = "change");
  /// Pushes a file of the platform's repository.
  void operate(const std::string& file, const std::string& yaml);
  /// Pushes a Provider `docker` for the engine there.
  void provide_docker(const std::string& host);
  /// Pushes a platform with these tenants only.
  void declare(const std::vector<std::string>& tenants, const std::string& message = "tenants");

  /// `croft reconcile --wait`, which throws if it fails.
  void settle(const std::string& tenant = "");
  /// Waits until the host answers 200 with this text.
  bool shows(const std::string& host, const std::string& text) const;
  Answer get(const std::string& host, const std::string& path = "/") const;

 private:
  GitRepository platform_;
  GitRepository platform_clone_;
  std::map<std::string, GitRepository> repositories_;
  std::map<std::string, GitRepository> clones_;
};

}  // namespace croft::e2e
