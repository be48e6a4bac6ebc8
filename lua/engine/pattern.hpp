#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace croft::lua {

/// Lua 5.1's patterns (manual, section 5.4.1), matched with a count of steps. The standard
/// library's matcher backtracks inside one C call, where no hook of the VM fires: "a-a-a-...b" on a
/// long text takes longer than the universe. This one asks for leave as it goes.
class PatternMatcher {
 public:
  static constexpr int kMostCaptures = 32;

  struct Capture {
    std::size_t begin = 0;
    std::size_t length = 0;
    bool is_position = false;  ///< "()": stands for where it is, not for text
  };

  /// What is wrong with a pattern, in Lua's own words.
  struct Malformed {
    const char* why;
  };

  /// Told of every so many steps; ends the match by an exception or a Lua error.
  class Meter {
   public:
    virtual void charge(std::uint64_t steps) = 0;

   protected:
    ~Meter() = default;
  };

  /// All are borrowed.
  PatternMatcher(std::string_view subject, std::string_view pattern, Meter& meter)
      : subject_(subject), pattern_(pattern), meter_(meter) {}

  /// Matches the pattern, without its leading '^', at that place of the subject: where the match
  /// ends, or npos. Throws Malformed.
  std::size_t match_at(std::size_t begin);

  int capture_count() const { return count_; }
  const Capture& capture(int i) const { return captures_[static_cast<std::size_t>(i)]; }

  static constexpr std::size_t npos = std::string_view::npos;

 private:
  static constexpr std::size_t kOpen = npos;  // length of a capture that is not closed
  static constexpr int kDeepest = 200;        // as the standard library: the C stack is finite
  static constexpr std::uint64_t kStepsAtOnce = 1000;  // between two questions to the meter

  std::size_t match(std::size_t s, std::size_t p);
  std::size_t match_single_item(std::size_t s, std::size_t p);
  std::size_t most_first(std::size_t s, std::size_t p, std::size_t end);
  std::size_t fewest_first(std::size_t s, std::size_t p, std::size_t end);
  std::size_t balanced(std::size_t s, std::size_t p);
  std::size_t open_capture(std::size_t s, std::size_t p, bool is_position);
  std::size_t close_capture(std::size_t s, std::size_t p);
  std::size_t back_reference(std::size_t s, char digit);
  bool is_frontier(std::size_t s, std::size_t set, std::size_t end) const;
  bool is_single_match(std::size_t s, std::size_t p, std::size_t end);
  bool is_in_set(unsigned char c, std::size_t set, std::size_t end) const;
  std::size_t end_of_item(std::size_t p) const;
  static bool is_in_class(unsigned char c, unsigned char name);
  void step();

  std::string_view subject_;
  std::string_view pattern_;
  Meter& meter_;
  std::array<Capture, kMostCaptures> captures_{};
  int count_ = 0;
  int depth_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace croft::lua
