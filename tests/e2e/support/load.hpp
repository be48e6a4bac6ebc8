#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/support/http_client.hpp"

namespace croft::e2e {

/// What a request must get: 200, and this text in the body.
struct Target {
  std::string host;
  std::string path;
  std::string expected;
};

/// Requests without pause, on threads of their own, until stop(): for each target one client with
/// fresh connections and one that keeps its own.
class Load {
 public:
  struct Count {
    int answered = 0;
    std::vector<std::string> failures;  ///< the first hundred
  };

  Load(int port, const std::vector<Target>& targets);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  int answered() const { return answered_; }
  Count stop();

 private:
  void hammer(HttpClient client, Target target);

  std::atomic<bool> is_over_{false};
  std::atomic<int> answered_{0};
  std::mutex mutex_;
  std::vector<std::string> failures_;
  std::vector<std::thread> threads_;
};

}  // namespace croft::e2e
