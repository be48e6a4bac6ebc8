#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/resource/field.hpp"

namespace croft {

// Checks that descriptions of kinds name (Field::check, Field::cross_check). Private to
// core/resource. Each gets a value that already has its field's type; messages go on from the
// field's path.

std::optional<Error> check_relative_path(
    const Value& value);  ///< below the source: "public", "."; no "..", no leading /
std::optional<Error> check_absolute_path(const Value& value);  ///< normalised, not "/" itself
std::optional<Error> check_host_name(const Value& value);
std::optional<Error> check_resource_name(const Value& value);
std::optional<Error> check_tenant_name(const Value& value);
std::optional<Error> check_url_path(const Value& value);    ///< "/healthz"
std::optional<Error> check_dependency(const Value& value);  ///< "Site/blog"
std::optional<Error> check_secret_name(const Value& value);
std::optional<Error> check_repository_url(const Value& value);
std::optional<Error> check_web_url(const Value& value);  ///< https://, or http://; no password
std::optional<Error> check_repository_path(const Value& value);  ///< "alice/hosting"
std::optional<Error> check_git_ref(const Value& value);
std::optional<Error> check_ssh_key(const Value& value);
std::optional<Error> check_allowed_signer(
    const Value& value);                                 ///< a key, or a line of allowed signers
std::optional<Error> check_gpg_key(const Value& value);  ///< armoured public keys
std::optional<Error> check_label_value(const Value& value);
std::optional<Error> check_rate(const Value& value);        ///< a decimal number, not negative
std::optional<Error> check_lua_path(const Value& value);    ///< relative, ends in .lua
std::optional<Error> check_rules_name(const Value& value);  ///< "hourly", or the path of a Lua file

std::optional<Error> check_webhook_url(const Value& value);
std::optional<Error> check_event_pattern(const Value& value);     ///< "croft.resource.*"
std::optional<Error> check_resource_pattern(const Value& value);  ///< "Instance/*", "alice/*/*"
std::optional<Error> check_only_a_reference(const Value& value);  ///< refuses text: {secret: NAME}

std::optional<Error> check_service_port(const Value& value);  ///< "web:80"

std::vector<FieldProblem> check_secret_files(const Value& map);
std::vector<FieldProblem> check_secret_variables(const Value& map);
std::vector<FieldProblem> check_environment(const Value& map);  ///< names of environment variables
std::vector<FieldProblem> check_label_names(const Value& map);
std::vector<FieldProblem> check_distinct(const Value& list);  ///< no text twice
std::vector<FieldProblem> check_volumes(
    const Value& list);  ///< names and paths are unique, paths not nested
std::vector<FieldProblem> check_health(const Value& health);  ///< exactly one of http, tcp, exec
std::vector<FieldProblem> check_price(const Value& price);
std::vector<FieldProblem> check_rate_fields(const Value& rate);  ///< those that its mode needs
std::vector<FieldProblem> check_webhook(const Value& spec);      ///< what goes together
std::vector<FieldProblem> check_plan(const Value& spec);
std::vector<FieldProblem> check_provider(const Value& spec);
std::vector<FieldProblem> check_source_credentials(const Value& credentials);  ///< exactly one
std::vector<FieldProblem> check_verify(const Value& verify);                   ///< some key
/// What reports go to must be known: from the URL, or said; and who writes them.
std::vector<FieldProblem> check_source(const Value& spec);
std::vector<FieldProblem> check_instance_image(
    const Value& spec);  ///< what it runs: a command, an image or a build
/// Hosts, or single labels that stand for TENANT-LABEL.DOMAIN.
std::vector<FieldProblem> check_exposed_hosts(const Value& map);
std::vector<FieldProblem> check_stack(const Value& spec);  ///< exactly one of file, inline
/// Every text in `ignore` is a path of a field of the kind.
std::vector<FieldProblem> check_ignored_paths(const Field& spec_field, const Value& spec);

/// Parts of descriptions that several kinds share.
std::vector<Field> common_tenant_fields();
/// What containers may do beyond the walls around them, for Plans and Tenants.
Field containers_field(std::string help);
/// `build` of an Instance; a Service's has more.
Field instance_build_field();
Field source_location_fields(std::string name, std::string help, std::vector<Field> more);

Field describe_tenant();
Field describe_plan();
Field describe_provider();
Field describe_source();
Field describe_webhook();
Field describe_instance();
Field describe_site();
Field describe_stack();
Field describe_secret();
Field describe_service();
Field describe_volume();
Field describe_network();

}  // namespace croft
