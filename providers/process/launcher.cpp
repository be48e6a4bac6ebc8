#include "providers/process/launcher.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/base/log.hpp"
#include "providers/process/sandbox.hpp"
#include "providers/process/slots.hpp"
#include "providers/process/volume_image.hpp"
#include "providers/process/volume_place.hpp"

namespace croft {

namespace {

constexpr std::chrono::milliseconds kLockPatience{500};
/// How long other firewalls of the host are taken to be as we left them when an app is started;
/// upkeep looks at them whatever that says.
constexpr std::chrono::seconds kNeighboursTrusted{10};

namespace fs = std::filesystem;
using Isolation = ProcessSettings::Isolation;

constexpr int kFirstSharedPort = 20'000;
constexpr int kSharedPorts = 10'000;

/// Asks without taking it, so that a shim which is just being started is not disturbed.
bool is_locked(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return false;
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool is_port_free(int port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
         0;  // NOLINT
}

/// Of the volume of that name; 0 if there is none.
std::int64_t declared_size(const Value& spec, std::string_view name) {
  const Value* volumes = spec.find("volumes");
  if (volumes == nullptr || !volumes->is_list()) return 0;
  for (const Value& volume : volumes->as_list()) {
    if (volume.text_or("name", "") == name) return volume.integer_or("size", 0);
  }
  return 0;
}

Result<void> check_data_directory(const fs::path& root) {
  if (!root.is_absolute())
    return fail(ErrorCode::Invalid, "the data directory must be an absolute path");
  // Sandboxes see these directories of the host.
  for (const char* shown : {"/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/"}) {
    if (root.string().starts_with(shown)) {
      return fail(ErrorCode::Invalid,
                  fmt::format("the data directory {} is inside {}, which apps can see",
                              root.string(), shown));
    }
  }
  return {};
}

}  // namespace

Launcher::Launcher(ProcessSettings settings, ProcessLayout layout, Machine machine, fs::path shim)
    : settings_(std::move(settings)),
      layout_(std::move(layout)),
      machine_(std::move(machine)),
      shim_(std::move(shim)),
      cgroups_(Cgroups::detect(layout_.mark(), settings_.cgroup_parent)),
      networks_(settings_, layout_, machine_),
      checkouts_(layout_.files()) {}

Result<void> Launcher::prepare_root() const {
  TRY(check_data_directory(layout_.root));
  // A sandboxed app's directories are bound by root; without a sandbox the tenant's user walks
  // there by itself.
  const unsigned inner = settings_.isolation == Isolation::Full ? 0700 : 0711;
  TRY(make_directory(layout_.root, 0711));
  TRY(make_directory(layout_.apps(), inner));
  TRY(make_directory(layout_.files(), inner));
  TRY(make_directory(layout_.slots(), 0700));
  TRY(make_directory(layout_.dials(),
                     settings_.gateway_uid || settings_.gateway_gid ? 0711 : 0700));
  return {};
}

Result<UniqueFd> Launcher::lock(const std::string& uid) const {
  if (!is_safe_uid(uid))
    return fail(ErrorCode::Invalid, fmt::format("'{}' cannot be the uid of an app", uid));
  TRY(make_directory(layout_.app(uid), settings_.isolation == Isolation::Full ? 0700 : 0711));
  UniqueFd fd(::open(layout_.lock(uid).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.is_open()) return fail(system_error(errno, "opening " + layout_.lock(uid).string()));
  // A child that is being started shares every descriptor until it executes its program, so a lock
  // that was just given up may look taken for a moment.
  const auto end = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return fail(system_error(errno, "locking " + layout_.lock(uid).string()));
    }
    if (std::chrono::steady_clock::now() > end) {
      return fail(ErrorCode::Conflict, "another Croft is changing this app");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return fd;
}

Result<AppSight> Launcher::look(const std::string& uid) const {
  AppSight sight;
  // Alive first: a shim that ends meanwhile is then seen as alive with its last state, and told of
  // by an event.
  sight.is_alive = is_locked(layout_.shim_lock(uid));
  TRY_ASSIGN(sight.record, load_record(layout_, uid));
  if (const Result<std::string> state = read_file(layout_.state(uid), 1 << 20)) {
    sight.state = shim::parse_line(std::string_view(*state).substr(0, state->find('\n')));
  }
  return sight;
}

std::vector<std::string> Launcher::list() const {
  std::vector<std::string> uids = list_data();
  std::erase_if(uids, [this](const std::string& uid) {
    return ::access(layout_.record(uid).c_str(), F_OK) != 0;
  });
  return uids;
}

std::vector<Use> Launcher::use() const {
  std::vector<Use> uses;
  for (const std::string& uid : list()) {
    if (std::optional<Use> one = cgroups_.use_of(uid)) uses.push_back(std::move(*one));
  }
  return uses;
}

std::vector<std::string> Launcher::list_data() const {
  std::vector<std::string> uids;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(layout_.apps(), error)) {
    const std::string uid = entry.path().filename().string();
    if (is_safe_uid(uid)) uids.push_back(uid);
  }
  std::sort(uids.begin(), uids.end());
  return uids;
}

std::vector<Capabilities::Missing> Launcher::missing() const {
  std::vector<Capabilities::Missing> all = cgroups_.missing();
  all.insert(all.end(), machine_.missing.begin(), machine_.missing.end());
  if (settings_.isolation == Isolation::None) {
    for (const char* what : {"namespaces", "network", "egress"}) {
      const bool known =
          std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.what == what; });
      if (!known) all.push_back({what, "the operator said isolation: none"});
    }
  }
  return all;
}

