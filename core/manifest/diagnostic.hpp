#pragma once
// Room core/manifest: YAML in, checked resources out, and words for everything that is wrong with
// them.
//
// - load: a tree of files → the resources that a source declares; what the daemon and
//   `croft validate` call
// - references: checks between resources, across the sources of a tenant
// - locate: where a field of a resource stands, for checks that come later (hosts, quotas)
// - diagnostic: one thing that is wrong, and how it is shown
// - schema, reference: JSON Schema, `croft explain` and docs/reference.md, from the same
//   descriptions
//
// Inside: source_text (bytes that are fit to parse), decode (a node of core/yaml's tree against a
// Field), document (the envelope).

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/manifest/problem.hpp"

namespace croft::manifest {

enum class Weight {
  Error,    ///< nothing of the set may be used
  Warning,  ///< the set is good, but probably not what its author thinks
};

/// One thing that is wrong in a manifest, with all that is needed to show it. A value; holds no
/// reference to the text.
struct Diagnostic {
  SourcePosition position;  ///< file path in the repository; line 0 if it is about the whole file
  Weight weight = Weight::Error;
  std::string message;      ///< "unknown field 'recources' in Instance spec"
  std::string hint;         ///< stands behind the caret: "did you mean 'resources'?"; may be empty
  std::string source_line;  ///< the line itself, or the part of it around the column; empty if
                            ///< there is none to show
  int source_column = 0;    ///< where the caret goes in source_line, from 1, in bytes
  int span = 1;             ///< how many bytes of source_line it underlines

  bool operator==(const Diagnostic&) const = default;
};

/// What a load found, in the order of files and lines. Bounded, so that a hostile manifest cannot
/// fill memory.
struct Diagnostics {
  static constexpr std::size_t kMost = 100;

  std::vector<Diagnostic> list;
  std::size_t suppressed = 0;  ///< how many more there were
  std::size_t errors = 0;      ///< errors in all, suppressed ones included

  void add(Diagnostic diagnostic);
  void append(Diagnostics other);
  void sort();  ///< by file, line and column
  bool has_errors() const { return errors > 0; }
};

struct RenderOptions {
  bool color = false;
};

/// As a good compiler does it: position and message, the source line, a caret with the hint. Safe
/// for terminals: control characters from the manifest are never passed on.
std::string render(const Diagnostic& diagnostic, RenderOptions options = {});
/// All of them and a last line "3 errors in 2 files. Nothing was changed."; nothing if there are
/// none.
std::string render(const Diagnostics& diagnostics, RenderOptions options = {});

/// A set's first error as an Error, with its position; for callers that pass on one reason ("and 2
/// more").
Error to_error(const Diagnostics& diagnostics);

}  // namespace croft::manifest
