// Bech32m (BIP 350): text that a typo does not survive. Pure.
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/bytes.h"

namespace souk {

struct Bech32m {
  std::string prefix = {};  // lower case
  Bytes groups = {};        // values of five bits each, without the checksum
};

// `prefix` is lower-case printable ASCII, each group below 32, the whole at most 90 characters;
// otherwise the program is wrong and stops.
std::string EncodeBech32m(std::string_view prefix, ByteView groups);
// kMalformed: over 90 characters, mixed case, characters outside the alphabet, no prefix, or a
// checksum that is not Bech32m's (Bech32's, of BIP 173, is refused too).
Result<Bech32m> DecodeBech32m(std::string_view text);

// Bytes to groups of five bits, zero-padded, and back. The way back refuses padding that is not
// zero or is a whole group too long.
Bytes ToFiveBits(ByteView bytes);
Result<Bytes> FromFiveBits(ByteView groups);

}  // namespace souk
