#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/manifest/problem.hpp"
#include "core/resource/resource.hpp"
#include "core/secret/keyring.hpp"
#include "core/secret/operator_secrets.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// What the Secrets of one declarer hold: a tenant's, or with an empty name the operator's.
class SecretTable {
 public:
  struct Entry {
    std::string fingerprint;  ///< empty if nothing was opened
    Secret<std::string> value;
  };
  using Entries = std::map<std::string, Entry>;  ///< by key

  void add(const std::string& name, Entries entries) { secrets_[name] = std::move(entries); }
  /// Declared, but it cannot be opened, which is a problem of its own.
  void add_broken(const std::string& name) { broken_.insert(name); }

  /// What "NAME" or "NAME/KEY" means. NotFound, in words for whoever wrote it; Unavailable if the
  /// Secret is a broken one.
  Result<const Entry*> find(std::string_view text) const;
  /// The clear values that a spec refers to.
  Result<SecretValues> values_for(Kind kind, const Value& spec) const;

  /// Every value by all that names it.
  secret::OperatorSecrets::Values by_name() const;
  /// The same names with the same fingerprints.
  bool looks_like(const SecretTable& other) const;
  bool is_empty() const { return secrets_.empty() && broken_.empty(); }
  bool has_broken() const { return !broken_.empty(); }

 private:
  std::map<std::string, Entries> secrets_;
  std::set<std::string> broken_;
};

/// What is sealed where: "NAME/KEY" and a sealed value, or "NAME" and the text of a file.
using SealedTexts = std::set<std::pair<std::string, std::string>>;

/// What Secrets are opened with.
struct SecretOpening {
  std::string tenant;  ///< empty: the operator's
  /// Null: names only, and whether what can be said without a key is right (`croft validate`).
  const secret::Keyring* keys = nullptr;
  std::string why_no_keys;  ///< not empty: there should be some, and what came in between
  /// What somebody proposes who is not the tenant (a merge request): nothing but these is opened,
  /// and whatever else is there counts as another value, so that nobody can ask whether it is one.
  std::optional<SealedTexts> known{};
};

/// The texts of one Secret that are there to be opened. `file` is that of its file, or null.
SealedTexts sealed_texts(const Resource& secret, const std::string* file);

/// The Secrets among `resources`; others are left alone. `files` are the texts that they name, by
/// source and path. What cannot be opened is a problem and marked as broken. Blocks for some
/// tens of microseconds a value.
SecretTable open_secrets(const std::vector<Resource>& resources,
                         const std::map<std::pair<std::string, std::string>, std::string>& files,
                         const SecretOpening& opening, std::vector<Problem>& problems);

/// Gives each reference of a resource's spec the fingerprint of what it stands for, so that another
/// value is another spec. What means nothing, or is too large for its place, is a problem. What a
/// broken Secret stands for is not known: there the fingerprint of `applied` stays, if that is not
/// null and has one. Without a table, nothing is known of Secrets, and references stay as they are.
void add_fingerprints(const Resource& resource, Value& spec, const SecretTable& table,
                      std::vector<Problem>& problems, const Value* applied = nullptr);

/// The names of the Secrets that a spec refers to.
std::set<std::string> secrets_named_in(Kind kind, const Value& spec);

/// True if a spec names a secret anywhere.
bool names_secret(Kind kind, const Value& spec);

/// The error with every one of the values taken out of its words, also where one holds another.
Error without_values(const Error& error, const SecretValues& values);

}  // namespace croft
