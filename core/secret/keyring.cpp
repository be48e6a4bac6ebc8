#include "core/secret/keyring.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>

#include <fmt/format.h>

#include "core/base/hex.hpp"

namespace croft::secret {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestFile = 64 << 10;
constexpr std::size_t kMostKeys = 100;
constexpr std::size_t kLongestRetired = 1 << 20;
constexpr std::size_t kFingerprintSize = 8;
constexpr unsigned kPrivate = 0600;

std::string hex_of(std::string_view bytes) {
  return to_hex(std::span(reinterpret_cast<const unsigned char*>(bytes.data()),  // NOLINT
                          bytes.size()));
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
  return line;
}

/// A private key that others can read is none.
Result<void> check_mode(const fs::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {};  // reading it says what is wrong
  if ((status.st_mode & 0077U) == 0) return {};
  return fail(
      Error(ErrorCode::Denied, fmt::format("others may read {}", file.string()))
          .with_hint(fmt::format("chmod 600 {}; if they may have read it, rotate", file.string())));
}

}  // namespace

Keyring::Keyring(std::vector<AgeIdentity> keys, KeyBytes fingerprint_key)
    : keys_(std::move(keys)), fingerprint_key_(fingerprint_key) {}

Result<Keyring> Keyring::without(std::string_view id) const {
  std::vector<AgeIdentity> keys = keys_;
  const auto found = std::ranges::find(
      keys, id, [](const AgeIdentity& key) { return seal_key_id(key.public_bytes()); });
  if (found == keys.end())
    return fail(ErrorCode::NotFound, fmt::format("there is no sealing key '{}'", id));
  if (std::next(found) == keys.end())
    return fail(Error(ErrorCode::Conflict, "the newest key is the one that seals")
                    .with_hint("rotate first, and seal everything anew: croft secret reseal"));
  keys.erase(found);
  return Keyring(std::move(keys), fingerprint_key_);
}

std::vector<AgeIdentity> Keyring::keys_of(std::string_view tenant) const {
  std::vector<AgeIdentity> derived;
  const std::string info = "croft age key of tenant " + std::string(tenant);
  for (const AgeIdentity& key : keys_) {
    std::string bytes = hkdf(key.bytes().view(), "", info, kKeySize);
    derived.emplace_back(KeyBytes(bytes));
    wipe(bytes);
  }
  return derived;
}

std::string Keyring::fingerprint(const SealScope& scope, std::string_view clear) const {
  std::string text = scope.tenant;
  for (const std::string_view part :
       {std::string_view(scope.name), std::string_view(scope.key), clear}) {
    text += '\0';
    text += part;
  }
  const std::string mac = hmac_sha256(fingerprint_key_.view(), text);
  wipe(text);
  return hex_of(std::string_view(mac).substr(0, kFingerprintSize));
}

fs::path KeyringFiles::place_of(std::string_view file) const {
  std::error_code ignored;
  if (!given_.empty() && fs::exists(given_ / file, ignored)) return given_ / file;
  return own_ / file;
}

Result<std::vector<AgeIdentity>> KeyringFiles::read_keys(const fs::path& file) const {
  TRY(check_mode(file));
  TRY_ASSIGN(std::string text, read_file(file, kLongestFile));
  std::vector<AgeIdentity> keys;
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view line = take_line(rest);
    if (line.empty() || line.starts_with('#')) continue;
    Result<AgeIdentity> key = AgeIdentity::parse(line);
    if (!key)
      return while_doing(Result<std::vector<AgeIdentity>>(std::unexpected(key.error())),
                         fmt::format("{}:{}", file.string(), number));
    keys.push_back(std::move(*key));
  }
  wipe(text);
  if (keys.empty() || keys.size() > kMostKeys)
    return fail(ErrorCode::Invalid, fmt::format("{} holds {} keys, not 1 to {}", file.string(),
                                                keys.size(), kMostKeys));
  return keys;
}

Result<KeyBytes> KeyringFiles::read_fingerprint_key() const {
  const fs::path file = place_of(kFingerprintFile);
  TRY(check_mode(file));
  TRY_ASSIGN(std::string text, read_file(file, kLongestFile));
  // Any text will do, so that an operator may give one by hand; it is spread over a key.
  std::string_view rest = text;
  const std::string_view line = take_line(rest);
  if (line.size() < kKeySize)
    return fail(ErrorCode::Invalid,
                fmt::format("{} holds fewer than {} characters", file.string(), kKeySize));
  KeyBytes key(hkdf(line, "", "croft fingerprint key", kKeySize));
  wipe(text);
  return key;
}

Result<void> KeyringFiles::write_keys(const std::vector<AgeIdentity>& keys) const {
  std::string text = "# Private keys of this Croft, the newest last; `croft secret` minds them.\n";
  for (const AgeIdentity& key : keys) {
    text += fmt::format("# {}\n", seal_key_text(key.public_bytes()));
    text += key.text().reveal() + "\n";
  }
  Result<void> written = write_file_atomic(own_ / kSealFile, text, kPrivate, Durability::Full);
  wipe(text);
  return written;
}

