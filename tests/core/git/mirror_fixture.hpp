#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/git/mirror.hpp"
#include "tests/support/git_repository.hpp"

namespace croft {

/// A bare repository, one to work in that pushes to it, and a mirror that follows its branch
/// `main`.
class MirrorFixture : public testing::Test {
 protected:
  std::filesystem::path mirror_path() const { return home_.path() / "mirrors" / "alice"; }

  /// The mirror's repository, which is another one after it was made anew.
  std::filesystem::path store() const {
    for (const auto& entry : std::filesystem::directory_iterator(mirror_path())) {
      if (entry.is_directory()) return entry.path();
    }
    return {};
  }

  Mirror& mirror() {
    if (!mirror_) reopen();
    return *mirror_;
  }

  void reopen() {
    mirror_.reset();
    auto opened = open_mirror(mirror_path());
    if (!opened) throw std::runtime_error(opened.error().describe());
    mirror_ = std::move(*opened);
  }

  RemoteRepository remote(const std::string& ref = "main") const {
    return {.url = bare_.path().string(), .ref = ref};
  }

  Result<std::string> fetch(const RemoteRepository& from) {
    return mirror().fetch(from, FetchLimits{}, {});
  }
  Result<std::string> fetch() { return fetch(remote()); }

  /// What a file holds at a commit of the mirror, or the error's text.
  std::string content(const std::string& commit, const std::string& path) {
    const auto tree = mirror().tree(commit, ".");
    if (!tree) return tree.error().describe();
    const auto entry = (*tree)->entry(path);
    if (!entry) return entry.error().describe();
    const auto read = (*tree)->read(entry->id, 1 << 20);
    return read ? *read : read.error().describe();
  }

  TemporaryDirectory home_ = TemporaryDirectory::make("croft-mirror-").value();
  GitRepository bare_ = GitRepository::make_bare();
  GitRepository work_ = bare_.clone();

 private:
  std::unique_ptr<Mirror> mirror_;
};

}  // namespace croft
