#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/git/tree.hpp"
#include "core/manifest/problem.hpp"
#include "core/resource/resource.hpp"
#include "plans/admission/policy.hpp"
#include "plans/health_rule.hpp"
#include "plans/terms.hpp"

namespace croft {

/// Lua files of the platform's repository by their paths.
using Scripts = std::map<std::string, std::string>;

/// Reads the scripts that Plans, Providers and Webhooks name, and the policy if there is one; what
/// is not there is left out. Blocks.
Result<Scripts> read_scripts(const FileTree& tree, const std::vector<Resource>& platform);

/// What the operator's Plans and policy say, ready to be asked.
struct PlatformTerms {
  std::map<std::string, std::shared_ptr<const plans::PlanTerms>> plans;    ///< by name
  std::shared_ptr<plans::Policy> policy;                                   ///< null: there is none
  std::map<std::string, std::shared_ptr<plans::HealthRule>> health_rules;  ///< by provider
  std::vector<Problem> problems;  ///< of scripts: missing, no Lua, fail on an example
};
/// What is wrong with the templates that Webhooks name.
void check_templates(const std::vector<Resource>& resources, const Scripts& scripts,
                     std::vector<Problem>& problems);

PlatformTerms make_platform_terms(const std::vector<Resource>& platform, const Scripts& scripts);

}  // namespace croft
