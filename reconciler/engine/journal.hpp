#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/id.hpp"
#include "core/base/result.hpp"
#include "core/manifest/spec_pool.hpp"
#include "core/store/store.hpp"

namespace croft {

/// The engine's view of the store: rows that every pass reads, kept in memory and written through.
/// What a failed commit would have changed stays as it was. On the control executor.
class Journal {
 public:
  /// Specs that are read share their copy in `specs` with what is declared.
  Journal(Store& store, manifest::SpecPool& specs, RandomSource& random)
      : store_(store), specs_(specs), random_(random) {}

  /// Reads everything once; called before anything else.
  Task<Result<void>> load();

  /// Reads directives and acknowledgements again, which others may have written; gives the tenants
  /// whose changed.
  Task<Result<std::set<std::string>>> reload_orders();

  /// Commits, then shows the change in the maps below. What it makes known goes into the outbox
  /// with it (reconciler/notify/what_happened.hpp).
  Task<Result<void>> commit(Transaction transaction);
  /// Called with each tenant ("" for the platform) of whom a commit has put something into the
  /// outbox.
  void on_notification(std::function<void(const std::string& tenant)> listener) {
    on_notification_ = std::move(listener);
  }

  const std::map<std::string, TenantRow>& tenants() const { return tenants_; }        ///< by uid
  const std::map<std::string, SourceRow>& sources() const { return sources_; }        ///< by key
  const std::map<std::string, ResourceRow>& resources() const { return resources_; }  ///< by uid
  const std::vector<DirectiveRow>& directives() const { return directives_; }
  const std::vector<AcknowledgementRow>& acknowledgements() const { return acknowledgements_; }
  const std::map<std::string, IntentRow>& open_intents() const { return intents_; }  ///< by id

  /// The living tenant of that name (not one within retention), or null.
  const TenantRow* tenant_named(std::string_view name) const;
  /// The Owned or Retained row of that ref, or null.
  const ResourceRow* resource_of(const Ref& ref) const;
  std::vector<const ResourceRow*> resources_of(std::string_view tenant) const;
  std::vector<DirectiveRow> directives_of(std::string_view tenant, Timestamp now) const;
  /// Orders to stop whose time is over, those that ended first before the others.
  std::vector<DirectiveRow> ended_stops(std::string_view tenant, Timestamp now) const;
  bool is_acknowledged(std::string_view tenant, std::string_view digest) const;

  Store& store() { return store_; }

 private:
  void show(const Write& write);
  /// What a transaction makes known: whose it is, and the types of it.
  struct News {
    std::set<std::string> tenants;
    std::vector<std::string> types;
  };
  /// Adds it to the transaction.
  News add_notifications(Transaction& transaction);

  Store& store_;
  manifest::SpecPool& specs_;
  RandomSource& random_;
  std::function<void(const std::string&)> on_notification_;
  std::map<std::string, TenantRow> tenants_;
  std::map<std::string, SourceRow> sources_;
  std::map<std::string, ResourceRow> resources_;
  std::map<Ref, std::string> uids_;  ///< ref → uid of its newest row
  std::map<std::string, IntentRow> intents_;
  std::vector<DirectiveRow> directives_;
  std::vector<AcknowledgementRow> acknowledgements_;
  std::size_t order_commits_ = 0;  ///< begun and ended ones that have orders among them
};

}  // namespace croft
