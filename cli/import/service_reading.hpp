#pragma once

#include <string>

#include "cli/import/engine_json.hpp"
#include "cli/import/service_import.hpp"

namespace croft::cli {

/// A service that is being imported; see import_service().
class ServiceReading {
 public:
  ServiceReading(const Value& container, const Value& image, const ImportNames& names)
      : container_(container), image_(image), names_(names) {}

  ImportedService run();

 private:
  // service_import.cpp: what runs
  void read_image();
  void read_command();
  void read_process();
  void read_environment();
  void read_labels();
  void read_health();
  void read_restart();
  void read_dependencies();
  // service_storage.cpp
  void read_mounts();
  void read_volume(const Value& mount, std::vector<Value>& list);
  void read_bind(const Value& mount);
  void read_tmpfs();
  // service_network.cpp
  void read_ports();
  void read_networks();
  void read_network(const std::string& name, const Value& endpoint, Value& networks);
  void read_names();
  // service_limits.cpp
  void read_limits();
  void read_privileges();
  void read_namespaces();
  void note_what_is_lost();

  const Value& host(std::string_view key) const { return at(container_, {"HostConfig", key}); }
  bool is_as_in_image(std::string_view key) const;
  void set(std::string field, Value value);
  void set_texts(std::string field, std::string_view host_key);
  void note(std::string what, std::string advice);
  /// "container:ID" → "service:NAME"; anything else stays.
  std::string shared_mode(const std::string& mode) const;

  const Value& container_;
  const Value& image_;
  const ImportNames& names_;
  ImportedService made_;
  std::vector<std::string> privileges_;  ///< fields that a plan has to allow
};

}  // namespace croft::cli
