#pragma once

#include <string>
#include <string_view>

#include "core/manifest/diagnostic.hpp"
#include "core/yaml/tree.hpp"

namespace croft::manifest {

/// Turns places in one file's text into Diagnostics that carry the source line.
class Reporter {
 public:
  /// Borrows all three.
  Reporter(const std::string& file, std::string_view text, Diagnostics& diagnostics,
           bool shows_lines = true)
      : file_(file), text_(text), diagnostics_(diagnostics), shows_lines_(shows_lines) {}

  void error(const yaml::Mark& mark, std::uint32_t length, std::string message,
             std::string hint = {});
  void warning(const yaml::Mark& mark, std::uint32_t length, std::string message,
               std::string hint = {});
  void problem(const yaml::Problem& problem);

  std::size_t error_count() const { return diagnostics_.errors; }

 private:
  void report(Weight weight, const yaml::Mark& mark, std::uint32_t length, std::string message,
              std::string hint);

  const std::string& file_;
  std::string_view text_;
  Diagnostics& diagnostics_;
  bool shows_lines_;  ///< false: source lines stay out of what is reported
};

/// The Diagnostic for a place in a text.
Diagnostic diagnose(const std::string& file, std::string_view text, const yaml::Mark& mark,
                    std::uint32_t length, std::string message, std::string hint = {});

}  // namespace croft::manifest
