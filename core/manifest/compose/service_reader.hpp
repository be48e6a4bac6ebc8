#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/manifest/compose/dotenv.hpp"
#include "core/manifest/compose/item.hpp"
#include "core/manifest/compose/project.hpp"

namespace croft::manifest::compose {

/// What the services of a project are read against.
struct ProjectContext {
  Repository& repository;
  const Sources& sources;
  Complaints& complaints;
  TextBudget& budget;
  const Item& root;  ///< the canonical file of the whole project
  /// Lines of environment and label files that may still be read.
  std::size_t lines_left = 20'000;
};

/// Reads one canonical service. What its form does not allow was reported before, and is passed
/// over here.
class ServiceReader {
 public:
  ServiceReader(ProjectContext& context, const Item::Entry& service)
      : context_(context), item_(service.value), name_(service.key) {
    made_.draft.name = service.key;
    made_.draft.spot = service.spot;
  }

  Service read();

 private:
  using Entry = Item::Entry;

  // service_process.cpp: what runs
  void read_image();
  void read_build(const Entry& build);
  void check_build_context(const Entry& build, const std::string& context);
  void read_pull_policy();
  void read_process();
  void read_command(std::string_view key, std::string_view field);
  void read_environment();
  void read_environment_file(const Item& file, Variables& known);
  /// False if there is none, which is reported.
  bool is_text_file(const std::optional<TreeEntry>& found, std::string_view written,
                    const Spot& spot, std::string hint) const;
  /// The text of a file of variables or labels; nothing if it is not there or the project has too
  /// much of them, which is reported.
  std::optional<std::string> environment_text(const std::string& path, const TreeEntry& entry,
                                              const Spot& spot);
  bool may_read(std::string_view text, const Spot& spot);
  void report(const EnvironmentFile& file, const std::string& path, const Spot& spot);
  void read_labels();
  void read_label_file(const Item& file);
  void label(std::string_view name, std::string value, const Spot& spot);
  void read_health();
  void read_test(const Item& test);
  void read_restart();
  void read_logging();
  void read_dependencies();
  void read_links();

  // service_limits.cpp: what it may use
  void read_resources();
  void read_cpu(const Item* limits);
  void read_memory(const Item* limits);
  void read_pids(const Item* limits);
  void read_replicas();
  void read_ulimits();
  void read_privileges();
  void read_devices();

  // service_storage.cpp: volumes, files, configs, secrets
  void read_storage();
  void read_mount(const Item& mount);
  void read_volume_mount(const Item& mount, const std::string& target);
  void read_bind(const Item& mount, const std::string& target);
  void add_repository_file(const Spot& spot, const std::string& path, const std::string& target);
  void read_tmpfs_mount(const Item& mount, const std::string& target);
  void read_tmpfs();
  void read_grants(std::string_view section);
  void read_grant(std::string_view section, const Item& grant);
  bool fill_secret(const Entry& source, Value& file);
  bool fill_content(std::string_view section, const Entry& source, Value& file);
  void read_owner(const Item& grant, Value& file);

  // service_network.cpp: networks and ports
  void read_network();
  void read_network_mode(const Entry& mode);
  void read_networks(const Entry& networks);
  void read_ports();
  void read_port(const Item& port);
  void read_names();

  // Entries of an object, as what they are meant to be; nothing if they are not there or wrong,
  // which is reported unless the form did so.
  const Entry* entry(const Item& object, std::string_view key) const;
  const Entry* entry(std::string_view key) const { return entry(item_, key); }
  std::optional<std::string> text(const Item& object, std::string_view key) const;
  /// The text of a value that may be written as a number; warns if that is not what is written.
  std::string value_text(const Item& value) const;
  std::optional<bool> truth(const Item& object, std::string_view key);
  std::optional<std::int64_t> integer(const Item& object, std::string_view key);
  std::optional<std::int64_t> time_span(const Item& object, std::string_view key);
  std::optional<std::int64_t> byte_count(const Item& object, std::string_view key);
  std::optional<std::int64_t> octal(const Item& object, std::string_view key);
  void copy_text(std::string_view key, std::string_view field);
  void copy_namespace(const char* key, const char* field);
  void copy_truth(std::string_view key, std::string_view field);
  void copy_texts(std::string_view key, std::string_view field);
  void copy_texts_to_map(std::string_view key, std::string_view field);

  const Variables& variables_at(const Spot& spot) const {
    return *context_.sources.of(spot).variables;
  }
  /// While it lives, keys are those of an object of the service, for messages.
  class Section {
   public:
    Section(ServiceReader& reader, std::string name) : reader_(reader) {
      reader_.section_ = std::move(name);
    }
    ~Section() { reader_.section_.clear(); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

   private:
    ServiceReader& reader_;
  };
  std::string subject(std::string_view key) const;
  void error(const Spot& spot, std::string message, std::string hint = {}) const;
  void warning(const Spot& spot, std::string message, std::string hint = {}) const;

  ProjectContext& context_;
  const Item& item_;
  std::string name_;
  std::string section_;  ///< "healthcheck"; empty for the service itself
  Service made_;
};

}  // namespace croft::manifest::compose
