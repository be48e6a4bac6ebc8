#include "reconciler/secrets.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "core/base/hidden.hpp"
#include "core/base/id.hpp"
#include "core/base/suggest.hpp"
#include "core/resource/kinds.hpp"
#include "core/resource/secret_name.hpp"
#include "core/secret/sops.hpp"

namespace croft {

namespace {

using secret::SealScope;

constexpr std::size_t kMostValues = 2000;  // opening one takes a tenth of a millisecond
constexpr std::size_t kLongestFile = 256 << 10;
constexpr std::size_t kMostOfFiles = 1 << 20;  // of a workload's secret files: they lie in memory
constexpr std::size_t kLongestVariable = 131'072 - 256;  // the kernel's limit, less its name

std::string keys_of(const SecretTable::Entries& entries) {
  std::vector<std::string_view> keys;
  for (const auto& [key, entry] : entries) keys.push_back(key);
  return fmt::format("{}", fmt::join(keys, ", "));
}

/// Files that SOPS encrypted, each opened once however many Secrets name it.
class SopsFiles {
 public:
  using Opened = Result<secret::SopsValues>;

  /// Without keys, its names only. `text` has to live on.
  const Opened& open(const std::string& text, const std::vector<secret::AgeIdentity>* keys) {
    const auto key = std::pair(std::string_view(text), keys != nullptr);
    const auto known = opened_.find(key);
    if (known != opened_.end()) return known->second;
    return opened_.emplace(key, keys != nullptr ? secret::open_sops(text, *keys) : names_of(text))
        .first->second;
  }

 private:
  static Opened names_of(const std::string& text) {
    TRY_ASSIGN(const std::vector<std::string> names, secret::names_in_sops(text));
    secret::SopsValues values;
    for (const std::string& name : names) values.emplace(name, Secret<std::string>());
    return values;
  }

  std::map<std::pair<std::string_view, bool>, Opened> opened_;
};

/// What stands for a value that is not opened: another text, another value.
std::string fingerprint_of_sealed(const std::string& place, const std::string& sealed) {
  constexpr std::size_t kSize = 16;
  return sha256_hex(place + '\0' + sealed).substr(0, kSize);
}

/// Opens Secrets, one after the other.
class Opener {
 public:
  Opener(const SecretOpening& opening, SecretTable& table, std::vector<Problem>& problems)
      : opening_(opening), table_(table), problems_(problems) {
    if (opening.keys != nullptr) file_keys_ = opening.keys->keys_of(opening.tenant);
  }

  void open(const Resource& resource, const std::string* file) {
    resource_ = &resource;
    entries_.clear();
    const std::size_t before = problems_.size();
    if (!opening_.why_no_keys.empty()) {
      problem("spec", "cannot be opened: " + opening_.why_no_keys, "the operator has to mend this");
    } else if (const Value* values = resource.spec->find("values")) {
      open_values(*values);
    } else if (file != nullptr) {
      open_file(*file);
    }
    if (problems_.size() != before) return table_.add_broken(resource.ref.name);
    table_.add(resource.ref.name, std::move(entries_));
  }

 private:
  void open_values(const Value& values) {
    if (!has_room_for(values.size())) return;
    for (const Value::Entry& one : values.as_map()) open_value(one.key, one.value.as_text());
  }

  void open_value(const std::string& key, const std::string& sealed) {
    const std::string path = "spec.values." + key;
    if (const auto wrong = secret::sealed_problem(sealed))
      return problem(path, wrong->message(), "seal it again: croft seal " + place(key));
    if (opening_.keys == nullptr) return add(key, "");
    if (!is_known(resource_->ref.name + "/" + key, sealed)) return add_sealed(key, sealed);
    const SealScope scope{opening_.tenant, resource_->ref.name, key};
    Result<Secret<std::string>> clear = secret::unseal(opening_.keys->keys(), scope, sealed);
    if (!clear) return problem(path, clear.error().message(), clear.error().hint());
    add(key, clear->reveal());
  }

  void open_file(const std::string& text) {
    const bool is_opened = opening_.keys != nullptr && is_known(resource_->ref.name, text);
    const SopsFiles::Opened& values = files_.open(text, is_opened ? &file_keys_ : nullptr);
    if (!values) return file_problem(resource_->spec->text_or("file", ""), values.error());
    if (!has_room_for(values->size())) return;
    for (const auto& [key, value] : *values) {
      if (is_opened || opening_.keys == nullptr) {
        add(key, value.reveal());
      } else {
        add_sealed(key, text);
      }
    }
  }

  /// A Secret that names a file of a thousand values holds a thousand.
  bool has_room_for(std::size_t values) {
    count_ += values;
    if (count_ <= kMostValues) return true;
    problem("spec", fmt::format("there are more than {} secret values", kMostValues),
            "each value of a file that SOPS encrypted counts, once for each Secret that names it");
    return false;
  }

