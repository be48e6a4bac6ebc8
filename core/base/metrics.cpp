#include "core/base/metrics.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "core/base/metric_families.hpp"

namespace croft::metrics {

namespace {

/// A line of another process: longer is none of ours.
constexpr std::size_t kLongestLine = 1'024;

std::string number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  constexpr double kExact = 9'007'199'254'740'992;  // 2^53
  if (value == std::floor(value) && std::abs(value) < kExact)
    return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}

void append_escaped(std::string& out, std::string_view text, bool is_quoted) {
  for (const char letter : text) {
    if (letter == '\\') {
      out += "\\\\";
    } else if (letter == '\n') {
      out += "\\n";
    } else if (letter == '"' && is_quoted) {
      out += "\\\"";
    } else {
      out += letter;
    }
  }
}

/// `{queue="tenants",le="1"}`, or nothing.
std::string braces(const Family& family, const Labels& labels, Role role, std::string_view bound) {
  std::string out;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += out.empty() ? '{' : ',';
    out.append(name).append("=\"");
    append_escaped(out, value, true);
    out += '"';
  };
  if (family.role == Role::Every) add("role", to_string(role));
  for (std::size_t i = 0; i < labels.size(); ++i) add(family.labels[i], labels[i]);
  add("le", bound);
  if (!out.empty()) out += '}';
  return out;
}

void append_sample(std::string& out, std::string_view name, std::string_view suffix,
                   const std::string& labels, double value) {
  out.append(name).append(suffix).append(labels) += ' ';
  out.append(number(value)) += '\n';
}

void append_distribution(std::string& out, const Family& family, const Labels& labels, Role role,
                         const Distribution& value) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < value.buckets.size(); ++i) {
    below += value.buckets[i];
    const std::string bound = i < family.bounds.size() ? number(family.bounds[i]) : "+Inf";
    append_sample(out, family.name, "_bucket", braces(family, labels, role, bound),
                  static_cast<double>(below));
  }
  const std::string plain = braces(family, labels, role, "");
  append_sample(out, family.name, "_sum", plain, value.sum);
  append_sample(out, family.name, "_count", plain, static_cast<double>(below));
}

Distribution& operator+=(Distribution& into, const Distribution& more) {
  into.buckets.resize(std::max(into.buckets.size(), more.buckets.size()));
  for (std::size_t i = 0; i < more.buckets.size(); ++i) into.buckets[i] += more.buckets[i];
  into.sum += more.sum;
  return into;
}

Labels other_of(const Family& family) { return Labels(family.label_count(), "other"); }

/// The family that a sample belongs to, or null.
const Family* family_of_sample(std::string_view name) {
  if (const Family* family = find_family(name)) return family;
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(suffix)) continue;
    const Family* family = find_family(name.substr(0, name.size() - suffix.size()));
    return family != nullptr && family->type == Type::Histogram ? family : nullptr;
  }
  return nullptr;
}

/// ASCII only: the labels of those who are joined are words of ours.
bool is_printable(std::string_view line) {
  return std::ranges::all_of(line, [](unsigned char c) { return c >= ' ' && c < 0x7f; });
}

/// The rest of `text` after `{a="b",...}`, or nothing if it is none. Without braces: all of it.
std::optional<std::string_view> after_labels(std::string_view text) {
  if (!text.starts_with('{')) return text;
  text.remove_prefix(1);
  while (true) {
    const std::size_t quote = text.find("=\"");
    if (quote == std::string_view::npos || quote == 0) return std::nullopt;
    const bool is_name = std::ranges::all_of(
        text.substr(0, quote), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
    if (!is_name) return std::nullopt;
    std::size_t end = quote + 2;
    while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    if (end + 1 >= text.size()) return std::nullopt;
    const char after = text[end + 1];
    text.remove_prefix(end + 2);
    if (after == '}') return text;
    if (after != ',') return std::nullopt;
  }
}

/// Whether it is a sample as text() writes them: one that is not would spoil the whole page.
bool is_sample(std::string_view line, std::size_t name_size) {
  const std::optional<std::string_view> rest = after_labels(line.substr(name_size));
  if (!rest || !rest->starts_with(' ') || line.size() > kLongestLine || !is_printable(line))
    return false;
  const std::string_view text = rest->substr(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::Counter:
      return "counter";
    case Type::Gauge:
      return "gauge";
    case Type::Histogram:
      return "histogram";
  }
  return "";
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::Every:
      return "every";
    case Role::Control:
      return "control";
    case Role::Edge:
      return "edge";
    case Role::Hooks:
      return "hooks";
  }
  return "";
}

