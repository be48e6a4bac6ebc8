#pragma once

#include "providers/docker/container_plan.hpp"
#include "providers/docker/core.hpp"
#include "providers/docker/image_name.hpp"

namespace croft::docker {

/// The image that a container is to be made from: pulled, or built, if it is not there. `kept` is
/// what it ran with until now (NAME@DIGEST or an id), which stays where the spec names the same tag
/// and does not follow it; empty if nothing is to be kept. Tells of its progress as news.
Task<Result<ImageFacts>> ensure_image(CorePtr core, EffectPtr effect, Value workload,
                                      std::string kept, Limit limit);

/// The engine's words on what a tag means at its registry now, pulled only if that is not here. An
/// image whose registry does not answer is taken as it is; Denied for what its registry denies this
/// tenant, and for what nobody but this machine has.
Task<Result<Value>> resolve_image(CorePtr core, EffectPtr effect, ImageName name,
                                  std::string platform, Limit limit);

/// Denied for what another tenant built: it is not there for this one, whatever it is called.
Result<void> check_owner(const Value& image, const Effect& effect);

/// Of the engine's words on an image; known by that name's digest, or by its id if that is null.
ImageFacts facts_of(const Value& image, const ImageName* name);

std::vector<RegistryLogin> all_logins(const ProviderSettings& settings);

/// Looks at what tags mean now, for containers that run: of `imagePolicy: follow` a moved tag
/// becomes a difference, of others an event.
Task<> check_moved_images(CorePtr core);

}  // namespace croft::docker
