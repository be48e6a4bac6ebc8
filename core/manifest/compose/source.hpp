#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/git/tree.hpp"
#include "core/manifest/compose/variables.hpp"
#include "core/manifest/diagnostic.hpp"
#include "core/yaml/tree.hpp"

namespace croft::manifest::compose {

/// Where a value stands: in which text of a project, and where there.
struct Spot {
  std::uint32_t source = 0;  ///< index in Sources
  yaml::Mark mark;
  std::uint32_t length = 1;
};

/// One text that values of a project come from, and what its relative paths and variables mean.
struct Source {
  std::string file;       ///< path in the repository, for people
  std::string text;       ///< as diagnostics show it
  std::string directory;  ///< that its relative paths are seen from, from the root of the tree
  std::shared_ptr<const Variables> variables;
  // Of a text inside a manifest (`inline`): what to add to its lines and columns.
  std::uint32_t lines_before = 0;
  std::uint32_t columns_before = 0;
  /// Every value stands there: the text is written in a way that hides its lines.
  std::optional<yaml::Mark> only_place;
};

/// The texts of one project. Spots stay good while others are added.
class Sources {
 public:
  std::uint32_t add(Source source);
  const Source& of(const Spot& spot) const { return *all_[spot.source]; }
  const Source& at(std::uint32_t index) const { return *all_[index]; }
  std::size_t count() const { return all_.size(); }

 private:
  std::vector<std::unique_ptr<Source>> all_;
};

/// Collects what is wrong with a project. Borrows both.
class Complaints {
 public:
  Complaints(const Sources& sources, Diagnostics& diagnostics)
      : sources_(sources), diagnostics_(diagnostics) {}

  void error(const Spot& spot, std::string message, std::string hint = {});
  void warning(const Spot& spot, std::string message, std::string hint = {});
  void report(Weight weight, const Spot& spot, std::string message, std::string hint);
  std::size_t error_count() const { return diagnostics_.errors; }
  /// Where a spot is in the file that people know.
  SourcePosition position_of(const Spot& spot) const;

 private:
  const Sources& sources_;
  Diagnostics& diagnostics_;
};

/// Bounds the text that a project takes from a few places into many: files of environment variables
/// and their values, variables that included files start with, what several services are given.
class TextBudget {
 public:
  static constexpr std::size_t kMost = 8 << 20;

  /// Borrows it.
  explicit TextBudget(Complaints& complaints) : complaints_(complaints) {}
  /// False once it is too much, which is reported at the first time.
  bool spend(std::size_t bytes, const Spot& spot);
  bool is_spent() const { return left_ == 0; }

 private:
  Complaints& complaints_;
  std::size_t left_ = kMost;
};

/// What a project sees of its repository. What cannot be read for other reasons than that it is
/// not there is kept, and ends the load.
class Repository {
 public:
  explicit Repository(const FileTree& tree) : tree_(tree) {}

  /// The entry at a path from the root ("" is the root), or nothing.
  std::optional<TreeEntry> find(std::string_view path);
  /// The content of a file of at most `limit` bytes, or nothing if it is larger.
  std::optional<std::string> read(const TreeEntry& file, std::size_t limit);
  const std::optional<Error>& failure() const { return failure_; }

 private:
  const FileTree& tree_;
  std::optional<Error> failure_;
};

/// Why an entry that is there is no file to read ("is a symbolic link, which is not followed");
/// empty if it is one.
std::string_view why_no_file(const TreeEntry& entry);

/// A path of a compose file ("./a", "../b", "c/") seen from a directory, as a path from the root of
/// the tree ("" is the root); nothing if it leads out of it or is absolute.
std::optional<std::string> resolve_path(std::string_view directory, std::string_view path);
/// The directory that a path from the root is in.
std::string parent_of(std::string_view path);

}  // namespace croft::manifest::compose
