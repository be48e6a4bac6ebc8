#include "cli/serve/platform_verify.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "core/base/files.hpp"

namespace croft {

namespace {

constexpr std::size_t kLargestFile = 4 << 20;

/// The lines that are no comments; each is checked.
Result<std::vector<std::string>> read_signers(const std::filesystem::path& file) {
  TRY_ASSIGN(const std::string text, read_file(file, kLargestFile));
  std::vector<std::string> signers;
  int number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || line[first] == '#') continue;
    Result<AllowedSigner> signer = parse_allowed_signer(line);
    if (!signer) return fail(std::move(signer.error()).at({file.string(), number, 1}));
    signers.emplace_back(line);
  }
  return signers;
}

}  // namespace

Result<std::optional<VerifyDeclaration>> platform_verify(const Settings& settings) {
  if (settings.platform_verify.empty()) return std::nullopt;
  VerifyDeclaration verify;
  verify.is_for_every = settings.platform_verify == "every";
  if (!settings.platform_allowed_signers.empty()) {
    TRY_ASSIGN(verify.keys.ssh, while_doing(read_signers(settings.platform_allowed_signers),
                                            "reading platform.allowedSigners"));
  }
  if (!settings.platform_gpg_keys.empty()) {
    TRY_ASSIGN(std::string keys, while_doing(read_file(settings.platform_gpg_keys, kLargestFile),
                                             "reading platform.gpgKeys"));
    TRY(while_doing(dearmor_public_keys(keys), fmt::format("reading platform.gpgKeys: {}",
                                                           settings.platform_gpg_keys.string())));
    verify.keys.gpg.push_back(std::move(keys));
  }
  // An empty file would let nothing through, and say so at every commit.
  if (verify.keys == SigningKeys{})
    return fail(ErrorCode::Invalid, "platform.verify is set, and its files name no key");
  return verify;
}

}  // namespace croft
