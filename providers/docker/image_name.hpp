#pragma once

#include <string>
#include <string_view>

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

}  // namespace croft::docker
