// What every program's command line shares: one-line errors, exit codes, and man page and bash
// completion from the same definitions.
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace souk::tools {

// Parses and runs what the chosen command's callback put into `action`. 0 for help and version; a
// command line that does not parse is kMisuse with one line on stderr. Adds the hidden commands
// `generate man` and `generate completion`, which print to stdout.
int RunCommandLine(CLI::App& app, int argc, char** argv, std::function<int()>& action);

// Of options that take an id: the beginning of one, whatever ids there are. That nothing is empty
// RunCommandLine says.
const CLI::Validator& IdPrefix();

// Each line that is wider cut between words; what goes on stands under a description, where the
// line has one in the column that CLI11 puts them in, and else as far in as the line. Pure.
std::string FitHelp(const std::string& help, size_t columns);

// groff -man. Options, defaults and footers (examples) of every command that --help shows.
std::string ManPage(const CLI::App& app);
// For /usr/share/bash-completion/completions.
std::string BashCompletion(const CLI::App& app);

}  // namespace souk::tools
