#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft::docker {

/// What an image is called, in full: "nginx" is {"docker.io", "library/nginx", "latest", ""}. Never
/// an image's id, which would name what another tenant built.
struct ImageName {
  std::string registry;    ///< "docker.io", "registry.example.com:5000", "localhost"
  std::string repository;  ///< "library/nginx"
  std::string tag;         ///< empty if only a digest says which
  std::string digest;      ///< "sha256:...", or empty

  std::string name() const { return registry + "/" + repository; }
  /// "docker.io/library/nginx:latest", "...@sha256:..." if there is a digest.
  std::string full() const;
  std::string with_digest(const std::string& which) const { return name() + "@" + which; }

  bool operator==(const ImageName&) const = default;
};

/// Reads what stands in a spec (https://github.com/distribution/reference). Invalid for what is no
/// name, for ids, and for names where Croft keeps tenants' builds.
Result<ImageName> parse_image_name(std::string_view text);

/// Pure: Denied if images of that registry may not be had: it is not among `allowed`, or, where
/// that is empty, it is written as an address or name of this host or of a network that is not the
/// outside. An engine asks registries itself, on this side of all walls.
Result<void> check_registry(const std::string& registry, const std::vector<std::string>& allowed);

/// The same for what a registry's name means now, where `allowed` is empty. A name that means
/// nothing is left to the engine. Blocks.
Result<void> check_registry_addresses(const std::string& registry,
                                      const std::vector<std::string>& allowed);

}  // namespace croft::docker
