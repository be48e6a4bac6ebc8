#include "reconciler/terms.hpp"

#include <optional>

#include <fmt/format.h>

#include "plans/pricing/quote.hpp"
#include "reconciler/notify/template.hpp"

namespace croft {

namespace {

constexpr std::size_t kLargestScript = 1U << 20U;

Result<void> read_into(Scripts& scripts, const FileTree& tree, const std::string& path) {
  const Result<TreeEntry> entry = tree.entry(path);
  const bool is_file =
      entry && (entry->mode == FileMode::Regular || entry->mode == FileMode::Executable);
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
    std::string path;
    if (resource.ref.kind == Kind::Plan) path = plans::rule_path_of(*resource.spec);
    if (resource.ref.kind == Kind::Provider) path = resource.spec->text_or("healthRule", "");
    if (resource.ref.kind == Kind::Webhook) path = resource.spec->text_or("template", "");
    if (path.empty()) continue;
    TRY(read_into(scripts, tree, path));
  }
  return scripts;
}

namespace {

Result<std::string> text_of(const Scripts& scripts, std::string_view path) {
  const auto found = scripts.find(std::string(path));
  if (found != scripts.end()) return found->second;
  return fail(ErrorCode::NotFound, fmt::format("there is no file {}", path));
}

}  // namespace

void check_templates(const std::vector<Resource>& resources, const Scripts& scripts,
                     std::vector<Problem>& problems) {
  for (const Resource& resource : resources) {
    if (resource.ref.kind != Kind::Webhook) continue;
    const std::string path = resource.spec->text_or("template", "");
    if (path.empty()) continue;
    const Result<std::string> text = text_of(scripts, path);
    const auto made = text ? notify::Template::make(path, *text)
                           : Result<std::shared_ptr<notify::Template>>(fail(text.error()));
    if (made) continue;
    problems.push_back(problem_of(resource.ref, "spec.template", fmt::format("template '{}'", path),
                                  made.error()));
  }
}

namespace {

class TermsMaker {
 public:
  explicit TermsMaker(const Scripts& scripts) : scripts_(scripts) {}

  PlatformTerms run(const std::vector<Resource>& platform) {
    for (const Resource& resource : platform) {
      if (resource.ref.kind == Kind::Plan) add_plan(resource);
      if (resource.ref.kind == Kind::Provider) add_health_rule(resource);
    }
    add_policy();
    check_templates(platform, scripts_, terms_.problems);
    return std::move(terms_);
  }

 private:
  void add_plan(const Resource& resource) {
    const auto read = [this](std::string_view path) { return text_of(scripts_, path); };
    Result<plans::PlanTerms> plan = plans::make_terms(resource.ref.name, resource.spec, read);
    if (!plan) return refuse_rule(resource, resource.spec->text_or("rules", ""), plan.error());
    if (plan->has_price()) {
      const Result<void> checked = check(*plan);
      if (!checked) return refuse_rule(resource, plan->rule->name, checked.error());
    }
    terms_.plans.emplace(resource.ref.name,
                         std::make_shared<const plans::PlanTerms>(std::move(*plan)));
  }

  Result<void> check(const plans::PlanTerms& plan) {
    if (!pricer_) {
      TRY_ASSIGN(pricer_, plans::Pricer::make());
    }
    return pricer_->check(plan);
  }

  void refuse_rule(const Resource& resource, const std::string& rule, const Error& error) {
    terms_.problems.push_back(
        problem_of(resource.ref, "spec.rules", fmt::format("rule '{}'", rule), error));
  }

  void add_health_rule(const Resource& resource) {
    const std::string path = resource.spec->text_or("healthRule", "");
    if (path.empty()) return;
    const Result<std::string> text = text_of(scripts_, path);
    Result<std::shared_ptr<plans::HealthRule>> rule =
        text ? plans::HealthRule::make(path, *text)
             : Result<std::shared_ptr<plans::HealthRule>>(std::unexpected(text.error()));
    if (rule) {
      terms_.health_rules.emplace(resource.ref.name, std::move(*rule));
    } else {
      terms_.problems.push_back(problem_of(resource.ref, "spec.healthRule",
                                           fmt::format("rule '{}'", path), rule.error()));
    }
  }

  void add_policy() {
    const auto text = scripts_.find(std::string(plans::kPolicyFile));
    if (text == scripts_.end()) return;
    Result<std::shared_ptr<plans::Policy>> policy = plans::Policy::make(text->second);
    if (policy) {
      terms_.policy = std::move(*policy);
    } else {
      terms_.problems.push_back(
          problem_of(Ref{}, "", std::string(plans::kPolicyFile), policy.error()));
    }
  }

  const Scripts& scripts_;
  std::optional<plans::Pricer> pricer_;
  PlatformTerms terms_;
};

}  // namespace

PlatformTerms make_platform_terms(const std::vector<Resource>& platform, const Scripts& scripts) {
  return TermsMaker(scripts).run(platform);
}

}  // namespace croft
