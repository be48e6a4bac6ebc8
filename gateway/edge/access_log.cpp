#include "gateway/edge/access_log.hpp"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/value.hpp"
#include "gateway/edge/path.hpp"

namespace croft::edge {

namespace {

constexpr std::size_t kBatch = 32 * 1024;

}  // namespace

Result<AccessLog> AccessLog::open(const std::string& path) {
  AccessLog log;
  if (path.empty()) return log;
  log.fd_ =
      UniqueFd(path == "-" ? ::dup(STDOUT_FILENO)
                           : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log.fd_.is_open()) return fail(system_error(errno, "opening the access log " + path));
  return log;
}

void AccessLog::add(const AccessEntry& entry) {
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  Value line = Value::map({{"time", format_time(now)},
                           {"client", entry.client},
                           {"method", entry.method},
                           {"host", entry.host},
                           {"path", split_target(entry.target).path},
                           {"status", entry.status},
                           {"bytes", static_cast<std::int64_t>(entry.bytes)},
                           {"ms", static_cast<std::int64_t>(entry.took.count())}});
  if (!entry.ref.empty()) line.set("ref", entry.ref);
  lines_ += to_json(line);
  lines_ += '\n';
  if (lines_.size() >= kBatch) flush();
}

void AccessLog::flush() {
  std::string_view rest = lines_;
  while (!rest.empty() && fd_.is_open()) {
    const ssize_t count = ::write(fd_.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;  // a full disk must not stop traffic: these lines are lost
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  lines_.clear();
}

}  // namespace croft::edge
