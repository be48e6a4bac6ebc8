#pragma once

#include <memory>
#include <string>

#include "cli/lua/rule_bench.hpp"
#include "plans/health_rule.hpp"

namespace croft::cli {

/// Asks the health rule under test for what a test observed.
class HealthBench final : public RuleBench {
 public:
  static Result<HealthBench> make(std::string file, const std::string& source,
                                  std::shared_ptr<lua::Coverage> coverage);

  std::string_view words() const override { return "health rule"; }
  std::string_view question() const override { return "judge"; }
  /// Invalid if it judges no kind, or fails for what runs well.
  Result<void> check() override;
  /// {kind, name, phase, health, reason, message, restarts, started_at, fields}, all of it
  /// optional. Gives {health, message}, or null for a kind that the rule leaves to the provider.
  Result<Value> answer(const Value& given) override;

 private:
  HealthBench(std::string file, std::shared_ptr<plans::HealthRule> rule)
      : file_(std::move(file)), rule_(std::move(rule)) {}

  std::string file_;
  std::shared_ptr<plans::HealthRule> rule_;
};

}  // namespace croft::cli
