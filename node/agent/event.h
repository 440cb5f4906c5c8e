// What can happen to an agent. Events are plain values; signatures in them are checked already.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/codec.h"

namespace souk::node {

// One CURVE connection, either way. Outgoing ones are numbered by the agent (even numbers),
// incoming ones by the transport (odd numbers); a number is never used again.
using ConnectionId = uint64_t;
using SharedBytes = std::shared_ptr<const Bytes>;

// A verified document came in. `carried` holds what came with it, verified too: the documents
// inside a Carry, Show (order, acceptance) or Post (voucher), or the envelopes attached to a Hello,
// Bundle or Reply; always as many as the document says.
struct DocumentArrived {
  ConnectionId connection = 0;
  CurveKey curve = {};  // of the other side, as CURVE proved it
  DocumentRef document = {};
  std::vector<DocumentRef> carried = {};
  SharedBytes receipt = {};  // attached to a Reply; its digest fits
  SharedBytes bundle = {};   // attached to Entries; its digest fits
  SharedBytes chunk = {};    // attached to a BlobChunk
};

// A message that did not even become a document.
struct MessageRefused {
  ConnectionId connection = 0;
  CurveKey curve = {};
  RefusalCode code = RefusalCode::kMalformed;
  std::string sentence = {};
};

struct ConnectionLost {
  ConnectionId connection = 0;
};

// From the workers, one per lease.
struct WorkerReady {
  Digest lease = {};
  Digest answer = {};  // to the commit's nonce
};
struct WorkerGone {  // reaped, its memory cleared; the device is free
  Digest lease = {};
  bool lost = false;  // it went without having been told to
  std::string sentence = {};
};
struct JobProgressed {
  Digest job = {};
  uint32_t launch = 0;
  uint32_t launches = 0;
};
struct JobEnded {
  Digest job = {};
  JobStatus status = JobStatus::kDone;
  std::string sentence = {};
  std::vector<JobOutput> outputs = {};
  Digest states_root = {};
  uint64_t launches = 0;
  uint64_t thread_instructions = 0;
  std::string result_class = {};
};

// From the prover's device (R7).
struct ChallengeCommitted {
  Digest challenge = {};
  Digest root = {};
  Duration took = {};
};
struct ChallengeOpened {
  Digest challenge = {};
  BlobRef blob = {};  // kept in the blob store
};
struct ChallengeFailed {
  Digest challenge = {};
  std::string sentence = {};
};
// What the verifier's check of an opening found.
struct OpeningChecked {
  Digest challenge = {};
  bool passed = false;
  std::string sentence = {};  // why not
};

// A blob is whole, checked and durable; or the bytes of this peer did not have its digest and were
// thrown away.
struct BlobLanded {
  Digest blob = {};
  PeerId from = {};
  bool matches = true;
};

// The mirror took entries of another's log, and they are durable; or it did not.
struct MirrorStored {
  PeerId owner = {};
  bool stored = false;
  std::string sentence = {};  // why not
};

// What the owner asks for (control.sock). Each is answered with one CommandAnswer.
struct RentCommand {
  Digest offer = {};
  PeerId book = {};
  uint32_t slices = 1;
  Duration duration = {};
  Credits max_cost = {};  // refuse where the lease could cost more
};
struct ReleaseCommand {
  Digest lease = {};
};
struct JobCommand {
  Digest lease = {};
  BlobRef workload = {};
  std::vector<BlobRef> blobs = {};
  std::string title = {};
  bool sealed = false;  // commit, then reveal
};
// The same job under each of these leases, all of different providers.
struct ReplicateCommand {
  std::vector<Digest> leases = {};
  JobCommand job = {};  // its lease and whether it is sealed do not matter
  uint32_t agree = 0;
};
// Challenges the devices of these leases at once.
struct ChallengeCommand {
  std::vector<Digest> leases = {};
  uint32_t rows = 64;
  std::optional<uint32_t> size = {};  // none: as the device's model asks for (gpu/challenge/plan.h)
};
struct IssueCommand {
  PublicKey account = {};
  Credits amount = {};
  std::string reference = {};
};
struct BalanceCommand {  // ask the book for a statement of this node's account
  PeerId book = {};
};
struct DrainCommand {
  bool drain = true;
};
struct CommandArrived {
  uint64_t command = 0;
  std::variant<RentCommand, ReleaseCommand, JobCommand, ReplicateCommand, ChallengeCommand,
               IssueCommand, BalanceCommand, DrainCommand>
      what = {};
};

// A counterparty's copy of a checkpoint of this node's own log fits what the log holds (R3): the
// log may sign new entries.
struct LogConfirmed {};

// Nothing happened but time.
struct Tick {};

using Event = std::variant<Tick, LogConfirmed, DocumentArrived, MessageRefused, ConnectionLost,
                           WorkerReady, WorkerGone, JobProgressed, JobEnded, BlobLanded,
                           CommandArrived, ChallengeCommitted, ChallengeOpened, ChallengeFailed,
                           OpeningChecked, MirrorStored>;

}  // namespace souk::node
