#include "node/agent/mirroring.h"

#include <algorithm>

#include "node/agent/counterparties.h"
#include "node/agent/directory.h"
#include "node/agent/heads.h"
#include "protocol/log_access.h"

namespace souk::node {
namespace {

// Of which the mirror holds every entry.
uint64_t SizeHeld(const Turn& turn, const PeerId& owner) {
  const ledger::MirroredLog* const held = turn.view().Mirrored(LogName(owner));
  return held == nullptr ? 0 : held->size;
}

// Whether the entries under this head are here, and are those.
bool HoldsAll(const Turn& turn, const PeerId& owner, const ledger::Checkpoint& head) {
  if (head.size > SizeHeld(turn, owner)) return false;
  if (head.size == 0) return true;
  const auto root = turn.view().MirroredRoot(LogName(owner), head.size);
  return root && *root == head.root;
}

}  // namespace

void Mirroring::LookAround(Turn& turn) {
  std::set<PeerId> followed(turn.settings().mirror.of.begin(), turn.settings().mirror.of.end());
  for (const PeerId& book : turn.settings().mirror.books) {
    followed.insert(book);
    for (const OfferView& offer : turn.directory().AllOffers(turn.now())) {
      const std::vector<PeerId>& books = offer.offer.clearing_peers;
      if (std::find(books.begin(), books.end(), book) != books.end()) {
        followed.insert(offer.provider);
      }
    }
  }
  followed.erase(turn.self());
  // Whoever was followed stays so: a provider that offers nothing for an hour still has a log.
  for (const PeerId& owner : followed) {
    if (logs_.size() < limits::kMirrored) logs_.try_emplace(owner);
  }
}

std::string Mirroring::WhyNot(Turn& turn, const PeerId& owner, bool for_entries) {
  const Directory::KnownCard* const known = turn.directory().FindCard(owner);
  if (known == nullptr) return "its card is not known yet";
  if (turn.heads().DoubtOf(owner) == Heads::Doubt::kForked) return turn.WhyDoubted(owner);
  if (ShareOf(ReadersOf(known->card), turn.self()) != LogShare::kWhole) {
    return "its card does not name this node among the log's readers";
  }
  const uint64_t room = turn.settings().mirror.most_bytes;
  if (for_entries && turn.view().MirrorBytes() + limits::kBlobChunkBytes > room) {
    return "the mirror is full: raise [mirror] limit in config.toml";
  }
  return "";
}

void Mirroring::Fetch(Turn& turn, const PeerId& owner, Log& log) {
  if (log.question && log.question->storing) return;
  if (log.question && turn.monotonic() - log.question->asked < kAnswerWithin) return;
  if (turn.monotonic() < log.next) return;
  log.question.reset();
  const ledger::MirroredLog* const held = turn.view().Mirrored(LogName(owner));
  if (!log.observed && held != nullptr && !held->note.empty() &&
      turn.directory().FindCard(owner) != nullptr) {
    log.observed = true;
    turn.heads().ObserveProven(turn, owner, held->note);
  }
  Log::Question question{.from = SizeHeld(turn, owner), .asked = turn.monotonic()};
  question.size = question.from;
  if (log.waiting && log.waiting_for.size > question.from) {
    question.size = log.waiting_for.size;
    question.note = log.waiting_note;
  } else if (const auto newest = turn.heads().NewestOf(owner);
             newest && newest->size > question.from) {
    question.size = newest->size;
    question.note = newest->note;
  }
  log.trouble = WhyNot(turn, owner, /*for_entries=*/!question.note.empty());
  log.next = turn.monotonic() + (log.trouble.empty() ? kPoll : kRetry);
  const DocumentRef get =
      turn.Sign(EntriesGet{.log = owner, .from = question.from, .size = question.size});
  // Without a card there may be a bootstrap address; a connection brings the card.
  const bool known = turn.directory().FindCard(owner) != nullptr;
  if (!log.trouble.empty() && known) return;
  if (!turn.Connected(owner)) {
    log.trouble = "it is not connected";
    log.next = turn.monotonic() + kPoll;
    return turn.Tell(owner, get);
  }
  question.id = get->id();
  log.question = std::move(question);
  turn.Tell(owner, get);
}

void Mirroring::RunTimers(Turn& turn) {
  if (!turn.settings().mirror.enabled()) return;
  if (turn.monotonic() >= next_look_) {
    next_look_ = turn.monotonic() + kLookAround;
    LookAround(turn);
  }
  for (auto& [owner, log] : logs_) Fetch(turn, owner, log);
}

void Mirroring::OnEntries(Turn& turn, const From& from, const Entries& answer) {
  const auto it = logs_.find(from.peer);
  if (it == logs_.end() || !it->second.question || it->second.question->id != answer.re ||
      it->second.question->storing) {
    return;
  }
  Log& log = it->second;
  const Directory::KnownCard* const known = turn.directory().FindCard(from.peer);
  if (known == nullptr) return;
  turn.OfferNote(from.peer, known->card, answer.note);
  const Log::Question& question = *log.question;
  const bool fits = answer.log == from.peer && answer.from == question.from &&
                    answer.size == question.size && (answer.count > 0) == !question.note.empty();
  if (question.note.empty() || !fits) {
    log.question.reset();
    if (!fits) log.trouble = "it answered otherwise than it was asked";
    log.next = turn.monotonic() + (fits ? kPoll : kRetry);
    // What it has just shown is asked for at once.
    const auto newest = turn.heads().NewestOf(from.peer);
    if (fits && newest && newest->size > SizeHeld(turn, from.peer)) log.next = turn.monotonic();
    return Fetch(turn, from.peer, log);
  }
  log.question->storing = true;
  turn.Do(StoreEntries{.owner = from.peer,
                       .key = LogKeyOf(known->card),
                       .from = answer.from,
                       .count = answer.count,
                       .bundle = from.event->bundle,
                       .hashes = answer.hashes,
                       .note = question.note});
}

void Mirroring::OnRefusal(Turn& turn, const From& from, const Refusal& refusal) {
  const auto it = logs_.find(from.peer);
  if (it == logs_.end() || !it->second.question || it->second.question->id != refusal.re) return;
  it->second.question.reset();
  it->second.trouble = "it refuses: " + refusal.sentence;
  const bool soon = refusal.code == RefusalCode::kRateLimited || refusal.code == RefusalCode::kBusy;
  it->second.next = turn.monotonic() + (soon ? Seconds(1) : kRetry);
}

void Mirroring::OnStored(Turn& turn, const MirrorStored& stored) {
  const auto it = logs_.find(stored.owner);
  if (it == logs_.end() || !it->second.question) return;
  Log& log = it->second;
  const std::string note = log.question->note;
  const uint64_t size = log.question->size;
  log.question.reset();
  if (!stored.stored) {
    // Not what the head signs. If that is a fork, a proof between two heads will show it (Heads).
    log.trouble = stored.sentence;
    log.next = turn.monotonic() + kRetry;
    return;
  }
  log.trouble.clear();
  log.next = turn.monotonic();
  if (SizeHeld(turn, stored.owner) == size) turn.heads().ObserveProven(turn, stored.owner, note);
  Fetch(turn, stored.owner, log);
}

bool Mirroring::Ready(Turn& turn, const From& from, const PeerId& owner, const std::string& note) {
  const auto it = logs_.find(owner);
  const Directory::KnownCard* const known = turn.directory().FindCard(owner);
  // The witness says what is wrong with it.
  if (it == logs_.end() || known == nullptr) return true;
  const auto head = ledger::OpenCheckpoint(note, LogKeyOf(known->card));
  if (!head) return true;
  turn.heads().Observe(turn, owner, known->card, note);
  const bool forked = turn.heads().DoubtOf(owner) == Heads::Doubt::kForked;
  if (!forked && HoldsAll(turn, owner, *head)) return true;
  if (forked || head->size <= SizeHeld(turn, owner)) {
    turn.Refuse(from, RefusalCode::kLogDoubted,
                "this is not the log that is mirrored here: nothing is cosigned");
    return false;
  }
  Log& log = it->second;
  log.waiting = *from.event;
  log.waiting_for = *head;
  log.waiting_note = note;
  if (log.trouble.empty()) log.next = std::min(log.next, turn.monotonic());
  Fetch(turn, owner, log);
  return false;
}

std::vector<DocumentArrived> Mirroring::TakeReady(Turn& turn) {
  std::vector<DocumentArrived> out;
  for (auto& [owner, log] : logs_) {
    if (!log.waiting || SizeHeld(turn, owner) < log.waiting_for.size) continue;
    out.push_back(std::move(*log.waiting));
    log.waiting.reset();
  }
  return out;
}

}  // namespace souk::node
