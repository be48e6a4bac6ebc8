#include "core/resource/kind_checks.hpp"
#include "core/resource/kinds.hpp"

// The kinds of tenants' repositories: Instance, Site.

namespace croft {

namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kMebibyte = 1LL << 20;

Field files_field(std::string help) {
  return object_field("files", std::move(help),
                      {text_field("path", "A directory, seen from the root of the source.")
                           .as_required()
                           .checked_by(check_relative_path)})
      .like("{path: public}");
}

Field hosts_field(std::string name, std::string help) {
  return list_field(std::move(name), std::move(help),
                    text_field("", "").checked_by(check_host_name))
      .between(0, 100)
      .cross_checked_by(check_distinct)
      .for_croft()  // routes are the gateway's: a new host must not restart an app
      .like("[blog.alice.dev]");
}

std::vector<Field> with_common(std::vector<Field> fields) {
  for (Field& field : common_tenant_fields()) fields.push_back(std::move(field));
  return fields;
}

Field resources_field() {
  return object_field(
             "resources", "What the app may use; enforced.",
             {cpu_field("cpu", "Processor time: `250m` is a quarter of a core.")
                  .between(10, 256'000)
                  .with_default(250),
              bytes_field("memory", "Memory; past it the app is killed and started again.")
                  .between(4 * kMebibyte, kMebibyte << 20)
                  .with_default(128 * kMebibyte),
              integer_field("pids", "Processes and threads.").between(1, 32768).with_default(128)})
      .with_default(Value::map())
      .like("{cpu: 250m, memory: 128MiB}");
}

Field secret_files_field() {
  return map_field("secretFiles",
                   "Files that hold a secret, by their path: read-only, for the app's user alone, "
                   "in memory where the provider can.",
                   text_field("", "").or_secret())
      .between(0, 50)
      .cross_checked_by(check_secret_files)
      .like("{/run/secrets/tls.key: {secret: tls/key}}");
}

Field health_field() {
  return object_field(
             "health",
             "How Croft knows that the app is well. Exactly one of `http`, `tcp`, `exec`.",
             {text_field("http", "A path on the app's port that answers with a status below 400.")
                  .checked_by(check_url_path)
                  .like("/healthz"),
              integer_field("tcp", "A port that accepts connections.")
                  .between(1, 65535)
                  .like("5432"),
              list_field("exec", "A command that exits with 0, run beside the app.",
                         text_field("", "").between(1, 65536))
                  .between(1, 1000)
                  .like("[./check.sh]"),
              duration_field("interval", "Time between two checks.")
                  .between(kSecond, kHour)
                  .with_default(10 * kSecond),
              duration_field("timeout", "How long one check may take.")
                  .between(100, kHour)
                  .with_default(5 * kSecond),
              duration_field("startWithin",
                             "How long the app may take until the first check passes.")
                  .between(kSecond, 24 * kHour)
                  .with_default(60 * kSecond)})
      .cross_checked_by(check_health)
      .like("{http: /healthz, startWithin: 20s}");
}

Field volumes_field() {
  return list_field(
             "volumes", "Private, writable directories that outlive restarts and updates.",
             object_field(
                 "", "",
                 {text_field("name",
                             "Its name among the volumes of the Instance; the data goes with it.")
                      .as_required()
                      .checked_by(check_resource_name)
                      .like("data"),
                  text_field("path", "Where the app finds it: an absolute path.")
                      .as_required()
                      .between(1, 1024)
                      .checked_by(check_absolute_path)
                      .like("/data"),
                  bytes_field("size", "The most it holds.")
                      .between(kMebibyte, kMebibyte << 24)
                      .with_default(1024 * kMebibyte)}))
      .between(0, 16)
      .cross_checked_by(check_volumes)
      .like("[{name: data, path: /data, size: 1GiB}]");
}

std::vector<Field> instance_fields() {
  return with_common(
      {list_field("command",
                  "The program and its arguments, run in the directory of its files; no shell is "
                  "involved. Required without `image` and `build`.",
                  text_field("", "").between(0, 131'072))
           .between(1, 1000)
           .like("[python3, app.py]"),
       files_field("The app's own files from the repository, read-only. A change of them is a "
                   "change of the Instance."),
       map_field("env", "Environment variables. `$PORT`, where to listen, is set by Croft.",
                 text_field("", "").between(0, 131'072).or_secret())
           .between(0, 500)
           .cross_checked_by(check_environment)
           .like("{GREETING: hello}"),
       secret_files_field(), resources_field(),
       object_field("http", "How visitors reach the app.",
                    {integer_field("port",
                                   "The port the app listens on, which `$PORT` says too; Croft "
                                   "chooses one if it is not given.")
                         .between(1, 65535)
                         .like("8080"),
                     hosts_field("hosts", "Hosts of your own, beside TENANT-NAME.DOMAIN.")})
           .like("{port: 8080}"),
       health_field(), volumes_field(),
       text_field("provider", "The Provider to run on; the operator's default if it is not given.")
           .checked_by(check_resource_name)
           .replaces()
           .for_croft()
           .like("local"),
       duration_field("grace",
                      "How long the app may take to stop after the signal TERM, before KILL.")
           .between(0, kHour)
           .with_default(10 * kSecond),
       text_field("image",
                  "A container image, for providers that run those. A tag is resolved when it is "
                  "applied, and kept.")
           .between(1, 512)
           .like("nginx:1.27"),
       instance_build_field(),
       text_field("imagePolicy",
                  "`pinned`: a tag means the image that it named when it was applied; `follow`: a "
                  "tag that moves is an update.")
           .one_of({"pinned", "follow"}),
       text_field("template", "A Template to start from.").later("templates"),
       text_field("power", "Whether it always runs or sleeps until it is needed.")
           .later("power management")});
}

std::vector<FieldProblem> check_instance(const Value& spec) {
  std::vector<FieldProblem> problems = check_instance_image(spec);
  for (FieldProblem& problem : check_ignored_paths(spec_of(Kind::Instance), spec))
    problems.push_back(std::move(problem));
  return problems;
}
std::vector<FieldProblem> check_site(const Value& spec) {
  return check_ignored_paths(spec_of(Kind::Site), spec);
}

}  // namespace

Field describe_instance() {
  return object_field("spec", "", instance_fields()).cross_checked_by(check_instance);
}

Field describe_site() {
  return object_field(
             "spec", "",
             with_common(
                 {files_field("The directory of the repository that is served.").as_required(),
                  hosts_field("domains",
                              "Hosts of your own, beside TENANT-NAME.DOMAIN. The operator must "
                              "allow them."),
                  integer_field("retain", "How many releases are kept to go back to.")
                      .between(1, 100)
                      .with_default(5),
                  text_field("index", "The file that stands for its directory.")
                      .between(1, 255)
                      .checked_by(check_relative_path)
                      .with_default("index.html"),
                  text_field("notFound",
                             "The file that is shown, with status 404, for what is not there.")
                      .between(1, 1024)
                      .checked_by(check_relative_path)
                      .with_default("404.html"),
                  text_field("headers", "Headers to add to responses.").later("headers of sites"),
                  text_field("redirects", "Paths that lead elsewhere.").later("redirects"),
                  text_field("access", "Who may see it.").later("access rules"),
                  text_field("link", "Serves under the path of another site.")
                      .later("linked sites")}))
      .cross_checked_by(check_site);
}

}  // namespace croft
