// Webhooks: what sources declare of them, and how they fare.

#include <algorithm>

#include <fmt/format.h>

#include "reconciler/engine/engine_impl.hpp"

namespace croft {

namespace {

constexpr std::size_t kLargestSecret = 16U << 10U;

std::string waiting_text(const notify::WebhookStatus& webhook) {
  if (webhook.waiting == 0) return {};
  return fmt::format("{} {} for it", webhook.waiting, webhook.waiting == 1 ? "waits" : "wait");
}

}  // namespace

notify::DispatchParts EngineImpl::dispatch_parts() {
  notify::DispatcherSettings settings;
  settings.domain = settings_.domain;
  settings.key_file = settings_.data / "webhooks.key";
  const auto secret = [this](const Ref& webhook, const std::string& name) {
    return secret_of(webhook, name);
  };
  return {.settings = std::move(settings),
          .executor = executor_,
          .store = journal_.store(),
          .clock = clock_,
          .random = random_,
          .sender = notify::http_sender(settings_.webhooks, clock_),
          .mail = mailing(),
          .secret = secret,
          .keys = {},
          .wake = {},
          .on_change = {}};
}

std::optional<notify::Mailing> EngineImpl::mailing() {
  if (!settings_.mail.is_on()) return std::nullopt;
  const auto password = [this]() -> Result<Secret<std::string>> {
    TRY_ASSIGN(const Secret<std::string> text,
               settings_.operator_secrets->find(settings_.mail.password, kLargestSecret));
    return secret_line(text.reveal(), settings_.mail.password);
  };
  const auto may_write = [this](const Ref& webhook, const std::string& address) {
    return may_write_to(webhook, address);
  };
  return notify::Mailing{notify::mail_sender(settings_.mail, password), may_write,
                         notify::MailRate(settings_.mail.per_hour)};
}

Result<void> EngineImpl::may_write_to(const Ref& webhook, const std::string& address) const {
  // Who serves but one repository is its operator.
  if (webhook.tenant.empty() || is_solo()) return {};
  const auto tenant = catalog_.tenants.find(webhook.tenant);
  const std::vector<std::string> contacts =
      tenant == catalog_.tenants.end() ? std::vector<std::string>() : tenant->second.contacts;
  return notify::may_write_to(address, contacts, settings_.mail);
}

Result<Secret<std::string>> EngineImpl::secret_of(const Ref& user, const std::string& name) const {
  if (user.tenant.empty() || is_solo())
    return settings_.operator_secrets->find(name, kLargestSecret);
  const auto tenant = tenant_states_.find(user.tenant);
  if (tenant == tenant_states_.end() || !tenant->second.secrets)
    return fail(ErrorCode::Unavailable, "the tenant's Secrets were not opened yet");
  TRY_ASSIGN(const SecretTable::Entry* entry, tenant->second.secrets->find(name));
  return entry->value;
}

void EngineImpl::sync_webhooks() {
  if (!has_catalog_) return;
  notify::WebhookSet set;
  for (const auto& [key, source] : sources_) {
    if (!source.accepted) {
      set.unread_sources.push_back(key);
      continue;
    }
    for (const Resource& resource : *source.accepted->resources) {
      if (resource.ref.kind == Kind::Webhook)
        set.webhooks.push_back(notify::webhook_of(resource, source.accepted->scripts));
    }
  }
  dispatcher_.declare(std::move(set));
}

void EngineImpl::add_webhooks(const std::string& tenant, std::vector<ResourceStatus>& all) const {
  for (const notify::WebhookStatus& webhook : dispatcher_.list(tenant)) {
    ResourceStatus status;
    status.ref = webhook.row.ref;
    status.uid = webhook.row.id;
    status.source = webhook.declaration.source;
    const bool is_in_use = !webhook.row.disabled_at && !webhook.declaration.is_paused;
    status.phase = is_in_use ? Phase::Running : Phase::Stopped;
    status.conditions = {webhook.ready};
    status.url = webhook.url;
    status.message = waiting_text(webhook);
    status.created_at = webhook.row.created_at;
    const auto source = sources_.find(status.source);
    if (source != sources_.end() && source->second.accepted)
      status.applied_revision = status.attempted_revision = source->second.accepted->commit;
    all.push_back(std::move(status));
  }
}

}  // namespace croft
