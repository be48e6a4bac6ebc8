#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace croft::manifest::compose {

/// What `${NAME}` stands for. Never holds anything of the daemon's own environment.
class Variables {
 public:
  Variables() = default;
  /// Those of `before` win over its own; borrowed.
  explicit Variables(const Variables* before) : before_(before) {}

  /// The value, or null if nothing sets it.
  const std::string* find(std::string_view name) const;
  /// Sets what is not set yet.
  void add(std::string_view name, std::string value);
  void set(std::string_view name, std::string value);
  /// Adds the other's own, not those before them.
  void add_all(const Variables& others);
  /// Of its own names and values.
  std::size_t byte_count() const;

 private:
  const Variables* before_ = nullptr;
  std::map<std::string, std::string, std::less<>> values_;
};

/// A text with its variables put in.
struct Substitution {
  std::string text;
  bool is_changed = false;           ///< something was put in, or `$$` became `$`
  std::vector<std::string> missing;  ///< names that nothing sets, which became empty
  std::string error;                 ///< not empty: the text cannot be used, and why
  std::string hint;
};

/// Puts variables into a text as the compose specification says: $NAME, ${NAME}, ${NAME:-word},
/// ${NAME-word}, ${NAME:?word}, ${NAME?word}, ${NAME:+word}, ${NAME+word}, where words may hold
/// variables, too, and $$. What is put in is not looked at again, so that the result is at most as
/// long as `limit`; beyond that it is an error.
Substitution substitute(std::string_view text, const Variables& variables, std::size_t limit);

}  // namespace croft::manifest::compose