std::size_t Family::label_count() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(labels, [](std::string_view label) { return !label.empty(); }));
}

const Family* find_family(std::string_view name) {
  const auto found =
      std::ranges::find(kFamilies, name, [](const Family* one) { return one->name; });
  return found == kFamilies.end() ? nullptr : *found;
}

std::uint64_t Distribution::count() const {
  std::uint64_t all = 0;
  for (const std::uint64_t bucket : buckets) all += bucket;
  return all;
}

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds), buckets_(bounds.size() + 1) {}

void Histogram::observe(double value) {
  const auto bound = std::ranges::lower_bound(bounds_, value);
  buckets_[static_cast<std::size_t>(bound - bounds_.begin())].fetch_add(1,
                                                                        std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Distribution Histogram::value() const {
  Distribution value;
  for (const auto& bucket : buckets_)
    value.buckets.push_back(bucket.load(std::memory_order_relaxed));
  value.sum = sum_.load(std::memory_order_relaxed);
  return value;
}

Page::Page(Role role) : role_(role) {
  for (const Family* family : kFamilies) {
    if (family->role == role || family->role == Role::Every)
      families_[family->name].family = family;
  }
}

Page::Lines* Page::lines_of(const Family& family) {
  Lines& lines = families_[family.name];
  lines.family = &family;
  return &lines;
}

template <typename Value>
Value& Page::place(std::map<Labels, Value>& series, const Family& family, const Labels& labels) {
  const auto found = series.find(labels);
  if (found != series.end()) return found->second;
  if (series.size() + 1 < kMostSeries) return series[labels];
  return series[other_of(family)];
}

void Page::add(const Family& family, const Labels& labels, double value) {
  place(lines_of(family)->values, family, labels) += value;
}

void Page::add(const Family& family, const Labels& labels, const Distribution& value) {
  place(lines_of(family)->distributions, family, labels) += value;
}

void Page::join(Role role, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return;  // cut off
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const std::string_view name = line.substr(0, line.find_first_of("{ "));
    const Family* family = family_of_sample(name);
    const bool is_theirs = family != nullptr && is_sample(line, name.size()) &&
                           (family->role == role || family->role == Role::Every);
    if (!is_theirs) continue;
    std::vector<std::string>& joined = lines_of(*family)->joined;
    const std::size_t lines_a_series = family->bounds.size() + 3;
    if (joined.size() < kMostSeries * lines_a_series) joined.emplace_back(line);
  }
}

std::string Page::text() const {
  std::string out;
  for (const auto& [name, lines] : families_) {
    const Family& family = *lines.family;
    out.append("# HELP ").append(name) += ' ';
    append_escaped(out, family.help, false);
    out.append("\n# TYPE ").append(name).append(" ").append(to_string(family.type)) += '\n';
    for (const auto& [labels, value] : lines.values)
      append_sample(out, name, "", braces(family, labels, role_, ""), value);
    for (const auto& [labels, value] : lines.distributions)
      append_distribution(out, family, labels, role_, value);
    for (const std::string& line : lines.joined) out.append(line) += '\n';
  }
  return out;
}

Counter& Registry::counter(const Family& family, const Labels& labels) {
  const std::scoped_lock lock(mutex_);
  std::pair key{&family, labels};
  const auto found = counters_.find(key);
  if (found != counters_.end()) return *found->second;
  if (++sizes_[&family] >= kMostSeries) key.second = other_of(family);
  std::unique_ptr<Counter>& made = counters_[std::move(key)];
  if (!made) made = std::make_unique<Counter>();
  return *made;
}

Histogram& Registry::histogram(const Family& family, const Labels& labels) {
  const std::scoped_lock lock(mutex_);
  std::pair key{&family, labels};
  const auto found = histograms_.find(key);
  if (found != histograms_.end()) return *found->second;
  if (++sizes_[&family] >= kMostSeries) key.second = other_of(family);
  std::unique_ptr<Histogram>& made = histograms_[std::move(key)];
  if (!made) made = std::make_unique<Histogram>(family.bounds);
  return *made;
}

void Registry::collect(Page& page) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& [key, counter] : counters_)
    page.add(*key.first, key.second, static_cast<double>(counter->value()));
  for (const auto& [key, histogram] : histograms_)
    page.add(*key.first, key.second, histogram->value());
}

Registry& registry() {
  static Registry own;
  return own;
}

}  // namespace croft::metrics
