#include "core/manifest/compose/read_project.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/manifest/compose/canonical.hpp"
#include "core/manifest/compose/dotenv.hpp"
#include "core/manifest/compose/form.hpp"
#include "core/manifest/compose/merge.hpp"
#include "core/manifest/compose/words.hpp"
#include "core/manifest/source_text.hpp"

namespace croft::manifest::compose {

namespace {

constexpr std::size_t kLargestEnvironmentFile = 256 << 10;

std::string text_at(const Item& map, std::string_view key) {
  const Item* found = map.find(key);
  return found != nullptr && found->is_scalar() ? found->text : std::string();
}

// Places in a text of lines.
Spot line_spot(std::uint32_t source, std::string_view text, std::uint32_t line) {
  std::size_t offset = 0;
  for (std::uint32_t i = 1; i < line; ++i) {
    const std::size_t end = text.find('\n', offset);
    offset = end == std::string_view::npos ? text.size() : end + 1;
  }
  const std::size_t end = std::min(text.find('\n', offset), text.size());
  return {source,
          {static_cast<std::uint32_t>(offset), line, 1},
          static_cast<std::uint32_t>(std::max<std::size_t>(end - offset, 1))};
}

}  // namespace

std::string ProjectReader::in_repository(std::string_view path) const {
  return directory_.empty() ? std::string(path) : fmt::format("{}/{}", directory_, path);
}

Item ProjectReader::read(const ProjectFiles& files, const Spot& asked) {
  return load(files, asked, 0);
}

Item ProjectReader::read_inline(std::uint32_t source, std::string_view text) {
  const Source& made = sources_.at(source);
  const Parsed file{"", made.directory, made.variables, parse_text(source, text)};
  Item root = complete(file, 0);
  drop_tags(root);
  return root;
}

std::shared_ptr<const Variables> ProjectReader::variables_of(const ProjectFiles& files,
                                                             const Spot& asked) {
  if (!budget_.spend(files.variables->byte_count(), asked)) return files.variables;
  auto made = std::make_shared<Variables>(*files.variables);
  const auto path = resolve_path(files.directory, ".env");
  Variables own(files.variables.get());
  if (files.reads_dot_env && path) read_environment_file(*path, own, asked);
  made->add_all(own);
  return made;
}

bool ProjectReader::read_environment_file(const std::string& path, Variables& own,
                                          const Spot& asked) {
  const auto entry = repository_.find(path);
  // A directory may be called so, and is nobody's variables.
  if (!entry || entry->mode == FileMode::Directory) return false;
  if (const std::string_view why = why_no_file(*entry); !why.empty()) {
    complaints_.error(asked, fmt::format("'{}' {}", path, why),
                      "put a file with its content in its place");
    return true;
  }
  if (budget_.is_spent()) return true;
  const auto source = environment_text(path, *entry);
  if (!source) return true;
  const std::string& text = sources_.at(*source).text;
  if (!budget_.spend(text.size() + 1, asked)) return true;
  const EnvironmentFile read = read_environment(text, own);
  for (const EnvironmentFile::Problem& problem : read.problems)
    complaints_.report(problem.is_warning ? Weight::Warning : Weight::Error,
                       line_spot(*source, text, problem.line), problem.message, problem.hint);
  budget_.spend(read.bytes, asked);
  for (const EnvironmentFile::Line& line : read.lines) {
    if (!line.value) own.add(line.name, "");
  }
  return true;
}

std::optional<std::uint32_t> ProjectReader::environment_text(const std::string& path,
                                                             const TreeEntry& entry) {
  const auto [place, is_new] = environment_texts_.try_emplace(path);
  if (!is_new) return place->second;
  const auto text = repository_.read(entry, kLargestEnvironmentFile);
  Source made;
  made.file = in_repository(path);
  made.text = text.value_or("");
  const std::uint32_t source = sources_.add(std::move(made));
  const std::string& kept = sources_.at(source).text;
  if (!text || !is_utf8(kept) || kept.find('\0') != std::string::npos) {
    complaints_.error(
        line_spot(source, kept, 1),
        text ? "the file is not UTF-8 text"
             : fmt::format("the file is larger than {} KiB", kLargestEnvironmentFile >> 10));
    return std::nullopt;
  }
  place->second = source;
  return source;
}

Item ProjectReader::load(const ProjectFiles& files, const Spot& asked, std::size_t depth) {
  const auto variables = variables_of(files, asked);
  Item root = Item::map(asked);
  for (const std::string& path : files.paths) {
    if (std::ranges::find(including_, path) != including_.end()) {
      complaints_.error(asked, fmt::format("'{}' includes itself: {} → {}", path,
                                           fmt::join(including_, " → "), path));
      continue;
    }
    const Parsed* parsed = parse(path, files.directory, variables, asked);
    if (parsed == nullptr) continue;
    including_.push_back(path);
    root = merge_files(std::move(root), complete(*parsed, depth));
    drop_tags(root);  // they are about the files before, not about those that come
    including_.pop_back();
  }
  return root;
}

Item ProjectReader::complete(const Parsed& file, std::size_t depth) {
  Item root = file.root;
  extend_all(root, file);
  include(root, file, depth);
  return root;
}

const ProjectReader::Parsed* ProjectReader::parse(const std::string& path,
                                                  const std::string& directory,
                                                  std::shared_ptr<const Variables> variables,
                                                  const Spot& asked) {
  for (const auto& known : parsed_) {
    if (known->path == path && known->directory == directory && known->variables == variables)
      return known.get();
  }
  const auto entry = repository_.find(path);
  if (!entry || !why_no_file(*entry).empty()) {
    complaints_.error(asked,
                      entry ? fmt::format("'{}' {}", path, why_no_file(*entry))
                            : fmt::format("there is no file '{}'", path),
                      "paths are seen from the file that names them, and stay in the repository");
    return nullptr;
  }
  if (++files_ > kMostFiles) {
    complaints_.error(asked, fmt::format("the project has more than {} files", kMostFiles));
    return nullptr;
  }
  auto text = repository_.read(*entry, kLargestFile);
  if (!text) {
    if (!repository_.failure())
      complaints_.error(asked, fmt::format("'{}' is larger than {} KiB", path, kLargestFile >> 10));
    return nullptr;
  }
  Source made;
  made.file = in_repository(path);
  made.text = std::string(without_byte_order_mark(*text));
  made.directory = directory;
  made.variables = variables;
  const std::uint32_t source = sources_.add(std::move(made));
  parsed_.push_back(std::make_unique<Parsed>(
      Parsed{path, directory, std::move(variables), parse_text(source, sources_.at(source).text)}));
  return parsed_.back().get();
}

Item ProjectReader::parse_text(std::uint32_t source, std::string_view text) {
  const Spot whole{source, {}, 1};
  Item nothing = Item::map(whole);
  const auto spot = [&](const yaml::Mark& mark, std::uint32_t length) {
    return Spot{source, mark, std::max(length, 1U)};
  };
  if (const auto problem = check_source_text(text)) {
    complaints_.error(spot(problem->mark, problem->length), problem->message, problem->hint);
    return nothing;
  }
  const yaml::Tree tree = yaml::read(text, {.takes_merge_keys = true, .takes_tags = true});
  for (const yaml::Problem& problem : tree.problems)
    complaints_.error(spot(problem.mark, problem.length), problem.message, problem.hint);
  if (!tree.problems.empty()) return nothing;
  if (tree.documents.size() > 1) {
    complaints_.error(spot(tree.documents[1].mark, 1), "a compose file has one document",
                      "put the second into a file of its own, and name it in 'overrides'");
    return nothing;
  }
  if (tree.documents.empty()) return nothing;
  Item root = items_.read(tree, tree.documents[0].root, source, *sources_.at(source).variables);
  if (root.is_null() && root.tag == Item::Tag::None) {
    complaints_.error(whole, "the compose file is empty", "it has 'services'");
    return nothing;
  }
  if (!items_.count({}, whole)) return nothing;
  check_form(root, compose_file_form(), complaints_);
  if (!root.is_map()) return nothing;
  make_canonical(root, complaints_);
  return root;
}

void ProjectReader::include(Item& root, const Parsed& file, std::size_t depth) {
  const Item* includes = root.find("include");
  if (includes == nullptr) return;
  const Item copy = *includes;
  root.erase("include");
  if (depth >= kDeepest) {
    complaints_.error(copy.spot, fmt::format("includes nest deeper than {} levels", kDeepest));
    return;
  }
  for (const Item& one : copy.items) {
    if (files_ > kMostFiles || budget_.is_spent()) return;  // which was said
    // Each has variables of its own, whether there is a file or not.
    if (++includes_ > kMostFiles) {
      complaints_.error(one.spot, fmt::format("the project has more than {} files", kMostFiles));
      return;
    }
    if (one.is_map()) include_one(one, root, file, depth);
  }
}

void ProjectReader::include_one(const Item& include, Item& root, const Parsed& file,
                                std::size_t depth) {
  const ProjectFiles files = included_files(include, file);
  if (files.paths.empty()) return;
  import(root, load(files, include.spot, depth + 1));
}

ProjectFiles ProjectReader::included_files(const Item& include, const Parsed& file) {
  ProjectFiles made;
  const auto resolve = [&](const Item& item) {
    auto path = resolve_path(file.directory, item.text);
    if (!path)
      complaints_.error(item.spot,
                        fmt::format("'{}' is not in the repository", shortened(item.text)),
                        "what is included is a file of the same repository");
    return path;
  };
  const Item* paths = include.find("path");
  if (paths == nullptr || paths->items.empty()) {
    complaints_.error(include.spot, "include needs 'path', the file that it includes");
    return made;
  }
  for (const Item& item : paths->items) {
    if (auto path = resolve(item)) made.paths.push_back(std::move(*path));
  }
  if (made.paths.empty()) return made;
  made.directory = parent_of(made.paths.front());
  if (const Item* directory = include.find("project_directory"))
    made.directory = resolve(*directory).value_or("");
  if (!budget_.spend(file.variables->byte_count(), include.spot)) return {};
  auto variables = std::make_shared<Variables>(*file.variables);
  if (const Item* environment = include.find("env_file")) {
    made.reads_dot_env = false;
    Variables own(file.variables.get());
    for (const Item& item : environment->items) {
      const auto path = resolve(item);
      if (path && !read_environment_file(*path, own, item.spot))
        complaints_.error(item.spot, fmt::format("there is no file '{}'", *path));
    }
    variables->add_all(own);
  }
  made.variables = std::move(variables);
  return made;
}

// What is included must not say something else of what is there already.
void ProjectReader::import(Item& root, const Item& included) {
  for (const std::string_view section : {"services", "networks", "volumes", "configs", "secrets"}) {
    const Item* theirs = included.find(section);
    if (theirs == nullptr) continue;
    if (root.find(section) == nullptr) root.set(section, theirs->spot, Item::map(theirs->spot));
    Item& ours = *root.find(section);
    for (const Item::Entry& entry : theirs->entries) {
      const Item::Entry* known = ours.find_entry(entry.key);
      if (known == nullptr) {
        ours.set(entry.key, entry.spot, entry.value);
      } else if (!is_same(known->value, entry.value)) {
        const SourcePosition first = complaints_.position_of(entry.spot);
        complaints_.error(
            known->spot,
            fmt::format("{}.{} is included already, from {}:{}", section, entry.key, first.file,
                        first.line),
            "give it another name, or change the included one in a file of 'overrides'");
      }
    }
  }
}

void ProjectReader::extend_all(Item& root, const Parsed& file) {
  Item* services = root.find("services");
  if (services == nullptr || !services->is_map()) return;
  for (Item::Entry& entry : services->entries) {
    if (entry.value.find("extends") == nullptr) continue;
    std::vector<std::pair<std::string, std::string>> chain;
    entry.value = extended(file, entry, chain);
  }
}

const ProjectReader::Parsed* ProjectReader::extended_file(const Item& extends, const Parsed& file) {
  const Item* other = extends.find("file");
  if (other == nullptr || !other->is_scalar()) return &file;
  const auto path = resolve_path(file.directory, other->text);
  if (path && *path == file.path) return &file;
  if (!path) {
    complaints_.error(other->spot,
                      fmt::format("'{}' is not in the repository", shortened(other->text)),
                      "what is extended is in a file of the same repository");
    return nullptr;
  }
  return parse(*path, parent_of(*path), file.variables, other->spot);
}

Item ProjectReader::extended(const Parsed& file, const Item::Entry& service,
                             std::vector<std::pair<std::string, std::string>>& chain) {
  const Item* extends = service.value.find("extends");
  if (extends == nullptr || !extends->is_map()) return service.value;
  Item own = service.value;
  own.erase("extends");
  const std::pair<std::string, std::string> step{file.path, service.key};
  const bool is_known = std::ranges::find(chain, step) != chain.end();
  chain.push_back(step);
  if (is_known || chain.size() > kDeepest) {
    std::string circle;
    for (const auto& [path, name] : chain) circle += (circle.empty() ? "" : " → ") + name;
    complaints_.error(extends->spot,
                      chain.size() > kDeepest
                          ? fmt::format("extends goes on for more than {} services", kDeepest)
                          : "extends goes in a circle: " + circle);
    return service.value;
  }
  const std::string name = text_at(*extends, "service");
  const Parsed* other = extended_file(*extends, file);
  // What fails keeps its `extends`, which says that the service is half of one.
  if (other == nullptr || name.empty()) return service.value;
  const Item* services = other->root.find("services");
  const Item::Entry* base = services == nullptr ? nullptr : services->find_entry(name);
  if (base == nullptr) {
    std::vector<std::string_view> names;
    if (services != nullptr)
      for (const Item::Entry& entry : services->entries) names.push_back(entry.key);
    const Item* place = extends->find("service");
    complaints_.error(place->spot,
                      fmt::format("there is no service '{}' in '{}'", shortened(name), other->path),
                      did_you_mean(name, names));
    return service.value;
  }
  if (!items_.count(weight_of(base->value), extends->spot)) return own;
  Item made = extended(*other, *base, chain);
  drop_tags(made);  // they are about what stands before the other, not before this one
  return merge_services(std::move(made), own);
}

}  // namespace croft::manifest::compose
