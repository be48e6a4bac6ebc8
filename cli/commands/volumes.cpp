#include <cerrno>
#include <fcntl.h>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/amounts.hpp"
#include "cli/output/progress.hpp"
#include "cli/output/table.hpp"
#include "cli/output/yaml.hpp"
#include "core/base/clock.hpp"
#include "core/base/files.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

constexpr std::size_t kPiece = 64U << 10U;
constexpr std::string_view kMedia = "application/x-tar";

/// A volume as people name it: REF, or REF:VOLUME.
struct VolumeName {
  Ref ref;
  std::string volume;
};

Result<VolumeName> named_volume(const Client& client, const Invocation& invocation) {
  const std::string text = invocation.arguments.text("VOLUME");
  const std::size_t colon = text.find(':');
  VolumeName name;
  std::string ref = text.substr(0, colon);
  // Short: "db.data" for Volume/db.data, "api" for Instance/api.
  if (ref.find('/') == std::string::npos)
    ref = (ref.find('.') != std::string::npos ? "Volume/" : "Instance/") + ref;
  TRY_ASSIGN(name.ref, ref_of(client, invocation, ref));
  if (colon != std::string::npos) name.volume = text.substr(colon + 1);
  return name;
}

std::string name_of(const Ref& ref, const std::string& volume) {
  return volume.empty() ? to_string(ref) : to_string(ref) + ":" + volume;
}

std::string transfer_target(const VolumeName& name, const Invocation& invocation,
                            std::string_view verb) {
  std::string target = fmt::format("{}/{}?quiesce={}", path_to("volumes", name.ref), verb,
                                   invocation.arguments.has("quiesce") ? "true" : "false");
  if (!name.volume.empty()) target += "&volume=" + percent_encode(name.volume);
  return target;
}

// ls

std::string state_of(const VolumeStatus& volume, Timestamp now) {
  if (volume.kept_until) {
    const Duration left = std::max(Duration(0), *volume.kept_until - now);
    return fmt::format("kept for {} more", format_age(left));
  }
  if (volume.users.empty()) return "not in use";
  std::vector<std::string> names;
  for (const Ref& user : volume.users) names.push_back(local_name(user));
  return fmt::format("used by {}", fmt::join(names, ", "));
}

Result<int> list(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const std::string tenant, tenant_of(client, invocation));
  TRY_ASSIGN(
      const Value answer,
      client.get(tenant.empty() ? "/v1/volumes" : "/v1/volumes?tenant=" + percent_encode(tenant)));
  if (const std::string format = invocation.output(); format != "text") {
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  TRY_ASSIGN(const auto volumes, list_from_form<VolumeStatus>(answer, "volumes", volume_from_form));
  if (volumes.empty()) {
    invocation.terminal.err << "No volumes.\n";
    return 0;
  }
  const Timestamp now = SystemClock().now();
  Table table({{"VOLUME"}, {"PROVIDER"}, {"SIZE"}, {"USED"}, {"STATE", 20}});
  for (const VolumeStatus& volume : volumes) {
    const std::string name = tenant.empty()          ? name_of(volume.ref, volume.volume)
                             : volume.volume.empty() ? local_name(volume.ref)
                                                     : local_name(volume.ref) + ":" + volume.volume;
    table.add({{name},
               {volume.provider},
               {format_bytes({volume.size})},
               {volume.used ? rough_bytes(*volume.used) : "-"},
               {printable(state_of(volume, now))}});
  }
  table.print(invocation.terminal);
  return 0;
}

// export

/// Where an archive goes: a file that appears when it is whole, or standard output.
class ArchiveFile {
 public:
  static Result<ArchiveFile> create(const std::string& path) {
    ArchiveFile file;
    if (path == "-") {
      file.fd_ = UniqueFd(::dup(STDOUT_FILENO));
      return file;
    }
    file.path_ = path;
    const std::string half = path + ".part";
    file.fd_ = UniqueFd(::open(half.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.fd_.is_open()) return fail(system_error(errno, "making " + half));
    return file;
  }
  ArchiveFile(ArchiveFile&&) = default;
  ArchiveFile& operator=(ArchiveFile&&) = delete;
  ~ArchiveFile() {
    if (!path_.empty()) ::unlink((path_ + ".part").c_str());
  }

  Result<void> write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(system_error(errno, "writing the archive"));
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }
  Result<void> finish() {
    if (path_.empty()) return {};
    if (::fsync(fd_.get()) != 0 || ::rename((path_ + ".part").c_str(), path_.c_str()) != 0)
      return fail(system_error(errno, "writing " + path_));
    path_.clear();
    return {};
  }

