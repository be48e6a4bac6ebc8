#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "tests/contract/provider_contract.hpp"
#include "tests/vendors/vendor.hpp"

namespace croft {

/// How an adapter of `providers/` meets its fake vendor.
struct VendorSetup {
  std::string adapter;  ///< folder and name
  FakeVendor* vendor = nullptr;
  Value settings;           ///< of the Provider, beside the url
  std::string vendor_plan;  ///< what the fake is told after each reset, if it knows plans
  /// The label of the request whose reply is lost when the contract suite asks for that.
  std::string losing;
};

/// An app that asks for all that both vendors have: files, env, a port, a health check, a volume of
/// that size; and a change of it. What it has of `unsupported` neither vendor takes.
ProviderHarness::Sample vendor_sample(std::int64_t cpu, std::int64_t volume_size);

/// A provider of a shipped adapter, over a fake vendor that was just reset.
class VendorHarness final : public ProviderHarness {
 public:
  VendorHarness(VendorSetup setup, Sample sample);
  /// Fails the test if the vendor's specification was broken on the way.
  ~VendorHarness() override;

  asio::io_context& context() override { return context_; }
  Provider& provider() override { return *provider_; }
  void restart() override;
  Sample sample() override { return sample_; }
  bool lose_next_reply() override;
  Result<void> write(const std::string& uid, const std::string& volume,
                     const std::string& text) override;
  Result<std::string> read(const std::string& uid, const std::string& volume) override;

  FakeVendor& vendor() { return *setup_.vendor; }
  /// Makes the provider anew with other settings.
  void change_setting(const std::string& name, const std::string& value);
  /// From now on limits are kept and waited for on this clock; the vendor's goes with it.
  void live_on(ManualClock& clock, const Value& rate_limit);
  /// Lets time pass, here and at the vendor.
  void pass(Duration time);

  /// Runs a coroutine to its end.
  template <typename T>
  Result<T> run(Task<Result<T>> task) {
    std::optional<Result<T>> result;
    context_.restart();
    asio::co_spawn(context_, std::move(task), [&](std::exception_ptr failure, Result<T> value) {
      if (failure) std::rethrow_exception(failure);
      result = std::move(value);
    });
    while (!result) context_.run_one();
    return std::move(*result);
  }

 private:
  Value place_of(const std::string& uid, const std::string& volume) const;

  VendorSetup setup_;
  Sample sample_;
  TemporaryDirectory secrets_;
  SystemClock system_clock_;
  ManualClock* manual_clock_ = nullptr;
  Value rate_limit_;
  asio::io_context context_;
  std::shared_ptr<Provider> provider_;
};

/// Tests of one adapter beside the contract suite.
class VendorTest : public testing::Test {
 protected:
  static constexpr const char* kUid = "resource0uid0aaaaaaaaaaaaa";

  void set_up(const std::function<std::unique_ptr<VendorHarness>()>& make);

  FakeVendor& vendor() { return harness_->vendor(); }
  Provider& provider() { return harness_->provider(); }
  const Value& spec() const { return sample_.spec; }
  const Value& changed() const { return sample_.changed; }

  /// An effect on the resource `uid`, with the normalised spec.
  Effect effect(const std::string& intent, const Value* spec = nullptr,
                const std::string& uid = kUid);
  Result<void> create(const std::string& intent, const Value& spec);
  Result<void> update(const std::string& intent, const Value& spec);
  Result<void> start(const std::string& intent);
  Result<void> stop(const std::string& intent);
  Result<void> destroy(const std::string& intent, DataPolicy data = DataPolicy::Erase);
  std::vector<Observed> observe();
  /// The one thing that is observed.
  Observed only();
  /// Creates it, and lets the vendor's time pass until it runs.
  void create_and_wait(const Value& spec);
  /// Why normalize() refuses it; empty if it does not.
  std::string refusal(const Value& spec);
  /// A create that brings one file of that size is Invalid and says so in these words.
  void expect_too_large(std::size_t size, const std::string& words);
  /// The sample's spec without its volume.
  Value without_volume() const;
  /// What the vendor takes to start, stop or replace anything.
  void pass_time() { vendor().advance(Duration(10'000)); }
  /// What stands at a path; null if nothing does.
  static Value at(const Value& value, const std::string& path);

  std::unique_ptr<VendorHarness> harness_;
  ProviderHarness::Sample sample_;
  std::shared_ptr<const FileTree> files_;  ///< of the next effect whose spec has files
};

/// A spec with one entry changed.
Value with(Value spec, const std::string& key, Value value);

}  // namespace croft
