#include "providers/process/shim/launch.hpp"

namespace croft::shim {

namespace {

void add_list(std::string& text, std::string_view verb, const std::vector<std::string>& values) {
  for (const std::string& value : values) text += format_line(Line(verb).add("value", value));
}

Line limits_line(const Launch& launch) {
  return Line("restart")
      .add("first", launch.backoff_first)
      .add("limit", launch.backoff_limit)
      .add("stable", launch.stable_after)
      .add("grace", launch.grace);
}

Line user_line(const Launch& launch) {
  return Line("user")
      .add("drop", launch.drops_user ? 1 : 0)
      .add("uid", launch.uid)
      .add("gid", launch.gid)
      .add("inner-uid", launch.inner_uid)
      .add("inner-gid", launch.inner_gid);
}

void read_user(Launch& launch, const Line& line) {
  launch.drops_user = line.number("drop") != 0;
  launch.uid = static_cast<unsigned>(line.number("uid"));
  launch.gid = static_cast<unsigned>(line.number("gid"));
  launch.inner_uid = static_cast<unsigned>(line.number("inner-uid"));
  launch.inner_gid = static_cast<unsigned>(line.number("inner-gid"));
}

void read_restart(Launch& launch, const Line& line) {
  launch.backoff_first = line.number("first", launch.backoff_first);
  launch.backoff_limit = line.number("limit", launch.backoff_limit);
  launch.stable_after = line.number("stable", launch.stable_after);
  launch.grace = line.number("grace", launch.grace);
}

void read_dial(Launch& launch, const Line& line) {
  launch.own_network = line.number("own-network") != 0;
  launch.port = static_cast<int>(line.number("port"));
  launch.dial_socket = line.text("socket");
  launch.dial_gid = static_cast<unsigned>(line.number("gid"));
  for (const std::string& peer : line.all("peer")) {
    Line one;
    one.add("peer", peer);
    launch.dial_peers.push_back(static_cast<unsigned>(one.number("peer", 0)));
  }
}

void read_log(Launch& launch, const Line& line) {
  launch.log_directory = line.text("directory");
  launch.log_size = line.number("size", launch.log_size);
  launch.log_files = static_cast<int>(line.number("files", launch.log_files));
}

void read(Launch& launch, const Line& line) {
  const std::string value = line.text("value");
  if (line.verb == "arg") launch.arguments.push_back(value);
  if (line.verb == "sandbox") launch.sandbox.push_back(value);
  if (line.verb == "env") launch.environment.push_back(value);
  if (line.verb == "secret") launch.secrets.push_back(value);
  if (line.verb == "hide") launch.hidden.push_back(value);
  if (line.verb == "cgroup") launch.cgroups.push_back(value);
  if (line.verb == "digest") launch.digest = value;
  if (line.verb == "directory") launch.directory = value;
  if (line.verb == "oom") launch.oom_counter = value;
  if (line.verb == "mount") {
    launch.mounts.push_back({line.text("source"), line.text("name"), line.number("writable") != 0});
  }
  if (line.verb == "file") launch.files.push_back({line.text("name"), line.text("content")});
  if (line.verb == "user") read_user(launch, line);
  if (line.verb == "restart") read_restart(launch, line);
  if (line.verb == "network") read_dial(launch, line);
  if (line.verb == "log") read_log(launch, line);
}

}  // namespace

std::string format_launch(const Launch& launch) {
  std::string text = format_line(Line("croft-launch").add("version", kProtocolVersion));
  add_list(text, "arg", launch.arguments);
  add_list(text, "sandbox", launch.sandbox);
  add_list(text, "env", launch.environment);
  add_list(text, "secret", launch.secrets);
  add_list(text, "hide", launch.hidden);
  add_list(text, "cgroup", launch.cgroups);
  add_list(text, "digest", {launch.digest});
  add_list(text, "directory", {launch.directory});
  add_list(text, "oom", {launch.oom_counter});
  for (const Launch::Mount& mount : launch.mounts) {
    text += format_line(Line("mount")
                            .add("source", mount.source)
                            .add("name", mount.name)
                            .add("writable", mount.writable ? 1 : 0));
  }
  for (const Launch::File& file : launch.files) {
    text += format_line(Line("file").add("name", file.name).add("content", file.content));
  }
  text += format_line(user_line(launch));
  text += format_line(limits_line(launch));
  Line network("network");
  network.add("own-network", launch.own_network ? 1 : 0)
      .add("port", launch.port)
      .add("socket", launch.dial_socket);
  network.add("gid", launch.dial_gid);
  for (const unsigned peer : launch.dial_peers) network.add("peer", peer);
  text += format_line(network);
  text += format_line(Line("log")
                          .add("directory", launch.log_directory)
                          .add("size", launch.log_size)
                          .add("files", launch.log_files));
  return text;
}

std::optional<Launch> parse_launch(std::string_view text) {
  Launch launch;
  bool has_header = false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::optional<Line> line = parse_line(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!line) return std::nullopt;
    if (!has_header && line->verb != "croft-launch") return std::nullopt;
    has_header = true;
    read(launch, *line);
  }
  if (!has_header || launch.arguments.empty()) return std::nullopt;
  return launch;
}

}  // namespace croft::shim
