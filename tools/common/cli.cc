#include "tools/common/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>

#include "protocol/text.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

constexpr size_t kDescriptionColumn = 30;  // CLI11's own default
constexpr size_t kHelpColumns = 80;
constexpr size_t kManColumns = 70;  // man indents

// Commands that --help lists.
std::vector<const CLI::App*> VisibleCommands(const CLI::App& app) {
  std::vector<const CLI::App*> out;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) out.push_back(command);
  }
  return out;
}

bool HasCommand(const CLI::App& app, const std::string& name) {
  const auto named = [&](const CLI::App* command) { return command->get_name() == name; };
  return !app.get_subcommands(named).empty();
}

std::vector<const CLI::Option*> VisibleOptions(const CLI::App& app) {
  std::vector<const CLI::Option*> out;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) out.push_back(option);
  }
  return out;
}

// roff reads a backslash and a leading dot or quote as its own.
std::string Roff(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string OptionHead(const CLI::Option& option) {
  std::string head = option.get_name(option.get_positional(), true);
  if (option.get_items_expected_max() > 0 && !option.get_positional()) {
    head += " " + option.get_type_name();
  }
  return head;
}

std::string OptionItems(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : VisibleOptions(app)) {
    out += fmt::format(".TP\n\\fB{}\\fR\n{}", Roff(OptionHead(*option)),
                       Roff(option->get_description()));
    if (!option->get_default_str().empty()) {
      out += Roff(fmt::format(" (default {})", option->get_default_str()));
    }
    out += "\n";
  }
  return out;
}

std::string Synopsis(const CLI::App& program, const CLI::App& command) {
  std::string out = program.get_name() + " " + command.get_name();
  for (const CLI::Option* option : VisibleOptions(command)) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    out += option->get_required() ? " " + name : " [" + name + "]";
  }
  return out + " [options]";
}

std::string Examples(const CLI::App& app) {
  if (app.get_footer().empty()) return "";
  return ".PP\n.nf\n" + Roff(FitHelp(app.get_footer(), kManColumns)) + ".fi\n";
}

std::string OptionNames(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : VisibleOptions(app)) {
    for (const std::string& name : option->get_lnames()) out += " --" + name;
    for (const std::string& name : option->get_snames()) out += " -" + name;
  }
  return out.empty() ? out : out.substr(1);
}

std::string FirstLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// The name of an option or argument that was given without a value, as an unset shell variable
// gives it: read as "not given" it would lift the limit that the option was to set.
std::string FirstEmptyValue(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& value : option->results()) {
      if (value.empty()) return option->get_name();
    }
  }
  return "";
}

// Of a command line that did not parse, the option that nobody declared. CLI11 complains first of
// what is missing, which is often the very thing that the misspelt option was to be.
std::string UnknownOption(const CLI::App& app) {
  for (const std::string& word : app.remaining(/*recurse=*/true)) {
    if (word.size() > 1 && word[0] == '-') return word.substr(0, word.find('='));
  }
  return "";
}

// Why a command line does not parse, and where it stands how it would.
std::string WhyNotParsed(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> commands = app.get_subcommands();
  const std::string unknown = UnknownOption(app);
  std::string name = app.get_name();
  for (const CLI::App* command : commands) name += " " + command->get_name();
  if (!unknown.empty()) {
    const bool is_commands = !commands.empty() && commands[0]->get_option_no_throw(unknown);
    const std::string why = is_commands ? fmt::format("{} comes after the command, as in: {} {}",
                                                      unknown, name, unknown)
                                        : fmt::format("there is no option {}", unknown);
    return fmt::format("{}; see {} --help", why, name);
  }
  const std::string why = commands.empty() ? "a command is missing" : FirstLine(error.what());
  return fmt::format("{}; see {} --help", why, name);
}

std::string FitLine(const std::string& line, size_t columns) {
  const size_t first = line.find_first_not_of(' ');
  size_t indent = first == std::string::npos ? 0 : std::min(first, columns / 2);
  if (indent != 0 && line.size() > kDescriptionColumn && line[kDescriptionColumn - 1] == ' ' &&
      line[kDescriptionColumn] != ' ') {
    indent = kDescriptionColumn;
  }
  return Fold(line, columns, indent);
}

}  // namespace

std::string FitHelp(const std::string& help, size_t columns) {
  std::string out;
  for (size_t at = 0; at < help.size();) {
    const size_t end = std::min(help.find('\n', at), help.size());
    out += FitLine(help.substr(at, end - at), columns) + "\n";
    at = end + 1;
  }
  return out;
}

