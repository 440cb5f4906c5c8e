// Byte strings, their text forms, and little-endian reading and writing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"

namespace souk {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

inline ByteView AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes ToBytes(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}
inline void Append(Bytes& out, ByteView more) {
  out.insert(out.end(), more.begin(), more.end());
}

// Lower case, two digits per byte.
std::string ToHex(ByteView bytes);
// Upper and lower case; an odd length or another character is kMalformed.
Result<Bytes> FromHex(std::string_view text);

// RFC 4648 section 4, with padding.
std::string ToBase64(ByteView bytes);
// Strict: padding required, no white space, unused bits zero (as Go's StdEncoding.Strict()).
Result<Bytes> FromBase64(std::string_view text);

template <typename T>
void PutLe(Bytes& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}
// The caller has checked that sizeof(T) bytes are there.
template <typename T>
T GetLe(const uint8_t* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | static_cast<T>(at[i]) << (8 * i));
  return value;
}

}  // namespace souk
