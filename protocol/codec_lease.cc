// A lease from order to close, the jobs and the challenges in it (R5, R7).
#include <bit>

#include "protocol/codec.h"
#include "protocol/codec_wire.h"
#include "schema.capnp.h"

namespace souk {
namespace wire {

Status CheckWhole(const Progress& progress) {
  if (progress.launch > progress.launches) return Malformed("launch is over launches");
  return Ok();
}

// What both sides compute with: before anything is allocated for it.
Status CheckSize(uint32_t size, uint32_t rows) {
  if (!std::has_single_bit(size)) return Malformed("size is no power of two");
  if (rows > size) return Malformed("more rows than there are");
  return Ok();
}

Status CheckWhole(const Challenge& challenge) {
  RETURN_IF_ERROR(CheckSize(challenge.size, challenge.rows));
  if (challenge.devices.empty()) return Malformed("no device is named");
  for (size_t i = 0; i < challenge.devices.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (challenge.devices[i] == challenge.devices[j]) return Malformed("a device is named twice");
    }
  }
  return Ok();
}

Status CheckWhole(const ChallengeRows& message) {
  if (message.rows.empty()) return Malformed("no row is asked for");
  for (size_t i = 1; i < message.rows.size(); ++i) {
    if (message.rows[i] <= message.rows[i - 1]) return Malformed("rows do not grow");
  }
  return Ok();
}

Status CheckWhole(const ChallengeVerdict& verdict) {
  RETURN_IF_ERROR(CheckSize(verdict.size, verdict.rows));
  if (verdict.results.empty()) return Malformed("no result is named");
  if (verdict.expires < verdict.judged ||
      verdict.expires > verdict.judged + limits::kLongestVerdictLife) {
    return Malformed("expires is not within a week of judged");
  }
  return Ok();
}

}  // namespace wire

