// A slot file of any bytes beside a log: the log opens whole, or not at all.
#include "ledger/log/log.h"
#include "ledger/log/memory_store.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace souk;
  static const ledger::NoteSigner signer = ledger::NoteSigner::FromSeed("log", {1});
  ledger::MemoryStore store;
  ledger::MemorySlotFile slots;
  {
    auto log = ledger::Log::Open(store, slots, signer);
    for (uint8_t i = 0; i < 3; ++i) CHECK(log->Commit({ledger::Draft{{i}, {}}}).has_value());
  }
  // The input overwrites the file from a place that its first two bytes name.
  Bytes& file = *slots.contents();
  if (size > 2) {
    const size_t start = (data[0] | data[1] << 8) % file.size();
    for (size_t i = 2; i < size && start + i - 2 < file.size(); ++i) file[start + i - 2] = data[i];
  } else {
    file.resize(size * ledger::kSlotBytes);
  }
  const auto log = ledger::Log::Open(store, slots, signer, {.alone = true});
  if (log) CHECK(log->size() == 3 && log->head().size == 3);
  return 0;
}
