#include "core/secret/sops.hpp"

#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "core/base/base64.hpp"
#include "core/base/hex.hpp"
#include "core/base/id.hpp"
#include "core/secret/sops_rules.hpp"
#include "core/yaml/tree.hpp"

namespace croft::secret {

namespace {

using Type = yaml::Node::Type;

constexpr std::string_view kMetadata = "sops";
constexpr std::string_view kDefaultSuffix = "_unencrypted";
constexpr std::size_t kMostValues = 1000;
constexpr std::size_t kLongestName = 253;  // of a value: its keys and the dots between
constexpr std::size_t kMostRecipients = 100;
constexpr std::size_t kLongestWrapped = 4096;  // ten times what one recipient takes
/// What a MAC over encrypted values only begins with: SHA-256 of "sops".
constexpr std::string_view kMacOnlyEncrypted(
    "\x8a\x3f\xd2\xad\x54\xce\x66\x52\x7b\x10\x34\xf3\xd1\x47\xbe\x0b"
    "\x0b\x97\x5b\x3b\xf4\x4f\x72\xc6\xfd\xad\xec\x81\x76\xf2\x7d\x69",
    32);

std::unexpected<Error> fail_at(const yaml::Node& node, std::string message, std::string hint = {}) {
  Error error(ErrorCode::Invalid, std::move(message));
  if (!hint.empty()) error = std::move(error).with_hint(std::move(hint));
  return std::unexpected(std::move(error).at(
      {"", static_cast<int>(node.mark.line), static_cast<int>(node.mark.column)}));
}

/// A name of the file as a message repeats it.
std::string shown(std::string_view name) {
  constexpr std::size_t kMost = 80;
  std::string text(name.substr(0, kMost));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

/// "ENC[AES256_GCM,data:...,iv:...,tag:...,type:...]"
struct Sealed {
  std::string data;
  std::string nonce;
  std::string type;
};

std::optional<Sealed> parse_sealed(std::string_view text) {
  constexpr std::string_view kBegin = "ENC[AES256_GCM,";
  if (!text.starts_with(kBegin) || !text.ends_with(']')) return std::nullopt;
  text = text.substr(kBegin.size(), text.size() - kBegin.size() - 1);
  std::array<std::string_view, 4> parts;
  constexpr std::array<std::string_view, 4> kNames{"data:", "iv:", "tag:", "type:"};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t comma = text.find(',');
    const bool is_last = i + 1 == parts.size();
    if (!text.starts_with(kNames.at(i)) || (comma == std::string_view::npos) != is_last)
      return std::nullopt;
    parts.at(i) = text.substr(kNames.at(i).size(), comma - kNames.at(i).size());
    if (!is_last) text.remove_prefix(comma + 1);
  }
  const auto data = from_base64(parts[0]);
  const auto nonce = from_base64(parts[1]);
  const auto tag = from_base64(parts[2]);
  if (!data || !nonce || !tag || tag->size() != kTagSize) return std::nullopt;
  return Sealed{*data + *tag, *nonce, std::string(parts[3])};
}

/// A number as Go writes it, which is what the MAC is over.
std::optional<std::string> go_number(std::string_view text) {
  double number = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  std::array<char, 400> written;
  const auto done = std::to_chars(written.data(), written.data() + written.size(), number,
                                  std::chars_format::fixed);
  if (done.ec != std::errc()) return std::nullopt;
  return std::string(written.data(), done.ptr);
}

bool is_true(std::string_view text) { return text == "true" || text == "True" || text == "TRUE"; }
bool is_false(std::string_view text) {
  return text == "false" || text == "False" || text == "FALSE";
}

/// An integer written with a base, or with a leading zero, in the base that YAML 1.1 gives it.
std::optional<std::string> based_integer(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.size() < 2 || text.front() != '0') return std::nullopt;
  const int base = text[1] == 'x' ? 16 : text[1] == 'b' ? 2 : 8;
  text.remove_prefix(text[1] == 'x' || text[1] == 'b' || text[1] == 'o' ? 2 : 1);
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return std::to_string(is_negative ? -number : number);
}

/// A decimal integer that fits into 64 bits stays as it is: a double has 53 bits of it.
std::optional<std::string> decimal_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end) return std::to_string(number);
  std::uint64_t large = 0;
  const auto again = std::from_chars(text.data(), end, large);
  if (again.ec == std::errc() && again.ptr == end) return std::to_string(large);
  return std::nullopt;
}

