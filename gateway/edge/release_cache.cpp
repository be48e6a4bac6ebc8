#include "gateway/edge/release_cache.hpp"

#include <algorithm>

#include "core/base/files.hpp"

namespace croft::edge {

namespace {

constexpr std::size_t kIndexLimit = 64 << 20;

}  // namespace

ReleaseCache::ReleaseCache(std::filesystem::path store, std::size_t max_files)
    : store_(std::move(store)), max_files_(max_files) {}

Result<std::shared_ptr<const Release>> ReleaseCache::load(const std::string& id) {
  auto known = state_.with([&](State& state) -> std::shared_ptr<const Release> {
    const auto found = state.entries.find(id);
    if (found == state.entries.end()) return nullptr;
    found->second.used = ++state.uses;
    return found->second.release;
  });
  if (known) return known;
  const bool is_plain = !id.empty() && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!is_plain) return fail(ErrorCode::Invalid, "'" + id + "' is no release");
  TRY_ASSIGN(const std::string json, read_file(release_index_path(store_, id), kIndexLimit));
  TRY_ASSIGN(Release read, while_doing(read_release(json), "reading the release " + id));
  auto release = std::make_shared<const Release>(std::move(read));
  state_.with([&](State& state) { keep(state, id, release); });
  return release;
}

void ReleaseCache::keep(State& state, const std::string& id,
                        std::shared_ptr<const Release> release) const {
  const auto cost = [](const Entry& entry) { return entry.release->files.size() + 1; };
  const auto [it, is_new] = state.entries.try_emplace(id, Entry{std::move(release), ++state.uses});
  if (is_new) state.files += cost(it->second);
  while (state.files > max_files_ && state.entries.size() > 1) {
    const auto oldest = std::ranges::min_element(
        state.entries, {}, [](const auto& entry) { return entry.second.used; });
    state.files -= cost(oldest->second);
    state.entries.erase(oldest);
  }
}

}  // namespace croft::edge
