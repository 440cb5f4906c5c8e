#include "ledger/audit/audit_omissions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ledger/audit/audit_rules.h"
#include "protocol/limits.h"

namespace souk::ledger {
namespace {

// How far the words of two honest logs on one moment may lie apart: either clock by the skew that
// is allowed, and what is on its way.
constexpr Duration kApart = limits::kMaxSkew + limits::kMaxSkew + limits::kWindow;
// So many of a kind are told one by one.
constexpr size_t kTold = 8;

// Where a document says that it belongs.
struct Place {
  Digest lease = {};
  std::optional<uint64_t> number = {};  // its signer's within the lease
  std::optional<uint64_t> fence = {};   // the entry of its signer's log that records it
};

template <typename Message>
std::optional<Place> PlaceInLease(const Document& document) {
  const auto message = Decode<Message>(document);
  if (!message) return std::nullopt;
  Place place{.lease = message->lease};
  if constexpr (requires { message->number; }) place.number = message->number;
  return place;
}

// Of the kinds that their signer writes down before it sends them (docs/ledger-format.md, section
// 2). A commit is none: the renter writes it down once it has the receipt (R5).
std::optional<Place> PlaceOf(const Document& document) {
  switch (document.kind()) {
    case Kind::kOrder:
      return Place{document.id(), std::nullopt, std::nullopt};
    case Kind::kAcceptance: {
      const auto acceptance = Decode<Acceptance>(document);
      if (!acceptance) return std::nullopt;
      return Place{acceptance->order, std::nullopt, acceptance->fence};
    }
    case Kind::kReady:
      return PlaceInLease<Ready>(document);
    case Kind::kJob:
      return PlaceInLease<Job>(document);
    case Kind::kRelease:
      return PlaceInLease<Release>(document);
    case Kind::kClose:
      return PlaceInLease<Close>(document);
    case Kind::kChallenge:
      return PlaceInLease<Challenge>(document);
    case Kind::kChallengeRoot:
      return PlaceInLease<ChallengeRoot>(document);
    case Kind::kChallengeRows:
      return PlaceInLease<ChallengeRows>(document);
    case Kind::kChallengeOpening:
      return PlaceInLease<ChallengeOpening>(document);
    case Kind::kJobReceipt:
      return PlaceInLease<JobReceipt>(document);
    case Kind::kJobReveal:
      return PlaceInLease<JobReveal>(document);
    default:
      return std::nullopt;
  }
}

// Signed by the log's owner, and in another's hands.
struct HeldByOther {
  Kind kind = Kind::kOrder;
  Digest id = {};
  Place place = {};
  size_t holder = 0;   // the first that has it
  uint64_t entry = 0;  // of the holder's log
  Time time = {};
  std::set<size_t> holders = {};
};

// What a party was shown of this log's tree, as its own log says.
struct ShownRoot {
  uint64_t size = 0;
  Digest root = {};
  size_t holder = 0;
  uint64_t entry = 0;
  Time time = {};
};

struct Parties {
  PeerId renter = {};
  PeerId provider = {};
  PeerId book = {};

  bool Has(const PeerId& peer) const { return peer == renter || peer == provider || peer == book; }
};

class Omissions {
 public:
  Omissions(const LogReader& log, AuditReport& report)
      : log_(log), report_(report), self_(PeerOfLog(log.head().origin)) {}

  Status ReadOther(const LogPart& other);
  Status ReadOwn();
  void Judge();

 private:
  struct Own {
    Digest id = {};
    uint64_t entry = 0;
  };

  void OnOther(const CheckedEntry& checked, size_t holder);
  void OnSeen(const CheckedEntry& checked, const EscrowSeen& seen, size_t holder);
  void JudgeHeld(const HeldByOther& held);
  void JudgeRoot(const ShownRoot& shown);
  void JudgeLeases();
  void TellYounger();
  bool MayBeYounger(Time time) const { return time + kApart >= report_.to; }
  std::string Where(const HeldByOther& held) const;
  void Doubt(std::string sentence);

