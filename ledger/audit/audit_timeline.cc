#include "ledger/audit/audit_timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ledger/audit/audit_fold.h"
#include "protocol/codec.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace souk::ledger {
namespace {

constexpr const char* kPaid = "paid";
constexpr const char* kReturned = "returned";
// Steps of which a lease has one: two of them with different documents contradict each other.
constexpr const char* kOnce[] = {"order", "accepted", "committed", "ready", "closed"};

// The lease that an outcome is about; none where it is about several or none.
const Digest* LeaseOf(const Outcome& outcome) {
  if (const auto* it = std::get_if<Ordered>(&outcome)) return &it->lease;
  if (const auto* it = std::get_if<EscrowSeen>(&outcome)) return &it->lease;
  if (const auto* it = std::get_if<LeaseStep>(&outcome)) return &it->lease;
  if (const auto* it = std::get_if<VoucherTaken>(&outcome)) return &it->lease;
  if (const auto* it = std::get_if<JobStep>(&outcome)) return &it->lease;
  if (const auto* it = std::get_if<ChallengeStep>(&outcome)) return &it->lease;
  if (const auto* it = std::get_if<Settled>(&outcome)) return &it->lease;
  if (const auto* it = std::get_if<Shown>(&outcome)) return &it->lease;
  return nullptr;
}

Status ForEachEntry(const LogPart& log, const std::function<void(uint64_t, Entry&&)>& visit,
                    std::vector<std::string>* problems) {
  return log.for_each([&](uint64_t index, ByteView leaf) -> Status {
    auto entry = DecodeEntry(leaf);
    if (entry) {
      visit(index, std::move(*entry));
    } else if (problems != nullptr) {
      problems->push_back(fmt::format("entry {}: {}", index, entry.error().message));
    }
    return Ok();
  });
}

// Takes one log's entries in order and keeps what they say of the lease.
class Teller {
 public:
  Teller(const Digest& lease, const Digest& escrow, LeaseStory& story)
      : lease_(lease), escrow_(escrow), story_(story) {}

  void Take(uint64_t index, const Entry& entry);
  // Where the documents say whose part is whose.
  std::optional<Order> order = {};
  PeerId renter = {};

 private:
  void OnLeaseStep(const LeaseStep& step);
  void OnJob(const JobStep& step);
  void OnBooked(const Booked& booked);
  void OnPublished(const Published& published);
  void OnChallenge(const ChallengeStep& step);
  void OnOrder(size_t place);
  void Note(std::string step, const Digest& id, std::string what, std::string says = {});
  // Null where there is none that opens; the id is of the one that does.
  DocumentRef At(size_t place);
  Digest IdAt(size_t place) {
    const DocumentRef document = At(place);
    return document ? document->id() : Digest{};
  }

