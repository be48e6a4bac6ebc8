#include "cli/import/service_import.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cli/import/service_reading.hpp"

// What a service runs: image, command, environment, labels, health, restarts, dependencies.

namespace croft::cli {

namespace {

constexpr std::int64_t kNanosPerMicro = 1'000;
constexpr std::int64_t kNanosPerMilli = 1'000'000;
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

/// As compose writes times: "30s", "1500ms".
std::string time_words(std::int64_t nanoseconds) {
  if (nanoseconds % kNanosPerSecond == 0) return fmt::format("{}s", nanoseconds / kNanosPerSecond);
  if (nanoseconds % kNanosPerMilli == 0) return fmt::format("{}ms", nanoseconds / kNanosPerMilli);
  return fmt::format("{}us", nanoseconds / kNanosPerMicro);
}

/// A guess by the name, or a password in a URL.
bool looks_secret(std::string name, const std::string& text) {
  if (text.empty()) return false;
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  constexpr std::array<std::string_view, 7> kWords{"PASSWORD", "PASSWD",     "SECRET",     "TOKEN",
                                                   "API_KEY",  "ACCESS_KEY", "PRIVATE_KEY"};
  const auto has = [&](std::string_view word) { return name.find(word) != std::string::npos; };
  const bool names_a_file = name.ends_with("_FILE");
  const std::size_t scheme = text.find("://");
  const std::size_t at_sign = text.find('@');
  const bool has_password = scheme != std::string::npos && at_sign != std::string::npos &&
                            text.find(':', scheme + 3) < at_sign;
  return has_password || (!names_a_file && std::ranges::any_of(kWords, has));
}

}  // namespace

ImportedService import_service(const Value& container, const Value& image,
                               const ImportNames& names) {
  return ServiceReading(container, image, names).run();
}

ImportedService ServiceReading::run() {
  made_.name = text_at(container_, {"Config", "Labels", compose_label::kService});
  read_image();
  read_command();
  read_process();
  read_environment();
  read_labels();
  read_dependencies();
  read_ports();
  read_networks();
  read_names();
  read_mounts();
  read_tmpfs();
  read_health();
  read_restart();
  read_limits();
  read_privileges();
  read_namespaces();
  note_what_is_lost();
  return std::move(made_);
}

bool ServiceReading::is_as_in_image(std::string_view key) const {
  const Value& here = at(container_, {"Config", key});
  const Value& there = at(image_, {"Config", key});
  const auto is_empty = [](const Value& value) {
    return value.is_null() || (value.is_text() && value.as_text().empty()) ||
           ((value.is_list() || value.is_map()) && value.size() == 0);
  };
  return here == there || (is_empty(here) && is_empty(there));
}

void ServiceReading::set(std::string field, Value value) {
  made_.fields.emplace_back(std::move(field), std::move(value));
}

void ServiceReading::set_texts(std::string field, std::string_view host_key) {
  const std::vector<std::string> texts = texts_at(container_, {"HostConfig", host_key});
  if (!texts.empty()) set(std::move(field), to_list(texts));
}

void ServiceReading::note(std::string what, std::string advice) {
  made_.notes.push_back(
      {fmt::format("service '{}'", made_.name), std::move(what), std::move(advice)});
}

void ServiceReading::read_image() {
  std::string name = text_at(container_, {"Config", "Image"});
  const std::vector<std::string> tags = texts_at(image_, {"RepoTags"});
  if (name.starts_with("sha256:") && !tags.empty()) name = tags.front();
  set("image", Value(name));
  if (texts_at(image_, {"RepoDigests"}).empty())
    note(fmt::format("the image {} came from no registry", name),
         "write `build:` with its directory, or push it to a registry");
}

void ServiceReading::read_command() {
  const bool has_own_entrypoint = !is_as_in_image("Entrypoint");
  if (has_own_entrypoint)
    set("entrypoint", to_list(texts_at(container_, {"Config", "Entrypoint"})));
  const std::vector<std::string> command = texts_at(container_, {"Config", "Cmd"});
  // An entrypoint of one's own takes the image's command away.
  const bool has_own_command = has_own_entrypoint ? !command.empty() : !is_as_in_image("Cmd");
  if (has_own_command) set("command", to_list(command));
}

void ServiceReading::read_process() {
  if (!is_as_in_image("WorkingDir"))
    set("working_dir", Value(text_at(container_, {"Config", "WorkingDir"})));
  if (!is_as_in_image("User")) set("user", Value(text_at(container_, {"Config", "User"})));
  set_texts("group_add", "GroupAdd");
  // The engine's own choice is the beginning of the id.
  const std::string hostname = text_at(container_, {"Config", "Hostname"});
  const bool is_chosen = !hostname.empty() && !text_at(container_, {"Id"}).starts_with(hostname);
  const std::string mode = text_at(container_, {"HostConfig", "NetworkMode"});
  if (is_chosen && mode != "host" && !mode.starts_with("container:"))
    set("hostname", Value(hostname));
  const std::string signal = text_at(container_, {"Config", "StopSignal"});
  if (!is_as_in_image("StopSignal") && signal != "SIGTERM") set("stop_signal", Value(signal));
  const Value& grace = at(container_, {"Config", "StopTimeout"});
  if (grace.is_integer() && grace.as_integer() != 10)
    set("stop_grace_period", Value(fmt::format("{}s", grace.as_integer())));
  if (truth_at(container_, {"HostConfig", "Init"})) set("init", Value(true));
  if (truth_at(container_, {"Config", "Tty"})) set("tty", Value(true));
  if (truth_at(container_, {"Config", "OpenStdin"})) set("stdin_open", Value(true));
}

void ServiceReading::read_environment() {
  const auto of_image = variables_at(image_, {"Config", "Env"});
  Value environment = Value::map();
  for (const auto& [name, text] : variables_at(container_, {"Config", "Env"})) {
    const auto known = of_image.find(name);
    if (known != of_image.end() && known->second == text) continue;
    environment.set(name, Value(text));
    if (!looks_secret(name, text)) continue;
    made_.has_secrets = true;
    made_.notes.push_back(
        {fmt::format("service '{}'", made_.name),
         fmt::format("the value of {} looks like a secret and stands in the file as it is", name),
         fmt::format("do not commit it where others read: give the service a file by `secrets`, or "
                     "write ${{{}}} and set it in `variables` of the Stack",
                     name),
         false});
  }
  if (environment.size() > 0) set("environment", std::move(environment));
}

void ServiceReading::read_labels() {
  const auto of_image = pairs_at(image_, {"Config", "Labels"});
  Value labels = Value::map();
  for (const auto& [name, text] : pairs_at(container_, {"Config", "Labels"})) {
    const auto known = of_image.find(name);
    const bool is_images = known != of_image.end() && known->second == text;
    if (!is_images && !name.starts_with(compose_label::kPrefix)) labels.set(name, Value(text));
  }
  if (labels.size() > 0) set("labels", std::move(labels));
}

void ServiceReading::read_health() {
  const Value& health = at(container_, {"Config", "Healthcheck"});
  if (!health.is_map() || is_as_in_image("Healthcheck")) return;
  const std::vector<std::string> test = texts_at(health, {"Test"});
  Value made = Value::map();
  if (!test.empty() && test.front() == "NONE") {
    set("healthcheck", Value::map({{"disable", Value(true)}}));
    return;
  }
  if (!test.empty()) made.set("test", to_list(test));
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTimes{
      {{"Interval", "interval"},
       {"Timeout", "timeout"},
       {"StartPeriod", "start_period"},
       {"StartInterval", "start_interval"}}};
  for (const auto& [key, field] : kTimes) {
    if (const std::int64_t time = integer_at(health, {key}); time > 0)
      made.set(field, Value(time_words(time)));
  }
  if (const std::int64_t retries = integer_at(health, {"Retries"}); retries > 0)
    made.set("retries", Value(retries));
  if (made.size() > 0) set("healthcheck", std::move(made));
}

// Always written: without it the engine starts nothing again, and Croft what failed.
void ServiceReading::read_restart() {
  const Value& policy = host("RestartPolicy");
  std::string name = text_at(policy, {"Name"});
  if (name.empty()) name = "no";
  const std::int64_t times = integer_at(policy, {"MaximumRetryCount"});
  if (name == "on-failure" && times > 0) name += fmt::format(":{}", times);
  set("restart", Value(name));
}

// "db:service_healthy:false,cache:service_started:true", as compose 2 writes it down.
void ServiceReading::read_dependencies() {
  std::string all = text_at(container_, {"Config", "Labels", compose_label::kDependsOn});
  Value made = Value::map();
  while (!all.empty()) {
    const std::size_t comma = std::min(all.find(','), all.size());
    const std::string one = all.substr(0, comma);
    all.erase(0, comma + 1);
    const std::size_t colon = std::min(one.find(':'), one.size());
    const std::string service = one.substr(0, colon);
    std::string condition = one.substr(std::min(colon + 1, one.size()));
    condition = condition.substr(0, condition.find(':'));
    const bool is_there = std::ranges::any_of(
        names_.services, [&](const auto& known) { return known.second == service; });
    if (!is_there) {
      note(fmt::format("it depends on '{}', of which there is no container", service),
           "add that service, or forget it");
      continue;
    }
    made.set(service,
             Value::map({{"condition", Value(condition.empty() ? "service_started" : condition)}}));
  }
  if (made.size() > 0) set("depends_on", std::move(made));
}

std::string ServiceReading::shared_mode(const std::string& mode) const {
  constexpr std::string_view kContainer = "container:";
  if (!mode.starts_with(kContainer)) return mode;
  const auto found = names_.services.find(mode.substr(kContainer.size()));
  return found == names_.services.end() ? mode : "service:" + found->second;
}

}  // namespace croft::cli
