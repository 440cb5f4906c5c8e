// What an agent wants done. The runner carries effects out in the order of R3: one synced batch
// with all appends, then the checkpoint, then the sends, then the work.
#pragma once

#include <optional>

#include "gpu/challenge/verify.h"
#include "ledger/c2sp/note.h"
#include "node/agent/event.h"

namespace souk::node {

// A leaf to append, encoded; its index is known to the agent already. `ids` are the digests by
// which the entry is found again: of its documents, leases, escrows.
struct AppendEntry {
  Bytes leaf = {};
  std::vector<Digest> ids = {};
};

// Small facts that survive a restart but are not the log's: counterparties' notes and receipts.
struct Remember {
  std::string key = {};
  Bytes value = {};
};

// Frame 0 is `document`, unless a reply or chunk must be made after the commit.
struct ReplyParts {
  Digest re = {};
  std::vector<DocumentRef> documents = {};
  // Its log receipt goes along, proven consistent with what this connection was shown before.
  std::optional<uint64_t> entry = {};
  // The checkpoint under which it is proven; empty: the newest.
  std::string note = {};
};
// A hello shows the node's own newest checkpoint, so it is signed after the commit as well.
struct HelloParts {
  DocumentRef card = {};
  Time sent = {};
  std::string your_checkpoint = {};
  bool answer = false;
};
struct ChunkParts {
  Digest blob = {};
  uint64_t offset = 0;
  uint32_t length = 0;
  Digest job = {};
};
// Entries of this node's log, read after the commit (entries-get).
struct EntriesParts {
  Digest re = {};
  EntriesGet get = {};
};
struct Send {
  ConnectionId to = 0;
  std::variant<DocumentRef, ReplyParts, HelloParts, ChunkParts, EntriesParts> what = {};
  std::vector<DocumentRef> attached = {};
};

struct Connect {
  ConnectionId connection = 0;
  std::string endpoint = {};
  CurveKey server = {};
};
struct Disconnect {
  ConnectionId connection = 0;
  bool ban = false;  // refuse the key from now on (R2)
};
struct StartWorker {
  Digest lease = {};
  uint64_t fence = 0;
  std::string device = {};
  Digest nonce = {};
  Time until = {};  // it ends by itself some time after this
};
struct StopWorker {
  Digest lease = {};
};
struct StartJob {
  Digest lease = {};
  uint64_t fence = 0;
  Digest job = {};
  BlobRef workload = {};
  std::vector<BlobRef> blobs = {};
};
// The job was cancelled; its lease goes on.
struct StopJob {
  Digest lease = {};
  Digest job = {};
};
// The lease's device computes a challenge's product (R7): ChallengeCommitted or ChallengeFailed.
// Asked again after a restart, it is computed again, to the same root.
struct StartChallenge {
  Digest lease = {};
  uint64_t fence = 0;
  Digest challenge = {};
  Digest seed = {};  // gpu/challenge/matrix.h
  uint32_t size = 0;
};
// Rows of the product that was committed to: ChallengeOpened or ChallengeFailed.
struct OpenRows {
  Digest lease = {};
  Digest challenge = {};
  std::vector<uint32_t> rows = {};
};
// The challenge is over without having been opened.
struct StopChallenge {
  Digest lease = {};
  Digest challenge = {};
};
// The verifier's side: checks opened rows, which takes seconds: OpeningChecked.
struct CheckOpening {
  gpu::ProductClaim claim = {};
  Digest secret = {};
  BlobRef blob = {};  // whole, here
};
// Bytes of a blob in the order of their offsets; after the last one the runner checks the digest,
// makes the blob durable and says BlobLanded.
struct WriteChunk {
  Digest blob = {};
  PeerId from = {};
  uint64_t offset = 0;
  uint64_t total = 0;
  SharedBytes bytes = {};
};
// The part of a blob that has come from this peer is wanted no more.
struct DropPartial {
  Digest blob = {};
  PeerId from = {};
};
// No job holds the whole blob any more: its file goes. Not where a later step of the same batch
// holds it again, nor where it was put here a moment ago, for a job that the agent has not heard of
// yet; `even_new`: what was refused a moment ago, which was never held.
struct RemoveBlob {
  Digest blob = {};
  bool even_new = false;
};
// The job is forgotten: what its worker left behind goes. `but_log`: it has no results, but its log
// is kept.
struct DropJob {
  Digest job = {};
  bool but_log = false;
};
// The other side said what it holds of this node's log (R3). A note that fits leads to
// LogConfirmed where `peer` was known before this start, and later receipts on this connection
// prove consistency from it; one that contradicts the log stops the node; an empty one says that
// nothing is held.
struct ConfirmLog {
  ConnectionId connection = 0;
  PeerId peer = {};
  std::string note = {};
};
// Entries of another's log for the mirror: MirrorStored follows, once they are durable or refused.
struct StoreEntries {
  PeerId owner = {};
  ledger::NoteVerifier key = {};  // of the log
  uint64_t from = 0;
  uint32_t count = 0;
  SharedBytes bundle = {};  // none where count is 0
  std::vector<Digest> hashes = {};
  std::string note = {};  // under which they are proven
};
// Gossip showed a signed head of this node's own log (R3): one that contradicts it stops the node.
struct CompareLog {
  std::string note = {};
};
// The node must stop, and say why: its own log is older than what it signed, or an invariant fell.
struct Halt {
  std::string sentence = {};
};
using Work =
    std::variant<Connect, Disconnect, StartWorker, StopWorker, StartJob, StopJob, StartChallenge,
                 OpenRows, StopChallenge, CheckOpening, WriteChunk, DropPartial, RemoveBlob,
                 DropJob, ConfirmLog, CompareLog, StoreEntries, Halt>;

struct CommandAnswer {
  uint64_t command = 0;
  Status status = {};
  Digest id = {};  // of the lease, job or round of challenges that the command began
  std::optional<Statement> statement = {};
};

struct Effects {
  std::vector<AppendEntry> appends = {};
  std::vector<Remember> remembers = {};
  std::vector<Send> sends = {};
  std::vector<Work> work = {};
  std::vector<CommandAnswer> answers = {};
};

}  // namespace souk::node
