#include "cli/commands/directory_request.hpp"

#include <set>

#include "cli/check/repository.hpp"
#include "gateway/api/upload.hpp"

namespace croft::cli {

Parameter directory_parameter() {
  return {.name = "DIR",
          .help = "Directory with manifests.",
          .fallback = "the current one",
          .completes = Completes::Directories};
}

std::string directory_of(const Invocation& invocation) {
  return invocation.arguments.text("DIR", ".");
}

Result<std::optional<Value>> directory_request(const Client& client, const Invocation& invocation,
                                               manifest::Diagnostics& diagnostics) {
  RepositoryRequest request;
  request.directory = directory_of(invocation);
  request.is_whole_set = false;
  TRY_ASSIGN(Repository repository, load_repository(request));
  expand_repository(repository, {});
  if (!repository.set.is_usable()) {
    diagnostics = std::move(repository.set.diagnostics);
    return std::nullopt;
  }
  Value body = Value::map({{"label", "working tree"}, {"tenant", ""}});
  std::set<std::string> secret_files;
  for (const auto& [path, text] : repository.set.secret_files) secret_files.insert(path);
  TRY_ASSIGN(Value upload, to_upload(*repository.tree, {}, secret_files));
  body.set("tree", std::move(upload));
  if (repository.scope != manifest::SourceScope::Platform) {
    TRY_ASSIGN(std::string tenant, tenant_of(client, invocation));
    body.set("tenant", std::move(tenant));
  }
  return body;
}

}  // namespace croft::cli
