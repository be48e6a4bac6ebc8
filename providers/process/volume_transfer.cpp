#include "providers/process/volume_transfer.hpp"

#include <charconv>
#include <optional>
#include <unistd.h>

#include <fmt/format.h>

#include "core/archive/packer.hpp"
#include "core/archive/unpacker.hpp"
#include "providers/process/sandbox.hpp"
#include "providers/process/volume_place.hpp"

namespace croft {

namespace {

/// A volume being read.
struct Export {
  Export(VolumePlace at, DirectoryPacker from) : place(std::move(at)), packer(std::move(from)) {}
  std::optional<VolumePlace> place;
  std::optional<DirectoryPacker> packer;

  void close() {
    packer.reset();
    place.reset();
  }
};

/// A volume being written, under the lock of its app.
struct Import {
  Import(UniqueFd held, VolumePlace at, DirectoryUnpacker into)
      : lock(std::move(held)), place(std::move(at)), unpacker(std::move(into)) {}
  UniqueFd lock;
  std::optional<VolumePlace> place;
  std::optional<DirectoryUnpacker> unpacker;

  void close() {
    unpacker.reset();
    place.reset();
    lock = UniqueFd();
  }
};

/// Before whoever waits for it goes on: a thread of the pool may hold on to the last copy for a
/// moment longer, and with it the mount and the app's lock.
template <typename Transfer>
Task<> close_on(BlockingPool& pool, std::shared_ptr<Transfer> transfer) {
  auto closing = pool.run([transfer] {
    transfer->close();
    return true;
  });
  co_await std::move(closing);
}

Result<std::shared_ptr<Export>> begin_export(const Launcher& launcher, const std::string& uid,
                                             const std::string& volume) {
  TRY_ASSIGN(const UniqueFd lock, launcher.lock(uid));
  TRY_ASSIGN(VolumePlace place, VolumePlace::reach(launcher.layout(), uid, volume));
  TRY_ASSIGN(DirectoryPacker packer, DirectoryPacker::open(place.path().string(), kInnerUid));
  return std::make_shared<Export>(std::move(place), std::move(packer));
}

/// Nothing of the app's spec is needed to reach its data, which may outlive it; its size is.
std::optional<std::uint64_t> size_of(const std::optional<AppRecord>& record,
                                     const std::string& volume) {
  const Value* volumes = record ? record->spec->find("volumes") : nullptr;
  if (volumes == nullptr || !volumes->is_list()) return std::nullopt;
  for (const Value& one : volumes->as_list()) {
    if (one.text_or("name", "") == volume)
      return static_cast<std::uint64_t>(std::max<std::int64_t>(one.integer_or("size", 0), 0));
  }
  return std::nullopt;
}

Result<std::optional<uid_t>> owner_of(const Launcher& launcher, const std::string& uid) {
  if (::geteuid() != 0) return std::optional<uid_t>();
  TRY_ASSIGN(const std::string text, read_file(launcher.layout().owner(uid), 64));
  std::int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  if (number < 0) return fail(ErrorCode::Internal, "it is not known whose the volume is");
  return std::optional(static_cast<uid_t>(host_uid(launcher.settings(), number)));
}

Result<std::shared_ptr<Import>> begin_import(const Launcher& launcher, const std::string& uid,
                                             const std::string& volume) {
  TRY_ASSIGN(UniqueFd lock, launcher.lock(uid));
  TRY_ASSIGN(const AppSight sight, launcher.look(uid));
  if (sight.is_alive) {
    return fail(Error(ErrorCode::Conflict, "it runs, and may be using the volume")
                    .with_hint("stop it first, or let it be stopped for the time: --quiesce"));
  }
  TRY_ASSIGN(VolumePlace place, VolumePlace::reach(launcher.layout(), uid, volume));
  UnpackSettings settings;
  TRY_ASSIGN(settings.owner, owner_of(launcher, uid));
  if (!place.is_image()) settings.limit = size_of(sight.record, volume);
  TRY_ASSIGN(DirectoryUnpacker unpacker, DirectoryUnpacker::open(place.path().string(), settings));
  return std::make_shared<Import>(std::move(lock), std::move(place), std::move(unpacker));
}

Task<Result<void>> pack_all(BlockingPool& pool, std::shared_ptr<Export> running, ByteSink sink) {
  for (;;) {
    auto packing = pool.run([running] { return running->packer->next(); });
    CO_TRY_ASSIGN(std::string piece, co_await std::move(packing));
    if (piece.empty()) co_return Result<void>();
    CO_TRY(co_await sink(std::move(piece)));
  }
}

Task<Result<void>> unpack_all(BlockingPool& pool, std::shared_ptr<Import> running,
                              ByteSource source) {
  for (;;) {
    CO_TRY_ASSIGN(std::string piece, co_await source());
    if (piece.empty()) co_return running->unpacker->finish();
    auto unpacking =
        pool.run([running, bytes = std::move(piece)] { return running->unpacker->feed(bytes); });
    CO_TRY(co_await std::move(unpacking));
  }
}

}  // namespace

Task<Result<void>> export_volume(const Launcher& launcher, BlockingPool& pool,
                                 std::shared_ptr<Semaphore> turn, std::string uid,
                                 std::string volume, ByteSink sink) {
  std::shared_ptr<Export> running;
  {
    const Semaphore::Permit permit = co_await turn->acquire();
    auto beginning =
        pool.run([&launcher, uid, volume] { return begin_export(launcher, uid, volume); });
    CO_TRY_ASSIGN(running, co_await std::move(beginning));
  }
  Result<void> done = co_await pack_all(pool, running, std::move(sink));
  co_await close_on(pool, running);
  co_return done;
}

Task<Result<void>> import_volume(const Launcher& launcher, BlockingPool& pool,
                                 std::shared_ptr<Semaphore> turn, std::string uid,
                                 std::string volume, ByteSource source) {
  const Semaphore::Permit permit = co_await turn->acquire();
  auto beginning =
      pool.run([&launcher, uid, volume] { return begin_import(launcher, uid, volume); });
  CO_TRY_ASSIGN(const std::shared_ptr<Import> running, co_await std::move(beginning));
  Result<void> done = co_await unpack_all(pool, running, std::move(source));
  co_await close_on(pool, running);
  co_return done;
}

}  // namespace croft
