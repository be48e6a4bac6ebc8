#include "core/git/fetch.hpp"

#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/git/fetch_config.hpp"

namespace croft::git {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kConfigurationFile = "croft-fetch.config";
constexpr std::string_view kCredentialPipe = "croft-credentials";

std::string_view protocol_name(Transport transport) {
  switch (transport) {
    case Transport::Local:
      return "file";
    case Transport::Https:
      return "https";
    case Transport::Ssh:
      return "ssh";
  }
  return "file";
}

std::vector<std::string> mirror_environment(const fs::path& mirror,
                                            std::string_view configuration) {
  return {
      "GIT_DIR=" + mirror.string(),
      fmt::format("GIT_CONFIG_GLOBAL={}", configuration),
      "GIT_CONFIG_NOSYSTEM=1",
      "GIT_ATTR_NOSYSTEM=1",
      "GIT_TERMINAL_PROMPT=0",
      "GIT_ASKPASS=",
      "SSH_ASKPASS_REQUIRE=never",
      "GIT_NO_REPLACE_OBJECTS=1",
      "LC_ALL=C.UTF-8",
  };
}

/// A proxy is how the machine reaches the world, not how the user likes Git.
void add_proxies(std::vector<std::string>& environment) {
  for (const char* name :
       {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
    if (const char* value = std::getenv(name))
      environment.push_back(fmt::format("{}={}", name, value));
  }
}

/// The kernel stops whoever writes a larger file; unpackLimit makes every fetch one pack file.
std::vector<std::string> bounded(std::uint64_t file_bytes, std::vector<std::string> command) {
  std::vector<std::string> whole = {"prlimit", fmt::format("--fsize={0}:{0}", file_bytes),
                                    "--core=0:0", "--"};
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

bool reached_limit(const fs::path& mirror, std::uint64_t pack_bytes) {
  std::error_code error;
  for (const auto& file : fs::directory_iterator(mirror / "objects" / "pack", error)) {
    if (!file.path().filename().string().starts_with("tmp_")) continue;
    if (file.file_size(error) >= pack_bytes && !error) return true;
  }
  return false;
}

Result<void> require_directory(const RemoteAddress& address) {
  if (address.transport != Transport::Local) return {};
  std::error_code error;
  const fs::file_status status = fs::status(address.url, error);
  if (fs::is_directory(status)) return {};
  if (error && error != std::errc::no_such_file_or_directory &&
      error != std::errc::not_a_directory) {
    return fail(system_error(error.value(), "looking at " + address.url));
  }
  return fail(ErrorCode::NotFound, fmt::format("there is no Git repository at {}", address.url));
}

/// The pipe that answers the server's question for a password; nothing without a password.
Result<std::optional<CredentialPipe>> offer_credentials(const fs::path& mirror,
                                                        const RemoteAddress& address,
                                                        const RemoteRepository& remote) {
  if (address.transport != Transport::Https || !remote.https_password) return std::nullopt;
  std::string user = remote.https_user.empty() ? address.user : remote.https_user;
  if (user.empty()) user = "git";
  TRY_ASSIGN(CredentialPipe pipe,
             CredentialPipe::make(mirror / kCredentialPipe, user, remote.https_password->reveal()));
  return std::optional<CredentialPipe>(std::move(pipe));
}

Result<ChildOutput> run_fetch(const fs::path& mirror, const RemoteAddress& address,
                              const std::string& ref, const FetchLimits& limits,
                              std::stop_token stop) {
  ChildCommand command;
  command.arguments = bounded(
      limits.pack_bytes,
      {"git", "fetch", "--quiet", "--no-progress", fmt::format("--depth={}", limits.history),
       "--update-shallow", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
       "--no-recurse-submodules", "--", address.url, fmt::format("+{}:{}", ref, kFetchedRef)});
  command.environment = mirror_environment(mirror, (mirror / kConfigurationFile).string());
  command.environment.push_back(
      fmt::format("GIT_ALLOW_PROTOCOL={}", protocol_name(address.transport)));
  if (address.transport == Transport::Https) add_proxies(command.environment);
  command.directory = mirror.string();
  command.deadline = limits.deadline;
  command.output_limit = 64 << 10;
  Result<ChildOutput> done = run_child(command, std::move(stop));
  if (done) return done;
  if (done.error().code() == ErrorCode::Timeout) {
    return fail(ErrorCode::Timeout,
                fmt::format("it took longer than {}", format_duration(limits.deadline)));
  }
  if (done.error().code() == ErrorCode::Cancelled)
    return fail(ErrorCode::Cancelled, "it was called off");
  return done;
}

void remove_matching(const fs::path& directory, auto matches) {
  std::error_code error;
  for (const auto& file : fs::directory_iterator(directory, error)) {
    if (matches(file.path().filename().string())) fs::remove(file.path(), error);
  }
}

}  // namespace

Result<FetchOutcome> fetch_newest(const fs::path& mirror, const RemoteAddress& address,
                                  const std::string& ref, const RemoteRepository& remote,
                                  const FetchLimits& limits, std::stop_token stop) {
  TRY(require_directory(address));
  TRY_ASSIGN(const std::optional<CredentialPipe> credentials,
             offer_credentials(mirror, address, remote));
  const std::string helper = credentials ? credentials->helper() : std::string();
  TRY_ASSIGN(const std::string configuration, fetch_configuration(address, remote, helper));
  TRY(write_file_atomic(mirror / kConfigurationFile, configuration, 0600));
  const Result<ChildOutput> done = run_fetch(mirror, address, ref, limits, std::move(stop));
  if (done && done->status == 0) return FetchOutcome{};
  const bool too_large = done && reached_limit(mirror, limits.pack_bytes);
  remove_leftovers(mirror);
  TRY(done);
  if (too_large) {
    return fail(
        Error(ErrorCode::Invalid,
              fmt::format("it brings more than {}",
                          format_bytes(Bytes{static_cast<std::int64_t>(limits.pack_bytes)})))
            .with_hint("keep large files out of the repository, or raise the limit"));
  }
  return FetchOutcome{explain_failure(address, ref, remote, done->error),
                      may_mean_damage(done->error)};
}

Result<ChildOutput> run_in_mirror(const fs::path& mirror, std::vector<std::string> arguments,
                                  Duration deadline, std::stop_token stop) {
  ChildCommand command;
  command.arguments = {
      "git", "-c", "gc.autoDetach=false", "-c", "core.hooksPath=/dev/null", "-c", "pack.threads=1"};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  command.environment = mirror_environment(mirror, "/dev/null");
  command.directory = mirror.string();
  command.deadline = deadline;
  return run_child(command, std::move(stop));
}

void remove_leftovers(const fs::path& mirror) {
  const auto is_lock = [](const std::string& name) { return name.ends_with(".lock"); };
  const auto is_temporary = [](const std::string& name) { return name.starts_with("tmp_"); };
  remove_matching(mirror, is_lock);
  remove_matching(mirror / "objects" / "pack",
                  [&](const std::string& name) { return is_temporary(name) || is_lock(name); });
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(mirror / "refs", error)) {
    std::error_code ignored;
    if (is_lock(entry.path().filename().string())) fs::remove(entry.path(), ignored);
  }
  for (const auto& entry : fs::directory_iterator(mirror / "objects", error)) {
    if (entry.is_directory(error)) remove_matching(entry.path(), is_temporary);
  }
}

}  // namespace croft::git
