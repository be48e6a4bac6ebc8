#include "core/resource/kind_checks.hpp"

// The kinds of the platform repository: Tenant, Plan, Provider, Source.

namespace croft {

namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kDay = 24 * 60 * kMinute;
constexpr std::int64_t kManyCount = 1'000'000;
constexpr std::int64_t kPebibyte = 1LL << 50;

// Credentials are only ever a secret's name, in the shape that secrets have everywhere.
Field credentials_field(std::string help) {
  return object_field("credentials", std::move(help),
                      {text_field("secret",
                                  "A Secret of the platform repository (`NAME`, `NAME/KEY`), else "
                                  "a file in the setting `secrets.dir`.")
                           .as_required()
                           .checked_by(check_secret_name)})
      .like("{secret: fly-token}");
}

Field text_list(std::string name, std::string help, Field element) {
  return list_field(std::move(name), std::move(help), std::move(element))
      .between(1, 1000)
      .cross_checked_by(check_distinct);
}

// What opens a repository may also be an app that its host knows.
Field source_credentials_field() {
  return object_field(
             "credentials", "What opens the repository: exactly one of these.",
             {text_field("secret",
                         "An SSH private key or an HTTPS token: a Secret of the platform "
                         "repository (`NAME`, `NAME/KEY`), else a file in the setting "
                         "`secrets.dir`.")
                  .checked_by(check_secret_name),
              object_field(
                  "githubApp",
                  "A GitHub App that is installed there: its tokens last an hour and are made as "
                  "they are needed, for fetching and for `commitStatus`.",
                  {integer_field("appId", "The App's number (\"App ID\").")
                       .as_required()
                       .between(1, kPebibyte),
                   integer_field("installationId",
                                 "The installation's number, the end of its settings' URL.")
                       .as_required()
                       .between(1, kPebibyte),
                   text_field("secret", "The App's private key, as GitHub gives it (PEM).")
                       .as_required()
                       .checked_by(check_secret_name),
                   text_field("url",
                              "The API of a GitHub Enterprise Server; that of the repository's "
                              "host if it is not given.")
                       .between(1, 2048)
                       .checked_by(check_web_url)
                       .like("https://github.example.com/api/v3")})
                  .like("{appId: 12345, installationId: 67890, secret: github-app}")})
      .cross_checked_by(check_source_credentials)
      .like("{secret: alice-key}");
}

Field verify_field() {
  return object_field(
             "verify",
             "Whose signatures commits must bear. What is not signed by one of these keys changes "
             "nothing, and the source says so.",
             {text_field("mode",
                         "`head`: the newest commit must be signed (or the signed tag that `ref` "
                         "names); `every`: all since the last applied one, too.")
                  .one_of({"head", "every"})
                  .with_default("head"),
              text_list("ssh",
                        "SSH keys: public keys, or lines of OpenSSH's allowed signers with their "
                        "principals and options.",
                        text_field("", "").between(1, 16384).checked_by(check_allowed_signer))
                  .like("[\"ssh-ed25519 AAAA... alice@laptop\"]"),
              text_list("gpg", "GPG keys, as `gpg --armor --export` gives them.",
                        text_field("", "").between(1, 262'144).checked_by(check_gpg_key))
                  .like("[\"-----BEGIN PGP PUBLIC KEY BLOCK-----...\"]")})
      .cross_checked_by(check_verify)
      .like("{ssh: [\"ssh-ed25519 AAAA... alice@laptop\"]}");
}

Field count_field(std::string name, std::string help) {
  return integer_field(std::move(name), std::move(help)).between(0, kManyCount);
}

Field size_field(std::string name, std::string help) {
  return bytes_field(std::move(name), std::move(help)).between(0, kPebibyte);
}

Field secret_name_field(std::string help) {
  return text_field("secret", std::move(help)).as_required().checked_by(check_secret_name);
}

Field receiver_field() {
  return object_field(
             "receiver",
             "A hook by which the repository's host tells of pushes at once; `croft hooks` says "
             "its URL. What is told is looked up: a delivery changes nothing by itself.",
             {text_field("type",
                         "Who calls: a forge, or anything that signs its body (`hmac`) or sends a "
                         "header (`token`).")
                  .as_required()
                  .one_of({"github", "gitlab", "gitea", "forgejo", "bitbucket", "hmac", "token"}),
              secret_name_field("What both sides know: named as in `credentials`.")})
      .like("{type: github, secret: alice-hook}");
}

Field commit_status_field() {
  return object_field(
             "commitStatus",
             "Reports to the repository's host how each revision fares, and on merge requests what "
             "they would change and cost.",
             {text_field("type", "Whose API it is.")
                  .as_required()
                  .one_of({"github", "gitlab", "gitea", "forgejo", "bitbucket"}),
              text_field("secret",
                         "A token that may write statuses, and comments if there are to be any: "
                         "named as in `credentials`. Without it the `githubApp` of `credentials` "
                         "writes them.")
                  .checked_by(check_secret_name),
              text_field("url",
                         "The API, as `https://git.example.com/api/v1`; that of the repository's "
                         "host if it is not given.")
                  .between(1, 2048)
                  .checked_by(check_web_url)
                  .like("https://git.example.com/api/v1"),
              text_field("repository",
                         "What the host calls the repository; the path of the Source's `url` if it "
                         "is not given.")
                  .between(1, 512)
                  .checked_by(check_repository_path)
                  .like("alice/hosting"),
              text_field("context", "What the statuses are called: `CONTEXT/SOURCE`.")
                  .between(1, 30)
                  .checked_by(check_resource_name)
                  .with_default("croft"),
              boolean_field("resources", "Whether each resource has a status of its own, too.")
                  .with_default(false),
              boolean_field("mergeRequests",
                            "Whether merge requests get a comment with the changes and their "
                            "price; needs a `receiver`.")
                  .with_default(true),
              text_field("link",
                         "Where a status leads; `{tenant}`, `{source}` and `{revision}` stand for "
                         "what it is about.")
                  .between(1, 2048)
                  .checked_by(check_web_url)
                  .like("https://hosting.example.com/{tenant}?revision={revision}")})
      .like("{type: github, secret: github-token}");
}

}  // namespace

Field source_location_fields(std::string name, std::string help, std::vector<Field> more) {
  std::vector<Field> fields{
      text_field("url", "The repository: an absolute path, `file:///`, `https://` or `ssh://`.")
          .as_required()
          .checked_by(check_repository_url)
          .like("https://git.example.com/alice/hosting.git"),
      text_field("ref", "The branch or full ref to follow.")
          .with_default("main")
          .checked_by(check_git_ref),
      text_field("path",
                 "The directory of the repository that holds the manifests; `.` is all of it.")
          .with_default(".")
          .checked_by(check_relative_path),
      duration_field(
          "interval",
          "How often a remote repository is asked for news. Local ones are noticed at once.")
          .between(kSecond, kDay)
          .with_default(kMinute),
      source_credentials_field(),
      verify_field(),
      receiver_field(),
      commit_status_field(),
  };
  fields.insert(fields.end(), more.begin(), more.end());
  return object_field(std::move(name), std::move(help), std::move(fields))
      .cross_checked_by(check_source);
}

Field describe_tenant() {
  return object_field(
      "spec", "",
      {text_field("plan", "The Plan the tenant is on.")
           .as_required()
           .checked_by(check_resource_name)
           .like("hobby"),
       list_field("sshKeys",
                  "Public keys that identify the tenant's people, as in `authorized_keys`.",
                  text_field("", "").between(1, 16384).checked_by(check_ssh_key))
           .between(0, 100)
           .cross_checked_by(check_distinct)
           .like("[\"ssh-ed25519 AAAA... alice@laptop\"]"),
       list_field("contacts", "Whom to tell: mail addresses or URLs.",
                  text_field("", "").between(1, 320))
           .between(0, 20)
           .cross_checked_by(check_distinct)
           .like("[alice@example.com]"),
       source_location_fields(
           "source", "Where the tenant's manifests are; short for a Source with the tenant's name.",
           {text_field("windows", "When changes may be applied.").later("change windows")})
           .like("{url: \"https://git.example.com/alice/hosting.git\"}"),
       list_field("hosts",
                  "Hosts of their own that the operator allows the tenant to serve; a name allows "
                  "its subdomains too.",
                  text_field("", "").checked_by(check_host_name))
           .between(0, 1000)
           .cross_checked_by(check_distinct)
           .like("[alice.dev]"),
       containers_field("What this tenant's containers may do, beside what the plan allows."),
       boolean_field("suspended", "Stops what runs, keeps the data, and says so to visitors.")
           .with_default(false)});
}

namespace {

Field price_field() {
  return object_field(
             "price", "What the plan costs.",
             {text_field("amount",
                         "A decimal number with at most as many digits as the currency has.")
                  .as_required()
                  .like("\"9.00\""),
              text_field("currency", "An ISO 4217 code.").as_required().like("USD"),
              text_field("per", "What the amount is for.")
                  .as_required()
                  .one_of({"hour", "month", "year"})})
      .cross_checked_by(check_price)
      .like("{amount: \"9.00\", currency: USD, per: month}");
}

Field tiers_field() {
  return list_field(
             "tiers", "What the amount is up to which quantity, in the order of the quantities.",
             object_field(
                 "", "",
                 {integer_field("upTo", "The last unit of the tier; the last tier has none.")
                      .between(1, kManyCount * kManyCount),
                  text_field("amount", "For each unit: a decimal number.")
                      .as_required()
                      .checked_by(check_rate)
                      .like("\"0.05\""),
                  text_field("flat", "Once, as soon as the tier is reached: a decimal number.")
                      .checked_by(check_rate)
                      .like("\"1.00\"")}))
      .between(1, 50)
      .like("[{upTo: 100, amount: \"0.05\"}, {amount: \"0.03\"}]");
}

Field rates_field() {
  return list_field(
             "rates", "What usage costs, past what is included.",
             object_field(
                 "", "",
                 {text_field(
                      "meter",
                      "`activeHours`: hours that Instances run; `storage`: GiB kept for a "
                      "month; `egress`: GiB sent out; `requests`: million requests answered.")
                      .as_required()
                      .one_of({"activeHours", "storage", "egress", "requests"}),
                  text_field("mode",
                             "`unit`: `amount` for each unit; `graduated`: each unit at the amount "
                             "of its own tier; `volume`: all units at the amount of the tier that "
                             "they reach; `package`: `amount` for each begun package of `size` "
                             "units.")
                      .one_of({"unit", "graduated", "volume", "package"})
                      .with_default("unit"),
                  text_field("amount", "A decimal number, with as many digits as it takes.")
                      .checked_by(check_rate)
                      .like("\"0.15\""),
                  integer_field("size", "Units in a package.").between(1, kManyCount * kManyCount),
                  tiers_field()})
                 .cross_checked_by(check_rate_fields))
      .between(1, 20)
      .like("[{meter: activeHours, amount: \"0.04\"}]");
}

Field rules_field() {
  return text_field(
             "rules",
             "What computes the price: the name of a rule that comes with Croft, or the path of "
             "a Lua file, seen from the platform's manifests. Without it: `hourly` for a "
             "price per hour, `tiered` for a plan with `rates`, else `flat`.")
      .between(1, 1024)
      .checked_by(check_rules_name)
      .like("rules/hours-included.lua");
}

Field usage_thresholds_field() {
  return list_field("usageThresholds",
                    "Percentages of a quota. A push that brings what is used up to one of them is "
                    "told of: the event `croft.usage.threshold`.",
                    integer_field("", "").between(1, 100))
      .between(0, 10)
      .cross_checked_by(check_distinct)
      .with_default(Value(Value::List{Value(80), Value(100)}))
      .like("[50, 90]");
}

Field quotas_field() {
  return object_field(
             "quotas",
             "The most that a tenant may have at a time. What is not named is not limited.",
             {count_field("instances", "Instances."), count_field("sites", "Sites."),
              count_field("stacks", "Stacks."), count_field("services", "Services of all Stacks."),
              count_field("databases", "Databases."),
              count_field("domains", "Hosts of their own, of Sites and Instances."),
              count_field("concurrent", "Instances and Services that run at the same time."),
              count_field("concurrentPerProvider",
                          "Instances and Services that run at the same time on one provider."),
              count_field("providers", "Providers in use."),
              cpu_field("cpu", "Sum of the cpu of all Instances and Services.")
                  .between(0, kManyCount * 1000),
              size_field("memory", "Sum of the memory of all Instances and Services."),
              size_field("storage", "Sum of volumes and releases."),
              size_field("fileSize", "Size of one file of a Site.")})
      .like("{instances: 3, cpu: 1, memory: 1GiB, storage: 10GiB}");
}

}  // namespace

Field describe_plan() {
  return object_field(
             "spec", "",
             {price_field(),
              object_field(
                  "includes", "What the price covers.",
                  {count_field("activeHours", "Hours that Instances run, all together, a month."),
                   size_field("storage", "Storage."),
                   size_field("egress", "Outgoing traffic a month.")})
                  .like("{activeHours: 100, storage: 20GiB}"),
              rates_field(), quotas_field(), usage_thresholds_field(),
              list_field(
                  "allowedProviders",
                  "The Providers that tenants of the plan may use; all that are open to them if it "
                  "is not given.",
                  text_field("", "").checked_by(check_resource_name))
                  .between(1, 1000)
                  .cross_checked_by(check_distinct)
                  .like("[local]"),
              object_field(
                  "governors", "What stops by itself.",
                  {duration_field("maxRuntime", "The longest that an Instance runs at a stretch.")
                       .between(kMinute, 3650 * kDay),
                   duration_field("idleAfter",
                                  "How long without a request until an Instance counts as idle. "
                                  "Nothing acts on it yet: what idles runs on, and is paid for, "
                                  "until a later version lets it sleep.")
                       .between(kSecond, 3650 * kDay)})
                  .like("{maxRuntime: 4h}"),
              object_field("network", "What apps may reach.",
                           {text_field("egress",
                                       "`allow`: DNS and the outside world; `deny`: nothing. Other "
                                       "tenants, the host and "
                                       "private addresses are never reachable.")
                                .one_of({"allow", "deny"})
                                .with_default("allow")})
                  .with_default(Value::map())
                  .like("{egress: deny}"),
              containers_field("What containers may do beyond the walls that stand around each: "
                               "nothing, if it is not given."),
              rules_field()})
      .cross_checked_by(check_plan);
}

Field describe_provider() {
  return object_field(
             "spec", "",
             {text_field("adapter",
                         "The code that drives this type of target: `process` (local processes in "
                         "namespaces), "
                         "`docker` (containers of a Docker Engine or Podman), "
                         "`site` (static sites served by the gateway), or a script: one that Croft "
                         "brings along, or `adapters/NAME/adapter.lua` of the platform repository.")
                  .as_required()
                  .checked_by(check_resource_name)
                  .like("process"),
              map_field("settings",
                        "What the adapter wants to know; each adapter documents its own. "
                        "`process`: `isolation`, `full` (the "
                        "default) or `none`, which runs apps even where the machine cannot keep "
                        "them apart; `volumes`, `image` (the default: they hold their size and no "
                        "more) or `directory`, which is only measured. `docker`: `host` and what "
                        "else docs/docker.md lists. A script has `url`, another "
                        "address of its server, and what it says itself.",
                        text_field("", "").or_secret())
                  .between(0, 100)
                  .like("{isolation: full}"),
              credentials_field("What the adapter signs in with."),
              object_field(
                  "rateLimit",
                  "How often Croft may call the target. What is not given is the adapter's own.",
                  {integer_field("perSecond", "Calls in any second.").between(1, 10000),
                   integer_field("perHour", "Calls in any hour.").between(1, 1'000'000),
                   integer_field("concurrency", "Calls at the same time.").between(1, 10000)})
                  .like("{perSecond: 1, perHour: 100, concurrency: 4}"),
              text_field("healthRule",
                         "A Lua file of the platform's manifests that judges whether what runs "
                         "there is well, in the place of the adapter.")
                  .between(1, 1024)
                  .checked_by(check_lua_path)
                  .like("rules/health.lua"),
              list_field("tenants", "The tenants that may use it; all if it is not given.",
                         text_field("", "").checked_by(check_tenant_name))
                  .between(1, 100'000)
                  .cross_checked_by(check_distinct)
                  .like("[alice, bob]"),
              boolean_field("default",
                            "Used by what does not name a provider. One of an adapter at most.")
                  .with_default(false)})
      .cross_checked_by(check_provider);
}

Field describe_source() {
  return source_location_fields(
      "spec", "",
      {text_field("tenant", "Whose resources the repository declares.")
           .as_required()
           .checked_by(check_tenant_name)
           .like("alice"),
       text_field("windows", "When changes may be applied.").later("change windows")});
}

}  // namespace croft
