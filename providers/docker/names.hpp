#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/value.hpp"
#include "providers/port/provider.hpp"

namespace croft::docker {

// What our things are called at an engine, and the labels that they are found again by. All pure.
//
// A container is ours if its labels say so *and* its name is the one that its uid and intent give:
// labels alone are not enough, because an image's labels become those of its containers, also of
// those that run the steps of a tenant's build, and images are made by strangers.

namespace label {
inline constexpr const char* kUid = "croft.uid";
inline constexpr const char* kRef = "croft.ref";
inline constexpr const char* kIntent = "croft.intent";
inline constexpr const char* kSpec = "croft.spec";          ///< digest
inline constexpr const char* kTenant = "croft.tenant";      ///< uid
inline constexpr const char* kProvider = "croft.provider";  ///< name of the Provider
inline constexpr const char* kFields = "croft.fields";      ///< the normalised spec, as JSON
inline constexpr const char* kPart = "croft.part";      ///< what of the resource: "volume:data"; ""
inline constexpr const char* kImage = "croft.image";    ///< what it was made from: digest or id
inline constexpr const char* kEgress = "croft.egress";  ///< allow, deny
}  // namespace label

using Labels = std::map<std::string, std::string>;

/// What every object of a resource carries.
Labels labels_of(const Effect& effect, const std::string& provider, const std::string& part);
/// And what `docker compose` knows its own by, of a Service's container.
Labels compose_labels(const Effect& effect, const std::string& image);

/// The compose project of a Stack, "alice-shop", and the stack's own name for other kinds.
std::string project_of(const Ref& ref);
/// "alice-shop-web-1f00c2d4": unique for (uid, intent).
std::string container_name(const Ref& ref, const std::string& uid, const std::string& intent);
/// Whether a container of that name and those labels is one that we made.
bool is_our_container(std::string_view name, const Labels& labels, std::string_view provider);

/// The Engine's names for parts of a Stack: "croft_8f2ac91b07d1_shop_default".
std::string stack_object_name(const std::string& tenant_uid, const Ref& stack,
                              const std::string& part);
/// And for what belongs to one Instance or Service alone.
std::string own_object_name(const std::string& uid, const std::string& part);
/// A network's interface at the host: "crd1a2b-8f2ac91", at most 15 bytes.
std::string bridge_name(const std::string& mark, const std::string& network);
/// 4 hexadecimal digits that tell this provider's interfaces and tables from others' on the
/// machine.
std::string mark_of(const std::string& directory);

/// Where tenants' builds live. No spec may name an image there.
inline constexpr std::string_view kBuildDomain = "croft-build";
std::string build_image_name(const std::string& tenant_uid, const std::string& uid,
                             const std::string& key);

/// The labels of an Engine's object as a map.
Labels read_labels(const Value* labels);
Value to_value(const Labels& labels);
std::string label_or_empty(const Labels& labels, const char* name);

}  // namespace croft::docker