Result<void> Launcher::check_enforceable(bool allow_egress) const {
  if (settings_.isolation == Isolation::None) return {};
  for (const Capabilities::Missing& one : missing()) {
    if (one.what == "egress" && !allow_egress) continue;
    if (one.what == "storage") continue;  // measured instead
    return fail(
        Error(ErrorCode::Unavailable,
              fmt::format("this machine cannot enforce '{}': {}", one.what, one.why))
            .with_hint("mend that, or accept it with the provider's setting isolation: none"));
  }
  return {};
}

Result<void> Launcher::check_owner(const std::string& uid, std::int64_t number) const {
  const std::string text = std::to_string(number);
  const Result<std::string> owner = read_file(layout_.owner(uid), 64);
  if (owner && *owner == text) return {};
  if (owner) return fail(ErrorCode::Conflict, "the data kept under this uid is another tenant's");
  if (owner.error().code() != ErrorCode::NotFound) return fail(owner.error());
  return write_file_atomic(layout_.owner(uid), text, 0600, Durability::Full);
}

Result<AppRecord> Launcher::plan(const Effect& effect, const std::optional<AppRecord>& before) {
  TRY(check_enforceable(effect.allow_egress));
  TRY(check_passable());
  if (!effect.spec) return fail(ErrorCode::Invalid, "there is no spec to run");
  TRY_ASSIGN(Value spec, normalize_instance(settings_, *effect.spec));
  if (effect.tenant.number < 0)
    return fail(ErrorCode::Invalid, "the tenant has no number to make a user from");
  TRY(check_owner(effect.uid, effect.tenant.number));
  if (before) {
    TRY(check_volumes_fit(*before, spec));
  }
  AppRecord record{
      .uid = effect.uid, .ref = effect.ref, .tenant = effect.tenant, .intent = effect.intent};
  record.spec = std::make_shared<const Value>(std::move(spec));
  record.digest = effect.spec_digest;
  record.tree = effect.files ? effect.files->id() : std::string();
  record.allow_egress = effect.allow_egress && settings_.isolation == Isolation::Full;
  record.port = static_cast<int>(record.spec->integer_or("http.port", 0));
  if (record.port == 0 && settings_.isolation == Isolation::Full) record.port = kDefaultPort;
  if (record.port == 0) {
    const auto is_free = [](int slot) { return is_port_free(kFirstSharedPort + slot); };
    TRY_ASSIGN(const int slot, take_slot(layout_, "port", effect.uid, kSharedPorts, is_free));
    record.port = kFirstSharedPort + slot;
  }
  if (record.allow_egress) {
    TRY_ASSIGN(record.network_slot,
               take_slot(layout_, "network", effect.uid, networks_.slot_count()));
  } else if (before && before->network_slot >= 0) {
    release_slots(layout_, "network", effect.uid);
  }
  return record;
}

