#include "core/net/tls_context.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <sys/stat.h>

#include "core/base/guarded.hpp"

namespace croft::net {

namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

Result<void> check(const error_code& code, const char* what, const std::string& file) {
  if (!code) return {};
  return fail(ErrorCode::Invalid,
              std::string("cannot read the ") + what + " in " + file + ": " + code.message());
}

Result<void> trust(ssl::context& context, const HttpClientSettings& settings) {
  error_code code;
  context.set_verify_mode(ssl::verify_peer);
  if (settings.trusts_system) context.set_default_verify_paths(code);
  if (settings.certificate_authorities.empty()) return {};
  context.load_verify_file(settings.certificate_authorities, code);
  return check(code, "certificates", settings.certificate_authorities);
}

Result<void> introduce(ssl::context& context, const HttpClientSettings& settings) {
  if (settings.certificate.empty()) return {};
  error_code code;
  context.use_certificate_chain_file(settings.certificate, code);
  TRY(check(code, "certificate", settings.certificate));
  // OpenSSL compares the two here, so that a key of another certificate is found out, too.
  context.use_private_key_file(settings.key, ssl::context::pem, code);
  return check(code, "private key", settings.key);
}

Result<std::shared_ptr<ssl::context>> make(const HttpClientSettings& settings) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  TRY(trust(*context, settings));
  TRY(introduce(*context, settings));
  return context;
}

/// A PEM file as it was when it was read.
struct File {
  std::string path;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;

  auto operator<=>(const File&) const = default;
};

File look_at(const std::string& path) {
  struct stat found{};
  if (path.empty() || ::stat(path.c_str(), &found) != 0) return {.path = path};
  return {.path = path,
          .inode = found.st_ino,
          .size = found.st_size,
          .seconds = found.st_mtim.tv_sec,
          .nanoseconds = found.st_mtim.tv_nsec};
}

struct Key {
  bool trusts_system = true;
  File authorities;
  File certificate;
  File key;

  auto operator<=>(const Key&) const = default;
};

struct Made {
  std::shared_ptr<ssl::context> context;
  std::chrono::steady_clock::time_point until;
};

constexpr std::chrono::hours kLife{1};

}  // namespace

Result<std::shared_ptr<ssl::context>> tls_context(const HttpClientSettings& settings) {
  static Guarded<std::map<Key, Made>> made;
  const Key key{settings.trusts_system, look_at(settings.certificate_authorities),
                look_at(settings.certificate), look_at(settings.key)};
  return made.with([&](std::map<Key, Made>& all) -> Result<std::shared_ptr<ssl::context>> {
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(all, [now](const auto& entry) { return entry.second.until <= now; });
    const auto known = all.find(key);
    if (known != all.end()) return known->second.context;
    TRY_ASSIGN(std::shared_ptr<ssl::context> context, make(settings));
    all.emplace(key, Made{context, now + kLife});
    return context;
  });
}

}  // namespace croft::net
