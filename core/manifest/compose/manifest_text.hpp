#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/manifest/compose/source.hpp"
#include "core/resource/resource.hpp"

namespace croft::manifest::compose {

/// The manifest that declares a Stack, for what is wrong with the Stack's own fields and for a
/// compose file inside of it. Its text is read when it is asked for. Borrows all but the directory.
class ManifestText {
 public:
  ManifestText(Repository& repository, Sources& sources, const Resource& stack,
               std::string directory)
      : repository_(repository),
        sources_(sources),
        stack_(stack),
        directory_(std::move(directory)) {}

  /// Where a field of the Stack stands ("spec.expose.shop"), or the nearest thing above it.
  Spot spot_of(std::string_view path);
  /// Adds the compose file that `inline` holds; its places are those in the manifest.
  std::uint32_t add_inline(std::shared_ptr<const Variables> variables);

 private:
  void open();

  Repository& repository_;
  Sources& sources_;
  const Resource& stack_;
  std::string directory_;
  std::uint32_t source_ = 0;
  bool is_open_ = false;
  yaml::Tree yaml_;
};

}  // namespace croft::manifest::compose
