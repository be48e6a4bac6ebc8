#include "providers/docker/engine/build_context.hpp"

#include <algorithm>
#include <set>

#include "core/archive/tar.hpp"
#include "providers/docker/engine/dockerignore.hpp"

namespace croft::docker {

namespace {

constexpr std::size_t kIgnoreLimit = 1U << 20U;
constexpr std::size_t kLongestTarget = 4096;
constexpr std::size_t kPiece = 256U << 10U;

Result<DockerIgnore> read_ignore(const FileTree& tree, const std::string& dockerfile) {
  for (const std::string& path : {dockerfile + ".dockerignore", std::string(".dockerignore")}) {
    const Result<TreeEntry> entry = tree.entry(path);
    if (!entry || (entry->mode != FileMode::Regular && entry->mode != FileMode::Executable))
      continue;
    TRY_ASSIGN(const std::string text, tree.read(entry->id, kIgnoreLimit));
    return DockerIgnore::parse(text);
  }
  return DockerIgnore();
}

/// Where the next piece of a context comes from.
class ContextStream {
 public:
  ContextStream(std::shared_ptr<const FileTree> tree, std::vector<TreeFile> files,
                ContextLimits limits)
      : tree_(std::move(tree)), files_(std::move(files)), limits_(limits) {}

  bool has_ready() const { return at_ < ready_.size() || is_finished_; }

  /// Reads files until there is a piece. Blocks.
  Result<void> fill() {
    ready_.clear();
    at_ = 0;
    while (ready_.size() < kPiece && next_ < files_.size()) {
      TRY(add(files_[next_++]));
    }
    if (ready_.size() < kPiece) {
      ready_ += TarWriter::finish();
      is_finished_ = true;
    }
    return {};
  }

  /// A large file is given in pieces, too.
  std::string take() {
    std::string piece = ready_.substr(at_, kPiece);
    at_ += piece.size();
    return piece;
  }

 private:
  Result<void> add(const TreeFile& file) {
    TRY(add_directories_above(file.path));
    TarEntry head{.path = file.path};
    std::string content;
    if (file.mode == FileMode::Submodule || file.mode == FileMode::Directory) {
      head.type = TarType::Directory;
      head.path += '/';
      head.mode = 0755;
    } else if (file.mode == FileMode::Link) {
      head.type = TarType::Link;
      head.mode = 0777;
      TRY_ASSIGN(head.target, tree_->read(file.id, kLongestTarget));
    } else {
      TRY_ASSIGN(content, tree_->read(file.id, limits_.file_bytes));
      head.mode = file.mode == FileMode::Executable ? 0755 : 0644;
      head.size = content.size();
    }
    total_ += content.size();
    if (total_ > limits_.bytes) {
      return fail(ErrorCode::Invalid, "the files are larger than " +
                                          format_bytes({static_cast<std::int64_t>(limits_.bytes)}) +
                                          " together");
    }
    TRY_ASSIGN(const std::string bytes, writer_.begin(head));
    ready_ += bytes;
    ready_ += content;
    ready_ += TarWriter::padding(content.size());
    return {};
  }

  /// Engines make directories that an archive does not name with permissions of their own.
  Result<void> add_directories_above(const std::string& path) {
    for (std::size_t end = path.find('/'); end != std::string::npos;
         end = path.find('/', end + 1)) {
      if (!directories_.insert(path.substr(0, end)).second) continue;
      const TarEntry head{
          .path = path.substr(0, end + 1), .type = TarType::Directory, .mode = 0755};
      TRY_ASSIGN(const std::string bytes, writer_.begin(head));
      ready_ += bytes;
    }
    return {};
  }

  std::shared_ptr<const FileTree> tree_;
  std::vector<TreeFile> files_;
  ContextLimits limits_;
  std::size_t next_ = 0;
  std::uint64_t total_ = 0;
  std::set<std::string, std::less<>> directories_;
  TarWriter writer_;
  std::string ready_;
  std::size_t at_ = 0;
  bool is_finished_ = false;
};

using StreamResult = Result<std::shared_ptr<ContextStream>>;

StreamResult open(const std::shared_ptr<const FileTree>& tree, const std::string& dockerfile,
                  ContextLimits limits) {
  TRY_ASSIGN(const DockerIgnore ignore, read_ignore(*tree, dockerfile));
  TRY_ASSIGN(std::vector<TreeFile> files, list_recursively(*tree, limits.files));
  std::erase_if(files, [&](const TreeFile& file) {
    return file.path != dockerfile && file.path != ".dockerignore" && ignore.excludes(file.path);
  });
  return std::make_shared<ContextStream>(tree, std::move(files), limits);
}

Task<Result<std::string>> next_piece(std::shared_ptr<ContextStream> stream, BlockingPool& pool) {
  if (!stream->has_ready()) {
    auto fill = [stream] { return stream->fill(); };
    const Result<void> filled = co_await pool.run(std::move(fill));
    if (!filled) co_return fail(Error(filled.error()).while_doing("reading the build context"));
  }
  co_return stream->take();
}

}  // namespace

Task<Result<ByteSource>> build_context(std::shared_ptr<const FileTree> tree, std::string dockerfile,
                                       BlockingPool& pool, ContextLimits limits) {
  auto work = [tree, dockerfile, limits] { return open(tree, dockerfile, limits); };
  StreamResult stream = co_await pool.run(std::move(work));
  if (!stream) co_return fail(std::move(stream.error()).while_doing("reading the build context"));
  co_return ByteSource([stream = *stream, &pool] { return next_piece(stream, pool); });
}

}  // namespace croft::docker
