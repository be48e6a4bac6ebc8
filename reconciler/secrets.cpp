#include "reconciler/secrets.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/resource/kinds.hpp"
#include "core/resource/secret_name.hpp"
#include "core/secret/sops.hpp"

namespace croft {

namespace {

using secret::SealScope;

constexpr std::size_t kMostValues = 2000;  // opening one takes a tenth of a millisecond
constexpr std::size_t kLongestVariable = 131'072 - 256;  // the kernel's limit, less its name

std::string keys_of(const SecretTable::Entries& entries) {
  std::vector<std::string_view> keys;
  for (const auto& [key, entry] : entries) keys.push_back(key);
  return fmt::format("{}", fmt::join(keys, ", "));
}

/// Opens one Secret.
class Opener {
 public:
  Opener(const Resource& resource, const SecretOpening& opening, std::vector<Problem>& problems)
      : resource_(resource), opening_(opening), problems_(problems), before_(problems.size()) {}

  void open(const std::string* file, SecretTable& table) {
    if (!opening_.why_no_keys.empty()) {
      problem("spec", "cannot be opened: " + opening_.why_no_keys, "the operator has to mend this");
    } else if (const Value* values = resource_.spec->find("values")) {
      for (const Value::Entry& one : values->as_map()) open_value(one.key, one.value.as_text());
    } else if (file != nullptr) {
      open_file(*file);
    }
    if (problems_.size() != before_) return table.add_broken(resource_.ref.name);
    table.add(resource_.ref.name, std::move(entries_));
  }

 private:
  void open_value(const std::string& key, const std::string& sealed) {
    const std::string path = "spec.values." + key;
    if (const auto wrong = secret::sealed_problem(sealed))
      return problem(path, wrong->message(), "seal it again: croft seal " + place(key));
    if (opening_.keys == nullptr) return add(key, "");
    const SealScope scope{opening_.tenant, resource_.ref.name, key};
    Result<Secret<std::string>> clear = secret::unseal(opening_.keys->keys(), scope, sealed);
    if (!clear) return problem(path, clear.error().message(), clear.error().hint());
    add(key, clear->reveal());
  }

  void open_file(const std::string& text) {
    const std::string file = resource_.spec->text_or("file", "");
    if (opening_.keys == nullptr) {
      const auto names = secret::names_in_sops(text);
      if (!names) return file_problem(file, names.error());
      for (const std::string& name : *names) add(name, "");
      return;
    }
    const auto values = secret::open_sops(text, opening_.keys->keys_of(opening_.tenant));
    if (!values) return file_problem(file, values.error());
    for (const auto& [key, value] : *values) add(key, value.reveal());
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
      const SealScope scope{opening_.tenant, resource_.ref.name, key};
      entry.fingerprint = opening_.keys->fingerprint(scope, clear);
      entry.value = Secret(clear);
    }
    entries_.insert_or_assign(key, std::move(entry));
  }

  std::string place(const std::string& key) const {
    return key == kDefaultSecretKey ? resource_.ref.name : resource_.ref.name + "/" + key;
  }

  void problem(std::string path, std::string message, std::string hint) {
    problems_.push_back({resource_.ref, std::move(path), std::move(message), std::move(hint)});
  }

  const Resource& resource_;
  const SecretOpening& opening_;
  std::vector<Problem>& problems_;
  std::size_t before_;
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

SecretTable open_secrets(const std::vector<Resource>& resources,
                         const std::map<std::pair<std::string, std::string>, std::string>& files,
                         const SecretOpening& opening, std::vector<Problem>& problems) {
  SecretTable table;
  std::size_t count = 0;
  for (const Resource& resource : resources) {
    if (resource.ref.kind != Kind::Secret) continue;
    const auto file = files.find({resource.origin.source, resource.spec->text_or("file", "")});
    const Value* values = resource.spec->find("values");
    count += values == nullptr ? 1 : values->size();
    if (count > kMostValues) {
      problems.push_back({resource.ref, "spec",
                          fmt::format("there are more than {} sealed values", kMostValues),
                          "a file that SOPS encrypted counts as one"});
      break;
    }
    Opener(resource, opening, problems).open(file == files.end() ? nullptr : &file->second, table);
  }
  return table;
}

void add_fingerprints(const Resource& resource, Value& spec, const SecretTable& table,
                      std::vector<Problem>& problems) {
  const auto visit = [&](const std::string& path, Value& reference) {
    const Result<const SecretTable::Entry*> entry = table.find(reference.text_or("secret", ""));
    std::string wrong;
    if (!entry && entry.error().code() == ErrorCode::Unavailable) return;  // said at the Secret
    if (!entry) wrong = entry.error().message();
    if (entry && path.starts_with("env.")) wrong = why_no_variable((*entry)->value.reveal());
    if (!wrong.empty()) {
      problems.push_back(
          {resource.ref, "spec." + path, wrong, entry ? std::string() : entry.error().hint()});
    } else if (!(*entry)->fingerprint.empty()) {
      reference.set("fingerprint", (*entry)->fingerprint);
    }
  };
  for_each_secret(spec_of(resource.ref.kind), spec,
                  std::function<void(const std::string&, Value&)>(visit));
}

bool names_secret(Kind kind, const Value& spec) {
  bool is_any = false;
  for_each_secret(spec_of(kind), spec, [&](const std::string&, const Value&) { is_any = true; });
  return is_any;
}

Error without_values(const Error& error, const SecretValues& values) {
  constexpr std::size_t kShortest = 4;  // what is shorter stands in any text
  const auto clean = [&](std::string text) {
    for (const auto& [name, value] : values) {
      const std::string& clear = value.reveal();
      if (clear.size() < kShortest) continue;
      for (std::size_t at = text.find(clear); at != std::string::npos; at = text.find(clear, at)) {
        text.replace(at, clear.size(), kRedacted);
        at += kRedacted.size();
      }
    }
    return text;
  };
  Error made(error.code(), clean(error.message()));
  if (!error.hint().empty()) made = std::move(made).with_hint(clean(error.hint()));
  if (error.position()) made = std::move(made).at(*error.position());
  for (const std::string& what : error.context()) made = std::move(made).while_doing(clean(what));
  return made;
}

}  // namespace croft
