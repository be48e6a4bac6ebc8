#include "reconciler/notify/signature.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "core/base/base64.hpp"
#include "core/base/files.hpp"
#include "core/base/hmac.hpp"

namespace croft::notify {

namespace {

constexpr std::string_view kPrefix = "whsec_";
// What the specification asks of a key.
constexpr std::size_t kShortestKey = 24;
constexpr std::size_t kLongestKey = 64;
constexpr std::size_t kMostKeys = 4;
constexpr std::size_t kShortestRoot = 32;
constexpr std::size_t kLargestFile = 1U << 12U;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// The bytes that a text in base64 stands for, if they are so many. Not inlined: GCC 12 reasons
/// from the bounds to warnings about strings that are shorter.
[[gnu::noinline]] std::optional<std::string> bytes_of(std::string_view text, std::size_t least,
                                                      std::size_t most) {
  std::optional<std::string> bytes = from_base64(trimmed(text));
  if (bytes && (bytes->size() < least || bytes->size() > most)) bytes.reset();
  return bytes;
}

Result<std::string> make_root(const std::filesystem::path& file, RandomSource& random) {
  const auto bytes = random.bytes();
  const std::string root = to_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  TRY(write_file_atomic(file, root + "\n", 0600));
  return root;
}

}  // namespace

Result<SigningKey> parse_signing_key(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  std::optional<std::string> bytes = bytes_of(text, kShortestKey, kLongestKey);
  if (bytes) return SigningKey(std::move(*bytes));
  return fail(
      Error(ErrorCode::Invalid, fmt::format("a signing key has to be whsec_ and {} to {} bytes in "
                                            "base64",
                                            kShortestKey, kLongestKey))
          .with_hint("make one: echo whsec_$(head -c 32 /dev/urandom | base64)"));
}

Result<std::vector<SigningKey>> parse_signing_keys(std::string_view text) {
  std::vector<SigningKey> keys;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    TRY_ASSIGN(SigningKey key, parse_signing_key(line));
    keys.push_back(std::move(key));
  }
  if (!keys.empty() && keys.size() <= kMostKeys) return keys;
  return fail(ErrorCode::Invalid,
              fmt::format("there are {} signing keys; at most {} sign", keys.size(), kMostKeys));
}

std::string print_signing_key(const SigningKey& key) {
  return std::string(kPrefix) + to_base64(key.reveal());
}

std::string sign(const std::vector<SigningKey>& keys, std::string_view id, Timestamp at,
                 std::string_view body) {
  const std::int64_t seconds = at.time_since_epoch().count() / 1000;
  const std::string signed_text = fmt::format("{}.{}.{}", id, seconds, body);
  std::string signatures;
  for (const SigningKey& key : keys) {
    if (!signatures.empty()) signatures += ' ';
    signatures += "v1," + to_base64(hmac_sha256(key.reveal(), signed_text));
  }
  return signatures;
}

Result<KeyRing> KeyRing::open(const std::filesystem::path& file, RandomSource& random) {
  Result<std::string> text = read_file(file, kLargestFile);
  if (!text && text.error().code() == ErrorCode::NotFound) text = make_root(file, random);
  if (!text)
    return fail(std::move(text).error().while_doing("reading the root of the webhooks' keys"));
  std::optional<std::string> bytes = bytes_of(*text, kShortestRoot, kLargestFile);
  if (bytes) return KeyRing(Secret<std::string>(std::move(*bytes)));
  return fail(
      Error(ErrorCode::Invalid, file.string() + " holds no key")
          .with_hint("bring it back from a backup; or remove it, and give new signing keys to all "
                     "who verify: croft webhook rotate"));
}

SigningKey KeyRing::key(std::string_view webhook_id, std::int64_t number) const {
  return SigningKey(
      hmac_sha256(root_.reveal(), fmt::format("croft webhook {} {}", webhook_id, number)));
}

}  // namespace croft::notify
