#include "providers/script/spent_calls.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/value.hpp"

namespace croft::script {

namespace {

constexpr Duration kHour{3'600'000};
constexpr int kWritesAnHour = 200;
constexpr std::size_t kLongestFile = 1 << 20;

}  // namespace

SpentCalls::SpentCalls(std::filesystem::path file, BlockingPool* pool)
    : file_(std::move(file)), pool_(pool) {}

void SpentCalls::set(int per_hour) { batch_ = std::max(1, per_hour / kWritesAnHour); }

Result<std::vector<SpentCalls::Past>> SpentCalls::read(Timestamp now) {
  std::vector<Past> past;
  std::error_code ignored;
  if (!std::filesystem::exists(file_, ignored)) return past;
  TRY_ASSIGN(const std::string content, read_file(file_, kLongestFile));
  TRY_ASSIGN(const Value list, while_doing(parse_json(content), "reading " + file_.string()));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value* entry = list.is_list() ? &list.as_list()[i] : nullptr;
    if (entry == nullptr || !entry->is_map())
      return fail(ErrorCode::Invalid, file_.string() + " is no list of calls");
    // A clock that was set back since must not make them last for ever.
    const Timestamp begun{Duration(entry->integer_or("begun", 0))};
    batches_.push_back({std::min(begun, now), static_cast<int>(entry->integer_or("count", 0))});
  }
  // Whatever is called from now on is none of the last batch's.
  batches_.push_back({now, 0});
  forget_old(now);
  for (std::size_t i = 0; i + 1 < batches_.size(); ++i)
    past.push_back({batches_[i + 1].begun, batches_[i].count});
  return past;
}

void SpentCalls::forget_old(Timestamp now) {
  const auto is_old = [now](const Batch& next) { return next.begun + kHour <= now; };
  while (batches_.size() > 1 && is_old(batches_[1])) batches_.erase(batches_.begin());
}

std::string SpentCalls::text() const {
  Value list = Value::list();
  for (const Batch& batch : batches_) {
    list.push_back(Value::map(
        {{"begun", std::int64_t{batch.begun.time_since_epoch().count()}}, {"count", batch.count}}));
  }
  return to_json(list) + "\n";
}

Task<Result<void>> SpentCalls::spend(Timestamp now, Duration at_most) {
  const Lane::Place turn = co_await turn_.enter(at_most);
  if (!turn) co_return fail(ErrorCode::Timeout, "the calls of the hour are still being written");
  if (left_ > 0) {
    --left_;
    co_return Result<void>();
  }
  forget_old(now);
  batches_.push_back({now, batch_});
  left_ = batch_ - 1;
  auto write = [file = file_, content = text()]() -> Result<void> {
    TRY(make_directory(file.parent_path(), 0700));
    return write_file_atomic(file, content, 0600);
  };
  if (pool_ == nullptr) co_return write();
  auto writing = pool_->run(std::move(write));
  co_return co_await std::move(writing);
}

}  // namespace croft::script
