#include <array>

#include "core/manifest/compose/form.hpp"

// The keys of the compose specification, and what Croft does with each. docs/compose.md lists the
// same; a test compares them.

namespace croft::manifest::compose {

namespace {

constexpr Support kNoted = Support::Noted;
constexpr Support kRefused = Support::Refused;
constexpr std::uint8_t kAnyScalar = Form::kText | Form::kInteger | Form::kNumber | Form::kBoolean;

constexpr Form kText{.scalars = Form::kText};
constexpr Form kTextOrNull{.scalars = Form::kText | Form::kNull};
constexpr Form kTruth{.scalars = Form::kBoolean | Form::kText};
constexpr Form kBoolean{.scalars = Form::kBoolean};
constexpr Form kInteger{.scalars = Form::kInteger | Form::kText};
constexpr Form kNumber{.scalars = Form::kNumber | Form::kInteger | Form::kText};
constexpr Form kOnlyNumber{.scalars = Form::kNumber | Form::kInteger};
constexpr Form kScalarOrNull{.scalars = kAnyScalar | Form::kNull};
constexpr Form kTexts{.element = &kText};
constexpr Form kTextSet{.element = &kText, .is_set = true};
constexpr Form kTextOrTexts{.scalars = Form::kText, .element = &kText, .is_set = true};
constexpr Form kTextOrNumberSet{.element = &kNumber, .is_set = true};
constexpr Form kListOrMap{.element = &kText, .is_set = true, .value = &kScalarOrNull};
constexpr Form kOptions{.value = &kNumber};
constexpr Form kTextMap{.value = &kText};
constexpr Form kCommand{.scalars = Form::kText | Form::kNull, .element = &kText};
// What is refused whatever it says.
constexpr Form kAny{.scalars = kAnyScalar | Form::kNull};

constexpr Form kAddresses{.scalars = Form::kText, .element = &kText};
constexpr Form kExtraHosts{.element = &kText, .is_set = true, .value = &kAddresses};

constexpr std::array<Key, 2> kLimitKeys{{{"soft", &kInteger, Support::Honoured, "", true},
                                         {"hard", &kInteger, Support::Honoured, "", true}}};
constexpr Form kLimit{.scalars = Form::kInteger | Form::kText, .keys = kLimitKeys};
constexpr Form kLimits{.value = &kLimit, .has_plain_names = true};

constexpr std::array kBuildKeys = std::to_array<Key>({
    {"context", &kText},
    {"dockerfile", &kText},
    {"dockerfile_inline", &kText},
    {"args", &kListOrMap},
    {"labels", &kListOrMap},
    {"target", &kText},
    {"tags", &kTexts, kNoted, "the image has the name that 'image' gives, or one of Croft's"},
    {"cache_from", &kTexts, kNoted, "the engine's own cache is used"},
    {"cache_to", &kTexts, kNoted, "the engine's own cache is used"},
    {"no_cache", &kTruth, kNoted, "an image is built when its files change"},
    {"pull", &kTruth, kNoted, "an image is built when its files change"},
    {"provenance", &kTruth, kNoted, "no attestation is made"},
    {"sbom", &kTruth, kNoted, "no attestation is made"},
    {"additional_contexts", &kListOrMap, kRefused,
     "put what the build needs below its context, or use 'FROM image AS name'"},
    {"entitlements", &kTexts, kRefused, "builds run without privileges"},
    {"extra_hosts", &kExtraHosts, kRefused, "builds see the network's own names only"},
    {"isolation", &kText, kRefused, "builds are isolated as the operator says"},
    {"network", &kText, kRefused, "builds have the network that the operator gives them"},
    {"platforms", &kTexts, kRefused, "write 'platform' of the service: one image is built"},
    {"privileged", &kTruth, kRefused, "builds run without privileges"},
    {"secrets", &kAny, kRefused, "copy what the build needs, or give it 'args'"},
    {"shm_size", &kNumber, kRefused, "builds have the limits that the operator gives them"},
    {"ssh", &kListOrMap, kRefused, "commit what the build needs, or publish it"},
    {"ulimits", &kLimits, kRefused, "builds have the limits that the operator gives them"},
});
constexpr Form kBuild{.scalars = Form::kText, .keys = kBuildKeys};

constexpr std::array<std::string_view, 3> kConditions{"service_started", "service_healthy",
                                                      "service_completed_successfully"};
constexpr Form kCondition{.scalars = Form::kText, .choices = kConditions};
constexpr std::array<Key, 3> kDependencyKeys{
    {{"condition", &kCondition, Support::Honoured, "", true},
     {"required", &kBoolean},
     {"restart", &kTruth, kNoted, "a service goes on when what it depends on is replaced"}}};
constexpr Form kDependency{.keys = kDependencyKeys};
constexpr Form kDependsOn{
    .element = &kText, .is_set = true, .value = &kDependency, .has_plain_names = true};

constexpr std::array<Key, 3> kLimitsKeys{
    {{"cpus", &kNumber}, {"memory", &kText}, {"pids", &kInteger}}};
constexpr Form kResourceLimits{.keys = kLimitsKeys};
constexpr std::array<Key, 4> kReservationKeys{
    {{"memory", &kText},
     {"cpus", &kNumber, kNoted, "processor time is limited, and not kept free"},
     {"devices", &kAny, kRefused, "there are no GPUs to reserve: remove it"},
     {"generic_resources", &kAny, kRefused, "a Swarm's own: remove it"}}};
constexpr Form kReservations{.keys = kReservationKeys};
constexpr std::array<Key, 2> kResourcesKeys{
    {{"limits", &kResourceLimits}, {"reservations", &kReservations}}};
constexpr Form kResources{.keys = kResourcesKeys};
constexpr std::array<Key, 4> kRestartKeys{
    {{"condition", &kText},
     {"max_attempts", &kInteger},
     {"delay", &kText, kNoted, "the time between two starts grows by itself"},
     {"window", &kText, kNoted, "the time between two starts grows by itself"}}};
constexpr Form kRestartPolicy{.keys = kRestartKeys};
constexpr std::array<std::string_view, 2> kOrders{"start-first", "stop-first"};
constexpr Form kOrder{.scalars = Form::kText, .choices = kOrders};
constexpr std::array<Key, 6> kUpdateKeys{{{"parallelism", &kInteger},
                                          {"delay", &kText},
                                          {"failure_action", &kText},
                                          {"monitor", &kText},
                                          {"max_failure_ratio", &kNumber},
                                          {"order", &kOrder}}};
constexpr Form kUpdate{.keys = kUpdateKeys};
constexpr std::array<Key, 1> kSpreadKeys{{{"spread", &kText}}};
constexpr Form kSpread{.keys = kSpreadKeys};
constexpr Form kSpreads{.element = &kSpread};
constexpr std::array<Key, 3> kPlacementKeys{
    {{"constraints", &kTexts}, {"preferences", &kSpreads}, {"max_replicas_per_node", &kInteger}}};
constexpr Form kPlacement{.keys = kPlacementKeys};
constexpr std::string_view kSwarm = "that is for a Swarm";
constexpr std::array<Key, 9> kDeployKeys{
    {{"resources", &kResources},
     {"restart_policy", &kRestartPolicy},
     {"replicas", &kInteger},
     {"mode", &kText},
     {"labels", &kListOrMap, kNoted, "that is for a Swarm; a service's own 'labels' are set"},
     {"endpoint_mode", &kText, kNoted, kSwarm},
     {"placement", &kPlacement, kNoted, kSwarm},
     {"update_config", &kUpdate, kNoted,
      "a service starts anew before the old one stops where it can"},
     {"rollback_config", &kUpdate, kNoted, kSwarm}}};
constexpr Form kDeploy{.scalars = Form::kNull, .keys = kDeployKeys};

constexpr std::array<Key, 5> kHookKeys{{{"command", &kCommand, Support::Honoured, "", true},
                                        {"user", &kText},
                                        {"privileged", &kTruth},
                                        {"working_dir", &kText},
                                        {"environment", &kListOrMap}}};
constexpr Form kHook{.keys = kHookKeys};
constexpr std::array<std::string_view, 5> kWatchActions{"rebuild", "sync", "restart",
                                                        "sync+restart", "sync+exec"};
constexpr Form kWatchAction{.scalars = Form::kText, .choices = kWatchActions};
constexpr std::array<Key, 7> kWatchKeys{{{"path", &kText, Support::Honoured, "", true},
                                         {"action", &kWatchAction, Support::Honoured, "", true},
                                         {"ignore", &kTextOrTexts},
                                         {"include", &kTextOrTexts},
                                         {"target", &kText},
                                         {"exec", &kHook},
                                         {"initial_sync", &kBoolean}}};
constexpr Form kWatch{.keys = kWatchKeys};
constexpr Form kWatches{.element = &kWatch};
constexpr std::array<Key, 1> kDevelopKeys{{{"watch", &kWatches}}};
constexpr Form kDevelop{.scalars = Form::kNull, .keys = kDevelopKeys};

constexpr std::array<Key, 3> kDeviceKeys{
    {{"source", &kText, Support::Honoured, "", true}, {"target", &kText}, {"permissions", &kText}}};
constexpr Form kDevice{.scalars = Form::kText, .keys = kDeviceKeys};
constexpr Form kDevices{.element = &kDevice};

constexpr std::array<Key, 3> kEnvFileKeys{
    {{"path", &kText, Support::Honoured, "", true}, {"format", &kText}, {"required", &kTruth}}};
constexpr Form kEnvFileEntry{
    .scalars = Form::kText, .keys = kEnvFileKeys, .takes_extensions = false};
constexpr Form kEnvFile{.scalars = Form::kText, .element = &kEnvFileEntry};
constexpr Form kLabelFile{.scalars = Form::kText, .element = &kText};

constexpr std::array<Key, 2> kExtendsKeys{
    {{"service", &kText, Support::Honoured, "", true}, {"file", &kText}}};
constexpr Form kExtends{.scalars = Form::kText, .keys = kExtendsKeys, .takes_extensions = false};

constexpr Form kTest{.scalars = Form::kText, .element = &kText};
constexpr std::array<Key, 7> kHealthKeys{{{"test", &kTest},
                                          {"interval", &kText},
                                          {"timeout", &kText},
                                          {"retries", &kNumber},
                                          {"start_period", &kText},
                                          {"start_interval", &kText},
                                          {"disable", &kTruth}}};
constexpr Form kHealth{.keys = kHealthKeys};

constexpr Form kLogOption{.scalars = Form::kText | Form::kNumber | Form::kInteger | Form::kNull};
constexpr Form kLogOptions{.value = &kLogOption};
constexpr std::array<Key, 2> kLoggingKeys{{{"driver", &kText}, {"options", &kLogOptions}}};
constexpr Form kLogging{.keys = kLoggingKeys};

constexpr std::string_view kNoAddress =
    "the engine gives addresses; services find each other by name";
constexpr std::array<Key, 9> kServiceNetworkKeys{
    {{"aliases", &kTextSet},
     {"priority", &kOnlyNumber, kNoted, "networks are joined in the order of their names"},
     {"gw_priority", &kOnlyNumber, kNoted, "networks are joined in the order of their names"},
     {"interface_name", &kText, kRefused, "the engine names interfaces"},
     {"ipv4_address", &kText, kRefused, kNoAddress},
     {"ipv6_address", &kText, kRefused, kNoAddress},
     {"link_local_ips", &kTextSet, kRefused, kNoAddress},
     {"mac_address", &kText, kRefused, kNoAddress},
     {"driver_opts", &kOptions, kRefused, "networks are bridges without options"}}};
constexpr Form kServiceNetwork{.scalars = Form::kNull, .keys = kServiceNetworkKeys};
constexpr Form kServiceNetworks{
    .element = &kText, .is_set = true, .value = &kServiceNetwork, .has_plain_names = true};

constexpr std::array<Key, 7> kPortKeys{{{"target", &kInteger},
                                        {"published", &kInteger},
                                        {"host_ip", &kText},
                                        {"protocol", &kText},
                                        {"mode", &kText},
                                        {"name", &kText},
                                        {"app_protocol", &kText}}};
constexpr Form kPort{.scalars = Form::kNumber | Form::kInteger | Form::kText, .keys = kPortKeys};
constexpr Form kPorts{.element = &kPort, .is_set = true};

constexpr std::array<Key, 5> kGrantKeys{
    {{"source", &kText}, {"target", &kText}, {"uid", &kText}, {"gid", &kText}, {"mode", &kNumber}}};
constexpr Form kGrant{.scalars = Form::kText, .keys = kGrantKeys};
constexpr Form kGrants{.element = &kGrant};

constexpr std::array<std::string_view, 4> kRecursions{"enabled", "disabled", "writable",
                                                      "readonly"};
constexpr Form kRecursion{.scalars = Form::kText, .choices = kRecursions};
constexpr std::array<std::string_view, 2> kSelinuxLabels{"z", "Z"};
constexpr Form kSelinux{.scalars = Form::kText, .choices = kSelinuxLabels};
constexpr std::array<Key, 4> kBindKeys{
    {{"create_host_path", &kTruth},
     {"selinux", &kSelinux},
     {"propagation", &kText, kRefused, "what is mounted stays as it is: remove it"},
     {"recursive", &kRecursion, kRefused, "what is mounted stays as it is: remove it"}}};
constexpr Form kBind{.keys = kBindKeys};
constexpr std::array<Key, 3> kVolumeMountKeys{
    {{"nocopy", &kTruth},
     {"labels", &kListOrMap, kNoted, "labels of a volume stand where it is declared"},
     {"subpath", &kText, kRefused, "declare a volume for each path"}}};
constexpr Form kVolumeMount{.keys = kVolumeMountKeys};
constexpr std::array<Key, 2> kTmpfsKeys{{{"size", &kInteger}, {"mode", &kNumber}}};
constexpr Form kTmpfs{.keys = kTmpfsKeys};
constexpr std::array<std::string_view, 6> kMountTypes{"bind",    "volume", "tmpfs",
                                                      "cluster", "npipe",  "image"};
constexpr Form kMountType{.scalars = Form::kText, .choices = kMountTypes};
constexpr std::array<Key, 9> kMountKeys{
    {{"type", &kMountType, Support::Honoured, "", true},
     {"source", &kText},
     {"target", &kText},
     {"read_only", &kTruth},
     {"consistency", &kText},
     {"bind", &kBind},
     {"volume", &kVolumeMount},
     {"tmpfs", &kTmpfs},
     {"image", &kAny, kRefused, "build an image that has its files, or use a volume"}}};
constexpr Form kMount{.scalars = Form::kText, .keys = kMountKeys};
constexpr Form kMounts{.element = &kMount, .is_set = true};

constexpr std::string_view kOwnLimit = "write 'cpus'";
constexpr std::string_view kOwnMemory = "write 'mem_limit'; there is no swap beside it";
constexpr std::array kServiceKeys = std::to_array<Key>({
    {"image", &kText},
    {"build", &kBuild},
    {"platform", &kText},
    {"pull_policy", &kText},
    {"command", &kCommand},
    {"entrypoint", &kCommand},
    {"working_dir", &kText},
    {"user", &kText},
    {"group_add", &kTextOrNumberSet},
    {"hostname", &kText},
    {"environment", &kListOrMap},
    {"env_file", &kEnvFile},
    {"labels", &kListOrMap},
    {"label_file", &kLabelFile},
    {"extends", &kExtends},
    {"profiles", &kTextSet},
    {"depends_on", &kDependsOn},
    {"links", &kTextSet},
    {"deploy", &kDeploy},
    {"scale", &kInteger},
    {"cpus", &kNumber},
    {"cpu_period", &kNumber},
    {"cpu_quota", &kNumber},
    {"mem_limit", &kNumber},
    {"mem_reservation", &kInteger},
    {"pids_limit", &kNumber},
    {"shm_size", &kNumber},
    {"ulimits", &kLimits},
    {"sysctls", &kListOrMap},
    {"healthcheck", &kHealth},
    {"restart", &kText},
    {"stop_signal", &kText},
    {"stop_grace_period", &kText},
    {"init", &kTruth},
    {"tty", &kTruth},
    {"stdin_open", &kTruth},
    {"read_only", &kTruth},
    {"volumes", &kMounts},
    {"tmpfs", &kTextOrTexts},
    {"configs", &kGrants},
    {"secrets", &kGrants},
    {"networks", &kServiceNetworks},
    {"network_mode", &kText},
    {"ports", &kPorts},
    {"expose", &kTextOrNumberSet},
    {"extra_hosts", &kExtraHosts},
    {"dns", &kTextOrTexts},
    {"dns_opt", &kTextSet},
    {"dns_search", &kTextOrTexts},
    {"privileged", &kTruth},
    {"cap_add", &kTextSet},
    {"cap_drop", &kTextSet},
    {"security_opt", &kTextSet},
    {"devices", &kDevices},
    {"pid", &kTextOrNull},
    {"ipc", &kText},
    {"uts", &kText},
    {"userns_mode", &kText},
    {"cgroup", &kText},
    {"runtime", &kText},
    {"annotations", &kListOrMap, kNoted, "write 'labels'"},
    {"attach", &kTruth, kNoted, "see 'croft logs'"},
    {"container_name", &kText, kNoted,
     "Croft names containers; others find the service by its name, and by 'aliases'"},
    {"develop", &kDevelop, kNoted, "that is for 'docker compose watch'"},
    {"logging", &kLogging},
    {"pull_refresh_after", &kText, kNoted, "write 'imagePolicy: follow' in the Stack"},
    {"blkio_config", &kAny, kRefused, "remove it: the operator shares out disks"},
    {"cgroup_parent", &kText, kRefused, "remove it: limits are set for each service"},
    {"cpu_count", &kInteger, kRefused, kOwnLimit},
    {"cpu_percent", &kInteger, kRefused, kOwnLimit},
    {"cpu_rt_period", &kNumber, kRefused, kOwnLimit},
    {"cpu_rt_runtime", &kNumber, kRefused, kOwnLimit},
    {"cpu_shares", &kNumber, kRefused, kOwnLimit},
    {"cpuset", &kText, kRefused, kOwnLimit},
    {"credential_spec", &kAny, kRefused, "it is for Windows: remove it"},
    {"device_cgroup_rules", &kTextSet, kRefused, "name each device in 'devices'"},
    {"domainname", &kText, kRefused, "write the whole name in 'hostname'"},
    {"external_links", &kTextSet, kRefused, "services reach those of their own Stack only"},
    {"gpus", &kAny, kRefused, "there are no GPUs to give: remove it"},
    {"isolation", &kText, kRefused, "it is for Windows: remove it"},
    {"mac_address", &kText, kRefused, kNoAddress},
    {"mem_swappiness", &kInteger, kRefused, kOwnMemory},
    {"memswap_limit", &kNumber, kRefused, kOwnMemory},
    {"models", &kAny, kRefused, "run the model as a service of its own"},
    {"oom_kill_disable", &kTruth, kRefused, "raise 'mem_limit'"},
    {"oom_score_adj", &kInteger, kRefused, "raise 'mem_limit'"},
    {"post_start", &kAny, kRefused, "do it in the image's entrypoint"},
    {"pre_stop", &kAny, kRefused, "let the program do it at its 'stop_signal'"},
    {"provider", &kAny, kRefused, "run it as a service with an image"},
    {"storage_opt", &kAny, kRefused, "put what grows on a volume with a size"},
    {"use_api_socket", &kBoolean, kRefused, "the engine's socket is not for services"},
    {"volumes_from", &kTextSet, kRefused, "name the volumes in both services"},
});
constexpr Form kService{.keys = kServiceKeys};
constexpr Form kServices{.value = &kService, .has_plain_names = true};

constexpr std::array<Key, 3> kIncludeKeys{
    {{"path", &kTextOrTexts}, {"env_file", &kTextOrTexts}, {"project_directory", &kText}}};
constexpr Form kInclude{.scalars = Form::kText, .keys = kIncludeKeys, .takes_extensions = false};
constexpr Form kIncludes{.element = &kInclude};

constexpr std::array<Key, 1> kExternalKeys{{{"name", &kText}}};
constexpr Form kExternal{.scalars = Form::kBoolean | Form::kText, .keys = kExternalKeys};
constexpr std::array<Key, 4> kPoolKeys{
    {{"subnet", &kText}, {"ip_range", &kText}, {"gateway", &kText}, {"aux_addresses", &kTextMap}}};
constexpr Form kPool{.keys = kPoolKeys};
constexpr Form kPools{.element = &kPool};
constexpr std::array<Key, 3> kIpamKeys{{{"driver", &kText},
                                        {"config", &kPools, kRefused, kNoAddress},
                                        {"options", &kTextMap, kRefused, kNoAddress}}};
constexpr Form kIpam{.keys = kIpamKeys};
constexpr std::string_view kOwnName = "Croft names it; the Stack's services know it by its key";
constexpr std::array<Key, 10> kNetworkKeys{
    {{"driver", &kText},
     {"internal", &kTruth},
     {"labels", &kListOrMap},
     {"external", &kExternal},
     {"ipam", &kIpam},
     {"name", &kText, kNoted, kOwnName},
     {"attachable", &kTruth, kNoted, "that is for a Swarm"},
     {"enable_ipv4", &kTruth, kNoted, "the operator says which addresses networks have"},
     {"enable_ipv6", &kTruth, kNoted, "the operator says which addresses networks have"},
     {"driver_opts", &kOptions, kRefused, "networks are bridges without options"}}};
constexpr Form kNetwork{.scalars = Form::kNull, .keys = kNetworkKeys};
constexpr Form kNetworks{.value = &kNetwork, .has_plain_names = true};

constexpr std::array<Key, 5> kVolumeKeys{
    {{"driver", &kText},
     {"labels", &kListOrMap},
     {"external", &kExternal},
     {"name", &kText, kNoted, kOwnName},
     {"driver_opts", &kOptions, kRefused, "volumes are the machine's own: remove it"}}};
constexpr Form kVolume{.scalars = Form::kNull, .keys = kVolumeKeys};
constexpr Form kVolumes{.value = &kVolume, .has_plain_names = true};

constexpr std::array<Key, 8> kSecretKeys{
    {{"file", &kText},
     {"environment", &kText},
     {"external", &kExternal},
     {"name", &kText},
     {"labels", &kListOrMap, kNoted, "it is a file in the containers that it is granted to"},
     {"driver", &kText, kRefused, "write 'file' or 'environment'"},
     {"driver_opts", &kOptions, kRefused, "write 'file' or 'environment'"},
     {"template_driver", &kText, kRefused, "use variables: ${NAME}"}}};
constexpr Form kSecret{.keys = kSecretKeys};
constexpr Form kSecrets{.value = &kSecret, .has_plain_names = true};

constexpr std::array<Key, 7> kConfigKeys{
    {{"file", &kText},
     {"content", &kText},
     {"environment", &kText},
     {"external", &kExternal},
     {"name", &kText, kNoted, kOwnName},
     {"labels", &kListOrMap, kNoted, "it is a file in the containers that it is granted to"},
     {"template_driver", &kText, kRefused, "use variables: ${NAME}"}}};
constexpr Form kConfig{.keys = kConfigKeys};
constexpr Form kConfigs{.value = &kConfig, .has_plain_names = true};

constexpr std::array<Key, 9> kFileKeys{
    {{"services", &kServices},
     {"networks", &kNetworks},
     {"volumes", &kVolumes},
     {"configs", &kConfigs},
     {"secrets", &kSecrets},
     {"include", &kIncludes},
     {"name", &kText},
     {"version", &kText},
     {"models", &kAny, kRefused, "run the model as a service of its own"}}};
constexpr Form kFile{.keys = kFileKeys};

constexpr std::array<KeyTable, 24> kTables{{
    {"", kFileKeys},
    {"services.NAME", kServiceKeys},
    {"services.NAME.build", kBuildKeys},
    {"services.NAME.depends_on.NAME", kDependencyKeys},
    {"services.NAME.deploy", kDeployKeys},
    {"services.NAME.deploy.resources.limits", kLimitsKeys},
    {"services.NAME.deploy.resources.reservations", kReservationKeys},
    {"services.NAME.deploy.restart_policy", kRestartKeys},
    {"services.NAME.devices[]", kDeviceKeys},
    {"services.NAME.env_file[]", kEnvFileKeys},
    {"services.NAME.extends", kExtendsKeys},
    {"services.NAME.healthcheck", kHealthKeys},
    {"services.NAME.networks.NAME", kServiceNetworkKeys},
    {"services.NAME.ports[]", kPortKeys},
    {"services.NAME.volumes[]", kMountKeys},
    {"services.NAME.volumes[].bind", kBindKeys},
    {"services.NAME.volumes[].volume", kVolumeMountKeys},
    {"services.NAME.volumes[].tmpfs", kTmpfsKeys},
    {"services.NAME.configs[], services.NAME.secrets[]", kGrantKeys},
    {"include[]", kIncludeKeys},
    {"networks.NAME", kNetworkKeys},
    {"volumes.NAME", kVolumeKeys},
    {"configs.NAME", kConfigKeys},
    {"secrets.NAME", kSecretKeys},
}};

}  // namespace

std::span<const KeyTable> key_tables() { return kTables; }

const Form& compose_file_form() { return kFile; }

}  // namespace croft::manifest::compose
