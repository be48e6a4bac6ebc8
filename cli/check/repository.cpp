#include "cli/check/repository.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/manifest/locate.hpp"

namespace croft::cli {

namespace {

using manifest::SourceScope;

constexpr std::size_t kManyFiles = 100'000;
constexpr std::size_t kFileLimit = 1U << 20U;
constexpr std::string_view kSomeTenant = "tenant";
constexpr std::string_view kSoloTenant = "home";

bool is_yaml(std::string_view path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

/// The kinds that stand at the beginning of a line, "kind: Tenant", without reading the YAML:
/// detection must work on a repository that is broken.
void note_kinds(std::string_view text, std::set<Kind>& kinds) {
  constexpr std::string_view kKey = "kind:";
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    line = line.substr(0, line.find('#'));
    const std::size_t begin = line.find_first_not_of(" \t\"'");
    const std::size_t end = line.find_last_not_of(" \t\r\"'");
    if (begin == std::string_view::npos || end < begin) continue;
    if (const auto kind = kind_from(line.substr(begin, end - begin + 1))) kinds.insert(*kind);
  }
}

/// "." and "./" stand for the tree's own root.
std::string tree_path(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path == "." ? std::string() : std::string(path);
}

/// Tree ids of the directories that `files.path` names, and of those at the root, for suggestions.
std::map<std::pair<std::string, std::string>, std::string> trees_of(const Repository& repository) {
  std::map<std::pair<std::string, std::string>, std::string> trees;
  for (const Resource& resource : repository.set.resources) {
    const std::string path = resource.spec->text_or("files.path", "");
    if (path.empty()) continue;
    const Result<TreeEntry> entry = repository.tree->entry(tree_path(path));
    if (entry && entry->mode == FileMode::Directory)
      trees[{resource.origin.source, path}] = entry->id;
  }
  if (const auto entries = repository.tree->list("")) {
    for (const TreeEntry& entry : *entries) {
      if (entry.mode == FileMode::Directory)
        trees.try_emplace({repository.source, entry.name}, entry.id);
    }
  }
  return trees;
}

/// What can be said of Secrets without the server's keys: names, and what is no sealed value.
SecretTable secrets_of(const Repository& repository, std::vector<Problem>& problems) {
  std::map<std::pair<std::string, std::string>, std::string> files;
  for (const auto& [path, text] : repository.set.secret_files)
    files.emplace(std::pair(repository.source, path), text);
  return open_secrets(repository.set.resources, files, {repository.tenant, nullptr, ""}, problems);
}

std::vector<Problem> host_problems(const std::map<Ref, Desired>& desired,
                                   const PlatformView& platform) {
  const std::vector<HostClaim> wanted = claims_of(desired, "localhost");
  std::vector<std::string> allowed = platform.allowed_hosts.value_or(std::vector<std::string>());
  if (!platform.allowed_hosts) {
    for (const HostClaim& claim : wanted) allowed.push_back(claim.host);
  }
  return check_claims({}, wanted, allowed);
}

void add_problems(Repository& repository, const std::vector<Problem>& problems) {
  manifest::Locator locator(*repository.tree, repository.directory);
  for (const Problem& problem : problems) {
    const auto found = std::ranges::find(repository.set.resources, problem.ref, &Resource::ref);
    if (found == repository.set.resources.end()) {
      manifest::Diagnostic lost;
      lost.message = problem.message;
      if (!problem.ref.name.empty())
        lost.message = fmt::format("{}: {}", to_string(problem.ref), problem.message);
      lost.hint = problem.hint;
      repository.set.diagnostics.add(std::move(lost));
      continue;
    }
    const std::string path = problem.path.empty() ? "spec" : problem.path;
    repository.set.diagnostics.add(locator.diagnose(*found, path, problem.message, problem.hint));
  }
}

}  // namespace

std::string_view to_string(SourceScope scope) {
  switch (scope) {
    case SourceScope::Platform:
      return "platform";
    case SourceScope::Tenant:
      return "tenant";
    case SourceScope::Solo:
      return "solo";
  }
  return "tenant";
}

Result<SourceScope> detect_scope(const FileTree& tree) {
  TRY_ASSIGN(const std::vector<TreeFile> files, list_recursively(tree, kManyFiles));
  std::set<Kind> kinds;
  for (const TreeFile& file : files) {
    const bool is_file = file.mode == FileMode::Regular || file.mode == FileMode::Executable;
    if (!is_file || !is_yaml(file.path)) continue;
    if (const Result<std::string> text = tree.read(file.id, kFileLimit)) note_kinds(*text, kinds);
  }
  if (kinds.contains(Kind::Tenant) || kinds.contains(Kind::Plan) || kinds.contains(Kind::Source)) {
    return SourceScope::Platform;
  }
  const bool has_tenant_kinds =
      std::ranges::any_of(kinds, [](Kind kind) { return scope_of(kind) == KindScope::Tenant; });
  if (!kinds.contains(Kind::Provider)) return SourceScope::Tenant;
  return has_tenant_kinds ? SourceScope::Solo : SourceScope::Platform;
}

Result<Repository> load_repository(const RepositoryRequest& request) {
  Repository repository;
  TRY_ASSIGN(repository.tree, request.revision.empty()
                                  ? open_working_tree(request.directory)
                                  : open_revision(request.directory, request.revision));
  repository.scope = SourceScope::Tenant;
  if (request.scope) {
    repository.scope = *request.scope;
  } else {
    TRY_ASSIGN(repository.scope, detect_scope(*repository.tree));
  }
  if (repository.scope == SourceScope::Solo) repository.tenant = kSoloTenant;
  if (repository.scope == SourceScope::Tenant) {
    repository.tenant = request.tenant.empty() ? std::string(kSomeTenant) : request.tenant;
  }
  repository.source =
      repository.scope == SourceScope::Platform ? "platform" : repository.tenant + "/main";
  repository.directory = tree_path(request.directory);
  manifest::LoadRequest load;
  load.source = repository.source;
  load.tenant = repository.tenant;
  load.scope = repository.scope;
  load.directory = repository.directory;
  load.is_whole_set = request.is_whole_set;
  repository.is_whole_set = request.is_whole_set;
  manifest::DocumentCache cache;
  TRY_ASSIGN(repository.set, manifest::load(*repository.tree, load, cache));
  return repository;
}

PlatformTerms terms_of_repository(Repository& repository) {
  const std::vector<Resource>& resources = repository.set.resources;
  const Result<Scripts> scripts = read_scripts(*repository.tree, resources);
  if (!scripts) {
    add_problems(repository, {{Ref{}, "", scripts.error().describe(), ""}});
    return {};
  }
  PlatformTerms terms = make_platform_terms(resources, *scripts);
  add_problems(repository, terms.problems);
  return terms;
}

namespace {

void check_templates_of(Repository& repository) {
  const std::vector<Resource>& resources = repository.set.resources;
  const Result<Scripts> scripts = read_scripts(*repository.tree, resources);
  std::vector<Problem> problems;
  if (scripts) {
    check_templates(resources, *scripts, problems);
  } else {
    problems.push_back({Ref{}, "", scripts.error().describe(), ""});
  }
  add_problems(repository, problems);
}

}  // namespace

std::map<Ref, Desired> expand_repository(Repository& repository, const PlatformView& platform) {
  if (!repository.set.is_usable()) return {};
  if (repository.scope == SourceScope::Platform) terms_of_repository(repository);
  if (repository.scope == SourceScope::Solo) check_templates_of(repository);
  ExpandInput input;
  input.tenant = repository.tenant;
  input.resources = repository.set.resources;
  input.trees = trees_of(repository);
  input.providers = platform.providers;
  input.allowed_providers = platform.allowed_providers;
  input.placed = platform.placed;
  std::vector<Problem> problems;
  const SecretTable secrets = secrets_of(repository, problems);
  // Another of the tenant's sources may hold what is named here.
  if (repository.is_whole_set) input.secrets = &secrets;
  input.may_use_operator_secrets = repository.scope != SourceScope::Tenant;
  Expansion expansion = expand(input);
  add_problems(repository, problems);
  add_problems(repository, expansion.problems);
  add_problems(repository, host_problems(expansion.desired, platform));
  return std::move(expansion.desired);
}

}  // namespace croft::cli
