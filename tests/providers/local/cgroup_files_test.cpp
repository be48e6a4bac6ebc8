#include "providers/local/cgroup_files.hpp"

#include <string>

#include <gtest/gtest.h>

#include "core/base/files.hpp"

namespace croft {
namespace {

/// A machine in a directory: what its kernel would show under /proc and /sys.
class CgroupFilesTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = root_.path() / path;
    std::filesystem::create_directories(whole.parent_path());
    ASSERT_TRUE(write_file_atomic(whole, text, 0644));
  }
  void make_v1() {
    write("proc/self/mountinfo",
          "25 24 0:22 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
          "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
          "31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
          "32 25 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n");
    write("proc/42/cgroup",
          "4:memory:/docker/c0ffee\n3:pids:/docker/c0ffee\n"
          "1:cpu,cpuacct:/docker/c0ffee\n0::/\n");
    write("sys/fs/cgroup/cpu,cpuacct/docker/c0ffee/cpuacct.usage", "2500000000\n");
    write("sys/fs/cgroup/memory/docker/c0ffee/memory.usage_in_bytes", "1000\n");
    write("sys/fs/cgroup/memory/docker/c0ffee/memory.limit_in_bytes", "4096\n");
    write("sys/fs/cgroup/memory/docker/c0ffee/memory.stat",
          "inactive_file 1\ntotal_cache 500\ntotal_inactive_file 300\n");
    write("sys/fs/cgroup/pids/docker/c0ffee/pids.current", "3\n");
  }
  void make_v2(const std::string& path) {
    write("proc/self/mountinfo", "31 25 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    write("proc/42/cgroup", "0::" + path + "\n");
    const std::string scope = "sys/fs/cgroup/system.slice/docker-c0ffee.scope/";
    write(scope + "cpu.stat", "usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n");
    write(scope + "memory.current", "1000\n");
    write(scope + "memory.max", "max\n");
    write(scope + "memory.stat", "anon 500\ninactive_file 400\n");
    write(scope + "pids.current", "2\n");
  }
  std::optional<CgroupUse> use_of(int process) {
    return CgroupReader(root_.path()).use_of(process, "c0ffee");
  }

  TemporaryDirectory root_ = TemporaryDirectory::make("croft-cgroups-").value();
};

TEST_F(CgroupFilesTest, ReadsVersionOne) {
  make_v1();
  const std::optional<CgroupUse> use = use_of(42);
  ASSERT_TRUE(use);
  EXPECT_EQ(use->cpu_seconds, 2.5);
  EXPECT_EQ(use->memory, 700);
  EXPECT_EQ(use->memory_limit, 4096);
  EXPECT_EQ(use->processes, 3);
}

TEST_F(CgroupFilesTest, ReadsVersionTwo) {
  make_v2("/system.slice/docker-c0ffee.scope");
  const std::optional<CgroupUse> use = use_of(42);
  ASSERT_TRUE(use);
  EXPECT_EQ(use->cpu_seconds, 1.5);
  EXPECT_EQ(use->memory, 600);
  EXPECT_FALSE(use->memory_limit) << "there is none";
  EXPECT_EQ(use->processes, 2);
}

TEST_F(CgroupFilesTest, CountsAllOfAContainerThatMakesCgroupsOfItsOwn) {
  make_v2("/system.slice/docker-c0ffee.scope/init.scope");
  write("sys/fs/cgroup/system.slice/docker-c0ffee.scope/init.scope/memory.current", "5\n");
  const std::optional<CgroupUse> use = use_of(42);
  ASSERT_TRUE(use);
  EXPECT_EQ(use->memory, 600);
}

TEST_F(CgroupFilesTest, WhatEndedOrIsAnothersIsLeftOut) {
  make_v1();
  EXPECT_FALSE(use_of(43));
  write("proc/44/cgroup", "4:memory:/docker/another\n");
  write("sys/fs/cgroup/memory/docker/another/memory.usage_in_bytes", "1000\n");
  EXPECT_FALSE(use_of(44)) << "its number was given to somebody else";
  write("proc/45/cgroup", "4:memory:/docker/c0ffee-not-here\n");
  EXPECT_FALSE(use_of(45)) << "not to be seen from here";
}

TEST_F(CgroupFilesTest, FindsControllersOfVersionOne) {
  const auto mounts = cgroup_v1_mounts(
      "25 24 0:22 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
      "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(mounts.at("cpu"), "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(mounts.at("memory"), "/sys/fs/cgroup/memory");
  EXPECT_FALSE(mounts.contains("pids"));
  const auto paths = cgroup_paths("9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/c\n0::/\n");
  EXPECT_EQ(paths.at("memory"), "/a/b");
  EXPECT_EQ(paths.at("cpuacct"), "/c");
}

}  // namespace
}  // namespace croft