  const Digest lease_;
  const Digest escrow_;
  LeaseStory& story_;
  uint64_t index_ = 0;
  const Entry* entry_ = nullptr;
  std::set<size_t> told_ = {};  // documents whose problem was said
};

void Teller::Note(std::string step, const Digest& id, std::string what, std::string says) {
  story_.notes.push_back(
      {std::move(step), id, std::move(what), std::move(says), index_, entry_->time});
}

DocumentRef Teller::At(size_t place) {
  if (place >= entry_->documents.size()) return nullptr;
  auto document = Document::Open(entry_->documents[place]);
  if (document) return *document;
  if (told_.insert(place).second) {
    story_.problems.push_back(
        fmt::format("entry {}, document {}: {}", index_, place, document.error().message));
  }
  return nullptr;
}

void Teller::OnOrder(size_t place) {
  const DocumentRef document = At(place);
  if (!document || document->kind() != Kind::kOrder || document->id() != lease_) return;
  const auto read = Decode<Order>(*document);
  if (!read) return;
  Note("order", document->id(),
       fmt::format("ordered for at most {} cr", FormatCredits(read->max_cost)));
  renter = document->signer();
  order = *read;
}

void Teller::Take(uint64_t index, const Entry& entry) {
  index_ = index;
  entry_ = &entry;
  told_.clear();
  if (const auto* booked = std::get_if<Booked>(&entry.outcome)) return OnBooked(*booked);
  if (const auto* published = std::get_if<Published>(&entry.outcome)) {
    return OnPublished(*published);
  }
  const Digest* const lease = LeaseOf(entry.outcome);
  if (lease == nullptr || *lease != lease_) return;
  if (std::holds_alternative<Ordered>(entry.outcome)) {
    OnOrder(1);
  } else if (std::holds_alternative<EscrowSeen>(entry.outcome)) {
    Note("escrow seen", {}, "the book's word on the escrow");
  } else if (const auto* step = std::get_if<LeaseStep>(&entry.outcome)) {
    OnLeaseStep(*step);
  } else if (const auto* taken = std::get_if<VoucherTaken>(&entry.outcome)) {
    Note("voucher", IdAt(0), fmt::format("voucher for {} cr", FormatCredits(taken->best)),
         FormatCredits(taken->best) + " cr");
  } else if (const auto* job = std::get_if<JobStep>(&entry.outcome)) {
    OnJob(*job);
  } else if (const auto* challenge = std::get_if<ChallengeStep>(&entry.outcome)) {
    OnChallenge(*challenge);
  } else if (const auto* settled = std::get_if<Settled>(&entry.outcome)) {
    const std::string paid = FormatCredits(settled->paid) + " cr";
    const bool any = settled->paid.micro != 0;
    Note(any ? kPaid : kReturned, {}, any ? "the book paid " + paid : "the escrow returned",
         any ? paid : "");
  } else if (std::holds_alternative<Shown>(entry.outcome)) {
    OnOrder(0);
    Note("accepted", IdAt(1), "accepted");
  }
}

void Teller::OnLeaseStep(const LeaseStep& step) {
  const std::string name = LeaseEventName(step.event);
  switch (step.event) {
    case LeaseEvent::kAccepted: {
      // The provider's stands behind the order, the renter's alone.
      const size_t place = entry_->documents.size() == 2 ? 1 : 0;
      if (place == 1) OnOrder(0);
      return Note("accepted", IdAt(place), "accepted");
    }
    case LeaseEvent::kCommitted:
    case LeaseEvent::kReady:
      return Note(name, IdAt(0), name);
    default:
      break;
  }
  bool closed = false;
  for (size_t i = 0; i < entry_->documents.size(); ++i) {
    const DocumentRef document = At(i);
    if (!document) continue;
    if (document->kind() == Kind::kRelease) Note("released", document->id(), "the renter releases");
    const auto close =
        document->kind() == Kind::kClose ? Decode<Close>(*document) : Result<Close>(Close{});
    if (document->kind() != Kind::kClose || !close) continue;
    closed = true;
    Note("closed", document->id(),
         fmt::format("closed, {}: {} metered", CloseReasonName(close->reason),
                     FormatDuration(close->metered)),
         FormatCredits(step.due) + " cr due");
  }
  if (!closed && entry_->documents.empty()) Note(name, {}, name);
}

void Teller::OnJob(const JobStep& step) {
  const std::string job = "job " + step.job.Short();
  switch (step.event) {
    case JobStep::Event::kSubmitted:
    case JobStep::Event::kAccepted:
      return Note("job", step.job, job);
    case JobStep::Event::kStarted:
      return Note("job started", step.job, job + " started");
    case JobStep::Event::kFinished: {
      const std::string status(JobStatusName(step.status));
      const Digest receipt = IdAt(0);
      return Note("job finished", receipt.IsZero() ? step.job : receipt,
                  receipt.IsZero() ? job + ": no receipt" : fmt::format("{}: {}", job, status),
                  status);
    }
    case JobStep::Event::kFetched:
      return Note("job fetched", step.job, job + " fetched");
    case JobStep::Event::kSealed:
      return Note("job sealed", IdAt(0), job + ": sealed");
    case JobStep::Event::kRevealed:
      return Note("job revealed", IdAt(0), job + ": revealed");
  }
}

void Teller::OnChallenge(const ChallengeStep& step) {
  const std::string challenge = "challenge " + step.challenge.Short();
  switch (step.event) {
    case ChallengeStep::Event::kAsked:
    case ChallengeStep::Event::kTaken:
      return Note("challenge", step.challenge, challenge);
    case ChallengeStep::Event::kCommitted:
      return Note("challenge root", IdAt(0), challenge + ": root");
    case ChallengeStep::Event::kRowsAsked:
      return Note("challenge rows", IdAt(0), challenge + ": rows");
    case ChallengeStep::Event::kOpened:
      return Note("challenge opening", IdAt(0), challenge + ": opened");
    case ChallengeStep::Event::kJudged:
      return Note("challenge verdict", IdAt(0),
                  fmt::format("{}: {}", challenge, ChallengeStatusName(step.status)),
                  ChallengeStatusName(step.status));
    case ChallengeStep::Event::kLapsed:
      return Note("challenge lapsed", step.challenge, challenge + ": given up");
  }
}

void Teller::OnBooked(const Booked& booked) {
  using RecordKind = souk::TransferRecord::Kind;
  for (const souk::TransferRecord& record : booked.transfers) {
    const std::string amount = FormatCredits(Credits{record.amount}) + " cr";
    if (record.id == escrow_ && record.kind == RecordKind::kPending) {
      Note("escrow", {}, "the book holds " + amount);
    } else if (record.pending == escrow_ && record.kind == RecordKind::kPost) {
      Note(kPaid, {}, "the book paid " + amount, amount);
    } else if (record.pending == escrow_ && record.kind != RecordKind::kSingle) {
      Note(kReturned, {}, "the escrow returned");
    }
  }
}

void Teller::OnPublished(const Published& published) {
  for (const souk::TransferRecord& record : published.transfers) {
    if (record.pending == lease_ && !lease_.IsZero())
      Note("freed", {}, "its slices are free again");
  }
}

// ---- Merging ---------------------------------------------------------------------------------

// Who writes a step down; a log that went on without it lacks it.
std::vector<LeaseRole> WritersOf(const std::string& step) {
  using enum LeaseRole;
  static const std::map<std::string, std::vector<LeaseRole>> writers = {
      {"order", {kProvider, kRenter}},        {"escrow", {kBook}},
      {"escrow seen", {kProvider, kRenter}},  {"accepted", {kProvider, kRenter, kBook}},
      {"committed", {kProvider, kRenter}},    {"ready", {kProvider, kRenter}},
      {"voucher", {kProvider, kRenter}},      {"released", {kProvider, kRenter}},
      {"closed", {kProvider, kRenter}},       {kPaid, {kProvider, kRenter, kBook}},
      {kReturned, {kRenter, kBook}},          {"job", {kProvider, kRenter}},
      {"job finished", {kProvider, kRenter}},
  };
  const auto found = writers.find(step);
  return found == writers.end() ? std::vector<LeaseRole>() : found->second;
}

void Merge(Timeline& timeline) {
  std::map<std::pair<std::string, Digest>, size_t> places;
  for (size_t story = 0; story < timeline.stories.size(); ++story) {
    for (const LeaseNote& note : timeline.stories[story].notes) {
      const auto [at, fresh] = places.try_emplace({note.step, note.id}, timeline.steps.size());
      if (fresh) timeline.steps.push_back({note.step, note.id, note.what, note.time, {}});
      TimelineStep& step = timeline.steps[at->second];
      step.time = std::min(step.time, note.time);
      // A step without a document may come again: the first stands for it.
      if (!step.cells.empty() && step.cells.back().story == story) continue;
      step.cells.push_back({story, note.entry, note.time, note.says});
    }
  }
  // Clocks of different nodes differ: within one log its own order holds.
  std::stable_sort(timeline.steps.begin(), timeline.steps.end(),
                   [](const TimelineStep& a, const TimelineStep& b) { return a.time < b.time; });
}

void FindContradictions(Timeline& timeline) {
  const auto where = [&](const TimelineCell& cell) {
    return fmt::format("{}'s entry {}", timeline.stories[cell.story].name, cell.entry);
  };
  std::map<std::string, const TimelineStep*> once;
  for (const TimelineStep& step : timeline.steps) {
    for (const TimelineCell& cell : step.cells) {
      const TimelineCell& first = step.cells.front();
      if (cell.says == first.says) continue;
      timeline.disagreements.push_back(
          {true, fmt::format("{}: {} says {}, {} says {}", step.step, where(first), first.says,
                             where(cell), cell.says)});
    }
    if (std::find(std::begin(kOnce), std::end(kOnce), step.step) == std::end(kOnce)) continue;
    const auto [at, fresh] = once.try_emplace(step.step, &step);
    if (fresh) continue;
    timeline.disagreements.push_back(
        {true, fmt::format("{}: {} has document {}, {} has document {}", step.step,
                           where(at->second->cells.front()), at->second->id.Short(),
                           where(step.cells.front()), step.id.Short())});
  }
}

void FindGaps(Timeline& timeline) {
  for (const TimelineStep& step : timeline.steps) {
    for (const LeaseRole role : WritersOf(step.step)) {
      for (size_t i = 0; i < timeline.stories.size(); ++i) {
        const LeaseStory& story = timeline.stories[i];
        const bool has = std::any_of(step.cells.begin(), step.cells.end(),
                                     [i](const TimelineCell& cell) { return cell.story == i; });
        // What is on its way is not missing yet.
        if (story.role != role || !story.whole || has || story.end < step.time + limits::kWindow)
          continue;
        const TimelineCell& cell = step.cells.front();
        timeline.disagreements.push_back(
            {false, fmt::format("{}: {}'s entry {} has it, {}'s log of {} entries does not",
                                step.what, timeline.stories[cell.story].name, cell.entry,
                                story.name, story.entries)});
      }
    }
  }
}

std::optional<LeaseRole> RoleOf(const PeerId& peer, const Order& order, const PeerId& renter) {
  if (peer == order.provider) return LeaseRole::kProvider;
  if (peer == renter) return LeaseRole::kRenter;
  if (peer == order.book) return LeaseRole::kBook;
  return std::nullopt;
}

}  // namespace