  const LogReader& log_;
  AuditReport& report_;
  const PeerId self_;
  Findings findings_{kMaxFindings};
  // Beside report_.with: whether the log is whole and known to be the peer's, and of which leases
  // it tells.
  struct Other {
    bool vouched = false;
    std::set<Digest> leases = {};
    uint64_t unread = 0;  // entries
  };
  std::vector<Other> others_ = {};
  std::map<Digest, HeldByOther> held_ = {};
  std::vector<ShownRoot> roots_ = {};
  std::map<Digest, PeerId> book_of_ = {};                   // by lease, as the others say
  std::set<Digest> wanted_ = {};                            // leases of what is held
  std::map<Digest, Parties> leases_ = {};                   // in the log itself
  std::map<Digest, std::map<uint64_t, Own>> numbers_ = {};  // by lease: the owner's own
  std::optional<uint64_t> unread_ = {};      // the log's first entry that does not read
  std::map<size_t, uint64_t> younger_ = {};  // by holder
  size_t doubts_ = 0;
};

Status Omissions::ReadOther(const LogPart& other) {
  if (other.peer == self_) {
    return Error(Code::kInvalidArgument,
                 "another copy of the same log, not a counterparty's: souk-audit compare holds "
                 "copies against each other");
  }
  const bool vouched = other.whole && other.vouched;
  for (size_t i = 0; vouched && i < others_.size(); ++i) {
    if (!others_[i].vouched || report_.with[i].peer != other.peer) continue;
    return Error(Code::kInvalidArgument,
                 "two ledgers of one counterparty: souk-audit compare says whether they are one "
                 "history; name one of them");
  }
  const size_t holder = report_.with.size();
  report_.with.push_back({.name = other.name, .peer = other.peer, .key_from = other.key_from});
  others_.push_back({.vouched = vouched});
  return other.for_each([&](uint64_t index, ByteView leaf) -> Status {
    const CheckedEntry checked = CheckEntry(index, leaf, Signatures::kTrusted);
    if (!checked.readable) {
      ++others_[holder].unread;
      return Ok();
    }
    if (const auto* opened = std::get_if<Opened>(&checked.entry.outcome);
        index == 0 && opened != nullptr) {
      report_.with[holder].name = opened->name;
    }
    OnOther(checked, holder);
    return Ok();
  });
}

void Omissions::OnOther(const CheckedEntry& checked, size_t holder) {
  for (const DocumentRef& document : checked.documents) {
    if (!document) continue;
    if (document->kind() == Kind::kOrder) {
      const auto order = Decode<Order>(*document);
      if (order) book_of_.emplace(document->id(), order->book);
      others_[holder].leases.insert(document->id());
    }
    if (document->signer() != self_) continue;
    if (const auto known = held_.find(document->id()); known != held_.end()) {
      known->second.holders.insert(holder);
      continue;
    }
    const auto place = PlaceOf(*document);
    // Nobody is accused on a signature that is not there.
    if (!place || !Document::Open(document->envelope())) continue;
    wanted_.insert(place->lease);
    held_.emplace(document->id(), HeldByOther{document->kind(),
                                              document->id(),
                                              *place,
                                              holder,
                                              checked.index,
                                              checked.entry.time,
                                              {holder}});
  }
  const auto* seen = std::get_if<EscrowSeen>(&checked.entry.outcome);
  if (seen != nullptr && others_[holder].vouched) OnSeen(checked, *seen, holder);
}

// Only a log that is known to be the peer's is a word of that peer.
void Omissions::OnSeen(const CheckedEntry& checked, const EscrowSeen& seen, size_t holder) {
  PeerId book;
  if (const auto known = book_of_.find(seen.lease); known != book_of_.end()) {
    book = known->second;
  } else if (!checked.documents.empty() && checked.documents[0]) {
    const auto escrow = Decode<Escrow>(*checked.documents[0]);
    if (escrow) book = escrow->book;
  }
  if (book != self_) return;
  roots_.push_back({seen.book_size, seen.book_root, holder, checked.index, checked.entry.time});
}

Status Omissions::ReadOwn() {
  return log_.ForEach(0, [&](uint64_t index, ByteView leaf) -> Status {
    if (index >= log_.signed_size()) return Ok();
    const CheckedEntry checked = CheckEntry(index, leaf, Signatures::kTrusted);
    if (!checked.readable && !unread_) unread_ = index;
    for (const DocumentRef& document : checked.documents) {
      if (!document) continue;
      if (const auto held = held_.find(document->id()); held != held_.end()) {
        for (const size_t holder : held->second.holders) ++report_.with[holder].documents;
        held_.erase(held);
      }
      if (document->kind() == Kind::kOrder) {
        const auto order = Decode<Order>(*document);
        if (order) leases_[document->id()] = {document->signer(), order->provider, order->book};
      }
      if (document->signer() != self_) continue;
      const auto place = PlaceOf(*document);
      if (!place || !place->number || !wanted_.contains(place->lease)) continue;
      numbers_[place->lease].try_emplace(*place->number, Own{document->id(), index});
    }
    return Ok();
  });
}

std::string Omissions::Where(const HeldByOther& held) const {
  return fmt::format("{}'s entry {} holds {} {} of lease {}, signed by this log's owner",
                     report_.with[held.holder].name, held.entry, KindName(held.kind),
                     held.id.Short(), held.place.lease.Short());
}

void Omissions::Doubt(std::string sentence) {
  report_.verdict = std::max(report_.verdict, Verdict::kIncomplete);
  if (++doubts_ <= kTold) report_.unchecked.push_back(std::move(sentence));
}

void Omissions::JudgeHeld(const HeldByOther& held) {
  // What this program cannot read may be what is looked for.
  const uint64_t read = unread_.value_or(log_.signed_size());
  if (held.place.fence && *held.place.fence < read) {
    findings_.Add(*held.place.fence, rules::kOmitted,
                  Where(held) + " for this entry, where something else stands");
    return;
  }
  const auto own = numbers_.find(held.place.lease);
  if (held.place.number && own != numbers_.end()) {
    const auto same = own->second.find(*held.place.number);
    if (same != own->second.end()) {
      findings_.Add(same->second.entry, rules::kNumbers,
                    fmt::format("{} as its number {}; here that number is {}", Where(held),
                                *held.place.number, same->second.id.Short()));
      return;
    }
    const auto later = own->second.upper_bound(*held.place.number);
    if (later != own->second.end() && !unread_) {
      findings_.Add(later->second.entry, rules::kOmitted,
                    fmt::format("{} as its number {}, which is not here; here stands its number {}",
                                Where(held), *held.place.number, later->first));
      return;
    }
  }
  if (unread_) {
    return Doubt(Where(held) + ", and it is in no entry that this program can read");
  }
  if (MayBeYounger(held.time)) {
    ++younger_[held.holder];
    return;
  }
  Doubt(Where(held) + ", and it is not here: it was left out, or this copy of the log is older");
}

void Omissions::JudgeRoot(const ShownRoot& shown) {
  AuditedCounterparty& with = report_.with[shown.holder];
  if (shown.size > log_.signed_size()) {
    if (MayBeYounger(shown.time)) {
      ++younger_[shown.holder];
      return;
    }
    return Doubt(
        fmt::format("{}'s entry {} says that it was shown {} entries of this log: entries were "
                    "taken away, or this copy is older",
                    with.name, shown.entry, shown.size));
  }
  const auto root = log_.RootAt(shown.size);
  if (!root) {
    return Doubt(fmt::format("the first {} entries: {}", shown.size, root.error().message));
  }
  if (*root == shown.root) {
    ++with.roots;
    return;
  }
  Doubt(
      fmt::format("{}'s entry {} says that this log's first {} entries had another root: one of "
                  "the two logs is not true, or this one was forked; {} may still have the signed "
                  "checkpoint",
                  with.name, shown.entry, shown.size, with.name));
}

// Which leases nobody else tells of: a party whose whole log is known to be its own, and has the
// order.
void Omissions::JudgeLeases() {
  uint64_t alone = 0;
  for (const auto& [lease, parties] : leases_) {
    bool told = false;
    for (size_t i = 0; i < others_.size(); ++i) {
      if (!parties.Has(report_.with[i].peer) || !others_[i].leases.contains(lease)) continue;
      ++report_.with[i].leases;
      told = told || others_[i].vouched;
    }
    alone += told ? 0 : 1;
  }
  if (alone > 0) {
    report_.unchecked.push_back(fmt::format(
        "omissions: {} of {} leases stand in no counterparty's ledger at hand whose key "
        "is known",
        alone, leases_.size()));
  }
  for (size_t i = 0; i < others_.size(); ++i) {
    if (others_[i].unread == 0) continue;
    report_.unchecked.push_back(fmt::format("omissions: {} entries of {} do not read here",
                                            others_[i].unread, report_.with[i].name));
  }
}

void Omissions::TellYounger() {
  for (const auto& [holder, count] : younger_) {
    report_.unchecked.push_back(
        fmt::format("omissions: {} of the things that {} has of this log are younger than this "
                    "copy of it",
                    count, report_.with[holder].name));
  }
}

void Omissions::Judge() {
  std::erase(report_.unchecked, kNoReceipts);
  // In the order of the holders' entries, which is not that of ids.
  std::vector<HeldByOther> missing;
  for (const auto& [id, held] : held_) missing.push_back(held);
  std::sort(missing.begin(), missing.end(), [](const HeldByOther& a, const HeldByOther& b) {
    return std::pair(a.holder, a.entry) < std::pair(b.holder, b.entry);
  });
  for (const HeldByOther& held : missing) JudgeHeld(held);
  for (const ShownRoot& shown : roots_) JudgeRoot(shown);
  if (doubts_ > kTold) {
    report_.unchecked.push_back(fmt::format("omissions: … and {} more", doubts_ - kTold));
  }
  TellYounger();
  JudgeLeases();
  findings_.MoveInto(report_);
}

}  // namespace

Status AuditOmissions(const LogReader& log, const std::vector<LogPart>& others,
                      AuditReport& report) {
  Omissions omissions(log, report);
  for (const LogPart& other : others) RETURN_IF_ERROR(omissions.ReadOther(other));
  RETURN_IF_ERROR(omissions.ReadOwn());
  omissions.Judge();
  return Ok();
}

}  // namespace souk::ledger
