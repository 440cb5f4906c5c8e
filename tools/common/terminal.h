// What people see: tables, marks and progress. Results go to stdout, all else to stderr; colour and
// moving progress only on a terminal.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"

namespace souk::tools {

// Exit codes of every program.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kMisuse = 2;

// Whether the stream is a terminal that shows colour (NO_COLOR and TERM=dumb are heeded).
bool IsTerminal(std::FILE* stream);
bool HasColour(std::FILE* stream);
// Columns of the terminal behind the stream; 100 where there is none.
size_t TerminalWidth(std::FILE* stream);

enum class Style { kPlain, kGood, kBad, kWarn, kFaint, kBold };
// The text between the style's escapes where the stream shows colour, else as it is.
std::string Styled(std::FILE* stream, Style style, std::string_view text);

// Columns that a text takes on a terminal: code points; escapes of Styled take none.
size_t DisplayWidth(std::string_view text);

// At most so many columns of it, the last one "…" where something was cut off: others' names.
std::string Shorten(std::string_view text, size_t columns);
inline constexpr size_t kNameColumns = 16;

// A text whose lines are wider than so many columns are cut between words, never behind an arrow
// or in short parentheses; what goes on stands `indent` columns in. A word that is wider stays
// whole. Pure.
std::string Fold(std::string_view text, size_t columns, size_t indent);
inline constexpr size_t kAllColumns = SIZE_MAX;
// What a line there may take: the terminal's width; kAllColumns where it is none, so that programs
// find one thing on one line.
size_t ColumnsOf(std::FILE* stream);

enum class Align { kLeft, kRight };

// Columns two spaces apart, no trailing blanks. Pure.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as there are columns.
  void Add(std::vector<std::string> cells);
  size_t rows() const { return rows_.size(); }
  // With a line of titles; every line ends in a newline. Where that is wider than `columns`, the
  // widest texts that stand on the left go on in lines below, if it then fits.
  std::string ToText(size_t columns = kAllColumns) const;
  // Whether ToText(columns) is no wider than that.
  bool Fits(size_t columns) const;

 private:
  std::vector<size_t> Widths(size_t columns) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_ = {};
};

// "━━━━━━━━━━━━╸───", `width` columns wide; fraction is cut to 0 … 1.
std::string Bar(double fraction, size_t width);

// One line on stderr that is drawn anew where stderr is a terminal. Elsewhere nothing is drawn.
class ProgressLine {
 public:
  // At most some ten times a second is drawn.
  void Show(std::string_view label, std::string_view what, double fraction, std::string_view tail);
  // The last state stays and the line ends; nothing where Show was never called.
  void Finish();
  // Takes the line away.
  void Clear();
  ~ProgressLine() { Clear(); }

 private:
  std::string Line() const;

  std::string label_ = {};
  std::string what_ = {};
  std::string tail_ = {};
  double fraction_ = 0;
  bool any_ = false;
  bool drawn_ = false;
  int64_t last_ms_ = 0;
};

// One line on stderr, "souk: sentence", and kFailed. Control characters are spelled out.
int Fail(const Error& error);
int Fail(std::string_view sentence);
// The same with kMisuse.
int Misuse(std::string_view sentence);
// From then on an error is also one JSON document on stdout, where nothing stands there yet:
// {"ok": false, "error": sentence, "code": "not_found"}.
void AnswerErrorsInJson();
// Which program speaks; main sets it.
void SetProgramName(const char* name);

// "Rent? [y/N] " on stderr, the answer from stdin; no where stdin is no terminal.
bool Ask(std::string_view question);

// To stdout, as it is; the program fails where stdout cannot take it.
void Print(std::string_view text);
// The same, no wider than the terminal: a table, or Fold's lines.
void Print(const Table& table);
void PrintFolded(std::string_view text, size_t indent = 2);

// "1,234,567".
std::string WithCommas(uint64_t number);
// "3.1 s", "72 s", "0.4 s", "12 ms".
std::string FormatElapsed(double seconds);

}  // namespace souk::tools
