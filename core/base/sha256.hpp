#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace croft {

/// SHA-256 of data that comes in pieces. For what is at hand whole: sha256_hex() of id.hpp.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void add(std::string_view data);
  /// In lower-case hexadecimal, of all that was added so far.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace croft
