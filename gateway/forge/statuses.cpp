#include "gateway/forge/statuses.hpp"

#include <array>

#include <fmt/format.h>

#include "core/base/id.hpp"

namespace croft {

namespace {

/// Of GitHub; the others take more.
constexpr std::size_t kDescription = 140;
constexpr std::size_t kBitbucketKey = 40;
/// Statuses on a page: as many as they all give but Gitea, which gives what it likes.
constexpr std::size_t kPerPage = 100;

/// The word of a forge for a state.
std::string_view word(Forge forge, CommitState state) {
  if (forge == Forge::GitLab) {
    if (state == CommitState::Success) return "success";
    return state == CommitState::Pending ? "pending" : "failed";
  }
  if (forge == Forge::Bitbucket) {
    if (state == CommitState::Success) return "SUCCESSFUL";
    return state == CommitState::Pending ? "INPROGRESS" : "FAILED";
  }
  return to_string(state);
}

/// Bitbucket's name of a context, which it bounds.
std::string bitbucket_key(const std::string& context) {
  if (context.size() <= kBitbucketKey) return context;
  constexpr std::size_t kDigits = 12;
  return context.substr(0, kBitbucketKey - kDigits - 1) + "-" +
         sha256_hex(context).substr(0, kDigits);
}

Value github_body(const CommitReport& report) {
  Value body = Value::map({{"state", to_string(report.state)},
                           {"context", report.context},
                           {"description", shortened(report.description, kDescription)}});
  if (!report.link.empty()) body.set("target_url", report.link);
  return body;
}

Value gitlab_body(const CommitReport& report) {
  Value body = Value::map({{"state", word(Forge::GitLab, report.state)},
                           {"name", report.context},
                           {"description", shortened(report.description, kDescription)}});
  if (!report.link.empty()) body.set("target_url", report.link);
  return body;
}

Value bitbucket_body(const ForgeRepository& repository, const CommitReport& report) {
  // It wants a URL, always.
  const std::string link = report.link.empty() ? fmt::format("https://bitbucket.org/{}/commits/{}",
                                                             repository.path, report.revision)
                                               : report.link;
  return Value::map({{"key", bitbucket_key(report.context)},
                     {"name", report.context},
                     {"state", word(Forge::Bitbucket, report.state)},
                     {"description", shortened(report.description, kDescription)},
                     {"url", link}});
}

}  // namespace

std::string_view to_string(CommitState state) {
  switch (state) {
    case CommitState::Pending:
      return "pending";
    case CommitState::Success:
      return "success";
    case CommitState::Failure:
      return "failure";
    case CommitState::Error:
      return "error";
  }
  return "";
}

std::optional<CommitState> commit_state_from(std::string_view name) {
  for (const CommitState state :
       {CommitState::Pending, CommitState::Success, CommitState::Failure, CommitState::Error}) {
    if (to_string(state) == name) return state;
  }
  return std::nullopt;
}

HttpRequest status_request(const ForgeRepository& repository, const CommitReport& report) {
  const std::string root = repository_path(repository);
  const std::string revision = percent_encode(report.revision);
  switch (repository.forge) {
    case Forge::GitLab:
      return forge_request(repository, "POST", root + "/statuses/" + revision, gitlab_body(report));
    case Forge::Bitbucket:
      return forge_request(repository, "POST", root + "/commit/" + revision + "/statuses/build",
                           bitbucket_body(repository, report));
    case Forge::GitHub:
    case Forge::Gitea:
      break;
  }
  return forge_request(repository, "POST", root + "/statuses/" + revision, github_body(report));
}

HttpRequest statuses_request(const ForgeRepository& repository, const std::string& revision,
                             int page) {
  const std::string root = repository_path(repository);
  const std::string id = percent_encode(revision);
  std::string target;
  switch (repository.forge) {
    case Forge::GitHub:
      target = fmt::format("{}/commits/{}/statuses?per_page={}", root, id, kPerPage);
      break;
    case Forge::GitLab:
      target = fmt::format("{}/repository/commits/{}/statuses?per_page={}", root, id, kPerPage);
      break;
    case Forge::Gitea:
      target = fmt::format("{}/statuses/{}?sort=recentupdate&limit={}", root, id, kPerPage);
      break;
    case Forge::Bitbucket:
      target = fmt::format("{}/commit/{}/statuses?pagelen={}", root, id, kPerPage);
      break;
  }
  return forge_request(repository, "GET", fmt::format("{}&page={}", target, page));
}

bool ShownStatuses::add(const ForgeRepository& repository, const Value& answer) {
  const bool is_bitbucket = repository.forge == Forge::Bitbucket;
  const Value* list = is_bitbucket ? answer.find("values") : &answer;
  if (list == nullptr || !list->is_list()) return false;
  const char* name_field = is_bitbucket                        ? "key"
                           : repository.forge == Forge::GitLab ? "name"
                                                               : "context";
  for (const Value& one : list->as_list()) {
    // The first is the newest. GitHub and Bitbucket say `state`, the others `status`.
    words_.try_emplace(one.text_or(name_field, ""),
                       one.text_or("state", one.text_or("status", "")));
  }
  const std::size_t count = list->as_list().size();
  // How much a Gitea gives at the most is set by whoever runs it.
  return repository.forge == Forge::Gitea ? count > 0 : count >= kPerPage;
}

bool ShownStatuses::shows(const ForgeRepository& repository, const CommitReport& report) const {
  const bool is_bitbucket = repository.forge == Forge::Bitbucket;
  const auto found = words_.find(is_bitbucket ? bitbucket_key(report.context) : report.context);
  return found != words_.end() && found->second == word(repository.forge, report.state);
}

bool is_repetition(Forge forge, int status, std::string_view body) {
  return forge == Forge::GitLab && status == 400 &&
         body.find("Cannot transition status") != std::string_view::npos;
}

}  // namespace croft