/// What the MAC is over for a value that is not encrypted: what SOPS makes of it.
std::string bytes_of_clear(const yaml::Node& node) {
  if (!node.is_plain || node.text.empty()) return node.text;
  if (is_true(node.text)) return "True";
  if (is_false(node.text)) return "False";
  const char first = node.text.front();
  const bool looks_numeric =
      (first >= '0' && first <= '9') || first == '-' || first == '+' || first == '.';
  if (!looks_numeric) return node.text;
  if (auto integer = based_integer(node.text)) return *integer;
  if (auto integer = decimal_integer(node.text)) return *integer;
  return go_number(node.text).value_or(node.text);
}

/// The parts of the metadata that matter here.
struct Metadata {
  const yaml::Node* node = nullptr;
  std::string mac;
  std::string last_modified;
  bool is_mac_only_encrypted = false;
  std::optional<SopsRules> rules;
  std::vector<std::string> wrapped_keys;  ///< age files
};

class File {
 public:
  explicit File(std::string_view text) : tree_(yaml::read(text)) {}

  Result<void> open();
  Result<std::string> unwrap(const std::vector<AgeIdentity>& identities) const;
  Result<SopsValues> decrypt(std::string_view data_key);
  Result<std::vector<std::string>> names();

 private:
  struct Leaf {
    std::vector<std::string> keys;  ///< the keys of maps on the way: what is authenticated
    std::string name;
    const yaml::Node* node;
  };

  Result<void> read_metadata(const yaml::Node& metadata);
  Result<void> read_rules(const yaml::Node& metadata);
  Result<void> read_recipients(const yaml::Node& metadata);
  Result<void> collect(const yaml::Node& node, Leaf at);
  Result<std::string> open_value(const Leaf& leaf, std::string_view data_key,
                                 std::string& authenticated) const;
  Result<void> check_mac(std::string_view data_key, std::string_view digest) const;
  std::string text_at(const yaml::Node& map, std::string_view key) const;

  yaml::Tree tree_;
  const yaml::Node* root_ = nullptr;
  Metadata metadata_;
  std::vector<Leaf> leaves_;
};

std::string File::text_at(const yaml::Node& map, std::string_view key) const {
  const yaml::Node* found = tree_.find(map, key);
  return found != nullptr && found->type == Type::Scalar ? found->text : std::string();
}

Result<void> File::open() {
  if (!tree_.problems.empty()) {
    const yaml::Problem& problem = tree_.problems.front();
    yaml::Node place;
    place.mark = problem.mark;
    return fail_at(place, problem.message, problem.hint);
  }
  if (tree_.documents.size() != 1)
    return fail(ErrorCode::Invalid, "it is not one document, as SOPS writes them");
  root_ = &tree_.at(tree_.documents.front().root);
  const yaml::Node* metadata = root_->type == Type::Map ? tree_.find(*root_, kMetadata) : nullptr;
  if (metadata == nullptr || metadata->type != Type::Map)
    return fail_at(*root_, "it is no file that SOPS encrypted: it has no 'sops' in it",
                   "encrypt it with `sops --encrypt --in-place`, and take the clear text out of "
                   "the repository's history");
  TRY(read_metadata(*metadata));
  return collect(*root_, {});
}

Result<void> File::read_metadata(const yaml::Node& metadata) {
  metadata_.node = &metadata;
  metadata_.mac = text_at(metadata, "mac");
  metadata_.last_modified = text_at(metadata, "lastmodified");
  metadata_.is_mac_only_encrypted = is_true(text_at(metadata, "mac_only_encrypted"));
  if (metadata_.mac.empty())
    return fail_at(metadata, "it has no MAC, so that anybody may have changed it");
  for (const std::string_view key : {"encrypted_comment_regex", "unencrypted_comment_regex"}) {
    const yaml::Node* found = tree_.find(metadata, key);
    if (found != nullptr && !text_at(metadata, key).empty())
      return fail_at(*found, fmt::format("'{}' is not supported", key),
                     "let suffixes or regular expressions of keys say what is encrypted");
  }
  TRY(read_rules(metadata));
  return read_recipients(metadata);
}

