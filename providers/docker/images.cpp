#include "providers/docker/images.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "core/base/id.hpp"
#include "core/base/log.hpp"
#include "providers/docker/build_cgroup.hpp"
#include "providers/docker/dockerfile.hpp"
#include "providers/docker/engine/build_context.hpp"
#include "providers/docker/image_name.hpp"
#include "providers/docker/objects.hpp"
#include "providers/docker/spec.hpp"
#include "providers/docker/tree_with_file.hpp"

namespace croft::docker {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr Duration kProgressEvery{5'000};
constexpr Duration kRegistryAnswersWithin{30'000};
constexpr std::size_t kLargestDockerfile = 1 << 20;
constexpr std::size_t kLongestLine = 4'000;
constexpr std::int64_t kBuildProcesses = 4096;
constexpr const char* kSentDockerfile = ".croft.dockerfile";
constexpr const char* kIgnoreFile = ".dockerignore";

RegistryLogin login_for(const ProviderSettings& settings, const std::string& registry) {
  const auto found = settings.logins.find(registry);
  if (found == settings.logins.end()) return {};
  return {.server = registry,
          .user = found->second.user,
          .password = found->second.password,
          .identity_token = {}};
}

std::vector<RegistryLogin> all_logins(const ProviderSettings& settings) {
  std::vector<RegistryLogin> logins;
  for (const auto& [server, login] : settings.logins) logins.push_back(login_for(settings, server));
  return logins;
}

std::vector<std::string> repo_digests(const Value& image) { return texts_at(image, "RepoDigests"); }

/// "docker.io/library/nginx" is written "nginx" by the engine.
bool is_of_repository(const std::string& repo_digest, const ImageName& name) {
  const std::size_t at = repo_digest.find('@');
  const Result<ImageName> known = parse_image_name(repo_digest.substr(0, at));
  return known && known->name() == name.name();
}

ImageFacts facts_of(const Value& image, const ImageName* name) {
  ImageFacts facts{
      .reference = image.text_or("Id", ""), .id = image.text_or("Id", ""), .volumes = {}};
  for (const Value::Entry& volume : entries_at(image, "Config.Volumes"))
    facts.volumes.push_back(volume.key);
  for (const std::string& digest : repo_digests(image)) {
    if (name == nullptr || !is_of_repository(digest, *name)) continue;
    facts.reference = name->with_digest(digest.substr(digest.find('@') + 1));
    break;
  }
  return facts;
}

/// What another tenant built is not there for this one, whatever it is called.
Result<void> check_owner(const Value& image, const Effect& effect) {
  const Labels labels = read_labels(image.at_path("Config.Labels"));
  const std::string owner = label_or_empty(labels, label::kTenant);
  if (owner.empty() || owner == effect.tenant.uid) return {};
  return fail(ErrorCode::Denied, "the image is not this tenant's");
}

/// How far a pull is: bytes of all layers that told.
class PullProgress {
 public:
  /// Words to tell now, or nothing.
  std::string note(const Progress& progress, SteadyTime now) {
    if (progress.total > 0) layers_[progress.id] = {progress.current, progress.total};
    if (progress.status == "Download complete" || progress.status == "Pull complete") {
      auto& layer = layers_[progress.id];
      layer.first = layer.second;
    }
    if (now < next_) return {};
    const bool is_first = next_ == SteadyTime{};
    next_ = now + kProgressEvery;
    if (is_first) return {};
    std::int64_t done = 0;
    std::int64_t all = 0;
    for (const auto& [id, layer] : layers_) {
      done += layer.first;
      all += layer.second;
    }
    return fmt::format("{} MiB of {} MiB in {} layers", done >> 20, all >> 20, layers_.size());
  }

 private:
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> layers_;
  SteadyTime next_{};
};

Task<Result<std::string>> pull(CorePtr core, std::string image, std::string registry,
                               std::string platform, std::shared_ptr<Job> job) {
  core->tell_all(*job, "Pulling", image);
  const auto progress = std::make_shared<PullProgress>();
  ProgressSink sink = [core, job, progress, image](const Progress& one) {
    const std::string words = progress->note(one, std::chrono::steady_clock::now());
    if (!words.empty()) core->tell_all(*job, "Pulling", fmt::format("{}: {}", image, words));
  };
  const Deadline deadline = std::chrono::steady_clock::now() + core->settings.pull_timeout;
  RegistryLogin login = login_for(core->settings, registry);
  Result<void> pulled = co_await core->engine.images().pull(image, std::move(login),
                                                            std::move(sink), platform, deadline);
  if (!pulled) {
    Error error = std::move(pulled.error());
    if (is_out_of_space(error))
      error = std::move(error).with_hint("the engine's disk is full: remove images, or make room");
    co_return std::unexpected(std::move(error).while_doing("pulling the image " + image));
  }
  core->tell_all(*job, "Pulled", image);
  co_return image;
}

/// Whether the engine may ask that registry: it does so on this side of all walls.
Task<Result<void>> check_registry_of(CorePtr core, ImageName name) {
  const std::string registry = name.registry;
  const std::vector<std::string> allowed = core->settings.registries;
  CO_TRY(check_registry(registry, allowed));
  if (registry == "docker.io") co_return Result<void>{};
  auto looking =
      core->pool.run([registry, allowed] { return check_registry_addresses(registry, allowed); });
  Result<void> looked = co_await std::move(looking);
  co_return looked;
}

Task<Result<Value>> pull_and_inspect(CorePtr core, std::string uid, ImageName name,
                                     std::string platform, Limit limit) {
  const std::string image = name.full();
  const std::string registry = name.registry;
  auto make = [core, image, registry, platform](std::shared_ptr<Job> job) {
    return pull(core, image, registry, platform, std::move(job));
  };
  std::function<Task<Result<std::string>>(std::shared_ptr<Job>)> work = make;
  CO_TRY(co_await join_job(core, "pull " + image + " " + platform, std::move(uid), std::move(work),
                           "pulling the image " + image, limit));
  Result<Value> found = co_await core->engine.images().inspect(image, limit.at);
  co_return found;
}

bool has_digest(const Value& image, const std::string& digest) {
  return std::ranges::any_of(repo_digests(image),
                             [&](const std::string& one) { return one.ends_with("@" + digest); });
}

/// True if a container of the resource was made from that image.
Task<bool> is_run_by(CorePtr core, std::string uid, std::string reference, Limit limit) {
  const Result<std::vector<ContainerSummary>> own = co_await list_containers(core, uid, limit);
  if (!own) co_return false;
  co_return std::ranges::any_of(*own, [&](const ContainerSummary& one) {
    return label_or_empty(one.labels, label::kImage) == reference;
  });
}

/// An image that came from no registry, or under other names than this one. Podman calls
/// "localhost" what was made on its machine, and gives it a digest all the same.
bool is_local_only(const Value& image, const ImageName& name) {
  if (name.registry == "localhost") return true;
  return std::ranges::none_of(repo_digests(image), [&](const std::string& digest) {
    return is_of_repository(digest, name);
  });
}

/// What is here was made by whoever has the engine, for whom is not known.
Result<void> check_local(const Core& core, const ImageName& name) {
  if (core.settings.has_local_images) return {};
  return fail(
      Error(ErrorCode::Denied,
            fmt::format("the image {} is on the engine's machine and came from no registry",
                        name.full()))
          .with_hint("push it to a registry; or the operator gives such images to all with the "
                     "Provider's setting localImages: allow"));
}

/// That an image is here gives nobody what its registry denies, or says not to have. A resource
/// that runs with it goes on.
Task<Result<void>> check_refused(CorePtr core, EffectPtr effect, ImageName name, Value here,
                                 Error refused, Limit limit) {
  // Podman does not know the question, and finds nothing.
  const bool knows = !core->identity || core->identity->kind == EngineKind::Docker;
  const bool is_refused =
      refused.code() == ErrorCode::Denied || (knows && refused.code() == ErrorCode::NotFound);
  if (!is_refused) co_return Result<void>{};
  const std::string reference = facts_of(here, &name).reference;
  const bool has_it = co_await is_run_by(core, effect->uid, reference, limit);
  if (has_it) co_return Result<void>{};
  co_return std::unexpected(
      std::move(refused).with_hint("give the Provider a login for " + name.registry));
}

/// What the tag means at its registry now; pulled only if that is not here. An image whose registry
/// does not answer is taken as it is.
Task<Result<Value>> resolve(CorePtr core, EffectPtr effect, ImageName name, std::string platform,
                            Limit limit) {
  const std::string image = name.full();
  Result<Value> here = co_await core->engine.images().inspect(image, limit.at);
  if (!here && here.error().code() != ErrorCode::NotFound) co_return here;
  if (here && is_local_only(*here, name)) {
    CO_TRY(check_local(*core, name));
    co_return here;
  }
  CO_TRY(co_await check_registry_of(core, name));
  if (here) {
    RegistryLogin login = login_for(core->settings, name.registry);
    const Limit soon = limit.at_most(std::min(limit.left() / 3, kRegistryAnswersWithin));
    const Result<std::string> digest =
        co_await core->engine.images().registry_digest(image, std::move(login), soon.at);
    if (digest && has_digest(*here, *digest)) co_return here;
    if (!digest) {
      CO_TRY(co_await check_refused(core, effect, name, *here, digest.error(), limit));
      core->tell(effect->uid, "RegistryUnreachable",
                 fmt::format("{} is taken as it is here: {}", image, digest.error().message()),
                 Severity::Warning);
      co_return here;
    }
  }
  Result<Value> pulled =
      co_await pull_and_inspect(core, effect->uid, std::move(name), std::move(platform), limit);
  co_return pulled;
}

Task<Result<ImageFacts>> ensure_named(CorePtr core, EffectPtr effect, Value workload,
                                      std::string kept, Limit limit) {
  CO_TRY_ASSIGN(const ImageName name, parse_image_name(workload.text_or("image", "")));
  const std::string platform = workload.text_or("platform", "");
  Result<Value> image = fail(ErrorCode::NotFound, "");
  if (!kept.empty()) image = co_await core->engine.images().inspect(kept, limit.at);
  const std::size_t at = kept.find('@');
  if (!image && at != std::string::npos) {
    // It ran with this very one; the tag may mean another by now.
    ImageName same = name;
    same.digest = kept.substr(at + 1);
    CO_TRY(co_await check_registry_of(core, same));
    image = co_await pull_and_inspect(core, effect->uid, std::move(same), platform, limit);
  }
  if (!image) image = co_await resolve(core, effect, name, platform, limit);
  if (!image) co_return std::unexpected(std::move(image.error()));
  CO_TRY(check_owner(*image, *effect));
  co_return facts_of(*image, &name);
}

// Builds

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
    Result<Value> image = co_await resolve(core, effect, std::move(name), platform, limit);
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
  const std::string why = reason_against_build_cgroup(core->settings, kind, info);
  if (why.empty()) {
    const std::int64_t processes = core->settings.build_processes;
    auto making = core->pool.run([uid, processes] { return make_build_cgroup(uid, processes); });
    Result<std::string> made = co_await std::move(making);
    co_return made;
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

/// A tag that means another image than the container runs with; nothing if it does not, or if the
/// registry does not say.
Task<std::string> moved_digest(CorePtr core, ImageName name, std::string runs_with) {
  const std::string image = name.full();
  const Result<void> may_ask = co_await check_registry_of(core, name);
  if (!may_ask) co_return std::string();
  RegistryLogin login = login_for(core->settings, name.registry);
  const Deadline deadline = std::chrono::steady_clock::now() + kRegistryAnswersWithin;
  const Result<std::string> digest =
      co_await core->engine.images().registry_digest(image, std::move(login), deadline);
  if (!digest || runs_with.ends_with("@" + *digest)) co_return std::string();
  co_return *digest;
}

Task<> check_moved(CorePtr core, ContainerSummary container) {
  const std::string uid = container.uid();
  const std::shared_ptr<const Record> record = core->records.find(uid);
  const Result<Value> labelled = parse_json(label_or_empty(container.labels, label::kFields));
  const bool has_record = record && record->object == container.id && record->fields;
  const Value fields = has_record ? *record->fields : labelled ? *labelled : Value::map();
  const std::string runs_with = label_or_empty(container.labels, label::kImage);
  const bool is_pullable =
      fields.find("build") == nullptr && runs_with.find('@') != std::string::npos;
  const Result<ImageName> name = parse_image_name(fields.text_or("image", ""));
  if (!is_pullable || !name || !name->digest.empty()) co_return;
  const std::string digest = co_await moved_digest(core, *name, runs_with);
  const bool follows = fields.text_or("imagePolicy", "pinned") == "follow";
  const std::string told = core->told_of_images[uid];
  if (digest.empty()) {
    core->moved_images.erase(uid);
    core->told_of_images.erase(uid);
  } else if (follows) {
    core->moved_images[uid] = runs_with;
    core->notify(uid);
  } else if (told != digest) {
    core->told_of_images[uid] = digest;
    core->tell(uid, "ImageMoved",
               fmt::format("{} means {} now; it goes on with {}", name->full(), digest, runs_with));
  }
}

}  // namespace

Task<Result<ImageFacts>> ensure_image(CorePtr core, EffectPtr effect, Value workload,
                                      std::string kept, Limit limit) {
  CO_TRY(limit.check("the image was looked for"));
  if (workload.find("build") != nullptr) {
    Result<ImageFacts> built = co_await ensure_built(core, effect, std::move(workload), limit);
    co_return built;
  }
  Result<ImageFacts> named =
      co_await ensure_named(core, effect, std::move(workload), std::move(kept), limit);
  co_return named;
}

Task<> remove_builds(CorePtr core, std::string uid, std::string used) {
  const Limit limit{std::chrono::steady_clock::now() + std::chrono::seconds(30)};
  const std::vector<std::string> ids = co_await earlier_builds(core, uid, limit);
  for (const std::string& id : ids) {
    if (id == used) continue;
    (void)co_await core->engine.images().remove(id, true, limit.at);
  }
}

Task<> check_moved_images(CorePtr core) {
  const Limit limit{std::chrono::steady_clock::now() + std::chrono::seconds(30)};
  const Result<std::vector<ContainerSummary>> containers =
      co_await list_containers(core, "", limit);
  if (!containers) co_return;
  for (const ContainerSummary& container : *containers) {
    if (core->is_closed) co_return;
    if (container.is_running()) co_await check_moved(core, container);
  }
}

}  // namespace croft::docker
