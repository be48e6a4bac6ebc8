#include "core/resource/kinds.hpp"

#include <array>

#include "core/resource/kind_checks.hpp"

namespace croft {

namespace {

constexpr std::int64_t kDay = 86'400'000;

using Descriptions = std::array<Field, 12>;

const Descriptions& descriptions() {
  // In the order of Kind.
  static const Descriptions all{describe_tenant(),  describe_plan(),    describe_provider(),
                                describe_source(),  describe_webhook(), describe_instance(),
                                describe_site(),    describe_stack(),   describe_secret(),
                                describe_service(), describe_volume(),  describe_network()};
  return all;
}

}  // namespace

const Field& spec_of(Kind kind) { return descriptions()[static_cast<std::size_t>(kind)]; }

const Field& metadata_of_resources() {
  static const Field metadata = object_field(
      "metadata", "What the resource is called, and notes on it.",
      {text_field(
           "name",
           "Unique among the tenant's resources of that kind. Lower-case letters, digits and "
           "dashes; a Tenant's name has no dash.")
           .as_required()
           .like("blog"),
       map_field("labels",
                 "Short facts to find and group resources by; passed on to what is created.",
                 text_field("", "").between(0, 253).checked_by(check_label_value))
           .between(0, 64)
           .cross_checked_by(check_label_names)
           .like("{team: web}"),
       map_field("annotations", "Notes for people and tools; Croft does not look at them.",
                 text_field("", "").between(0, 65536))
           .between(0, 64)
           .cross_checked_by(check_label_names)
           .like("{wiki: \"https://wiki.example.com/blog\"}")});
  return metadata;
}

std::string_view help_of(Kind kind) {
  switch (kind) {
    case Kind::Tenant:
      return "Who owns resources: their plan, keys, hosts and where their manifests are.";
    case Kind::Plan:
      return "A service tier that tenants subscribe to: its price and what it allows.";
    case Kind::Provider:
      return "A configured hosting target: an adapter, its settings and whose credentials it uses.";
    case Kind::Source:
      return "A Git repository, ref and path that is watched for a tenant's manifests.";
    case Kind::Webhook:
      return "An endpoint that is told what happens, as it happens.";
    case Kind::Instance:
      return "A running app: a command with its files, environment, limits, health check and "
             "volumes.";
    case Kind::Site:
      return "A static web site, served from a directory of the repository.";
    case Kind::Stack:
      return "A compose file: its services, networks and volumes, kept apart from everybody "
             "else's.";
    case Kind::Secret:
      return "Values that only the server can read: sealed to its public key, or in a file that "
             "SOPS encrypted. Safe to commit.";
    case Kind::Service:
      return "A service of a Stack, as its compose file describes it.";
    case Kind::Volume:
      return "A named volume of a Stack.";
    case Kind::Network:
      return "A network that services of a Stack share.";
  }
  return "";
}

std::vector<Field> common_tenant_fields() {
  return {
      list_field("dependsOn", "Resources of yours that must be ready before this one starts.",
                 text_field("", "").checked_by(check_dependency))
          .between(0, 100)
          .cross_checked_by(check_distinct)
          .for_croft()
          .like("[Instance/api]"),
      object_field(
          "deletion",
          "What happens to its data (volumes, releases, logs) once it is no longer declared.",
          {text_field("policy",
                      "`retain` keeps the data for the time in `after`; `destroy` erases it with "
                      "the resource.")
               .one_of({"retain", "destroy"})
               .with_default("retain"),
           duration_field("after", "How long retained data is kept.")
               .between(0, 3650 * kDay)
               .with_default(30 * kDay)})
          .with_default(Value::map())
          .for_croft()
          .like("{policy: retain, after: 30d}"),
      list_field("ignore", "Paths of fields that Croft neither shows in a diff nor changes.",
                 text_field("", ""))
          .between(0, 100)
          .for_croft()
          .like("[env, resources.memory]"),
      text_field("rollback", "Whether a failing revision goes back to the last good one.")
          .for_croft()
          .later("roll-backs"),
  };
}

}  // namespace croft
