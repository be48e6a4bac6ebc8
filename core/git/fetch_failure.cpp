#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "core/base/secret.hpp"
#include "core/git/fetch.hpp"
#include "core/git/repository.hpp"

namespace croft::git {

namespace {

using std::string_view;

bool has(string_view text, string_view part) { return text.find(part) != text.npos; }

bool has_any(string_view text, std::initializer_list<string_view> parts) {
  return std::ranges::any_of(parts, [&](string_view part) { return has(text, part); });
}

/// Git's lines without what the remote made it repeat, and without control characters.
std::vector<std::string> own_lines(const std::string& said) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < said.size()) {
    const std::size_t end = std::min(said.find('\n', begin), said.size());
    std::string line = said.substr(begin, end - begin);
    begin = end + 1;
    std::erase_if(line, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!line.empty() && !line.starts_with("remote: ")) lines.push_back(std::move(line));
  }
  return lines;
}

std::string join(const std::vector<std::string>& lines) {
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

/// The line that says most: the first fatal one, or the last.
std::string main_line(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    if (line.starts_with("fatal: ")) return redact(line.substr(7, 500));
  }
  return lines.empty() ? "git said nothing" : redact(lines.back().substr(0, 500));
}

/// What stands between the first pair of single quotes after `before`.
std::string quoted_after(string_view text, string_view before) {
  const std::size_t start = text.find(before);
  if (start == text.npos) return {};
  const std::size_t open = text.find('\'', start);
  const std::size_t close = open == text.npos ? open : text.find('\'', open + 1);
  if (close == text.npos) return {};
  return std::string(text.substr(open + 1, close - open - 1));
}

Error missing_ref(const std::string& ref) {
  constexpr string_view kBranches = "refs/heads/";
  const bool is_branch = ref.starts_with(kBranches);
  return Error(ErrorCode::NotFound, is_branch ? fmt::format("the repository has no branch '{}'",
                                                            ref.substr(kBranches.size()))
                                              : fmt::format("the repository has no ref '{}'", ref))
      .with_hint("push it, or correct the source's ref");
}

Error explain_ssh(const RemoteRepository& remote, string_view said, std::string line) {
  if (has_any(said, {"Host key verification failed", "No ED25519 host key is known",
                     "host key is known for"})) {
    const std::string file = remote.ssh_known_hosts_file.empty() ? "the known hosts of Croft's user"
                                                                 : remote.ssh_known_hosts_file;
    return Error(ErrorCode::Denied, "the server's ssh host key is unknown or has changed")
        .with_hint(fmt::format("compare the key's fingerprint with the host's, then add it to {} "
                               "(ssh-keyscan prints it)",
                               file));
  }
  if (has(said, "too open")) {
    return Error(ErrorCode::Denied, "ssh refuses the key because others may read it")
        .with_hint("run: chmod 600 " + remote.ssh_key_file);
  }
  if (has(said, "Permission denied")) {
    return Error(ErrorCode::Denied, "the server does not accept the ssh key")
        .with_hint("add its public part to the repository's deploy keys");
  }
  return Error(ErrorCode::Unavailable, std::move(line));
}

Error explain_https(const RemoteRepository& remote, string_view said, std::string line) {
  if (has_any(said, {"could not read Username", "could not read Password"})) {
    return Error(ErrorCode::Denied, "the server asks for a password")
        .with_hint("give the source credentials");
  }
  if (has_any(said, {"Authentication failed", "returned error: 401", "returned error: 403"})) {
    return Error(ErrorCode::Denied, "the server does not accept the credentials");
  }
  if (has_any(said, {"certificate", "CAfile"})) {
    return Error(ErrorCode::Denied, std::move(line))
        .with_hint("if the server's certificate is your own, give its CA in the source's settings");
  }
  if (has_any(said,
              {"' not found", "returned error: 404", "not valid: is this a git repository?"})) {
    Error error(ErrorCode::NotFound, "there is no repository at that URL");
    return remote.https_password
               ? error
               : std::move(error).with_hint("or it is private: give the source credentials");
  }
  return Error(ErrorCode::Unavailable, std::move(line));
}

}  // namespace

Error explain_failure(const RemoteAddress& address, const std::string& ref,
                      const RemoteRepository& remote, const std::string& said_by_git) {
  const std::vector<std::string> lines = own_lines(said_by_git);
  const std::string said = join(lines);
  std::string line = main_line(lines);
  if (has(said, "find remote ref")) return missing_ref(ref);
  if (has(said, "dubious ownership")) {
    const std::string path = quoted_after(said, "dubious ownership");
    return ownership_error(path.empty() ? address.url : path);
  }
  if (has(said, "fsck error")) {
    return Error(ErrorCode::Invalid,
                 "the repository holds objects that Git's checks refuse: " + line)
        .with_hint("run git fsck in it");
  }
  if (has(said, "mismatched algorithms")) {
    return Error(ErrorCode::Invalid, "the repository uses SHA-256 ids, which Croft does not read");
  }
  if (has(said, "does not appear to be a git repository")) {
    return Error(ErrorCode::NotFound, fmt::format("there is no Git repository at {}", address.url));
  }
  if (address.transport == Transport::Ssh) return explain_ssh(remote, said, std::move(line));
  if (address.transport == Transport::Https) return explain_https(remote, said, std::move(line));
  if (has(said, "Permission denied")) return Error(ErrorCode::Denied, std::move(line));
  return Error(ErrorCode::Unavailable, std::move(line));
}

bool may_mean_damage(const std::string& said_by_git) {
  const std::string said = join(own_lines(said_by_git));
  return has_any(said, {"bad object",
                        "loose object",
                        "object file",
                        "packfile",
                        "bad config",
                        "bad pack",
                        "corrupt",
                        "unable to find",
                        "unable to read",
                        "cannot lock ref",
                        "invalid sha1 pointer",
                        "bad tree",
                        "missing ",
                        "unresolved delta",
                        "did not send all necessary objects",
                        "index file",
                        "not a git repository",
                        "unable to create",
                        "cannot update the ref",
                        "broken",
                        "shallow"});
}

}  // namespace croft::git
