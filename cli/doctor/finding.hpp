#pragma once
// cli/doctor: what `croft doctor` looks at, each part in two steps: reading facts (which touches
// the machine) and judging them (which is pure, so that tests can be told of any machine).
//
//   machine    what providers need of the kernel and of programs
//   places     the data directory, its disk, secrets
//   clock      whether the machine's time is kept
//   services   a running daemon: its roles, sources, providers, webhooks

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace croft::cli {

/// One line of the doctor's.
struct Finding {
  enum class Level { Ok, Warn, Fail };
  Level level = Level::Ok;
  std::string area;  ///< "machine", "disk", "store", ...
  std::string what;
  std::string advice;  ///< what to do; empty if nothing is to be done

  bool operator==(const Finding&) const = default;
};
std::string_view to_string(Finding::Level level);

/// Gathers what is found in one area.
class Findings {
 public:
  Findings(std::vector<Finding>& all, std::string area) : all_(all), area_(std::move(area)) {}

  void ok(std::string what) { all_.push_back({Finding::Level::Ok, area_, std::move(what), ""}); }
  void warn(std::string what, std::string advice) {
    all_.push_back({Finding::Level::Warn, area_, std::move(what), std::move(advice)});
  }
  void fail(std::string what, std::string advice) {
    all_.push_back({Finding::Level::Fail, area_, std::move(what), std::move(advice)});
  }

 private:
  std::vector<Finding>& all_;
  std::string area_;
};

}  // namespace croft::cli
