#include "gateway/receivers/receiver.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/metric_families.hpp"
#include "gateway/receivers/proof.hpp"

namespace croft {

namespace {

constexpr std::size_t kLargestTable = 256U << 20U;
constexpr std::size_t kLargestSecret = 65'536;
constexpr int kConnections = 64;
constexpr Duration kSlowest{10'000};
constexpr Duration kNotedAgain{60'000};

HttpResponse answer(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(text) + "\n";
  return response;
}

HttpResponse refuse(int status) { return answer(status, std::string(reason_phrase(status))); }

/// Changes whenever the file is replaced; empty if there is none.
std::string state_of(const std::filesystem::path& file) {
  struct stat facts{};
  if (::stat(file.c_str(), &facts) != 0) return "";
  return fmt::format("{}/{}/{}.{}", facts.st_ino, facts.st_size, facts.st_mtim.tv_sec,
                     facts.st_mtim.tv_nsec);
}

/// Read at each delivery, so that a rotation needs no restart.
Result<Secret<std::string>> secret_of(const Hook& hook) {
  TRY_ASSIGN(std::string text, read_file(hook.secret_file, kLargestSecret));
  return secret_line(std::move(text), hook.secret);
}

}  // namespace

Receiver::Receiver(ReceiverSettings settings, Clock& clock, Sink sink)
    : settings_(std::move(settings)),
      clock_(clock),
      sink_(std::move(sink)),
      seen_(settings_.remembered_deliveries) {}

HttpServerSettings Receiver::server_settings() const {
  HttpServerSettings server;
  server.connections = kConnections;
  server.body_timeout = kSlowest;
  server.write_timeout = kSlowest;
  server.idle_timeout = kSlowest;
  server.body_limit = [limit = settings_.body_limit](const HttpRequest& head) -> Task<std::size_t> {
    co_return head.method == "POST" ? limit : 0;
  };
  return server;
}

void Receiver::refresh_table() {
  const std::string state = state_of(settings_.table_file);
  if (state == table_state_) return;
  table_state_ = state;
  const Result<std::string> text = read_file(settings_.table_file, kLargestTable);
  Result<HookTable> table = text ? read_hook_table(*text) : Result<HookTable>(fail(text.error()));
  if (table) {
    table_ = std::move(*table);
  } else {
    log_error("hooks", "cannot read the hooks there are", {{"error", table.error().describe()}});
  }
}

HttpResponse Receiver::handle(const HttpRequest& request) {
  const Result<RequestTarget> target = parse_target(request.target);
  if (!target || target->segments.size() != 2 || target->segments[0] != "hooks") return refuse(404);
  if (request.method != "POST") {
    HttpResponse response = refuse(405);
    response.headers.set("Allow", "POST");
    return response;
  }
  refresh_table();
  const HookedSource* source = table_.find(target->segments[1]);
  if (source == nullptr) {
    metrics::registry().counter(metrics::kHookUnknown).add();
    return refuse(404);
  }
  return receive(*source, request);
}

void Receiver::note_refusal(const HookedSource& source, const std::string& why) {
  const Timestamp now = clock_.now();
  const auto [last, is_first] = noted_.try_emplace(source.key, now);
  if (!is_first && now - last->second < kNotedAgain) return;
  last->second = now;
  log_warning("hooks", "a delivery is refused", {{"source", source.key}, {"why", why}});
}

HttpResponse Receiver::receive(const HookedSource& source, const HttpRequest& request) {
  const Hook& hook = *source.hook;
  const auto count = [&hook](const char* outcome) {
    metrics::registry()
        .counter(metrics::kHookDeliveries, {std::string(to_string(hook.type)), outcome})
        .add();
  };
  const Result<Secret<std::string>> secret = secret_of(hook);
  if (!secret) {
    note_refusal(source, secret.error().describe());
    count("no_secret");
    return refuse(503);
  }
  if (!is_proven(hook.type, request.headers, request.body, *secret, clock_.now())) {
    note_refusal(source, fmt::format("what {} sent is not proven; is the secret the same on both "
                                     "sides?",
                                     request.peer.address));
    count("unproven");
    return refuse(401);
  }
  const Result<Delivery> delivery = read_delivery(hook.type, request.headers, request.body);
  // Who knows the secret may know what is wrong.
  if (!delivery) {
    count("malformed");
    return answer(400, delivery.error().describe());
  }
  if (delivery->kind == Delivery::Kind::Ping) {
    count("ping");
    return answer(200, "pong");
  }
  const std::string id = delivery_id(hook.type, request.headers);
  if (!id.empty() && !seen_.add(hook.id + " " + id)) {
    count("repeated");
    return answer(202, "seen before");
  }
  const std::vector<HookNotice> notices = concerned_by(*delivery, source, table_);
  for (const HookNotice& notice : notices) sink_(notice);
  count(notices.empty() ? "ignored" : "accepted");
  log_debug("hooks", "a delivery",
            {{"source", source.key}, {"concerns", std::to_string(notices.size())}});
  return answer(202, notices.empty() ? "nothing here follows that" : "accepted");
}

}  // namespace croft
