#include <cstdlib>
#include <optional>

#include "core/base/files.hpp"

namespace croft {
namespace {

// These tests read and write the user's Git configuration (safe.directory), so they get a home of
// their own, before anything starts libgit2.
struct Home {
  Home() {
    if (auto made = TemporaryDirectory::make("croft-home-")) directory.emplace(std::move(*made));
    if (directory) ::setenv("HOME", directory->path().c_str(), 1);
    ::unsetenv("XDG_CONFIG_HOME");
  }
  std::optional<TemporaryDirectory> directory;
};

const Home home;

}  // namespace
}  // namespace croft
