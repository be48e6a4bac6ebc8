#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/async.hpp"
#include "core/git/tree.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// What a provider hands to the contract suite: itself, over a world of its own that is empty at
/// first, and specs that it can run. One harness is made for each test.
class ProviderHarness {
 public:
  virtual ~ProviderHarness() = default;

  /// Where the provider's coroutines run.
  virtual asio::io_context& context() = 0;
  virtual Provider& provider() = 0;
  /// The daemon restarts: a new provider over what the old one left behind.
  virtual void restart() = 0;

  /// Normal specs of one kind; `changed` differs from `spec` in what can be changed in place.
  struct Sample {
    Kind kind = Kind::Instance;
    Value spec;
    Value changed;
    std::shared_ptr<const FileTree> files;
    std::shared_ptr<const FileTree> changed_files;
    /// Specs that this provider cannot honour; empty only if there is none.
    std::vector<Value> unsupported;
    std::string volume;  ///< a volume of `spec`, or empty
  };
  virtual Sample sample() = 0;

  /// Makes the next effect happen and its reply get lost. False: this provider cannot be made to.
  virtual bool lose_next_reply() { return false; }
  /// Writes into and reads from a volume of what runs, as the app would. Only asked for if the
  /// sample has a volume.
  virtual Result<void> write(const std::string& uid, const std::string& volume,
                             const std::string& text) {
    (void)uid, (void)volume, (void)text;
    return fail(ErrorCode::Invalid, "this harness cannot write to volumes");
  }
  virtual Result<std::string> read(const std::string& uid, const std::string& volume) {
    (void)uid, (void)volume;
    return fail(ErrorCode::Invalid, "this harness cannot read volumes");
  }

  /// How long a thing may take to be up (or down), and how long any verb may take past its
  /// deadline.
  Duration patience{20'000};
};

/// The factory and a name for test output.
struct ProviderSubject {
  std::string name;
  /// Null result: the machine cannot run it; `why_not` is shown.
  std::function<std::unique_ptr<ProviderHarness>()> make;
  std::string why_not;
};
void PrintTo(const ProviderSubject& subject, std::ostream* out);

/// The suite that every provider passes. In a provider's test:
///
///   INSTANTIATE_TEST_SUITE_P(Fake, ProviderContract, testing::Values(fake_subject()),
///   subject_name);
///
/// and link croft_provider_contract.
class ProviderContract : public testing::TestWithParam<ProviderSubject> {
 protected:
  void SetUp() override;
  void TearDown() override;

  template <typename T>
  Result<T> run(Task<Result<T>> task);
  Result<void> create(const std::string& intent);
  Result<void> update(const std::string& intent);
  Result<void> start(const std::string& intent);
  Result<void> stop(const std::string& intent);
  Result<void> destroy(const std::string& intent, DataPolicy data);
  Effect effect(const std::string& intent, const Value* declared,
                std::shared_ptr<const FileTree> files);
  /// Everything observed that carries our uid; a failed observe() fails the test.
  std::vector<Observed> observe();
  /// Waits until the thing is observed exactly once, in one of these phases.
  Observed wait_for(std::vector<Phase> phases);
  Observed wait_until_up() { return wait_for({Phase::Running, Phase::Asleep}); }
  void wait_until_gone();

  std::unique_ptr<ProviderHarness> harness_;
  ProviderHarness::Sample sample_;
  Ref ref_;
  const std::string uid_ = "contract0uid0aaaaaaaaaaaaa";
};

std::string subject_name(const testing::TestParamInfo<ProviderSubject>& info);

}  // namespace croft
