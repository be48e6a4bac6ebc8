#include "providers/fake/fake_world.hpp"

#include <algorithm>

namespace croft {

namespace {

// Sets or erases what stands at a dotted path of map keys.
void set_at(Value& root, std::string_view path, Value value) {
  const std::size_t dot = path.find('.');
  const std::string_view key = path.substr(0, dot);
  if (dot != std::string_view::npos) {
    Value* inner = root.find(key);
    if (inner == nullptr || !inner->is_map()) inner = &root.set(key, Value::map());
    return set_at(*inner, path.substr(dot + 1), std::move(value));
  }
  if (value.is_null()) {
    root.erase(key);
  } else {
    root.set(key, std::move(value));
  }
}

}  // namespace

std::string_view to_string(FakeVerb verb) {
  switch (verb) {
    case FakeVerb::Any:
      return "any";
    case FakeVerb::Observe:
      return "observe";
    case FakeVerb::Create:
      return "create";
    case FakeVerb::Update:
      return "update";
    case FakeVerb::Start:
      return "start";
    case FakeVerb::Stop:
      return "stop";
    case FakeVerb::Destroy:
      return "destroy";
  }
  return "any";
}

void FakeWorld::freeze() { frozen_ = things_; }

void FakeWorld::vanish(const std::string& uid) {
  std::erase_if(things_, [&](const FakeThing& thing) { return thing.observed.uid == uid; });
  changed(uid);
}

void FakeWorld::end_process(const std::string& uid, std::string message) {
  if (FakeThing* found = thing(uid)) {
    found->observed.phase = Phase::Stopped;
    found->observed.message = std::move(message);
    found->observed.started_at.reset();
  }
  changed(uid);
}

void FakeWorld::fills(const std::string& uid, std::int64_t bytes) {
  if (FakeThing* one = thing(uid)) one->observed.storage_bytes = bytes;
  changed(uid);
}

void FakeWorld::crash_loop(const std::string& uid) {
  if (FakeThing* found = thing(uid)) {
    found->observed.phase = Phase::Failed;
    found->observed.reason = "CrashLoop";
    found->observed.message = "exit status 1, next try in 40s";
    ++found->observed.restarts;
  }
  changed(uid);
}

void FakeWorld::started(const std::string& uid, Timestamp at) {
  if (FakeThing* found = thing(uid)) found->observed.started_at = at;
  changed(uid);
}

void FakeWorld::set_field(const std::string& uid, const std::string& path, Value value) {
  if (FakeThing* found = thing(uid)) {
    Value fields = found->observed.fields ? *found->observed.fields : Value::map();
    set_at(fields, path, std::move(value));
    found->observed.fields = std::make_shared<const Value>(std::move(fields));
  }
  changed(uid);
}

void FakeWorld::write_data(const std::string& uid, const std::string& volume, std::string content) {
  data_[uid][volume] = std::move(content);
}

std::optional<std::string> FakeWorld::read_data(const std::string& uid,
                                                const std::string& volume) const {
  const auto volumes = data_.find(uid);
  if (volumes == data_.end()) return std::nullopt;
  const auto content = volumes->second.find(volume);
  return content == volumes->second.end() ? std::nullopt : std::optional(content->second);
}

const FakeThing* FakeWorld::find(const std::string& uid) const {
  const auto found =
      std::ranges::find(things_, uid, [](const FakeThing& thing) { return thing.observed.uid; });
  return found == things_.end() ? nullptr : &*found;
}

const FakeThing* FakeWorld::find(const Ref& ref) const {
  const auto found =
      std::ranges::find(things_, ref, [](const FakeThing& thing) { return thing.observed.ref; });
  return found == things_.end() ? nullptr : &*found;
}

FakeThing* FakeWorld::thing(const std::string& uid) {
  return const_cast<FakeThing*>(std::as_const(*this).find(uid));
}

std::size_t FakeWorld::calls_of(FakeVerb verb) const {
  return static_cast<std::size_t>(std::ranges::count(calls_, verb, &FakeCall::verb));
}

std::size_t FakeWorld::effects() const {
  return static_cast<std::size_t>(std::ranges::count(calls_, true, &FakeCall::took_effect));
}

std::vector<std::string> FakeWorld::doubles() const {
  std::map<std::string, int> counts;
  for (const FakeThing& thing : things_) ++counts[thing.observed.uid];
  std::vector<std::string> uids;
  for (const auto& [uid, count] : counts) {
    if (count > 1) uids.push_back(uid);
  }
  return uids;
}

std::vector<std::string> FakeWorld::orphans(const std::set<std::string>& known) const {
  std::set<std::string> uids = uids_with_data();
  for (const FakeThing& thing : things_) uids.insert(thing.observed.uid);
  std::vector<std::string> orphans;
  std::ranges::set_difference(uids, known, std::back_inserter(orphans));
  return orphans;
}

std::set<std::string> FakeWorld::uids_with_data() const {
  std::set<std::string> uids;
  for (const auto& [uid, volumes] : data_) {
    if (!volumes.empty()) uids.insert(uid);
  }
  return uids;
}

std::optional<FakeRule> FakeWorld::take_rule(FakeVerb verb, const std::string& uid) {
  std::optional<FakeRule> fired;
  for (FakeRule& rule : rules_) {
    const bool fits =
        (rule.verb == FakeVerb::Any || rule.verb == verb) && (rule.uid.empty() || rule.uid == uid);
    if (fits && --rule.nth == 0 && !fired) fired = rule;
  }
  std::erase_if(rules_, [](const FakeRule& rule) { return rule.nth <= 0; });
  return fired;
}

void FakeWorld::changed(const std::string& uid) {
  if (listener_) listener_(uid);
}

}  // namespace croft
