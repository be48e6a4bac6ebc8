#include "tests/support/signer.hpp"

#include <stdexcept>

#include <fmt/format.h>

#include "core/base/child.hpp"

namespace croft {

namespace {

std::string run(std::vector<std::string> arguments, const std::string& input = "") {
  ChildCommand command;
  command.arguments = std::move(arguments);
  command.input = input;
  const Result<ChildOutput> done = run_child(command);
  if (!done) throw std::runtime_error(done.error().describe());
  if (done->status != 0)
    throw std::runtime_error(fmt::format("{}: {}", command.arguments.front(), done->error));
  return done->output;
}

std::string text_of(const std::filesystem::path& file) {
  std::string text = read_file(file, 1 << 16).value();
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

SshSigner::SshSigner(const std::string& comment, const std::string& type, const std::string& bits)
    : directory_(TemporaryDirectory::make("croft-signer-").value()) {
  std::vector<std::string> arguments{"ssh-keygen", "-q", "-N",    "",   "-t",
                                     type,         "-C", comment, "-f", file().string()};
  if (!bits.empty()) arguments.insert(arguments.end(), {"-b", bits});
  run(std::move(arguments));
}

std::string SshSigner::public_key() const { return text_of(file().string() + ".pub"); }

void SshSigner::sign_in(const GitRepository& repository) const {
  repository.git({"config", "gpg.format", "ssh"});
  repository.git(
      {"config", "user.signingkey", file().string() + (is_certified_ ? "-cert.pub" : ".pub")});
  repository.git({"config", "commit.gpgsign", "true"});
  repository.git({"config", "tag.gpgsign", "true"});
}

std::string SshSigner::sign(const std::string& text, const std::string& name_space) const {
  return run({"ssh-keygen", "-q", "-Y", "sign", "-n", name_space, "-f", file().string()}, text);
}

void SshSigner::certify(const SshSigner& authority, const std::string& principal,
                        const std::string& validity) {
  run({"ssh-keygen", "-q", "-s", authority.file().string(), "-I", "test", "-n", principal, "-V",
       validity, file().string() + ".pub"});
  is_certified_ = true;
}

GpgSigner::GpgSigner(const std::string& name, const std::string& created,
                     const std::string& expires)
    : home_(TemporaryDirectory::make("croft-gpg-").value()), name_(name) {
  std::vector<std::string> arguments;
  if (!created.empty()) arguments = {"--faked-system-time", created};
  arguments.insert(arguments.end(), {"--quick-gen-key", fmt::format("{0} <{0}@example.com>", name),
                                     "ed25519", "sign", expires});
  gpg(std::move(arguments));
}

GpgSigner::~GpgSigner() {
  ChildCommand command;
  command.arguments = {"gpgconf", "--homedir", home_.path().string(), "--kill", "all"};
  (void)run_child(command);
}

std::string GpgSigner::gpg(std::vector<std::string> arguments, const std::string& input) const {
  std::vector<std::string> all{"gpg",          "--homedir", home_.path().string(), "--batch",
                               "--quiet",      "--yes",     "--pinentry-mode",     "loopback",
                               "--passphrase", ""};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run(std::move(all), input);
}

std::string GpgSigner::public_key() const { return gpg({"--armor", "--export", name_}); }

std::string GpgSigner::private_key() const {
  return gpg({"--armor", "--export-secret-keys", name_});
}

std::string GpgSigner::fingerprint() const {
  const std::string listed = gpg({"--with-colons", "--list-keys", name_});
  const std::size_t line = listed.find("\nfpr:::::::::");
  return listed.substr(line + 13, 40);
}

void GpgSigner::revoke() const {
  const auto file = home_.path() / "openpgp-revocs.d" / (fingerprint() + ".rev");
  // gpg writes it so that nobody imports it by accident.
  std::string text = read_file(file, 1 << 16).value();
  text.erase(text.find(":-----BEGIN"), 1);
  gpg({"--import"}, text);
}

void GpgSigner::sign_in(const GitRepository& repository, const std::string& at,
                        const std::string& more_options) const {
  const auto script = home_.path() / fmt::format("gpg-{}", at.empty() ? "now" : at);
  const std::string time = at.empty() ? "" : "--faked-system-time " + at;
  const std::string text = fmt::format(
      "#!/bin/sh\nexec gpg --homedir '{}' --batch --pinentry-mode loopback "
      "--passphrase '' {} {} \"$@\"\n",
      home_.path().string(), time, more_options);
  if (!write_file_atomic(script, text, 0700)) throw std::runtime_error("cannot write a script");
  repository.git({"config", "gpg.format", "openpgp"});
  repository.git({"config", "gpg.program", script.string()});
  repository.git({"config", "user.signingkey", fingerprint()});
  repository.git({"config", "commit.gpgsign", "true"});
  repository.git({"config", "tag.gpgsign", "true"});
}

std::string GpgSigner::sign(const std::string& text, std::vector<std::string> how) const {
  how.insert(how.begin(), {"--armor", "--output", "-"});
  return gpg(std::move(how), text);
}

void sign_no_more(const GitRepository& repository) {
  repository.git({"config", "commit.gpgsign", "false"});
  repository.git({"config", "tag.gpgsign", "false"});
}

}  // namespace croft
