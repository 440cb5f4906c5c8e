// Leaves of the log and the receipts for them (R3).
#include <fmt/format.h>

#include <limits>

#include "protocol/codec.h"
#include "protocol/codec_wire.h"
#include "schema.capnp.h"

namespace souk {
namespace {

using namespace wire;  // NOLINT: the tables' vocabulary

using RulesVersion = Within<1, std::numeric_limits<uint32_t>::max()>;
using TransferChoice =
    Choice<schema::TransferKind, TransferRecord::Kind, TransferRecord::Kind::kExpire>;
using EventChoice = Choice<schema::LeaseEvent, LeaseEvent, LeaseEvent::kSettleExpired>;
using StateChoice = Choice<schema::LeaseState, LeaseState, LeaseState::kClosed>;
using JobEventChoice = Choice<schema::JobEvent, JobStep::Event, JobStep::Event::kRevealed>;
using StatusChoice = Choice<schema::JobStatus, JobStatus, JobStatus::kLost>;

// µcredits or slices: a transfer's book decides.
struct Units {
  static int64_t Out(int64_t value) { return value; }
  static Status In(int64_t wire, int64_t& value) {
    return InBounded(wire, limits::kAmount.micro, value);
  }
};

#define TRANSFER(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, id, Id)                       \
  VALUE(TransferChoice, kind, Kind)            \
  VALUE(Fixed32, debit, Debit)                 \
  VALUE(Fixed32, credit, Credit)               \
  VALUE(Units, amount, Amount)                 \
  VALUE(Fixed32, pending, Pending)             \
  VALUE(MomentOrZero, timeout, Timeout)

#define TRANSFERS(VALUE, LIST, STRUCT, STRUCTS) \
  STRUCTS(limits::kTransfersPerEntry, transfers, Transfers)

#define OPENED(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Endpoint, name, Name)                \
  VALUE(Fixed32, peer, Peer)

#define RESUMED(VALUE, LIST, STRUCT, STRUCTS) VALUE(Moment, down_since, DownSince)

#define LEASE_STEP(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                   \
  VALUE(EventChoice, event, Event)               \
  VALUE(StateChoice, to, To)                     \
  VALUE(Coded<CloseReason>, reason, Reason)      \
  VALUE(Span, metered, Metered)                  \
  VALUE(Amount, due, Due)                        \
  STRUCTS(limits::kTransfersPerEntry, transfers, Transfers)

#define ORDERED(VALUE, LIST, STRUCT, STRUCTS) VALUE(Fixed32, lease, Lease)

#define ESCROW_SEEN(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                    \
  VALUE(Fixed32, escrow, Escrow)                  \
  VALUE(Plain, book_size, BookSize)               \
  VALUE(Fixed32, book_root, BookRoot)

#define VOUCHER_TAKEN(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                      \
  VALUE(Amount, best, Best)

#define JOB_STEP(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, job, Job)                     \
  VALUE(Fixed32, lease, Lease)                 \
  VALUE(JobEventChoice, event, Event)          \
  VALUE(StatusChoice, status, Status)

#define SHOWN(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, escrow, Escrow)            \
  VALUE(Fixed32, lease, Lease)

#define SETTLED(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                \
  VALUE(Fixed32, escrow, Escrow)              \
  VALUE(Amount, paid, Paid)

using ChallengeEventChoice =
    Choice<schema::ChallengeEvent, ChallengeStep::Event, ChallengeStep::Event::kLapsed>;
using ChallengeStatusChoice =
    Choice<schema::ChallengeStatus, ChallengeStatus, ChallengeStatus::kInterrupted>;
#define CHALLENGE_STEP(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, challenge, Challenge)               \
  VALUE(Fixed32, lease, Lease)                       \
  VALUE(ChallengeEventChoice, event, Event)          \
  VALUE(ChallengeStatusChoice, status, Status)       \
  VALUE(Sentence, sentence, Sentence)

using Agreeing = Within<1, limits::kReplicas>;
#define REPLICATED(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, round, Round)                   \
  LIST(Fixed32, limits::kReplicas, jobs, Jobs)   \
  VALUE(Agreeing, agree, Agree)

#define UPGRADED(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(RulesVersion, from, From)              \
  VALUE(RulesVersion, to, To)

SOUK_STRUCT_CODEC(Transfer, TransferRecord, TRANSFER)
SOUK_STRUCT_LISTS
SOUK_STRUCT_CODEC(Opened, Opened, OPENED)
SOUK_STRUCT_CODEC(Resumed, Resumed, RESUMED)
SOUK_STRUCT_CODEC(Published, Published, TRANSFERS)
SOUK_STRUCT_CODEC(LeaseStep, LeaseStep, LEASE_STEP)
SOUK_STRUCT_CODEC(Ordered, Ordered, ORDERED)
SOUK_STRUCT_CODEC(EscrowSeen, EscrowSeen, ESCROW_SEEN)
SOUK_STRUCT_CODEC(VoucherTaken, VoucherTaken, VOUCHER_TAKEN)
SOUK_STRUCT_CODEC(JobStep, JobStep, JOB_STEP)
SOUK_STRUCT_CODEC(Booked, Booked, TRANSFERS)
SOUK_STRUCT_CODEC(Shown, Shown, SHOWN)
SOUK_STRUCT_CODEC(Settled, Settled, SETTLED)
SOUK_STRUCT_CODEC(ChallengeStep, ChallengeStep, CHALLENGE_STEP)
SOUK_STRUCT_CODEC(Replicated, Replicated, REPLICATED)
SOUK_STRUCT_CODEC(Upgraded, Upgraded, UPGRADED)

// One row per outcome, in the order of the variant: (type, name in the schema).
#define OUTCOMES(X)                \
  X(Opened, OPENED)                \
  X(Resumed, RESUMED)              \
  X(Published, PUBLISHED)          \
  X(LeaseStep, LEASE_STEP)         \
  X(Ordered, ORDERED)              \
  X(EscrowSeen, ESCROW_SEEN)       \
  X(VoucherTaken, VOUCHER_TAKEN)   \
  X(JobStep, JOB_STEP)             \
  X(Booked, BOOKED)                \
  X(Shown, SHOWN)                  \
  X(Settled, SETTLED)              \
  X(ChallengeStep, CHALLENGE_STEP) \
  X(Replicated, REPLICATED)        \
  X(Upgraded, UPGRADED)

struct PutOutcome {
  schema::Entry::Outcome::Builder to;
#define SOUK_PUT_OUTCOME(Type, NAME)  \
  void operator()(const Type& from) { \
    Put(to.init##Type(), from);       \
  }
  OUTCOMES(SOUK_PUT_OUTCOME)
#undef SOUK_PUT_OUTCOME
};

void Put(schema::Entry::Outcome::Builder to, const Outcome& from) {
  std::visit(PutOutcome{to}, from);
}

Status Get(schema::Entry::Outcome::Reader from, Outcome& to) {
  switch (from.which()) {
#define SOUK_GET_OUTCOME(Type, NAME)                                                            \
  static_assert(                                                                                \
      std::is_same_v<Type, std::variant_alternative_t<schema::Entry::Outcome::NAME, Outcome>>); \
  case schema::Entry::Outcome::NAME:                                                            \
    return Get(from.get##Type(), to.emplace<Type>());
    OUTCOMES(SOUK_GET_OUTCOME)
#undef SOUK_GET_OUTCOME
  }
  return Malformed("an unknown value");  // the discriminant comes from the wire
}

#define ENTRY(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Plain, sequence, Sequence)          \
  VALUE(Moment, time, Time)                 \
  VALUE(RulesVersion, rules, Rules)         \
  STRUCT(outcome, Outcome)                  \
  LIST(Envelope, limits::kDocumentsPerEntry, documents, Documents)

using Leaf = wire::Blob<limits::kEntryBytes>;
#define LOG_RECEIPT(VALUE, LIST, STRUCT, STRUCTS)           \
  VALUE(Leaf, leaf, Leaf)                                   \
  VALUE(Plain, index, Index)                                \
  LIST(Fixed32, limits::kProofHashes, inclusion, Inclusion) \
  VALUE(Note, note, Note)                                   \
  VALUE(Plain, consistent_from, ConsistentFrom)             \
  LIST(Fixed32, limits::kProofHashes, consistency, Consistency)

SOUK_STRUCT_CODEC(Entry, Entry, ENTRY)
SOUK_STRUCT_CODEC(LogReceipt, LogReceipt, LOG_RECEIPT)

Status CheckKnown(schema::Entry::Reader from, uint32_t newest_rules) {
  Time time;
  if (const Status read = Moment::In(from.getTime(), time); !read) {
    return read.error().Within("time");
  }
  if (from.getRules() <= newest_rules) return Ok();
  return Error(Code::kUnsupported, fmt::format("rules: version {} is newer than this program, "
                                               "which knows versions up to {}; update it",
                                               from.getRules(), newest_rules));
}

size_t TransferCount(const Outcome& outcome) {
  if (const auto* published = std::get_if<Published>(&outcome)) return published->transfers.size();
  if (const auto* step = std::get_if<LeaseStep>(&outcome)) return step->transfers.size();
  if (const auto* booked = std::get_if<Booked>(&outcome)) return booked->transfers.size();
  return 0;
}

template <typename Schema, typename T>
Bytes Build(const T& value) {
  return BuildFramed(
      [](capnp::AnyPointer::Builder root, const void* from) {
        Put(root.initAs<Schema>(), *static_cast<const T*>(from));
      },
      &value);
}

template <typename Schema, typename T>
Result<T> Read(ByteView bytes, size_t max_bytes, const char* what) {
  T value;
  const Status read = ReadFramed(
      bytes, max_bytes,
      [](capnp::AnyPointer::Reader root, void* into) {
        return Get(root.getAs<Schema>(), *static_cast<T*>(into));
      },
      &value);
  if (!read) return read.error().Within(what);
  return value;
}

}  // namespace

Result<Bytes> EncodeEntry(const Entry& entry) {
  if (entry.documents.size() > limits::kDocumentsPerEntry ||
      TransferCount(entry.outcome) > limits::kTransfersPerEntry) {
    return TooLarge("an entry has too many documents or transfers");
  }
  Bytes leaf = Build<schema::Entry>(entry);
  if (leaf.size() > limits::kEntryBytes) return TooLarge("an entry has at most 65,535 bytes");
  return leaf;
}

Result<Entry> DecodeEntry(ByteView leaf, uint32_t newest_rules) {
  struct {
    Entry entry = {};
    uint32_t newest_rules = 0;
  } out;
  out.newest_rules = newest_rules;
  const Status read = ReadFramed(
      leaf, limits::kEntryBytes,
      [](capnp::AnyPointer::Reader root, void* into) -> Status {
        auto& [entry, newest] = *static_cast<decltype(out)*>(into);
        const auto from = root.getAs<schema::Entry>();
        // The outcome may be of a kind that came with the newer rules.
        RETURN_IF_ERROR(CheckKnown(from, newest));
        return Get(from, entry);
      },
      &out);
  if (!read) return read.error().Within("entry");
  return std::move(out.entry);
}

uint32_t RulesOfLeaf(ByteView leaf) {
  uint32_t rules = 0;
  const Status read = ReadFramed(
      leaf, limits::kEntryBytes,
      [](capnp::AnyPointer::Reader root, void* into) -> Status {
        *static_cast<uint32_t*>(into) = root.getAs<schema::Entry>().getRules();
        return Ok();
      },
      &rules);
  return read ? rules : 0;
}

Bytes EncodeReceipt(const LogReceipt& receipt) {
  return Build<schema::LogReceipt>(receipt);
}

Result<LogReceipt> DecodeReceipt(ByteView bytes) {
  return Read<schema::LogReceipt, LogReceipt>(bytes, limits::kReceiptBytes, "receipt");
}

}  // namespace souk
