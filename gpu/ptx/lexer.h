// Tokens of PTX (ISA 9.0 chapter 4). Views into the text; nothing is copied.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gpu/ptx/module.h"

namespace souk::ptx {

enum class TokenKind : uint8_t {
  kEnd,
  kWord,     // an identifier: add, %r1, $L__BB0_1, _
  kDot,      // .reg, .f32, .shared::cta; text is without the dot
  kInteger,  // value
  kFloat32,  // 0f…: value holds its 32 bits
  kFloat64,  // 0d… or decimal: value holds its 64 bits; text as written
  kString,   // text is without the quotes
  kPunct,    // text: one of ( ) [ ] { } < > , ; : @ + - * / % ! ~ & | ^ = ? << >> <= >= == != && ||
  kBad,      // Lexer::error() says why
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  bool glued = false;        // no white space before it
  bool is_unsigned = false;  // an integer with U, or one that does not fit in 63 bits
  uint32_t line = 0;
  std::string_view text = {};
  uint64_t value = 0;

  bool Is(std::string_view punct) const { return kind == TokenKind::kPunct && text == punct; }
  bool IsDot(std::string_view word) const { return kind == TokenKind::kDot && text == word; }
};

class Lexer {
 public:
  Lexer(std::string_view text, const Limits& limits) : text_(text), limits_(limits) {}

  // After kEnd or kBad it repeats that.
  Token Next();
  const Error& error() const { return error_; }

 private:
  bool SkipBlanks();  // false where a comment never ends
  Token Scan();
  Token Word();
  Token DotWord();
  Token Number();
  Token HexFloat(TokenKind kind, size_t digits);
  Token Decimal();
  Token String();
  Token Punct();
  Token Bad(const std::string& why, Code code = Code::kMalformed);
  Token Make(TokenKind kind, size_t from, size_t to) const;

  std::string_view text_;
  Limits limits_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  size_t tokens_ = 0;
  bool glued_ = false;
  bool failed_ = false;
  Error error_ = Error(Code::kMalformed, "");
};

// A piece of hostile text as it may stand in a message: printable, at most 60 characters.
std::string Quoted(std::string_view text);

}  // namespace souk::ptx
