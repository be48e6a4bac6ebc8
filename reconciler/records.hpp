#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/resource/resource.hpp"
#include "reconciler/changeset.hpp"

namespace croft {

/// What is declared and nothing runs (is_record()), with its spec.
using Records = std::map<Ref, std::shared_ptr<const Value>>;

/// Adds those among the resources. `files` are the texts that Secrets name, by path: another text
/// is another Secret.
void add_records(Records& records, const std::vector<Resource>& resources,
                 const std::map<std::string, std::string>& files);

/// Their differences, by ref. What is sealed is shown as such and never repeated. Pure.
std::vector<RecordChange> diff_records(const Records& before, const Records& after);

}  // namespace croft
