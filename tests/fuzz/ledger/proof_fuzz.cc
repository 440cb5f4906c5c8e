// What ParseProof takes, it writes again byte for byte; a proof under a genuine checkpoint holds
// for its entry alone.
#include "ledger/log/log.h"
#include "ledger/log/memory_store.h"
#include "protocol/base/check.h"

namespace {

using namespace souk;

struct SomeLog {
  ledger::NoteSigner signer = ledger::NoteSigner::FromSeed("log", {1});
  ledger::MemoryStore store;
  ledger::MemorySlotFile slots;
  std::string checkpoint;

  SomeLog() {
    auto log = ledger::Log::Open(store, slots, signer);
    std::vector<ledger::Draft> drafts(21);
    for (size_t i = 0; i < drafts.size(); ++i) drafts[i].leaf = {static_cast<uint8_t>(i)};
    checkpoint = log->Commit(drafts)->checkpoint;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const SomeLog log;
  const std::string_view text = AsText({data, size});
  auto proof = ledger::ParseProof(text);
  if (!proof) return 0;
  CHECK(proof->ToText() == text);
  (void)ledger::VerifyProof(*proof, {}, log.signer.Verifier());
  proof->checkpoint = log.checkpoint;
  const Bytes stranger = {99};
  CHECK(!ledger::VerifyProof(*proof, stranger, log.signer.Verifier()));
  return 0;
}
