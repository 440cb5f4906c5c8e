// A saved audit of any bytes: it is refused, or an audit goes on from it without harm.
#include "ledger/audit/audit.h"
#include "ledger/log/memory_store.h"
#include "protocol/base/check.h"
#include "protocol/codec.h"
#include "protocol/identity.h"

namespace {

using namespace souk;

const Identity& Owner() {
  static const Identity owner = Identity::FromSeed({2});
  return owner;
}

ledger::NoteSigner Signer() {
  ledger::NoteSigner signer{.name = LogName(Owner().id()),
                            .key = Owner().CheckpointKey().public_key().bytes};
  signer.sign = [](ByteView bytes) -> Result<ledger::Ed25519Signature> {
    return Owner().CheckpointKey().Sign(bytes).bytes;
  };
  return signer;
}

// A log that opens and was down once, and its checkpoint after the first entry.
struct World {
  ledger::MemoryStore store;
  ledger::MemorySlotFile slots;
  std::optional<ledger::Log> log;
  std::string first;

  World() {
    log.emplace(*ledger::Log::Open(store, slots, Signer()));
    const Time start{1'800'000'000'000};
    first = Add({.time = start, .outcome = Opened{.name = "kite", .peer = Owner().id()}});
    Add({.sequence = 1, .time = start + Hours(1), .outcome = Resumed{.down_since = start}});
  }
  std::string Add(const Entry& entry) {
    const auto committed = log->Commit({{*EncodeEntry(entry), {}}});
    CHECK(committed.has_value());
    return committed->checkpoint;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const World world;
  // The input is what the auditor knew; the frame around it fits.
  Bytes file = ToBytes(AsBytes("soukaudt"));
  PutLe(file, uint32_t{2});
  PutLe(file, kRulesVersion);
  file.push_back(size > 0 ? data[0] & 1 : 0);
  PutLe(file, static_cast<uint32_t>(world.first.size()));
  Append(file, AsBytes(world.first));
  const size_t skip = size > 0 ? 1 : 0;
  PutLe(file, static_cast<uint64_t>(size - skip));
  Append(file, ByteView(data + skip, size - skip));
  Append(file, Sha256(file).view());
  auto saved = ledger::SavedAudit::Parse(file, Signer().Verifier());
  if (!saved) return 0;
  ledger::AuditOptions options;
  options.threads = 1;
  options.save = true;
  const auto report = ledger::Audit(world.log->reader(), std::move(*saved), options);
  CHECK(report.entries == 2);
  return 0;
}
