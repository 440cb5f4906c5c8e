// A mirror is handed any bytes: as its own record, or as the next entries of a log. It takes
// nothing that does not lead to what the log signed.
#include "ledger/c2sp/entry_bundle.h"
#include "ledger/log/entry_range.h"
#include "ledger/log/memory_store.h"
#include "ledger/log/mirrors.h"
#include "protocol/base/check.h"

namespace souk::ledger {
namespace {

constexpr uint64_t kFirst = 3, kAll = 7;

// A log of seven entries, of which the mirror holds three.
struct MirroredWorld {
  MirroredWorld() : signer(NoteSigner::FromSeed("log", {1})), log(*Log::Open(own, slots, signer)) {
    for (uint8_t i = 0; i < kAll; ++i) CHECK(log.Commit({Draft{{i}, {}}}).has_value());
    const auto part = *ReadEntries(log.reader(), 0, kAll, 3 * kFirst);
    auto mirrors = *Mirrors::Open(held);
    CHECK(mirrors.Append(signer.Verifier(), Part(part)).has_value());
    rest = *ReadEntries(log.reader(), kFirst, kAll, 1 << 20);
  }
  MirrorPart Part(const ProvenEntries& range) const {
    return {.from = range.from,
            .entries = *ParseEntryBundle(range.bundle, range.count),
            .note = log.checkpoint(),
            .hashes = range.hashes};
  }
  MemoryStore own = MemoryStore();
  MemorySlotFile slots = MemorySlotFile();
  const NoteSigner signer;
  Log log;
  MemoryStore held = MemoryStore();
  ProvenEntries rest = {};
};

void FuzzRecord(const MirroredWorld& world, ByteView bytes) {
  MemoryStore store = world.held;
  for (auto& [key, value] : store.contents()) {
    if (key[0] == 'm') value = ToBytes(bytes);
  }
  const auto mirrors = Mirrors::Open(store);
  if (!mirrors) return;
  const MirroredLog* const log = mirrors->Find("log");
  CHECK(log != nullptr && log->size <= kFirst && log->head.size <= log->size);
}

void FuzzPart(const MirroredWorld& world, ByteView bytes) {
  MemoryStore store = world.held;
  auto mirrors = *Mirrors::Open(store);
  MirrorPart part{.from = kFirst, .note = world.log.checkpoint()};
  const size_t count = bytes[0];
  bytes = bytes.subspan(1);
  // Proofs first, then the bundle.
  for (size_t hashes = count % 4; hashes > 0 && bytes.size() >= 32; --hashes) {
    Digest hash;
    std::copy_n(bytes.begin(), 32, hash.bytes.begin());
    part.hashes.push_back(hash);
    bytes = bytes.subspan(32);
  }
  auto entries = ParseEntryBundle(bytes, count / 4 + 1);
  if (!entries) return;
  part.entries = std::move(*entries);
  const auto stored = mirrors.Append(world.signer.Verifier(), part);
  if (!stored) return;
  CHECK(stored->root == *world.log.reader().RootAt(stored->size));
}

}  // namespace
}  // namespace souk::ledger

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const souk::ledger::MirroredWorld world;
  if (size < 2) return 0;
  const souk::ByteView rest(data + 1, size - 1);
  (data[0] % 2 == 0 ? souk::ledger::FuzzRecord : souk::ledger::FuzzPart)(world, rest);
  return 0;
}
