#include "lua/engine/shape.hpp"

#include <fmt/format.h>

namespace croft::lua {

TableShape::TableShape(const std::vector<std::string_view>& fields) : size_(fields.size()) {
  std::string parameters;
  std::string table;
  std::string_view open;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t dot = fields[i].find('.');
    const std::string_view within =
        dot == std::string_view::npos ? std::string_view() : fields[i].substr(0, dot);
    if (within != open) {
      if (!open.empty()) table += "},";
      if (!within.empty()) table += fmt::format("[\"{}\"]={{", within);
      open = within;
    }
    parameters += fmt::format("{}c{}", i == 0 ? "" : ",", i);
    table +=
        fmt::format("[\"{}\"]=c{},", within.empty() ? fields[i] : fields[i].substr(dot + 1), i);
  }
  if (!open.empty()) table += "}";
  source_ = fmt::format("return function({}) return {{{}}} end", parameters, table);
}

}  // namespace croft::lua
