// What ParseForkEvidence takes, it writes again byte for byte; no bytes are evidence against a log
// that only grows, though both of its heads are at hand and signed.
#include "ledger/witness/fork_evidence.h"
#include "protocol/base/check.h"

namespace {

using namespace souk;

// Five entries, of which two heads are signed.
struct HonestLog : ledger::HashReader {
  ledger::NoteSigner signer = ledger::NoteSigner::FromSeed("log", {4});
  std::vector<ledger::NoteVerifier> keys = {signer.Verifier()};
  std::vector<ledger::NoteVerifier> forker = {ledger::NoteSigner::FromSeed("log", {1}).Verifier()};
  std::string heads[2] = {Head(3), Head(5)};

  Result<Digest> ReadNode(unsigned level, uint64_t index) const override {
    if (level == 0) return ledger::LeafHash(Bytes{static_cast<uint8_t>(index)});
    return ledger::NodeHash(*ReadNode(level - 1, 2 * index), *ReadNode(level - 1, 2 * index + 1));
  }
  std::string Head(uint64_t size) const {
    const ledger::Checkpoint head{"log", size, *ledger::TreeRoot(size, *this), {}};
    return *ledger::SignCheckpoint(head, signer);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const HonestLog log;
  const std::string_view text = AsText({data, size});
  auto evidence = ledger::ParseForkEvidence(text);
  if (!evidence) return 0;
  CHECK(evidence->ToText() == text);
  CHECK(!ledger::VerifyForkEvidence(*evidence, log.keys));
  // The seeds are evidence against a log that did fork.
  if (const auto fork = ledger::VerifyForkEvidence(*evidence, log.forker)) {
    CHECK(fork->earlier.size <= fork->later.size && fork->other_root != fork->earlier.root);
  }
  for (const auto& [earlier, later] : {std::pair(0, 1), std::pair(0, 0), std::pair(1, 0)}) {
    evidence->earlier = log.heads[earlier];
    evidence->later = log.heads[later];
    CHECK(!ledger::VerifyForkEvidence(*evidence, log.keys));
    const auto found = ledger::CompareHeads(log.heads[earlier], log.heads[later], log.keys,
                                            evidence->proof, evidence->proven_root);
    CHECK(found && found->verdict != ledger::HeadComparison::Verdict::kFork);
  }
  return 0;
}
