#include "protocol/plain_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>

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

struct Range {
  uint32_t first = 0;
  uint32_t last = 0;
};

bool IsIn(uint32_t code, std::initializer_list<Range> ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [code](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

// Format characters and fillers of Unicode 15 that take no column, or an empty one.
bool HasNoWidth(uint32_t code) {
  return IsIn(code, {{0xad, 0xad},
                     {0x34f, 0x34f},
                     {0x61c, 0x61c},
                     {0x115f, 0x1160},
                     {0x17b4, 0x17b5},
                     {0x180b, 0x180f},
                     {0x200b, 0x200f},
                     {0x2060, 0x206f},
                     {0x2800, 0x2800},
                     {0x3164, 0x3164},
                     {0xfe00, 0xfe0f},
                     {0xfeff, 0xfeff},
                     {0xffa0, 0xffa0},
                     {0xfff0, 0xfffb},
                     {0xe0000, 0xe0fff}});
}

bool IsSpace(uint32_t code) {
  return IsIn(code, {{0x20, 0x20},
                     {0xa0, 0xa0},
                     {0x1680, 0x1680},
                     {0x2000, 0x200a},
                     {0x2028, 0x2029},
                     {0x202f, 0x202f},
                     {0x205f, 0x205f},
                     {0x3000, 0x3000}});
}

}  // namespace

bool IsName(std::string_view text) {
  if (!IsPlainText(text)) return false;
  bool shows = false;
  while (!text.empty()) {
    const Character first = FirstCharacter(text);
    if (HasNoWidth(first.code)) return false;
    shows = shows || !IsSpace(first.code);
    text.remove_prefix(first.bytes);
  }
  return shows;
}

std::string ToVisible(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character first = FirstCharacter(text);
    const size_t bytes = first.bytes == 0 ? 1 : first.bytes;
    const bool byte = first.bytes == 0 || first.code < 0x80;
    const bool stays = first.code == '\n' || first.code == '\t' || IsShown(first.code);
    if (first.bytes != 0 && stays) {
      out.append(text.substr(0, bytes));
    } else if (byte) {
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[0]));
    } else {
      out += fmt::format("\\u{:04x}", first.code);
    }
    text.remove_prefix(bytes);
  }
  return out;
}

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
