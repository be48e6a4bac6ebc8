#include "core/git/fetch_config.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/git/libgit2.hpp"

namespace croft::git {

namespace {

/// A value of Git's configuration language.
std::string config_quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + '"';
}

Result<void> require_readable(const std::string& path, std::string_view what) {
  if (path.find_first_of("\n\r\"\\") != path.npos) {
    return fail(ErrorCode::Invalid,
                fmt::format("the path of the {} has a quote, a backslash or a line end", what));
  }
  if (path.empty() || ::access(path.c_str(), R_OK) == 0) return {};
  return fail(system_error(errno, fmt::format("reading the {} {}", what, path)));
}

/// The user's own ssh configuration stays out: it can run commands and name other hosts.
std::string ssh_command(const RemoteRepository& remote) {
  std::string command =
      "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o "
      "ForwardAgent=no "
      "-o ClearAllForwardings=yes -o PermitLocalCommand=no -o ConnectTimeout=30 -o LogLevel=ERROR";
  if (!remote.ssh_known_hosts_file.empty()) {
    command += " -o GlobalKnownHostsFile=none -o ";
    command += shell_quote(fmt::format("UserKnownHostsFile=\"{}\"", remote.ssh_known_hosts_file));
  }
  if (!remote.ssh_key_file.empty()) {
    command +=
        " -o IdentitiesOnly=yes -o IdentityAgent=none -i " + shell_quote(remote.ssh_key_file);
  }
  return command;
}

/// The exceptions from Git's ownership check that the operator configured; the only part of that
/// configuration that counts for a fetch.
std::vector<std::string> trusted_directories() {
  start_libgit2();
  std::vector<std::string> directories;
  git_config* config = nullptr;
  if (git_config_open_default(&config) != 0) return directories;
  const ConfigHandle owned(config);
  git_config_iterator* iterator = nullptr;
  if (git_config_multivar_iterator_new(&iterator, config, "safe.directory", nullptr) != 0)
    return directories;
  const ConfigIteratorHandle entries(iterator);
  git_config_entry* entry = nullptr;
  while (git_config_next(&entry, iterator) == 0) directories.emplace_back(entry->value);
  return directories;
}

std::string trust_section() {
  std::string text;
  for (const std::string& directory : trusted_directories()) {
    text += fmt::format("[safe]\n\tdirectory = {}\n", config_quote(directory));
  }
  return text;
}

Result<std::string> https_section(const RemoteAddress& address, const RemoteRepository& remote,
                                  const std::string& helper) {
  TRY(require_readable(remote.ca_file, "CA file"));
  std::string text;
  if (!remote.ca_file.empty()) {
    text += fmt::format("[http]\n\tsslCAInfo = {}\n", config_quote(remote.ca_file));
  }
  // Only this host may have the password, wherever it redirects to.
  if (!helper.empty()) {
    text += fmt::format("[credential {}]\n\thelper = {}\n",
                        config_quote("https://" + address.authority), config_quote(helper));
  }
  return text;
}

Result<std::string> ssh_section(const RemoteRepository& remote) {
  TRY(require_readable(remote.ssh_key_file, "ssh key"));
  TRY(require_readable(remote.ssh_known_hosts_file, "known hosts file"));
  return fmt::format("[core]\n\tsshCommand = {}\n[ssh]\n\tvariant = ssh\n",
                     config_quote(ssh_command(remote)));
}

}  // namespace

Result<CredentialPipe> CredentialPipe::make(const std::filesystem::path& path,
                                            const std::string& user, const std::string& password) {
  if (user.find('\n') != user.npos || password.find('\n') != password.npos) {
    return fail(ErrorCode::Invalid, "the user or the password for https has a line end");
  }
  ::unlink(path.c_str());
  if (::mkfifo(path.c_str(), 0600) != 0)
    return fail(system_error(errno, "making " + path.string()));
  // Open for both: neither end ever waits for the other, and what was not read goes with the
  // descriptor.
  CredentialPipe pipe(path,
                      UniqueFd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)));
  if (!pipe.fd_.is_open()) return fail(system_error(errno, "opening " + path.string()));
  const std::string answer = fmt::format("username={}\npassword={}\n", user, password);
  // Git asks once; a redirect may make it ask once more.
  for (int i = 0; i < 2; ++i) {
    if (::write(pipe.fd_.get(), answer.data(), answer.size()) !=
        static_cast<ssize_t>(answer.size())) {
      return fail(ErrorCode::Invalid, "the password for https is too long");
    }
  }
  return pipe;
}

CredentialPipe::~CredentialPipe() {
  if (fd_.is_open()) ::unlink(path_.c_str());
}

std::string CredentialPipe::helper() const {
  return fmt::format(
      "!f() {{ test \"$1\" = get && {{ IFS= read -r u; IFS= read -r p; }} < {} && "
      "printf '%s\\n%s\\n' \"$u\" \"$p\"; }}; f",
      shell_quote(path_.string()));
}

Result<std::string> fetch_configuration(const RemoteAddress& address,
                                        const RemoteRepository& remote, const std::string& helper) {
  std::string text =
      "[core]\n\thooksPath = /dev/null\n\taskPass = \"\"\n"
      "[protocol]\n\tallow = never\n"
      "[transfer]\n\tfsckObjects = true\n"
      "[fetch]\n\tunpackLimit = 1\n\trecurseSubmodules = false\n\twriteCommitGraph = false\n"
      "[submodule]\n\trecurse = false\n"
      "[gc]\n\tauto = 0\n\tautoDetach = false\n[maintenance]\n\tauto = false\n"
      "[pack]\n\tthreads = 1\n"
      "[http]\n\tfollowRedirects = initial\n\tsslVerify = true\n"
      "[credential]\n\thelper = \"\"\n";
  if (address.transport == Transport::Local) return text + trust_section();
  TRY_ASSIGN(const std::string section, address.transport == Transport::Https
                                            ? https_section(address, remote, helper)
                                            : ssh_section(remote));
  return text + section;
}

std::string shell_quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + '\'';
}

}  // namespace croft::git
