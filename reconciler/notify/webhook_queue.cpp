#include "reconciler/notify/webhook_queue.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/base/metric_families.hpp"
#include "core/base/work.hpp"
#include "reconciler/notify/message.hpp"
#include "reconciler/notify/what_happened.hpp"

namespace croft::notify {

namespace {

constexpr std::size_t kBatch = 100;
constexpr std::size_t kLoadedAtOnce = 1'000;
/// How far the cursor in the store may lag behind for an endpoint that wants none of what happens.
constexpr std::int64_t kLag = 1'000;

double chance_from(RandomSource& random) {
  const auto bytes = random.bytes();
  return (bytes[0] * 256 + bytes[1]) / 65'536.0;
}

/// A delivery after an attempt, in the words of metrics::kWebhookAttempts.
const char* outcome_of(DeliveryState state) {
  switch (state) {
    case DeliveryState::Delivered:
      return "delivered";
    case DeliveryState::Failed:
      return "given_up";
    case DeliveryState::Pending:
      break;
  }
  return "retry";
}

Condition ready_of(const WebhookDeclaration& declaration, const WebhookRow& row,
                   const std::optional<HeldUp>& held_up) {
  const auto condition = [&](ConditionStatus status, std::string reason, std::string message,
                             Timestamp since) {
    return Condition{"Ready", status, std::move(reason), std::move(message), since};
  };
  if (row.disabled_at) {
    return condition(
        ConditionStatus::False, row.disabled_reason,
        fmt::format("disabled: {}; `croft webhook test` enables it once it answers", row.message),
        *row.disabled_at);
  }
  if (declaration.is_paused)
    return condition(ConditionStatus::False, "Paused", "it is declared disabled", row.created_at);
  if (held_up)
    return condition(ConditionStatus::False, "SecretUnavailable", held_up->why, held_up->since);
  if (row.failing_since)
    return condition(ConditionStatus::False, "Failing", row.message, *row.failing_since);
  return condition(ConditionStatus::True, "Delivering", "", row.created_at);
}

bool is_signed(const WebhookDeclaration& declaration) {
  return declaration.format == MessageFormat::CloudEvents ||
         declaration.format == MessageFormat::Template;
}

void set_in_use(WebhookRow& row) {
  row.disabled_at.reset();
  row.disabled_reason.clear();
  row.failing_since.reset();
  row.message.clear();
}

/// How whoever reads a mail finds what sends it.
std::string footer(const Ref& webhook) {
  return fmt::format("\n-- \nSent because {} names this address.\n", to_string(webhook));
}

/// So that each line that is logged meanwhile says what it is about.
WorkPtr work_about(const NotificationRow& notification) {
  auto work = std::make_shared<Work>();
  work->facts = {{"tenant", notification.tenant}, {"ref", notification.subject}};
  const std::string revision = notification.data ? notification.data->text_or("revision", "") : "";
  if (!revision.empty()) work->facts.emplace_back("revision", revision);
  return work;
}

}  // namespace

WebhookQueue::WebhookQueue(std::shared_ptr<DispatchParts> parts, WebhookDeclaration declaration,
                           WebhookRow row, bool is_new)
    : parts_(std::move(parts)),
      declaration_(std::move(declaration)),
      row_(std::move(row)),
      row_turn_(parts_->executor, 1),
      work_(parts_->executor),
      is_prompt_(!is_new && !row_.failing_since),
      seen_(row_.cursor) {
  take_template();
}

void WebhookQueue::take_template() {
  template_ = nullptr;
  if (declaration_.format != MessageFormat::Template) return;
  template_ = Template::make(declaration_.template_name, declaration_.template_text);
}

void WebhookQueue::wake() {
  is_caught_up_ = false;
  work_.notify();
}

Task<Result<void>> WebhookQueue::redeclare(std::shared_ptr<WebhookQueue> self,
                                           WebhookDeclaration declaration) {
  bool is_enabled = false;
  std::function<void(WebhookRow&)> change = [&](WebhookRow& row) {
    row.source = declaration.source;
    // Whoever changed it expects that it works now.
    is_enabled = row.disabled_at.has_value();
    if (is_enabled) set_in_use(row);
  };
  CO_TRY(co_await self->change_row(std::move(change), Transaction{}));
  self->declaration_ = std::move(declaration);
  self->take_template();
  self->not_before_.reset();
  self->held_up_.reset();
  if (is_enabled) self->begin_anew();
  self->wake();
  if (!self->is_over_) self->parts_->on_change();
  co_return Result<void>();
}

Task<Semaphore::Permit> WebhookQueue::hold(std::shared_ptr<WebhookQueue> self) {
  co_return co_await self->row_turn_.acquire();
}

void WebhookQueue::end() {
  is_over_ = true;
  work_.notify();
}

WebhookStatus WebhookQueue::status() const {
  WebhookStatus status;
  status.declaration = declaration_;
  status.row = row_;
  status.waiting = waiting();
  status.last = last_;
  status.url = declaration_.url.empty() ? "" : shown_url(declaration_.url);
  status.ready = ready_of(declaration_, row_, held_up_);
  return status;
}

bool WebhookQueue::is_in_use() const { return !row_.disabled_at && !declaration_.is_paused; }

bool WebhookQueue::may_take_more() const { return is_in_use() && !is_caught_up_ && has_room(); }

std::size_t WebhookQueue::waiting() const {
  std::size_t count = pending_.size();
  for (const auto& [subject, line] : lines_) count += line.left;
  return count;
}

/// What waits behind another of its subject waits for that one, and takes nobody's place.
bool WebhookQueue::has_room() const {
  return lines_.size() + kBatch <= parts_->settings.window &&
         waiting() + kBatch <= parts_->settings.most_waiting;
}

void WebhookQueue::line_up(DeliveryRow row) {
  Line& line = lines_[row.notification.subject];
  const std::size_t most =
      pending_.size() < parts_->settings.most_held ? parts_->settings.of_subject : 1;
  if (line.left > 0 || line.held >= most) {
    ++line.left;
  } else {
    hold_in_memory(std::move(row));
  }
}

void WebhookQueue::hold_in_memory(DeliveryRow row) {
  Line& line = lines_[row.notification.subject];
  const Place place{row.notification.sequence, row.id};
  if (pending_.try_emplace(place, Waiting{std::move(row)}).second) ++line.held;
}

void WebhookQueue::let_go(const Place& place) {
  const auto found = pending_.find(place);
  const auto line = lines_.find(found->second.row.notification.subject);
  pending_.erase(found);
  if (--line->second.held == 0 && line->second.left == 0) lines_.erase(line);
}

Task<> WebhookQueue::read_on() {
  std::vector<std::string> subjects;
  for (const auto& [subject, line] : lines_) {
    if (line.held == 0) subjects.push_back(subject);
  }
  for (const std::string& subject : subjects) {
    const Result<void> done = co_await read_on_in(subject);
    if (is_over_) co_return;
    if (done) continue;
    log_warning("notify", "what waits for a webhook cannot be read on",
                {{"webhook", to_string(row_.ref)}, {"error", done.error().describe()}});
    co_await sleep_for(parts_->settings.ask_again);
    work_.notify();
    co_return;
  }
}

Task<Result<void>> WebhookQueue::read_on_in(std::string subject) {
  DeliveryQuery query;
  query.webhook = row_.ref;
  query.only_pending = true;
  query.subject = subject;
  query.limit = parts_->settings.of_subject;
  const std::size_t left_before = lines_[subject].left;
  CO_TRY_ASSIGN(std::vector<DeliveryRow> rows, co_await parts_->store.deliveries(query));
  const std::size_t count = rows.size();
  for (DeliveryRow& row : rows) hold_in_memory(std::move(row));
  Line& line = lines_[subject];
  // What came to it meanwhile may be among what was read, or not: then it is found the next time.
  const std::size_t come = line.left - left_before;
  const bool is_last = count < query.limit;
  line.left = come + (is_last ? 0 : std::max<std::size_t>(left_before, count + 1) - count);
  if (line.held == 0 && line.left == 0) lines_.erase(subject);
  co_return Result<void>();
}

Task<> WebhookQueue::run(std::shared_ptr<WebhookQueue> self) {
  co_await self->load_pending();
  while (!self->is_over_) {
    if (self->may_take_more()) co_await self->take_more();
    if (self->is_over_) co_return;
    co_await self->read_on();
    if (self->is_over_) co_return;
    const std::optional<Timestamp> due = self->begin_due(self);
    if (self->may_take_more()) continue;
    Duration wait = self->parts_->settings.look_again;
    if (due) wait = std::clamp(*due - self->parts_->clock.now(), Duration(1), wait);
    const bool is_woken = co_await self->work_.wait(wait);
    if (!is_woken) self->is_caught_up_ = false;
  }
}

/// What an earlier run had taken from the outbox, and did not finish.
Task<> WebhookQueue::load_pending() {
  DeliveryQuery query;
  query.webhook = row_.ref;
  query.only_pending = true;
  query.limit = kLoadedAtOnce;
  while (!is_over_) {
    Result<std::vector<DeliveryRow>> rows = co_await parts_->store.deliveries(query);
    if (rows) {
      if (!rows->empty()) query.after = rows->back().notification.sequence;
      for (DeliveryRow& row : *rows) line_up(std::move(row));
      if (rows->size() < kLoadedAtOnce) co_return;
      continue;
    }
    log_warning("notify", "what waits for a webhook cannot be read",
                {{"webhook", to_string(row_.ref)}, {"error", rows.error().describe()}});
    co_await sleep_for(parts_->settings.ask_again);
  }
}

Task<> WebhookQueue::take_more() {
  // Whatever is written from here on wakes it again.
  is_caught_up_ = true;
  NotificationQuery query;
  if (!row_.ref.tenant.empty()) query.tenant = row_.ref.tenant;
  query.after = seen_;
  query.limit = kBatch;
  Result<std::vector<NotificationRow>> found =
      co_await parts_->store.notifications(std::move(query));
  if (found && found->empty()) co_return;
  Result<void> done;
  if (found) {
    is_caught_up_ = is_caught_up_ && found->size() < kBatch;
    done = co_await take_over(std::move(*found));
  } else {
    done = fail(found.error());
  }
  if (done) co_return;
  log_warning("notify", "the outbox cannot be taken from",
              {{"webhook", to_string(row_.ref)}, {"error", done.error().describe()}});
  co_await sleep_for(parts_->settings.ask_again);
  is_caught_up_ = false;
}

/// The deliveries and the cursor behind them are written together: none is lost, and none is taken
/// twice.
Task<Result<void>> WebhookQueue::take_over(std::vector<NotificationRow> notifications) {
  const std::int64_t newest = notifications.back().sequence;
  std::vector<DeliveryRow> rows;
  Transaction transaction;
  for (NotificationRow& notification : notifications) {
    if (!wants(declaration_, notification)) continue;
    DeliveryRow row;
    row.id = parts_->random.id();
    row.webhook = row_.ref;
    row.created_at = parts_->clock.now();
    row.notification = std::move(notification);
    transaction.add(PutDelivery{row});
    rows.push_back(std::move(row));
  }
  if (!rows.empty() || newest - row_.cursor >= kLag) {
    std::function<void(WebhookRow&)> move_on = [newest](WebhookRow& row) { row.cursor = newest; };
    CO_TRY(co_await change_row(std::move(move_on), std::move(transaction)));
  }
  seen_ = newest;
  for (DeliveryRow& row : rows) line_up(std::move(row));
  co_return Result<void>();
}

std::optional<Timestamp> WebhookQueue::begin_due(const std::shared_ptr<WebhookQueue>& self) {
  if (!is_in_use()) return std::nullopt;
  const int most = row_.failing_since ? 1 : parts_->settings.concurrency;
  const Timestamp now = parts_->clock.now();
  std::optional<Timestamp> next;
  std::set<std::string_view> subjects;
  for (auto& [place, waiting] : pending_) {
    if (under_way_ >= most) return std::nullopt;  // whoever ends wakes us
    const bool is_first = subjects.insert(waiting.row.notification.subject).second;
    if (!is_first || waiting.is_under_way) continue;
    Timestamp due = waiting.row.next_try.value_or(now);
    if (not_before_) due = std::max(due, *not_before_);
    due = std::max(due, next_turn(now));
    if (due > now) {
      next = next ? std::min(*next, due) : due;
      continue;
    }
    waiting.is_under_way = true;
    take_turn(now);
    ++under_way_;
    WorkPtr work = work_about(waiting.row.notification);
    spawn(parts_->executor, doing(std::move(work), deliver(self, place)), "webhook delivery");
  }
  return next;
}

Task<> WebhookQueue::deliver(std::shared_ptr<WebhookQueue> self, Place place) {
  DeliveryRow row = self->pending_.at(place).row;
  NotificationRow notification = row.notification;
  Result<Attempt> made = co_await self->attempt(std::move(notification));
  --self->under_way_;
  if (self->is_over_) co_return;
  if (!made) co_return self->put_off(place, made.error());
  Attempt attempt = std::move(*made);
  const Timestamp now = self->parts_->clock.now();
  if (attempt.retry_after && attempt.fate == Attempt::Fate::NotNow)
    self->not_before_ =
        now + std::min(*attempt.retry_after, self->parts_->settings.schedule.longest_wish);
  row = after_attempt(std::move(row), attempt, self->parts_->settings.schedule,
                      chance_from(self->parts_->random), now);
  metrics::registry().counter(metrics::kWebhookAttempts, {outcome_of(row.state)}).add();
  DeliveryRow noted = row;
  const Result<void> done = co_await self->note(std::move(noted), std::move(attempt));
  if (self->is_over_) co_return;
  if (!done) {
    log_warning("notify", "a delivery cannot be noted, and is made once more",
                {{"webhook", to_string(self->row_.ref)}, {"error", done.error().describe()}});
    row.state = DeliveryState::Pending;
    row.next_try = now + self->parts_->settings.ask_again;
  }
  const bool has_ended = row.state != DeliveryState::Pending;
  self->last_ = row;
  if (has_ended) {
    self->let_go(place);
  } else {
    self->pending_.at(place) = Waiting{std::move(row)};
  }
  self->work_.notify();
}

void WebhookQueue::put_off(const Place& place, const Error& why) {
  const Timestamp now = parts_->clock.now();
  const Timestamp then = now + parts_->settings.ask_again;
  pending_.at(place).is_under_way = false;
  not_before_ = std::max(not_before_.value_or(then), then);
  const bool is_news = !held_up_;
  held_up_ = HeldUp{is_news ? now : held_up_->since, why.describe()};
  if (is_news) parts_->on_change();
  work_.notify();
}

Task<Result<Attempt>> WebhookQueue::attempt(NotificationRow notification) {
  const bool is_letter = declaration_.format == MessageFormat::Email;
  AttemptTurns::Turn turn;  // mails have threads of their own, and a measure
  if (!is_letter) turn = co_await parts_->turns->take(row_.ref.tenant, !is_prompt_);
  if (is_over_) co_return fail(ErrorCode::Cancelled, "the Webhook is declared no more");
  Result<Post> post = post_of(notification);
  // Secrets are opened some time after a start.
  if (!post && !is_letter && post.error().code() == ErrorCode::Unavailable)
    co_return std::unexpected(std::move(post.error()));
  if (std::exchange(held_up_, std::nullopt)) parts_->on_change();
  Attempt attempt;
  if (!post) {
    attempt.answer = post.error().describe();
    co_return attempt;
  }
  const Sender& sender = is_letter ? parts_->mail->sender : parts_->sender;
  const auto begun = std::chrono::steady_clock::now();
  attempt = co_await sender(std::move(*post));
  const auto took = std::chrono::steady_clock::now() - begun;
  is_prompt_ = attempt.fate == Attempt::Fate::Taken && took <= parts_->settings.prompt;
  metrics::registry().histogram(metrics::kWebhookSeconds).observe(took);
  co_return attempt;
}

namespace {

constexpr std::size_t kShortestKey = 8;

/// A server that does not like a URL likes to repeat it, or what follows its host.
void hide_url(Post& post) {
  post.hidden.add(Secret<std::string>(post.url));
  const std::size_t scheme = post.url.find("://");
  const std::size_t path =
      scheme == std::string::npos ? scheme : post.url.find_first_of("/?", scheme + 3);
  if (path == std::string::npos) return;
  std::string_view rest = std::string_view(post.url).substr(path);
  post.hidden.add(Secret(std::string(rest)));
  // And any part that may be a key.
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("/?&="), rest.size());
    if (end >= kShortestKey) post.hidden.add(Secret(std::string(rest.substr(0, end))));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace

Result<std::string> WebhookQueue::url() const {
  if (!declaration_.url.empty()) return declaration_.url;
  TRY_ASSIGN(const Secret<std::string> secret_url,
             while_doing(secret(declaration_.url_secret), "reading its url"));
  std::string url = secret_url.reveal();
  url.erase(url.find_last_not_of(" \t\r\n") + 1);
  return url;
}

Result<void> WebhookQueue::may_mail() const {
  if (!parts_->mail) {
    return fail(Error(ErrorCode::Unavailable, "this Croft sends no mail")
                    .with_hint("the operator has to set smtp.server"));
  }
  for (const std::string& address : addresses_of(declaration_.url)) {
    TRY(parts_->mail->may_write(declaration_.ref, address));
  }
  return {};
}

Timestamp WebhookQueue::next_turn(Timestamp now) const {
  const bool is_limited = declaration_.format == MessageFormat::Email && parts_->mail;
  return is_limited ? parts_->mail->rate.next(row_.ref.tenant, now) : now;
}

void WebhookQueue::take_turn(Timestamp now) {
  if (declaration_.format == MessageFormat::Email && parts_->mail)
    parts_->mail->rate.take(row_.ref.tenant, now);
}

Result<Post> WebhookQueue::post_of(const NotificationRow& notification) const {
  if (declaration_.format == MessageFormat::Email) {
    TRY(may_mail());
  }
  Post post;
  TRY_ASSIGN(post.url, url());
  if (declaration_.url.empty()) hide_url(post);
  TRY_ASSIGN(Message message, message_of(notification));
  post.headers = std::move(message.headers);
  post.body = std::move(message.body);
  post.allow_private = declaration_.allow_private;
  post.tenant = row_.ref.tenant;
  if (declaration_.format == MessageFormat::Email) post.body += footer(row_.ref);
  if (!is_signed(declaration_)) return post;
  TRY_ASSIGN(const std::vector<SigningKey> keys, signing_keys());
  const Timestamp now = parts_->clock.now();
  post.headers.set("webhook-id", notification.id);
  post.headers.set("webhook-timestamp", std::to_string(now.time_since_epoch().count() / 1000));
  post.headers.set("webhook-signature", sign(keys, notification.id, now, post.body));
  return post;
}

Result<Message> WebhookQueue::message_of(const NotificationRow& notification) const {
  const std::string& domain = parts_->settings.domain;
  if (declaration_.format != MessageFormat::Template)
    return compose(declaration_.format, notification, domain);
  if (!template_) return fail(template_.error());
  return (*template_)->compose(cloud_event(notification, domain));
}

Result<std::vector<SigningKey>> WebhookQueue::signing_keys() const {
  if (!declaration_.key_secret.empty()) {
    TRY_ASSIGN(const Secret<std::string> text,
               while_doing(secret(declaration_.key_secret), "reading its signing key"));
    return while_doing(parse_signing_keys(text.reveal()), "reading its signing key");
  }
  std::vector<SigningKey> keys{parts_->keys->key(row_.id, row_.key_number)};
  if (row_.old_key_until && *row_.old_key_until > parts_->clock.now())
    keys.push_back(parts_->keys->key(row_.id, row_.key_number - 1));
  return keys;
}

Result<Secret<std::string>> WebhookQueue::secret(const std::string& name) const {
  return parts_->secret(declaration_.ref, name);
}

Task<Result<void>> WebhookQueue::note(DeliveryRow delivery, Attempt attempt) {
  Transaction transaction;
  transaction.add(PutDelivery{delivery});
  const bool is_news = attempt.fate != Attempt::Fate::Taken || row_.failing_since;
  if (!is_news) co_return co_await parts_->store.commit(std::move(transaction));
  std::function<void(WebhookRow&)> change = [this, &delivery, &attempt](WebhookRow& row) {
    row = after_attempt(std::move(row), delivery, attempt, parts_->settings.schedule,
                        parts_->clock.now());
  };
  co_return co_await change_row(std::move(change), std::move(transaction));
}

Task<Result<void>> WebhookQueue::change_row(std::function<void(WebhookRow&)> change,
                                            Transaction transaction) {
  const Semaphore::Permit turn = co_await row_turn_.acquire();
  WebhookRow row = row_;
  change(row);
  const bool is_disabled_now = row.disabled_at && !row_.disabled_at;
  if (is_disabled_now) add_disabled(transaction, row);
  if (row != row_) transaction.add(PutWebhook{row});
  if (is_over_) co_return fail(ErrorCode::Cancelled, "the Webhook is declared no more");
  if (transaction.writes.empty()) co_return Result<void>();
  CO_TRY(co_await parts_->store.commit(std::move(transaction)));
  const bool shows = row.failing_since.has_value() != row_.failing_since.has_value() ||
                     row.disabled_at.has_value() != row_.disabled_at.has_value();
  row_ = std::move(row);
  // Whoever is told of it may be gone with us.
  if (is_over_) co_return Result<void>();
  if (is_disabled_now) parts_->wake(row_.ref.tenant);
  if (shows) parts_->on_change();
  co_return Result<void>();
}

void WebhookQueue::add_disabled(Transaction& transaction, const WebhookRow& row) const {
  EventRow event;
  event.time = parts_->clock.now();
  event.tenant = row.ref.tenant;
  event.subject = to_string(row.ref);
  event.severity = Severity::Warning;
  event.reason = "WebhookDisabled";
  event.message = row.message;
  NotificationRow notification = about_webhook("croft.webhook.disabled", row.ref, Severity::Warning,
                                               row.disabled_reason, row.message, event.time);
  notification.id = parts_->random.id();
  transaction.add(AppendEvent{std::move(event)});
  transaction.add(AppendNotification{std::move(notification)});
}

Task<Result<void>> WebhookQueue::enable() {
  std::function<void(WebhookRow&)> change = set_in_use;
  CO_TRY(co_await change_row(std::move(change), Transaction{}));
  begin_anew();
  co_return Result<void>();
}

void WebhookQueue::begin_anew() {
  not_before_.reset();
  for (auto& [place, waiting] : pending_) waiting.row.next_try.reset();
  wake();
}

Task<Result<Attempt>> WebhookQueue::test(std::shared_ptr<WebhookQueue> self) {
  NotificationRow notification =
      about_webhook("croft.webhook.test", self->row_.ref, Severity::Normal, "Test",
                    "this is what an event looks like", self->parts_->clock.now());
  notification.id = self->parts_->random.id();
  const Timestamp now = self->parts_->clock.now();
  const Timestamp turn = self->next_turn(now);
  if (turn > now) {
    co_return fail(Error(ErrorCode::Conflict, "too many mails were sent within the hour")
                       .with_hint(fmt::format("the next may be sent at {}", format_time(turn))));
  }
  self->take_turn(now);
  CO_TRY_ASSIGN(Attempt attempt, co_await self->attempt(std::move(notification)));
  const bool is_well = attempt.fate == Attempt::Fate::Taken;
  if (is_well && (self->row_.disabled_at || self->row_.failing_since)) {
    CO_TRY(co_await self->enable());
  }
  co_return attempt;
}

Task<Result<std::string>> WebhookQueue::rotate(std::shared_ptr<WebhookQueue> self) {
  const std::string name = to_string(self->row_.ref);
  if (!is_signed(self->declaration_))
    co_return fail(ErrorCode::Conflict, name + " is told in a form that is not signed");
  if (!self->declaration_.key_secret.empty()) {
    co_return fail(
        Error(ErrorCode::Conflict,
              fmt::format("{} signs with the secret '{}'", name, self->declaration_.key_secret))
            .with_hint("write the new key into a line before the old one there: both sign"));
  }
  const Timestamp until = self->parts_->clock.now() + self->parts_->settings.old_key_life;
  std::function<void(WebhookRow&)> change = [until](WebhookRow& row) {
    ++row.key_number;
    row.old_key_until = until;
  };
  CO_TRY(co_await self->change_row(std::move(change), Transaction{}));
  co_return print_signing_key(self->parts_->keys->key(self->row_.id, self->row_.key_number));
}

Task<Result<void>> WebhookQueue::replay(std::shared_ptr<WebhookQueue> self,
                                        std::vector<DeliveryRow> rows) {
  if (self->row_.disabled_at) {
    co_return fail(Error(ErrorCode::Conflict, to_string(self->row_.ref) + " is disabled")
                       .with_hint("`croft webhook test` enables it once it answers"));
  }
  Transaction transaction;
  for (DeliveryRow& row : rows) {
    row.state = DeliveryState::Pending;
    row.attempts = 0;
    row.next_try.reset();
    row.ended_at.reset();
    transaction.add(PutDelivery{row});
  }
  std::function<void(WebhookRow&)> no_change = [](WebhookRow&) {};
  CO_TRY(co_await self->change_row(std::move(no_change), std::move(transaction)));
  for (DeliveryRow& row : rows) self->line_up(std::move(row));
  self->work_.notify();
  co_return Result<void>();
}

}  // namespace croft::notify
