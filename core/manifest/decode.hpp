#pragma once

#include <string>

#include "core/base/value.hpp"
#include "core/manifest/reporter.hpp"
#include "core/resource/field.hpp"
#include "core/yaml/tree.hpp"

namespace croft::manifest {

/// Reads nodes of one tree against descriptions of fields. Reports everything that is wrong, not
/// the first.
class Decoder {
 public:
  struct Settings {
    std::string_view where;  ///< for messages: "Instance spec"
    std::string_view path;   ///< what paths in messages begin with: "metadata"; nothing in a spec
    const yaml::Node* key = nullptr;  ///< where problems are shown that have no better place
    bool is_operators = true;         ///< fields that only operators may set may be there
  };

  Decoder(const yaml::Tree& tree, Reporter& reporter) : tree_(tree), reporter_(reporter) {}

  /// The checked value, with defaults filled in. Whole only if nothing was reported meanwhile.
  Value decode(const Field& field, const yaml::Node& node, const Settings& settings);

 private:
  Value value(const Field& field, const yaml::Node& node);
  Value filled(const Field& field, const yaml::Node& node);
  Value object(const Field& field, const yaml::Node& node);
  void entries(const Field& field, const yaml::Node& node, Value& into);
  void defaults(const Field& field, const yaml::Node& node, Value& into);
  Value list(const Field& field, const yaml::Node& node);
  Value map(const Field& field, const yaml::Node& node);
  Value scalar(const Field& field, const yaml::Node& node);
  Value text(const Field& field, const yaml::Node& node);
  Value boolean(const yaml::Node& node);
  Value integer(const yaml::Node& node);
  Value secret(const yaml::Node& node);
  template <typename Parsed>
  Value unit(const yaml::Node& node, const Parsed& parsed, std::int64_t number);

  void unknown_field(const Field& field, const yaml::Node& key);
  void check(const Field& field, const yaml::Node& node, const Value& value,
             std::size_t errors_before);
  void cross_check(const Field& field, const yaml::Node& node, const Value& value);
  void wrong_type(const Field& field, const yaml::Node& node);
  void error(const yaml::Node& node, std::string_view message, std::string hint = {});
  std::string subject() const;

  const yaml::Tree& tree_;
  Reporter& reporter_;
  Settings settings_;
  std::string path_;                            ///< of the value being read, for messages
  const yaml::Node* fallback_place_ = nullptr;  ///< the key, for a value that is not there
};

/// The node at a path relative to a node ("http.hosts[0]", "env.GREETING"), or the nearest one
/// above it that exists.
struct Place {
  const yaml::Node* node = nullptr;
  const yaml::Node* key = nullptr;  ///< the key that it stands behind, if it is a map's entry
};
Place find_place(const yaml::Tree& tree, const yaml::Node& root, std::string_view path);

}  // namespace croft::manifest