Result<void> File::read_rules(const yaml::Node& metadata) {
  using Kind = SopsRules::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 4> kRules{
      {{"unencrypted_suffix", Kind::UnencryptedSuffix},
       {"encrypted_suffix", Kind::EncryptedSuffix},
       {"unencrypted_regex", Kind::UnencryptedRegex},
       {"encrypted_regex", Kind::EncryptedRegex}}};
  for (const auto& [name, kind] : kRules) {
    std::string text = text_at(metadata, name);
    if (text.empty()) continue;
    const yaml::Node& place = *tree_.find(metadata, name);
    if (metadata_.rules) return fail_at(place, "it has two rules of what is encrypted");
    Result<SopsRules> rules = SopsRules::make(kind, std::move(text));
    if (!rules) return fail_at(place, rules.error().message(), rules.error().hint());
    metadata_.rules = std::move(*rules);
  }
  if (!metadata_.rules) {
    TRY_ASSIGN(metadata_.rules,
               SopsRules::make(Kind::UnencryptedSuffix, std::string(kDefaultSuffix)));
  }
  return {};
}

Result<void> File::read_recipients(const yaml::Node& metadata) {
  const yaml::Node* groups = tree_.find(metadata, "key_groups");
  if (groups != nullptr && groups->count > 0)
    return fail_at(*groups, "its data key is split among groups of keys, which is not supported");
  const yaml::Node* list = tree_.find(metadata, "age");
  if (list == nullptr || list->type != Type::List) return {};
  // Each may cost a multiplication on the curve for each of the server's keys.
  if (list->count > kMostRecipients)
    return fail_at(*list, fmt::format("it has more than {} age recipients", kMostRecipients));
  for (const yaml::NodeIndex index : tree_.items(*list)) {
    std::string wrapped = text_at(tree_.at(index), "enc");
    if (wrapped.size() > kLongestWrapped)
      return fail_at(tree_.at(index), "a recipient's 'enc' is too long for a data key");
    metadata_.wrapped_keys.push_back(std::move(wrapped));
  }
  return {};
}

Result<void> File::collect(const yaml::Node& node, Leaf at) {
  if (node.type == Type::Null) return {};
  if (node.type == Type::Scalar) {
    if (leaves_.size() == kMostValues) return fail_at(node, "it has more than 1000 values");
    if (at.name.size() > kLongestName)
      return fail_at(node,
                     fmt::format("the name of a value has more than {} characters", kLongestName));
    at.node = &node;
    leaves_.push_back(std::move(at));
    return {};
  }
  const auto items = tree_.items(node);
  const bool is_map = node.type == Type::Map;
  for (std::size_t i = 0; i + (is_map ? 1 : 0) < items.size(); i += is_map ? 2 : 1) {
    Leaf inner = at;
    const std::string step = is_map ? tree_.at(items[i]).text : std::to_string(i);
    if (is_map && &node == root_ && step == kMetadata) continue;
    inner.name += (inner.name.empty() ? "" : ".") + step;
    if (is_map) inner.keys.push_back(step);
    TRY(collect(tree_.at(items[is_map ? i + 1 : i]), std::move(inner)));
  }
  return {};
}

