#include "reconciler/engine/journal.hpp"

#include <algorithm>
#include <functional>

#include "core/base/metric_families.hpp"
#include "reconciler/notify/what_happened.hpp"

namespace croft {

Task<Result<void>> Journal::load() {
  CO_TRY_ASSIGN(auto tenants, co_await store_.tenants());
  for (TenantRow& row : tenants) tenants_[row.uid] = std::move(row);
  CO_TRY_ASSIGN(auto sources, co_await store_.sources());
  for (SourceRow& row : sources) sources_[row.key] = std::move(row);
  CO_TRY_ASSIGN(auto resources, co_await store_.all_resources());
  for (ResourceRow& row : resources) {
    if (row.applied) row.applied = specs_.share(*row.applied);
    show(PutResource{std::move(row)});
  }
  CO_TRY_ASSIGN(auto intents, co_await store_.open_intents());
  for (IntentRow& row : intents) intents_[row.id] = std::move(row);
  CO_TRY_ASSIGN(directives_, co_await store_.directives());
  CO_TRY_ASSIGN(acknowledgements_, co_await store_.acknowledgements());
  co_return Result<void>();
}

namespace {

/// The tenants of rows that are in one list only.
template <typename Row, typename TenantOf>
void note_differences(const std::vector<Row>& before, const std::vector<Row>& after,
                      TenantOf tenant_of, std::set<std::string>& tenants) {
  const auto note_missing = [&](const std::vector<Row>& from, const std::vector<Row>& in) {
    for (const Row& row : from) {
      if (std::ranges::find(in, row) == in.end()) tenants.insert(std::invoke(tenant_of, row));
    }
  };
  note_missing(before, after);
  note_missing(after, before);
}

bool is_order(const Write& write) {
  return std::holds_alternative<PutDirective>(write) ||
         std::holds_alternative<EraseDirective>(write) ||
         std::holds_alternative<PutAcknowledgement>(write) ||
         std::holds_alternative<EraseAcknowledgement>(write);
}

}  // namespace

Task<Result<std::set<std::string>>> Journal::reload_orders() {
  std::vector<DirectiveRow> directives;
  std::vector<AcknowledgementRow> acknowledgements;
  // Orders that we write meanwhile are newer than what is read: once more, then.
  for (std::size_t before = order_commits_ + 1; before != order_commits_;) {
    before = order_commits_;
    CO_TRY_ASSIGN(directives, co_await store_.directives());
    CO_TRY_ASSIGN(acknowledgements, co_await store_.acknowledgements());
  }
  std::set<std::string> tenants;
  const auto tenant_of_directive = [](const DirectiveRow& row) { return row.ref.tenant; };
  note_differences(directives_, directives, tenant_of_directive, tenants);
  note_differences(acknowledgements_, acknowledgements, &AcknowledgementRow::tenant, tenants);
  directives_ = std::move(directives);
  acknowledgements_ = std::move(acknowledgements);
  co_return tenants;
}

Journal::News Journal::add_notifications(Transaction& transaction) {
  const notify::Before before{[this](const Ref& ref) { return resource_of(ref); },
                              [this](const std::string& key) {
                                const auto row = sources_.find(key);
                                return row == sources_.end() ? nullptr : &row->second;
                              }};
  for (NotificationRow& row : notify::what_happened(transaction, before))
    transaction.add(AppendNotification{std::move(row)});
  News news;
  for (Write& write : transaction.writes) {
    auto* append = std::get_if<AppendNotification>(&write);
    if (append == nullptr) continue;
    append->row.id = random_.id();
    news.tenants.insert(append->row.tenant);
    news.types.push_back(append->row.type);
  }
  return news;
}

Task<Result<void>> Journal::commit(Transaction transaction) {
  const News news = add_notifications(transaction);
  Transaction copy = transaction;
  const bool has_orders = std::ranges::any_of(transaction.writes, is_order);
  order_commits_ += has_orders ? 1 : 0;
  CO_TRY(co_await store_.commit(std::move(copy)));
  bool has_new_tenant = false;
  for (const Write& write : transaction.writes) {
    const PutTenant* put = std::get_if<PutTenant>(&write);
    has_new_tenant = has_new_tenant || (put != nullptr && put->row.number == 0);
    show(write);
  }
  order_commits_ += has_orders ? 1 : 0;
  for (const std::string& type : news.types)
    metrics::registry().counter(metrics::kNotifications, {type}).add();
  for (const std::string& tenant : news.tenants) {
    if (on_notification_) on_notification_(tenant);
  }
  // The store gives new tenants their numbers.
  if (has_new_tenant) {
    CO_TRY_ASSIGN(auto tenants, co_await store_.tenants());
    for (TenantRow& row : tenants) tenants_[row.uid] = std::move(row);
  }
  co_return Result<void>();
}

namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace

void Journal::show(const Write& write) {
  std::visit(
      Overloaded{
          [&](const PutTenant& put) { tenants_[put.row.uid] = put.row; },
          [&](const EraseTenant& erase) { tenants_.erase(erase.uid); },
          [&](const PutSource& put) { sources_[put.row.key] = put.row; },
          [&](const EraseSource& erase) { sources_.erase(erase.key); },
          [&](const PutResource& put) {
            resources_[put.row.uid] = put.row;
            uids_[put.row.ref] = put.row.uid;
          },
          [&](const EraseResource& erase) {
            const auto found = resources_.find(erase.uid);
            if (found == resources_.end()) return;
            const auto uid = uids_.find(found->second.ref);
            if (uid != uids_.end() && uid->second == erase.uid) uids_.erase(uid);
            resources_.erase(found);
          },
          [&](const PutIntent& put) {
            if (put.row.state == IntentState::Open) {
              intents_[put.row.id] = put.row;
            } else {
              intents_.erase(put.row.id);
            }
          },
          [&](const PutDirective& put) {
            std::erase_if(directives_, [&](const DirectiveRow& row) {
              return row.ref == put.row.ref && row.verb == put.row.verb;
            });
            directives_.push_back(put.row);
          },
          [&](const EraseDirective& erase) {
            std::erase_if(directives_, [&](const DirectiveRow& row) {
              return row.ref == erase.ref && row.verb == erase.verb;
            });
          },
          [&](const PutAcknowledgement& put) { acknowledgements_.push_back(put.row); },
          [&](const EraseAcknowledgement& erase) {
            std::erase_if(acknowledgements_, [&](const AcknowledgementRow& row) {
              return row.tenant == erase.tenant && row.digest == erase.digest;
            });
          },
          [](const auto&) {},  // events, usage and tokens are read from the store when asked for
      },
      write);
}

const TenantRow* Journal::tenant_named(std::string_view name) const {
  for (const auto& [uid, row] : tenants_) {
    if (row.name == name && !row.removed_at) return &row;
  }
  return nullptr;
}

const ResourceRow* Journal::resource_of(const Ref& ref) const {
  const auto uid = uids_.find(ref);
  if (uid == uids_.end()) return nullptr;
  const auto row = resources_.find(uid->second);
  return row == resources_.end() ? nullptr : &row->second;
}

std::vector<const ResourceRow*> Journal::resources_of(std::string_view tenant) const {
  std::vector<const ResourceRow*> rows;
  for (auto it = uids_.lower_bound(Ref{std::string(tenant), Kind{}, ""});
       it != uids_.end() && it->first.tenant == tenant; ++it) {
    const auto row = resources_.find(it->second);
    if (row != resources_.end()) rows.push_back(&row->second);
  }
  return rows;
}

std::vector<DirectiveRow> Journal::directives_of(std::string_view tenant, Timestamp now) const {
  std::vector<DirectiveRow> rows;
  for (const DirectiveRow& row : directives_) {
    if (row.ref.tenant == tenant && (!row.until || *row.until > now)) rows.push_back(row);
  }
  return rows;
}

std::vector<DirectiveRow> Journal::ended_stops(std::string_view tenant, Timestamp now) const {
  std::vector<DirectiveRow> rows;
  for (const DirectiveRow& row : directives_) {
    const bool is_over = row.verb == DirectiveVerb::Stop && row.until && *row.until <= now;
    if (row.ref.tenant == tenant && is_over) rows.push_back(row);
  }
  std::ranges::stable_sort(rows, {}, &DirectiveRow::until);
  return rows;
}

bool Journal::is_acknowledged(std::string_view tenant, std::string_view digest) const {
  return std::any_of(
      acknowledgements_.begin(), acknowledgements_.end(),
      [&](const AcknowledgementRow& row) { return row.tenant == tenant && row.digest == digest; });
}

}  // namespace croft
