#include "gpu/workload/includes.h"

#include <algorithm>

namespace souk::gpu {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Lines that end in a backslash are joined before directives are read ([lex.phases], phase 2);
// some compilers allow blanks after it. `lines` holds the source line of each character.
struct Joined {
  std::string text = {};
  std::vector<uint32_t> lines = {};
};

Joined JoinLines(std::string_view source) {
  Joined out;
  uint32_t line = 1;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\\') {
      size_t end = i + 1;
      while (end < source.size() && IsBlank(source[end])) ++end;
      if (end < source.size() && source[end] == '\n') {
        ++line;
        i = end;
        continue;
      }
    }
    out.text += source[i];
    out.lines.push_back(line);
    if (source[i] == '\n') ++line;
  }
  return out;
}

class Scanner {
 public:
  explicit Scanner(std::string_view source) : joined_(JoinLines(source)), text_(joined_.text) {}

  Result<std::vector<Include>> Scan() {
    for (size_t i = 0; i < text_.size(); ++i) {
      // "%:" and "??=" are other spellings of "#".
      const size_t mark = text_[i] == '#'                 ? 1
                          : text_.substr(i, 2) == "%:"    ? 2
                          : text_.substr(i, 3) == "\?\?=" ? 3
                                                          : 0;
      if (mark == 0) continue;
      at_ = i + mark;
      SkipBlanks();
      const std::string_view word = Word();
      if (word == "include") {
        RETURN_IF_ERROR(ReadOperand());
      } else if (word == "embed" || word == "import" || word == "include_next") {
        return Denied("#" + std::string(word) + " is not taken");
      }
    }
    return std::move(found_);
  }

 private:
  Error Denied(const std::string& what) const {
    const size_t at = std::min(at_, joined_.lines.size() - 1);
    return Error(Code::kDenied, "line " + std::to_string(joined_.lines[at]) + ": " + what);
  }

  // Blanks and comments.
  void SkipBlanks() {
    while (at_ < text_.size()) {
      if (IsBlank(text_[at_])) {
        ++at_;
      } else if (text_.substr(at_, 2) == "/*") {
        const size_t end = text_.find("*/", at_ + 2);
        at_ = end == std::string_view::npos ? text_.size() : end + 2;
      } else {
        return;
      }
    }
  }

  std::string_view Word() {
    const size_t begin = at_;
    while (at_ < text_.size() && IsWord(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  Status ReadOperand() {
    SkipBlanks();
    const char open = at_ < text_.size() ? text_[at_] : '\n';
    if (open != '"' && open != '<') return Denied("#include takes \"name\" or <name> here");
    const std::string_view rest = text_.substr(at_ + 1);
    const std::string_view name = rest.substr(0, rest.find_first_of(open == '"' ? "\"\n" : ">\n"));
    const std::string shown = "#include of \"" + std::string(name) + "\"";
    if (name.empty() || name.front() == '/' || name.find('\\') != std::string_view::npos) {
      return Denied(shown + ": only files beside this one and the toolkit's headers are taken");
    }
    for (size_t i = 0; i <= name.size();) {
      const std::string_view part = name.substr(i, name.find('/', i) - i);
      if (part == "..") return Denied(shown + " leaves the folder");
      i += part.size() + 1;
    }
    found_.push_back({joined_.lines[at_], std::string(name), open == '"'});
    return Ok();
  }

  const Joined joined_;
  const std::string_view text_;
  size_t at_ = 0;
  std::vector<Include> found_ = {};
};

}  // namespace

Result<std::vector<Include>> IncludesOf(std::string_view source) {
  return Scanner(source).Scan();
}

}  // namespace souk::gpu
