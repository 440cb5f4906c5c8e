// An entry bundle of any bytes: what is taken is exactly its entries.
#include "ledger/log/tile_reader.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace souk;
  // The first byte says how many entries belong in it.
  const uint64_t width = size == 0 ? 0 : data[0] + 1;
  const ByteView bundle = size == 0 ? ByteView() : ByteView(data + 1, size - 1);
  const auto entries = ledger::ParseEntryBundle(bundle, width);
  if (!entries) return 0;
  CHECK(entries->size() == width);
  Bytes again;
  for (const ByteView entry : *entries) {
    again.push_back(static_cast<uint8_t>(entry.size() >> 8));
    again.push_back(static_cast<uint8_t>(entry.size()));
    Append(again, entry);
  }
  CHECK(again == ToBytes(bundle));
  return 0;
}
