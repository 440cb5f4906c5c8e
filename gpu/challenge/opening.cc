#include "gpu/challenge/opening.h"

#include <cstring>
#include <string>

#include "gpu/challenge/matrix.h"

namespace souk::gpu {
namespace {

constexpr std::string_view kOpeningMagic = "soukrows";
constexpr uint64_t kOpeningHeader = kOpeningMagic.size() + 8;

Error NotThisOpening(const std::string& why) {
  return Error(Code::kMalformed, "the opened rows: " + why);
}

}  // namespace

uint64_t OpeningBytes(uint32_t size, uint32_t rows) {
  return kOpeningHeader + uint64_t{rows} * (4 + uint64_t{size} * 4 + ProofHashes(size) * 32);
}

Bytes EncodeOpening(const Opening& opening) {
  Bytes out;
  out.reserve(OpeningBytes(opening.size, static_cast<uint32_t>(opening.rows.size())));
  Append(out, AsBytes(kOpeningMagic));
  PutLe(out, opening.size);
  PutLe(out, static_cast<uint32_t>(opening.rows.size()));
  for (const OpenedRow& row : opening.rows) {
    PutLe(out, row.row);
    for (const int32_t element : row.elements) PutLe(out, static_cast<uint32_t>(element));
    for (const Digest& hash : row.proof) Append(out, hash.view());
  }
  return out;
}

Result<Opening> DecodeOpening(ByteView bytes, uint32_t size, std::span<const uint32_t> rows) {
  if (!IsProductSize(size) || rows.empty() || rows.size() > kMostOpenedRows) {
    return Error(Code::kInvalidArgument, "no such rows can be opened");
  }
  const auto count = static_cast<uint32_t>(rows.size());
  if (bytes.size() != OpeningBytes(size, count)) {
    return NotThisOpening(std::to_string(bytes.size()) + " bytes where " +
                          std::to_string(OpeningBytes(size, count)) + " belong");
  }
  if (AsText(bytes.first(kOpeningMagic.size())) != kOpeningMagic ||
      GetLe<uint32_t>(bytes.data() + kOpeningMagic.size()) != size ||
      GetLe<uint32_t>(bytes.data() + kOpeningMagic.size() + 4) != count) {
    return NotThisOpening("they do not begin as such");
  }
  Opening out;
  out.size = size;
  const uint8_t* at = bytes.data() + kOpeningHeader;
  for (const uint32_t wanted : rows) {
    OpenedRow row;
    row.row = GetLe<uint32_t>(at);
    at += 4;
    if (row.row != wanted) {
      return NotThisOpening("row " + std::to_string(row.row) + " where " + std::to_string(wanted) +
                            " belongs");
    }
    row.elements.resize(size);
    for (int32_t& element : row.elements) {
      element = static_cast<int32_t>(GetLe<uint32_t>(at));
      at += 4;
    }
    row.proof.resize(ProofHashes(size));
    for (Digest& hash : row.proof) {
      std::memcpy(hash.bytes.data(), at, hash.bytes.size());
      at += hash.bytes.size();
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

}  // namespace souk::gpu
