#include "gateway/receivers/hook_table.hpp"

#include <algorithm>

#include "core/base/hmac.hpp"
#include "core/base/value.hpp"
#include "gateway/receivers/repository_name.hpp"

namespace croft {

namespace {

constexpr std::size_t kIdDigits = 32;  // 128 bits

Value form_of(const HookedSource& source) {
  Value form = Value::map({{"key", source.key},
                           {"url", source.url},
                           {"ref", source.ref},
                           {"isOperators", source.is_operators},
                           {"wantsMergeRequests", source.wants_merge_requests}});
  if (source.hook) {
    form.set("hook", Value::map({{"id", source.hook->id},
                                 {"type", to_string(source.hook->type)},
                                 {"secret", source.hook->secret},
                                 {"secretFile", source.hook->secret_file}}));
  }
  return form;
}

Result<HookedSource> source_of(const Value& form) {
  HookedSource source;
  source.key = form.text_or("key", "");
  source.url = form.text_or("url", "");
  source.ref = form.text_or("ref", "");
  source.is_operators = form.boolean_or("isOperators", false);
  source.wants_merge_requests = form.boolean_or("wantsMergeRequests", false);
  if (source.key.empty()) return fail(ErrorCode::Invalid, "a source without a key");
  if (const Value* hook = form.find("hook")) {
    const auto type = hook_type_from(hook->text_or("type", ""));
    if (!type) return fail(ErrorCode::Invalid, "a hook of an unknown type");
    source.hook = Hook{hook->text_or("id", ""), *type, hook->text_or("secret", ""),
                       hook->text_or("secretFile", "")};
  }
  return source;
}

enum class Match { Yes, No, Unknown };

/// Whether one of the delivery's repositories is this one.
Match match(const RepositoryName& name, const std::vector<std::string>& urls) {
  Match result = Match::Unknown;
  for (const std::string& url : urls) {
    const RepositoryName other = repository_name(url);
    if (other == name) return Match::Yes;
    if (!name.host.empty() && other.host == name.host) result = Match::No;
  }
  return result;
}

bool is_ref(const std::string& declared, const std::string& moved) {
  // Which branch HEAD names, only the repository knows.
  if (declared == "HEAD") return moved.starts_with("refs/heads/");
  return moved == (declared.starts_with("refs/") ? declared : "refs/heads/" + declared);
}

bool concerns_ref(const Delivery& delivery, const HookedSource& source) {
  if (delivery.kind == Delivery::Kind::MergeRequest)
    return source.wants_merge_requests && is_ref(source.ref, delivery.target_ref);
  return delivery.moves.empty() ||
         std::ranges::any_of(delivery.moves, [&](const Delivery::Move& move) {
           return is_ref(source.ref, move.ref);
         });
}

bool concerns_repository(const Delivery& delivery, const HookedSource& source,
                         const HookedSource& from) {
  const RepositoryName name = repository_name(source.url);
  const Match own = match(repository_name(from.url), delivery.repositories);
  if (own != Match::No && name == repository_name(from.url)) return true;
  return from.is_operators && match(name, delivery.repositories) == Match::Yes;
}

}  // namespace

const HookedSource* HookTable::find(std::string_view id) const {
  const auto found = std::ranges::find_if(sources, [&](const HookedSource& source) {
    return source.hook && source.hook->id == id && !id.empty();
  });
  return found == sources.end() ? nullptr : &*found;
}

std::string write_hook_table(const HookTable& table) {
  Value sources = Value::list();
  for (const HookedSource& source : table.sources) sources.push_back(form_of(source));
  return to_json(Value::map({{"version", 1}, {"sources", std::move(sources)}})) + "\n";
}

Result<HookTable> read_hook_table(std::string_view text) {
  TRY_ASSIGN(const Value form, parse_json(text));
  const Value* sources = form.find("sources");
  if (form.integer_or("version", 0) != 1 || sources == nullptr || !sources->is_list())
    return fail(ErrorCode::Invalid, "this is no table of hooks");
  HookTable table;
  for (const Value& one : sources->as_list()) {
    TRY_ASSIGN(HookedSource source, source_of(one));
    table.sources.push_back(std::move(source));
  }
  return table;
}

std::string hook_id(const Secret<std::string>& key, std::string_view source_key) {
  return hmac_sha256_hex(key.reveal(), "hook " + std::string(source_key)).substr(0, kIdDigits);
}

std::vector<HookNotice> concerned_by(const Delivery& delivery, const HookedSource& from,
                                     const HookTable& table) {
  std::vector<HookNotice> notices;
  if (delivery.kind == Delivery::Kind::Ping || delivery.kind == Delivery::Kind::Other)
    return notices;
  for (const HookedSource& source : table.sources) {
    if (concerns_repository(delivery, source, from) && concerns_ref(delivery, source))
      notices.push_back({source.key, delivery.merge_request});
  }
  return notices;
}

}  // namespace croft
