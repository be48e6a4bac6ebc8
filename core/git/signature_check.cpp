#include "core/git/signature_check.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <map>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/base/child.hpp"

namespace croft::git {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAllowedSigners = "allowed_signers";
constexpr std::string_view kKeyring = "keyring.gpg";
constexpr std::string_view kSignature = "signature";
constexpr Duration kPatience{20'000};
/// A certificate may name many; each costs a child.
constexpr std::size_t kMostPrincipals = 16;

SignatureFinding bad(std::string words) {
  return {Distrust::BadSignature, std::move(words), std::string()};
}

SignatureFinding untrusted(std::string words) {
  return {Distrust::UntrustedKey, std::move(words), std::string()};
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// What a program said first, without the paths of its files.
std::string first_words(const std::string& said, const fs::path& home) {
  const std::vector<std::string> lines = lines_of(said);
  std::string words = lines.empty() ? "" : lines.front();
  const std::string path = home.string() + "/";
  for (std::size_t at = words.find(path); at != std::string::npos; at = words.find(path))
    words.erase(at, path.size());
  return words;
}

Result<ChildOutput> run_bounded(const fs::path& home, std::vector<std::string> arguments,
                                std::string input) {
  ChildCommand command;
  command.arguments = {"prlimit", "--as=1073741824", "--cpu=20", "--fsize=0", "--core=0:0", "--"};
  const std::string program = arguments.front();
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  command.environment = {"HOME=" + home.string(), "GNUPGHOME=" + home.string(), "LC_ALL=C.UTF-8"};
  command.directory = home.string();
  command.input = std::move(input);
  command.deadline = kPatience;
  command.output_limit = 64 << 10;
  TRY_ASSIGN(ChildOutput done, run_child(command));
  // prlimit cannot start it: 127 is "not found".
  constexpr int kNotFound = 127;
  if (done.status == kNotFound) {
    return fail(Error(ErrorCode::Unavailable, fmt::format("{} is not installed", program))
                    .with_hint(program == "gpgv" ? "install the package gpgv"
                                                 : "install the package openssh-client"));
  }
  return done;
}

/// A commit's time may be anything; ssh-keygen wants a year of four digits, and not the epoch
/// itself.
std::string time_option(Timestamp at) {
  constexpr std::int64_t kEnd = 253'402'300'799;
  const std::int64_t seconds =
      std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
  return fmt::format("-Overify-time={:%Y%m%d%H%M%S}Z",
                     fmt::gmtime(std::time_t{std::clamp<std::int64_t>(seconds, 1, kEnd)}));
}

std::vector<std::string> ssh_keygen(std::string_view action, std::optional<Timestamp> at) {
  std::vector<std::string> arguments{"ssh-keygen", "-Y", std::string(action), "-s",
                                     std::string(kSignature)};
  if (at) arguments.push_back(time_option(*at));
  return arguments;
}

}  // namespace

Result<SignatureCheck> SignatureCheck::prepare(const SigningKeys& keys) {
  TRY_ASSIGN(TemporaryDirectory home, TemporaryDirectory::make("croft-verify-"));
  std::string signers;
  for (const std::string& line : keys.ssh) {
    TRY_ASSIGN(const AllowedSigner signer,
               while_doing(parse_allowed_signer(line), "reading a key of `verify.ssh`: it"));
    signers += signer.line() + "\n";
  }
  std::string keyring;
  for (const std::string& block : keys.gpg) {
    TRY_ASSIGN(const std::string bytes,
               while_doing(dearmor_public_keys(block), "reading a key of `verify.gpg`: it"));
    keyring += bytes;
  }
  TRY(write_file_atomic(home.path() / kAllowedSigners, signers, 0600));
  TRY(write_file_atomic(home.path() / kKeyring, keyring, 0600));
  return SignatureCheck(std::move(home), !signers.empty(), !keyring.empty());
}

Result<SignatureFinding> SignatureCheck::check(const SignedObject& object,
                                               std::optional<Timestamp> at) const {
  const SignatureFormat format = format_of(object.signature);
  switch (format) {
    case SignatureFormat::None:
      return SignatureFinding{Distrust::Unsigned, "it is not signed", std::string()};
    case SignatureFormat::X509:
      return untrusted("it is signed with an X.509 certificate, which Croft does not judge");
    case SignatureFormat::Unknown:
      return bad("its signature is of no known form");
    case SignatureFormat::Ssh:
    case SignatureFormat::OpenPgp:
      break;
  }
  if (const Result<void> armor = check_armor(object.signature, format); !armor)
    return bad(armor.error().message());
  TRY(write_file_atomic(home_.path() / kSignature, object.signature, 0600));
  return format == SignatureFormat::Ssh ? check_ssh(object, at) : check_gpg(object, at);
}

Result<SignatureFinding> SignatureCheck::check_ssh(const SignedObject& object,
                                                   std::optional<Timestamp> at) const {
  if (!has_ssh_) return untrusted("it is signed with an SSH key, and no SSH key may sign here");
  std::vector<std::string> find = ssh_keygen("find-principals", at);
  find.insert(find.end(), {"-f", std::string(kAllowedSigners)});
  TRY_ASSIGN(const ChildOutput found, run_bounded(home_.path(), std::move(find), ""));
  std::string said = found.error;
  std::vector<std::string> principals;
  if (found.status == 0) principals = lines_of(found.output);
  if (principals.size() > kMostPrincipals) principals.resize(kMostPrincipals);
  for (const std::string& principal : principals) {
    std::vector<std::string> verify = ssh_keygen("verify", at);
    verify.insert(verify.end(), {"-n", "git", "-f", std::string(kAllowedSigners), "-I", principal});
    TRY_ASSIGN(const ChildOutput verified,
               run_bounded(home_.path(), std::move(verify), object.payload));
    if (verified.status == 0) return SignatureFinding{std::nullopt, std::string(), principal};
    said = verified.error;
  }
  return explain_ssh(object, said);
}

/// It is not trusted; is it the key, or the signature?
Result<SignatureFinding> SignatureCheck::explain_ssh(const SignedObject& object,
                                                     const std::string& said) const {
  std::vector<std::string> arguments = ssh_keygen("check-novalidate", std::nullopt);
  arguments.insert(arguments.end(), {"-n", "git"});
  TRY_ASSIGN(const ChildOutput checked,
             run_bounded(home_.path(), std::move(arguments), object.payload));
  if (checked.status != 0) {
    return bad(fmt::format("its SSH signature is not good for it ({})",
                           first_words(checked.error, home_.path())));
  }
  const std::size_t fingerprint = checked.output.find("SHA256:");
  std::string key = fingerprint == std::string::npos
                        ? std::string("its SSH key")
                        : "the SSH key " + checked.output.substr(fingerprint);
  while (key.ends_with('\n')) key.pop_back();
  // "allowed_signers:1: key has expired: ..." tells more than that none matched.
  const std::string why = first_words(said, home_.path());
  if (why.starts_with(kAllowedSigners))
    return untrusted(fmt::format("{} may not sign: {}", key, why.substr(why.find(": ") + 2)));
  return untrusted(key + " is not among those that may sign");
}

Result<SignatureFinding> SignatureCheck::check_gpg(const SignedObject& object,
                                                   std::optional<Timestamp> at) const {
  if (!has_gpg_) return untrusted("it is signed with a GPG key, and no GPG key may sign here");
  const std::string home = home_.path().string();
  TRY_ASSIGN(
      const ChildOutput verified,
      run_bounded(home_.path(),
                  {"gpgv", "--homedir", home, "--keyring", (home_.path() / kKeyring).string(),
                   "--status-fd", "1", "--", std::string(kSignature), "-"},
                  object.payload));
  SignatureFinding finding = read_gpg_status(verified.output, at.has_value());
  // The status lines are the judge; that the program is content is asked for on top.
  if (!finding.distrust && verified.status != 0)
    return bad(fmt::format("gpgv refuses it ({})", first_words(verified.error, home_.path())));
  return finding;
}

namespace {

constexpr std::string_view kStatusPrefix = "[GNUPG:] ";

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

/// SHA-256, -384, -512, -224 (RFC 4880 section 9.4).
bool is_sound_digest(const std::string& algorithm) {
  constexpr std::array<std::string_view, 4> kSound{"8", "9", "10", "11"};
  return std::ranges::find(kSound, algorithm) != kSound.end();
}

std::string key_words(const std::vector<std::string>& status) {
  return "the GPG key " + (status.size() > 1 ? status[1] : std::string("of its signature"));
}

/// The one line that says how the signature is; VALIDSIG says over what and by which key.
SignatureFinding read_verdict(const std::vector<std::string>& verdict,
                              const std::vector<std::string>* valid, bool allow_expired) {
  const std::string& word = verdict.front();
  if (word == "BADSIG") return bad("its GPG signature is not good for it");
  if (word == "ERRSIG") {
    constexpr std::size_t kReason = 6;
    const bool is_unknown_key = verdict.size() > kReason && verdict[kReason] == "9";
    if (is_unknown_key) return untrusted(key_words(verdict) + " is not among those that may sign");
    return bad("its GPG signature cannot be checked");
  }
  if (word == "REVKEYSIG") return untrusted(key_words(verdict) + " is revoked");
  if (word == "EXPSIG") return untrusted("its GPG signature has expired");
  if (word == "EXPKEYSIG" && !allow_expired) return untrusted(key_words(verdict) + " has expired");
  // VALIDSIG FINGERPRINT DATE TIME EXPIRES VERSION RESERVED PUBKEY-ALGORITHM DIGEST CLASS PRIMARY
  constexpr std::size_t kDigest = 8;
  constexpr std::size_t kClass = 9;
  if (valid == nullptr || valid->size() <= kClass) return bad("gpgv does not call it valid");
  if (!is_sound_digest((*valid)[kDigest])) {
    return bad(
        "its GPG signature is made with a digest that does not hold any more; sign with "
        "SHA-256 or better");
  }
  if ((*valid)[kClass] != "00") return bad("its GPG signature is not one over a document");
  return {std::nullopt, std::string(),
          valid->size() > kClass + 1 ? (*valid)[kClass + 1] : (*valid)[1]};
}

}  // namespace

SignatureFinding read_gpg_status(std::string_view lines, bool allow_expired) {
  constexpr std::array<std::string_view, 6> kVerdicts{"GOODSIG",   "EXPSIG", "EXPKEYSIG",
                                                      "REVKEYSIG", "BADSIG", "ERRSIG"};
  std::map<std::string, int, std::less<>> seen;
  std::vector<std::string> verdict;
  std::vector<std::string> valid;
  int verdicts = 0;
  for (const std::string& line : lines_of(lines)) {
    if (!line.starts_with(kStatusPrefix)) continue;
    std::vector<std::string> words = words_of(std::string_view(line).substr(kStatusPrefix.size()));
    if (words.empty()) continue;
    ++seen[words.front()];
    if (std::ranges::find(kVerdicts, words.front()) != kVerdicts.end()) {
      ++verdicts;
      verdict = std::move(words);
    } else if (words.front() == "VALIDSIG") {
      valid = std::move(words);
    }
  }
  if (seen["NEWSIG"] > 1 || verdicts > 1 || seen["VALIDSIG"] > 1)
    return bad("it has several GPG signatures, and Croft trusts one at a time");
  if (verdicts == 0) return bad("its GPG signature is damaged");
  return read_verdict(verdict, valid.empty() ? nullptr : &valid, allow_expired);
}

}  // namespace croft::git
