#include "gateway/receivers/delivery.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "core/base/value.hpp"

namespace croft {

namespace {

constexpr std::size_t kMostMoves = 1'000;
constexpr std::string_view kHeads = "refs/heads/";
constexpr std::string_view kTags = "refs/tags/";

std::string header(const HttpHeaders& headers, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const std::string* value = headers.find(name)) return *value;
  }
  return "";
}

/// An all-zero id stands for "not there" with every vendor.
std::string commit_or_nothing(std::string id) {
  return id.find_first_not_of('0') == std::string::npos ? std::string() : id;
}

Delivery of(Delivery::Kind kind, std::vector<std::string> repositories) {
  Delivery delivery;
  delivery.kind = kind;
  delivery.repositories = std::move(repositories);
  return delivery;
}

std::vector<std::string> texts_at(const Value& payload, std::initializer_list<const char*> paths) {
  std::vector<std::string> texts;
  for (const char* path : paths) {
    std::string text = payload.text_or(path, "");
    if (!text.empty() && std::ranges::count(texts, text) == 0) texts.push_back(std::move(text));
  }
  return texts;
}

/// The push of GitHub, GitLab, Gitea and Forgejo: one ref, before, after.
Result<Delivery> read_push(const Value& payload, std::vector<std::string> repositories) {
  const std::string ref = payload.text_or("ref", "");
  if (!ref.starts_with("refs/")) return fail(ErrorCode::Invalid, "a push without a full 'ref'");
  const bool is_tag = ref.starts_with(kTags);
  Delivery delivery =
      of(is_tag ? Delivery::Kind::Tag : Delivery::Kind::Push, std::move(repositories));
  delivery.moves.push_back({ref, commit_or_nothing(payload.text_or("before", "")),
                            commit_or_nothing(payload.text_or("after", ""))});
  return delivery;
}

Result<Delivery> read_merge_request(std::int64_t number, const std::string& target,
                                    std::vector<std::string> repositories) {
  if (number <= 0 || target.empty())
    return fail(ErrorCode::Invalid, "a merge request without a number or a target branch");
  Delivery delivery = of(Delivery::Kind::MergeRequest, std::move(repositories));
  delivery.merge_request = number;
  delivery.target_ref = std::string(kHeads) + target;
  return delivery;
}

/// GitHub's form, which Gitea and Forgejo share.
Result<Delivery> read_github_form(const std::string& event, const Value& payload) {
  std::vector<std::string> repositories =
      texts_at(payload, {"repository.clone_url", "repository.ssh_url", "repository.html_url"});
  if (event == "ping") return of(Delivery::Kind::Ping, std::move(repositories));
  if (event == "push") return read_push(payload, std::move(repositories));
  if (event == "pull_request" || event == "pull_request_sync") {
    static constexpr std::array<std::string_view, 4> kActions{"opened", "reopened", "synchronize",
                                                              "synchronized"};
    if (std::ranges::count(kActions, payload.text_or("action", "")) == 0)
      return of(Delivery::Kind::Other, std::move(repositories));
    return read_merge_request(payload.integer_or("number", 0),
                              payload.text_or("pull_request.base.ref", ""),
                              std::move(repositories));
  }
  return of(Delivery::Kind::Other, std::move(repositories));
}

Result<Delivery> read_gitlab(const Value& payload) {
  std::vector<std::string> repositories =
      texts_at(payload, {"project.git_http_url", "project.git_ssh_url", "repository.git_http_url",
                         "repository.git_ssh_url"});
  // Group and project hooks say object_kind, system hooks event_name.
  const std::string kind = payload.text_or("object_kind", payload.text_or("event_name", ""));
  if (kind == "push" || kind == "tag_push") return read_push(payload, std::move(repositories));
  if (kind == "merge_request") {
    const std::string action = payload.text_or("object_attributes.action", "");
    // An update without `oldrev` is about titles and labels.
    const bool has_news =
        action == "open" || action == "reopen" ||
        (action == "update" && !payload.text_or("object_attributes.oldrev", "").empty());
    if (!has_news) return of(Delivery::Kind::Other, std::move(repositories));
    return read_merge_request(payload.integer_or("object_attributes.iid", 0),
                              payload.text_or("object_attributes.target_branch", ""),
                              std::move(repositories));
  }
  return of(Delivery::Kind::Other, std::move(repositories));
}

