#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace croft {

/// Where a process provider keeps things below its directory:
///
///   apps/UID/record.json    what was asked for last: the source of everything else; there is an
///   app if it is there apps/UID/launch         what the shim runs, made from the record
///   apps/UID/state          what the shim tells, for whoever does not ask it
///   apps/UID/shim.lock      held by the shim as long as it lives
///   apps/UID/lock           held by a Croft while it changes something
///   apps/UID/control.sock   the shim's protocol
///   apps/UID/logs/          current, 1, 2, ...
///   apps/UID/images/NAME     a volume as a file system in a file, where the machine can mount one
///   apps/UID/volumes/NAME/  the volume: where its image is mounted, else a plain directory;
///   outlives
///                           the record
///   apps/UID/transfer/NAME.N where an image is mounted while it is exported or imported
///   apps/UID/owner          the tenant's number: whose the volumes are
///   dial/UID.sock           hands out connections into the app's network, for the gateway
///   files/TREE/             files of a repository, shared by all apps that run them
///   slots/                  numbers in use: networks, ports
struct ProcessLayout {
  std::filesystem::path root;

  std::filesystem::path apps() const { return root / "apps"; }
  std::filesystem::path app(std::string_view uid) const { return apps() / uid; }
  std::filesystem::path record(std::string_view uid) const { return app(uid) / "record.json"; }
  std::filesystem::path launch(std::string_view uid) const { return app(uid) / "launch"; }
  std::filesystem::path state(std::string_view uid) const { return app(uid) / "state"; }
  std::filesystem::path shim_lock(std::string_view uid) const { return app(uid) / "shim.lock"; }
  std::filesystem::path lock(std::string_view uid) const { return app(uid) / "lock"; }
  std::filesystem::path control(std::string_view uid) const { return app(uid) / "control.sock"; }
  std::filesystem::path logs(std::string_view uid) const { return app(uid) / "logs"; }
  std::filesystem::path owner(std::string_view uid) const { return app(uid) / "owner"; }
  std::filesystem::path volumes(std::string_view uid) const { return app(uid) / "volumes"; }
  std::filesystem::path images(std::string_view uid) const { return app(uid) / "images"; }
  std::filesystem::path image(std::string_view uid, std::string_view name) const {
    return images(uid) / name;
  }
  std::filesystem::path volume(std::string_view uid, std::string_view name) const {
    return volumes(uid) / name;
  }
  std::filesystem::path transfers(std::string_view uid) const { return app(uid) / "transfer"; }
  std::filesystem::path dials() const { return root / "dial"; }
  std::filesystem::path dial(std::string_view uid) const {
    return dials() / (std::string(uid) + ".sock");
  }
  std::filesystem::path files() const { return root / "files"; }
  std::filesystem::path tree(std::string_view id) const { return files() / id; }
  std::filesystem::path slots() const { return root / "slots"; }
  /// 4 hexadecimal digits that tell this directory from others on the machine: in names of
  /// interfaces, tables, cgroups.
  std::string mark() const;
};

/// True if the text can stand in paths and names as it is: letters, digits, "-" and "_", at
/// most 64.
bool is_safe_uid(std::string_view uid);

}  // namespace croft