 private:
  ArchiveFile() = default;
  std::string path_;
  UniqueFd fd_;
};

Result<int> export_volume(const Invocation& invocation) {
  const std::string path = invocation.arguments.text("file", "-");
  if (path == "-" && ::isatty(STDOUT_FILENO) == 1) {
    return fail(Error(ErrorCode::Invalid, "an archive is nothing for a terminal")
                    .with_hint("say -o FILE, or send it to a program: ... | tar -tv"));
  }
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const VolumeName name, named_volume(client, invocation));
  TRY_ASSIGN(ArchiveFile file, ArchiveFile::create(path));
  std::int64_t count = 0;
  Result<void> written;
  const Result<void> done = client.post_for_stream(
      transfer_target(name, invocation, "export"), [&](std::string_view piece) {
        written = file.write(piece);
        count += static_cast<std::int64_t>(piece.size());
        return written.has_value();
      });
  TRY(written);
  if (!done) {
    return fail(Error(done.error())
                    .with_hint(done.error().hint().empty()
                                   ? "the archive is not whole: throw it away"
                                   : done.error().hint()));
  }
  TRY(file.finish());
  invocation.terminal.err << fmt::format("{}: {} exported\n", name_of(name.ref, name.volume),
                                         rough_bytes(count));
  return 0;
}

// import

ByteSource file_source(std::shared_ptr<UniqueFd> file, std::shared_ptr<std::int64_t> count) {
  return [file, count]() -> Task<Result<std::string>> {
    // Nothing else runs on this loop: it may block.
    std::string bytes(kPiece, '\0');
    ssize_t got = -1;
    do {
      got = ::read(file->get(), bytes.data(), bytes.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) co_return fail(system_error(errno, "reading the archive"));
    bytes.resize(static_cast<std::size_t>(got));
    *count += got;
    co_return bytes;
  };
}

Result<int> import_volume(const Invocation& invocation) {
  const std::string path = invocation.arguments.text("FILE", "-");
  if (path == "-" && ::isatty(STDIN_FILENO) == 1)
    return fail(
        Error(ErrorCode::Invalid, "which archive?").with_hint("name a FILE, or pipe one in"));
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const VolumeName name, named_volume(client, invocation));
  const auto file = std::make_shared<UniqueFd>(
      path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file->is_open()) return fail(system_error(errno, "opening " + path));
  const auto count = std::make_shared<std::int64_t>(0);
  TRY(client.upload(transfer_target(name, invocation, "import"), std::string(kMedia),
                    file_source(file, count)));
  invocation.terminal.err << fmt::format("{}: {} imported\n", name_of(name.ref, name.volume),
                                         rough_bytes(*count));
  return 0;
}

// rm

/// What is kept of a resource, by the names of its volumes.
Result<std::vector<VolumeStatus>> kept_of(const Client& client, const Ref& ref) {
  TRY_ASSIGN(const Value answer, client.get("/v1/volumes?tenant=" + percent_encode(ref.tenant)));
  TRY_ASSIGN(auto volumes, list_from_form<VolumeStatus>(answer, "volumes", volume_from_form));
  std::erase_if(volumes, [&](const VolumeStatus& volume) { return volume.ref != ref; });
  if (volumes.empty()) {
    return fail(Error(ErrorCode::NotFound, "nothing is kept of " + to_string(ref))
                    .with_hint("see `croft volume ls`"));
  }
  if (!volumes.front().kept_until) {
    return fail(Error(ErrorCode::Conflict, to_string(ref) + " is declared")
                    .with_hint("remove it from its repository first; what is kept then can be "
                               "erased"));
  }
  return volumes;
}

