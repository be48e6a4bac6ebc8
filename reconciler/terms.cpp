#include "reconciler/terms.hpp"

#include <fmt/format.h>

#include "plans/pricing/quote.hpp"

namespace croft {

namespace {

constexpr std::size_t kLargestScript = 1U << 20U;

Result<void> read_into(Scripts& scripts, const FileTree& tree, const std::string& path) {
  const Result<TreeEntry> entry = tree.entry(path);
  const bool is_file = entry && (entry->mode == FileMode::Regular ||
                                 entry->mode == FileMode::Executable);
  if (!is_file) return {};
  TRY_ASSIGN(scripts[path], tree.read(entry->id, kLargestScript));
  return {};
}

/// Where it is said which rule: in the field, or by the name of the policy's file.
Problem problem_of(const Ref& ref, std::string path, const std::string& script,
                   const Error& error) {
  return {ref, std::move(path), fmt::format("{} cannot be used: {}", script, error.message()),
          error.hint()};
}

}  // namespace

Result<Scripts> read_scripts(const FileTree& tree, const std::vector<Resource>& platform) {
  Scripts scripts;
  TRY(read_into(scripts, tree, std::string(plans::kPolicyFile)));
  for (const Resource& resource : platform) {
    if (resource.ref.kind != Kind::Plan) continue;
    const std::string path = plans::rule_path_of(*resource.spec);
    if (path.empty()) continue;
    TRY(read_into(scripts, tree, path));
  }
  return scripts;
}

PlatformTerms make_platform_terms(const std::vector<Resource>& platform, const Scripts& scripts) {
  PlatformTerms terms;
  const auto read = [&](std::string_view path) -> Result<std::string> {
    const auto found = scripts.find(std::string(path));
    if (found != scripts.end()) return found->second;
    return fail(ErrorCode::NotFound, fmt::format("there is no file {}", path));
  };
  Result<plans::Pricer> pricer = plans::Pricer::make();
  for (const Resource& resource : platform) {
    if (resource.ref.kind != Kind::Plan) continue;
    Result<plans::PlanTerms> plan = plans::make_terms(resource.ref.name, resource.spec, read);
    Result<void> checked;
    if (!plan) {
      checked = std::unexpected(plan.error());
    } else if (!pricer) {
      checked = std::unexpected(pricer.error());
    } else {
      checked = pricer->check(*plan);
    }
    if (!checked) {
      terms.problems.push_back(problem_of(
          resource.ref, "spec.rules",
          fmt::format("rule '{}'", plan && plan->rule ? plan->rule->name
                                                      : resource.spec->text_or("rules", "")),
          checked.error()));
      continue;
    }
    terms.plans.emplace(resource.ref.name,
                        std::make_shared<const plans::PlanTerms>(std::move(*plan)));
  }
  const auto text = scripts.find(std::string(plans::kPolicyFile));
  if (text == scripts.end()) return terms;
  Result<std::shared_ptr<plans::Policy>> policy = plans::Policy::make(text->second);
  if (policy) {
    terms.policy = std::move(*policy);
  } else {
    terms.problems.push_back(problem_of(Ref{}, "", std::string(plans::kPolicyFile), policy.error()));
  }
  return terms;
}

}  // namespace croft
