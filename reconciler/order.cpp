#include "reconciler/order.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>

namespace croft {

namespace {

// For each change its place in dependency order: a number per index of `changes`, which is sorted
// by ref. Kahn's algorithm with the smallest ready ref first; what is left over stands in a cycle
// and is released smallest first.
std::vector<std::size_t> dependency_ranks(const std::vector<Change>& changes) {
  const std::size_t count = changes.size();
  std::vector<std::vector<std::size_t>> dependents(count);
  std::vector<std::size_t> waits_for(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    for (const Ref& ref : changes[i].depends_on) {
      auto [first, last] = std::ranges::equal_range(changes, ref, {}, &Change::ref);
      for (; first != last; ++first) {
        dependents[static_cast<std::size_t>(first - changes.begin())].push_back(i);
        ++waits_for[i];
      }
    }
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i) {
    if (waits_for[i] == 0) ready.push(i);
  }
  std::vector<std::size_t> ranks(count, count);
  std::size_t next_stuck = 0;
  for (std::size_t rank = 0; rank < count; ++rank) {
    if (ready.empty()) {
      while (ranks[next_stuck] != count) ++next_stuck;
      waits_for[next_stuck] = 0;
      ready.push(next_stuck);
    }
    const std::size_t index = ready.top();
    ready.pop();
    ranks[index] = rank;
    for (const std::size_t dependent : dependents[index]) {
      if (waits_for[dependent] > 0 && --waits_for[dependent] == 0) ready.push(dependent);
    }
  }
  return ranks;
}

int stage_of(Action action) {
  switch (action) {
    case Action::Stop:
      return 1;
    case Action::Destroy:
      return 2;
    case Action::Keep:
      return 3;
    default:
      return 0;
  }
}

}  // namespace

void order_changes(std::vector<Change>& changes) {
  std::ranges::sort(changes, [](const Change& a, const Change& b) {
    return std::tie(a.ref, a.uid) < std::tie(b.ref, b.uid);
  });
  const auto is_change = [](const Change& change) { return change.action != Action::Keep; };
  if (std::ranges::none_of(changes, is_change)) return;

  const std::vector<std::size_t> ranks = dependency_ranks(changes);
  std::vector<std::size_t> order(changes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const int stage_a = stage_of(changes[a].action);
    const int stage_b = stage_of(changes[b].action);
    if (stage_a != stage_b) return stage_a < stage_b;
    if (stage_a == 3) return a < b;
    return stage_a == 0 ? ranks[a] < ranks[b] : ranks[a] > ranks[b];
  });
  std::vector<Change> ordered;
  ordered.reserve(changes.size());
  for (const std::size_t index : order) ordered.push_back(std::move(changes[index]));
  changes = std::move(ordered);
}

}  // namespace croft
