#include "ledger/witness/witness.h"

#include <algorithm>
#include <utility>

#include "protocol/base/check.h"

namespace souk::ledger {
namespace {

constexpr const char* kPlainText = "text/plain; charset=utf-8";
constexpr const char* kSizeType = "text/x.tlog.size";
// Text, blank line, and a line with the origin as name and 68 bytes in base64.
static_assert(2 * kMaxCosignedTextBytes + 128 <= kMaxEvidenceNoteBytes);

WitnessDecision Refuse(WitnessStatus status, const std::string& sentence) {
  return WitnessDecision{{}, WitnessAnswer{status, kPlainText, sentence + "\n"}, {}};
}

uint64_t SizeOf(const WitnessedLog& log) {
  return log.head ? log.head->checkpoint.size : 0;
}

WitnessDecision Conflict(const WitnessedLog& log) {
  return WitnessDecision{
      {},
      WitnessAnswer{WitnessStatus::kConflict, kSizeType, std::to_string(SizeOf(log)) + "\n"},
      {}};
}

}  // namespace

Result<CosignedHead> CosignedHead::FromNote(std::string_view note,
                                            std::span<const NoteVerifier> log,
                                            const NoteVerifier& witness) {
  const TrustPolicy policy{{log.begin(), log.end()}, {witness}, 1};
  ASSIGN_OR_RETURN(auto opened, OpenCosigned(note, policy));
  return CosignedHead{std::move(opened.checkpoint), opened.cosigned.front().time,
                      std::string(note)};
}

Witness::Witness(NoteSigner signer) : signer_(std::move(signer)) {
  CHECK(signer_.type == NoteKeyType::kCosignature);
}

// The checks in the order of the specification: what the sender could not know comes before what it
// did wrong.
Result<WitnessDecision> Witness::AddCheckpoint(std::string_view body, const WitnessState& state,
                                               PosixTime now) const {
  const auto request = ParseAddCheckpoint(body);
  if (!request) return Refuse(WitnessStatus::kBadRequest, request.error().message);
  const auto note = ParseNote(request->checkpoint);
  if (!note) return Refuse(WitnessStatus::kBadRequest, note.error().message);
  if (note->text.size() > kMaxCosignedTextBytes) {
    return Refuse(WitnessStatus::kBadRequest, "the checkpoint is too long to be cosigned");
  }
  const auto checkpoint = ParseCheckpoint(note->text);
  if (!checkpoint) return Refuse(WitnessStatus::kBadRequest, checkpoint.error().message);
  const auto log = state.find(checkpoint->origin);
  if (log == state.end()) {
    return Refuse(WitnessStatus::kNotFound, "this witness does not follow that log");
  }
  const auto opened = OpenCosigned(request->checkpoint, TrustPolicy{log->second.keys, {}, 0});
  if (!opened && opened.error().code != Code::kBadSignature) return opened.error();
  if (!opened) return Refuse(WitnessStatus::kForbidden, opened.error().message);
  if (request->old_size > checkpoint->size) {
    return Refuse(WitnessStatus::kBadRequest, "the old size is beyond the checkpoint's");
  }
  return Advance(*request, *checkpoint, log->second, now);
}

Result<WitnessDecision> Witness::Advance(const AddCheckpointRequest& request,
                                         const Checkpoint& checkpoint, const WitnessedLog& log,
                                         PosixTime now) const {
  // Compared whatever the request says: a head at our own size with another root is evidence.
  const bool from_ours = request.old_size == SizeOf(log);
  std::optional<ForkEvidence> fork;
  if (log.head && checkpoint.size >= log.head->checkpoint.size) {
    const auto proof =
        from_ours ? std::span<const Digest>(request.proof) : std::span<const Digest>();
    ASSIGN_OR_RETURN(auto comparison,
                     CompareHeads(log.head->note, request.checkpoint, log.keys, proof));
    fork = std::move(comparison.evidence);
  }
  const Digest our_root = log.head ? log.head->checkpoint.root : EmptyRoot();
  WitnessDecision decision;
  if (!from_ours ||
      (log.head && checkpoint.size == request.old_size && checkpoint.root != our_root)) {
    decision = Conflict(log);
  } else if (auto holds = VerifyConsistency(request.old_size, our_root, checkpoint.size,
                                            checkpoint.root, request.proof);
             !holds) {
    decision = Refuse(WitnessStatus::kUnprocessable, holds.error().message);
  } else {
    return CosignHead(request, log, now);
  }
  decision.fork = std::move(fork);
  return decision;
}

Result<WitnessDecision> Witness::CosignHead(const AddCheckpointRequest& request,
                                            const WitnessedLog& log, PosixTime now) const {
  // A cosignature says that nothing larger was seen by then: its time must not fall behind one that
  // a smaller tree has, even where our clock was set back.
  const PosixTime time = log.head ? std::max(now, log.head->time) : now;
  ASSIGN_OR_RETURN(const Note note, ParseNote(request.checkpoint));
  ASSIGN_OR_RETURN(const NoteSignature cosignature, Cosign(note.text, signer_, time));
  Note kept = KeepSignaturesOf(note, log.keys);
  kept.signatures.push_back(cosignature);
  ASSIGN_OR_RETURN(CosignedHead head,
                   CosignedHead::FromNote(kept.ToText(), log.keys, signer_.Verifier()));
  return WitnessDecision{
      std::move(head), WitnessAnswer{WitnessStatus::kOk, kPlainText, cosignature.ToLine()}, {}};
}

Result<WitnessAnswer> PersistAndAnswer(WitnessDecision decision, WitnessState& state,
                                       WitnessStore& store) {
  if (decision.persist) {
    RETURN_IF_ERROR(store.Persist(*decision.persist));
    state.at(decision.persist->checkpoint.origin).head = std::move(decision.persist);
  }
  return std::move(decision.answer);
}

}  // namespace souk::ledger
