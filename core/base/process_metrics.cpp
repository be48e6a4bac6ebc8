#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "core/base/files.hpp"
#include "core/base/guarded.hpp"
#include "core/base/metric_families.hpp"

namespace croft::metrics {

namespace {

constexpr std::size_t kProcText = 1U << 20U;

/// What a file of /proc says; those have no size, and are read until they end.
std::string proc_text(const std::string& path) {
  return read_file(path, kProcText).value_or(std::string());
}

/// The numbers of /proc/self/stat from the third field on: what stands before may hold anything.
std::vector<double> stat_numbers() {
  const std::string text = proc_text("/proc/self/stat");
  const std::size_t name_end = text.rfind(')');
  std::vector<double> numbers;
  if (name_end == std::string::npos) return numbers;
  const char* at = text.data() + name_end + 1;
  const char* const end = text.data() + text.size();
  while (at < end) {
    if (*at == ' ' || *at == '\n') {
      ++at;
      continue;
    }
    double number = 0;
    const auto parsed = std::from_chars(at, end, number);
    numbers.push_back(number);
    at = parsed.ec == std::errc() ? parsed.ptr : at + 1;  // the state is a letter
  }
  return numbers;
}

/// When the machine began, in seconds since 1970.
std::optional<double> boot_time() {
  const std::string text = proc_text("/proc/stat");
  const std::size_t at = text.find("\nbtime ");
  double seconds = 0;
  if (at == std::string::npos) return std::nullopt;
  if (std::from_chars(text.data() + at + 7, text.data() + text.size(), seconds).ec != std::errc())
    return std::nullopt;
  return seconds;
}

void collect_descriptors(Page& page) {
  std::error_code error;
  double open = -1;  // the one that reads the directory does not count
  for (auto at = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    ++open;
  }
  if (!error) page.add(kProcessFds, {}, open);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    page.add(kProcessMaxFds, {}, static_cast<double>(limit.rlim_cur));
}

struct Build {
  std::string version;
  std::string commit;
};

Guarded<Build>& build() {
  static Guarded<Build> own;
  return own;
}

}  // namespace

void collect_process(Page& page) {
  // Of proc(5), numbered from the third field (state) as 0.
  constexpr std::size_t kUserTime = 11;
  constexpr std::size_t kKernelTime = 12;
  constexpr std::size_t kStart = 19;
  constexpr std::size_t kVirtual = 20;
  constexpr std::size_t kResident = 21;
  const std::vector<double> stat = stat_numbers();
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  if (stat.size() > kResident && ticks > 0) {
    page.add(kProcessCpu, {}, (stat[kUserTime] + stat[kKernelTime]) / ticks);
    page.add(kProcessVirtual, {}, stat[kVirtual]);
    page.add(kProcessMemory, {}, stat[kResident] * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    if (const auto boot = boot_time()) page.add(kProcessStart, {}, *boot + stat[kStart] / ticks);
  }
  collect_descriptors(page);
}

void set_build(std::string version, std::string commit) {
  build().with([&](Build& own) { own = {std::move(version), std::move(commit)}; });
}

Page own_page(Role role) {
  Page page(role);
  registry().collect(page);
  collect_process(page);
  const Build own = build().with([](const Build& is) { return is; });
  if (!own.version.empty()) page.add(kBuildInfo, {own.version, own.commit}, 1);
  return page;
}

}  // namespace croft::metrics
