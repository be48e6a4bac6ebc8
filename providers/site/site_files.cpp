#include "providers/site/site_files.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace croft::site {

namespace {

constexpr int kMaxLinks = 32;  // on the way to one file; more is a loop
constexpr int kMaxDepth = 64;  // of directories; a link to a directory above it ends here
constexpr std::size_t kMaxLinkText = 4096;

bool is_utf8(std::string_view text) {
  std::size_t left = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (left > 0) {
      if ((byte & 0xc0) != 0x80) return false;
      --left;
    } else if (byte >= 0x80) {
      if (byte >= 0xc2 && byte < 0xe0) {
        left = 1;
      } else if ((byte & 0xf0) == 0xe0) {
        left = 2;
      } else if (byte >= 0xf0 && byte < 0xf5) {
        left = 3;
      } else {
        return false;
      }
    }
  }
  return left == 0;
}

std::string joined(const std::string& directory, std::string_view name) {
  return directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) segments.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return segments;
}

class Walk {
 public:
  Walk(const FileTree& tree, const SiteProviderSettings& limits) : tree_(tree), limits_(limits) {}

  // `shown` is where it appears on the site, `real` where it is in the tree: they differ below a
  // link.
  Result<void> directory(const std::string& shown, const std::string& real, int depth) {
    if (depth > kMaxDepth) {
      return fail(
          ErrorCode::Invalid,
          fmt::format("'{}' is too deep; does a link lead back to a directory above it?", shown));
    }
    TRY_ASSIGN(const std::vector<TreeEntry> entries, tree_.list(real));
    for (const TreeEntry& entry : entries) {
      TRY(add(joined(shown, entry.name), joined(real, entry.name), entry, depth));
    }
    return {};
  }

  std::vector<ServedFile> take() {
    std::ranges::sort(files_, {}, &ServedFile::path);
    return std::move(files_);
  }

 private:
  Result<void> add(const std::string& shown, const std::string& real, const TreeEntry& entry,
                   int depth) {
    if (!is_utf8(entry.name)) {
      return fail(ErrorCode::Invalid,
                  fmt::format("a file name in '{}' is not UTF-8; rename it", parent_of(shown)));
    }
    switch (entry.mode) {
      case FileMode::Directory:
        return directory(shown, real, depth + 1);
      case FileMode::Submodule:
        return fail(
            ErrorCode::Invalid,
            fmt::format("'{}' is a submodule, which is not fetched; commit its files", shown));
      case FileMode::Link: {
        int links = 0;
        TRY_ASSIGN(const Target target, follow(real, entry, links));
        return add(shown, target.path, target.entry, depth);
      }
      case FileMode::Regular:
      case FileMode::Executable:
        break;
    }
    return file(shown, entry.id);
  }

  Result<void> file(const std::string& shown, const std::string& blob) {
    if (files_.size() == limits_.max_files) {
      return fail(ErrorCode::Invalid,
                  fmt::format("there are more than {} files", limits_.max_files));
    }
    TRY_ASSIGN(const std::uint64_t size, tree_.blob_size(blob));
    if (size > limits_.max_file_bytes) {
      return fail(ErrorCode::Invalid,
                  fmt::format("'{}' is larger than {}", shown,
                              format_bytes({static_cast<std::int64_t>(limits_.max_file_bytes)})));
    }
    total_ += size;
    if (total_ > limits_.max_total_bytes) {
      return fail(ErrorCode::Invalid,
                  fmt::format("the files are larger than {} together",
                              format_bytes({static_cast<std::int64_t>(limits_.max_total_bytes)})));
    }
    files_.push_back({shown, blob, size});
    return {};
  }

  struct Target {
    std::string path;
    TreeEntry entry;
  };

  // Where a link leads, through further links in the middle or at the end.
  Result<Target> follow(const std::string& link, const TreeEntry& entry, int& links) {
    if (++links > kMaxLinks)
      return fail(ErrorCode::Invalid, fmt::format("the link '{}' leads in a circle", link));
    TRY_ASSIGN(const std::string text, tree_.read(entry.id, kMaxLinkText));
    if (text.starts_with('/') || text.empty()) return outside(link);
    std::string here = parent_of(link);
    Target target{here, {{}, FileMode::Directory, {}}};
    for (const std::string& segment : segments_of(text)) {
      if (segment == ".") continue;
      if (segment == "..") {
        if (target.path.empty()) return outside(link);
        target = {parent_of(target.path), {{}, FileMode::Directory, {}}};
        continue;
      }
      const std::string next = joined(target.path, segment);
      Result<TreeEntry> found = tree_.entry(next);
      if (!found)
        return fail(ErrorCode::Invalid,
                    fmt::format("the link '{}' leads to '{}', which is not there", link, next));
      target = {next, std::move(*found)};
      if (target.entry.mode == FileMode::Link) {
        TRY_ASSIGN(target, follow(next, target.entry, links));
      }
    }
    return target;
  }

  static std::unexpected<Error> outside(const std::string& link) {
    return fail(ErrorCode::Invalid,
                fmt::format("the link '{}' leads out of the site's directory", link));
  }

  const FileTree& tree_;
  const SiteProviderSettings& limits_;
  std::vector<ServedFile> files_;
  std::uint64_t total_ = 0;
};

}  // namespace

Result<std::vector<ServedFile>> served_files(const FileTree& tree,
                                             const SiteProviderSettings& limits) {
  Walk walk(tree, limits);
  TRY(walk.directory("", "", 0));
  return walk.take();
}

}  // namespace croft::site