  bool is_known(const std::string& where, const std::string& sealed) const {
    return !opening_.known || opening_.known->contains({where, sealed});
  }

  void file_problem(const std::string& file, const Error& error) {
    std::string place = file;
    if (error.position())
      place = fmt::format("{}:{}:{}", file, error.position()->line, error.position()->column);
    problem("spec.file", fmt::format("{}: {}", place, error.message()), error.hint());
  }

  void add(const std::string& key, const std::string& clear) {
    SecretTable::Entry entry;
    if (opening_.keys != nullptr) {
      const SealScope scope{opening_.tenant, resource_->ref.name, key};
      entry.fingerprint = opening_.keys->fingerprint(scope, clear);
      entry.value = Secret(clear);
    }
    entries_.insert_or_assign(key, std::move(entry));
  }

  void add_sealed(const std::string& key, const std::string& sealed) {
    entries_.insert_or_assign(
        key, SecretTable::Entry{fingerprint_of_sealed(place(key), sealed), Secret<std::string>()});
  }

  std::string place(const std::string& key) const {
    return key == kDefaultSecretKey ? resource_->ref.name : resource_->ref.name + "/" + key;
  }

  void problem(std::string path, std::string message, std::string hint) {
    problems_.push_back({resource_->ref, std::move(path), std::move(message), std::move(hint)});
  }

