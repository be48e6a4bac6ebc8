#include "cli/output/table.hpp"

#include <algorithm>
#include <numeric>

namespace croft::cli {

namespace {

constexpr std::size_t kGap = 3;

std::size_t total_of(const std::vector<std::size_t>& widths) {
  const std::size_t text = std::accumulate(widths.begin(), widths.end(), std::size_t{0});
  const auto shown =
      static_cast<std::size_t>(std::ranges::count_if(widths, [](std::size_t w) { return w > 0; }));
  return text + (shown > 0 ? (shown - 1) * kGap : 0);
}

void print_line(std::ostream& out, std::string line) {
  while (line.ends_with(' ')) line.pop_back();
  out << line << '\n';
}

}  // namespace

std::vector<std::size_t> Table::widths(std::size_t available) const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    for (const std::vector<Cell>& row : rows_) {
      if (c < row.size()) widths[c] = std::max(widths[c], display_width(row[c].text));
    }
    widths[c] = std::max(widths[c], display_width(columns_[c].title));
  }
  while (available > 0 && total_of(widths) > available) {
    std::size_t widest = columns_.size();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::size_t least = std::max(columns_[c].shortest, display_width(columns_[c].title));
      if (columns_[c].shortest == 0 || widths[c] <= least) continue;
      if (widest == columns_.size() || widths[c] > widths[widest]) widest = c;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
  }
  return widths;
}

void Table::print(const Terminal& terminal) const {
  const std::vector<std::size_t> fitted = widths(terminal.width);
  const auto print_row = [&](auto&& cell_at) {
    std::string line;
    std::size_t used = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (fitted[c] == 0) continue;
      if (used > 0) line.append(kGap, ' ');
      line += cell_at(c);
      ++used;
    }
    print_line(terminal.out, std::move(line));
  };
  print_row([&](std::size_t c) {
    return terminal.paint(Colour::Bold, pad_text(columns_[c].title, fitted[c]));
  });
  for (const std::vector<Cell>& row : rows_) {
    print_row([&](std::size_t c) {
      if (c >= row.size()) return std::string(fitted[c], ' ');
      const std::string text = truncate_text(row[c].text, fitted[c]);
      std::string painted = text;
      for (const Colour colour : row[c].colours) painted = terminal.paint(colour, painted);
      return painted + std::string(fitted[c] - display_width(text), ' ');
    });
  }
}

}  // namespace croft::cli