Result<std::string> File::unwrap(const std::vector<AgeIdentity>& identities) const {
  if (metadata_.wrapped_keys.empty())
    return fail_at(*metadata_.node, "it has no age recipient",
                   "add the one that `croft secret key` prints: sops --rotate --add-age ...");
  for (const std::string& wrapped : metadata_.wrapped_keys) {
    const Result<Secret<std::string>> key = decrypt_age(wrapped, identities);
    if (key && key->reveal().size() == kKeySize) return key->reveal();
    if (!key && key.error().code() != ErrorCode::NotFound)
      return fail_at(*metadata_.node, "its data key: " + key.error().message());
  }
  Error error(ErrorCode::NotFound, "none of its age recipients is this server's key for it");
  return fail(std::move(error)
                  .with_hint("add the recipient that `croft secret key` prints: "
                             "sops --rotate --in-place --add-age ...")
                  .at({"", static_cast<int>(metadata_.node->mark.line),
                       static_cast<int>(metadata_.node->mark.column)}));
}

Result<std::string> File::open_value(const Leaf& leaf, std::string_view data_key,
                                     std::string& authenticated) const {
  const bool is_encrypted = metadata_.rules->is_encrypted(leaf.keys);
  std::string clear = leaf.node->text;
  if (!is_encrypted) {
    if (!metadata_.is_mac_only_encrypted) authenticated += bytes_of_clear(*leaf.node);
    return clear;
  }
  if (clear.empty()) return clear;  // SOPS leaves what is empty as it is
  const auto sealed = parse_sealed(clear);
  if (!sealed)
    return fail_at(*leaf.node, fmt::format("'{}' is not encrypted, but must be", shown(leaf.name)),
                   "run `sops --encrypt` over the file; whoever can read it knows this value");
  std::string path;
  for (const std::string& key : leaf.keys) (path += key) += ':';
  auto opened = gcm_open(data_key, sealed->nonce, path, sealed->data);
  if (!opened)
    return fail_at(*leaf.node, fmt::format("'{}' was changed, or moved here from another place",
                                           shown(leaf.name)));
  if (sealed->type == "bool") {
    authenticated += is_true(*opened) ? "True" : "False";
    return std::string(is_true(*opened) ? "true" : "false");
  }
  authenticated += sealed->type == "float" ? go_number(*opened).value_or(*opened) : *opened;
  return std::move(*opened);
}

Result<void> File::check_mac(std::string_view data_key, std::string_view digest) const {
  const auto sealed = parse_sealed(metadata_.mac);
  const auto mac = sealed ? gcm_open(data_key, sealed->nonce, metadata_.last_modified, sealed->data)
                          : std::nullopt;
  std::string expected = to_hex(
      std::span(reinterpret_cast<const unsigned char*>(digest.data()), digest.size()));  // NOLINT
  for (char& c : expected) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c;
  if (!mac || !equal_constant_time(*mac, expected))
    return fail_at(*metadata_.node,
                   "its MAC does not fit its values: something was changed without SOPS",
                   "look at what the last commits changed; `sops --decrypt --ignore-mac` shows "
                   "what is in it");
  return {};
}

Result<SopsValues> File::decrypt(std::string_view data_key) {
  SopsValues values;
  std::string authenticated;
  if (metadata_.is_mac_only_encrypted) authenticated = kMacOnlyEncrypted;
  for (const Leaf& leaf : leaves_) {
    TRY_ASSIGN(std::string clear, open_value(leaf, data_key, authenticated));
    values.insert_or_assign(leaf.name, Secret(std::move(clear)));
  }
  const std::string digest = sha512(authenticated);
  wipe(authenticated);
  TRY(check_mac(data_key, digest));
  return values;
}

Result<std::vector<std::string>> File::names() {
  std::vector<std::string> names;
  for (const Leaf& leaf : leaves_) names.push_back(leaf.name);
  return names;
}

}  // namespace

Result<SopsValues> open_sops(std::string_view text, const std::vector<AgeIdentity>& identities) {
  File file(text);
  TRY(file.open());
  TRY_ASSIGN(std::string key, file.unwrap(identities));
  Result<SopsValues> values = file.decrypt(key);
  wipe(key);
  return values;
}

Result<SopsValues> open_sops_with_key(std::string_view text, std::string_view data_key) {
  File file(text);
  TRY(file.open());
  return file.decrypt(data_key);
}

Result<std::vector<std::string>> names_in_sops(std::string_view text) {
  File file(text);
  TRY(file.open());
  return file.names();
}

}  // namespace croft::secret
