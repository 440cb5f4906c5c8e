#include "ledger/c2sp/cosignature.h"

#include <algorithm>
#include <set>

namespace souk::ledger {
namespace {

constexpr size_t kTimeBytes = 8;

// When the witness cosigned the note last. Its signatures were verified.
PosixTime LatestCosignature(const Note& note, const NoteVerifier& witness) {
  PosixTime latest = {};
  for (const NoteSignature& signature : note.signatures) {
    if (!signature.IsBy(witness)) continue;
    latest = std::max(latest, ParseCosignature(signature.signature)->time);
  }
  return latest;
}

}  // namespace

Result<Cosignature> ParseCosignature(ByteView bytes) {
  if (bytes.size() != kCosignatureBytes) {
    return Error(Code::kMalformed,
                 "a cosignature has 72 bytes, not " + std::to_string(bytes.size()));
  }
  Cosignature out;
  for (const uint8_t byte : bytes.first(kTimeBytes)) {
    out.time.seconds = out.time.seconds << 8 | byte;
  }
  if (out.time > kLatestPosixTime) {
    return Error(Code::kMalformed, "a cosignature's time is beyond 2^63 - 1");
  }
  std::copy_n(bytes.begin() + kTimeBytes, out.signature.size(), out.signature.begin());
  return out;
}

std::string CosignedMessage(PosixTime time, std::string_view checkpoint_text) {
  std::string message = "cosignature/v1\ntime " + std::to_string(time.seconds) + "\n";
  return message.append(checkpoint_text);
}

Result<NoteSignature> Cosign(std::string_view checkpoint_text, const NoteSigner& witness,
                             PosixTime time) {
  if (witness.type != NoteKeyType::kCosignature || !IsValidKeyName(witness.name)) {
    return Error(Code::kInvalidArgument, "a checkpoint is cosigned with a witness's key");
  }
  if (time > kLatestPosixTime) {
    return Error(Code::kInvalidArgument, "a cosignature's time is below 2^63");
  }
  if (!ParseCheckpoint(checkpoint_text)) {
    return Error(Code::kInvalidArgument, "only checkpoints are cosigned");
  }
  const std::string message = CosignedMessage(time, checkpoint_text);
  ASSIGN_OR_RETURN(const Ed25519Signature signature, witness.sign(AsBytes(message)));
  NoteSignature out{witness.name, witness.Verifier().Id(), {}};
  for (size_t i = kTimeBytes; i-- > 0;) {
    out.signature.push_back(static_cast<uint8_t>(time.seconds >> (8 * i)));
  }
  Append(out.signature, signature);
  return out;
}

Status TrustPolicy::Check() const {
  const auto bad = [](const char* why) { return Error(Code::kInvalidArgument, why); };
  if (logs.empty()) return bad("the trust policy names no key of the log");
  for (const NoteVerifier& log : logs) {
    if (log.type != NoteKeyType::kEd25519) return bad("a log's key has type 01");
    if (log.name != logs.front().name) return bad("the log's keys have different names");
  }
  std::set<Ed25519Key> keys;
  for (const NoteVerifier& witness : witnesses) {
    if (witness.type != NoteKeyType::kCosignature) return bad("a witness's key has type 04");
    if (!keys.insert(witness.key).second) return bad("a witness's key is named twice");
  }
  if (quorum > witnesses.size()) return bad("the quorum is larger than the number of witnesses");
  return Ok();
}

size_t SafeQuorum(size_t witnesses) {
  return witnesses == 0 ? 0 : 2 * witnesses / 3 + 1;
}

Result<CosignedCheckpoint> OpenCosigned(std::string_view note_text, const TrustPolicy& policy) {
  RETURN_IF_ERROR(policy.Check());
  ASSIGN_OR_RETURN(const Note note, ParseNote(note_text));
  ASSIGN_OR_RETURN(const auto by_log, VerifyNote(note, policy.logs));
  CosignedCheckpoint out;
  ASSIGN_OR_RETURN(out.checkpoint, ParseCheckpoint(note.text));
  if (out.checkpoint.origin != policy.logs.front().name) {
    return Error(Code::kMismatch, "the checkpoint is of " + out.checkpoint.origin + ", not of " +
                                      policy.logs.front().name);
  }
  ASSIGN_OR_RETURN(const auto by_witness, SignersAmong(note, policy.witnesses));
  for (const size_t i : by_witness) {
    out.cosigned.push_back({i, LatestCosignature(note, policy.witnesses[i])});
  }
  if (out.cosigned.size() < policy.quorum) {
    return Error(Code::kUnavailable, "the checkpoint has " + std::to_string(out.cosigned.size()) +
                                         " of the " + std::to_string(policy.quorum) +
                                         " cosignatures that are asked for");
  }
  return out;
}

}  // namespace souk::ledger
