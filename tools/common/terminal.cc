#include "tools/common/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "protocol/plain_text.h"

namespace souk::tools {
namespace {

const char* program_name = "souk";
bool json_errors = false;
bool printed = false;  // anything on stdout

const char* EscapeOf(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kGood:
      return "\x1b[32m";
    case Style::kBad:
      return "\x1b[31m";
    case Style::kWarn:
      return "\x1b[33m";
    case Style::kFaint:
      return "\x1b[2m";
    case Style::kBold:
      return "\x1b[1m";
  }
  return "";
}

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// At most `width` columns of it; what is cut off is always at the end.
std::string Cut(std::string_view text, size_t width) {
  std::string out;
  size_t columns = 0;
  for (size_t i = 0; i < text.size();) {
    size_t length = 1;
    while (i + length < text.size() && (static_cast<uint8_t>(text[i + length]) & 0xC0) == 0x80) {
      ++length;
    }
    if (++columns > width) break;
    out.append(text.substr(i, length));
    i += length;
  }
  return out;
}

}  // namespace

bool IsTerminal(std::FILE* stream) {
  return ::isatty(::fileno(stream)) == 1;
}

bool HasColour(std::FILE* stream) {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term != nullptr && std::strcmp(term, "dumb") == 0;
  return IsTerminal(stream) && (no_colour == nullptr || *no_colour == '\0') && !dumb;
}

size_t TerminalWidth(std::FILE* stream) {
  struct winsize size = {};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
  return 100;
}

std::string Styled(std::FILE* stream, Style style, std::string_view text) {
  if (style == Style::kPlain || !HasColour(stream)) return std::string(text);
  return fmt::format("{}{}\x1b[0m", EscapeOf(style), text);
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (i < text.size() && text[i] != 'm') ++i;
      continue;
    }
    if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) ++width;
  }
  return width;
}

std::string Shorten(std::string_view text, size_t columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  return Cut(text, columns - 1) + "…";
}

namespace {

// Whether what stands around a blank is to stay together: an arrow and where it points, "(2
// files)".
bool Holds(const std::string& line, size_t blank) {
  constexpr std::string_view kArrow = "→";
  constexpr size_t kShort = 20;
  if (std::string_view(line).substr(0, blank).ends_with(kArrow)) return true;
  const size_t open = line.rfind('(', blank);
  const size_t close = line.find(')', open == line.npos ? line.size() : open);
  return open != line.npos && close != line.npos && close > blank && close - open < kShort;
}

}  // namespace

std::string Fold(std::string_view text, size_t columns, size_t indent) {
  std::string out;
  while (!text.empty()) {
    std::string line(text.substr(0, text.find('\n')));
    const bool ended = line.size() < text.size();
    text.remove_prefix(line.size() + (ended ? 1 : 0));
    // Nothing is gained by cutting before.
    size_t from = std::max(std::min(line.find_first_not_of(' '), line.size()), indent);
    while (DisplayWidth(line) > columns) {
      size_t cut = line.npos;
      for (size_t at = line.find(' ', from); at != line.npos; at = line.find(' ', at + 1)) {
        if (Holds(line, at)) continue;
        if (cut != line.npos && DisplayWidth(line.substr(0, at)) > columns) break;
        cut = at;
      }
      const size_t rest = cut == line.npos ? cut : line.find_first_not_of(' ', cut);
      if (rest == line.npos) break;
      out += line.substr(0, line.find_last_not_of(' ', cut) + 1) + "\n";
      line = std::string(indent, ' ') + line.substr(rest);
      from = indent;
    }
    out += line;
    if (ended) out += "\n";
  }
  return out;
}

size_t ColumnsOf(std::FILE* stream) {
  return IsTerminal(stream) ? TerminalWidth(stream) : kAllColumns;
}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

