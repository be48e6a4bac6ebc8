#include "tests/e2e/support/load.hpp"

#include <chrono>

#include <fmt/format.h>

namespace croft::e2e {

namespace {

constexpr std::size_t kFailuresKept = 100;
// Leaves the two cores of a small machine some time for what is tested.
constexpr std::chrono::milliseconds kPace{3};

}  // namespace

Load::Load(int port, const std::vector<Target>& targets) {
  for (const Target& target : targets) {
    for (const auto kind : {HttpClient::Connections::Fresh, HttpClient::Connections::Kept}) {
      threads_.emplace_back(
          [this, port, target, kind] { hammer(HttpClient(port, target.host, kind), target); });
    }
  }
}

Load::~Load() { stop(); }

void Load::hammer(HttpClient client, Target target) {
  while (!is_over_) {
    const auto begun = std::chrono::steady_clock::now();
    const Answer answer = client.get(target.path);
    const bool is_good =
        answer.status == 200 && answer.body.find(target.expected) != std::string::npos;
    if (is_good) {
      ++answered_;
    } else {
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - begun;
      const std::lock_guard lock(mutex_);
      if (failures_.size() < kFailuresKept) {
        failures_.push_back(fmt::format("{}{} after {:.0f} ms: {} {} {}", target.host, target.path,
                                        took.count(), answer.status, answer.failure,
                                        answer.body.substr(0, 200)));
      }
    }
    std::this_thread::sleep_for(kPace);
  }
}

Load::Count Load::stop() {
  is_over_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  const std::lock_guard lock(mutex_);
  return {answered_, failures_};
}

}  // namespace croft::e2e
