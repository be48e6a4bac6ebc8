#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.hpp"
#include "core/base/value.hpp"

namespace croft {

/// Texts that are to be kept out of what is said about one effect or one delivery. What tenants
/// give is hidden so and never by remember_secret(): by what is redacted elsewhere they could find
/// out whether a guess is somebody else's secret. A value.
class HiddenTexts {
 public:
  /// Texts under 4 bytes stand anywhere and are left out.
  void add(const Secret<std::string>& text);
  void add(const HiddenTexts& others);
  bool is_empty() const { return texts_.empty(); }

  /// The text with each of them replaced by kRedacted, also where one holds another.
  std::string cut(std::string_view text) const;

 private:
  std::vector<Secret<std::string>> texts_;  ///< longest first, each once
};

/// The same with every text in it, but no key, run through `change`.
Value with_texts(const Value& value, const std::function<std::string(std::string_view)>& change);

}  // namespace croft
