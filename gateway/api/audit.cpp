#include "gateway/api/audit.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/files.hpp"
#include "core/base/hidden.hpp"

namespace croft {

Result<void> append_audit(const std::filesystem::path& path, const Value& line) {
  const std::string what = "writing the audit log " + path.string();
  const UniqueFd file(
      open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return fail(system_error(errno, what));
  // Texts alone: a secret that reads like the log's own words must not change what it says.
  const std::string text = to_json(with_texts(line, redact)) + "\n";
  // One write: lines of two processes never mix.
  const ssize_t written = write(file.get(), text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return {};
  return fail(system_error(written < 0 ? errno : ENOSPC, what));
}

}  // namespace croft