Result<void> confirm(const Invocation& invocation, const std::string& name,
                     const std::vector<VolumeStatus>& volumes) {
  if (invocation.arguments.has("yes")) return {};
  if (::isatty(STDIN_FILENO) != 1)
    return fail(Error(ErrorCode::Invalid, "erasing data needs to be said").with_hint("say --yes"));
  std::vector<std::string> names;
  for (const VolumeStatus& volume : volumes) names.push_back(name_of(volume.ref, volume.volume));
  invocation.terminal.err << fmt::format("This erases for ever: {}\nType {} to go on: ",
                                         fmt::join(names, ", "), name)
                          << std::flush;
  std::string typed;
  std::getline(std::cin, typed);
  if (typed == name) return {};
  return fail(ErrorCode::Cancelled, "that is another name: nothing was erased");
}

Result<int> remove(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const VolumeName name, named_volume(client, invocation));
  TRY_ASSIGN(const std::vector<VolumeStatus> volumes, kept_of(client, name.ref));
  const bool is_all =
      name.volume.empty() || (volumes.size() == 1 && volumes.front().volume == name.volume);
  if (!is_all) {
    return fail(Error(ErrorCode::Invalid, "the volumes of a resource go together")
                    .with_hint(fmt::format("`croft volume rm {}` erases all {} of them",
                                           to_string(name.ref), volumes.size())));
  }
  TRY(confirm(invocation, local_name(name.ref), volumes));
  TRY(client.remove(path_to("volumes", name.ref)));
  invocation.terminal.out << fmt::format("{}: erased\n", to_string(name.ref));
  return 0;
}

Parameter quiesce_option(std::string_view verb) {
  return {.name = "quiesce",
          .help = fmt::format(
              "Stop what uses it while it is {}, and start it again whatever happens.", verb)};
}

}  // namespace

void add_volumes(std::vector<Command>& commands) {
  const Parameter volume{
      .name = "VOLUME",
      .help =
          "Instance/api:data, short api:data, or Instance/api if it has one volume only; of a "
          "Stack: Volume/db.data, short db.data.",
      .completes = Completes::Refs,
      .required = true};
  Command group;
  group.name = "volume";
  group.summary = "Volumes: what there is, out of them, into them, away with them";
  group.group = "Data";
  group.commands = {
      {.name = "ls",
       .summary = "List volumes, those whose data is only kept, too",
       .description = "USED is what the whole resource keeps, measured about once a minute.",
       .outputs = {"text", "json", "yaml"},
       .examples = {"croft volume ls", "croft volume ls -A -o json"},
       .run = list},
      {.name = "export",
       .summary = "Write a volume's content as a tar archive",
       .description =
           "While what uses it runs or not. Files that change meanwhile are as they were at some "
           "moment of it; --quiesce makes all of them of one moment.",
       .options = {{.name = "file",
                    .letter = 'o',
                    .value = "FILE",
                    .help = "Where to; the file appears once it is whole.",
                    .fallback = "-, standard output",
                    .completes = Completes::Files},
                   quiesce_option("exported")},
       .positionals = {volume},
       .examples = {"croft volume export api:data -o data.tar",
                    "croft volume export db.data --quiesce | gzip > db.tar.gz"},
       .run = export_volume},
      {.name = "import",
       .summary = "Unpack a tar archive into a volume",
       .description =
           "Over what is there: files of the same name are replaced, others stay. Nothing may use "
           "the volume meanwhile. An archive with paths that lead outside, devices or pipes is "
           "refused where they come; what came before them stays.",
       .options = {quiesce_option("written")},
       .positionals = {volume,
                       {.name = "FILE",
                        .help = "The archive.",
                        .fallback = "-, standard input",
                        .completes = Completes::Files}},
       .examples = {"croft volume import api:data data.tar --quiesce",
                    "gunzip -c db.tar.gz | croft volume import db.data --quiesce"},
       .run = import_volume},
      {.name = "rm",
       .summary = "Erase the data that is kept of what is declared no more",
       .description = "For ever. Asks for the name, or wants --yes.",
       .options = {{.name = "yes", .letter = 'y', .help = "Do not ask."}},
       .positionals = {volume},
       .examples = {"croft volume rm Instance/api"},
       .run = remove}};
  commands.push_back(std::move(group));
}

}  // namespace croft::cli
