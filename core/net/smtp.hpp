#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/base/units.hpp"

namespace croft {

/// A server that takes mail and hands it on. A value.
struct SmtpServer {
  enum class Encryption {
    StartTls,  ///< asked for on a plain connection; without it nothing is sent
    Tls,       ///< from the first byte
    None,
  };
  std::string host;
  int port = 587;
  Encryption encryption = Encryption::StartTls;
  std::string user;  ///< empty: nobody signs in
  Secret<std::string> password;
  std::string certificate_authorities;  ///< PEM file to trust instead of the system's; or empty
  Duration connect_timeout{10'000};
  Duration timeout{30'000};  ///< for all of it
};

struct SmtpMail {
  std::string from;             ///< address of who sends it
  std::vector<std::string> to;  ///< addresses: all get it, or none
  std::string text;             ///< all of it (RFC 5322), lines ended by CR LF
};

/// What the server said last.
struct SmtpReply {
  enum class Step { Greeting, Login, Sender, Recipient, Content };
  Step step = Step::Greeting;
  int code = 0;      ///< 250; 4xx: not now; 5xx: never
  std::string text;  ///< "550 5.1.1 there is no such mailbox"

  bool is_taken() const { return step == Step::Content && code / 100 == 2; }
};

/// Hands over one mail on a connection of its own; blocks, so call it on a BlockingPool. An error
/// (Unavailable, Timeout, Denied for a certificate or a sign-in, Cancelled) means that the server
/// did not get as far as to judge the mail. After a connection that broke in the middle it may have
/// taken it all the same. Thread safe.
Result<SmtpReply> send_mail(const SmtpServer& server, const SmtpMail& mail,
                            std::stop_token stop = {});

/// Reads "smtp.example.com" or "[::1]:2525". Without a port it is that of the encryption: 587, 465
/// or 25.
Result<SmtpServer> parse_smtp_server(std::string_view text, SmtpServer::Encryption encryption);

}  // namespace croft
