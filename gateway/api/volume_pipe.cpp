#include "gateway/api/volume_pipe.hpp"

namespace croft {

namespace {

constexpr Duration kLong{3'600'000};

}  // namespace

Task<Result<void>> VolumePipe::put(std::string piece) {
  while (piece_ && !is_closed_) co_await taken_.wait(kLong);
  if (is_closed_) co_return fail(ErrorCode::Cancelled, "whoever read it has gone");
  piece_ = std::move(piece);
  filled_.notify();
  co_return Result<void>();
}

void VolumePipe::end(std::optional<Error> error) {
  has_ended_ = true;
  error_ = std::move(error);
  filled_.notify();
}

Task<> VolumePipe::wait() {
  while (!piece_ && !has_ended_) co_await filled_.wait(kLong);
}

std::optional<std::string> VolumePipe::take() {
  taken_.notify();
  return std::exchange(piece_, std::nullopt);
}

void VolumePipe::close() {
  is_closed_ = true;
  taken_.notify();
}

}  // namespace croft
