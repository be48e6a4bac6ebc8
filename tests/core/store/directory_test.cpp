#include <fcntl.h>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/store/sqlite.hpp"
#include "core/store/sqlite/connection.hpp"
#include "tests/core/store/numbered.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

class DirectoryTest : public testing::Test {
 protected:
  Result<void> commit(Store& store, int number, std::size_t payload = 0) {
    return run_task(io_, store.commit(numbered_transaction(number, payload)));
  }
  std::set<int> numbers(Store& store) {
    const NumberedContent content = read_numbered(io_, store);
    EXPECT_TRUE(content.complaints.empty()) << content.complaints.front();
    return content.whole;
  }
  /// Why the directory cannot be opened.
  Error refusal(const SqliteOptions& options = {}) {
    Result<std::unique_ptr<Store>> store = open_sqlite_store(path_, options);
    EXPECT_FALSE(store.has_value());
    return store ? Error() : std::move(store.error());
  }
  /// A store with a few hundred pages, closed.
  void fill() {
    const std::unique_ptr<Store> store = open_sqlite_store(path_).value();
    for (int i = 1; i <= 20; ++i) ASSERT_TRUE(commit(*store, i, 50'000).has_value());
  }
  void overwrite(const char* name, off_t at, const std::string& bytes) {
    const UniqueFd file(::open((path_ / name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), at),
              static_cast<ssize_t>(bytes.size()));
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-store-").value();
  fs::path path_ = directory_.path();
  asio::io_context io_;
};

/// A file system of its own on a directory; this process alone sees it, and it goes with the
/// process.
class PrivateMount {
 public:
  PrivateMount(const fs::path& path, const char* size) : path_(path) {
    static const bool kIsPrivate =
        ::unshare(CLONE_NEWNS) == 0 &&
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    const std::string options = fmt::format("size={}", size);
    is_there_ = kIsPrivate && ::mount("croft-test", path.c_str(), "tmpfs", 0, options.c_str()) == 0;
  }
  ~PrivateMount() {
    if (is_there_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  PrivateMount(const PrivateMount&) = delete;
  PrivateMount& operator=(const PrivateMount&) = delete;

  bool is_there() const { return is_there_; }
  bool make_read_only() {
    return ::mount(nullptr, path_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  fs::path path_;
  bool is_there_ = false;
};

#define NEEDS_MOUNT(mount) \
  if (!(mount).is_there()) \
  GTEST_SKIP() << "this machine does not let the test mount a file system (needs root)"

/// Takes all the space that is left, to the last byte.
void fill_disk(const fs::path& file) {
  const UniqueFd filler(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string block(4096, 'f');
  while (::write(filler.get(), block.data(), block.size()) > 0) {
  }
}

TEST_F(DirectoryTest, IsMadeForItsOwnerAlone) {
  path_ /= "a/b/data";
  fill();
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_all);
  const std::unique_ptr<Store> store = open_sqlite_store(path_).value();
  ASSERT_TRUE(commit(*store, 21).has_value());
  for (const char* name : {"croft.db", "croft.db-wal", "croft.lock"}) {
    EXPECT_EQ(fs::status(path_ / name).permissions(),
              fs::perms::owner_read | fs::perms::owner_write)
        << name;
  }
}

TEST_F(DirectoryTest, IsOneStoresAtATime) {
  std::unique_ptr<Store> store = open_sqlite_store(path_).value();
  const Error refused = refusal();
  EXPECT_EQ(refused.code(), ErrorCode::Conflict);
  EXPECT_NE(refused.describe().find(fmt::format("another croft (pid {}) uses", ::getpid())),
            std::string::npos)
      << refused.describe();
  EXPECT_TRUE(commit(*store, 1).has_value());
  store.reset();
  EXPECT_TRUE(open_sqlite_store(path_).has_value());
}

TEST_F(DirectoryTest, IsLeftWithoutALogAfterACleanEnd) {
  fill();
  EXPECT_FALSE(fs::exists(path_ / "croft.db-wal"));
  EXPECT_EQ(fs::file_size(path_ / "croft.lock"), 0U);
}

TEST_F(DirectoryTest, FinishesWhatWasSubmittedBeforeItCloses) {
  std::unique_ptr<Store> store = open_sqlite_store(path_).value();
  for (int i = 1; i <= 50; ++i) {
    asio::co_spawn(io_, store->commit(numbered_transaction(i)),
                   [](std::exception_ptr, const Result<void>&) {});
  }
  io_.poll();  // all are submitted; nobody waits for them any more
  store.reset();
  store = open_sqlite_store(path_).value();
  EXPECT_EQ(numbers(*store).size(), 50U);
}

// no space

TEST_F(DirectoryTest, SaysThatTheDiskIsFullAndGoesOnOnceThereIsSpace) {
  const PrivateMount mount(path_, "6m");
  NEEDS_MOUNT(mount);
  std::unique_ptr<Store> store = open_sqlite_store(path_).value();
  ASSERT_TRUE(commit(*store, 1, 10'000).has_value());
  fill_disk(path_ / "filler");
  // The log's file may have room left within its last block for a while.
  Result<void> full;
  int number = 2;
  while (full && number < 1'000) full = commit(*store, number++, 10'000);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(full.error().describe(),
            fmt::format("while writing to the store: the disk is full; free some space "
                        "where {} lies; Croft goes on by itself",
                        (path_ / "croft.db").string()));
  const std::set<int> before = numbers(*store);
  EXPECT_EQ(before.size(), static_cast<std::size_t>(number - 2));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(commit(*store, number, 10'000).has_value());
  EXPECT_EQ(numbers(*store), before);

  fs::remove(path_ / "filler");
  EXPECT_TRUE(commit(*store, number, 10'000).has_value());
  store.reset();
  store = open_sqlite_store(path_).value();
  EXPECT_EQ(numbers(*store).size(), before.size() + 1);
}

TEST_F(DirectoryTest, OpensWithAFullDiskOrSaysWhyNot) {
  const PrivateMount mount(path_, "6m");
  NEEDS_MOUNT(mount);
  ASSERT_TRUE(commit(*open_sqlite_store(path_).value(), 1).has_value());
  fill_disk(path_ / "filler");
  {
    const Result<std::unique_ptr<Store>> store = open_sqlite_store(path_);
    if (!store) {
      EXPECT_EQ(store.error().code(), ErrorCode::Unavailable) << store.error().describe();
      EXPECT_NE(store.error().describe().find("the disk is full"), std::string::npos)
          << store.error().describe();
    }
  }
  fs::remove(path_ / "filler");
  const std::unique_ptr<Store> store = open_sqlite_store(path_).value();
  EXPECT_EQ(numbers(*store).size(), 1U);
}

TEST_F(DirectoryTest, LetsSmallCommitsPassWhenALargeOneFindsNoSpace) {
  const std::unique_ptr<Store> store =
      open_sqlite_store(path_, {.size_limit = Bytes{1 << 20}}).value();
  std::vector<Result<void>> results(60, fail(ErrorCode::Internal, "never completed"));
  for (std::size_t i = 0; i < results.size(); ++i) {
    Transaction transaction = numbered_transaction(static_cast<int>(i), i == 30 ? 5'000'000 : 100);
    asio::co_spawn(
        io_, store->commit(std::move(transaction)),
        [&results, i](std::exception_ptr, Result<void> result) { results[i] = std::move(result); });
  }
  io_.run();
  std::set<int> expected;
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(results[static_cast<std::size_t>(i)].has_value(), i != 30) << i;
    if (i != 30) expected.insert(i);
  }
  EXPECT_EQ(results[30].error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(numbers(*store), expected);
}

TEST_F(DirectoryTest, SaysThatAnotherProgramHoldsTheFileAndGoesOnAfterIt) {
  const std::unique_ptr<Store> store = open_sqlite_store(path_).value();
  const auto shell =
      sqlite::Connection::open(path_ / "croft.db", sqlite::Connection::Role::Writer).value();
  ASSERT_TRUE(shell->run_script("BEGIN IMMEDIATE").has_value());
  // Both wait for the same lock, one wait for the two of them.
  std::vector<Result<void>> results;
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(io_, store->commit(numbered_transaction(i)),
                   [&results](std::exception_ptr, Result<void> result) {
                     results.push_back(std::move(result));
                   });
  }
  io_.run();
  for (const Result<void>& result : results) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code(), ErrorCode::Unavailable);
    EXPECT_NE(result.error().describe().find("is locked by another program"), std::string::npos);
  }
  EXPECT_TRUE(numbers(*store).empty());
  ASSERT_TRUE(shell->run_script("ROLLBACK").has_value());
  EXPECT_TRUE(commit(*store, 1).has_value());
}

// not writable

TEST_F(DirectoryTest, SaysThatTheFileSystemIsReadOnly) {
  PrivateMount mount(path_, "6m");
  NEEDS_MOUNT(mount);
  fill();
  ASSERT_TRUE(mount.make_read_only());
  const Error refused = refusal();
  EXPECT_EQ(refused.code(), ErrorCode::Denied);
  EXPECT_NE(refused.describe().find("read-only"), std::string::npos) << refused.describe();
}

TEST_F(DirectoryTest, SaysThatTheFileIsReadOnly) {
  const PrivateMount mount(path_, "6m");
  NEEDS_MOUNT(mount);
  fill();
  const std::string file = (path_ / "croft.db").string();
  ASSERT_EQ(::mount(file.c_str(), file.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, file.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
  const Error refused = refusal();
  EXPECT_EQ(refused.code(), ErrorCode::Denied);
  EXPECT_NE(refused.describe().find(file + " is read-only; check its owner, its mode"),
            std::string::npos)
      << refused.describe();
  ASSERT_EQ(::umount2(file.c_str(), MNT_DETACH), 0);
  EXPECT_EQ(numbers(*open_sqlite_store(path_).value()).size(), 20U);
}

TEST_F(DirectoryTest, CannotBeAFile) {
  path_ /= "file";
  std::ofstream(path_) << "not a directory";
  EXPECT_FALSE(refusal().describe().empty());
}

// damaged

TEST_F(DirectoryTest, RefusesAFileThatIsNoDatabaseAndLeavesItAlone) {
  overwrite("croft.db", 0, std::string(10'000, '?'));
  const Error refused = refusal();
  EXPECT_EQ(refused.code(), ErrorCode::Internal);
  EXPECT_NE(refused.describe().find(
                "croft.db is damaged: file is not a database; stop Croft, keep a copy of"),
            std::string::npos)
      << refused.describe();
  EXPECT_EQ(read_file(path_ / "croft.db", 1 << 20).value(), std::string(10'000, '?'));
}

TEST_F(DirectoryTest, ChecksTheFileAfterADaemonThatWasKilled) {
  fill();
  // Past the schema and the roots of the tables: only what the events hold.
  for (off_t page = 40; page < 60; ++page)
    overwrite("croft.db", page * 4096, std::string(4096, '\x5A'));
  overwrite("croft.lock", 0, "4242\n");
  const Error refused = refusal();
  EXPECT_EQ(refused.code(), ErrorCode::Internal);
  EXPECT_NE(refused.describe().find("croft.db is damaged"), std::string::npos)
      << refused.describe();
}

TEST_F(DirectoryTest, ReportsDamageThatAReadComesAcross) {
  fill();
  const auto pages = static_cast<off_t>(fs::file_size(path_ / "croft.db") / 4096);
  for (off_t page = 40; page < pages; ++page)
    overwrite("croft.db", page * 4096, std::string(4096, '\x5A'));
  const std::unique_ptr<Store> store = open_sqlite_store(path_).value();
  const Result<std::vector<EventRow>> events = run_task(io_, store->events({.after = -1}));
  ASSERT_FALSE(events.has_value());
  EXPECT_EQ(events.error().code(), ErrorCode::Internal) << events.error().describe();
}

TEST_F(DirectoryTest, RefusesATruncatedFile) {
  fill();
  fs::resize_file(path_ / "croft.db", fs::file_size(path_ / "croft.db") / 2);
  overwrite("croft.lock", 0, "4242\n");
  EXPECT_EQ(refusal().code(), ErrorCode::Internal);
}

}  // namespace

}  // namespace croft
