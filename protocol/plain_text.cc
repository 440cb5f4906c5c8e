#include "protocol/plain_text.h"

#include <cstdint>

namespace souk {
namespace {

struct Character {
  uint32_t code = 0;
  size_t bytes = 0;  // 0: not UTF-8
};

// The first character of a text that is not empty.
Character FirstCharacter(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return {lead, 1};
  size_t bytes = 0;
  uint32_t code = 0;
  uint32_t least = 0;  // anything below is an overlong form
  if (lead >= 0xc2 && lead < 0xe0) {
    bytes = 2, code = lead & 0x1fu, least = 0x80;
  } else if (lead >= 0xe0 && lead < 0xf0) {
    bytes = 3, code = lead & 0x0fu, least = 0x800;
  } else if (lead >= 0xf0 && lead < 0xf5) {
    bytes = 4, code = lead & 0x07u, least = 0x10000;
  }
  if (bytes == 0 || text.size() < bytes) return {};
  for (size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    code = code << 6 | (next & 0x3fu);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < least || code > 0x10ffff || surrogate) return {};
  return {code, bytes};
}

bool IsShown(uint32_t code) {
  const bool control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
  const bool reorders = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !control && !reorders;
}

}  // namespace

bool IsPlainText(std::string_view text, Lines lines) {
  while (!text.empty()) {
    const Character first = FirstCharacter(text);
    if (first.bytes == 0) return false;
    const bool line_end = lines == Lines::kMany && first.code == '\n';
    if (!line_end && !IsShown(first.code)) return false;
    text.remove_prefix(first.bytes);
  }
  return true;
}

std::string ToPlainText(std::string_view text, size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const Character first = FirstCharacter(text);
    const size_t bytes = first.bytes == 0 ? 1 : first.bytes;
    const bool shown = first.bytes != 0 && IsShown(first.code);
    if (out.size() + (shown ? bytes : 1) > max_bytes) break;
    if (shown) {
      out.append(text.substr(0, bytes));
    } else {
      out.push_back(' ');
    }
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace souk
