#include "tests/fuzz/hooks_fuzz.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "core/base/base64.hpp"
#include "core/base/hmac.hpp"
#include "gateway/receivers/hook_table.hpp"
#include "gateway/receivers/proof.hpp"
#include "gateway/receivers/repository_name.hpp"

namespace croft {

namespace {

const std::string kKey = "a key of the fuzzer's";

void promise(bool is_kept) {
  if (!is_kept) std::abort();
}

struct Sent {
  HookType type = HookType::GitHub;
  HttpHeaders headers;
  std::string_view body;
};

Sent read(std::string_view bytes) {
  Sent sent;
  if (bytes.empty()) return sent;
  sent.type = kHookTypes[static_cast<unsigned char>(bytes[0]) % kHookTypes.size()];
  bytes.remove_prefix(1);
  while (!bytes.empty()) {
    const std::string_view line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    sent.headers.add(std::string(line.substr(0, colon)), std::string(line.substr(colon + 1)));
  }
  sent.body = bytes;
  return sent;
}

void prove(Sent& sent) {
  const std::string digest = hmac_sha256_hex(kKey, sent.body);
  switch (sent.type) {
    case HookType::GitHub:
      return sent.headers.set("X-Hub-Signature-256", "sha256=" + digest);
    case HookType::GitLab:
      return sent.headers.set("X-Gitlab-Token", kKey);
    case HookType::Gitea:
      return sent.headers.set("X-Gitea-Signature", digest);
    case HookType::Forgejo:
      return sent.headers.set("X-Forgejo-Signature", digest);
    case HookType::Bitbucket:
      return sent.headers.set("X-Hub-Signature", "sha256=" + digest);
    case HookType::Hmac:
      return sent.headers.set("X-Signature", "sha256=" + digest);
    case HookType::Token:
      return sent.headers.set("Authorization", "Bearer " + kKey);
  }
}

void check_delivery(const Delivery& delivery) {
  HookedSource source;
  source.key = "alice/alice";
  source.url = delivery.repositories.empty() ? "/srv/x" : delivery.repositories.front();
  source.ref = "main";
  source.wants_merge_requests = true;
  const HookTable table{{source}};
  const std::vector<HookNotice> notices = concerned_by(delivery, source, table);
  promise(notices.size() <= 1);
  for (const Delivery::Move& move : delivery.moves) promise(move.ref.starts_with("refs/"));
  if (delivery.kind == Delivery::Kind::MergeRequest) promise(delivery.merge_request > 0);
  const bool names_main =
      delivery.moves.empty() || std::ranges::any_of(delivery.moves, [](const Delivery::Move& move) {
        return move.ref == "refs/heads/main";
      });
  if (delivery.kind == Delivery::Kind::Push) promise(notices.empty() != names_main);
  for (const std::string& url : delivery.repositories) {
    const RepositoryName name = repository_name(url);
    promise(name == repository_name(url));
    promise(!name.path.starts_with('/'));
  }
}

}  // namespace

void fuzz_hooks(std::string_view bytes) {
  Sent sent = read(bytes);
  const Secret<std::string> secret(kKey);
  // The key is nobody's: not even the fuzzer finds it.
  promise(!is_proven(sent.type, sent.headers, sent.body, secret, {}));
  promise(!is_proven(sent.type, sent.headers, sent.body, Secret<std::string>(), {}));
  const Secret<std::string> token("whsec_" + to_base64(kKey));
  promise(!is_proven(HookType::GitLab, sent.headers, sent.body, token, {}));
  prove(sent);
  promise(is_proven(sent.type, sent.headers, sent.body, secret, {}));
  (void)delivery_id(sent.type, sent.headers);
  const Result<Delivery> delivery = read_delivery(sent.type, sent.headers, sent.body);
  if (delivery) check_delivery(*delivery);
  (void)read_hook_table(sent.body);
}

}  // namespace croft
