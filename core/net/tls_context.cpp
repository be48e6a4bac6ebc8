#include "core/net/tls_context.hpp"

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

}  // namespace

Result<std::shared_ptr<ssl::context>> make_tls_context(const HttpClientSettings& settings) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  TRY(trust(*context, settings));
  TRY(introduce(*context, settings));
  return context;
}

}  // namespace croft::net
