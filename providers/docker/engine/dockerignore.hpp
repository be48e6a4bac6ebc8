#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft::docker {

/// What a .dockerignore keeps out of a build context. Patterns are looked at in their order and the
/// last that matches a path, or a directory above it, decides; one with "!" takes it in again, also
/// below a directory that is out (as BuildKit has it; the builder before it looked no further
/// there). Source: https://docs.docker.com/build/concepts/context/#dockerignore-files
class DockerIgnore {
 public:
  /// Reads a .dockerignore. Invalid, with the line, for a pattern that is none.
  static Result<DockerIgnore> parse(std::string_view text);
  /// Whether a path (relative, "/"-separated) is out.
  bool excludes(std::string_view path) const;

 private:
  /// A step of a pattern.
  struct Step {
    enum class Kind {
      Letter,       ///< `from`
      AnyLetter,    ///< "?": but "/"
      Class,        ///< "[...]"
      Letters,      ///< "*": any number of them, but "/"
      Directories,  ///< "**/": any number of names with their slashes, or nothing
      Everything,   ///< "**" at the end
    };
    struct Range {
      char32_t from;
      char32_t to;
    };
    Kind kind = Kind::Letter;
    char32_t letter = 0;
    std::vector<Range> ranges;
    bool is_negated = false;
  };
  struct Pattern {
    bool takes_in = false;
    std::vector<Step> steps;
  };

  static Result<std::vector<Step>> read_steps(std::string_view pattern);
  static Result<Step> read_class(const std::u32string& letters, std::size_t& at);
  static bool matches(const std::vector<Step>& steps, const std::u32string& path);

  std::vector<Pattern> patterns_;
};

}  // namespace croft::docker
