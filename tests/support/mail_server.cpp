#include "tests/support/mail_server.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "core/base/child.hpp"
#include "core/base/json.hpp"

namespace croft {

namespace {

// Debian's, which is who has the package.
constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kScript = CROFT_TEST_SUPPORT "/mail_server.py";
constexpr std::size_t kMuch = 16U << 20U;

const char* word(MailServer::Encryption encryption) {
  switch (encryption) {
    case MailServer::Encryption::StartTls:
      return "starttls";
    case MailServer::Encryption::Tls:
      return "tls";
    case MailServer::Encryption::None:
      return "none";
  }
  return "";
}

void make_certificate(const std::filesystem::path& folder) {
  const auto made = run_child_checked(
      {.arguments = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                     "/CN=mail.test", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                     folder / "key.pem", "-out", folder / "certificate.pem"}});
  if (!made) throw std::runtime_error(made.error().describe());
}

}  // namespace

MailServer::MailServer(Encryption encryption)
    : directory_(TemporaryDirectory::make("croft-mail-").value()) {
  const std::filesystem::path folder = directory_.path();
  if (encryption != Encryption::None) make_certificate(folder);
  process_ = std::make_unique<ServerProcess>(
      std::vector<std::string>{kPython, kScript, folder, word(encryption)}, folder / "log", "",
      SIGKILL);
  for (int i = 0; i < 1'000 && !process_->has_ended(); ++i) {
    if (const auto port = read_file(folder / "port", 16)) {
      port_ = std::stoi(*port);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error("the mail server does not start: " +
                           read_file(folder / "log", kMuch).value_or("no log"));
}

std::string MailServer::missing() {
  const auto found = run_child({.arguments = {kPython, "-c", "import aiosmtpd"}});
  return found && found->status == 0 ? "" : "python3-aiosmtpd";
}

std::vector<Value> MailServer::mails() const {
  std::vector<Value> all;
  std::istringstream lines(read_file(directory_.path() / "mails", kMuch).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (const auto mail = parse_json(line)) all.push_back(*mail);
  }
  return all;
}

}  // namespace croft
