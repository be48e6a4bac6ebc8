#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft::docker {

/// Pure: the images that a Dockerfile takes something from (`FROM`, `--from`, `--mount` with
/// from=), build stages left out, variables filled in from `arguments` and the file's own defaults.
/// Invalid, with the line, for what engines may read in another way, and for an ADD of what the
/// engine itself would fetch from elsewhere. Source:
/// https://docs.docker.com/reference/dockerfile/
Result<std::vector<std::string>> images_of_dockerfile(
    std::string_view text, const std::map<std::string, std::string>& arguments);

/// Pure: Invalid or Denied if it takes something from what it must not: by an image's id (also the
/// beginning of one, which engines complete), or from what other tenants built.
Result<void> check_dockerfile(std::string_view text,
                              const std::map<std::string, std::string>& arguments);

/// Pure: Invalid if an ONBUILD step of a base image takes something from another image, or from
/// elsewhere.
Result<void> check_triggers(const std::vector<std::string>& triggers);

}  // namespace croft::docker
