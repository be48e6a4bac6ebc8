#pragma once
// Fake vendors for tests of provider adapters: Node.js programs of this folder, on loopback, with a
// clock that tests move, and judged by the vendor's own specification. README.md tells of them.

#include <filesystem>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "core/base/files.hpp"
#include "core/base/units.hpp"
#include "core/base/value.hpp"

namespace croft {

/// A child that lives as long as the object; its output goes to a file.
class VendorProcess {
 public:
  VendorProcess(std::vector<std::string> arguments, std::filesystem::path log);
  ~VendorProcess();
  VendorProcess(const VendorProcess&) = delete;
  VendorProcess& operator=(const VendorProcess&) = delete;

  /// What it wrote so far.
  std::string log() const;
  /// Waits until it wrote that; throws with the log if it does not within half a minute.
  void wait_for(const std::string& words) const;

 private:
  std::filesystem::path log_;
  pid_t pid_ = -1;
};

/// One fake vendor. Made once in a test program, reset by each test.
class FakeVendor {
 public:
  virtual ~FakeVendor() = default;

  /// Why this machine has none (no Node.js, no packages, no specifications), or empty.
  static std::string missing();
  /// Fly.io, behind Prism with the vendor's OpenAPI file.
  static FakeVendor& fly();
  /// Railway; the fake itself validates every document against the vendor's schema.
  static FakeVendor& railway();

  /// Where adapters talk to.
  const std::string& url() const { return url_; }
  const std::string& token() const { return token_; }

  /// A control of world.mjs: reset, clock, fault, requests, forget, state, act.
  Value control(const std::string& what, const Value& body = Value::map()) const;
  /// Empties the world, and forgets what was violated. From then on every request moves the clock
  /// by so much.
  void reset(int milliseconds_a_request = 400);
  void advance(Duration time) const;
  Value state() const { return control("state"); }
  Value act(const std::string& what, Value arguments = Value::map()) const;
  /// Requests since the reset or the last forget().
  std::int64_t request_count() const;
  void forget() const { control("forget"); }
  /// The labels of the requests, in order: "POST /apps/x/machines", "POST query Observe".
  std::vector<std::string> requests() const;
  /// The next request whose label matches happens, and its answer is lost.
  void lose(const std::string& pattern, int skip = 0) const;
  /// The next requests whose label matches are answered with this status, and nothing happens.
  void refuse(const std::string& pattern, int status, int times = 1, int skip = 0) const;

  /// What broke the vendor's specification since the reset: requests of the adapter, answers of the
  /// fake.
  virtual std::vector<std::string> violations() const = 0;

 protected:
  FakeVendor(std::string token, std::vector<std::string> arguments);
  virtual void forget_violations() {}

  TemporaryDirectory directory_;
  std::unique_ptr<VendorProcess> fake_;
  int port_ = 0;
  std::string url_;
  std::string token_;
};

}  // namespace croft
