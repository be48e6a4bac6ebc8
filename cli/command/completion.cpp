#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "cli/command/help.hpp"
#include "cli/command/parse.hpp"

namespace croft::cli {

namespace {

// What is completed is decided here from the tree; each shell's part only spells it.

std::vector<Parameter> shown_options(const Command& command) {
  std::vector<Parameter> all = options_of(command);
  std::erase_if(all, [](const Parameter& option) { return option.hidden; });
  for (Parameter& option : all) {
    if (option.name == "output") option.choices = command.outputs;
    if (!option.choices.empty()) option.completes = Completes::Choices;
  }
  std::erase_if(all, [](const Parameter& option) {
    return option.name == "output" && option.choices.empty();
  });
  return all;
}

void for_each_command(const Command& root,
                      const std::function<void(const Command&, const std::string&)>& visit) {
  const std::function<void(const Command&)> walk = [&](const Command& command) {
    visit(command, path_of(root, command));
    for (const Command& child : command.commands) walk(child);
  };
  walk(root);
}

std::string child_names(const Command& command) {
  std::vector<std::string> names;
  for (const Command& child : command.commands) names.push_back(child.name);
  return fmt::format("{}", fmt::join(names, " "));
}

// bash

std::string bash_values(const Parameter& parameter) {
  const std::vector<std::string>& choices = parameter.choices;
  if (!choices.empty())
    return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", fmt::join(choices, " "));
  switch (parameter.completes) {
    case Completes::Files:
      return "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Completes::Directories:
      return "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\"))";
    case Completes::Refs:
      return "COMPREPLY=($(compgen -W \"$(_croft_refs)\" -- \"$cur\"))";
    case Completes::Nothing:
    case Completes::Choices:
      return ":";
  }
  return ":";
}

std::string bash_spellings(const std::string& path, const Parameter& option) {
  std::string text = fmt::format("'{}:--{}'", path, option.name);
  return option.letter == 0 ? text : text + fmt::format("|'{}:-{}'", path, option.letter);
}

std::string bash_script(const Command& root) {
  std::string descend;
  std::string value_options;
  std::string values;
  std::string words;
  for_each_command(root, [&](const Command& command, const std::string& path) {
    for (const Command& child : command.commands) {
      descend += fmt::format("      '{0}:{1}') path='{0} {1}' ;;\n", path, child.name);
    }
    std::string flags;
    for (const Parameter& option : shown_options(command)) {
      flags += " --" + option.name;
      if (option.value.empty()) continue;
      value_options += fmt::format("      {}) ((i++)) ;;\n", bash_spellings(path, option));
      values +=
          fmt::format("    {}) {}; return ;;\n", bash_spellings(path, option), bash_values(option));
    }
    const std::string rest =
        command.positionals.empty() ? ":" : bash_values(command.positionals.back());
    words += fmt::format("    '{}') flags='{}'; commands='{}'; positional() {{ {}; }} ;;\n", path,
                         flags.substr(1), child_names(command), rest);
  });
  return "# bash completion for croft; made by 'croft completion bash'\n"
         "_croft_refs() { \"${COMP_WORDS[0]}\" get -o name 2>/dev/null; }\n"
         "_croft() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path=croft flags "
         "commands i\n"
         "  COMPREPLY=()\n"
         "  # bash splits '--output=json' at the '='\n"
         "  if [[ $cur == '=' ]]; then cur=''\n"
         "  elif [[ $prev == '=' && COMP_CWORD -ge 2 ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; "
         "fi\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case \"$path:${COMP_WORDS[i]}\" in\n" +
         descend + value_options +
         "    esac\n"
         "  done\n"
         "  case \"$path:$prev\" in\n" +
         values +
         "  esac\n"
         "  case \"$path\" in\n" +
         words +
         "  esac\n"
         "  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
         "  elif [[ -n $commands ]]; then COMPREPLY=($(compgen -W \"$commands\" -- \"$cur\"))\n"
         "  else positional; fi\n"
         "  unset -f positional\n"
         "}\n"
         "complete -F _croft croft\n";
}

// zsh

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char letter : text)
    out += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return out + "'";
}

/// Help text as it may stand between the brackets of an _arguments specification.
std::string zsh_help(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '[' || letter == ']' || letter == ':' || letter == '\\') out += '\\';
    out += letter;
  }
  return out;
}

std::string zsh_values(const Parameter& parameter) {
  if (!parameter.choices.empty()) return fmt::format("({})", fmt::join(parameter.choices, " "));
  switch (parameter.completes) {
    case Completes::Files:
      return "_files";
    case Completes::Directories:
      return "_files -/";
    case Completes::Refs:
      return "_croft_refs";
    case Completes::Nothing:
    case Completes::Choices:
      return " ";
  }
  return " ";
}

std::string zsh_specifications(const Command& command) {
  std::string out;
  for (const Parameter& option : shown_options(command)) {
    const std::string help = zsh_help(option.help);
    const std::string value =
        option.value.empty() ? ""
                             : fmt::format(":{}:{}", zsh_help(option.value), zsh_values(option));
    out += fmt::format("    {} \\\n",
                       single_quoted(fmt::format("*--{}[{}]{}", option.name, help, value)));
    if (option.letter != 0) {
      out += fmt::format("    {} \\\n",
                         single_quoted(fmt::format("*-{}[{}]{}", option.letter, help, value)));
    }
  }
  for (const Parameter& positional : command.positionals) {
    out +=
        fmt::format("    {} \\\n",
                    single_quoted(fmt::format("{}:{}:{}", positional.repeats ? "*" : "",
                                              zsh_help(positional.name), zsh_values(positional))));
  }
  return out;
}

