#include "cli/doctor/places.hpp"

#include <chrono>
#include <cstring>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/units.hpp"
#include "core/secret/keyring.hpp"
#include "core/store/tools/status.hpp"

namespace croft::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kTightBytes = 1ULL << 30U;
constexpr std::uint64_t kFullBytes = 100ULL << 20U;
constexpr double kTight = 0.1;
constexpr double kFull = 0.01;
constexpr std::chrono::milliseconds kSlowStore{500};

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 1 : static_cast<double>(part) / static_cast<double>(whole);
}

void check_data(const fs::path& data, Findings& findings) {
  struct stat facts{};
  if (::stat(data.c_str(), &facts) != 0) {
    const std::string why = std::strerror(errno);
    findings.warn(fmt::format("{}: {}", data.string(), why),
                  "nothing if Croft never ran here, it makes it; else see --data and its parents");
    return;
  }
  if (!S_ISDIR(facts.st_mode)) {
    findings.fail(fmt::format("{} is no directory", data.string()), "set data to another place");
  } else if ((facts.st_mode & 0022U) != 0) {
    findings.fail(
        fmt::format("others may write to {} (mode {:04o})", data.string(), facts.st_mode & 07777U),
        fmt::format("chmod go-w {}", data.string()));
  } else if (facts.st_uid != ::geteuid() && ::geteuid() != 0) {
    findings.warn(fmt::format("{} belongs to user {}", data.string(), facts.st_uid),
                  "run the doctor as Croft's user, or as root, to see all");
  } else {
    findings.ok(fmt::format("{} belongs to user {}, mode {:04o}", data.string(), facts.st_uid,
                            facts.st_mode & 07777U));
  }
}

void check_secrets(const fs::path& directory, Findings& findings) {
  std::error_code error;
  if (!fs::exists(directory, error)) {
    findings.ok(fmt::format("{} is not there: no secrets in files", directory.string()));
    return;
  }
  bool is_fine = true;
  std::size_t files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    struct stat facts{};
    if (::stat(entry.path().c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
    ++files;
    if ((facts.st_mode & 0077U) == 0) continue;
    is_fine = false;
    findings.fail(fmt::format("others may read or write {} (mode {:04o})", entry.path().string(),
                              facts.st_mode & 07777U),
                  fmt::format("chmod 0600 {}; consider what is in it known, and change it",
                              entry.path().string()));
  }
  if (error) {
    findings.warn(fmt::format("{}: {}", directory.string(), error.message()),
                  "run the doctor as Croft's user, or as root");
  } else if (is_fine) {
    findings.ok(fmt::format("{} secret files that nobody else may read", files));
  }
}

void check_keys(const Settings& settings, Findings& findings) {
  const Result<secret::Keyring> keys =
      secret::KeyringFiles(settings.secrets_dir, settings.data / "keys").load();
  if (keys) {
    findings.ok(fmt::format("{} keys that open sealed Secrets", keys->keys().size()));
  } else if (keys.error().code() == ErrorCode::NotFound) {
    findings.warn("there is no key yet that opens sealed Secrets",
                  "nothing before Croft has run: it makes one when it starts");
  } else {
    findings.fail(keys.error().message(),
                  keys.error().hint().empty() ? "see docs/secrets.md" : keys.error().hint());
  }
}

}  // namespace

Result<Room> room_of(const fs::path& directory) {
  struct statvfs facts{};
  if (::statvfs(directory.c_str(), &facts) != 0)
    return fail(ErrorCode::NotFound,
                fmt::format("{}: {}", directory.string(), std::strerror(errno)));
  const std::uint64_t block = facts.f_frsize;
  return Room{facts.f_blocks * block, facts.f_bavail * block, facts.f_files, facts.f_favail};
}

void judge_room(const Room& room, const std::string& directory, Findings& findings) {
  const double bytes = share(room.free_bytes, room.bytes);
  const double inodes = share(room.free_inodes, room.inodes);
  const std::string what = fmt::format(
      "{:.1f} GiB ({:.0f} %) and {:.0f} % of the inodes are free at {}",
      static_cast<double>(room.free_bytes) / (1ULL << 30U), bytes * 100, inodes * 100, directory);
  const std::string advice =
      "make room: nothing can be written on a full disk; see `croft volume ls` for what is kept";
  if (room.free_bytes < kFullBytes || inodes < kFull) {
    findings.fail(what, advice);
  } else if ((bytes < kTight && room.free_bytes < 10 * kTightBytes) ||
             room.free_bytes < kTightBytes || inodes < kTight) {
    findings.warn(what, advice);
  } else {
    findings.ok(what);
  }
}

void check_places(const Settings& settings, std::vector<Finding>& all) {
  Findings data(all, "data");
  check_data(settings.data, data);
  Findings disk(all, "disk");
  fs::path nearest = settings.data;
  std::error_code ignored;
  while (!fs::exists(nearest, ignored) && nearest.has_relative_path())
    nearest = nearest.parent_path();
  if (const Result<Room> room = room_of(nearest)) judge_room(*room, nearest.string(), disk);
  Findings secrets(all, "secrets");
  check_secrets(settings.secrets_dir, secrets);
  check_keys(settings, secrets);
}

void check_store(const Settings& settings, std::vector<Finding>& all) {
  Findings findings(all, "store");
  const Result<store_tools::Place> place =
      store_tools::place_of_settings(settings.data, settings.store_url);
  if (!place) {
    findings.fail(place.error().describe(), "see store.url in the settings");
    return;
  }
  const auto begun = std::chrono::steady_clock::now();
  const Result<store_tools::StoreStatus> status = store_tools::read_status(*place);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  if (!status && status.error().code() == ErrorCode::NotFound) {
    findings.warn(status.error().message(), "nothing if Croft never ran here: it makes it");
  } else if (!status) {
    findings.fail(status.error().describe(), "see docs/store.md; `croft store status` asks again");
  } else if (status->schema > status->known_schema) {
    findings.fail(fmt::format("the schema is version {}, this croft knows {}", status->schema,
                              status->known_schema),
                  "run the newer croft that migrated it");
  } else if (!status->takes_writes) {
    findings.fail(fmt::format("{} takes no writes", status->where),
                  "it is a standby, or read-only: name the primary in store.url");
  } else if (took > kSlowStore) {
    findings.warn(fmt::format("{} took {} ms to answer", status->where, took.count()),
                  "look at its disk and its load: every change waits for it");
  } else {
    findings.ok(fmt::format("{} at {}, schema {}{}", status->engine, status->where, status->schema,
                            status->schema < status->known_schema
                                ? fmt::format(" (to be migrated to {})", status->known_schema)
                                : std::string()));
  }
}

}  // namespace croft::cli
