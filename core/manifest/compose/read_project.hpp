#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/manifest/compose/item.hpp"

namespace croft::manifest::compose {

/// What a project is read from.
struct ProjectFiles {
  std::vector<std::string> paths;  ///< from the root of the tree; each is laid over those before it
  std::string directory;           ///< relative paths are seen from there
  std::shared_ptr<const Variables> variables;  ///< what is said before any `.env`
  bool reads_dot_env = true;                   ///< the `.env` in the directory counts
};

/// Reads the files of a project with all that they include and extend, and makes one canonical file
/// of them. Everything that is wrong is reported.
class ProjectReader {
 public:
  static constexpr std::size_t kMostFiles = 50;
  static constexpr std::size_t kDeepest = 20;  ///< includes in includes, links of extends

  /// `directory`: where the tree's root lies in its repository, for the names of files. Borrows
  /// all but it.
  ProjectReader(Repository& repository, Sources& sources, Complaints& complaints,
                TextBudget& budget, std::string directory)
      : repository_(repository),
        sources_(sources),
        complaints_(complaints),
        budget_(budget),
        directory_(std::move(directory)),
        items_(complaints) {}

  /// `asked` is what asks for the files, for those that are not there.
  Item read(const ProjectFiles& files, const Spot& asked);
  /// One file whose text is in the sources already, and stands in the place of a file.
  Item read_inline(std::uint32_t source, std::string_view text);
  /// The variables of a project: those given, then those of the `.env` in its directory.
  std::shared_ptr<const Variables> variables_of(const ProjectFiles& files, const Spot& asked);

 private:
  /// Reads a file of environment variables, named at `asked`, into those of files before it, which
  /// stand behind those that win. False if it is not there.
  bool read_environment_file(const std::string& path, Variables& own, const Spot& asked);
  /// Its text, kept once; nothing if it is none, which is reported.
  std::optional<std::uint32_t> environment_text(const std::string& path, const TreeEntry& entry);

  struct Parsed {
    std::string path;
    std::string directory;
    std::shared_ptr<const Variables> variables;
    Item root;
  };

  Item load(const ProjectFiles& files, const Spot& asked, std::size_t depth);
  Item complete(const Parsed& file, std::size_t depth);
  const Parsed* parse(const std::string& path, const std::string& directory,
                      std::shared_ptr<const Variables> variables, const Spot& asked);
  Item parse_text(std::uint32_t source, std::string_view text);
  std::string in_repository(std::string_view path) const;

  void include(Item& root, const Parsed& file, std::size_t depth);
  void include_one(const Item& include, Item& root, const Parsed& file, std::size_t depth);
  ProjectFiles included_files(const Item& include, const Parsed& file);
  void import(Item& root, const Item& included);

  void extend_all(Item& root, const Parsed& file);
  Item extended(const Parsed& file, const Item::Entry& service,
                std::vector<std::pair<std::string, std::string>>& chain);
  const Parsed* extended_file(const Item& extends, const Parsed& file);

  Repository& repository_;
  Sources& sources_;
  Complaints& complaints_;
  TextBudget& budget_;
  std::string directory_;
  ItemReader items_;
  std::vector<std::unique_ptr<Parsed>> parsed_;
  std::vector<std::string> including_;  ///< files that are being included, outermost first
  std::map<std::string, std::optional<std::uint32_t>> environment_texts_;  ///< path → source
  std::size_t files_ = 0;
  std::size_t includes_ = 0;
};

}  // namespace croft::manifest::compose
