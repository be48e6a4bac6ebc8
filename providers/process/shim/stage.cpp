#include "providers/process/shim/stage.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "providers/process/shim/descriptor.hpp"

namespace croft::shim {

namespace {

std::string failure(const std::string& what) { return what + ": " + std::strerror(errno); }

void make_parents(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    ::mkdir(path.substr(0, slash).c_str(), 0755);
  }
}

std::string attach(const Launch::Mount& mount, const Descriptor& source) {
  const std::string target = std::string(kStage) + "/" + mount.name;
  make_parents(target);
  ::mkdir(target.c_str(), 0755);
  // The descriptor was opened before the stage covered whatever may be above the source.
  const std::string from = "/proc/self/fd/" + std::to_string(source.get());
  if (::mount(from.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0)
    return failure("binding " + mount.source);
  const unsigned long read_only = mount.writable ? 0UL : static_cast<unsigned long>(MS_RDONLY);
  const unsigned long flags = MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | read_only;
  if (::mount(nullptr, target.c_str(), nullptr, flags, nullptr) != 0)
    return failure("protecting " + mount.source);
  return {};
}

std::string write_file(const Launch& launch, const Launch::File& file) {
  const std::string path = std::string(kStage) + "/" + file.name;
  make_parents(path);
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                             file.is_secret ? 0400 : 0644));
  const auto size = static_cast<ssize_t>(file.content.size());
  if (!fd.is_open() || ::write(fd.get(), file.content.data(), file.content.size()) != size) {
    return failure("writing " + path);
  }
  if (file.is_secret && launch.drops_user && ::fchown(fd.get(), launch.uid, launch.gid) != 0)
    return failure("giving away " + path);
  return {};
}

std::string hide(const std::string& directory) {
  if (::mount("tmpfs", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
              "size=4k,mode=0000") != 0 &&
      errno != ENOENT) {  // already below the stage
    return failure("hiding " + directory);
  }
  return {};
}

}  // namespace

std::string build_stage(const Launch& launch) {
  if (::unshare(CLONE_NEWNS) != 0) return failure("making a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return failure("parting from the host's mounts");
  std::vector<Descriptor> sources;
  for (const Launch::Mount& mount : launch.mounts) {
    sources.emplace_back(
        ::open(mount.source.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!sources.back().is_open()) return failure("opening " + mount.source);
  }
  if (::mount("tmpfs", kStage, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=0755") != 0) {
    return failure("mounting the stage");
  }
  std::string problem;
  for (std::size_t i = 0; i < sources.size() && problem.empty(); ++i)
    problem = attach(launch.mounts[i], sources[i]);
  for (const Launch::File& file : launch.files) {
    if (problem.empty()) problem = write_file(launch, file);
  }
  for (const std::string& directory : launch.hidden) {
    if (problem.empty()) problem = hide(directory);
  }
  return problem;
}

}  // namespace croft::shim
