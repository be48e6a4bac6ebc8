#pragma once

#include <string>
#include <vector>

#include "cli/output/terminal.hpp"

namespace croft::cli {

/// A table for people. Columns are as wide as their content; where the terminal is too narrow, the
/// columns that may shrink do, the widest first, and what is cut ends in "…".
class Table {
 public:
  struct Column {
    std::string title;         ///< empty: the column has no heading
    std::size_t shortest = 0;  ///< may be cut to this many columns; 0: never cut
  };
  /// A cell; painted after it was cut.
  struct Cell {
    std::string text;
    std::vector<Colour> colours = {};
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool is_empty() const { return rows_.empty(); }
  void print(const Terminal& terminal) const;

 private:
  std::vector<std::size_t> widths(std::size_t available) const;
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace croft::cli
