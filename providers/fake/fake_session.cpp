#include "providers/fake/fake_session.hpp"

#include <cstdlib>
#include <deque>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace croft {

namespace {

constexpr std::size_t kHeldBack = 8;  ///< pieces that are written and not read yet
constexpr std::size_t kFlood = 16U << 10U;
constexpr Duration kLong{3'600'000};

class FakeSession final : public ExecSession {
 public:
  FakeSession(asio::any_io_executor executor, std::shared_ptr<FakeWorld> world, ExecRequest request)
      : world_(std::move(world)),
        request_(std::move(request)),
        changed_(executor),
        taken_(executor) {
    ++world_->open_sessions;
    begin();
  }
  ~FakeSession() override { --world_->open_sessions; }
  FakeSession(const FakeSession&) = delete;
  FakeSession& operator=(const FakeSession&) = delete;

  Task<Result<Output>> read() override {
    while (pieces_.empty() && !status_) co_await changed_.wait(kLong);
    if (pieces_.empty()) co_return Output{};
    Output piece = std::move(pieces_.front());
    pieces_.pop_front();
    if (name() == "flood") say(Stream::Out, std::string(kFlood, 'x'));
    taken_.notify();
    co_return piece;
  }

  Task<Result<void>> write(std::string bytes) override {
    if (status_) co_return fail(ErrorCode::Unavailable, "the command reads no more");
    world_->typed += bytes;
    if (!is_cat()) co_return Result<void>();
    while (pieces_.size() >= kHeldBack) co_await taken_.wait(kLong);
    say(Stream::Out, std::move(bytes));
    co_return Result<void>();
  }

  Task<Result<void>> close_input() override {
    if (is_cat() || name() == "size") end(0);
    co_return Result<void>();
  }

  Task<Result<void>> resize(int rows, int columns) override {
    request_.rows = rows;
    request_.columns = columns;
    if (name() == "size") say_size();
    co_return Result<void>();
  }

  Task<Result<int>> exit_status() override {
    while (!status_) co_await changed_.wait(kLong);
    co_return *status_;
  }

 private:
  std::string name() const { return request_.command.empty() ? "sh" : request_.command.front(); }
  bool is_cat() const { return name() == "cat" || name() == "sh"; }
  std::string words() const {
    const std::vector<std::string> words(request_.command.begin() + 1, request_.command.end());
    return fmt::format("{}\n", fmt::join(words, " "));
  }

  void begin() {
    const std::string command = name();
    if (command == "echo" || command == "warn") {
      say(command == "echo" ? Stream::Out : Stream::Err, words());
      end(0);
    } else if (command == "exit") {
      end(std::atoi(words().c_str()));
    } else if (command == "flood") {
      say(Stream::Out, std::string(kFlood, 'x'));
    } else if (command == "size") {
      say_size();
    } else if (!is_cat() && command != "sleep") {
      say(Stream::Err, command + ": not found\n");
      end(127);
    }
  }
  void say(Stream stream, std::string bytes) {
    pieces_.push_back({stream, std::move(bytes)});
    changed_.notify();
  }
  void say_size() { say(Stream::Out, fmt::format("{} {}\n", request_.rows, request_.columns)); }
  void end(int status) {
    if (!status_) status_ = status;
    changed_.notify();
  }

  std::shared_ptr<FakeWorld> world_;
  ExecRequest request_;
  Signal changed_;
  Signal taken_;
  std::deque<Output> pieces_;
  std::optional<int> status_;
};

}  // namespace

std::unique_ptr<ExecSession> open_fake_session(asio::any_io_executor executor,
                                               std::shared_ptr<FakeWorld> world,
                                               ExecRequest request) {
  return std::make_unique<FakeSession>(std::move(executor), std::move(world), std::move(request));
}

}  // namespace croft
