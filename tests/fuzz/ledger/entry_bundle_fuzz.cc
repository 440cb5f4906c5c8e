// The first two bytes are a width: what is taken for so many entries or hashes is written again
// byte for byte.
#include "ledger/c2sp/entry_bundle.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace souk;
  if (size < 2) return 0;
  const uint64_t width = static_cast<uint64_t>(data[0]) << 8 | data[1];
  const ByteView body(data + 2, size - 2);
  if (const auto entries = ledger::ParseEntryBundle(body, width)) {
    CHECK(entries->size() == width && width <= ledger::kTileWidth);
    Bytes again;
    for (const ByteView entry : *entries) ledger::AppendToBundle(again, entry);
    CHECK(again == ToBytes(body));
  }
  if (const auto hashes = ledger::ParseHashTile(body, width)) {
    CHECK(hashes->size() == width && width <= ledger::kTileWidth);
    CHECK(ledger::EncodeHashTile(*hashes) == ToBytes(body));
  }
  return 0;
}
