#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reconciler/notify/webhook_queue.hpp"

namespace croft::notify {

/// What became of `croft webhook test`.
struct TestOutcome {
  bool is_taken = false;
  int status = 0;
  std::string answer;
};

/// What people may ask of Webhooks. On the control executor.
class Webhooks {
 public:
  virtual ~Webhooks() = default;

  virtual std::vector<WebhookStatus> list(const std::string& tenant) const = 0;  ///< "" for all
  /// The newest `limit`, oldest first. NotFound if there is no such Webhook.
  virtual Task<Result<std::vector<DeliveryRow>>> deliveries(Ref webhook, std::size_t limit) = 0;
  virtual Task<Result<TestOutcome>> test(Ref webhook) = 0;
  /// One delivery by its id, or all that were given up (with an empty id), once more. Gives how
  /// many. NotFound if there is none of that id.
  virtual Task<Result<std::size_t>> replay(Ref webhook, std::string id) = 0;
  /// A new signing key; the one before signs, too, for a day.
  virtual Task<Result<std::string>> rotate(Ref webhook) = 0;
};

/// Takes notifications from the outbox to the endpoints that want them. Each endpoint goes its own
/// pace: one that is dead or slow keeps nobody else waiting, and costs whoever writes nothing.
class Dispatcher final : public Webhooks {
 public:
  /// `parts` without keys, wake and on_change: those are its own. `on_change` is called after what
  /// list() shows has changed.
  Dispatcher(DispatchParts parts, std::function<void()> on_change);
  ~Dispatcher() override;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// Reads what was known, and the file that keys are made from. Before anything else.
  Task<Result<void>> start();
  /// What is declared from now on. A Webhook that is declared no more is forgotten with all that
  /// waits for it; a new one hears of what happens from now on.
  void declare(WebhookSet set);
  /// New notifications of that tenant's are in the outbox.
  void wake(const std::string& tenant);
  /// Begins nothing more.
  void stop();

  std::vector<WebhookStatus> list(const std::string& tenant) const override;
  Task<Result<std::vector<DeliveryRow>>> deliveries(Ref webhook, std::size_t limit) override;
  Task<Result<TestOutcome>> test(Ref webhook) override;
  Task<Result<std::size_t>> replay(Ref webhook, std::string id) override;
  Task<Result<std::string>> rotate(Ref webhook) override;

 private:
  struct State;
  static Task<> follow_declarations(std::shared_ptr<State> state);
  Result<std::shared_ptr<WebhookQueue>> find(const Ref& webhook) const;

  std::shared_ptr<State> state_;
};

}  // namespace croft::notify
