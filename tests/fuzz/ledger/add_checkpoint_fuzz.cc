// A witness asked anything: it parses strictly, and cosigns only what extends what it cosigned. The
// checkpoint of a request that parses is also signed by the log's own key, so that requests come
// past the signature.
#include "ledger/witness/witness.h"
#include "protocol/base/check.h"

namespace {

using namespace souk;

struct WitnessedWorld {
  ledger::NoteSigner log = ledger::NoteSigner::FromSeed("log", {1});
  ledger::Witness witness{
      ledger::NoteSigner::FromSeed("witness", {2}, ledger::NoteKeyType::kCosignature)};
  ledger::WitnessState state = {{"log", ledger::WitnessedLog{{log.Verifier()}, {}}}};

  // Three entries seen: a size at which a proof says its old root.
  WitnessedWorld() {
    const Digest leaf = ledger::LeafHash({});
    const ledger::Checkpoint head{
        "log", 3, ledger::NodeHash(ledger::NodeHash(leaf, leaf), leaf), {}};
    const ledger::AddCheckpointRequest request{0, {}, *ledger::SignCheckpoint(head, log)};
    auto decision = witness.AddCheckpoint(request.ToText(), state, {5});
    CHECK(decision && decision->persist);
    state.at("log").head = decision->persist;
  }
};

void Ask(const WitnessedWorld& world, std::string_view body) {
  const auto decision = world.witness.AddCheckpoint(body, world.state, {9});
  CHECK(decision.has_value());
  const bool cosigned = decision->answer.status == ledger::WitnessStatus::kOk;
  CHECK(decision->persist.has_value() == cosigned);
  if (cosigned) {
    const auto request = ledger::ParseAddCheckpoint(body);
    const ledger::Checkpoint& known = world.state.at("log").head->checkpoint;
    CHECK(request && request->old_size == known.size);
    CHECK(ledger::VerifyConsistency(known.size, known.root, decision->persist->checkpoint.size,
                                    decision->persist->checkpoint.root, request->proof)
              .has_value());
  }
  if (decision->fork) {
    const std::vector<ledger::NoteVerifier> keys = {world.log.Verifier()};
    CHECK(ledger::VerifyForkEvidence(*decision->fork, keys).has_value());
    CHECK(ledger::ParseForkEvidence(decision->fork->ToText()) == *decision->fork);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const WitnessedWorld world;
  const std::string_view body = AsText({data, size});
  Ask(world, body);
  auto request = ledger::ParseAddCheckpoint(body);
  if (!request) return 0;
  CHECK(request->ToText() == body);
  const auto note = ledger::ParseNote(request->checkpoint);
  if (!note) return 0;
  const auto again = ledger::SignNote(note->text, world.log);
  if (!again) return 0;
  request->checkpoint = *again;
  Ask(world, request->ToText());
  return 0;
}
