#include "gateway/edge/path.hpp"

#include <algorithm>

namespace croft::edge {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool has_dot_segment(std::string_view path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment == "." || segment == "..") return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace

Target split_target(std::string_view target) {
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return {target, {}};
  return {target.substr(0, question), target.substr(question)};
}

PathVerdict decode_path(std::string_view path, std::string& out) {
  out.clear();
  if (!path.starts_with('/')) return PathVerdict::Malformed;
  for (std::size_t i = 1; i < path.size(); ++i) {
    char c = path[i];
    if (c == '#') return PathVerdict::Malformed;
    if (c == '%') {
      if (i + 2 >= path.size()) return PathVerdict::Malformed;
      const int high = hex_digit(path[i + 1]);
      const int low = hex_digit(path[i + 2]);
      if (high < 0 || low < 0) return PathVerdict::Malformed;
      c = static_cast<char>(high * 16 + low);
      i += 2;
      if (c == '/') return PathVerdict::Unsafe;
    }
    if (is_control(c) || c == '\\') return PathVerdict::Unsafe;
    out.push_back(c);
  }
  return has_dot_segment(out) ? PathVerdict::Unsafe : PathVerdict::Fine;
}

}  // namespace croft::edge
