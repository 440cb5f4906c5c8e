#include "protocol/bech32m.h"

#include "protocol/base/check.h"

namespace souk {
namespace {

constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr uint32_t kChecksumConstant = 0x2bc830a3;  // BIP 350; BIP 173 has 1
constexpr size_t kChecksumGroups = 6;
constexpr size_t kLongest = 90;

// One step of the BCH code of BIP 173.
uint32_t Step(uint32_t checksum, uint8_t group) {
  constexpr uint32_t kGenerator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  const uint32_t top = checksum >> 25;
  checksum = (checksum & 0x1ffffff) << 5 ^ group;
  for (unsigned i = 0; i < 5; ++i) {
    if ((top >> i & 1) != 0) checksum ^= kGenerator[i];
  }
  return checksum;
}

uint32_t Checksum(std::string_view prefix, ByteView groups) {
  uint32_t checksum = 1;
  for (const char c : prefix) checksum = Step(checksum, static_cast<uint8_t>(c) >> 5);
  checksum = Step(checksum, 0);
  for (const char c : prefix) checksum = Step(checksum, static_cast<uint8_t>(c) & 31);
  for (const uint8_t group : groups) checksum = Step(checksum, group);
  return checksum;
}

bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}

// Regroups bits from `from`-wide to `to`-wide values; what is left over is returned in `rest`.
Bytes Regroup(ByteView values, unsigned from, unsigned to, uint32_t* rest, unsigned* rest_bits) {
  Bytes out;
  uint32_t pending = 0;
  unsigned bits = 0;
  for (const uint8_t value : values) {
    pending = (pending << from | value) & 0xfff;  // at most 7 + 5 bits are pending
    bits += from;
    while (bits >= to) {
      bits -= to;
      out.push_back(static_cast<uint8_t>(pending >> bits & ((1u << to) - 1)));
    }
  }
  *rest = pending & ((1u << bits) - 1);
  *rest_bits = bits;
  return out;
}

}  // namespace

std::string EncodeBech32m(std::string_view prefix, ByteView groups) {
  CHECK(!prefix.empty() && prefix.size() + 1 + groups.size() + kChecksumGroups <= kLongest);
  Bytes with_checksum = ToBytes(groups);
  with_checksum.resize(groups.size() + kChecksumGroups);
  const uint32_t checksum = Checksum(prefix, with_checksum) ^ kChecksumConstant;
  for (size_t i = 0; i < kChecksumGroups; ++i) {
    with_checksum[groups.size() + i] = checksum >> (5 * (kChecksumGroups - 1 - i)) & 31;
  }
  std::string out(prefix);
  out.push_back('1');
  for (const uint8_t group : with_checksum) {
    CHECK(group < kAlphabet.size());
    out.push_back(kAlphabet[group]);
  }
  return out;
}

Result<Bech32m> DecodeBech32m(std::string_view text) {
  if (text.size() > kLongest) return Error(Code::kMalformed, "more than 90 characters");
  bool upper = false;
  bool lower = false;
  std::string folded(text);
  for (char& c : folded) {
    if (c < 33 || c > 126) return Error(Code::kMalformed, "a character outside printable ASCII");
    upper = upper || IsUpper(c);
    lower = lower || IsLower(c);
    if (IsUpper(c)) c = static_cast<char>(c - 'A' + 'a');
  }
  if (upper && lower) return Error(Code::kMalformed, "upper and lower case are mixed");
  const size_t separator = folded.rfind('1');
  if (separator == std::string::npos || separator == 0) {
    return Error(Code::kMalformed, "no prefix before a '1'");
  }
  Bytes groups;
  for (const char c : std::string_view(folded).substr(separator + 1)) {
    const size_t at = kAlphabet.find(c);
    if (at == std::string_view::npos) {
      return Error(Code::kMalformed, std::string("'") + c + "' is not used in such names");
    }
    groups.push_back(static_cast<uint8_t>(at));
  }
  folded.resize(separator);
  if (groups.size() < kChecksumGroups) return Error(Code::kMalformed, "too short");
  if (Checksum(folded, groups) != kChecksumConstant) {
    return Error(Code::kMalformed, "the checksum does not fit: look for a typo");
  }
  groups.resize(groups.size() - kChecksumGroups);
  return Bech32m{std::move(folded), std::move(groups)};
}

Bytes ToFiveBits(ByteView bytes) {
  uint32_t rest = 0;
  unsigned bits = 0;
  Bytes out = Regroup(bytes, 8, 5, &rest, &bits);
  if (bits > 0) out.push_back(static_cast<uint8_t>(rest << (5 - bits)));
  return out;
}

Result<Bytes> FromFiveBits(ByteView groups) {
  uint32_t rest = 0;
  unsigned bits = 0;
  Bytes out = Regroup(groups, 5, 8, &rest, &bits);
  if (bits >= 5 || rest != 0) return Error(Code::kMalformed, "wrong padding");
  return out;
}

}  // namespace souk
