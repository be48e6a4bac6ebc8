#include "tests/gateway/receivers/deliveries.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "core/base/base64.hpp"
#include "core/base/files.hpp"
#include "core/base/hmac.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;
using Kind = Delivery::Kind;

std::string bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

Kind kind_of_github(const std::string& event, const std::string& file, const std::string& body) {
  if (event == "ping") return Kind::Ping;
  if (event == "push")
    return body.find(R"("ref": "refs/tags/)") != std::string::npos ? Kind::Tag : Kind::Push;
  const bool is_news =
      file.starts_with("opened") || file.starts_with("reopened") || file.starts_with("synchronize");
  return event == "pull_request" && is_news ? Kind::MergeRequest : Kind::Other;
}

void add(std::vector<VendorPayload>& all, const std::string& file, HookType type,
         const std::string& event, Kind kind, bool is_signed = false) {
  const Result<std::string> body = read_file(fs::path(vendor_specs()) / file, 1U << 22U);
  if (body) all.push_back({file, {type, event, is_signed, *body}, kind});
}

void add_github(std::vector<VendorPayload>& all) {
  const fs::path root = fs::path(vendor_specs()) / "github/webhooks";
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".json") continue;
    const std::string event = entry.path().parent_path().filename();
    const std::string body = read_file(entry.path(), 1U << 22U).value();
    all.push_back({fs::relative(entry.path(), vendor_specs()).string(),
                   {HookType::GitHub, event, false, body},
                   kind_of_github(event, entry.path().filename(), body)});
  }
}

}  // namespace

std::string vendor_specs() {
  const char* set = std::getenv("CROFT_VENDOR_SPECS");
  return set != nullptr ? set : CROFT_SOURCE_DIR "/../shared/specs";
}

std::vector<VendorPayload> vendor_payloads() {
  std::vector<VendorPayload> all;
  add_github(all);
  for (const bool is_signed : {false, true}) {
    const HookType type = HookType::GitLab;
    add(all, "gitlab/push-event.json", type, "Push Hook", Kind::Push, is_signed);
    add(all, "gitlab/system-push-event.json", type, "System Hook", Kind::Push, is_signed);
    add(all, "gitlab/tag-event.json", type, "Tag Push Hook", Kind::Tag, is_signed);
    add(all, "gitlab/merge-request-event.json", type, "Merge Request Hook", Kind::MergeRequest,
        is_signed);
  }
  for (const HookType type : {HookType::Gitea, HookType::Forgejo}) {
    add(all, "gitea/push-event.json", type, "push", Kind::Push);
    add(all, "gitea/pull-request-event.json", type, "pull_request", Kind::MergeRequest);
    add(all, "gitea/create-event.json", type, "create", Kind::Other);
    add(all, "gitea/delete-event.json", type, "delete", Kind::Other);
    add(all, "gitea/repository-event.json", type, "repository", Kind::Other);
  }
  add(all, "bitbucket/repo-push.json", HookType::Bitbucket, "repo:push", Kind::Push);
  return all;
}

std::string SentHook::proof() const {
  switch (type) {
    case HookType::GitHub:
      return "X-Hub-Signature-256";
    case HookType::GitLab:
      return is_signed ? "webhook-signature" : "X-Gitlab-Token";
    case HookType::Gitea:
      return "X-Gitea-Signature";
    case HookType::Forgejo:
      return "X-Forgejo-Signature";
    case HookType::Bitbucket:
      return "X-Hub-Signature";
    case HookType::Hmac:
      return "X-Signature";
    case HookType::Token:
      return "Authorization";
  }
  return "";
}

HttpRequest SentHook::request(const std::string& hook_id, const std::string& delivery,
                              Timestamp now) const {
  HttpRequest request;
  request.method = "POST";
  request.target = "/hooks/" + hook_id;
  request.body = body;
  request.headers.set("Content-Type", "application/json");
  const std::string digest = hmac_sha256_hex(secret(), body);
  switch (type) {
    case HookType::GitHub:
      request.headers.set("X-GitHub-Event", event);
      request.headers.set("X-GitHub-Delivery", delivery);
      request.headers.set(proof(), "sha256=" + digest);
      break;
    case HookType::GitLab: {
      request.headers.set("X-Gitlab-Event", event);
      request.headers.set("X-Gitlab-Event-UUID", delivery);
      if (!is_signed) {
        request.headers.set(proof(), secret());
        break;
      }
      const std::string time = std::to_string(now.time_since_epoch().count() / 1000);
      request.headers.set("webhook-id", delivery);
      request.headers.set("webhook-timestamp", time);
      const std::string key = from_base64(secret().substr(6)).value();
      const std::string text = fmt::format("{}.{}.{}", delivery, time, body);
      request.headers.set(proof(), "v1," + to_base64(bytes_of_hex(hmac_sha256_hex(key, text))));
      break;
    }
    case HookType::Gitea:
    case HookType::Forgejo: {
      const std::string name = type == HookType::Gitea ? "X-Gitea-" : "X-Forgejo-";
      request.headers.set(name + "Event", event);
      request.headers.set(name + "Delivery", delivery);
      request.headers.set(proof(), digest);
      break;
    }
    case HookType::Bitbucket:
      request.headers.set("X-Event-Key", event);
      request.headers.set("X-Request-UUID", delivery);
      request.headers.set(proof(), "sha256=" + digest);
      break;
    case HookType::Hmac:
      request.headers.set("X-Delivery", delivery);
      request.headers.set(proof(), "sha256=" + digest);
      break;
    case HookType::Token:
      request.headers.set("X-Delivery", delivery);
      request.headers.set(proof(), "Bearer " + secret());
      break;
  }
  return request;
}

}  // namespace croft
