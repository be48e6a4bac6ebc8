#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cli/lua/test_run.hpp"
#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "lua/engine/adapter_host.hpp"
#include "providers/port/provider.hpp"
#include "providers/script/adapter.hpp"

namespace croft::cli {

/// Runs an adapter for one test: its verbs with example effects, a clock that only moves when
/// somebody waits, and a server that is the test itself. What the test asks for comes by ask(); a
/// verb that is under way gives an event: a request that it wants answered, or what it came to.
///
/// On one executor. close() before the executor's last run, so that nothing is left waiting.
class AdapterBench : public lua::AdapterHttp, public std::enable_shared_from_this<AdapterBench> {
 public:
  /// Invalid with the script's place for an adapter that is none.
  static Result<std::shared_ptr<AdapterBench>> make(asio::any_io_executor executor,
                                                    const ScriptUnderTest& script,
                                                    std::shared_ptr<lua::Coverage> coverage);
  explicit AdapterBench(asio::any_io_executor executor) : executor_(executor), changed_(executor) {}

  /// settings: a map. advance: ms; gives the time. call: {verb, effect}; gives an event. reply:
  /// {id,
  /// ...} to a request; gives the next event. Invalid for what the test does wrong.
  Task<Result<Value>> ask(std::string what, Value value);
  /// What is under way ends, without another line of the adapter being run.
  void close();

  const Clock& clock() const { return clock_; }
  const lua::AdapterHost& host() const { return *host_; }

  Task<Result<HttpResponse>> send(lua::AdapterRequest request) override;

 private:
  /// A request of the adapter that waits for its answer.
  struct Waiting {
    explicit Waiting(const asio::any_io_executor& executor) : answered(executor) {}
    Signal answered;
    std::optional<Result<HttpResponse>> response;
  };

  Result<Value> take_settings(const Value& given);
  Result<Value> advance(const Value& ms);
  Result<void> begin(const Value& order);
  Result<lua::AdapterCall> call_of(const std::string& verb, const Value& given);
  Result<Value> context() const;
  Result<Value> normalized(const Ref& ref, const Value& spec);
  Result<Value> effect_of(const std::string& verb, const Value& given);
  void begin_pure(const std::string& verb, lua::AdapterCall call);
  Task<> run(std::string verb, lua::AdapterCall call);
  Result<void> take_reply(const Value& reply);
  Task<Result<Value>> next_event();
  void push_event(Value event);
  void push_outcome(const std::string& verb, Result<Value> outcome);
  Task<> wait(Duration time);

  asio::any_io_executor executor_;
  ManualClock clock_;
  std::unique_ptr<lua::AdapterHost> host_;
  script::AdapterDescription adapter_;
  std::vector<std::string> files_;  ///< names of its files, the script's first
  Value settings_;                  ///< as given; null: none
  std::deque<Value> events_;
  Signal changed_;
  std::map<std::int64_t, std::shared_ptr<Waiting>> waiting_;
  std::int64_t last_request_ = 0;
  bool is_busy_ = false;  ///< a verb is under way
  std::string logged_;    ///< by the verb `logs`
};

/// How a failure is told to a test: {code, message, field, hint, is_placed}. It is placed if its
/// message begins with the place in one of `files` where it was made.
Value failure_for_test(const Error& error, const std::vector<std::string>& files);

/// Invalid, with the nearest one, if the map has a key that is none of these.
Result<void> check_keys(const Value& map, std::string_view what,
                        std::span<const std::string_view> known);

}  // namespace croft::cli