/// One of `changes`: old and new are null where the ref is not there.
Result<Delivery::Move> read_bitbucket_change(const Value& change) {
  const Value* now = change.find("new");
  const Value* then = change.find("old");
  const Value* named = now != nullptr && now->is_map() ? now : then;
  const std::string name = named == nullptr ? "" : named->text_or("name", "");
  if (name.empty()) return fail(ErrorCode::Invalid, "a change without a ref");
  const bool is_tag = named->text_or("type", "branch").find("tag") != std::string::npos;
  return Delivery::Move{std::string(is_tag ? kTags : kHeads) + name,
                        change.text_or("old.target.hash", ""),
                        change.text_or("new.target.hash", "")};
}

Result<Delivery> read_bitbucket_push(const Value& payload, std::vector<std::string> repositories) {
  const Value* changes = payload.at_path("push.changes");
  if (changes == nullptr || !changes->is_list() || changes->size() == 0)
    return fail(ErrorCode::Invalid, "a push without 'changes'");
  // Without any it concerns every ref.
  if (changes->size() > kMostMoves) return of(Delivery::Kind::Push, std::move(repositories));
  Delivery delivery = of(Delivery::Kind::Tag, std::move(repositories));
  for (const Value& change : changes->as_list()) {
    TRY_ASSIGN(Delivery::Move move, read_bitbucket_change(change));
    if (!move.ref.starts_with(kTags)) delivery.kind = Delivery::Kind::Push;
    delivery.moves.push_back(std::move(move));
  }
  return delivery;
}

Result<Delivery> read_bitbucket(const std::string& event, const Value& payload) {
  std::vector<std::string> repositories = texts_at(payload, {"repository.links.html.href"});
  if (event == "repo:push") return read_bitbucket_push(payload, std::move(repositories));
  if (event == "diagnostics:ping") return of(Delivery::Kind::Ping, std::move(repositories));
  if (event == "pullrequest:created" || event == "pullrequest:updated") {
    return read_merge_request(payload.integer_or("pullrequest.id", 0),
                              payload.text_or("pullrequest.destination.branch.name", ""),
                              std::move(repositories));
  }
  return of(Delivery::Kind::Other, std::move(repositories));
}

Result<Delivery> read_generic(const Value& payload) {
  std::vector<std::string> repositories = texts_at(payload, {"repository"});
  if (payload.find("ref") != nullptr) return read_push(payload, std::move(repositories));
  return of(Delivery::Kind::Push, std::move(repositories));
}

int digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

/// The field `payload` of a form, decoded; a broken escape stays as it is, and is no JSON then.
std::string payload_of_form(std::string_view form) {
  constexpr std::string_view kField = "payload=";
  while (!form.empty() && !form.starts_with(kField)) {
    const std::size_t next = form.find('&');
    form.remove_prefix(next == std::string_view::npos ? form.size() : next + 1);
  }
  form.remove_prefix(std::min(kField.size(), form.size()));
  form = form.substr(0, form.find('&'));
  std::string text;
  text.reserve(form.size());
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool is_escape =
        form[i] == '%' && i + 2 < form.size() && digit(form[i + 1]) >= 0 && digit(form[i + 2]) >= 0;
    if (is_escape) {
      text += static_cast<char>(digit(form[i + 1]) * 16 + digit(form[i + 2]));
      i += 2;
    } else {
      text += form[i] == '+' ? ' ' : form[i];
    }
  }
  return text;
}

Result<Value> read_payload(const HttpHeaders& headers, std::string_view body) {
  const std::string* type = headers.find("Content-Type");
  const bool is_form = type != nullptr && type->starts_with("application/x-www-form-urlencoded");
  TRY_ASSIGN(Value payload, is_form ? parse_json(payload_of_form(body)) : parse_json(body));
  if (!payload.is_map()) return fail(ErrorCode::Invalid, "the payload is no JSON object");
  return payload;
}

}  // namespace

Result<Delivery> read_delivery(HookType type, const HttpHeaders& headers, std::string_view body) {
  const bool is_generic = type == HookType::Hmac || type == HookType::Token;
  if (is_generic && body.empty()) return of(Delivery::Kind::Push, {});
  TRY_ASSIGN(const Value payload, read_payload(headers, body));
  switch (type) {
    case HookType::GitHub:
      return read_github_form(header(headers, {"X-GitHub-Event"}), payload);
    case HookType::Gitea:
      return read_github_form(header(headers, {"X-Gitea-Event"}), payload);
    case HookType::Forgejo:
      return read_github_form(header(headers, {"X-Forgejo-Event", "X-Gitea-Event"}), payload);
    case HookType::GitLab:
      return read_gitlab(payload);
    case HookType::Bitbucket:
      return read_bitbucket(header(headers, {"X-Event-Key"}), payload);
    case HookType::Hmac:
    case HookType::Token:
      return read_generic(payload);
  }
  return fail(ErrorCode::Internal, "a hook of no type");
}

}  // namespace croft