namespace {

// Narrower than this a text is hard to read, and no row becomes shorter by much.
constexpr size_t kLeastCell = 8;

// Where a word may be cut besides at its end: between the parts of names and paths.
constexpr const char* kBehind = "-,/";

size_t LongestWord(std::string_view cell) {
  size_t longest = 0;
  while (!cell.empty()) {
    const size_t end = cell.find_first_of(std::string(" ") + kBehind);
    const std::string_view word = cell.substr(0, end);
    const bool blank = end == cell.npos || cell[end] == ' ';
    longest = std::max(longest, DisplayWidth(word) + (blank ? 0 : 1));
    cell.remove_prefix(std::min(word.size() + 1, cell.size()));
  }
  return longest;
}

// A cell's lines: cut between words, behind a hyphen or a comma where no blank is near, and at last
// anywhere.
std::vector<std::string> CellLines(const std::string& cell, size_t width) {
  std::vector<std::string> lines;
  std::string_view rest = cell;
  while (DisplayWidth(rest) > width) {
    const std::string most = Cut(rest, width);
    // A blank that comes just behind is as good.
    size_t cut = most.size();
    if (rest[cut] != ' ') {
      size_t at = most.find_last_of(' ');
      if (at == std::string::npos || at == 0) at = most.find_last_of(kBehind);
      if (at != std::string::npos && at != 0) cut = most[at] == ' ' ? at : at + 1;
    }
    lines.emplace_back(rest.substr(0, cut));
    rest.remove_prefix(cut);
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  }
  lines.emplace_back(rest);
  return lines;
}

}  // namespace

// Takes a column from whichever of the left ones is the widest, until the line fits: first where no
// word is cut, then anywhere. Where it cannot fit, nothing is gained by that.
std::vector<size_t> Table::Widths(size_t columns) const {
  std::vector<size_t> widths, whole_words, least;
  size_t line = 2 * (columns_.size() - 1);
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = DisplayWidth(columns_[i].title);
    size_t word = width;
    for (const auto& row : rows_) {
      width = std::max(width, DisplayWidth(row[i]));
      word = std::max(word, LongestWord(row[i]));
    }
    const bool stays = columns_[i].align == Align::kRight;
    least.push_back(stays ? width : std::max(kLeastCell, DisplayWidth(columns_[i].title)));
    whole_words.push_back(stays ? width : word);
    widths.push_back(width);
    line += width;
  }
  const std::vector<size_t> natural = widths;
  for (const std::vector<size_t>& floor : {whole_words, least}) {
    for (; line > columns; --line) {
      std::optional<size_t> widest;
      for (size_t i = 0; i < widths.size(); ++i) {
        if (widths[i] <= floor[i]) continue;
        if (!widest || widths[i] > widths[*widest]) widest = i;
      }
      if (!widest) break;
      --widths[*widest];
    }
  }
  return line > columns ? natural : widths;
}

bool Table::Fits(size_t columns) const {
  const std::vector<size_t> widths = Widths(columns);
  return std::accumulate(widths.begin(), widths.end(), 2 * (widths.size() - 1)) <= columns;
}

std::string Table::ToText(size_t columns) const {
  const std::vector<size_t> widths = Widths(columns);
  std::string out;
  const auto add_line = [&](const auto& cell_at) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string& cell = cell_at(i);
      const std::string blank(widths[i] - DisplayWidth(cell), ' ');
      if (i > 0) line += "  ";
      line += columns_[i].align == Align::kRight ? blank + cell : cell + blank;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  add_line([&](size_t i) -> const std::string& { return columns_[i].title; });
  for (const auto& row : rows_) {
    std::vector<std::vector<std::string>> cells;
    size_t lines = 1;
    for (size_t i = 0; i < columns_.size(); ++i) {
      cells.push_back(CellLines(row[i], widths[i]));
      lines = std::max(lines, cells.back().size());
    }
    for (auto& cell : cells) cell.resize(lines);
    for (size_t at = 0; at < lines; ++at) {
      add_line([&](size_t i) -> const std::string& { return cells[i][at]; });
    }
  }
  return out;
}

