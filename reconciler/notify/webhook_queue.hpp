#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/id.hpp"
#include "core/base/secret.hpp"
#include "core/store/store.hpp"
#include "reconciler/notify/mail.hpp"
#include "reconciler/notify/sender.hpp"
#include "reconciler/notify/signature.hpp"
#include "reconciler/notify/template.hpp"
#include "reconciler/notify/turns.hpp"
#include "reconciler/notify/webhook.hpp"

namespace croft::notify {

struct DispatcherSettings {
  std::string domain = "localhost";  ///< of the platform, for what a CloudEvent comes from
  std::filesystem::path key_file;    ///< what signing keys are made from; made if it is not there
  RetrySchedule schedule = RetrySchedule::standard();
  int concurrency = 4;        ///< attempts at a time at one endpoint; one at one that fails
  int attempts_at_once = 64;  ///< over HTTP, of all endpoints
  int attempts_of_tenant = 8;
  /// An endpoint that takes longer to answer shares half of the attempts with those that fail.
  Duration prompt{3'000};
  /// Subjects of which something waits for one endpoint; the rest stays in the outbox.
  std::size_t window = 500;
  /// Deliveries that wait for one endpoint, whatever they concern: so many of a subject that it
  /// does not take may wait that others still get their turn.
  std::size_t most_waiting = 20'000;
  /// So many of a subject are held in memory, and read from the store when those have ended.
  std::size_t of_subject = 20;
  /// Deliveries of one endpoint in memory; past that, one of each subject.
  std::size_t most_held = 2'000;
  Duration old_key_life{86'400'000};  ///< for so long a key signs beside the one that replaced it
  Duration ask_again{5'000};    ///< of a store that fails, and for a secret that is not there yet
  Duration look_again{60'000};  ///< the outbox is looked at so often, whether woken or not
};

/// What the secret of that name holds, of whose the Webhook is.
using SecretReader =
    std::function<Result<Secret<std::string>>(const Ref& webhook, const std::string& name)>;

/// What Webhooks that send mail stand on.
struct Mailing {
  Sender sender;
  /// Denied, with what to do, if that Webhook may not write there.
  std::function<Result<void>(const Ref& webhook, const std::string& address)> may_write;
  MailRate rate;
};

/// What all endpoints stand on. The references outlive every coroutine of theirs.
struct DispatchParts {
  DispatcherSettings settings;
  asio::any_io_executor executor;
  Store& store;
  Clock& clock;
  RandomSource& random;
  Sender sender;
  std::optional<Mailing> mail;  ///< unset: this Croft sends none
  SecretReader secret;
  std::optional<KeyRing> keys;                          ///< once it started
  std::optional<AttemptTurns> turns{};                  ///< once it started
  std::function<void(const std::string& tenant)> wake;  ///< there are new notifications of theirs
  std::function<void()> on_change;                      ///< what status() shows is another now
};

/// How a Webhook fares.
struct WebhookStatus {
  WebhookDeclaration declaration;
  WebhookRow row;
  std::size_t waiting = 0;  ///< deliveries that were taken from the outbox and have not ended
  std::optional<DeliveryRow> last;  ///< after its last attempt since the start
  std::string url;                  ///< as it may be shown
  Condition ready;
};

/// Why no attempts are made for now, which is not the endpoint's fault.
struct HeldUp {
  Timestamp since;
  std::string why;
};

/// One Webhook's queue. What concerns one subject is sent in its order: a delivery that failed
/// holds back later ones of its subject, and no others. At least once: what was sent when the
/// process ended, and not noted, is sent again. On the control executor.
class WebhookQueue {
 public:
  /// `is_new`: nothing was ever sent to it.
  WebhookQueue(std::shared_ptr<DispatchParts> parts, WebhookDeclaration declaration, WebhookRow row,
               bool is_new);

  /// Until end(). Keeps `self` alive.
  static Task<> run(std::shared_ptr<WebhookQueue> self);
  /// The outbox has something new that it may want.
  void wake();
  /// Enables it again if it was disabled. It stays as it was if that cannot be written.
  static Task<Result<void>> redeclare(std::shared_ptr<WebhookQueue> self,
                                      WebhookDeclaration declaration);
  /// Starts nothing more, and notes nothing more.
  void end();
  /// Its row is not written while this is held.
  static Task<Semaphore::Permit> hold(std::shared_ptr<WebhookQueue> self);

  const WebhookDeclaration& declaration() const { return declaration_; }
  WebhookStatus status() const;

  /// Sends croft.webhook.test now. If it is taken, a Webhook that was disabled is in use again.
  /// Unavailable if a secret of it cannot be had yet.
  static Task<Result<Attempt>> test(std::shared_ptr<WebhookQueue> self);
  /// The new signing key, as those who verify with it need it. Conflict if it brings its own.
  static Task<Result<std::string>> rotate(std::shared_ptr<WebhookQueue> self);
  /// Sends them once more. Conflict if it is disabled.
  static Task<Result<void>> replay(std::shared_ptr<WebhookQueue> self,
                                   std::vector<DeliveryRow> rows);

 private:
  struct Waiting {
    DeliveryRow row;
    bool is_under_way = false;
  };
  using Place = std::pair<std::int64_t, std::string>;  ///< sequence and id: the order
  /// What waits of one subject.
  struct Line {
    std::size_t held = 0;  ///< in pending_
    std::size_t left = 0;  ///< in the store only; read when none is held any more
  };

  Task<> load_pending();
  /// Into pending_, if there is room for it.
  void line_up(DeliveryRow row);
  void hold_in_memory(DeliveryRow row);
  void let_go(const Place& place);
  /// Reads the next of the subjects of which none is held any more.
  Task<> read_on();
  Task<Result<void>> read_on_in(std::string subject);
  std::size_t waiting() const;
  bool is_in_use() const;
  bool may_take_more() const;
  bool has_room() const;
  Task<> take_more();
  Task<Result<void>> take_over(std::vector<NotificationRow> notifications);
  /// Begins the attempts that are due; gives when the next one is.
  std::optional<Timestamp> begin_due(const std::shared_ptr<WebhookQueue>& self);
  static Task<> deliver(std::shared_ptr<WebhookQueue> self, Place place);
  /// An error if none was made, and that is nobody's fault: another time, without counting it.
  Task<Result<Attempt>> attempt(NotificationRow notification);
  void put_off(const Place& place, const Error& why);
  Result<Post> post_of(const NotificationRow& notification) const;
  Result<Message> message_of(const NotificationRow& notification) const;
  Result<std::string> url() const;
  Result<void> may_mail() const;
  /// When the next attempt may begin, as far as that is ours to say.
  Timestamp next_turn(Timestamp now) const;
  void take_turn(Timestamp now);
  Result<std::vector<SigningKey>> signing_keys() const;
  Result<Secret<std::string>> secret(const std::string& name) const;
  Task<Result<void>> note(DeliveryRow delivery, Attempt attempt);
  void add_disabled(Transaction& transaction, const WebhookRow& row) const;
  Task<Result<void>> enable();
  /// All that waits is due.
  void begin_anew();
  /// Changes the row, and writes it with what `transaction` has. One at a time: none undoes
  /// another.
  Task<Result<void>> change_row(std::function<void(WebhookRow&)> change, Transaction transaction);

  void take_template();

  std::shared_ptr<DispatchParts> parts_;
  WebhookDeclaration declaration_;
  Result<std::shared_ptr<Template>> template_;  ///< null: it has none
  WebhookRow row_;
  Semaphore row_turn_;
  Signal work_;
  std::map<Place, Waiting> pending_;
  std::map<std::string, Line> lines_;  ///< by subject; no empty ones
  bool is_prompt_;                     ///< its last attempt was taken, and soon
  std::optional<DeliveryRow> last_;
  std::int64_t seen_ = -1;  ///< what was looked at; the row's cursor follows when it matters
  int under_way_ = 0;
  bool is_caught_up_ = false;
  bool is_over_ = false;
  std::optional<Timestamp> not_before_;  ///< the endpoint asked for it, or it is held up
  std::optional<HeldUp> held_up_;
};

}  // namespace croft::notify
