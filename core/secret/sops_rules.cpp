#include "core/secret/sops_rules.hpp"

#include <algorithm>
#include <cctype>
#include <regex.h>

namespace croft::secret {

namespace {

constexpr std::size_t kLongestPattern = 1024;

/// SOPS' patterns are RE2's; here they are POSIX', which match in time bounded by the text. What
/// the two may read differently, or what may grow without bounds, is left out.
bool is_common(const std::string& pattern) {
  if (pattern.size() > kLongestPattern || pattern.find('{') != std::string::npos ||
      pattern.find("(?") != std::string::npos || pattern.find("[[:") != std::string::npos)
    return false;
  bool is_in_brackets = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      // Inside brackets, and before letters and digits, a backslash has two meanings.
      if (is_in_brackets || i + 1 == pattern.size() ||
          std::isalnum(static_cast<unsigned char>(pattern[i + 1])) != 0)
        return false;
      ++i;
    } else if (pattern[i] == '[' || pattern[i] == ']') {
      is_in_brackets = pattern[i] == '[';
    }
  }
  return true;
}

}  // namespace

/// Compiled once for all names.
class SopsRules::Pattern {
 public:
  explicit Pattern(const std::string& text)
      : is_good_(::regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB) == 0) {}
  ~Pattern() {
    if (is_good_) ::regfree(&compiled_);
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  bool is_good() const { return is_good_; }
  bool matches(const std::string& text) const {
    return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t compiled_{};
  bool is_good_;
};

Result<SopsRules> SopsRules::make(Kind kind, std::string text) {
  const bool is_pattern = kind == Kind::UnencryptedRegex || kind == Kind::EncryptedRegex;
  std::shared_ptr<const Pattern> pattern;
  if (is_pattern && is_common(text)) pattern = std::make_shared<const Pattern>(text);
  if (is_pattern && (!pattern || !pattern->is_good()))
    return fail(
        Error(ErrorCode::Invalid, "its encrypted_regex or unencrypted_regex is not understood")
            .with_hint("use plain words, '.', '*', '^', '$', '(a|b)' and '[abc]', or a "
                       "suffix instead"));
  return SopsRules(kind, std::move(text), std::move(pattern));
}

bool SopsRules::names(const std::string& name) const {
  if (kind_ == Kind::UnencryptedSuffix || kind_ == Kind::EncryptedSuffix)
    return name.ends_with(text_);
  return pattern_->matches(name);
}

bool SopsRules::is_encrypted(const std::vector<std::string>& path) const {
  const bool is_named =
      std::ranges::any_of(path, [this](const std::string& name) { return names(name); });
  return is_named == (kind_ == Kind::EncryptedSuffix || kind_ == Kind::EncryptedRegex);
}

}  // namespace croft::secret
