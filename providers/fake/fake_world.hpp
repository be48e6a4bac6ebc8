#pragma once
// Room providers/fake: a hosting target in memory, for tests of everything that drives providers.
//
// - fake_world: what is "out there": things, kept data, a record of calls, scripted faults
// - fake_provider: the Provider over it; make a new one over the same world and the daemon has
//   restarted

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "providers/port/provider.hpp"

namespace croft {

enum class FakeVerb { Any, Observe, Create, Update, Start, Stop, Destroy };
std::string_view to_string(FakeVerb verb);

enum class FakeFault {
  Fail,       ///< nothing happens, the error is returned
  LoseReply,  ///< it happens, the error is returned
  Late,  ///< it happens after `delay`; past the effect's deadline nothing happens and Timeout is
         ///< returned
  HangBefore,  ///< nothing happens and no answer ever comes: the daemon is to be killed there
  HangAfter,   ///< it happens and no answer ever comes
};

/// A fault to come. It fires once, at the `nth` call that it fits from when it was added, and is
/// gone.
struct FakeRule {
  FakeVerb verb = FakeVerb::Any;
  int nth = 1;
  FakeFault fault = FakeFault::Fail;
  std::string uid;  ///< only calls for that resource; empty: all
  Error error{ErrorCode::Unavailable, "the fake provider was told to fail"};
  Duration delay{0};
};

/// A call that a provider received.
struct FakeCall {
  FakeVerb verb = FakeVerb::Observe;
  std::string uid;
  std::string intent;
  Ref ref;
  std::string spec_digest;
  DataPolicy data = DataPolicy::Keep;  ///< of Destroy
  bool took_effect = false;  ///< false too for what an earlier call of that intent had done
};

/// One thing that exists there.
struct FakeThing {
  Observed observed;                  ///< fields, phase, labels: what observe() reports
  std::shared_ptr<const Value> spec;  ///< what was last asked for; fields may have drifted from it
  std::set<std::string> intents;      ///< effects that were done on it
  TenantIdentity tenant;
  std::string files;  ///< id of the tree it was given, or empty
  bool allows_egress = false;
  SecretValues secrets;  ///< clear values that the last effect on it came with
};

/// What is out there. Outlives providers, as the real world outlives a daemon. Not thread safe: one
/// executor, or while nothing runs.
class FakeWorld {
 public:
  explicit FakeWorld(Clock& clock) : clock_(clock) {}

  // Scripting
  void add(FakeRule rule) { rules_.push_back(std::move(rule)); }
  void clear_rules() { rules_.clear(); }
  /// Called when a HangBefore or HangAfter rule fires: stop the daemon here.
  std::function<void(const FakeCall&)> on_hang;
  /// Called as an effect comes in: an adapter that says something while it works.
  std::function<void(const FakeCall&)> on_effect;
  /// From now on observe() answers with what is there now, until thaw(): stale reads.
  void freeze();
  void thaw() { frozen_.reset(); }
  /// Effects of these tenants begin once they are taken out again: what hangs as long as one likes.
  std::set<std::string> held_tenants;
  /// How many observe() calls a thing that was just started reports Starting for, before Running.
  int observes_until_running = 0;

  // Things that happen by themselves
  void vanish(const std::string& uid);  ///< somebody deleted it there
  void end_process(const std::string& uid,
                   std::string message = "its process is gone");  ///< Stopped
  void started(const std::string& uid, Timestamp at);             ///< its run began then
  void crash_loop(const std::string& uid);                        ///< Failed, reason CrashLoop
  void fills(const std::string& uid, std::int64_t bytes);         ///< that lie on its volumes
  void set_field(const std::string& uid, const std::string& path,
                 Value value);  ///< changed outside of Croft; null erases
  /// Something with no labels of ours at all, or of a uid nobody knows.
  void put(FakeThing thing) { things_.push_back(std::move(thing)); }
  void write_data(const std::string& uid, const std::string& volume, std::string content);
  std::optional<std::string> read_data(const std::string& uid, const std::string& volume) const;
  void write_log(const std::string& uid, std::string line) {
    logs_[uid].push_back(std::move(line));
  }

  /// Commands that run now, and what was typed to all there were.
  int open_sessions = 0;
  std::string typed;

  // Looking
  const std::vector<FakeThing>& things() const { return things_; }
  const FakeThing* find(const std::string& uid) const;
  const FakeThing* find(const Ref& ref) const;
  const std::vector<FakeCall>& calls() const { return calls_; }
  std::size_t calls_of(FakeVerb verb) const;
  /// Effects that really changed something.
  std::size_t effects() const;
  /// Uids that exist more than once: a lost reply that was answered by creating again.
  std::vector<std::string> doubles() const;
  /// Uids that exist (or whose data is kept) and are none of `known`.
  std::vector<std::string> orphans(const std::set<std::string>& known) const;
  std::set<std::string> uids_with_data() const;

 private:
  friend class FakeProvider;

  FakeThing* thing(const std::string& uid);
  std::optional<FakeRule> take_rule(FakeVerb verb, const std::string& uid);
  std::vector<FakeThing>& visible() { return frozen_ ? *frozen_ : things_; }
  void changed(const std::string& uid);

  Clock& clock_;
  std::vector<FakeThing> things_;
  std::optional<std::vector<FakeThing>> frozen_;
  std::map<std::string, std::map<std::string, std::string>> data_;  // uid → volume → content
  std::map<std::string, std::vector<std::string>> logs_;
  std::map<std::string, int> observes_left_;  // uid → until it is Running
  std::vector<FakeRule> rules_;
  std::vector<FakeCall> calls_;
  std::function<void(const std::string&)> listener_;
  const void* listener_owner_ = nullptr;
};

}  // namespace croft
