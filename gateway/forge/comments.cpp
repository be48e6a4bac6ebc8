#include "gateway/forge/comments.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace croft {

namespace {

/// GitHub takes 65,536 characters, the others more.
constexpr std::size_t kLongest = 60'000;

std::string comments_path(const ForgeRepository& repository, std::int64_t merge_request) {
  const std::string root = repository_path(repository);
  switch (repository.forge) {
    case Forge::GitLab:
      return fmt::format("{}/merge_requests/{}/notes", root, merge_request);
    case Forge::Bitbucket:
      return fmt::format("{}/pullrequests/{}/comments", root, merge_request);
    case Forge::GitHub:
    case Forge::Gitea:
      break;
  }
  return fmt::format("{}/issues/{}/comments", root, merge_request);
}

Value comment_body(Forge forge, const std::string& text) {
  if (forge == Forge::Bitbucket) return Value::map({{"content", Value::map({{"raw", text}})}});
  return Value::map({{"body", text}});
}

/// A block whose fence is longer than any row of back-ticks in it; such rows are bounded, for
/// whoever wrote the text may be anybody.
std::string fenced(const std::string& given) {
  constexpr std::size_t kLongestRow = 16;
  std::string text;
  std::size_t longest = 2;
  std::size_t row = 0;
  for (const char letter : given) {
    row = letter == '`' ? row + 1 : 0;
    if (row > kLongestRow) continue;
    longest = std::max(longest, row);
    text += letter;
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}\n{}{}{}\n", fence, text, text.ends_with('\n') ? "" : "\n", fence);
}

}  // namespace

HttpRequest comments_request(const ForgeRepository& repository, std::int64_t merge_request,
                             int page) {
  const std::string path = comments_path(repository, merge_request);
  switch (repository.forge) {
    case Forge::GitHub:
      return forge_request(repository, "GET",
                           fmt::format("{}?per_page={}&page={}", path, kCommentsPerPage, page));
    case Forge::GitLab:
      return forge_request(repository, "GET",
                           fmt::format("{}?sort=asc&order_by=created_at&per_page={}&page={}", path,
                                       kCommentsPerPage, page));
    case Forge::Gitea:
      return forge_request(repository, "GET",
                           fmt::format("{}?limit={}&page={}", path, kCommentsPerPage, page));
    case Forge::Bitbucket:
      return forge_request(repository, "GET",
                           fmt::format("{}?pagelen={}&page={}", path, kCommentsPerPage, page));
  }
  return {};
}

std::vector<ForgeComment> comments_in(Forge forge, const Value& answer) {
  std::vector<ForgeComment> comments;
  const Value* list = forge == Forge::Bitbucket ? answer.find("values") : &answer;
  if (list == nullptr || !list->is_list()) return comments;
  for (const Value& one : list->as_list()) {
    comments.push_back({one.integer_or("id", 0),
                        one.text_or(forge == Forge::Bitbucket ? "content.raw" : "body", "")});
  }
  return comments;
}

std::int64_t comment_in(const Value& answer) { return answer.integer_or("id", 0); }

HttpRequest comment_request(const ForgeRepository& repository, std::int64_t merge_request,
                            const std::string& text) {
  return forge_request(repository, "POST", comments_path(repository, merge_request),
                       comment_body(repository.forge, text));
}

HttpRequest comment_update_request(const ForgeRepository& repository, std::int64_t merge_request,
                                   std::int64_t comment, const std::string& text) {
  const bool is_github_like = repository.forge == Forge::GitHub || repository.forge == Forge::Gitea;
  // Theirs belong to the repository, not to the issue.
  const std::string path =
      is_github_like ? fmt::format("{}/issues/comments/{}", repository_path(repository), comment)
                     : fmt::format("{}/{}", comments_path(repository, merge_request), comment);
  return forge_request(repository, is_github_like ? "PATCH" : "PUT", path,
                       comment_body(repository.forge, text));
}

std::string merge_request_ref(Forge forge, std::int64_t merge_request) {
  switch (forge) {
    case Forge::GitHub:
    case Forge::Gitea:
      return fmt::format("refs/pull/{}/head", merge_request);
    case Forge::GitLab:
      return fmt::format("refs/merge-requests/{}/head", merge_request);
    case Forge::Bitbucket:
      break;
  }
  return "";
}

HttpRequest merge_request_request(const ForgeRepository& repository, std::int64_t merge_request) {
  return forge_request(
      repository, "GET",
      fmt::format("{}/pullrequests/{}", repository_path(repository), merge_request));
}

std::string source_ref_in(const ForgeRepository& repository, const Value& answer) {
  const std::string branch = answer.text_or("source.branch.name", "");
  std::string from = answer.text_or("source.repository.full_name", "");
  std::string ours = repository.path;
  for (std::string* name : {&from, &ours}) {
    std::ranges::transform(*name, name->begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; });
  }
  return branch.empty() || from != ours ? std::string() : "refs/heads/" + branch;
}

std::string comment_marker(const std::string& mark) {
  return fmt::format("<!-- croft diff {} -->\n", mark);
}

std::string comment_text(const std::string& source, const RefDiff& diff,
                         const std::string& markdown) {
  const bool is_refused = !diff.problems.empty();
  const std::string& whole = is_refused ? diff.problems : markdown;
  // Shortened before it is fenced, so that the block is closed.
  const std::string text = shortened(whole, kLongest);
  std::string comment;
  if (is_refused) {
    comment = fmt::format("**Croft would refuse this for {}:**\n\n{}", source, fenced(text));
  } else {
    comment = text;
  }
  if (whole.size() > kLongest) comment += "\n\nThe rest is too long for a comment.\n";
  return fmt::format("{}\nAt {}. Nothing is applied before it is merged.\n", comment,
                     diff.revision.substr(0, 12));
}

}  // namespace croft