Result<void> Launcher::check_out(const Effect& effect) {
  if (!effect.files) return {};
  return checkouts_.materialize(*effect.files);
}

/// Without a sandbox, the tenant's user walks to its files by itself, through directories that may
/// be closed to it.
Result<void> Launcher::check_passable() const {
  if (settings_.isolation == Isolation::Full || !machine_.is_root) return {};
  for (fs::path directory = layout_.root; directory.has_relative_path();
       directory = directory.parent_path()) {
    struct stat status{};
    if (::stat(directory.c_str(), &status) == 0 && (status.st_mode & S_IXOTH) != 0) continue;
    return fail(
        Error(ErrorCode::Denied,
              fmt::format("without isolation, tenants' users must be able to pass through {}",
                          directory.string()))
            .with_hint(fmt::format("chmod o+x {}", directory.string())));
  }
  return {};
}

/// Before the app is stopped for it: a volume whose content does not fit its new, smaller size
/// keeps its app as it is. One that is full, and not made smaller, is in nobody's way.
Result<void> Launcher::check_volumes_fit(const AppRecord& before, const Value& spec) const {
  const Value* volumes = spec.find("volumes");
  if (volumes == nullptr) return {};
  for (const Value& volume : volumes->as_list()) {
    const std::string name = volume.text_or("name", "");
    const Bytes size{volume.integer_or("size", 0)};
    const std::int64_t used = volume_image::used_bytes(layout_.volume(before.uid, name));
    if (used <= size.count || size.count >= declared_size(*before.spec, name)) continue;
    return fail(Error(ErrorCode::Invalid, fmt::format("the volume '{}' holds {} MiB, more than {}",
                                                      name, used >> 20, format_bytes(size)))
                    .with_hint("remove files from it first, or leave its size as it is"));
  }
  return {};
}

Result<void> Launcher::make_volumes(const AppRecord& record) const {
  const Value* volumes = record.spec->find("volumes");
  if (volumes == nullptr) return {};
  TRY(make_directory(layout_.volumes(record.uid),
                     settings_.isolation == Isolation::Full ? 0700 : 0711));
  for (const Value& volume : volumes->as_list()) {
    TRY(while_doing(make_volume(record, volume),
                    fmt::format("preparing the volume '{}'", volume.text_or("name", ""))));
  }
  return {};
}

/// No process of the app lives, so that the volume may be taken away and resized. One that was made
/// as a plain directory stays one.
Result<void> Launcher::make_volume(const AppRecord& record, const Value& volume) const {
  const std::string name = volume.text_or("name", "");
  const fs::path path = layout_.volume(record.uid, name);
  const fs::path image = layout_.image(record.uid, name);
  const auto owner = static_cast<uid_t>(host_uid(settings_, record.tenant.number));
  const Bytes size{volume.integer_or("size", 0)};
  const auto is_there = [](const fs::path& what) { return ::access(what.c_str(), F_OK) == 0; };
  if (machine_.can_mount_volumes && !is_there(path) && !is_there(image)) {
    TRY(make_directory(layout_.images(record.uid), 0700));
    TRY(volume_image::make(image, size, owner));
  }
  if (is_there(image)) {
    TRY(volume_image::unmount(path));
    TRY(volume_image::fit(image, size));
    TRY(volume_image::mount(image, path));
  } else if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(system_error(errno, "making " + path.string()));
  }
  if (machine_.is_root && ::lchown(path.c_str(), owner, owner) != 0)
    return fail(system_error(errno, "giving away " + path.string()));
  return {};
}

Result<void> Launcher::unmount_volumes(const std::string& uid) const {
  TRY(clear_transfers(layout_, uid));
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(layout_.images(uid), error)) {
    TRY(volume_image::unmount(layout_.volume(uid, entry.path().filename().string())));
  }
  return {};
}

