#include "cli/secret/reseal.hpp"

#include <algorithm>
#include <sys/stat.h>
#include <system_error>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/secret/seal.hpp"
#include "core/yaml/tree.hpp"

namespace croft::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestFile = 1 << 20;  // of a manifest

bool is_yaml(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

std::string text_at(const yaml::Tree& tree, const yaml::Node* map, std::string_view key) {
  const yaml::Node* found =
      map != nullptr && map->type == yaml::Node::Type::Map ? tree.find(*map, key) : nullptr;
  return found != nullptr && found->type == yaml::Node::Type::Scalar ? found->text : "";
}

/// One document's Secret, if it is one.
struct Found {
  std::string name;
  std::string sops_file;
  std::vector<std::pair<std::string, std::string>> values;  ///< by key
};

std::optional<Found> read_secret(const yaml::Tree& tree, const yaml::Node& root) {
  if (root.type != yaml::Node::Type::Map || text_at(tree, &root, "kind") != "Secret")
    return std::nullopt;
  Found found;
  found.name = text_at(tree, tree.find(root, "metadata"), "name");
  const yaml::Node* spec = tree.find(root, "spec");
  found.sops_file = text_at(tree, spec, "file");
  const yaml::Node* values =
      spec != nullptr && spec->type == yaml::Node::Type::Map ? tree.find(*spec, "values") : nullptr;
  if (values == nullptr || values->type != yaml::Node::Type::Map) return found;
  const auto items = tree.items(*values);
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    found.values.emplace_back(tree.at(items[i]).text, tree.at(items[i + 1]).text);
  return found;
}

class Resealer {
 public:
  Resealer(const fs::path& directory, const std::string& tenant,
           const std::function<Result<std::string>(const SealedValue&)>& reseal)
      : directory_(directory), tenant_(tenant), reseal_(reseal) {}

  Result<ResealReport> run() {
    std::error_code error;
    fs::recursive_directory_iterator walk(directory_, error);
    std::vector<fs::path> files;
    for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      if (walk->path().filename() == ".git") {
        walk.disable_recursion_pending();
      } else if (is_yaml(walk->path()) && fs::is_regular_file(walk->symlink_status())) {
        files.push_back(walk->path());
      }
    }
    if (error) return fail(system_error(error.value(), "looking through " + directory_.string()));
    std::ranges::sort(files);
    for (const fs::path& file : files) {
      TRY(while_doing(visit(file), fs::relative(file, directory_, error).string()));
    }
    return std::move(report_);
  }

 private:
  Result<void> visit(const fs::path& path) {
    Result<std::string> text = read_file(path, kLargestFile);
    if (!text || text->find("Secret") == std::string::npos) return {};  // no manifest of a Secret
    const yaml::Tree tree = yaml::read(*text);
    const std::string before = *text;
    const std::size_t known = report_.changed.size();
    for (const yaml::Tree::Document& document : tree.documents) {
      const auto found = read_secret(tree, tree.at(document.root));
      if (!found) continue;
      if (!found->sops_file.empty()) report_.sops_files.push_back(found->sops_file);
      Result<void> done = replace(path, *found, *text);
      if (!done) {
        report_.changed.resize(known);
        return done;
      }
    }
    if (*text == before) return {};
    struct stat status{};
    const unsigned mode = ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0644U;
    return write_file_atomic(path, *text, mode);
  }

  Result<void> replace(const fs::path& path, const Found& found, std::string& text) {
    for (const auto& [key, sealed] : found.values) {
      if (const auto problem = secret::sealed_problem(sealed))
        return fail(Error(*problem).while_doing(fmt::format("{}/{}", found.name, key)));
      TRY_ASSIGN(const std::string anew, while_doing(reseal_({tenant_, found.name, key, sealed}),
                                                     fmt::format("{}/{}", found.name, key)));
      if (anew == sealed) {
        ++report_.unchanged;
        continue;
      }
      const std::size_t at = text.find(sealed);
      if (at == std::string::npos)
        return fail(Error(ErrorCode::Invalid, "the sealed value is broken over several lines")
                        .with_hint("write it on one line, and try again")
                        .while_doing(fmt::format("{}/{}", found.name, key)));
      text.replace(at, sealed.size(), anew);
      std::error_code ignored;
      report_.changed.push_back(
          {fs::relative(path, directory_, ignored).string(), found.name, key});
    }
    return {};
  }

  const fs::path& directory_;
  const std::string& tenant_;
  const std::function<Result<std::string>(const SealedValue&)>& reseal_;
  ResealReport report_;
};

}  // namespace

Result<ResealReport> reseal_directory(
    const fs::path& directory, const std::string& tenant,
    const std::function<Result<std::string>(const SealedValue&)>& reseal) {
  return Resealer(directory, tenant, reseal).run();
}

}  // namespace croft::cli