std::string function_name(std::string path) {
  std::ranges::replace(path, ' ', '_');
  return "_" + path;
}

std::string zsh_script(const Command& root) {
  std::string functions;
  for_each_command(root, [&](const Command& command, const std::string& path) {
    functions += fmt::format("{}() {{\n", function_name(path + (&command == &root ? " main" : "")));
    if (command.commands.empty()) {
      functions +=
          fmt::format("  _arguments -s -S \\\n{}    && return\n}}\n", zsh_specifications(command));
      return;
    }
    functions += "  local context state line\n  typeset -A opt_args\n";
    functions +=
        fmt::format("  _arguments -s -C \\\n{}    '1:command:->command' '*::argument:->argument'\n",
                    zsh_specifications(command));
    functions += "  case $state in\n    command)\n      local -a commands=(\n";
    for (const Command& child : command.commands) {
      functions += fmt::format("        {}\n", single_quoted(child.name + ":" + child.summary));
    }
    functions +=
        "      )\n      _describe command commands ;;\n    argument)\n      case $line[1] in\n";
    for (const Command& child : command.commands) {
      functions +=
          fmt::format("        {}) {} ;;\n", child.name, function_name(path + " " + child.name));
    }
    functions += "      esac ;;\n  esac\n}\n";
  });
  return "#compdef croft\n# zsh completion for croft; made by 'croft completion zsh'\n"
         "_croft_refs() { local -a refs=(${(f)\"$(croft get -o name 2>/dev/null)\"}); compadd -a "
         "refs }\n" +
         functions +
         "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _croft_main \"$@\"; else compdef "
         "_croft_main croft; fi\n";
}

// fish

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char letter : text) {
    if (letter == '\'' || letter == '\\') out += '\\';
    out += letter;
  }
  return out + "'";
}

std::string fish_values(const Parameter& parameter) {
  if (!parameter.choices.empty()) {
    return " -x -a " + fish_quoted(fmt::format("{}", fmt::join(parameter.choices, " ")));
  }
  switch (parameter.completes) {
    case Completes::Files:
      return " -r -F";
    case Completes::Directories:
      return " -x -a '(__fish_complete_directories)'";
    case Completes::Refs:
      return " -x -a '(croft get -o name 2>/dev/null)'";
    case Completes::Nothing:
    case Completes::Choices:
      return " -x";
  }
  return " -x";
}

std::string fish_script(const Command& root) {
  std::vector<std::string> with_value;  // a tenant named get is no command
  for (const Parameter& option : global_options()) {
    if (option.value.empty()) continue;
    with_value.push_back("--" + option.name);
    if (option.letter != 0) with_value.push_back(fmt::format("-{}", option.letter));
  }
  std::string out = fmt::format(
      "# fish completion for croft; made by 'croft completion fish'\n"
      "function __croft_words\n"
      "  set -l is_value 0\n"
      "  for word in (commandline -opc)\n"
      "    if test $is_value = 1\n"
      "      set is_value 0\n"
      "    else if contains -- $word {}\n"
      "      set is_value 1\n"
      "    else if not string match -q -- '-*' $word\n"
      "      echo $word\n"
      "    end\n"
      "  end\n"
      "end\n"
      "function __croft_at\n"
      "  set -l words (__croft_words)\n"
      "  test (count $words) -ge (count $argv); or return 1\n"
      "  for i in (seq (count $argv))\n"
      "    test $words[$i] = $argv[$i]; or return 1\n"
      "  end\n"
      "  return 0\n"
      "end\n"
      "function __croft_just_at\n"
      "  set -l words (__croft_words)\n"
      "  test \"$words\" = \"$argv\"\n"
      "end\n"
      "complete -c croft -f\n",
      fmt::join(with_value, " "));
  for_each_command(root, [&](const Command& command, const std::string& path) {
    for (const Command& child : command.commands) {
      out += fmt::format("complete -c croft -n '__croft_just_at {}' -a {} -d {}\n", path,
                         child.name, fish_quoted(child.summary));
    }
    if (!command.commands.empty()) return;
    for (const Parameter& option : shown_options(command)) {
      const std::string letter = option.letter == 0 ? "" : fmt::format(" -s {}", option.letter);
      out += fmt::format("complete -c croft -n '__croft_at {}' -l {}{}{} -d {}\n", path,
                         option.name, letter, option.value.empty() ? "" : fish_values(option),
                         fish_quoted(option.help));
    }
    for (const Parameter& positional : command.positionals) {
      if (positional.completes == Completes::Nothing && positional.choices.empty()) continue;
      out += fmt::format("complete -c croft -n '__croft_at {}'{}\n", path, fish_values(positional));
    }
  });
  return out;
}

}  // namespace

Result<std::string> completion_script(const Command& root, const std::string& shell) {
  if (shell == "bash") return bash_script(root);
  if (shell == "zsh") return zsh_script(root);
  if (shell == "fish") return fish_script(root);
  return fail(Error(ErrorCode::Invalid, "'" + shell + "' is no shell that croft can complete for")
                  .with_hint("it is one of bash, zsh, fish"));
}

}  // namespace croft::cli