const char* LeaseRoleName(LeaseRole role) {
  switch (role) {
    case LeaseRole::kProvider:
      return "provider";
    case LeaseRole::kRenter:
      return "renter";
    case LeaseRole::kBook:
      return "book";
  }
  return "?";
}

Result<std::vector<Digest>> LeasesNamed(const LogPart& log) {
  std::vector<Digest> leases;
  std::set<Digest> known;
  RETURN_IF_ERROR(ForEachEntry(
      log,
      [&](uint64_t, Entry&& entry) {
        const Digest* const lease = LeaseOf(entry.outcome);
        if (lease != nullptr && known.insert(*lease).second) leases.push_back(*lease);
      },
      nullptr));
  return leases;
}

Result<Timeline> TellLease(const Digest& lease, const std::vector<LogPart>& logs) {
  Timeline timeline{.lease = lease};
  // The book knows the escrow only until it is shown the acceptance: its id comes first.
  for (const LogPart& log : logs) {
    RETURN_IF_ERROR(ForEachEntry(
        log,
        [&](uint64_t, Entry&& entry) {
          if (const auto* seen = std::get_if<EscrowSeen>(&entry.outcome);
              seen != nullptr && seen->lease == lease) {
            timeline.escrow = seen->escrow;
          } else if (const auto* shown = std::get_if<Shown>(&entry.outcome);
                     shown != nullptr && shown->lease == lease) {
            timeline.escrow = shown->escrow;
          }
        },
        nullptr));
  }
  std::optional<Order> order;
  PeerId renter;
  for (const LogPart& log : logs) {
    LeaseStory& story = timeline.stories.emplace_back();
    story.peer = log.peer;
    story.name = log.name;
    story.entries = log.entries;
    story.whole = log.whole;
    Teller teller(lease, timeline.escrow, story);
    RETURN_IF_ERROR(ForEachEntry(
        log,
        [&](uint64_t index, Entry&& entry) {
          if (const auto* opened = std::get_if<Opened>(&entry.outcome)) story.name = opened->name;
          story.end = entry.time;
          teller.Take(index, entry);
        },
        &story.problems));
    if (teller.order) {
      order = teller.order;
      renter = teller.renter;
    }
  }
  if (!order) {
    return Error(Code::kNotFound, "none of these logs holds the order of lease " + lease.Short());
  }
  for (LeaseStory& story : timeline.stories) story.role = RoleOf(story.peer, *order, renter);
  Merge(timeline);
  FindContradictions(timeline);
  FindGaps(timeline);
  return timeline;
}

}  // namespace souk::ledger
