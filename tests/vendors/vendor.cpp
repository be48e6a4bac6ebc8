#include "tests/vendors/vendor.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/support/free_port.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// A file of this folder. No global: parameters of tests are made before main.
std::string script(const char* name) { return (fs::path(CROFT_VENDOR_SCRIPTS) / name).string(); }

fs::path specs() {
  const char* set = std::getenv("CROFT_VENDOR_SPECS");
  return set != nullptr ? set : CROFT_VENDOR_SPECS;
}

[[noreturn]] void become(const std::vector<std::string>& arguments, const std::string& log) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = ::open("/dev/null", O_RDONLY);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::signal(SIGPIPE, SIG_DFL);
  std::vector<char*> words;
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  ::_exit(127);
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

/// One request on a connection of its own: the whole answer, head and body.
std::string send_request(int port, const char* method, const std::string& path,
                         const std::string& body = {}) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("the fake vendor does not listen");
  const std::string request = fmt::format(
      "{} {} HTTP/1.1\r\nHost: fake\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}", method,
      path, body.size(), body);
  for (std::size_t sent = 0; sent < request.size();) {
    const auto count = ::write(socket.get(), request.data() + sent, request.size() - sent);
    if (count <= 0) throw std::runtime_error("the fake vendor does not read");
    sent += static_cast<std::size_t>(count);
  }
  std::string answer;
  char buffer[4096];
  for (;;) {
    const auto count = ::read(socket.get(), buffer, sizeof buffer);
    if (count <= 0) return answer;
    answer.append(buffer, static_cast<std::size_t>(count));
  }
}

std::vector<std::string> lines_with(const std::string& text, const std::string& words) {
  std::vector<std::string> found;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    if (line.find(words) != std::string::npos) found.push_back(line);
    begin = end + 1;
  }
  return found;
}

class FakeFly final : public FakeVendor {
 public:
  FakeFly() : FakeVendor("fake-fly-token", {script("fly.mjs")}), proxy_(free_port()) {
    prism_ = std::make_unique<VendorProcess>(
        std::vector<std::string>{"node", script("node_modules/.bin/prism"), "proxy", "--host",
                                 "127.0.0.1", "--port", std::to_string(proxy_), "--errors",
                                 (specs() / "fly/machines-openapi.strict.json").string(),
                                 fmt::format("http://127.0.0.1:{}", port_)},
        directory_.path() / "prism.log");
    prism_->wait_for("Prism is listening");
    url_ = fmt::format("http://127.0.0.1:{}", proxy_);
  }

  std::vector<std::string> violations() const override {
    const auto all = terminated();
    return {all.begin() + static_cast<std::ptrdiff_t>(forgotten_), all.end()};
  }

 private:
  void forget_violations() override { forgotten_ = terminated().size(); }

  /// Requests that Prism ended. A lost reply is one too, and no violation. Prism answers before it
  /// writes its log, so a request that we know by its path comes after them: what is in the log
  /// before that one is all there is. It is a request that the specification does not know, and
  /// not counted.
  std::vector<std::string> terminated() const {
    const std::string marker = fmt::format("/_read/{}/", ++readings_);
    send_request(proxy_, "GET", marker);
    prism_->wait_for(marker);
    const std::string log = prism_->log();
    std::vector<std::string> all;
    for (std::string& line : lines_with(log.substr(0, log.find(marker)), kTerminated)) {
      const bool ours = line.find(" /_read/") != std::string::npos;
      if (!ours && line.find("prism/errors#") != std::string::npos) all.push_back(std::move(line));
    }
    return all;
  }

  static constexpr const char* kTerminated = "Request terminated with error";

  int proxy_;
  mutable int readings_ = 0;
  std::unique_ptr<VendorProcess> prism_;
  std::size_t forgotten_ = 0;
};

