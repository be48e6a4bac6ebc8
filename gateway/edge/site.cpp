#include "gateway/edge/site.hpp"

namespace croft::edge {

namespace {

// One string for all look-ups of a request; std::map wants a std::string as its key.
class Lookup {
 public:
  explicit Lookup(const Release& release) : release_(release) {}
  bool has(std::string_view path, std::string_view suffix = {}) {
    key_.assign(path).append(suffix);
    found_ = release_.files.find(key_);
    return found_ != release_.files.end();
  }
  Found file(Found::Kind kind) const { return {kind, &found_->second, found_->first, {}}; }

 private:
  const Release& release_;
  std::string key_;
  std::map<std::string, ReleaseFile>::const_iterator found_;
};

Found redirect(std::string location) {
  return {Found::Kind::Redirect, nullptr, {}, std::move(location)};
}

}  // namespace

Found find_in_site(const Release& release, std::string_view path, std::string_view raw) {
  Lookup lookup(release);
  if (path.empty() || path.ends_with('/')) {
    if (lookup.has(path, release.index)) return lookup.file(Found::Kind::File);
    const std::string_view bare = path.substr(0, path.empty() ? 0 : path.size() - 1);
    if (!bare.empty() && raw.ends_with('/') && lookup.has(bare, ".html")) {
      return redirect(std::string(raw.substr(0, raw.size() - 1)));
    }
  } else {
    if (lookup.has(path)) return lookup.file(Found::Kind::File);
    if (lookup.has(path, ".html")) return lookup.file(Found::Kind::File);
    if (lookup.has(path, "/" + release.index)) return redirect(std::string(raw) + "/");
  }
  if (lookup.has(release.not_found)) return lookup.file(Found::Kind::NotFound);
  return {};
}

}  // namespace croft::edge
