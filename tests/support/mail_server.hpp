#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/base/value.hpp"
#include "tests/support/server_process.hpp"

namespace croft {

/// A real mail server (aiosmtpd) on loopback. mail_server.py says whom it takes mail for, and how.
class MailServer {
 public:
  enum class Encryption { StartTls, Tls, None };

  /// Throws if it does not start.
  explicit MailServer(Encryption encryption = Encryption::None);

  /// What it needs and is not there; empty if it can run.
  static std::string missing();

  int port() const { return port_; }
  /// The PEM file that its certificate for "localhost" is to be checked with.
  std::string certificate() const { return directory_.path() / "certificate.pem"; }
  /// What it took: {from, to: [...], text, user, tls}, in order.
  std::vector<Value> mails() const;
  /// Ends it; nobody answers at its port from then on.
  void end() { process_.reset(); }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<ServerProcess> process_;
  int port_ = 0;
};

}  // namespace croft
