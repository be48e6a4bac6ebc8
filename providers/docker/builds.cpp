#include "providers/docker/builds.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/id.hpp"
#include "core/base/log.hpp"
#include "providers/docker/build_cgroup.hpp"
#include "providers/docker/dockerfile.hpp"
#include "providers/docker/engine/build_context.hpp"
#include "providers/docker/image_name.hpp"
#include "providers/docker/images.hpp"
#include "providers/docker/objects.hpp"
#include "providers/docker/spec.hpp"
#include "providers/docker/tree_with_file.hpp"

namespace croft::docker {

namespace {

constexpr std::size_t kLargestDockerfile = 1 << 20;
constexpr std::size_t kLongestLine = 4'000;
constexpr std::int64_t kBuildProcesses = 4096;
constexpr const char* kSentDockerfile = ".croft.dockerfile";
constexpr const char* kIgnoreFile = ".dockerignore";

struct BuildPlan {
  std::string tag;
  std::string context_path;
  std::string dockerfile;
  std::vector<std::string> bases;  ///< images that it takes from
  std::shared_ptr<const FileTree> context;
  BuildImage request;
};

std::map<std::string, std::string> text_map(const Value& spec, std::string_view path) {
  std::map<std::string, std::string> texts;
  for (const Value::Entry& entry : entries_at(spec, path)) {
    if (entry.value.is_text()) texts.emplace(entry.key, entry.value.as_text());
  }
  return texts;
}

Result<std::string> read_dockerfile(const BuildPlan& plan) {
  const Result<TreeEntry> entry = plan.context->entry(plan.dockerfile);
  if (!entry)
    return fail(Error(ErrorCode::Invalid,
                      fmt::format("there is no {} in {}", plan.dockerfile, plan.context_path))
                    .with_hint("say with build.dockerfile where it is, seen from the context"));
  if (entry->mode != FileMode::Regular && entry->mode != FileMode::Executable)
    return fail(Error(ErrorCode::Invalid, fmt::format("{} in {} is no regular file",
                                                      plan.dockerfile, plan.context_path))
                    .with_hint("name the file itself in build.dockerfile, not a link to it"));
  return plan.context->read(entry->id, kLargestDockerfile);
}

/// What the context leaves out, as its author wrote it: DOCKERFILE.dockerignore goes before
/// .dockerignore.
Result<std::string> read_ignore(const BuildPlan& plan) {
  for (const std::string& path : {plan.dockerfile + ".dockerignore", std::string(kIgnoreFile)}) {
    const Result<TreeEntry> entry = plan.context->entry(path);
    if (!entry || (entry->mode != FileMode::Regular && entry->mode != FileMode::Executable))
      continue;
    return plan.context->read(entry->id, kLargestDockerfile);
  }
  return std::string();
}

/// The engine gets the very text that was checked, whatever else the tree holds. Once it has read
/// the Dockerfile it takes away what .dockerignore names: so nobody's `COPY . .` finds what only
/// we put there.
Result<void> send_checked(BuildPlan& plan, const std::string& text) {
  TRY_ASSIGN(std::string ignore, read_ignore(plan));
  std::string lines = fmt::format("\n{}\n", kSentDockerfile);
  if (!plan.context->entry(kIgnoreFile)) lines += std::string(kIgnoreFile) + "\n";
  plan.context = tree_with_file(plan.context, kIgnoreFile, ignore + lines);
  plan.context = tree_with_file(plan.context, kSentDockerfile, text);
  plan.dockerfile = kSentDockerfile;
  return {};
}

/// Blocks for reading trees.
Result<BuildPlan> plan_build(const Core& core, const Effect& effect, const Value& workload) {
  const Value& build = *workload.find("build");
  if (!effect.source) return fail(ErrorCode::Invalid, "there is no repository to build from");
  BuildPlan plan;
  plan.context_path = build.text_or("context", ".");
  plan.dockerfile = build.text_or("dockerfile", "Dockerfile");
  const std::string path = plan.context_path == "." ? "" : plan.context_path;
  TRY_ASSIGN(plan.context, while_doing(effect.source->subtree(path),
                                       "reading the build context " + plan.context_path));
  const std::map<std::string, std::string> arguments = text_map(build, "args");
  const std::string tree = plan.context->id();
  std::string text = build.text_or("dockerfileInline", "");
  if (text.empty()) {
    TRY_ASSIGN(text, read_dockerfile(plan));
  }
  TRY(check_dockerfile(text, arguments));
  TRY_ASSIGN(plan.bases, images_of_dockerfile(text, arguments));
  TRY(send_checked(plan, text));
  Value key = build;
  key.set("tree", tree);
  key.set("platform", workload.text_or("platform", ""));
  plan.tag =
      build_image_name(effect.tenant.uid, effect.uid, sha256_hex(to_json(key)).substr(0, 20));
  const bool is_docker = !core.identity || core.identity->kind == EngineKind::Docker;
  plan.request = {.tag = plan.tag,
                  .dockerfile = plan.dockerfile,
                  .target = build.text_or("target", ""),
                  .arguments = arguments,
                  .labels = text_map(build, "labels"),
                  .network = {},
                  .platform = workload.text_or("platform", ""),
                  .pull = false,
                  .no_cache = false,
                  .memory = core.settings.build_memory.count,
                  .memory_swap = core.settings.build_memory.count,
                  .cpu_period = 100'000,
                  .cpu_quota = core.settings.build_cpu_millis * 100,
                  .shm = 0,
                  .processes = is_docker ? kBuildProcesses : 0,
                  .cache_from = {},
                  .extra_hosts = {},
                  .logins = all_logins(core.settings)};
  plan.request.labels[label::kTenant] = effect.tenant.uid;
  plan.request.labels[label::kUid] = "";
  plan.request.labels[label::kProvider] = "";
  plan.request.labels["croft.build"] = effect.uid;
  return plan;
}

/// Tells a build's output line by line.
class LineTeller {
 public:
  LineTeller(CorePtr core, std::shared_ptr<Job> job)
      : core_(std::move(core)), job_(std::move(job)) {}
  void add(std::string_view text) {
    line_ += text;
    for (std::size_t end = line_.find('\n'); end != std::string::npos; end = line_.find('\n')) {
      say(line_.substr(0, end));
      line_.erase(0, end + 1);
    }
    if (line_.size() > kLongestLine) finish();
  }
  void finish() {
    if (!line_.empty()) say(std::exchange(line_, {}));
  }