std::string Bar(double fraction, size_t width) {
  const double clean = std::clamp(fraction == fraction ? fraction : 0.0, 0.0, 1.0);
  const auto halves = static_cast<size_t>(clean * static_cast<double>(width) * 2);
  std::string out;
  for (size_t i = 0; i < width; ++i) {
    if (2 * i + 2 <= halves) {
      out += "━";
    } else if (2 * i + 1 == halves) {
      out += "╸";
    } else {
      out += "─";
    }
  }
  return out;
}

std::string ProgressLine::Line() const {
  constexpr size_t kWhatColumns = 22;
  constexpr size_t kBarColumns = 16;
  const size_t pad = kWhatColumns - std::min(kWhatColumns, DisplayWidth(what_));
  return fmt::format("{:<5} {}{} {} {:>3}%  {}", label_, what_, std::string(pad, ' '),
                     Bar(fraction_, kBarColumns),
                     static_cast<int>(std::clamp(fraction_, 0.0, 1.0) * 100), tail_);
}

void ProgressLine::Show(std::string_view label, std::string_view what, double fraction,
                        std::string_view tail) {
  label_ = label;
  what_ = what;
  tail_ = tail;
  fraction_ = fraction;
  any_ = true;
  if (!IsTerminal(stderr)) return;
  const int64_t now = NowMs();
  if (drawn_ && now - last_ms_ < 80) return;
  last_ms_ = now;
  drawn_ = true;
  fmt::print(stderr, "\r\x1b[K{}", Cut(Line(), TerminalWidth(stderr) - 1));
  std::fflush(stderr);
}

void ProgressLine::Finish() {
  if (any_ && IsTerminal(stderr)) {
    fmt::print(stderr, "\r\x1b[K{}\n", Cut(Line(), TerminalWidth(stderr) - 1));
    std::fflush(stderr);
  }
  any_ = false;
  drawn_ = false;
}

void ProgressLine::Clear() {
  if (drawn_) {
    fmt::print(stderr, "\r\x1b[K");
    std::fflush(stderr);
  }
  any_ = false;
  drawn_ = false;
}

void SetProgramName(const char* name) {
  program_name = name;
}

void AnswerErrorsInJson() {
  json_errors = true;
}

namespace {

// What strangers wrote may stand in a sentence, and must not steer the terminal.
void Say(const char* code, std::string_view sentence) {
  fmt::print(stderr, "{}: {}\n", program_name, ToVisible(sentence));
  if (!json_errors || printed) return;
  printed = true;
  const nlohmann::ordered_json document = {{"ok", false}, {"error", sentence}, {"code", code}};
  fmt::print("{}\n", document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stdout);
}

}  // namespace

int Fail(std::string_view sentence) {
  Say("failed", sentence);
  return kFailed;
}

int Fail(const Error& error) {
  Say(CodeName(error.code), error.message);
  return kFailed;
}

int Misuse(std::string_view sentence) {
  Say(CodeName(Code::kInvalidArgument), sentence);
  return kMisuse;
}

bool Ask(std::string_view question) {
  if (!IsTerminal(stdin)) return false;
  fmt::print(stderr, "{} [y/N] ", question);
  std::fflush(stderr);
  std::string answer;
  if (!std::getline(std::cin, answer)) return false;
  return answer == "y" || answer == "Y" || answer == "yes";
}

void Print(std::string_view text) {
  printed = printed || !text.empty();
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    std::exit(Fail("writing to standard output failed"));
  }
}

void Print(const Table& table) {
  Print(table.ToText(ColumnsOf(stdout)));
}

void PrintFolded(std::string_view text, size_t indent) {
  Print(Fold(text, ColumnsOf(stdout), indent));
}

std::string WithCommas(uint64_t number) {
  std::string out = std::to_string(number);
  for (size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

std::string FormatElapsed(double seconds) {
  if (seconds < 0.1) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (seconds < 600) return fmt::format("{:.0f} s", seconds);
  return fmt::format("{:.0f} min", seconds / 60);
}

}  // namespace souk::tools
