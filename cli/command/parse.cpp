#include "cli/command/parse.hpp"

#include <algorithm>
#include <deque>
#include <optional>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "core/base/suggest.hpp"

namespace croft::cli {

namespace {

using Values = std::vector<std::string>;

/// A command with the CLI11 app that parses it.
struct Node {
  const Command* command;
  CLI::App* app;
};

/// Builds CLI11's tree from ours. CLI11 only splits and assigns words; everything that people read
/// about mistakes is said here, so that it can name the command and suggest.
class Tree {
 public:
  explicit Tree(const Command& root) : root_app_(std::string(), root.name) {
    root_app_.set_help_flag();
    root_app_.allow_extras();
    add_content(root, root_app_);
    for (const Parameter& option : global_options()) add_option(option, root_app_);
  }

  /// CLI11's complaint, if it has one.
  std::optional<std::string> parse(const std::vector<std::string>& words) {
    try {
      root_app_.parse(Values(words.rbegin(), words.rend()));
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    return std::nullopt;
  }

  const Command& command() const { return *deepest().command; }

  /// Words that nothing took.
  Values left_over() { return root_app_.remaining(true); }

  void collect(Arguments& arguments) const {
    for (const auto& [parameter, values] : values_) {
      arguments.declare(parameter->name);
      for (const std::string& value : values) arguments.add(parameter->name, value);
    }
  }

 private:
  void add_content(const Command& command, CLI::App& app) {
    nodes_.push_back({&command, &app});
    // Else a later word that is called like a command (`croft help serve`) would be taken for one.
    app.require_subcommand(0, 1);
    if (command.takes_rest) app.positionals_at_end();
    for (const Parameter& option : command.options) add_option(option, app);
    for (const Parameter& positional : command.positionals) {
      // The last one takes whatever comes, so that what is too much is named by us.
      add_positional(positional, app, &positional == &command.positionals.back());
    }
    for (const Command& child : command.commands) {
      CLI::App* child_app = app.add_subcommand(child.name);
      child_app->set_help_flag();
      child_app->fallthrough();
      child_app->allow_extras();
      add_content(child, *child_app);
    }
  }

  void add_option(const Parameter& option, CLI::App& app) {
    Values& values = values_.emplace_back(&option, Values{}).second;
    const std::string names = option.letter != 0
                                  ? fmt::format("-{},--{}", option.letter, option.name)
                                  : "--" + option.name;
    if (option.value.empty()) {
      app.add_flag_callback(names, [&values] { values.emplace_back("true"); });
      return;
    }
    CLI::Option* added = app.add_option_function<Values>(names, [&values](const Values& given) {
      values.insert(values.end(), given.begin(), given.end());
    });
    added->allow_extra_args(false);
  }

  void add_positional(const Parameter& positional, CLI::App& app, bool is_last) {
    Values& values = values_.emplace_back(&positional, Values{}).second;
    CLI::Option* added = app.add_option_function<Values>(
        positional.name, [&values](const Values& given) { values = given; });
    if (is_last) {
      added->expected(0, CLI::detail::expected_max_vector_size);
    } else {
      added->expected(1)->allow_extra_args(false);
    }
  }

  Node deepest() const {
    const CLI::App* app = &root_app_;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    return *std::ranges::find(nodes_, app, [](const Node& node) { return node.app; });
  }

  CLI::App root_app_;
  std::vector<Node> nodes_;
  std::deque<std::pair<const Parameter*, Values>> values_;  // a deque: callbacks keep references
};

std::unexpected<Error> usage_error(std::string message, std::string hint) {
  return fail(Error(ErrorCode::Invalid, std::move(message)).with_hint(std::move(hint)));
}

std::string see_help(const Command& root, const Command& command) {
  return fmt::format("see '{} --help'", path_of(root, command));
}

std::unexpected<Error> unknown_option(const Command& root, const Command& command,
                                      const std::string& word) {
  Values known;
  for (const auto* options : {&command.options, &global_options()}) {
    for (const Parameter& option : *options) {
      if (!option.hidden) known.push_back("--" + option.name);
    }
  }
  const std::string name = word.substr(0, word.find('='));
  const auto meant = name.starts_with("--") ? closest_word(name, known) : std::nullopt;
  return usage_error(fmt::format("unknown option '{}'", name),
                     meant ? fmt::format("did you mean '{}'?", *meant) : see_help(root, command));
}

std::unexpected<Error> unexpected_word(const Command& root, const Command& command,
                                       const std::string& word) {
  if (word.size() > 1 && word.starts_with('-')) return unknown_option(root, command, word);
  if (command.commands.empty()) {
    return usage_error(fmt::format("unexpected argument '{}'", word), see_help(root, command));
  }
  Values known;
  for (const Command& child : command.commands) known.push_back(child.name);
  const auto meant = closest_word(word, known);
  return usage_error(fmt::format("unknown command '{}'", word),
                     meant ? fmt::format("did you mean '{} {}'?", path_of(root, command), *meant)
                           : see_help(root, command));
}

Result<void> check_choices(const Command& root, const Command& command,
                           const Arguments& arguments) {
  for (const Parameter& positional : command.positionals) {
    const Values& given = arguments.list(positional.name);
    if (!positional.repeats && given.size() > 1) return unexpected_word(root, command, given[1]);
  }
  for (const auto* parameters : {&command.options, &command.positionals}) {
    for (const Parameter& parameter : *parameters) {
      if (parameter.required && !arguments.has(parameter.name)) {
        return usage_error(fmt::format("{} is missing", parameter.name), see_help(root, command));
      }
      if (parameter.choices.empty()) continue;
      for (const std::string& value : arguments.list(parameter.name)) {
        if (std::ranges::find(parameter.choices, value) != parameter.choices.end()) continue;
        return usage_error(fmt::format("'{}' is no {}", value, parameter.name),
                           fmt::format("it is one of {}", fmt::join(parameter.choices, ", ")));
      }
    }
  }
  const std::string output = arguments.text("output");
  if (output.empty() || std::ranges::find(command.outputs, output) != command.outputs.end())
    return {};
  if (command.outputs.empty()) {
    return usage_error(fmt::format("'{}' takes no -o", path_of(root, command)),
                       see_help(root, command));
  }
  return usage_error(
      fmt::format("'{}' is no output format of '{}'", output, path_of(root, command)),
      fmt::format("it is one of {}", fmt::join(command.outputs, ", ")));
}

void take_variables(const Command& command, const Environment& environment, Arguments& arguments) {
  for (const auto* options : {&command.options, &global_options()}) {
    for (const Parameter& option : *options) {
      if (option.environment.empty() || arguments.has(option.name)) continue;
      const auto found = environment.find(option.environment);
      if (found != environment.end() && !found->second.empty())
        arguments.add(option.name, found->second);
    }
  }
}

bool find_path(const Command& here, const Command& wanted, std::string& path) {
  const std::size_t length = path.size();
  path += (path.empty() ? "" : " ") + here.name;
  if (&here == &wanted) return true;
  for (const Command& child : here.commands) {
    if (find_path(child, wanted, path)) return true;
  }
  path.resize(length);
  return false;
}

}  // namespace

std::string path_of(const Command& root, const Command& command) {
  std::string path;
  find_path(root, command, path);
  return path;
}

Result<Parsed> parse_command_line(const Command& root, const std::vector<std::string>& words,
                                  const Environment& environment) {
  Tree tree(root);
  const auto complaint = tree.parse(words);
  Parsed parsed;
  parsed.command = &tree.command();
  tree.collect(parsed.arguments);
  if (parsed.arguments.has("help")) {
    parsed.wants_help = true;
    return parsed;
  }
  if (complaint) return usage_error(*complaint, see_help(root, *parsed.command));
  if (const Values left = tree.left_over(); !left.empty()) {
    return unexpected_word(root, *parsed.command, left.front());
  }
  if (!parsed.command->commands.empty() && parsed.command->run == nullptr) {
    parsed.wants_help = true;
    return parsed;
  }
  take_variables(*parsed.command, environment, parsed.arguments);
  TRY(check_choices(root, *parsed.command, parsed.arguments));
  return parsed;
}

}  // namespace croft::cli
