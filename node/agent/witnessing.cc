#include "node/agent/witnessing.h"

#include <algorithm>

#include "node/agent/counterparties.h"
#include "node/agent/directory.h"
#include "node/agent/heads.h"
#include "protocol/base/check.h"

namespace souk::node {
namespace {

ledger::NoteSigner SignerOf(const Identity& identity) {
  auto key = std::make_shared<SigningKey>(identity.WitnessKey());
  return {.name = WitnessName(identity.id()),
          .key = key->public_key().bytes,
          .sign = [key](ByteView text) -> Result<ledger::Ed25519Signature> {
            return key->Sign(text).bytes;
          },
          .type = ledger::NoteKeyType::kCosignature};
}

// A fact: the log's verifier key in the first line, then the cosigned note.
std::string FactOf(const ledger::NoteVerifier& log, const ledger::CosignedHead& head) {
  return log.ToVkey() + "\n" + head.note;
}

// Whose log the checkpoint in an add-checkpoint's body is of.
Result<PeerId> OwnerIn(std::string_view body) {
  ASSIGN_OR_RETURN(const ledger::AddCheckpointRequest request, ledger::ParseAddCheckpoint(body));
  const size_t end = request.checkpoint.find('\n');
  const std::string_view origin = std::string_view(request.checkpoint).substr(0, end);
  const size_t slash = origin.find('/');
  if (slash == std::string_view::npos) return Error(Code::kNotFound, "no peer's log");
  ASSIGN_OR_RETURN(const PeerId owner, PeerId::Parse(origin.substr(slash + 1)));
  if (LogName(owner) != origin) return Error(Code::kNotFound, "no peer's log");
  return owner;
}

}  // namespace

ledger::NoteVerifier WitnessVerifier(const PeerId& peer, const PublicKey& witness_key) {
  return {WitnessName(peer), witness_key.bytes, ledger::NoteKeyType::kCosignature};
}

Witnessing::Witnessing(const Identity& identity) : witness_(SignerOf(identity)) {}

void Witnessing::Restore(std::string_view key, ByteView value) {
  if (!key.starts_with(kFactKey)) return;
  const std::string_view text = AsText(value);
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return;
  const auto log = ledger::NoteVerifier::ParseVkey(text.substr(0, end));
  if (!log) return;
  auto head = ledger::CosignedHead::FromNote(text.substr(end + 1), {&*log, 1},
                                             witness_.signer().Verifier());
  if (head) state_[log->name] = {.keys = {*log}, .head = std::move(*head)};
}

Result<Witnessing::Asked> Witnessing::WhatIsAsked(const Document& request) {
  ASSIGN_OR_RETURN(const AddCheckpoint asked, Decode<AddCheckpoint>(request));
  ASSIGN_OR_RETURN(const PeerId owner, OwnerIn(asked.request));
  ASSIGN_OR_RETURN(ledger::AddCheckpointRequest parsed, ledger::ParseAddCheckpoint(asked.request));
  return Asked{owner, std::move(parsed.checkpoint)};
}

void Witnessing::OnAddCheckpoint(Turn& turn, const From& from) {
  const auto asked = Decode<AddCheckpoint>(*from.document());
  if (!asked) return turn.Refuse(from, RefusalCode::kMalformed, asked.error().message);
  if (asked->witness != turn.self()) {
    return turn.Refuse(from, RefusalCode::kNotYours, "it asks another witness");
  }
  // A log is followed as soon as its owner's card says its key; a request that is none at all is
  // the witness's to refuse.
  const auto owner = OwnerIn(asked->request);
  const Directory::KnownCard* known = owner ? turn.directory().FindCard(*owner) : nullptr;
  if (known != nullptr && known->card.log_name == LogName(*owner)) {
    ledger::WitnessedLog& log = state_[known->card.log_name];
    const ledger::NoteVerifier key = LogKeyOf(known->card);
    // A newer epoch's key signs beside the older one, whose head is still the last.
    if (std::find(log.keys.begin(), log.keys.end(), key) == log.keys.end()) {
      log.keys.push_back(key);
    }
  }
  const ledger::PosixTime now{static_cast<uint64_t>(turn.wall().ms / 1000)};
  auto decision = witness_.AddCheckpoint(asked->request, state_, now);
  if (!decision) return turn.Refuse(from, RefusalCode::kMalformed, decision.error().message);
  if (decision->fork && owner) turn.heads().OnEvidence(turn, *owner, *decision->fork);
  if (decision->persist) {
    ledger::WitnessedLog& log = state_.at(decision->persist->checkpoint.origin);
    turn.Remember(kFactKey + owner->ToString(),
                  ToBytes(AsBytes(FactOf(log.keys.back(), *decision->persist))));
    log.head = std::move(decision->persist);
  }
  turn.TellConnection(from.connection,
                      turn.Sign(Cosigned{.re = from.document()->id(),
                                         .status = static_cast<uint16_t>(decision->answer.status),
                                         .body = decision->answer.body}));
}

}  // namespace souk::node
