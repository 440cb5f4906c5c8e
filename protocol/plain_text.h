// Text from strangers: what may be shown on a terminal and stored in a ledger. Pure.
#pragma once

#include <string>
#include <string_view>

namespace souk {

enum class Lines { kOne, kMany };  // whether "\n" is allowed

// Valid UTF-8 (RFC 3629: no overlong forms, no surrogates) without control characters (C0, DEL, C1)
// and without the marks that reorder text (U+202A to U+202E, U+2066 to U+2069), which make a
// sentence read as another.
bool IsPlainText(std::string_view text, Lines lines = Lines::kOne);

// The nearest plain text of one line: what is not allowed becomes a space, and what is over
// `max_bytes` is cut off between characters.
std::string ToPlainText(std::string_view text, size_t max_bytes);

// Plain text of one line that shows something and hides nothing: no marks without a width (U+200B,
// U+FEFF and their like), with which one name can look like another, and not only blanks.
bool IsName(std::string_view text);

// For a terminal: what IsPlainText refuses is spelled out, as "\x1b" or "\u202e". Line ends and
// tabs stay.
std::string ToVisible(std::string_view text);

}  // namespace souk