Result<void> Launcher::spawn(const AppRecord& record, Duration deadline) const {
  TRY(make_directory(layout_.logs(record.uid), 0700));
  TRY(make_volumes(record));
  TRY_ASSIGN(const AppCgroup cgroup, cgroups_.prepare(record.uid, limits_of(*record.spec)));
  const shim::Launch launch = make_launch(record, settings_, layout_, machine_, cgroup);
  ::unlink(layout_.state(record.uid).c_str());  // of a life that is over
  TRY(write_file_atomic(layout_.launch(record.uid), shim::format_launch(launch), 0600));
  const ChildCommand command{.arguments = {shim_.string(), layout_.app(record.uid).string()},
                             .deadline = deadline};
  TRY(while_doing(run_child_checked(command), "starting the supervisor"));
  return {};
}

Result<void> Launcher::connect(const AppRecord& record, pid_t shim) const {
  if (!record.allow_egress) return {};
  const std::scoped_lock lock(filter_mutex_);
  may_have_filter_ = true;
  TRY(networks_.ensure_filter());
  if (std::chrono::steady_clock::now() - neighbours_passed_ > kNeighboursTrusted) pass_neighbours();
  return networks_.connect(shim, record.network_slot);
}

Result<void> Launcher::clear_runtime(const std::string& uid) const {
  ::unlink(layout_.dial(uid).c_str());
  ::unlink(layout_.control(uid).c_str());
  // `croft down` does not know the provider's settings, and they may have changed since.
  const std::optional<shim::Launch> launch =
      shim::parse_launch(read_file(layout_.launch(uid), 1 << 20).value_or(""));
  TRY(cgroups_.remove(uid, launch ? launch->cgroups : std::vector<std::string>()));
  return unmount_volumes(uid);
}

Result<void> Launcher::forget(const std::string& uid, DataPolicy data) const {
  release_slots(layout_, "network", uid);
  release_slots(layout_, "port", uid);
  if (data == DataPolicy::Erase) {
    // The record goes last: until then the app is still seen, and the erasing is repeated.
    std::error_code error;
    for (const char* name : {"volumes", "images", "logs"}) {
      TRY(remove_tree(layout_.app(uid) / name));
    }
    ::unlink(layout_.record(uid).c_str());
    return remove_tree(layout_.app(uid));
  }
  for (const fs::path& path :
       {layout_.launch(uid), layout_.state(uid), layout_.shim_lock(uid), layout_.record(uid)}) {
    ::unlink(path.c_str());
  }
  return {};
}

void Launcher::sweep() {
  const std::scoped_lock lock(filter_mutex_);
  std::set<std::string> trees;
  bool has_egress = false;
  for (const std::string& uid : list()) {
    const Result<std::optional<AppRecord>> record = load_record(layout_, uid);
    if (!record || !*record) return;  // what cannot be read may use anything
    trees.insert((*record)->tree);
    has_egress = has_egress || (*record)->allow_egress;
  }
  checkouts_.sweep(trees);
  if (has_egress || !may_have_filter_ || settings_.isolation == Isolation::None ||
      !machine_.is_root)
    return;
  networks_.remove_filter();
  may_have_filter_ = false;
  neighbours_passed_ = {};
}

Result<void> Launcher::repair_filter() const {
  const std::scoped_lock lock(filter_mutex_);
  // The app that wanted this may have gone since, and the filter with it.
  if (!may_have_filter_) return {};
  TRY(networks_.ensure_filter());
  pass_neighbours();
  return {};
}

void Launcher::pass_neighbours() const {
  networks_.pass_neighbours();
  neighbours_passed_ = std::chrono::steady_clock::now();
}

Result<void> Launcher::repair_connection(const AppRecord& record, pid_t shim) const {
  if (networks_.is_connected(record.network_slot)) return {};
  log_warning("process", "an app had lost its network and gets it again",
              {{"ref", to_string(record.ref)}});
  return connect(record, shim);
}

}  // namespace croft