class FakeRailway final : public FakeVendor {
 public:
  FakeRailway()
      : FakeVendor("fake-railway-token",
                   {script("railway.mjs"), (specs() / "railway/schema.json").string()}) {
    url_ = fmt::format("http://127.0.0.1:{}/graphql/v2", port_);
  }

  std::vector<std::string> violations() const override {
    std::vector<std::string> all;
    const Value answer = control("requests");
    for (const Value& request : answer.find("requests")->as_list()) {
      if (request.integer_or("status", 0) == 400) all.push_back(to_json(request));
    }
    return all;
  }
};

}  // namespace

VendorProcess::VendorProcess(std::vector<std::string> arguments, fs::path log)
    : log_(std::move(log)) {
  pid_ = ::fork();
  if (pid_ == 0) become(arguments, log_);
}

VendorProcess::~VendorProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string VendorProcess::log() const {
  std::ifstream file(log_);
  return {std::istreambuf_iterator<char>(file), {}};
}

void VendorProcess::wait_for(const std::string& words) const {
  for (int i = 0; i < 600; ++i) {
    if (log().find(words) != std::string::npos) return;
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;
    std::this_thread::sleep_for(milliseconds(50));
  }
  throw std::runtime_error(fmt::format("no '{}' in:\n{}", words, log()));
}

std::string FakeVendor::missing() {
  if (!run_child_checked({.arguments = {"node", "--version"}})) return "Node.js is not installed";
  if (!fs::exists(script("node_modules/graphql")))
    return "the packages of tests/vendors are not installed (./dev test installs them)";
  if (!fs::exists(specs() / "railway/schema.json"))
    return "the vendors' specifications are not there (set CROFT_VENDOR_SPECS)";
  return {};
}

FakeVendor& FakeVendor::fly() {
  static FakeFly vendor;
  return vendor;
}

FakeVendor& FakeVendor::railway() {
  static FakeRailway vendor;
  return vendor;
}

FakeVendor::FakeVendor(std::string token, std::vector<std::string> arguments)
    : directory_(TemporaryDirectory::make("croft-vendor-").value()), token_(std::move(token)) {
  arguments.insert(arguments.begin(), "node");
  fake_ = std::make_unique<VendorProcess>(std::move(arguments), directory_.path() / "fake.log");
  fake_->wait_for("\n");
  port_ = static_cast<int>(parse_json(fake_->log()).value().integer_or("port", 0));
}

Value FakeVendor::control(const std::string& what, const Value& body) const {
  const std::string answer = send_request(port_, "POST", "/_control/" + what, to_json(body));
  const std::size_t head = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 200") || head == std::string::npos)
    throw std::runtime_error(fmt::format("control {}: {}", what, answer));
  return parse_json(std::string_view(answer).substr(head + 4)).value();
}

void FakeVendor::reset(int milliseconds_a_request) {
  control("reset");
  control("clock", Value::map({{"perRequest", milliseconds_a_request}}));
  forget_violations();
}

void FakeVendor::advance(Duration time) const {
  control("clock", Value::map({{"advance", std::int64_t{time.count()}}}));
}

Value FakeVendor::act(const std::string& what, Value arguments) const {
  arguments.set("do", what);
  return control("act", arguments);
}

std::int64_t FakeVendor::request_count() const {
  return control("requests").integer_or("count", -1);
}

std::vector<std::string> FakeVendor::requests() const {
  std::vector<std::string> labels;
  const Value answer = control("requests");
  for (const Value& request : answer.find("requests")->as_list())
    labels.push_back(request.text_or("label", ""));
  return labels;
}

void FakeVendor::lose(const std::string& pattern, int skip) const {
  control("fault", Value::map({{"match", pattern}, {"effect", "lose"}, {"skip", skip}}));
}

void FakeVendor::refuse(const std::string& pattern, int status, int times, int skip) const {
  control("fault", Value::map({{"match", pattern},
                               {"effect", "refuse"},
                               {"status", status},
                               {"times", times},
                               {"skip", skip}}));
}

}  // namespace croft