namespace {

using namespace wire;  // NOLINT: the tables' vocabulary

using SliceCount = Within<1, limits::kSlices>;
using BlobSize = Within<0, limits::kBlobBytes>;
using StatusChoice = Choice<schema::JobStatus, JobStatus, JobStatus::kLost>;

#define ORDER(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, offer, Offer)              \
  VALUE(Fixed32, provider, Provider)        \
  VALUE(Fixed32, nonce, Nonce)              \
  VALUE(Fixed32, book, Book)                \
  VALUE(Fixed32, account, Account)          \
  VALUE(Fixed32, escrow, Escrow)            \
  VALUE(Fixed32, voucher_key, VoucherKey)   \
  VALUE(SliceCount, slices, Slices)         \
  VALUE(Price, price, Price)                \
  VALUE(Span, duration, Duration)           \
  VALUE(Amount, max_cost, MaxCost)          \
  VALUE(Amount, hold_fee, HoldFee)          \
  VALUE(Moment, issued, Issued)             \
  VALUE(Moment, expires, Expires)

#define ACCEPTANCE(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, order, Order)                   \
  VALUE(Plain, fence, Fence)                     \
  VALUE(Moment, accepted, Accepted)              \
  VALUE(Moment, commit_by, CommitBy)             \
  VALUE(Moment, ready_by, ReadyBy)               \
  VALUE(Moment, settle_by, SettleBy)             \
  VALUE(Identifier, device, Device)

#define COMMIT(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)               \
  VALUE(Plain, number, Number)               \
  VALUE(Fixed32, acceptance, Acceptance)     \
  VALUE(Fixed32, nonce, Nonce)

#define READY(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)              \
  VALUE(Plain, number, Number)              \
  VALUE(Fixed32, commit, Commit)            \
  VALUE(Fixed32, answer, Answer)            \
  VALUE(Moment, ready, Ready)               \
  VALUE(Moment, end, End)

#define VOUCHER_ACK(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                    \
  VALUE(Amount, best, Best)                       \
  VALUE(MomentOrZero, metered_from, MeteredFrom)

#define BLOB_REF(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, digest, Digest)               \
  VALUE(BlobSize, size, Size)

#define JOB(VALUE, LIST, STRUCT, STRUCTS)     \
  VALUE(Fixed32, lease, Lease)                \
  VALUE(Plain, number, Number)                \
  STRUCT(workload, Workload)                  \
  STRUCTS(limits::kBlobsPerJob, blobs, Blobs) \
  VALUE(Name, title, Title)                   \
  VALUE(Plain, sealed, Sealed)

#define PROGRESS(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, job, Job)                     \
  VALUE(Plain, launch, Launch)                 \
  VALUE(Plain, launches, Launches)             \
  VALUE(Amount, due, Due)

#define JOB_OUTPUT(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Identifier, name, Name)                  \
  STRUCT(blob, Blob)

#define JOB_RECEIPT(VALUE, LIST, STRUCT, STRUCTS)       \
  VALUE(Fixed32, job, Job)                              \
  VALUE(Fixed32, lease, Lease)                          \
  VALUE(Plain, fence, Fence)                            \
  VALUE(StatusChoice, status, Status)                   \
  VALUE(Sentence, sentence, Sentence)                   \
  VALUE(Identifier, device, Device)                     \
  VALUE(Name, device_name, DeviceName)                  \
  VALUE(Plain, architecture, Architecture)              \
  VALUE(Name, driver, Driver)                           \
  VALUE(Fixed32, workload, Workload)                    \
  STRUCTS(limits::kOutputsPerJob, outputs, Outputs)     \
  VALUE(Fixed32, states_root, StatesRoot)               \
  VALUE(Plain, launches, Launches)                      \
  VALUE(Plain, thread_instructions, ThreadInstructions) \
  VALUE(Token, result_class, ResultClass)               \
  VALUE(MomentOrZero, started, Started)                 \
  VALUE(Moment, finished, Finished)

#define RELEASE(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                \
  VALUE(Plain, number, Number)

#define CLOSE(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)              \
  VALUE(Plain, number, Number)              \
  VALUE(Coded<CloseReason>, reason, Reason) \
  VALUE(Span, metered, Metered)             \
  VALUE(Amount, due, Due)                   \
  VALUE(Amount, best, Best)

#define LEASE_QUERY(VALUE, LIST, STRUCT, STRUCTS) VALUE(Fixed32, lease, Lease)

using MatrixSize = Within<limits::kLeastChallenge, limits::kMostChallenge>;
using RowCount = Within<1, limits::kChallengeRows>;
using Row = Within<0, limits::kMostChallenge - 1>;
using ChallengeStatusChoice =
    Choice<schema::ChallengeStatus, ChallengeStatus, ChallengeStatus::kInterrupted>;
struct ChallengeSpan : Span {
  static Status In(int64_t wire, Duration& value) {
    return InBounded(wire, limits::kLongestChallenge.ms, value.ms);
  }
};

#define CHALLENGE(VALUE, LIST, STRUCT, STRUCTS)                 \
  VALUE(Fixed32, lease, Lease)                                  \
  VALUE(Plain, number, Number)                                  \
  VALUE(Fixed32, nonce, Nonce)                                  \
  LIST(Identifier, limits::kChallengeDevices, devices, Devices) \
  VALUE(Token, device_kind, DeviceKind)                         \
  VALUE(Name, model, Model)                                     \
  VALUE(MatrixSize, size, Size)                                 \
  VALUE(RowCount, rows, Rows)                                   \
  VALUE(ChallengeSpan, deadline, Deadline)                      \
  VALUE(Fixed32, secret_digest, SecretDigest)                   \
  VALUE(Moment, issued, Issued)

#define CHALLENGE_ROOT(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                       \
  VALUE(Plain, number, Number)                       \
  VALUE(Fixed32, challenge, Challenge)               \
  VALUE(Fixed32, root, Root)                         \
  VALUE(Span, took, Took)

#define CHALLENGE_ROWS(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                       \
  VALUE(Plain, number, Number)                       \
  VALUE(Fixed32, challenge, Challenge)               \
  VALUE(Fixed32, root, Root)                         \
  LIST(Row, limits::kChallengeRows, rows, Rows)

#define CHALLENGE_OPENING(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                          \
  VALUE(Plain, number, Number)                          \
  VALUE(Fixed32, challenge, Challenge)                  \
  VALUE(Fixed32, rows, Rows)                            \
  STRUCT(blob, Blob)

#define CHALLENGE_RESULT(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, challenge, Challenge)                 \
  VALUE(Fixed32, lease, Lease)                         \
  VALUE(Identifier, device, Device)                    \
  VALUE(ChallengeStatusChoice, status, Status)         \
  VALUE(Span, took, Took)

#define CHALLENGE_VERDICT(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, nonce, Nonce)                          \
  VALUE(Fixed32, provider, Provider)                    \
  VALUE(Token, device_kind, DeviceKind)                 \
  VALUE(Name, model, Model)                             \
  VALUE(MatrixSize, size, Size)                         \
  VALUE(RowCount, rows, Rows)                           \
  VALUE(ChallengeSpan, deadline, Deadline)              \
  STRUCTS(limits::kChallengeDevices, results, Results)  \
  VALUE(Fixed32, secret, Secret)                        \
  VALUE(Moment, judged, Judged)                         \
  VALUE(Moment, expires, Expires)

#define JOB_SEAL(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, job, Job)                     \
  VALUE(Fixed32, lease, Lease)                 \
  VALUE(Plain, fence, Fence)                   \
  VALUE(Fixed32, receipt, Receipt)

#define JOB_REVEAL(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, job, Job)                       \
  VALUE(Fixed32, lease, Lease)                   \
  VALUE(Fixed32, seal, Seal)

SOUK_STRUCT_CODEC(BlobRef, BlobRef, BLOB_REF)
SOUK_STRUCT_CODEC(JobOutput, JobOutput, JOB_OUTPUT)
SOUK_STRUCT_CODEC(ChallengeResult, ChallengeResult, CHALLENGE_RESULT)
SOUK_STRUCT_LISTS
SOUK_STRUCT_CODEC(Order, Order, ORDER)
SOUK_STRUCT_CODEC(Acceptance, Acceptance, ACCEPTANCE)
SOUK_STRUCT_CODEC(Commit, Commit, COMMIT)
SOUK_STRUCT_CODEC(Ready, Ready, READY)
SOUK_STRUCT_CODEC(VoucherAck, VoucherAck, VOUCHER_ACK)
SOUK_STRUCT_CODEC(Job, Job, JOB)
SOUK_STRUCT_CODEC(Progress, Progress, PROGRESS)
SOUK_STRUCT_CODEC(JobReceipt, JobReceipt, JOB_RECEIPT)
SOUK_STRUCT_CODEC(Release, Release, RELEASE)
SOUK_STRUCT_CODEC(Close, Close, CLOSE)
SOUK_STRUCT_CODEC(LeaseQuery, LeaseQuery, LEASE_QUERY)
SOUK_STRUCT_CODEC(Challenge, Challenge, CHALLENGE)
SOUK_STRUCT_CODEC(ChallengeRoot, ChallengeRoot, CHALLENGE_ROOT)
SOUK_STRUCT_CODEC(ChallengeRows, ChallengeRows, CHALLENGE_ROWS)
SOUK_STRUCT_CODEC(ChallengeOpening, ChallengeOpening, CHALLENGE_OPENING)
SOUK_STRUCT_CODEC(ChallengeVerdict, ChallengeVerdict, CHALLENGE_VERDICT)
SOUK_STRUCT_CODEC(JobSeal, JobSeal, JOB_SEAL)
SOUK_STRUCT_CODEC(JobReveal, JobReveal, JOB_REVEAL)

}  // namespace

SOUK_MESSAGE_CODEC(Order, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(Acceptance, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(Commit, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(Ready, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(VoucherAck, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(Job, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Progress, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(JobReceipt, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Release, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(Close, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(LeaseQuery, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(Challenge, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(ChallengeRoot, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(ChallengeRows, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(ChallengeOpening, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(ChallengeVerdict, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(JobSeal, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(JobReveal, limits::kNestedBytes)

}  // namespace souk
