#pragma once

#include <string>
#include <utility>
#include <vector>

namespace croft {

/// A YAML file as SOPS 3 writes it: text values at the top level, encrypted to one age recipient
/// ("age1..."), its MAC over `before` and all of them. For where the program itself is not to be
/// had.
std::string sops_file(const std::vector<std::pair<std::string, std::string>>& values,
                      const std::string& recipient, const std::string& before = "");

}  // namespace croft
