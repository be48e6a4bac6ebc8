#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reconciler/notify/dispatcher.hpp"

namespace croft {

/// Webhooks that say what a test put into them and remember what they were asked for.
class FakeWebhooks final : public notify::Webhooks {
 public:
  std::vector<notify::WebhookStatus> all;
  std::vector<DeliveryRow> sent;
  notify::TestOutcome outcome;
  std::string key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  std::vector<std::pair<Ref, std::string>> asked;  ///< "test", "rotate", "replay ID"

  std::vector<notify::WebhookStatus> list(const std::string& tenant) const override {
    std::vector<notify::WebhookStatus> some = all;
    std::erase_if(some, [&](const notify::WebhookStatus& one) {
      return !tenant.empty() && one.row.ref.tenant != tenant;
    });
    return some;
  }
  Task<Result<std::vector<DeliveryRow>>> deliveries(Ref webhook, std::size_t limit) override {
    CO_TRY(find(webhook));
    std::vector<DeliveryRow> rows = sent;
    if (rows.size() > limit) rows.erase(rows.begin(), rows.end() - static_cast<long>(limit));
    co_return rows;
  }
  Task<Result<notify::TestOutcome>> test(Ref webhook) override {
    CO_TRY(find(webhook));
    asked.emplace_back(webhook, "test");
    co_return outcome;
  }
  Task<Result<std::size_t>> replay(Ref webhook, std::string id) override {
    CO_TRY(find(webhook));
    asked.emplace_back(webhook, "replay " + id);
    co_return sent.size();
  }
  Task<Result<std::string>> rotate(Ref webhook) override {
    CO_TRY(find(webhook));
    asked.emplace_back(webhook, "rotate");
    co_return key;
  }

  /// Declares "alice/Webhook/ops".
  notify::WebhookStatus& add(const std::string& ref) {
    notify::WebhookStatus status;
    status.row.ref = parse_ref(ref).value();
    status.row.created_at = Timestamp(Duration(1'000));
    status.url = "https://ops.example.com/...";
    status.ready = {"Ready", ConditionStatus::True, "Delivering", "", Timestamp(Duration(1'000))};
    all.push_back(std::move(status));
    return all.back();
  }

 private:
  Result<void> find(const Ref& webhook) const {
    for (const notify::WebhookStatus& one : all) {
      if (one.row.ref == webhook) return {};
    }
    return fail(ErrorCode::NotFound, "there is no " + to_string(webhook));
  }
};

}  // namespace croft
