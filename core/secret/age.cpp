#include "core/secret/age.hpp"

#include <algorithm>

#include "core/base/id.hpp"
#include "core/secret/age_armor.hpp"
#include "core/secret/age_header.hpp"
#include "core/secret/bech32.hpp"

namespace croft::secret {

namespace {

constexpr std::string_view kIdentityPrefix = "age-secret-key-";
constexpr std::string_view kRecipientPrefix = "age";
constexpr std::string_view kX25519 = "X25519";
constexpr std::string_view kX25519Info = "age-encryption.org/v1/X25519";
constexpr std::size_t kFileKeySize = 16;
constexpr std::size_t kPayloadNonceSize = 16;
constexpr std::size_t kChunkSize = 64 << 10;
constexpr std::size_t kNonceSize = 12;

std::string zero_nonce() { return std::string(kNonceSize, '\0'); }

std::string wrap_key_of(std::string_view shared, std::string_view share,
                        std::string_view recipient) {
  std::string salt(share);
  salt += recipient;
  return hkdf(shared, salt, kX25519Info, kKeySize);
}

std::string header_mac(std::string_view file_key, std::string_view authenticated) {
  return hmac_sha256(hkdf(file_key, "", "header", kKeySize), authenticated);
}

struct Unwrapped {
  std::optional<std::string> file_key;
  std::string problem;  ///< not empty: the stanza is malformed
};

Unwrapped unwrap(const AgeStanza& stanza, const AgeIdentity& identity) {
  if (stanza.arguments.size() != 1) return {{}, "a recipient has another number of words"};
  const auto share = from_base64_bare(stanza.arguments.front());
  if (!share || share->size() != kKeySize) return {{}, "a recipient's share is none"};
  // Checked before it is opened, so that nobody learns by trying which keys would fit.
  if (stanza.body.size() != kFileKeySize + kTagSize) return {{}, "a file key has another length"};
  auto shared = x25519(identity.bytes().view(), *share);
  if (!shared) return {{}, "a recipient's share is of low order"};
  std::string key = wrap_key_of(*shared, *share, identity.public_bytes());
  Unwrapped made{chacha_open(key, zero_nonce(), "", stanza.body), ""};
  wipe(key);
  wipe(*shared);
  return made;
}

std::string why_no_match(const std::vector<AgeStanza>& stanzas) {
  const auto has = [&](auto is_such) { return std::ranges::any_of(stanzas, is_such); };
  if (has([](const AgeStanza& one) { return one.type == kX25519; }))
    return "it is encrypted to other keys";
  if (has([](const AgeStanza& one) { return one.type.starts_with("mlkem"); }))
    return "it is encrypted to post-quantum recipients only (age1pq1...), which needs a newer "
           "age; encrypt it to an age1... recipient, too";
  if (has([](const AgeStanza& one) { return one.type == "scrypt"; }))
    return "it is encrypted with a passphrase, which nobody could type here; encrypt it to an "
           "age1... recipient";
  return "none of its recipients is of the kind age1...";
}

std::string chunk_nonce(std::uint64_t counter, bool is_last) {
  std::string nonce = zero_nonce();
  for (std::size_t i = 0; i < sizeof counter; ++i)
    nonce[kNonceSize - 2 - i] = static_cast<char>(counter >> (8 * i) & 255U);
  nonce.back() = is_last ? '\1' : '\0';
  return nonce;
}

/// Adds what is genuine to `into`; an empty text if that is all of it.
std::string open_payload(std::string_view file_key, std::string_view payload, std::string& into) {
  const KeyBytes key(hkdf(file_key, payload.substr(0, kPayloadNonceSize), "payload", kKeySize));
  payload.remove_prefix(kPayloadNonceSize);
  for (std::uint64_t counter = 0;; ++counter) {
    if (payload.empty()) return "its content is cut off";
    const std::string_view sealed = payload.substr(0, kChunkSize + kTagSize);
    const bool is_full = sealed.size() == kChunkSize + kTagSize;
    payload.remove_prefix(sealed.size());
    std::optional<std::string> clear;
    if (is_full) clear = chacha_open(key.view(), chunk_nonce(counter, false), "", sealed);
    const bool is_last = !clear;
    if (is_last) clear = chacha_open(key.view(), chunk_nonce(counter, true), "", sealed);
    if (!clear) return "its content was damaged or cut off";
    if (clear->empty() && counter > 0) return "its last piece is empty";
    into += *clear;
    wipe(*clear);
    if (is_last) return payload.empty() ? "" : "something follows its content";
  }
}

AgeStanza wrap(std::string_view file_key, const std::string& recipient) {
  const AgeIdentity once = AgeIdentity::generate();
  auto shared = x25519(once.bytes().view(), recipient);
  // A recipient of low order would be no secret to anybody; parse_age_recipient() cannot see that.
  const std::string key =
      wrap_key_of(shared.value_or(random_bytes(kKeySize)), once.public_bytes(), recipient);
  return {std::string(kX25519),
          {to_base64_bare(once.public_bytes())},
          chacha_seal(key, zero_nonce(), "", file_key)};
}

AgeOpened failed(AgeVerdict verdict, std::string message) {
  return {verdict, std::move(message), {}};
}

}  // namespace

AgeIdentity::AgeIdentity(KeyBytes bytes) : bytes_(bytes), public_(x25519_public(bytes_.view())) {}

AgeIdentity AgeIdentity::generate() {
  std::string bytes = random_bytes(kKeySize);
  AgeIdentity made{KeyBytes(bytes)};
  wipe(bytes);
  return made;
}

Result<AgeIdentity> AgeIdentity::parse(std::string_view text) {
  auto read = from_bech32(text);
  if (!read || read->prefix != kIdentityPrefix || read->bytes.size() != kKeySize)
    return fail(Error(ErrorCode::Invalid, "this is no private key of age")
                    .with_hint("it begins with AGE-SECRET-KEY-1; `age-keygen` makes one"));
  AgeIdentity made{KeyBytes(read->bytes)};
  wipe(read->bytes);
  return made;
}

std::string AgeIdentity::recipient() const { return to_bech32(kRecipientPrefix, public_); }

Secret<std::string> AgeIdentity::text() const {
  std::string text = to_bech32(kIdentityPrefix, bytes_.view());
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  return Secret(std::move(text));
}

Result<std::string> parse_age_recipient(std::string_view text) {
  auto read = from_bech32(text);
  if (!read || read->prefix != kRecipientPrefix || read->bytes.size() != kKeySize)
    return fail(Error(ErrorCode::Invalid, "this is no recipient of age")
                    .with_hint("it begins with age1, and is mistyped if it does"));
  return std::move(read->bytes);
}

AgeOpened open_age(std::string_view file, const std::vector<AgeIdentity>& identities) {
  std::string inside;
  if (looks_armored(file)) {
    Result<std::string> bytes = read_armor(file);
    if (!bytes) return failed(AgeVerdict::ArmorFailure, bytes.error().message());
    inside = std::move(*bytes);
    file = inside;
  }
  const Result<AgeHeader> header = read_age_header(file);
  if (!header) return failed(AgeVerdict::HeaderFailure, header.error().message());
  const auto is_scrypt = [](const AgeStanza& one) { return one.type == "scrypt"; };
  if (header->stanzas.size() > 1 && std::ranges::any_of(header->stanzas, is_scrypt))
    return failed(AgeVerdict::HeaderFailure, "a passphrase is not alone in its header");
  for (const AgeIdentity& identity : identities) {
    for (const AgeStanza& stanza : header->stanzas) {
      if (stanza.type != kX25519) continue;
      Unwrapped key = unwrap(stanza, identity);
      if (!key.problem.empty()) return failed(AgeVerdict::HeaderFailure, std::move(key.problem));
      if (!key.file_key) continue;
      if (!equal_constant_time(header_mac(*key.file_key, header->authenticated), header->mac))
        return failed(AgeVerdict::MacFailure, "its header was changed");
      if (header->payload.size() < kPayloadNonceSize)
        return failed(AgeVerdict::HeaderFailure, "it ends behind its header");
      AgeOpened opened;
      opened.message = open_payload(*key.file_key, header->payload, opened.payload);
      opened.verdict = opened.message.empty() ? AgeVerdict::Good : AgeVerdict::PayloadFailure;
      wipe(*key.file_key);
      return opened;
    }
  }
  return failed(AgeVerdict::NoMatch, why_no_match(header->stanzas));
}

Result<Secret<std::string>> decrypt_age(std::string_view file,
                                        const std::vector<AgeIdentity>& identities) {
  AgeOpened opened = open_age(file, identities);
  if (opened.verdict == AgeVerdict::Good) return Secret(std::move(opened.payload));
  wipe(opened.payload);
  const bool is_for_others = opened.verdict == AgeVerdict::NoMatch;
  return fail(is_for_others ? ErrorCode::NotFound : ErrorCode::Invalid, std::move(opened.message));
}

std::string encrypt_age(std::string_view content, const std::vector<std::string>& recipients) {
  std::string file_key = random_bytes(kFileKeySize);
  std::vector<AgeStanza> stanzas;
  for (const std::string& recipient : recipients) stanzas.push_back(wrap(file_key, recipient));
  std::string file = write_age_header(stanzas);
  file += " " + to_base64_bare(header_mac(file_key, file)) + "\n";
  const std::string nonce = random_bytes(kPayloadNonceSize);
  file += nonce;
  const KeyBytes key(hkdf(file_key, nonce, "payload", kKeySize));
  wipe(file_key);
  for (std::uint64_t counter = 0;; ++counter) {
    const bool is_last = content.size() <= kChunkSize;
    file +=
        chacha_seal(key.view(), chunk_nonce(counter, is_last), "", content.substr(0, kChunkSize));
    if (is_last) return write_armor(file);
    content.remove_prefix(kChunkSize);
  }
}

}  // namespace croft::secret
