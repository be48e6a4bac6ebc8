#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/manifest/compose/dotenv.hpp"
#include "core/manifest/compose/service_reader.hpp"
#include "core/manifest/compose/words.hpp"
#include "core/manifest/source_text.hpp"

// What a service runs: image, build, command, environment, health, restarts, dependencies.

namespace croft::manifest::compose {

namespace {

constexpr std::size_t kLargestEnvironmentFile = 256 << 10;

bool is_url(std::string_view text) {
  return text.find("://") != std::string_view::npos || text.starts_with("git@") ||
         text.starts_with("github.com/");
}

bool is_reserved_label(std::string_view name) {
  return name.starts_with("com.docker.compose.") || name.starts_with("croft.");
}

}  // namespace

void ServiceReader::read_image() {
  copy_text("image", "image");
  copy_text("platform", "platform");
  const Entry* build = entry("build");
  if (build != nullptr && build->value.is_map()) read_build(*build);
  // What it extends was not found, which was said.
  const bool is_half = entry("extends") != nullptr;
  if (build == nullptr && !text(item_, "image") && !is_half)
    error(made_.draft.spot, fmt::format("services.{} needs 'image' or 'build'", name_),
          "for example image: nginx:1.27");
  read_pull_policy();
}

void ServiceReader::read_build(const Entry& build) {
  const Item& item = build.value;
  made_.draft.set("build", Value::map(), build.spot);
  const Entry* written = entry(item, "context");
  const std::string context = text(item, "context").value_or(".");
  const Spot& spot = written == nullptr ? build.spot : written->value.spot;
  const auto copy = [&](std::string_view key, std::string_view field) {
    if (const auto value = text(item, key))
      made_.draft.set_in("build", field, Value(*value), entry(item, key)->spot);
  };
  copy("dockerfile", "dockerfile");
  copy("dockerfile_inline", "dockerfileInline");
  copy("target", "target");
  for (const std::string_view key : {"args", "labels"}) {
    const Entry* map = entry(item, key);
    if (map == nullptr || map->value.entries.empty()) continue;
    Value values = Value::map();
    for (const Entry& one : map->value.entries) {
      const std::string* known = variables_at(one.spot).find(one.key);
      if (one.value.is_scalar()) values.set(one.key, Value(value_text(one.value)));
      if (one.value.is_null() && key == "args" && known != nullptr)
        values.set(one.key, Value(*known));
    }
    made_.draft.set_in("build", key, std::move(values), map->spot);
  }
  if (is_url(context)) {
    error(spot, fmt::format("{} is a URL", subject("build.context")),
          "images are built from the repository: commit the files, or name an 'image'");
    return;
  }
  const auto path = resolve_path(context_.sources.of(spot).directory, context);
  if (!path) {
    error(spot,
          fmt::format("{} '{}' is not in the repository", subject("build.context"),
                      shortened(context)),
          "a build sees files of its own repository only");
    return;
  }
  check_build_context(build, *path);
}

void ServiceReader::check_build_context(const Entry& build, const std::string& context) {
  const Entry* written = entry(build.value, "context");
  const Spot spot = written == nullptr ? build.spot : written->value.spot;
  const auto directory = context_.repository.find(context);
  if (!directory || directory->mode != FileMode::Directory) {
    error(spot,
          directory ? fmt::format("'{}' is no directory", context)
                    : fmt::format("there is no directory '{}' in the repository", context),
          "it holds the Dockerfile and what the image is made of");
    return;
  }
  made_.draft.set_in("build", "context", Value(context.empty() ? "." : context), spot);
  made_.draft.set_in("build", "tree", Value(directory->id), spot);
  if (made_.draft.spec.at_path("build.dockerfileInline") != nullptr) return;
  const Entry* named = entry(build.value, "dockerfile");
  const std::string dockerfile = text(build.value, "dockerfile").value_or("Dockerfile");
  const auto path = resolve_path(context, dockerfile);
  const bool is_inside = path && (context.empty() || path->starts_with(context + "/"));
  const auto file = is_inside ? context_.repository.find(*path) : std::nullopt;
  const Spot& place = named == nullptr ? spot : named->value.spot;
  if (!is_inside) {
    error(place,
          fmt::format("the Dockerfile '{}' is not in the build's context", shortened(dockerfile)),
          "move it there, or widen the context");
  } else if (!file) {
    error(place, fmt::format("there is no Dockerfile '{}'", *path),
          "name it in 'dockerfile', seen from the context");
  } else if (file->mode != FileMode::Regular && file->mode != FileMode::Executable) {
    error(place, fmt::format("the Dockerfile '{}' is no regular file", *path),
          "name the file itself in 'dockerfile', not a link to it");
  } else if (named != nullptr) {
    made_.draft.set_in("build", "dockerfile",
                       Value(context.empty() ? *path : path->substr(context.size() + 1)), place);
  }
}

void ServiceReader::read_pull_policy() {
  const auto policy = text(item_, "pull_policy");
  if (!policy) return;
  const Spot& spot = entry("pull_policy")->value.spot;
  if (*policy == "missing" || *policy == "if_not_present" || *policy == "build") return;
  if (*policy == "always" || *policy == "refresh" || *policy == "daily" || *policy == "weekly" ||
      policy->starts_with("every_")) {
    warning(spot,
            fmt::format("{} '{}' has no effect here", subject("pull_policy"), shortened(*policy)),
            "write 'imagePolicy: follow' in the Stack");
    return;
  }
  error(spot,
        *policy == "never" ? fmt::format("{} 'never' is not supported", subject("pull_policy"))
                           : fmt::format("{} must be missing, build or always, got '{}'",
                                         subject("pull_policy"), shortened(*policy)),
        *policy == "never" ? "images come from a registry, or are built" : "");
}

void ServiceReader::read_process() {
  read_command("entrypoint", "entrypoint");
  read_command("command", "command");
  copy_text("working_dir", "workingDir");
  copy_text("user", "user");
  copy_texts("group_add", "groups");
  copy_text("hostname", "hostname");
  copy_text("stop_signal", "stopSignal");
  if (const auto grace = time_span(item_, "stop_grace_period"))
    made_.draft.set("grace", Value(*grace), entry("stop_grace_period")->spot);
  copy_truth("init", "init");
  copy_truth("tty", "tty");
  copy_truth("stdin_open", "stdinOpen");
}

void ServiceReader::read_command(std::string_view key, std::string_view field) {
  const Entry* found = entry(key);
  if (found == nullptr || found->value.is_null()) return;
  Value words = Value::list();
  if (found->value.is_scalar()) {
    const auto split = split_command(found->value.text);
    if (!split) {
      error(found->value.spot, fmt::format("{} has a quote that is never closed", subject(key)),
            "write it as a list: [program, argument]");
      return;
    }
    for (const std::string& word : *split) words.push_back(Value(word));
  }
  for (const Item& item : found->value.items) {
    if (item.is_scalar()) words.push_back(Value(item.text));
  }
  made_.draft.set(field, std::move(words), found->spot);
}

// env_file first, so that `environment` wins.
void ServiceReader::read_environment() {
  const Entry* files = entry("env_file");
  if (files != nullptr && !files->value.items.empty()) {
    Variables known(&variables_at(files->value.items.front().spot));
    for (const Item& file : files->value.items) {
      if (file.is_map()) read_environment_file(file, known);
    }
  }
  const Entry* environment = entry("environment");
  if (environment == nullptr) return;
  for (const Entry& one : environment->value.entries) {
    if (one.value.is_scalar()) {
      made_.draft.set_in("env", one.key, Value(value_text(one.value)), one.spot);
    } else if (one.value.is_null()) {
      const std::string* known = variables_at(one.spot).find(one.key);
      if (known != nullptr) {
        if (context_.budget.spend(known->size(), one.spot))
          made_.draft.set_in("env", one.key, Value(*known), one.spot);
      } else {
        if (Value* env = made_.draft.spec.find("env")) env->erase(one.key);
        warning(one.spot,
                fmt::format("{} has no value, and no variable of that name is set", one.key),
                "set it in the Stack's 'variables', or in .env beside the file");
      }
    }
  }
}

void ServiceReader::read_environment_file(const Item& file, Variables& known) {
  const Section section(*this, "env_file");
  const auto written = text(file, "path");
  const auto format = text(file, "format");
  const bool is_required = truth(file, "required").value_or(true);
  if (!written) return;
  const Spot& spot = entry(file, "path")->value.spot;
  if (format && *format != "raw" && !format->empty()) {
    error(entry(file, "format")->value.spot,
          fmt::format("{} must be raw, got '{}'", subject("format"), shortened(*format)));
    return;
  }
  const auto path = resolve_path(context_.sources.of(spot).directory, *written);
  const auto found = path ? context_.repository.find(*path) : std::nullopt;
  if (!found && path && !is_required) return;
  if (!is_text_file(found, *written, spot,
                    "commit it, write 'required: false', or set 'environment'"))
    return;
  const auto content = environment_text(*path, *found, spot);
  if (!content) return;
  const EnvironmentFile read =
      format ? read_raw_environment(*content, known) : compose::read_environment(*content, known);
  report(read, *path, spot);
  if (!context_.budget.spend(read.bytes, spot)) return;
  const Variables& variables = variables_at(spot);
  for (const EnvironmentFile::Line& line : read.lines) {
    const std::string* outside = line.value ? nullptr : variables.find(line.name);
    if (line.value) made_.draft.set_in("env", line.name, Value(*line.value), spot);
    if (outside != nullptr && context_.budget.spend(outside->size(), spot))
      made_.draft.set_in("env", line.name, Value(*outside), spot);
  }
}

bool ServiceReader::is_text_file(const std::optional<TreeEntry>& found, std::string_view written,
                                 const Spot& spot, std::string hint) const {
  const std::string_view why = found ? why_no_file(*found) : std::string_view();
  if (!found)
    error(spot, fmt::format("there is no file '{}' in the repository", shortened(written)),
          std::move(hint));
  if (!why.empty())
    error(spot, fmt::format("'{}' {}", shortened(written), why),
          "put a file with its content in its place");
  return found && why.empty();
}

std::optional<std::string> ServiceReader::environment_text(const std::string& path,
                                                           const TreeEntry& entry,
                                                           const Spot& spot) {
  if (context_.budget.is_spent() || context_.lines_left == 0) return std::nullopt;
  auto content = context_.repository.read(entry, kLargestEnvironmentFile);
  if (!content || !is_utf8(*content) || content->find('\0') != std::string::npos) {
    error(spot,
          fmt::format("'{}' is no text of at most {} KiB", path, kLargestEnvironmentFile >> 10));
    return std::nullopt;
  }
  if (!may_read(*content, spot)) return std::nullopt;
  return content;
}

// Files may be named any number of times.
bool ServiceReader::may_read(std::string_view text, const Spot& spot) {
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
  const bool is_enough = lines < context_.lines_left;
  if (!is_enough) error(spot, "the project's env_file and label_file have too many lines in all");
  context_.lines_left -= std::min(lines + 1, context_.lines_left);
  return is_enough && context_.budget.spend(text.size(), spot);
}

void ServiceReader::report(const EnvironmentFile& file, const std::string& path, const Spot& spot) {
  for (const EnvironmentFile::Problem& problem : file.problems)
    context_.complaints.report(problem.is_warning ? Weight::Warning : Weight::Error, spot,
                               fmt::format("{}:{}: {}", path, problem.line, problem.message),
                               problem.hint);
}

void ServiceReader::read_labels() {
  if (const Entry* files = entry("label_file")) {
    for (const Item& file : files->value.items) {
      if (file.is_scalar()) read_label_file(file);
    }
  }
  const Entry* labels = entry("labels");
  if (labels == nullptr) return;
  for (const Entry& one : labels->value.entries) {
    if (one.value.is_scalar()) label(one.key, value_text(one.value), one.spot);
    if (one.value.is_null()) label(one.key, "", one.spot);
  }
}

void ServiceReader::label(std::string_view name, std::string value, const Spot& spot) {
  if (is_reserved_label(name)) {
    error(spot, fmt::format("the label '{}' is set by Croft itself", shortened(name)), "remove it");
    return;
  }
  made_.draft.set_in("labels", name, Value(std::move(value)), spot);
}

void ServiceReader::read_label_file(const Item& file) {
  const auto path = resolve_path(context_.sources.of(file.spot).directory, file.text);
  const auto found = path ? context_.repository.find(*path) : std::nullopt;
  if (!is_text_file(found, file.text, file.spot, "commit it, or set 'labels'")) return;
  const auto content = environment_text(*path, *found, file.spot);
  if (!content) return;
  Variables known(&variables_at(file.spot));
  const EnvironmentFile read = compose::read_environment(*content, known);
  report(read, *path, file.spot);
  if (!context_.budget.spend(read.bytes, file.spot)) return;
  for (const EnvironmentFile::Line& line : read.lines)
    label(line.name, line.value.value_or(""), file.spot);
}

void ServiceReader::read_health() {
  const Entry* health = entry("healthcheck");
  if (health == nullptr || !health->value.is_map()) return;
  const Item& item = health->value;
  made_.draft.set("health", Value::map(), health->spot);
  const Section section(*this, "healthcheck");
  const std::array<std::pair<std::string_view, std::string_view>, 4> spans{
      {{"interval", "interval"},
       {"timeout", "timeout"},
       {"start_period", "startPeriod"},
       {"start_interval", "startInterval"}}};
  for (const auto& [key, field] : spans) {
    if (const auto span = time_span(item, key))
      made_.draft.set_in("health", field, Value(*span), entry(item, key)->spot);
  }
  if (const auto retries = integer(item, "retries"))
    made_.draft.set_in("health", "retries", Value(*retries), entry(item, "retries")->spot);
  if (truth(item, "disable").value_or(false)) {
    made_.draft.set_in("health", "test", Value(Value::List{Value("NONE")}),
                       entry(item, "disable")->spot);
  } else if (const Item* test = item.find("test")) {
    read_test(*test);
  }
}

void ServiceReader::read_test(const Item& test) {
  Value words = Value::list();
  if (test.is_scalar()) {
    words.push_back(Value("CMD-SHELL"));
    words.push_back(Value(test.text));
  }
  for (const Item& item : test.items) {
    if (item.is_scalar()) words.push_back(Value(item.text));
  }
  const std::string how = words.size() == 0 ? "" : words.as_list()[0].as_text();
  const bool is_good = (how == "NONE" && words.size() == 1) || (how == "CMD" && words.size() > 1) ||
                       (how == "CMD-SHELL" && words.size() == 2);
  if (!is_good) {
    error(test.spot, fmt::format("{} must begin with CMD, CMD-SHELL or NONE", subject("test")),
          "for example [CMD, curl, -f, http://localhost/]; a text is a line for the shell");
    return;
  }
  made_.draft.set_in("health", "test", std::move(words), test.spot);
}

void ServiceReader::read_restart() {
  const Item* deploy = item_.find("deploy");
  const Item* policy = deploy == nullptr ? nullptr : deploy->find("restart_policy");
  if (policy != nullptr && policy->is_map()) {
    const std::string condition = text(*policy, "condition").value_or("any");
    const Entry* place = entry(*policy, "condition");
    const Spot& spot = place == nullptr ? policy->spot : place->value.spot;
    if (condition == "none" || condition == "on-failure" || condition == "any") {
      made_.draft.set("restart",
                      Value(condition == "none"  ? "no"
                            : condition == "any" ? "always"
                                                 : "on-failure"),
                      spot);
    } else {
      error(spot, fmt::format("{} must be none, on-failure or any, got '{}'",
                              subject("deploy.restart_policy.condition"), shortened(condition)));
    }
    if (const auto attempts = integer(*policy, "max_attempts");
        attempts && condition == "on-failure")
      made_.draft.set("restartAttempts", Value(*attempts), entry(*policy, "max_attempts")->spot);
    return;
  }
  const auto written = text(item_, "restart");
  if (!written) return;
  const Spot& spot = entry("restart")->value.spot;
  const std::size_t colon = written->find(':');
  const std::string how = written->substr(0, colon);
  const auto attempts =
      colon == std::string::npos ? std::nullopt : parse_count(written->substr(colon + 1));
  const bool is_known =
      how == "no" || how == "always" || how == "on-failure" || how == "unless-stopped";
  if (!is_known || (colon != std::string::npos && (how != "on-failure" || !attempts))) {
    error(spot,
          fmt::format("{} must be no, on-failure[:TIMES], always or unless-stopped, got '{}'",
                      subject("restart"), shortened(*written)),
          how == "false" || how == "none" ? "write \"no\", with its quotes" : "");
    return;
  }
  made_.draft.set("restart", Value(how), spot);
  if (attempts && *attempts > 0) made_.draft.set("restartAttempts", Value(*attempts), spot);
}

void ServiceReader::read_logging() {
  const Entry* logging = entry("logging");
  if (logging == nullptr || !logging->value.is_map()) return;
  const std::string driver = text(logging->value, "driver").value_or("json-file");
  if (driver == "json-file" || driver == "local") {
    warning(logging->spot, fmt::format("{} has no effect here", subject("logging")),
            "logs are kept up to a size that the operator says; see 'croft logs'");
  } else {
    error(entry(logging->value, "driver")->value.spot,
          fmt::format("{} '{}' is not supported", subject("logging.driver"), shortened(driver)),
          "remove it: 'croft logs' shows what services print");
  }
}

void ServiceReader::read_dependencies() {
  if (const Entry* all = entry("depends_on")) {
    for (const Entry& one : all->value.entries) {
      const Section section(*this, "depends_on." + one.key);
      const std::string condition = text(one.value, "condition").value_or("service_started");
      made_.depends_on.push_back({one.key,
                                  condition == "service_healthy"                  ? "healthy"
                                  : condition == "service_completed_successfully" ? "completed"
                                                                                  : "started",
                                  truth(one.value, "required").value_or(true), one.spot});
    }
  }
  read_links();
}

void ServiceReader::read_links() {
  const Entry* links = entry("links");
  if (links == nullptr) return;
  for (const Item& link : links->value.items) {
    const std::size_t colon = link.text.find(':');
    const std::string service = link.text.substr(0, colon);
    if (colon != std::string::npos && link.text.substr(colon + 1) != service) {
      error(link.spot,
            fmt::format("{} cannot give '{}' another name", subject("links"), shortened(service)),
            "write the name into 'aliases' of that service's network");
    } else if (std::ranges::find(made_.depends_on, service, &Service::Dependency::service) ==
               made_.depends_on.end()) {
      made_.depends_on.push_back({service, "started", true, link.spot});
    }
  }
}

}  // namespace croft::manifest::compose
