#include "providers/docker/images.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "core/base/id.hpp"
#include "core/base/log.hpp"
#include "providers/docker/builds.hpp"
#include "providers/docker/image_name.hpp"
#include "providers/docker/objects.hpp"
#include "providers/docker/spec.hpp"

namespace croft::docker {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr Duration kProgressEvery{5'000};
constexpr Duration kRegistryAnswersWithin{30'000};

RegistryLogin login_for(const ProviderSettings& settings, const std::string& registry) {
  const auto found = settings.logins.find(registry);
  if (found == settings.logins.end()) return {};
  return {.server = registry,
          .user = found->second.user,
          .password = found->second.password,
          .identity_token = {}};
}

std::vector<std::string> repo_digests(const Value& image) { return texts_at(image, "RepoDigests"); }

/// "docker.io/library/nginx" is written "nginx" by the engine.
bool is_of_repository(const std::string& repo_digest, const ImageName& name) {
  const std::size_t at = repo_digest.find('@');
  const Result<ImageName> known = parse_image_name(repo_digest.substr(0, at));
  return known && known->name() == name.name();
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
  if (!image) image = co_await resolve_image(core, effect, name, platform, limit);
  if (!image) co_return std::unexpected(std::move(image.error()));
  CO_TRY(check_owner(*image, *effect));
  co_return facts_of(*image, &name);
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

std::vector<RegistryLogin> all_logins(const ProviderSettings& settings) {
  std::vector<RegistryLogin> logins;
  for (const auto& [server, login] : settings.logins) logins.push_back(login_for(settings, server));
  return logins;
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

Result<void> check_owner(const Value& image, const Effect& effect) {
  const Labels labels = read_labels(image.at_path("Config.Labels"));
  const std::string owner = label_or_empty(labels, label::kTenant);
  if (owner.empty() || owner == effect.tenant.uid) return {};
  return fail(ErrorCode::Denied, "the image is not this tenant's");
}

Task<Result<Value>> resolve_image(CorePtr core, EffectPtr effect, ImageName name,
                                  std::string platform, Limit limit) {
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
