#pragma once

#include <vector>

#include "core/store/tools/place.hpp"
#include "core/store/tools/rows.hpp"

namespace croft::store_tools {

struct CheckReport {
  std::vector<TableSum> tables;   ///< of the rows that are right
  std::vector<Problem> problems;  ///< the first of them
  std::int64_t problem_count = 0;
};

/// Reads all of a store, whoever uses it: the file (SQLite), every row as the daemon would, and
/// whether numbers can be given twice. Conflict if its rows are of another schema.
Result<CheckReport> check_store(const Place& place);

}  // namespace croft::store_tools
