#include "core/net/smtp.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <curl/curl.h>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace croft {

namespace {

constexpr std::size_t kLongestReply = 1'000;

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using EasyHandle = std::unique_ptr<CURL, EasyDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;
using Step = SmtpReply::Step;

/// What libcurl's callbacks work on.
struct Exchange {
  std::string_view unsent;
  std::stop_token stop;
  SmtpReply reply;
  bool is_over = false;  ///< what is said from now on is only good-bye
};

constexpr std::array kSteps{std::pair<std::string_view, Step>{"STARTTLS", Step::Login},
                            std::pair<std::string_view, Step>{"AUTH", Step::Login},
                            std::pair<std::string_view, Step>{"MAIL", Step::Sender},
                            std::pair<std::string_view, Step>{"RCPT", Step::Recipient},
                            std::pair<std::string_view, Step>{"DATA", Step::Content}};

void note_command(Exchange& exchange, std::string_view line) {
  // What follows AUTH may be the password: only the words above are looked at.
  const std::string_view word = line.substr(0, line.find_first_of(" \r\n"));
  if (word == "QUIT") exchange.is_over = true;
  const auto* known = std::ranges::find(kSteps, word, &std::pair<std::string_view, Step>::first);
  if (known != kSteps.end()) exchange.reply.step = known->second;
}

void note_reply(Exchange& exchange, std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  int code = 0;
  const auto parsed = std::from_chars(line.data(), line.data() + line.size(), code);
  if (exchange.is_over || parsed.ec != std::errc()) return;
  exchange.reply.code = code;
  exchange.reply.text = line.substr(0, kLongestReply);
}

int on_talk(CURL*, curl_infotype type, char* data, std::size_t size, void* context) {
  Exchange& exchange = *static_cast<Exchange*>(context);
  if (type == CURLINFO_HEADER_OUT) note_command(exchange, {data, size});
  if (type == CURLINFO_HEADER_IN) note_reply(exchange, {data, size});
  return 0;
}

std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* context) {
  std::string_view& unsent = static_cast<Exchange*>(context)->unsent;
  const std::size_t taken = std::min(size * count, unsent.size());
  std::memcpy(buffer, unsent.data(), taken);
  unsent.remove_prefix(taken);
  return taken;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(context)->stop.stop_requested() ? 1 : 0;
}

std::string url_of(const SmtpServer& server) {
  const bool is_v6 = server.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}",
                     server.encryption == SmtpServer::Encryption::Tls ? "smtps" : "smtp",
                     is_v6 ? "[" : "", server.host, is_v6 ? "]" : "", server.port);
}

void set_connection(CURL* handle, const SmtpServer& server) {
  const bool is_encrypted = server.encryption != SmtpServer::Encryption::None;
  curl_easy_setopt(handle, CURLOPT_URL, url_of(server).c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(handle, CURLOPT_PROXY, "");  // whatever the environment says
  curl_easy_setopt(handle, CURLOPT_USE_SSL, is_encrypted ? CURLUSESSL_ALL : CURLUSESSL_NONE);
  if (!server.certificate_authorities.empty())
    curl_easy_setopt(handle, CURLOPT_CAINFO, server.certificate_authorities.c_str());
  if (!server.user.empty()) {
    curl_easy_setopt(handle, CURLOPT_USERNAME, server.user.c_str());
    curl_easy_setopt(handle, CURLOPT_PASSWORD, server.password.reveal().c_str());
  }
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);  // this is one thread of many
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, long{server.connect_timeout.count()});
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, long{server.timeout.count()});
}

void set_mail(CURL* handle, const SmtpMail& mail, const List& recipients, Exchange& exchange) {
  curl_easy_setopt(handle, CURLOPT_MAIL_FROM, mail.from.c_str());
  curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, recipients.get());
  curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(handle, CURLOPT_READDATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, on_talk);
  curl_easy_setopt(handle, CURLOPT_DEBUGDATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);  // or on_talk hears nothing
}

ErrorCode code_of(CURLcode outcome) {
  switch (outcome) {
    case CURLE_ABORTED_BY_CALLBACK:
      return ErrorCode::Cancelled;
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::Timeout;
    case CURLE_LOGIN_DENIED:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
      return ErrorCode::Denied;
    default:
      return ErrorCode::Unavailable;
  }
}

std::unexpected<Error> failure(const SmtpServer& server, CURLcode outcome, const char* details,
                               const Exchange& exchange) {
  std::string message = fmt::format("the mail server {}:{}: {}", server.host, server.port,
                                    *details != '\0' ? details : curl_easy_strerror(outcome));
  if (exchange.reply.code >= 400) message += fmt::format(" ({})", exchange.reply.text);
  return fail(code_of(outcome), std::move(message));
}

Result<List> recipients_of(const SmtpMail& mail) {
  List list;
  for (const std::string& address : mail.to) {
    curl_slist* longer = curl_slist_append(list.get(), address.c_str());
    if (longer == nullptr) return fail(ErrorCode::Internal, "libcurl has no memory");
    list.release();  // NOLINT(bugprone-unused-return-value): `longer` begins with it
    list.reset(longer);
  }
  return list;
}

int usual_port(SmtpServer::Encryption encryption) {
  switch (encryption) {
    case SmtpServer::Encryption::StartTls:
      return 587;
    case SmtpServer::Encryption::Tls:
      return 465;
    case SmtpServer::Encryption::None:
      return 25;
  }
  return 25;
}

}  // namespace

Result<SmtpReply> send_mail(const SmtpServer& server, const SmtpMail& mail, std::stop_token stop) {
  static const CURLcode is_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const EasyHandle handle(is_ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (!handle) return fail(ErrorCode::Internal, "libcurl cannot be used");
  TRY_ASSIGN(const List recipients, recipients_of(mail));
  Exchange exchange{mail.text, std::move(stop), {}};
  std::array<char, CURL_ERROR_SIZE> details{};
  curl_easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, details.data());
  set_connection(handle.get(), server);
  set_mail(handle.get(), mail, recipients, exchange);
  const CURLcode outcome = curl_easy_perform(handle.get());
  const bool is_judged = exchange.reply.step >= Step::Sender && exchange.reply.code >= 400;
  if (outcome == CURLE_OK || is_judged) return exchange.reply;
  return failure(server, outcome, details.data(), exchange);
}

Result<SmtpServer> parse_smtp_server(std::string_view text, SmtpServer::Encryption encryption) {
  SmtpServer server;
  server.encryption = encryption;
  server.port = usual_port(encryption);
  std::string_view host = text;
  const std::size_t bracket = text.find(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), server.port);
    if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) server.port = 0;
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const bool is_odd = host.empty() || host.find_first_of("/@[]? \t") != std::string_view::npos;
  if (is_odd || server.port < 1 || server.port > 65'535)
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no HOST[:PORT]", text));
  server.host = host;
  return server;
}

}  // namespace croft
