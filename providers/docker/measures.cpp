#include "providers/docker/measures.hpp"

#include <algorithm>

#include "providers/docker/containers.hpp"
#include "providers/docker/objects.hpp"
#include "providers/local/cgroup_files.hpp"

namespace croft::docker {

namespace {

constexpr Duration kAllWithin{30'000};
constexpr Duration kOneWithin{5'000};
constexpr int kAskedAtOnce = 8;

/// One that is to be measured.
struct Subject {
  std::string uid;
  std::string container;
  int process = 0;  ///< its first, on this machine; 0: not known
};

/// From the answer to GET /containers/ID/stats; without `uid` and `at`.
Use use_in(const Value& stats) {
  Use use;
  const Value* cpu = stats.at_path("cpu_stats.cpu_usage.total_usage");
  if (cpu != nullptr && cpu->is_integer())
    use.cpu_seconds = static_cast<double>(cpu->as_integer()) / 1e9;
  const Value* memory = stats.find("memory_stats");
  if (memory != nullptr && memory->find("usage") != nullptr) {
    const Value* details = memory->find("stats");
    // cgroup v1 has both, and the first is of the container's own level only.
    const std::int64_t droppable =
        details == nullptr
            ? 0
            : details->integer_or("total_inactive_file", details->integer_or("inactive_file", 0));
    use.memory = std::max<std::int64_t>(0, memory->integer_or("usage", 0) - droppable);
    const std::int64_t limit = memory->integer_or("limit", 0);
    if (limit > 0) use.memory_limit = limit;
  }
  const Value* pids = stats.find("pids_stats");
  if (pids != nullptr && pids->find("current") != nullptr)
    use.processes = pids->integer_or("current", 0);
  return use;
}

/// Asks the engine for some, by a few workers that take one after the other.
struct Asking {
  Asking(CorePtr core_, std::vector<Subject> subjects_, Limit limit_)
      : core(std::move(core_)),
        subjects(std::move(subjects_)),
        limit(limit_),
        one_ended(core->executor) {}

  CorePtr core;
  std::vector<Subject> subjects;
  Limit limit;
  std::size_t next = 0;
  int working = 0;
  std::vector<Use> uses;
  Signal one_ended;
};

Task<> ask_one_after_the_other(std::shared_ptr<Asking> asking) {
  while (asking->next < asking->subjects.size() && asking->limit.left() > Duration(0)) {
    const Subject subject = asking->subjects[asking->next++];
    const Deadline deadline = asking->limit.at_most(kOneWithin).at;
    const Result<Value> stats =
        co_await asking->core->engine.containers().stats(subject.container, deadline);
    if (!stats) continue;  // gone meanwhile, or the engine does not get at it
    Use use = use_in(*stats);
    use.uid = subject.uid;
    asking->uses.push_back(std::move(use));
  }
  --asking->working;
  asking->one_ended.notify();
}

Task<std::vector<Use>> ask_engine(CorePtr core, std::vector<Subject> subjects, Limit limit) {
  const int workers = std::min(static_cast<int>(subjects.size()), kAskedAtOnce);
  const auto asking = std::make_shared<Asking>(core, std::move(subjects), limit);
  asking->working = workers;
  for (int i = 0; i < workers; ++i)
    spawn(core->executor, ask_one_after_the_other(asking), "measuring containers");
  while (asking->working > 0) co_await asking->one_ended.wait(kAllWithin);
  co_return std::move(asking->uses);
}

/// Takes away those that it can measure, and gives what they use. Blocks.
std::vector<Use> read_cgroups(std::vector<Subject>& subjects) {
  const CgroupReader reader;
  std::vector<Use> uses;
  std::erase_if(subjects, [&](const Subject& subject) {
    std::optional<CgroupUse> seen;
    if (subject.process > 0) seen = reader.use_of(subject.process, subject.container);
    if (!seen) return false;
    uses.push_back({.uid = subject.uid,
                    .at = {},
                    .cpu_seconds = seen->cpu_seconds,
                    .memory = seen->memory,
                    .memory_limit = seen->memory_limit,
                    .processes = seen->processes});
    return true;
  });
  return uses;
}

Task<Result<std::vector<Subject>>> running(CorePtr core, Limit limit) {
  CO_TRY_ASSIGN(const std::vector<ContainerSummary> all, co_await list_containers(core, "", limit));
  std::vector<Subject> subjects;
  for (const ContainerSummary& one : all) {
    if (!one.is_running()) continue;
    Subject subject{.uid = one.uid(), .container = one.id};
    if (core->settings.is_local()) {
      const auto details = co_await details_of(core, one, limit.at_most(kOneWithin));
      if (details) subject.process = (*details)->process;
    }
    subjects.push_back(std::move(subject));
  }
  co_return subjects;
}

}  // namespace

Task<Result<std::vector<Use>>> use_of_all(CorePtr core) {
  const Limit limit{std::chrono::steady_clock::now() + kAllWithin};
  CO_TRY_ASSIGN(std::vector<Subject> found, co_await running(core, limit));
  const auto subjects = std::make_shared<std::vector<Subject>>(std::move(found));
  auto reading = core->pool.run([subjects] { return read_cgroups(*subjects); });
  std::vector<Use> uses = co_await std::move(reading);
  if (!subjects->empty()) {
    std::vector<Use> more = co_await ask_engine(core, std::move(*subjects), limit);
    std::ranges::move(more, std::back_inserter(uses));
  }
  for (Use& one : uses) one.at = core->clock.now();
  co_return uses;
}

}  // namespace croft::docker
