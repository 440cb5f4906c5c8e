#include "node/agent/cosigning.h"

#include <algorithm>

#include "ledger/witness/add_checkpoint.h"
#include "node/agent/directory.h"
#include "node/agent/witnessing.h"

namespace souk::node {
namespace {

constexpr size_t kGatheredKept = 64;
// A witness that is away is asked again for as long as the node runs.
constexpr AskFor kForEver{};

// "118\n", as a witness says where it stands.
Result<uint64_t> ParseStand(std::string_view body) {
  if (body.empty() || body.back() != '\n') return Error(Code::kMalformed, "no size");
  return ledger::ParseTreeSize(body.substr(0, body.size() - 1));
}

}  // namespace

void Cosigning::Reply(Turn& turn, ConnectionId connection, ReplyParts reply) {
  if (turn.settings().log.quorum == 0 || !reply.entry) {
    return turn.Send(connection, std::move(reply));
  }
  // Asked again, it waits once.
  std::erase_if(held_, [&](const Held& held) { return held.reply.re == reply.re; });
  if (held_.size() >= kHeld) return;
  held_.push_back({connection, std::move(reply)});
  Release(turn);
}

void Cosigning::OnLost(ConnectionId connection) {
  std::erase_if(held_, [&](const Held& held) { return held.connection == connection; });
}

void Cosigning::Release(Turn& turn) {
  std::vector<Held> waiting;
  for (Held& held : held_) {
    if (*held.reply.entry >= size_) {
      waiting.push_back(std::move(held));
      continue;
    }
    held.reply.note = note_;
    turn.Send(held.connection, std::move(held.reply));
  }
  held_ = std::move(waiting);
}

void Cosigning::BeginRound(Turn& turn) {
  const bool reached = size_ >= round_.size;
  const Duration age = turn.monotonic() - round_.begun;
  if (round_.size > 0 && (age < kEvery || (!reached && age < kRoundEnds))) return;
  // Whoever has answered by the end of a round that waited for all.
  if (turn.settings().log.quorum == 0) Publish(turn, round_.size);
  std::string note = turn.view().Checkpoint();
  if (note.empty() || note == round_.note) return;
  const auto parsed = ledger::ParseNote(note);
  const auto head =
      parsed ? ledger::ParseCheckpoint(parsed->text) : Result<ledger::Checkpoint>(parsed.error());
  if (head) round_ = {std::move(note), head->size, turn.monotonic()};
}

void Cosigning::Show(Turn& turn, const PeerId& witness) {
  const uint64_t from = stands_[witness];
  auto proof = turn.view().Consistency(from, round_.size);
  if (!proof) return;
  const ledger::AddCheckpointRequest request{
      .old_size = from, .proof = std::move(*proof), .checkpoint = round_.note};
  const DocumentRef document =
      turn.Sign(AddCheckpoint{.request = request.ToText(), .witness = witness});
  questions_[witness] = {document->id(), round_.note, round_.size};
  turn.Ask(witness, document, kForEver);
}

void Cosigning::RunTimers(Turn& turn) {
  if (turn.settings().log.witnesses.empty()) return;
  BeginRound(turn);
  for (const PeerId& witness : turn.settings().log.witnesses) {
    if (questions_.contains(witness) || stands_[witness] >= round_.size) continue;
    if (turn.monotonic() >= next_[witness]) Show(turn, witness);
  }
}

void Cosigning::OnCosigned(Turn& turn, const From& from, const Cosigned& answer) {
  const auto it = questions_.find(from.peer);
  if (it == questions_.end() || it->second.id != answer.re) return;
  const Question question = std::move(it->second);
  questions_.erase(it);
  turn.Settle(question.id);
  next_[from.peer] = turn.monotonic() + kEvery;
  if (answer.status == 409) {
    // Where it stands, it says; a log that holds less than a witness saw is an old copy.
    const auto stand = ParseStand(answer.body);
    if (!stand) return;
    stands_[from.peer] = *stand;
    if (*stand > turn.log_size()) {
      turn.Do(Halt{"the witness " + turn.directory().NameOf(from.peer) +
                   " has cosigned more entries of this node's log than are here: this is an older "
                   "copy of the ledger. Put the newer one back, or begin anew elsewhere: soukd "
                   "init --dir OTHER"});
    }
    return;
  }
  const Directory::KnownCard* known = turn.directory().FindCard(from.peer);
  if (answer.status != 200 || known == nullptr || !known->card.witness_key) return;
  const auto bare = ledger::ParseNote(question.note);
  const auto line = ledger::ParseNote(question.note + answer.body);
  if (!bare || !line || line->signatures.size() != bare->signatures.size() + 1) return;
  const ledger::NoteVerifier witness = WitnessVerifier(from.peer, *known->card.witness_key);
  const ledger::NoteVerifier log{LogName(turn.self()),
                                 turn.identity().CheckpointKey().public_key().bytes};
  // A line that does not verify would spoil the note for everyone who knows the witness.
  const ledger::TrustPolicy policy{{log}, {witness}, 1};
  if (!ledger::OpenCosigned(question.note + answer.body, policy)) return;
  stands_[from.peer] = question.size;
  Gathered& gathered = gathered_[question.size];
  gathered.note = question.note;
  gathered.lines[from.peer] = line->signatures.back();
  if (gathered.lines.size() >= Wanted(turn)) Publish(turn, question.size);
  while (gathered_.size() > kGatheredKept) gathered_.erase(gathered_.begin());
}

size_t Cosigning::Wanted(const Turn& turn) {
  const LogSettings& log = turn.settings().log;
  return log.quorum > 0 ? log.quorum : log.witnesses.size();
}

void Cosigning::Publish(Turn& turn, uint64_t size) {
  const auto found = gathered_.find(size);
  if (found == gathered_.end()) return;
  const Gathered& gathered = found->second;
  // Later lines on the same checkpoint are told, too.
  if (size > size_ || (size == size_ && gathered.lines.size() > lines_)) {
    auto note = ledger::ParseNote(gathered.note);
    for (const auto& [peer, line] : gathered.lines) note->signatures.push_back(line);
    note_ = note->ToText();
    size_ = size;
    lines_ = gathered.lines.size();
    Release(turn);
  }
}

}  // namespace souk::node