 private:
  void say(std::string line) {
    while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
    if (!line.empty()) core_->tell_all(*job_, "BuildOutput", line);
  }
  CorePtr core_;
  std::shared_ptr<Job> job_;
  std::string line_;
};

/// The steps of a build get a network with the walls of any other, or none where the plan denies
/// the way out.
Task<Result<std::string>> build_network(CorePtr core, EffectPtr effect, Limit limit) {
  if (!effect->allow_egress) co_return std::string("none");
  const std::string name = own_object_name(effect->uid, "build");
  CO_TRY(co_await ensure_network(core, effect, name, "build", false, limit));
  co_return name;
}

/// Base images are here before the build begins, and are what their registries give this tenant:
/// the builder takes whatever is here. They are looked at, too: what they do later in this build
/// must not take from others.
Task<Result<void>> check_bases(CorePtr core, EffectPtr effect, std::shared_ptr<BuildPlan> plan,
                               Limit limit) {
  for (const std::string& base : plan->bases) {
    CO_TRY_ASSIGN(ImageName name, parse_image_name(base));
    const std::string doing = "looking at the Dockerfile's image " + base;
    const std::string platform = plan->request.platform;
    Result<Value> image = co_await resolve_image(core, effect, std::move(name), platform, limit);
    if (!image) co_return std::unexpected(std::move(image.error()).while_doing(doing));
    CO_TRY(while_doing(check_owner(*image, *effect), doing));
    CO_TRY(while_doing(check_triggers(texts_at(*image, "Config.OnBuild")), doing));
  }
  co_return Result<void>{};
}

/// A cgroup that bounds what the steps start; where there can be none, the operator is told once.
Task<Result<std::string>> build_cgroup(CorePtr core, std::string uid, Limit limit) {
  CO_TRY_ASSIGN(const Value info, co_await core->engine.system().info(limit.at));
  const EngineKind kind = core->identity ? core->identity->kind : EngineKind::Docker;
  std::string why = reason_against_build_cgroup(core->settings, kind, info);
  if (why.empty()) {
    const std::int64_t processes = core->settings.build_processes;
    auto making = core->pool.run([uid, processes] { return make_build_cgroup(uid, processes); });
    Result<std::string> made = co_await std::move(making);
    if (made) co_return made;
    why = made.error().describe();
  }
  if (!std::exchange(core->has_told_of_builds, true))
    log_warning("docker", "the steps of builds may start any number of processes: " + why);
  co_return std::string();
}

Task<Result<std::string>> build_once(CorePtr core, EffectPtr effect,
                                     std::shared_ptr<BuildPlan> plan, std::shared_ptr<Job> job) {
  const Limit limit{std::chrono::steady_clock::now() + core->settings.build_timeout};
  core->tell_all(*job, "Building", fmt::format("from {}", plan->context_path));
  CO_TRY(co_await check_bases(core, effect, plan, limit));
  CO_TRY_ASSIGN(const std::string network, co_await build_network(core, effect, limit));
  plan->request.network = network;
  CO_TRY_ASSIGN(plan->request.cgroup_parent, co_await build_cgroup(core, effect->uid, limit));
  CO_TRY_ASSIGN(ByteSource context,
                co_await build_context(plan->context, plan->dockerfile, core->pool));
  const auto lines = std::make_shared<LineTeller>(core, job);
  ProgressSink sink = [lines](const Progress& progress) { lines->add(progress.text); };
  BuildImage request = plan->request;
  Result<std::string> built = co_await core->engine.images().build(
      std::move(request), std::move(context), std::move(sink), limit.at);
  lines->finish();
  auto tidying = core->pool.run([uid = effect->uid] {
    remove_build_cgroup(uid);
    return 0;
  });
  co_await std::move(tidying);
  if (network != "none")
    (void)co_await remove_network(core, network, limit.at_most(Duration(30'000)));
  if (!built && is_out_of_space(built.error()))
    co_return std::unexpected(
        std::move(built.error())
            .with_hint("the engine's disk is full: remove images, or make room"));
  co_return built;
}

/// A build that is under way; its tenant may begin another one when it goes.
class BuildTurn {
 public:
  BuildTurn(CorePtr core, std::string tenant, Core::LockPtr lock, Semaphore::Permit of_tenant,
            Semaphore::Permit of_all)
      : core_(std::move(core)),
        tenant_(std::move(tenant)),
        lock_(std::move(lock)),
        of_tenant_(std::move(of_tenant)),
        of_all_(std::move(of_all)) {
    core_->building.insert(tenant_);
  }
  ~BuildTurn() {
    if (core_) core_->building.erase(tenant_);
  }
  BuildTurn(BuildTurn&&) = default;
  BuildTurn& operator=(BuildTurn&&) = delete;

 private:
  CorePtr core_;
  std::string tenant_;
  Core::LockPtr lock_;  ///< forgotten once nobody has it, though its permit is out
  Semaphore::Permit of_tenant_;
  Semaphore::Permit of_all_;
};

/// One build of a tenant at a time, and so many of all tenants: they use the machine beside what
/// the plans give. A tenant's own turn comes first, so that who waits for it takes nothing from
/// others.
Task<BuildTurn> take_build_turn(CorePtr core, std::string tenant, std::shared_ptr<Job> job) {
  const auto at_once = static_cast<std::size_t>(core->settings.builds_at_once);
  if (core->building.contains(tenant)) {
    core->tell_all(*job, "BuildWaits", "for another build of this tenant");
  } else if (core->building.size() >= at_once) {
    core->tell_all(*job, "BuildWaits",
                   fmt::format("for others: {} at once are built here", at_once));
  }
  const Core::LockPtr own = core->lock_of("builds of " + tenant);
  Semaphore::Permit of_tenant = co_await own->acquire();
  Semaphore::Permit of_all = co_await core->build_turns.acquire();
  co_return BuildTurn(core, std::move(tenant), own, std::move(of_tenant), std::move(of_all));
}

/// One build of a resource at a time, for its network and for the engine's sake. What is not
/// wanted any more when its turn comes is not built.
Task<Result<std::string>> run_build(CorePtr core, EffectPtr effect, std::shared_ptr<BuildPlan> plan,
                                    std::shared_ptr<Job> job) {
  const Core::LockPtr turn = core->lock_of("build " + effect->uid);
  const Semaphore::Permit permit = co_await turn->acquire();
  const BuildTurn under_way = co_await take_build_turn(core, effect->tenant.uid, job);
  const auto wanted = core->wanted_builds.find(effect->uid);
  if (wanted == core->wanted_builds.end() || wanted->second != plan->tag)
    co_return fail(ErrorCode::Cancelled, "a newer build is wanted instead");
  Result<std::string> built = co_await build_once(core, effect, plan, job);
  const auto last = core->wanted_builds.find(effect->uid);
  if (last != core->wanted_builds.end() && last->second == plan->tag)
    core->wanted_builds.erase(last);
  if (!built) {
    Error error = std::move(built.error()).while_doing("building the image");
    core->tell_all(*job, "BuildFailed", error.describe(), Severity::Warning);
    co_return std::unexpected(std::move(error));
  }
  core->tell_all(*job, "Built", *built);
  co_return *built;
}

/// Labels come with images of strangers, too: only what has a name that no spec may give is a
/// build.
bool is_build_of(const Value& image, const std::string& uid) {
  const std::string any = build_image_name("", uid, "");
  const std::string end = any.substr(any.rfind('/'));
  return std::ranges::any_of(texts_at(image, "RepoTags"), [&](std::string_view tag) {
    if (tag.starts_with("localhost/")) tag.remove_prefix(sizeof("localhost/") - 1);
    return tag.starts_with(std::string(kBuildDomain) + "/") && tag.contains(end);
  });
}

/// Images of this resource's earlier builds: the only ones whose layers a build may take from the
/// cache. The engine's own cache is everybody's, and would tell one tenant what another's step
/// made.
Task<std::vector<std::string>> earlier_builds(CorePtr core, std::string uid, Limit limit) {
  const Filters filter{{"label", {"croft.build=" + uid}}};
  const Result<Value> list = co_await core->engine.images().list(filter, limit.at);
  std::vector<std::string> ids;
  if (list && list->is_list()) {
    for (const Value& image : list->as_list()) {
      if (is_build_of(image, uid)) ids.push_back(image.text_or("Id", ""));
    }
  }
  co_return ids;
}

}  // namespace

Task<Result<ImageFacts>> ensure_built(CorePtr core, EffectPtr effect, Value workload, Limit limit) {
  auto planning = core->pool.run([core, effect, workload]() -> Result<std::shared_ptr<BuildPlan>> {
    TRY_ASSIGN(BuildPlan plan, plan_build(*core, *effect, workload));
    return std::make_shared<BuildPlan>(std::move(plan));
  });
  CO_TRY_ASSIGN(const std::shared_ptr<BuildPlan> plan, co_await std::move(planning));
  const std::string tag = plan->tag;
  Result<Value> image = co_await core->engine.images().inspect(tag, limit.at);
  if (!image && image.error().code() != ErrorCode::NotFound)
    co_return std::unexpected(std::move(image.error()));
  if (!image) {
    const std::string uid = effect->uid;
    plan->request.cache_from = co_await earlier_builds(core, uid, limit);
    // Never empty: with nothing named, the engine would look through all that there is.
    if (plan->request.cache_from.empty()) plan->request.cache_from.push_back(tag);
    core->wanted_builds[uid] = tag;
    auto make = [core, effect, plan](std::shared_ptr<Job> job) {
      return run_build(core, effect, plan, std::move(job));
    };
    std::function<Task<Result<std::string>>(std::shared_ptr<Job>)> work = make;
    CO_TRY(
        co_await join_job(core, "build " + tag, uid, std::move(work), "building the image", limit));
    image = co_await core->engine.images().inspect(tag, limit.at);
    if (!image) co_return std::unexpected(std::move(image.error()));
  }
  CO_TRY(check_owner(*image, *effect));
  co_return facts_of(*image, nullptr);
}

Task<> remove_builds(CorePtr core, std::string uid, std::string used) {
  const Limit limit{std::chrono::steady_clock::now() + std::chrono::seconds(30)};
  const std::vector<std::string> ids = co_await earlier_builds(core, uid, limit);
  for (const std::string& id : ids) {
    if (id == used) continue;
    (void)co_await core->engine.images().remove(id, true, limit.at);
  }
}

}  // namespace croft::docker
