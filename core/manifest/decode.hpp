#pragma once

#include <string>

#include "core/base/value.hpp"
#include "core/manifest/reporter.hpp"
#include "core/manifest/yaml_tree.hpp"
#include "core/resource/field.hpp"

namespace croft::manifest {

/// Reads nodes of one tree against descriptions of fields. Reports everything that is wrong, not
/// the first.
class Decoder {
 public:
  struct Settings {
    std::string_view where;  ///< for messages: "Instance spec"
    std::string_view path;   ///< what paths in messages begin with: "metadata"; nothing in a spec
    const YamlNode* key = nullptr;  ///< where problems are shown that have no better place
    bool are_secrets_known =
        false;  ///< operator kinds may name secrets; in tenant kinds they arrive later
  };

  Decoder(const YamlTree& tree, Reporter& reporter) : tree_(tree), reporter_(reporter) {}

  /// The checked value, with defaults filled in. Whole only if nothing was reported meanwhile.
  Value decode(const Field& field, const YamlNode& node, const Settings& settings);

 private:
  Value value(const Field& field, const YamlNode& node);
  Value filled(const Field& field, const YamlNode& node);
  Value object(const Field& field, const YamlNode& node);
  void entries(const Field& field, const YamlNode& node, Value& into);
  void defaults(const Field& field, const YamlNode& node, Value& into);
  Value list(const Field& field, const YamlNode& node);
  Value map(const Field& field, const YamlNode& node);
  Value scalar(const Field& field, const YamlNode& node);
  Value text(const Field& field, const YamlNode& node);
  Value boolean(const YamlNode& node);
  Value integer(const YamlNode& node);
  Value secret(const YamlNode& node);
  template <typename Parsed>
  Value unit(const YamlNode& node, const Parsed& parsed, std::int64_t number);

  void unknown_field(const Field& field, const YamlNode& key);
  void check(const Field& field, const YamlNode& node, const Value& value,
             std::size_t errors_before);
  void check_bounds(const Field& field, const YamlNode& node, const Value& value);
  void cross_check(const Field& field, const YamlNode& node, const Value& value);
  void wrong_type(const Field& field, const YamlNode& node);
  void error(const YamlNode& node, std::string_view message, std::string hint = {});
  std::string subject() const;

  const YamlTree& tree_;
  Reporter& reporter_;
  Settings settings_;
  std::string path_;                          ///< of the value being read, for messages
  const YamlNode* fallback_place_ = nullptr;  ///< the key, for a value that is not there
};

/// The node at a path relative to a node ("http.hosts[0]", "env.GREETING"), or the nearest one
/// above it that exists.
struct Place {
  const YamlNode* node = nullptr;
  const YamlNode* key = nullptr;  ///< the key that it stands behind, if it is a map's entry
};
Place find_place(const YamlTree& tree, const YamlNode& root, std::string_view path);

}  // namespace croft::manifest