const CLI::Validator& IdPrefix() {
  static const CLI::Validator* const validator = new CLI::Validator(
      [](std::string& text) {
        const auto id = ResolveId(text, {});
        const bool wrong = !id && id.error().code == Code::kMalformed && !text.empty();
        return wrong ? id.error().message : std::string();
      },
      "");
  return *validator;
}

std::string ManPage(const CLI::App& app) {
  std::string upper = app.get_name();
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string out = fmt::format(".TH {} 1 \"\" \"Souk\" \"Souk manual\"\n.SH NAME\n{} \\- {}\n",
                                Roff(upper), Roff(app.get_name()), Roff(app.get_description()));
  out += fmt::format(".SH SYNOPSIS\n.B {}\nCOMMAND [options]\n", Roff(app.get_name()));
  const std::string general = OptionItems(app);
  if (!general.empty()) out += ".SH OPTIONS\n" + general;
  out += ".SH COMMANDS\n";
  for (const CLI::App* command : VisibleCommands(app)) {
    out += fmt::format(".SS {}\n{}\n", Roff(Synopsis(app, *command)),
                       Roff(command->get_description()));
    out += OptionItems(*command) + Examples(*command);
  }
  const std::string examples = Examples(app);
  if (!examples.empty()) out += ".SH EXAMPLES\n" + examples;
  out +=
      ".SH EXIT STATUS\n0 done; 1 failed, with one line that says what to do; 2 the command line "
      "was wrong.\n";
  return out;
}

std::string BashCompletion(const CLI::App& app) {
  std::string function = "_" + app.get_name();
  for (char& c : function) {
    if (c == '-') c = '_';
  }
  std::string commands;
  std::string cases;
  for (const CLI::App* command : VisibleCommands(app)) {
    commands += (commands.empty() ? "" : " ") + command->get_name();
    cases += fmt::format("    {}) options=\"{}\" ;;\n", command->get_name(), OptionNames(*command));
  }
  return fmt::format(
      "{0}() {{\n"
      "  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" command= options= word\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case \"$word\" in -*) ;; *) command=\"$word\"; break ;; esac\n"
      "  done\n"
      "  case \"$command\" in\n"
      "    '') options=\"{1} {2}\" ;;\n"
      "{3}"
      "  esac\n"
      "  if [[ -z \"$command\" || \"$current\" == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
      "  fi\n"
      "}}\n"
      "complete -o default -F {0} {4}\n",
      function, commands, OptionNames(app), cases, app.get_name());
}

int RunCommandLine(CLI::App& app, int argc, char** argv, std::function<int()>& action) {
  std::string what;
  CLI::App* generate = app.add_subcommand("generate", "Prints the man page or bash completion");
  generate->group("");
  generate->add_option("WHAT", what)->required()->check(CLI::IsMember({"man", "completion"}));
  generate->callback([&] {
    action = [&] {
      Print(what == "man" ? ManPage(app) : BashCompletion(app));
      return kDone;
    };
  });
  app.require_subcommand(1);
  // CLI11 hands the program's examples down to every command that has none of its own.
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    if (command->get_footer() == app.get_footer()) command->footer("");
  }
  app.set_version_flag("--version", fmt::format("{} {}", app.get_name(), SOUK_VERSION));
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--json") AnswerErrorsInJson();
  }
  // CLI11 says of an unknown command only that some command is required.
  if (argc > 1 && argv[1][0] != '-' && !HasCommand(app, argv[1])) {
    return Misuse(
        fmt::format("there is no command \"{}\"; see {} --help", argv[1], app.get_name()));
  }
  try {
    app.parse(argc, argv);
    for (const CLI::App* command : app.get_subcommands()) {
      const std::string empty = FirstEmptyValue(*command);
      if (empty.empty()) continue;
      return Misuse(fmt::format("{} is empty: give a value, or leave it out", empty));
    }
    return action ? action() : kMisuse;
  } catch (const CLI::ParseError& error) {
    if (error.get_name() == "CallForHelp") {
      Print(FitHelp(app.help(), kHelpColumns));
      return kDone;
    }
    if (error.get_exit_code() == 0) return app.exit(error);
    return Misuse(WhyNotParsed(app, error));
  } catch (const std::exception& error) {
    return Fail(std::string("unexpected: ") + error.what());
  }
}

}  // namespace souk::tools
