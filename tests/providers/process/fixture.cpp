#include "tests/providers/process/fixture.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include "providers/process/layout.hpp"

namespace croft {

void ProcessTest::SetUp() {
  Result<TemporaryDirectory> directory = TemporaryDirectory::make("croft-process-");
  ASSERT_TRUE(directory) << directory.error().describe();
  directory_.emplace(std::move(*directory));
  settings_.data = directory_->path() / "process";
  settings_.shim = CROFT_SHIM_PATH;
  settings_.backoff_first = Duration(50);
  settings_.backoff_limit = Duration(400);
  settings_.stable_after = Duration(60'000);
  // Tests run side by side, and each process has networks of its own.
  const int number = ::getpid();
  settings_.ipv4_pool = fmt::format("10.{}.{}.0/24", 100 + number / 256 % 100, number % 256);
  adjust(settings_);
  // Without a sandbox, tenants' users walk to their files by themselves.
  if (settings_.isolation == ProcessSettings::Isolation::None)
    ::chmod(directory_->path().c_str(), 0711);
  restart_croft();
}

void ProcessTest::TearDown() {
  if (!provider_ && directory_) restart_croft();
  if (provider_) {
    for (const Observed& one : observe()) (void)destroy(one.uid);
  }
  drop_croft();
  pool_.stop();
}

void ProcessTest::drop_croft() {
  provider_.reset();
  io_.restart();
  while (io_.poll() > 0) {
  }
}

void ProcessTest::restart_croft() {
  drop_croft();
  Result<std::unique_ptr<Provider>> made =
      make_process_provider(settings_, io_.get_executor(), pool_, clock_);
  ASSERT_TRUE(made) << made.error().describe();
  provider_ = std::move(*made);
  provider_->on_change([this](const std::string& uid) { changes_.push_back(uid); });
}

bool ProcessTest::needs_sandbox() {
  for (const Capabilities::Missing& one : provider_->capabilities().missing) {
    if (one.what == "storage") continue;  // needs_images() asks for that
    [&] { GTEST_SKIP() << "this machine cannot enforce '" << one.what << "': " << one.why; }();
    return false;
  }
  return true;
}

bool ProcessTest::needs_images() {
  if (!needs_sandbox()) return false;
  for (const Capabilities::Missing& one : provider_->capabilities().missing) {
    [&] { GTEST_SKIP() << "volumes cannot be mounted here: " << one.why; }();
    return false;
  }
  return true;
}

Value ProcessTest::shell(const std::string& script) const {
  return Value::map({{"command", Value(Value::List{"sh", "-c", script})}});
}

Value ProcessTest::python(const std::string& script) const {
  return Value::map({{"command", Value(Value::List{"/usr/bin/python3", "-u", "-c", script})}});
}

Value ProcessTest::web_app(const std::string& text) const {
  Value spec = python(
      fmt::format("import http.server, os\n"
                  "class H(http.server.BaseHTTPRequestHandler):\n"
                  "  def do_GET(self):\n"
                  "    self.send_response(200); self.end_headers(); self.wfile.write(b'{}')\n"
                  "http.server.HTTPServer(('', int(os.environ['PORT'])), H).serve_forever()\n",
                  text));
  spec.set("http", Value::map());
  return spec;
}

Effect ProcessTest::effect(const std::string& uid, const Value& spec, std::int64_t tenant) {
  Effect made = order(uid, tenant);
  const Result<Value> normal = provider_->normalize(made.ref, spec);
  made.spec = std::make_shared<const Value>(normal ? *normal : spec);
  made.spec_digest = spec_digest(*made.spec);
  return made;
}

Effect ProcessTest::order(const std::string& uid, std::int64_t tenant) {
  Effect made;
  made.intent = fmt::format("intent-{}", ++intents_);
  made.uid = uid;
  made.tenant = {
      .uid = fmt::format("t{}", tenant), .name = fmt::format("tenant{}", tenant), .number = tenant};
  made.ref = Ref{.tenant = made.tenant.name, .kind = Kind::Instance, .name = uid};
  made.deadline = Duration(30'000);
  return made;
}

Result<void> ProcessTest::create(const std::string& uid, const Value& spec, std::int64_t tenant) {
  return await(provider_->create(effect(uid, spec, tenant)));
}
Result<void> ProcessTest::stop(const std::string& uid) {
  return await(provider_->stop(order(uid)));
}
Result<void> ProcessTest::start(const std::string& uid) {
  return await(provider_->start(order(uid)));
}
Result<void> ProcessTest::destroy(const std::string& uid, DataPolicy data) {
  return await(provider_->destroy(order(uid), data));
}

std::vector<Observed> ProcessTest::observe() {
  Result<std::vector<Observed>> all = await(provider_->observe());
  EXPECT_TRUE(all) << all.error().describe();
  return all ? *all : std::vector<Observed>{};
}

std::optional<Observed> ProcessTest::seen(const std::string& uid) {
  for (const Observed& one : observe()) {
    if (one.uid == uid) return one;
  }
  return std::nullopt;
}

bool ProcessTest::eventually(const std::function<bool()>& claim, Duration limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!claim()) {
    if (std::chrono::steady_clock::now() > until) return false;
    io_.restart();
    io_.run_for(std::chrono::milliseconds(10));
  }
  return true;
}

bool ProcessTest::becomes(const std::string& uid, Phase phase) {
  return eventually([&] {
    const std::optional<Observed> one = seen(uid);
    return one && one->phase == phase;
  });
}

std::string ProcessTest::log_of(const std::string& uid, int lines) {
  std::string text;
  (void)await(provider_->logs({.uid = uid, .last_lines = lines}, [&](std::string_view part) {
    text += part;
    return true;
  }));
  return text;
}

bool ProcessTest::says(const std::string& uid, const std::string& text) {
  const bool found = eventually([&] { return log_of(uid).find(text) != std::string::npos; });
  EXPECT_TRUE(found) << "waited for '" << text << "', the log is:\n" << log_of(uid);
  return found;
}

std::string ProcessTest::get(const std::string& uid) {
  const std::optional<Observed> one = seen(uid);
  if (!one) return "error: no such app";
  const Result<UniqueFd> fd = await(dial(one->endpoint, Duration(5'000)));
  if (!fd) return "error: " + fd.error().describe();
  const std::string request = "GET / HTTP/1.0\r\n\r\n";
  (void)::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  std::array<char, 4096> buffer;
  for (pollfd ready{fd->get(), POLLIN, 0}; ::poll(&ready, 1, 5'000) > 0;) {
    const ssize_t count = ::read(fd->get(), buffer.data(), buffer.size());
    if (count <= 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  const std::size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? "error: '" + answer + "'" : answer.substr(body + 4);
}

int ProcessTest::exec(const std::string& uid, std::vector<std::string> command) {
  const Result<int> status = await(provider_->exec(uid, std::move(command), Duration(10'000)));
  return status ? *status : -1;
}

pid_t ProcessTest::shim_of(const std::string& uid) const {
  const std::filesystem::path path = ProcessLayout{settings_.data}.control(uid);
  const UniqueFd directory(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format("/proc/self/fd/{}/control.sock", directory.get())
      .copy(static_cast<char*>(address.sun_path), 100);
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return -1;  // NOLINT
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  return peer.pid;
}

}  // namespace croft
