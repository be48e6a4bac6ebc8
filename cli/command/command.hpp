#pragma once
// Room cli: the `croft` executable; the only room that sees all others.
//
//   command/          one description of the whole command line: parsing, help, completions and the
//   man page come from it commands/         what the commands do, one file a group client/ talks to
//   the API of a running `croft serve` output/           terminal, tables, YAML, and how a
//   changeset is shown: text, markdown, Terraform's plan JSON serve/            `croft serve`: the
//   wiring of the roles

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/output/terminal.hpp"
#include "core/base/result.hpp"

namespace croft::cli {

/// What a shell may complete a value with.
enum class Completes { Nothing, Files, Directories, Choices, Refs };

/// An option ("--wait", "-o FORMAT") or a positional argument ("DIR").
struct Parameter {
  std::string name;   ///< without dashes: "output"; a positional's in capitals: "REF"
  char letter = 0;    ///< short form of an option, or 0
  std::string value;  ///< what its value is called, "FORMAT"; empty: a flag without value
  std::string help;
  std::string environment;  ///< variable that stands in if it is not given, or empty
  std::string fallback;     ///< default shown in help, or empty
  Completes completes = Completes::Nothing;
  std::vector<std::string> choices;  ///< the only values allowed, if not empty
  bool required = false;             ///< of positionals
  bool repeats = false;              ///< may be given several times
  bool hidden = false;               ///< works, but no help shows it
};

struct Invocation;

/// One command with everything that is known of it. The tree of these is the command line.
struct Command {
  std::string name;
  std::string summary;      ///< one line without a full stop
  std::string description;  ///< more for its own help and the man page, or empty
  std::string group;        ///< heading under which `croft --help` lists it
  std::vector<Parameter> options;
  std::vector<Parameter> positionals;
  std::vector<std::string>
      outputs;  ///< what -o takes here, the default first; empty: there is no -o
  std::vector<std::string> examples;  ///< "croft get -A -o wide"
  std::vector<Command> commands;      ///< sub-commands; a command with some has no run
  Result<int> (*run)(const Invocation&) = nullptr;  ///< gives the exit status
  bool takes_rest = false;  ///< words behind the first positional are never read as our options
};

/// What stood on the command line (or in the variables of the options).
class Arguments {
 public:
  void declare(const std::string& name) { values_.try_emplace(name); }
  void add(const std::string& name, std::string value) {
    values_[name].push_back(std::move(value));
  }

  // Names that the command does not declare are a bug and throw std::out_of_range.
  bool has(std::string_view name) const { return !list(name).empty(); }
  /// The last value, or the fallback if it was not given.
  std::string text(std::string_view name, std::string_view fallback = {}) const;
  const std::vector<std::string>& list(std::string_view name) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

using Environment = std::map<std::string, std::string>;

/// One call of a command.
struct Invocation {
  const Command& root;
  const Command& command;
  const Arguments& arguments;
  const Environment& environment;
  Terminal& terminal;

  /// The value of -o, or the command's default.
  std::string output() const;
};

/// The options that every command takes: -s, -t, -A, -o, --no-color, --help.
const std::vector<Parameter>& global_options();
/// A command's own options, then those of every command. A letter that it uses for itself is not
/// the global option's there; its long name still is.
std::vector<Parameter> options_of(const Command& command);

/// The sub-command of that name, or null.
const Command* find_command(const Command& parent, std::string_view name);

}  // namespace croft::cli