  const SecretOpening& opening_;
  SecretTable& table_;
  std::vector<Problem>& problems_;
  std::vector<secret::AgeIdentity> file_keys_;
  SopsFiles files_;
  std::size_t count_ = 0;
  const Resource* resource_ = nullptr;
  SecretTable::Entries entries_;
};

/// A variable cannot hold everything that a file can.
std::string why_no_variable(std::string_view clear) {
  if (clear.find('\0') != std::string_view::npos)
    return "is a secret with a NUL byte in it, which no environment variable can hold";
  if (clear.size() > kLongestVariable)
    return "is a secret of more than 128 KiB, which no environment variable can hold";
  return "";
}

/// Files of secrets lie in memory, beside the app.
std::string why_no_file(std::string_view clear) {
  return clear.size() > kLongestFile ? "is a secret of more than 256 KiB, too long for a file" : "";
}

}  // namespace

Result<const SecretTable::Entry*> SecretTable::find(std::string_view text) const {
  const SecretName wanted = parse_secret_name(text);
  if (broken_.contains(wanted.name))
    return fail(ErrorCode::Unavailable, fmt::format("Secret/{} cannot be opened", wanted.name));
  const auto found = secrets_.find(wanted.name);
  if (found == secrets_.end()) {
    std::vector<std::string_view> names;
    for (const auto& [name, entries] : secrets_) names.push_back(name);
    return fail(Error(ErrorCode::NotFound, fmt::format("there is no Secret '{}'", wanted.name))
                    .with_hint(did_you_mean(wanted.name, names)));
  }
  const Entries& entries = found->second;
  if (wanted.key.empty() && entries.size() == 1) return &entries.begin()->second;
  const std::string key = wanted.key.empty() ? std::string(kDefaultSecretKey) : wanted.key;
  const auto entry = entries.find(key);
  if (entry != entries.end()) return &entry->second;
  return fail(
      Error(ErrorCode::NotFound,
            wanted.key.empty() ? fmt::format("Secret '{}' has several values", wanted.name)
                               : fmt::format("Secret '{}' has no value '{}'", wanted.name, key))
          .with_hint(fmt::format("say which: {}/KEY; it has {}", wanted.name, keys_of(entries))));
}

Result<SecretValues> SecretTable::values_for(Kind kind, const Value& spec) const {
  SecretValues values;
  Result<void> outcome;
  for_each_secret(spec_of(kind), spec, [&](const std::string& path, const Value& reference) {
    const std::string text = reference.text_or("secret", "");
    const Result<const Entry*> entry = find(text);
    if (!entry) {
      outcome = fail(Error(entry.error()).while_doing("spec." + path));
      return;
    }
    values.insert_or_assign(text, (*entry)->value);
  });
  TRY(outcome);
  return values;
}

secret::OperatorSecrets::Values SecretTable::by_name() const {
  secret::OperatorSecrets::Values values;
  for (const auto& [name, entries] : secrets_) {
    for (const auto& [key, entry] : entries) {
      values.emplace(name + "/" + key, entry.value);
      if (entries.size() == 1 || key == kDefaultSecretKey) values.emplace(name, entry.value);
    }
  }
  return values;
}

bool SecretTable::looks_like(const SecretTable& other) const {
  return broken_ == other.broken_ &&
         std::ranges::equal(secrets_, other.secrets_, [](const auto& a, const auto& b) {
           return a.first == b.first &&
                  std::ranges::equal(a.second, b.second, [](const auto& one, const auto& two) {
                    return one.first == two.first &&
                           one.second.fingerprint == two.second.fingerprint;
                  });
         });
}

SealedTexts sealed_texts(const Resource& secret, const std::string* file) {
  SealedTexts texts;
  if (const Value* values = secret.spec->find("values")) {
    for (const Value::Entry& one : values->as_map())
      texts.emplace(secret.ref.name + "/" + one.key, one.value.as_text());
  }
  if (file != nullptr) texts.emplace(secret.ref.name, *file);
  return texts;
}

SecretTable open_secrets(const std::vector<Resource>& resources,
                         const std::map<std::pair<std::string, std::string>, std::string>& files,
                         const SecretOpening& opening, std::vector<Problem>& problems) {
  SecretTable table;
  Opener opener(opening, table, problems);
  for (const Resource& resource : resources) {
    if (resource.ref.kind != Kind::Secret) continue;
    const auto file = files.find({resource.origin.source, resource.spec->text_or("file", "")});
    opener.open(resource, file == files.end() ? nullptr : &file->second);
  }
  return table;
}

namespace {

/// The fingerprints that a spec has, by what they stand for.
std::map<std::string, std::string> fingerprints_in(Kind kind, const Value& spec) {
  std::map<std::string, std::string> known;
  for_each_secret(spec_of(kind), spec, [&](const std::string&, const Value& reference) {
    known.insert_or_assign(reference.text_or("secret", ""), reference.text_or("fingerprint", ""));
  });
  return known;
}

bool is_file(const std::string& path) {
  return path.starts_with("secretFiles") || path.starts_with("files");
}

std::string why_unfit(const std::string& path, std::string_view clear) {
  if (path.starts_with("env.")) return why_no_variable(clear);
  return is_file(path) ? why_no_file(clear) : "";
}

}  // namespace

void add_fingerprints(const Resource& resource, Value& spec, const SecretTable& table,
                      std::vector<Problem>& problems, const Value* applied) {
  std::size_t of_files = 0;
  const auto problem = [&](const std::string& path, std::string message, std::string hint) {
    problems.push_back({resource.ref, "spec." + path, std::move(message), std::move(hint)});
  };
  const auto keep = [&](Value& reference) {
    if (applied == nullptr) return;
    const auto known = fingerprints_in(resource.ref.kind, *applied);
    const auto found = known.find(reference.text_or("secret", ""));
    if (found != known.end() && !found->second.empty()) reference.set("fingerprint", found->second);
  };
  const auto visit = [&](const std::string& path, Value& reference) {
    const Result<const SecretTable::Entry*> entry = table.find(reference.text_or("secret", ""));
    // That it is broken is said at the Secret.
    if (!entry && entry.error().code() == ErrorCode::Unavailable) return keep(reference);
    if (!entry) return problem(path, entry.error().message(), entry.error().hint());
    const std::string& clear = (*entry)->value.reveal();
    const std::string wrong = why_unfit(path, clear);
    if (!wrong.empty()) return problem(path, wrong, "");
    if (is_file(path)) of_files += clear.size();
    if (!(*entry)->fingerprint.empty()) reference.set("fingerprint", (*entry)->fingerprint);
  };
  for_each_secret(spec_of(resource.ref.kind), spec,
                  std::function<void(const std::string&, Value&)>(visit));
  if (of_files > kMostOfFiles)
    problems.push_back({resource.ref, "spec", "its secret files have more than 1 MiB together",
                        "they lie in memory; put what is large into the image or a volume"});
}

std::set<std::string> secrets_named_in(Kind kind, const Value& spec) {
  std::set<std::string> names;
  for_each_secret(spec_of(kind), spec, [&](const std::string&, const Value& reference) {
    names.insert(parse_secret_name(reference.text_or("secret", "")).name);
  });
  return names;
}

bool names_secret(Kind kind, const Value& spec) {
  bool is_any = false;
  for_each_secret(spec_of(kind), spec, [&](const std::string&, const Value&) { is_any = true; });
  return is_any;
}

Error without_values(const Error& error, const SecretValues& values) {
  HiddenTexts hidden;
  for (const auto& [name, value] : values) hidden.add(value);
  Error made(error.code(), hidden.cut(error.message()));
  if (!error.hint().empty()) made = std::move(made).with_hint(hidden.cut(error.hint()));
  if (error.position()) made = std::move(made).at(*error.position());
  for (const std::string& what : error.context())
    made = std::move(made).while_doing(hidden.cut(what));
  return made;
}

}  // namespace croft
