#include "core/resource/kind_checks.hpp"
#include "core/resource/kinds.hpp"
#include "core/resource/walls.hpp"

// Stack, and the kinds that its compose file expands to: Service, Volume, Network.

namespace croft {

namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kMebibyte = 1LL << 20;
constexpr std::int64_t kLongText = 131'072;
constexpr std::int64_t kManyEntries = 500;

Field texts_field(std::string name, std::string help) {
  return list_field(std::move(name), std::move(help), text_field("", "").between(0, kLongText))
      .between(0, 1000);
}

Field port_field(std::string name, std::string help) {
  return integer_field(std::move(name), std::move(help)).between(1, 65535);
}

Field size_field() {
  return bytes_field("size", "What is kept in it at most; counts for quotas and the price.")
      .between(kMebibyte, kMebibyte << 24)
      .with_default(1024 * kMebibyte);
}

Field provider_field() {
  return text_field("provider",
                    "The Provider to run on; the operator's default if it is not given.")
      .checked_by(check_resource_name)
      .replaces()
      .for_croft()
      .like("docker");
}

std::vector<Field> compose_fields() {
  return {text_field("file", "The compose file, seen from the root of the source.")
              .between(1, 1024)
              .checked_by(check_relative_path)
              .for_croft()
              .like("compose.yaml"),
          list_field("overrides", "Further compose files, each laid over those before it.",
                     text_field("", "").between(1, 1024).checked_by(check_relative_path))
              .between(0, 20)
              .for_croft()
              .like("[compose.production.yaml]"),
          text_field("inline",
                     "The compose file itself, in the place of `file`; its paths are seen "
                     "from the root of the source.")
              .between(1, 1 << 20)
              .for_croft(),
          list_field("profiles", "Profiles of the compose file whose services run, too.",
                     text_field("", "").between(1, 255))
              .between(0, 100)
              .cross_checked_by(check_distinct)
              .for_croft()
              .like("[debug]"),
          map_field("variables",
                    "What `${NAME}` stands for in the compose file, before what its `.env` says.",
                    text_field("", "").between(0, kLongText))
              .between(0, kManyEntries)
              .for_croft()
              .like("{TAG: \"1.4\"}"),
          map_field("secretEnv",
                    "Environment variables of services that hold a secret, by service and name; "
                    "over what the compose file says.",
                    map_field("", "", text_field("", "").or_secret())
                        .between(0, kManyEntries)
                        .cross_checked_by(check_secret_variables))
              .between(0, kManyEntries)
              .for_croft()
              .like("{web: {TOKEN: {secret: api-token}}}")};
}

std::vector<Field> stack_fields() {
  std::vector<Field> fields = compose_fields();
  for (Field& field : std::vector<Field>{
           map_field("expose",
                     "What visitors reach: a host and the `SERVICE:PORT` behind it. A name without "
                     "a dot stands for TENANT-NAME.DOMAIN.",
                     text_field("", "").between(3, 255).checked_by(check_service_port))
               .between(0, 100)
               .cross_checked_by(check_exposed_hosts)
               .for_croft()
               .like("{shop: \"web:80\"}"),
           text_field("hostPorts",
                      "What becomes of `ports`, which publish on the host itself: `refuse`, where "
                      "the plan does not allow them, or `ignore`, where the file serves elsewhere, "
                      "too. Visitors come by `expose`.")
               .one_of({"refuse", "ignore"})
               .with_default("refuse")
               .for_croft(),
           map_field("volumes", "Settings of the compose file's named volumes.",
                     object_field("", "", {size_field()}))
               .between(0, 100)
               .for_croft()
               .like("{data: {size: 5GiB}}"),
           text_field("imagePolicy",
                      "`pinned`: a tag means the image that it named when it was applied; "
                      "`follow`: a tag that moves is an update.")
               .one_of({"pinned", "follow"})
               .with_default("pinned")
               .for_croft(),
           provider_field()}) {
    fields.push_back(std::move(field));
  }
  for (Field& field : common_tenant_fields()) {
    // What a Stack declares stands in its compose file, whose fields are not a Stack's.
    if (field.name != "ignore") fields.push_back(std::move(field));
  }
  return fields;
}

Field service_resources_field() {
  return object_field(
             "resources", "What the service may use; enforced.",
             {cpu_field("cpu", "Processor time.").between(10, 256'000).with_default(250),
              bytes_field("memory", "Memory; past it the service is killed and started again.")
                  .between(6 * kMebibyte, kMebibyte << 20)
                  .with_default(256 * kMebibyte),
              integer_field("pids", "Processes and threads.").between(1, 32768).with_default(256),
              bytes_field("reservation", "Memory that is kept free for it where the machine can.")
                  .between(0, kMebibyte << 20),
              bytes_field("shm", "Of /dev/shm.").between(0, kMebibyte << 20)})
      .with_default(Value::map());
}

Field service_health_field() {
  return object_field(
      "health", "The health check that runs inside.",
      {texts_field("test", "`CMD` and a command, `CMD-SHELL` and a line for the shell, or `NONE`."),
       duration_field("interval", "Time between two checks.")
           .between(0, 24 * kHour)
           .with_default(30 * kSecond),
       duration_field("timeout", "How long one check may take.")
           .between(0, 24 * kHour)
           .with_default(30 * kSecond),
       integer_field("retries", "Failures in a row until it counts as unhealthy.")
           .between(1, 1000)
           .with_default(3),
       duration_field("startPeriod", "How long failures do not count after the start.")
           .between(0, 24 * kHour),
       duration_field("startInterval", "Time between two checks while it starts.")
           .between(0, 24 * kHour)});
}

Field mounts_field() {
  return list_field(
             "mounts", "Named volumes of the Stack, and where they are.",
             object_field(
                 "", "",
                 {text_field("path", "An absolute path inside.").as_required().between(1, 4096),
                  text_field("volume",
                             "The Volume's name in the Stack; none: a "
                             "volume of its own, without a name.")
                      .between(1, 255),
                  boolean_field("readOnly", "Nothing inside may write to it.").with_default(false),
                  boolean_field("copy",
                                "An empty volume gets what the image has "
                                "there.")
                      .with_default(true)}))
      .between(0, 100);
}

Field service_files_field() {
  return list_field(
             "files",
             "Files and directories of the repository (also compose's configs and secrets), "
             "read-only.",
             object_field(
                 "", "",
                 {text_field("path", "Where they are inside: an absolute path.")
                      .as_required()
                      .between(1, 4096),
                  text_field("source", "The path in the repository; none: `content` is the file.")
                      .between(1, 4096),
                  text_field("id", "Of the Git tree or blob.").between(40, 64),
                  text_field("content", "The file's content, where no file has it.")
                      .between(0, 1 << 20)
                      .or_secret(),
                  integer_field("mode", "Permission bits of a file, as a decimal number.")
                      .between(0, 07777),
                  integer_field("uid", "Its owner inside.").between(0, 1LL << 31),
                  integer_field("gid", "Its group inside.").between(0, 1LL << 31)}))
      .between(0, 200);
}

Field build_field_with(std::vector<Field> more) {
  std::vector<Field> fields{
      text_field("context", "The directory of the repository that is sent to the build.")
          .with_default(".")
          .between(1, 4096)
          .checked_by(check_relative_path),
      text_field("dockerfile", "Its Dockerfile, seen from the context.")
          .with_default("Dockerfile")
          .between(1, 4096)
          .checked_by(check_relative_path),
      text_field("target", "The stage to build.").between(1, 255),
      map_field("args", "Build arguments.", text_field("", "").between(0, kLongText))
          .between(0, kManyEntries)};
  for (Field& field : more) fields.push_back(std::move(field));
  return object_field("build", "Builds the image from a Dockerfile of the repository.",
                      std::move(fields))
      .like("{context: api}");
}

std::vector<Field> image_fields() {
  return {text_field("image", "The image it runs; of `build`, the name it gets.").between(1, 512),
          build_field_with(
              {text_field("tree",
                          "Of the Git tree of the context: another one is "
                          "another image.")
                   .between(40, 64),
               text_field("dockerfileInline", "The Dockerfile itself.").between(1, 1 << 20),
               map_field("labels", "Labels of the image.", text_field("", "").between(0, kLongText))
                   .between(0, kManyEntries)}),
          text_field("imagePolicy", "`pinned` or `follow`, see Stack.")
              .one_of({"pinned", "follow"})
              .with_default("pinned"),
          text_field("platform", "\"linux/amd64\"").between(1, 100)};
}

std::vector<Field> process_fields() {
  return {
      texts_field("entrypoint", "In the place of the image's."),
      texts_field("command", "In the place of the image's."),
      text_field("workingDir", "Where its command runs; else the image says.").between(1, 4096),
      text_field("user", "`UID[:GID]` or names that the image knows.").between(1, 255),
      texts_field("groups", "Further groups of its user."),
      text_field("hostname", "What it is called inside.").between(1, 63),
      map_field("env", "Environment variables.",
                text_field("", "").between(0, kLongText).or_secret())
          .between(0, 2 * kManyEntries),
      map_field("labels", "Labels of the compose file.", text_field("", "").between(0, kLongText))
          .between(0, kManyEntries),
      service_resources_field(),
      map_field(
          "ulimits", "Limits of the kernel, by name.",
          object_field("", "",
                       {integer_field("soft", "What holds.").as_required(),
                        integer_field("hard", "How far it may be raised inside.").as_required()}))
          .between(0, 50),
      service_health_field(),
      text_field(
          "restart",
          "What happens once it ends by itself: `no`, `on-failure`, `always` or "
          "`unless-stopped`. One that ended well where nothing starts it again is Completed.")
          .one_of({"no", "on-failure", "always", "unless-stopped"})
          .with_default("on-failure"),
      integer_field("restartAttempts", "How often `on-failure` tries; always if not given.")
          .between(1, 1'000'000),
      text_field("stopSignal", "What asks it to stop; TERM, or what the image says.")
          .between(1, 32),
      duration_field("grace", "How long it may take to stop after the signal, before KILL.")
          .between(0, kHour)
          .with_default(10 * kSecond),
      boolean_field("init", "Runs under an init that reaps zombies.").with_default(false),
      boolean_field("tty", "It has a terminal.").with_default(false),
      boolean_field("stdinOpen", "Its input stays open.").with_default(false)};
}

std::vector<Field> storage_fields() {
  return {
      mounts_field(), service_files_field(),
      list_field(
          "tmpfs", "File systems in memory.",
          object_field(
              "", "",
              {text_field("path", "Where it is inside.").as_required().between(1, 4096),
               bytes_field("size", "What it holds at most."),
               integer_field("mode", "Permission bits, as a decimal number.").between(0, 07777)}))
          .between(0, 100),
      boolean_field("readOnly", "Its own root file system cannot be written.").with_default(false)};
}

std::vector<Field> network_fields() {
  return {
      list_field("networks", "Networks of the Stack that it is in.",
                 object_field("", "",
                              {text_field("name", "The Network's name in the Stack.").as_required(),
                               list_field("aliases",
                                          "Names that it answers to there, beside its "
                                          "own.",
                                          text_field("", "").between(1, 255))
                                   .between(0, 100)}))
          .between(0, 50),
      list_field("ports", "Ports that visitors or health checks reach it at.", port_field("", ""))
          .between(0, 100),
      list_field(
          "routes", "Who is led to which port.",
          object_field("", "",
                       {text_field("host", "A host, or a name that stands for TENANT-NAME.DOMAIN.")
                            .as_required(),
                        port_field("port", "Its own port.").as_required()}))
          .between(0, 100)
          .for_croft(),
      list_field(
          "hostPorts", "Ports of the machine itself.",
          object_field(
              "", "",
              {text_field("address", "An address of the machine; all of them if it is not given.")
                   .between(1, 64),
               port_field("published",
                          "The host's port; any free one if it is not "
                          "given."),
               port_field("port", "Its own port.").as_required(),
               text_field("protocol", "What is spoken.")
                   .one_of({"tcp", "udp"})
                   .with_default("tcp")}))
          .between(0, 100),
      texts_field("extraHosts", "`NAME=ADDRESS`, for its /etc/hosts."),
      texts_field("dns", "Name servers."),
      texts_field("dnsSearch", "Domains to search."),
      texts_field("dnsOptions", "Options of its resolver."),
      map_field("sysctls", "Kernel parameters of its own namespaces.",
                text_field("", "").between(0, 1024))
          .between(0, 50)};
}

// What loosens the walls around it: refused unless the plan or the tenant allows it.
std::vector<Field> privilege_fields() {
  return {
      boolean_field("privileged", "No walls at all.").with_default(false),
      texts_field("capAdd", "Capabilities beside those that every service has."),
      texts_field("capDrop", "Capabilities of those that every service has."),
      texts_field("securityOptions", "As the engine takes them."),
      list_field("devices", "Devices of the host.",
                 object_field(
                     "", "",
                     {text_field("host", "Its path on the machine.").as_required().between(1, 4096),
                      text_field("path", "Its path inside.").as_required().between(1, 4096),
                      text_field("permissions", "Of `r`, `w` and `m`.").with_default("rwm")}))
          .between(0, 50),
      list_field(
          "hostMounts", "Paths of the host.",
          object_field(
              "", "",
              {text_field("source", "The path on the machine.").as_required().between(1, 4096),
               text_field("path", "The path inside.").as_required().between(1, 4096),
               boolean_field("readOnly", "Nothing inside may write there.").with_default(false)}))
          .between(0, 50),
      text_field("networkMode", "`none`, `host`, or `service:NAME` of the same Stack.")
          .between(1, 255),
      text_field("pid", "Whose processes it sees: `host`, or `service:NAME`.").between(1, 255),
      text_field("ipc", "Whose shared memory it has: `private`, `shareable`, `none`, `host`.")
          .between(1, 255),
      text_field("uts", "Whose host name it has: `host`.").between(1, 255),
      text_field("userns", "Whose users it has: `host`.").between(1, 255),
      text_field("cgroupns", "Whose control groups it sees: `host` or `private`.").between(1, 255),
      text_field("runtime", "The OCI runtime; the engine's default if it is not given.")
          .between(1, 255)};
}

std::vector<Field> joined_fields(std::initializer_list<std::vector<Field>> groups) {
  std::vector<Field> all;
  for (const std::vector<Field>& group : groups) all.insert(all.end(), group.begin(), group.end());
  return all;
}

}  // namespace

Field containers_field(std::string help) {
  using namespace loosening;
  std::vector<std::string> words;
  for (const std::string_view word : {kPrivileged, kHostNetwork, kHostNamespaces, kHostPorts,
                                      kHostMounts, kDevices, kRuntimes, kSecurityOptions, kUlimits})
    words.emplace_back(word);
  return object_field(
             "containers", std::move(help),
             {list_field("allow",
                         "`privileged`; `hostNetwork`; `hostNamespaces` (`pid`, `ipc`, `uts`, "
                         "`userns`, `cgroup` of the host); `hostPorts`, ports of the machine "
                         "itself; `hostMounts`, paths of it, the engine's socket among them; "
                         "`devices`; `runtimes`, other OCI runtimes; `securityOptions`; `ulimits`, "
                         "also those that take processor time of others (`rtprio`, `nice`). Each "
                         "but `hostPorts` and `ulimits` is a way to the whole machine.",
                         text_field("", "").one_of(std::move(words)))
                  .between(0, 20)
                  .cross_checked_by(check_distinct)
                  .like("[hostPorts]"),
              list_field("capabilities",
                         "Capabilities of Linux that `cap_add` may name, beside the usual ones.",
                         text_field("", "").between(1, 64))
                  .between(0, 64)
                  .cross_checked_by(check_distinct)
                  .like("[NET_RAW]")})
      .like("{allow: [hostPorts]}");
}

Field instance_build_field() { return build_field_with({}); }

Field describe_stack() {
  return object_field("spec", "", stack_fields()).cross_checked_by(check_stack);
}

Field describe_service() {
  std::vector<Field> fields = joined_fields({image_fields(),
                                             process_fields(),
                                             storage_fields(),
                                             network_fields(),
                                             privilege_fields(),
                                             {provider_field()},
                                             common_tenant_fields()});
  fields.push_back(map_field("dependsWhen",
                             "Of a Service in `dependsOn`: when it counts as there. `healthy` if "
                             "nothing is said.",
                             text_field("", "").one_of({"started", "healthy", "completed"}))
                       .for_croft());
  return object_field("spec", "", std::move(fields));
}

Field describe_volume() {
  return object_field("spec", "",
                      joined_fields({{size_field(),
                                      map_field("labels", "Labels of the compose file.",
                                                text_field("", "").between(0, kLongText))
                                          .between(0, kManyEntries),
                                      provider_field()},
                                     common_tenant_fields()}));
}

Field describe_network() {
  return object_field(
      "spec", "",
      joined_fields({{boolean_field("internal", "Nothing outside is reached from it.")
                          .with_default(false)
                          .replaces(),
                      map_field("labels", "Labels of the compose file.",
                                text_field("", "").between(0, kLongText))
                          .between(0, kManyEntries)
                          .replaces(),
                      provider_field()},
                     common_tenant_fields()}));
}

}  // namespace croft
