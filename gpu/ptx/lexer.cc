#include "gpu/ptx/lexer.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>

namespace souk::ptx {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsFollow(char c) {
  return IsLetter(c) || IsDigit(c) || c == '_' || c == '$';
}
bool IsHexDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

std::string Quoted(std::string_view text) {
  constexpr size_t kMost = 60;
  std::string out = "'";
  for (char c : text.substr(0, kMost)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (text.size() > kMost ? "…'" : "'");
}

Token Lexer::Make(TokenKind kind, size_t from, size_t to) const {
  Token token;
  token.kind = kind;
  token.glued = glued_;
  token.line = line_;
  token.text = text_.substr(from, to - from);
  return token;
}

Token Lexer::Bad(const std::string& why, Code code) {
  failed_ = true;
  error_ = Error(code, fmt::format("line {}: {}", line_, why));
  return Make(TokenKind::kBad, at_, at_);
}

Token Lexer::Next() {
  if (failed_) return Make(TokenKind::kBad, at_, at_);
  const size_t before = at_;
  if (!SkipBlanks()) return Bad("a comment that never ends");
  glued_ = before == at_;
  if (at_ >= text_.size()) return Make(TokenKind::kEnd, at_, at_);
  if (++tokens_ > limits_.tokens) return Bad("more tokens than a module may have", Code::kTooLarge);
  return Scan();
}

bool Lexer::SkipBlanks() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '\n') {
      ++line_;
      ++at_;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f') {
      ++at_;
    } else if (c == '/' && at_ + 1 < text_.size() && text_[at_ + 1] == '/') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '/' && at_ + 1 < text_.size() && text_[at_ + 1] == '*') {
      const size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) return false;
      for (; at_ < end + 2; ++at_) line_ += text_[at_] == '\n' ? 1 : 0;
    } else if (c == '\0' && at_ + 1 == text_.size()) {
      ++at_;  // NVRTC counts the closing NUL into the size it gives
    } else {
      break;
    }
  }
  return true;
}

Token Lexer::Scan() {
  const char c = text_[at_];
  const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  if (IsLetter(c) || c == '_' || c == '$' || (c == '%' && IsFollow(next))) return Word();
  if (c == '.' && (IsFollow(next))) return DotWord();
  if (IsDigit(c)) return Number();
  if (c == '"') return String();
  return Punct();
}

Token Lexer::Word() {
  const size_t from = at_++;
  while (at_ < text_.size() && IsFollow(text_[at_])) ++at_;
  if (at_ - from > limits_.identifier_bytes) return Bad("an identifier too long", Code::kTooLarge);
  return Make(TokenKind::kWord, from, at_);
}

Token Lexer::DotWord() {
  const size_t from = ++at_;
  while (at_ < text_.size()) {
    if (IsFollow(text_[at_])) {
      ++at_;
    } else if (text_.substr(at_, 2) == "::" && at_ + 2 < text_.size() && IsFollow(text_[at_ + 2])) {
      at_ += 2;
    } else {
      break;
    }
  }
  if (at_ - from > limits_.identifier_bytes) return Bad("an identifier too long", Code::kTooLarge);
  return Make(TokenKind::kDot, from, at_);
}

Token Lexer::HexFloat(TokenKind kind, size_t digits) {
  const size_t from = at_;
  at_ += 2;
  uint64_t value = 0;
  const char* const begin = text_.data() + at_;
  const char* const end = begin + std::min(digits, text_.size() - at_);
  const auto [stop, failure] = std::from_chars(begin, end, value, 16);
  if (failure != std::errc() || static_cast<size_t>(stop - begin) != digits) {
    return Bad(fmt::format("a float literal needs {} hexadecimal digits", digits));
  }
  at_ += digits;
  if (at_ < text_.size() && IsFollow(text_[at_])) return Bad("a malformed float literal");
  Token token = Make(kind, from, at_);
  token.value = value;
  return token;
}

Token Lexer::Decimal() {
  const size_t from = at_;
  double value = 0;
  const auto [stop, failure] =
      std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
  // Out of range gives infinity or zero in C; here it is refused, as nobody means it.
  if (failure != std::errc()) return Bad("a decimal literal out of range");
  at_ = static_cast<size_t>(stop - text_.data());
  if (at_ < text_.size() && IsFollow(text_[at_])) return Bad("a malformed decimal literal");
  Token token = Make(TokenKind::kFloat64, from, at_);
  token.value = std::bit_cast<uint64_t>(value);
  return token;
}

Token Lexer::Number() {
  const size_t from = at_;
  const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  const bool zero = text_[at_] == '0';
  if (zero && (next == 'f' || next == 'F')) return HexFloat(TokenKind::kFloat32, 8);
  if (zero && (next == 'd' || next == 'D')) return HexFloat(TokenKind::kFloat64, 16);
  int base = 10;
  if (zero && (next == 'x' || next == 'X')) base = 16;
  if (zero && (next == 'b' || next == 'B')) base = 2;
  if (base != 10) at_ += 2;
  const size_t digits = at_;
  while (at_ < text_.size() && (base == 16 ? IsHexDigit(text_[at_]) : IsDigit(text_[at_]))) ++at_;
  const char after = at_ < text_.size() ? text_[at_] : '\0';
  if (base == 10 && (after == 'e' || after == 'E' ||
                     (after == '.' && at_ + 1 < text_.size() && IsDigit(text_[at_ + 1])))) {
    at_ = from;
    return Decimal();
  }
  if (base == 10 && zero && at_ - digits > 1) base = 8;
  uint64_t value = 0;
  const auto [stop, failure] =
      std::from_chars(text_.data() + digits, text_.data() + at_, value, base);
  if (failure != std::errc() || stop != text_.data() + at_) {
    return Bad("a malformed integer, or one of more than 64 bits");
  }
  Token token = Make(TokenKind::kInteger, from, at_);
  token.value = value;
  token.is_unsigned = value >> 63 != 0;
  if (after == 'U' || after == 'u') {
    token.is_unsigned = true;
    ++at_;
  }
  if (at_ < text_.size() && IsFollow(text_[at_])) return Bad("a malformed number");
  return token;
}

Token Lexer::String() {
  const size_t from = ++at_;
  while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
    const bool escapes = text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n';
    at_ += escapes ? 2 : 1;
  }
  if (at_ >= text_.size() || text_[at_] != '"') return Bad("a string that never ends");
  if (at_ - from > limits_.identifier_bytes) return Bad("a string too long", Code::kTooLarge);
  const Token token = Make(TokenKind::kString, from, at_);
  ++at_;
  return token;
}

Token Lexer::Punct() {
  const std::string_view two = text_.substr(at_, 2);
  for (std::string_view wide : {"<<", ">>", "<=", ">=", "==", "!=", "&&", "||"}) {
    if (two != wide) continue;
    at_ += 2;
    return Make(TokenKind::kPunct, at_ - 2, at_);
  }
  if (std::string_view("()[]{}<>,;:@+-*/%!~&|^=?").find(text_[at_]) == std::string_view::npos) {
    return Bad("a character that PTX does not have: " + Quoted(text_.substr(at_, 1)));
  }
  ++at_;
  return Make(TokenKind::kPunct, at_ - 1, at_);
}

}  // namespace souk::ptx
