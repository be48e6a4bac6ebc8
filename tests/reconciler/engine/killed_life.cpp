#include "tests/reconciler/engine/killed_life.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace croft {

namespace {

Value to_value(const FakeThing& thing) {
  const Observed& seen = thing.observed;
  Value value = Value::map({
      {"uid", seen.uid},
      {"ref", to_string(seen.ref)},
      {"intent", seen.intent},
      {"specDigest", seen.spec_digest},
      {"phase", to_string(seen.phase)},
      {"fields", seen.fields ? *seen.fields : Value()},
      {"endpoint", to_string(seen.endpoint)},
      {"spec", thing.spec ? *thing.spec : Value()},
      {"tenantUid", thing.tenant.uid},
      {"tenantName", thing.tenant.name},
      {"tenantNumber", thing.tenant.number},
      {"files", thing.files},
      {"allowsEgress", thing.allows_egress},
  });
  if (seen.started_at) value.set("startedAt", format_time(*seen.started_at));
  Value& intents = value.set("intents", Value::list());
  for (const std::string& intent : thing.intents) intents.push_back(intent);
  return value;
}

std::shared_ptr<const Value> shared_or_null(const Value& value) {
  return value.is_null() ? nullptr : std::make_shared<const Value>(value);
}

FakeThing thing_from(const Value& value) {
  FakeThing thing;
  Observed& seen = thing.observed;
  seen.uid = value.text_or("uid", "");
  seen.ref = parse_ref(value.text_or("ref", "")).value();
  seen.intent = value.text_or("intent", "");
  seen.spec_digest = value.text_or("specDigest", "");
  seen.phase = phase_from(value.text_or("phase", "")).value();
  seen.fields = shared_or_null(*value.find("fields"));
  seen.endpoint = parse_endpoint(value.text_or("endpoint", "")).value();
  if (const Value* started = value.find("startedAt"))
    seen.started_at = parse_time(started->as_text()).value();
  thing.spec = shared_or_null(*value.find("spec"));
  thing.tenant = {value.text_or("tenantUid", ""), value.text_or("tenantName", ""),
                  value.integer_or("tenantNumber", 0)};
  thing.files = value.text_or("files", "");
  thing.allows_egress = value.boolean_or("allowsEgress", false);
  for (const Value& intent : value.find("intents")->as_list())
    thing.intents.insert(intent.as_text());
  return thing;
}

void write_world(int fd, const FakeWorld& world) {
  Value things = Value::list();
  for (const FakeThing& thing : world.things()) things.push_back(to_value(thing));
  const std::string text = to_json(things);
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = ::write(fd, text.data() + at, text.size() - at);
    if (count <= 0) std::_Exit(1);
    at += static_cast<std::size_t>(count);
  }
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 65536> part;
  for (ssize_t count = 0; (count = ::read(fd, part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(count));
  return text;
}

[[noreturn]] void live(int fd, TestBed& bed,
                       const std::function<void(const std::function<void()>& die)>& life) {
  int status = 1;
  try {
    life([&] {
      write_world(fd, *bed.world);
      ::kill(::getpid(), SIGKILL);
    });
    write_world(fd, *bed.world);
    status = ::testing::Test::HasFailure() ? 1 : 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "a life ended by an exception: %s\n", failure.what());
  }
  std::fflush(stdout);
  std::_Exit(status);
}

}  // namespace

bool live_until_killed(TestBed& bed,
                       const std::function<void(const std::function<void()>& die)>& life) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no fork");
  if (child == 0) live(writing.get(), bed, life);
  writing = UniqueFd();
  const std::string text = read_all(reading.get());
  int status = 0;
  ::waitpid(child, &status, 0);
  const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  EXPECT_TRUE(was_killed || status == 0) << "the life before failed";
  bed.world = std::make_shared<FakeWorld>(bed.clock);
  const Result<Value> things = parse_json(text);
  EXPECT_TRUE(things) << text;
  if (!things) return was_killed;
  for (const Value& thing : things->as_list()) bed.world->put(thing_from(thing));
  return was_killed;
}

}  // namespace croft
