#include "core/base/work.hpp"

#include <algorithm>
#include <type_traits>

namespace croft {

namespace {

thread_local WorkPtr work_of_thread;

/// The executor's own properties are those of the one inside.
class CarryingExecutor {
 public:
  CarryingExecutor(asio::any_io_executor inner, WorkPtr work)
      : inner_(std::move(inner)), work_(std::move(work)) {}

  const asio::any_io_executor& inner() const { return inner_; }

  template <typename Property>
    requires asio::can_query<const asio::any_io_executor&, Property>::value
  decltype(auto) query(const Property& property) const {
    return asio::query(inner_, property);
  }
  template <typename Property>
    requires asio::can_require<const asio::any_io_executor&, Property>::value
  CarryingExecutor require(const Property& property) const {
    return {asio::require(inner_, property), work_};
  }
  template <typename Property>
    requires asio::can_prefer<const asio::any_io_executor&, Property>::value
  CarryingExecutor prefer(const Property& property) const {
    return {asio::prefer(inner_, property), work_};
  }

  template <typename Function>
  void execute(Function&& function) const {
    inner_.execute([work = work_, run = std::forward<Function>(function)]() mutable {
      const WorkScope scope(std::move(work));
      run();
    });
  }

  bool operator==(const CarryingExecutor& other) const noexcept = default;

 private:
  asio::any_io_executor inner_;
  WorkPtr work_;
};

}  // namespace

const WorkPtr& current_work() { return work_of_thread; }

WorkPtr part_of_current_work() {
  return work_of_thread ? std::make_shared<Work>(*work_of_thread) : std::make_shared<Work>();
}

void note_fact(std::string_view name, std::string value) {
  if (!work_of_thread) return;
  auto& facts = work_of_thread->facts;
  const auto known = std::ranges::find(facts, name, [](const auto& fact) { return fact.first; });
  if (known != facts.end()) {
    known->second = std::move(value);
  } else {
    facts.emplace_back(name, std::move(value));
  }
}

WorkScope::WorkScope(WorkPtr work) : before_(std::exchange(work_of_thread, std::move(work))) {}
WorkScope::~WorkScope() { work_of_thread = std::move(before_); }

void resume_work(WorkPtr work) { work_of_thread = std::move(work); }

asio::any_io_executor carrying(const asio::any_io_executor& executor, WorkPtr work) {
  return CarryingExecutor(carrying_nothing(executor), std::move(work));
}

asio::any_io_executor carrying_nothing(const asio::any_io_executor& executor) {
  const auto* carrier = executor.target<CarryingExecutor>();
  return carrier != nullptr ? carrier->inner() : executor;
}

}  // namespace croft
