#pragma once

#include <memory>
#include <string>

#include "cli/lua/rule_bench.hpp"
#include "plans/admission/policy.hpp"

namespace croft::cli {

/// Asks the policy under test for what a test declares.
class PolicyBench final : public RuleBench {
 public:
  static Result<PolicyBench> make(std::string file, const std::string& source,
                                  std::shared_ptr<lua::Coverage> coverage);

  std::string_view words() const override { return "policy"; }
  std::string_view question() const override { return "admit"; }
  /// An Instance and a Site are judged, whatever the verdict.
  Result<void> check() override;
  /// {resource = {kind, name, provider, spec}, tenant = {name, plan}}, all of it optional. The spec
  /// is checked as in a manifest. Gives {}, {warn} or {deny}.
  Result<Value> answer(const Value& given) override;

 private:
  PolicyBench(std::string file, std::shared_ptr<plans::Policy> policy)
      : file_(std::move(file)), policy_(std::move(policy)) {}

  std::string file_;
  std::shared_ptr<plans::Policy> policy_;
};

}  // namespace croft::cli
