#include "providers/process/slots.hpp"

#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "core/base/files.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

fs::path slot_file(const ProcessLayout& layout, const std::string& kind, int number) {
  return layout.slots() / fmt::format("{}-{}", kind, number);
}

/// True if we hold it now: the link appears with its content, or not at all.
Result<bool> claim(const ProcessLayout& layout, const fs::path& file, const std::string& uid) {
  const fs::path claim_file = layout.slots() / fmt::format(".claim-{}", uid);
  TRY(write_file_atomic(claim_file, uid, 0600));
  const bool is_ours = ::link(claim_file.c_str(), file.c_str()) == 0;
  const int problem = errno;
  ::unlink(claim_file.c_str());
  if (!is_ours && problem != EEXIST) return fail(system_error(problem, "taking " + file.string()));
  return is_ours;
}

}  // namespace

Result<int> take_slot(const ProcessLayout& layout, const std::string& kind, const std::string& uid,
                      int count, const std::function<bool(int)>& is_usable) {
  for (int number = 0; number < count; ++number) {
    const fs::path file = slot_file(layout, kind, number);
    const Result<std::string> holder = read_file(file, 256);
    if (holder && *holder == uid) return number;
    std::error_code ignored;
    if (holder && !fs::exists(layout.app(*holder), ignored)) ::unlink(file.c_str());
    if (holder && fs::exists(layout.app(*holder), ignored)) continue;
    if (is_usable && !is_usable(number)) continue;
    TRY_ASSIGN(const bool is_ours, claim(layout, file, uid));
    if (is_ours) return number;
  }
  return fail(ErrorCode::Unavailable, fmt::format("all {} slots for {} are taken", count, kind));
}

void release_slots(const ProcessLayout& layout, const std::string& kind, const std::string& uid) {
  std::error_code error;
  std::vector<fs::path> held;
  for (const fs::directory_entry& entry : fs::directory_iterator(layout.slots(), error)) {
    if (!entry.path().filename().string().starts_with(kind + "-")) continue;
    const Result<std::string> holder = read_file(entry.path(), 256);
    if (holder && *holder == uid) held.push_back(entry.path());
  }
  for (const fs::path& file : held) ::unlink(file.c_str());
}

}  // namespace croft
