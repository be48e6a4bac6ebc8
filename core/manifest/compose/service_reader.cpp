#include "core/manifest/compose/service_reader.hpp"

#include <fmt/format.h>

#include "core/manifest/compose/words.hpp"

namespace croft::manifest::compose {

Service ServiceReader::read() {
  read_image();
  read_process();
  read_environment();
  read_labels();
  read_health();
  read_restart();
  read_logging();
  read_resources();
  read_ulimits();
  read_privileges();
  read_storage();
  read_network();
  read_dependencies();
  if (const Entry* profiles = entry("profiles")) {
    for (const Item& profile : profiles->value.items) made_.profiles.push_back(profile.text);
  }
  return std::move(made_);
}

std::string ServiceReader::subject(std::string_view key) const {
  return section_.empty() ? fmt::format("services.{}.{}", name_, key)
                          : fmt::format("services.{}.{}.{}", name_, section_, key);
}

void ServiceReader::error(const Spot& spot, std::string message, std::string hint) const {
  context_.complaints.error(spot, std::move(message), std::move(hint));
}

void ServiceReader::warning(const Spot& spot, std::string message, std::string hint) const {
  context_.complaints.warning(spot, std::move(message), std::move(hint));
}

const ServiceReader::Entry* ServiceReader::entry(const Item& object, std::string_view key) const {
  return object.find_entry(key);
}

std::optional<std::string> ServiceReader::text(const Item& object, std::string_view key) const {
  const Entry* found = entry(object, key);
  if (found == nullptr || !found->value.is_scalar()) return std::nullopt;
  return canonical_text(found->value);
}

std::string ServiceReader::value_text(const Item& value) const {
  std::string made = canonical_text(value);
  if (made != value.text && shape_of(value) != Shape::Boolean)
    warning(value.spot, fmt::format("{} is the number {} to compose", value.text, made),
            "put it in quotes to keep it as it stands");
  return made;
}

std::optional<bool> ServiceReader::truth(const Item& object, std::string_view key) {
  const auto written = text(object, key);
  if (!written) return std::nullopt;
  const auto made = parse_truth(*written);
  if (!made)
    error(entry(object, key)->value.spot,
          fmt::format("{} must be true or false, got '{}'", subject(key), shortened(*written)));
  return made;
}

std::optional<std::int64_t> ServiceReader::integer(const Item& object, std::string_view key) {
  const auto written = text(object, key);
  if (!written) return std::nullopt;
  const bool is_negative = written->starts_with('-');
  const auto made = parse_count(std::string_view(*written).substr(is_negative ? 1 : 0));
  if (made) return is_negative ? -*made : *made;
  error(entry(object, key)->value.spot,
        fmt::format("{} must be a whole number, got '{}'", subject(key), shortened(*written)));
  return std::nullopt;
}

std::optional<std::int64_t> ServiceReader::time_span(const Item& object, std::string_view key) {
  const auto written = text(object, key);
  if (!written) return std::nullopt;
  const auto made = parse_time_span(*written);
  // A number was refused by its form.
  if (!made && shape_of(entry(object, key)->value) == Shape::Text)
    error(entry(object, key)->value.spot,
          fmt::format("{} must be a time such as '90s' or '1m30s', got '{}'", subject(key),
                      shortened(*written)));
  return made;
}

std::optional<std::int64_t> ServiceReader::byte_count(const Item& object, std::string_view key) {
  const auto written = text(object, key);
  if (!written) return std::nullopt;
  const auto made = parse_byte_count(*written);
  if (!made)
    error(entry(object, key)->value.spot,
          fmt::format("{} must be a size such as '512m' or '1.5g', got '{}'", subject(key),
                      shortened(*written)));
  return made;
}

// Permission bits: a YAML number is what it is (0444 is octal to YAML), a text is octal.
std::optional<std::int64_t> ServiceReader::octal(const Item& object, std::string_view key) {
  const Entry* found = entry(object, key);
  if (found == nullptr || !found->value.is_scalar()) return std::nullopt;
  if (shape_of(found->value) == Shape::Integer) return integer(object, key);
  std::int64_t made = 0;
  const std::string_view written = found->value.text;
  bool is_octal = !written.empty() && written.size() <= 6;
  for (const char c : written) {
    is_octal = is_octal && c >= '0' && c <= '7';
    made = made * 8 + (c - '0');
  }
  if (is_octal) return made;
  error(found->value.spot, fmt::format("{} must be permission bits such as 0444, got '{}'",
                                       subject(key), shortened(written)));
  return std::nullopt;
}

void ServiceReader::copy_text(std::string_view key, std::string_view field) {
  const auto value = text(item_, key);
  if (value && !value->empty()) made_.draft.set(field, Value(*value), entry(key)->spot);
}

void ServiceReader::copy_truth(std::string_view key, std::string_view field) {
  if (const auto value = truth(item_, key)) made_.draft.set(field, Value(*value), entry(key)->spot);
}

void ServiceReader::copy_texts(std::string_view key, std::string_view field) {
  const Entry* found = entry(key);
  if (found == nullptr) return;
  for (const Item& item : found->value.items) {
    if (item.is_scalar()) made_.draft.append(field, Value(canonical_text(item)), item.spot);
  }
}

void ServiceReader::copy_texts_to_map(std::string_view key, std::string_view field) {
  const Entry* found = entry(key);
  if (found == nullptr) return;
  for (const Entry& one : found->value.entries) {
    if (one.value.is_scalar() || one.value.is_null())
      made_.draft.set_in(field, one.key,
                         Value(one.value.is_null() ? std::string() : canonical_text(one.value)),
                         one.spot);
  }
}

}  // namespace croft::manifest::compose