Result<Keyring> KeyringFiles::load() const {
  TRY_ASSIGN(std::vector<AgeIdentity> keys,
             while_doing(read_keys(place_of(kSealFile)), "reading the server's sealing keys"));
  TRY_ASSIGN(const KeyBytes fingerprint_key,
             while_doing(read_fingerprint_key(), "reading the server's fingerprint key"));
  return Keyring(std::move(keys), fingerprint_key);
}

bool KeyringFiles::is_missing(std::string_view file) const {
  std::error_code ignored;
  return !fs::exists(place_of(file), ignored);
}

Result<UniqueFd> KeyringFiles::lock() const {
  TRY(make_directory(own_, 0700));
  const std::string what = "locking " + own_.string();
  UniqueFd directory(::open(own_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return fail(system_error(errno, what));
  while (::flock(directory.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail(system_error(errno, what));
  }
  return directory;
}

Result<void> KeyringFiles::make_missing() const {
  if (is_missing(kSealFile)) {
    TRY(write_keys({AgeIdentity::generate()}));
  }
  if (is_missing(kFingerprintFile)) {
    TRY(write_file_atomic(own_ / kFingerprintFile, hex_of(random_bytes(kKeySize)) + "\n", kPrivate,
                          Durability::Full));
  }
  return {};
}

Result<void> KeyringFiles::note_known() const {
  const std::string text =
      fmt::format("{}\n{}\n", place_of(kSealFile).string(), place_of(kFingerprintFile).string());
  const auto known = read_file(own_ / kKnownFile, kLongestFile);
  if (known && *known == text) return {};
  return write_file_atomic(own_ / kKnownFile, text, kPrivate, Durability::Full);
}

Result<Keyring> KeyringFiles::load_or_make_locked() const {
  const auto known = read_file(own_ / kKnownFile, kLongestFile);
  for (const std::string_view file : {kSealFile, kFingerprintFile}) {
    if (!known || !is_missing(file)) continue;
    std::string places = *known;
    std::ranges::replace(places, '\n', ' ');
    return fail(Error(ErrorCode::Conflict,
                      fmt::format("the server's key file {} is gone; they were {}", file, places))
                    .with_hint("mount or restore them. Only if they are lost for good, and every "
                               "Secret is to be sealed anew: remove " +
                               (own_ / kKnownFile).string()));
  }
  TRY(make_missing());
  TRY_ASSIGN(Keyring keys, load());
  TRY(note_known());
  return keys;
}

Result<Keyring> KeyringFiles::load_or_make() const {
  TRY_ASSIGN(const UniqueFd held, lock());
  return load_or_make_locked();
}

std::string KeyringFiles::stamp() const {
  std::string text;
  for (const std::string_view file : {kSealFile, kFingerprintFile}) {
    const fs::path place = place_of(file);
    struct stat status{};
    if (::stat(place.c_str(), &status) != 0) status = {};
    text += fmt::format("{} {} {} {}.{} {:o}\n", place.string(), status.st_ino, status.st_size,
                        status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_mode);
  }
  return text;
}

Result<void> KeyringFiles::check_ours() const {
  const fs::path file = place_of(kSealFile);
  if (file.parent_path() == own_) return {};
  return fail(
      Error(ErrorCode::Conflict,
            fmt::format("{} is the operator's, and Croft does not write to it", file.string()))
          .with_hint("add a key at its end with `age-keygen`, or take one out, by hand"));
}

Result<Keyring> KeyringFiles::rotate() const {
  TRY_ASSIGN(const UniqueFd held, lock());
  TRY(check_ours());
  TRY_ASSIGN(const Keyring before, load_or_make_locked());
  std::vector<AgeIdentity> keys = before.keys();
  if (keys.size() == kMostKeys)
    return fail(Error(ErrorCode::Conflict, "there are too many keys")
                    .with_hint("retire old ones first: croft secret retire ID"));
  keys.push_back(AgeIdentity::generate());
  TRY(write_keys(keys));
  return load();
}

Result<void> KeyringFiles::keep_retired(const AgeIdentity& key) const {
  const fs::path file = own_ / kRetiredFile;
  Result<std::string> text = read_file(file, kLongestRetired);
  if (!text && text.error().code() != ErrorCode::NotFound)
    return while_doing(Result<void>(std::unexpected(text.error())), "keeping the retired key");
  std::string kept = text ? std::move(*text) : "# Keys that were retired, the last one last.\n";
  kept += fmt::format("# {}\n{}\n", seal_key_text(key.public_bytes()), key.text().reveal());
  Result<void> written = write_file_atomic(file, kept, kPrivate, Durability::Full);
  wipe(kept);
  return written;
}

Result<Keyring> KeyringFiles::retire(
    std::string_view id, const std::function<Result<void>(const Keyring& left)>& is_unused) const {
  TRY_ASSIGN(const UniqueFd held, lock());
  TRY(check_ours());
  TRY_ASSIGN(const Keyring before, load());
  TRY_ASSIGN(const Keyring after, before.without(id));
  TRY(is_unused(after));
  for (const AgeIdentity& key : before.keys()) {
    if (seal_key_id(key.public_bytes()) != id) continue;
    TRY(keep_retired(key));
  }
  TRY(write_keys(after.keys()));
  return load();
}

}  // namespace croft::secret
