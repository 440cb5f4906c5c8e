# The wire form of documents' payloads, of log entries and of log receipts (R1, R3).
#
# One struct per kind of document; protocol/messages.h and protocol/entry.h say what each field
# means, protocol/limits.h bounds it, docs/protocol.md tells the story. Conventions:
#   digests, public keys  Data of exactly 32 bytes; an optional digest is empty where absent
#   times                 Int64, milliseconds since 1970 UTC; zero only where the field says so
#   durations             Int64, milliseconds, never negative
#   credits               Int64, millionths of a credit, never negative
#   rates                 Int64, millionths of a credit per slice and hour
#   texts                 UTF-8 without control characters
# Messages are unpacked, one segment, standard framing; every word is reached exactly once.
# Fields are only ever added, at the end.
@0xedf2985c4c18f0c0;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("souk::schema");

# ---- Told to everyone -------------------------------------------------------------------------

struct Card {
  name @0 :Text;
  endpoints @1 :List(Text);
  curve @2 :Data;
  checkpointKey @3 :Data;
  logName @4 :Text;
  epoch @5 :UInt32;
  successor @6 :Data;
  provides @7 :Bool;
  clears @8 :Bool;
  rents @9 :Bool;
  sequence @10 :UInt64;
  issued @11 :Int64;
  expires @12 :Int64;
  peer @13 :Data;  # the signer
  openLog @14 :Bool;
  readers @15 :List(Data);
  logUrl @16 :Text;
  witnessKey @17 :Data;  # empty: it witnesses nobody
}

enum Grade { declared @0; challenged @1; attested @2; }
enum JailGrade { none @0; landlock @1; namespaces @2; }

struct Offer {
  sequence @0 :UInt64;
  issued @1 :Int64;
  expires @2 :Int64;
  deviceKind @3 :Text;
  model @4 :Text;
  architecture @5 :UInt32;
  memoryBytes @6 :UInt64;
  count @7 :UInt32;
  slices @8 :UInt32;
  driver @9 :Text;
  cudaVersion @10 :UInt32;
  newestPtx @11 :UInt32;
  grade @12 :Grade;
  fp32Mflops @13 :UInt64;
  jail @14 :JailGrade;
  price @15 :Int64;
  interruptiblePrice @16 :Int64 = -1;  # -1: not offered
  holdPrice @17 :Int64;
  holdFee @18 :Int64;
  grace @19 :Int64;
  notice @20 :Int64;
  longestInterval @21 :Int64;
  minDuration @22 :Int64;
  maxDuration @23 :Int64;
  region @24 :Text;
  clearingPeers @25 :List(Data);
  bondShare @26 :Int64;
  bandwidthKbps @27 :UInt64;
  peer @28 :Data;  # the signer
  verdict @29 :Data;  # envelope of the challenge-verdict behind the grade; empty: none
}

struct Withdrawal {
  sequence @0 :UInt64;
  issued @1 :Int64;
  peer @2 :Data;  # the signer
}

# ---- Between two connected peers --------------------------------------------------------------

struct Hello {
  card @0 :Data;
  oldestVersion @1 :UInt32;
  newestVersion @2 :UInt32;
  sent @3 :Int64;
  yourCheckpoint @4 :Text;
  answer @5 :Bool;
  myCheckpoint @6 :Text;
}

struct Have { ids @0 :List(Data); }
struct Want { ids @0 :List(Data); }
struct Bundle { count @0 :UInt32; }

struct Refusal {
  re @0 :Data;
  code @1 :UInt16;
  sentence @2 :Text;
  wouldAccept @3 :Text;
}

struct Carry { documents @0 :List(Data); }

struct Reply {
  re @0 :Data;
  documents @1 :UInt32;
  receipt @2 :Data;  # empty: none
}

struct BlobGet {
  blob @0 :Data;
  offset @1 :UInt64;
  length @2 :UInt32;
  job @3 :Data;
}

struct BlobChunk {
  blob @0 :Data;
  offset @1 :UInt64;
  total @2 :UInt64;
  job @3 :Data;
}

# ---- Others' logs -----------------------------------------------------------------------------

struct Head {
  peer @0 :Data;
  note @1 :Text;
}

struct Fork {
  card @0 :Data;  # envelope: whose log, and its key
  evidence @1 :Text;
}

struct ConsistencyGet {
  from @0 :UInt64;
  to @1 :UInt64;
}

struct Consistency {
  re @0 :Data;
  from @1 :UInt64;
  to @2 :UInt64;
  hashes @3 :List(Data);
}

struct AddCheckpoint {
  request @0 :Text;
  witness @1 :Data;
}

struct Cosigned {
  re @0 :Data;
  status @1 :UInt16;
  body @2 :Text;
}

struct EntryGet {
  log @0 :Data;
  reader @1 :Data;
  index @2 :UInt64;
  document @3 :Data;  # empty: the entry at index
}

struct EntriesGet {
  log @0 :Data;
  from @1 :UInt64;
  size @2 :UInt64;
}

struct Entries {
  re @0 :Data;
  log @1 :Data;
  from @2 :UInt64;
  count @3 :UInt32;
  size @4 :UInt64;
  hashes @5 :List(Data);
  bundle @6 :Data;  # digest of the attachment; empty where count is 0
  note @7 :Text;
}

# ---- Money ------------------------------------------------------------------------------------

struct Issue {
  account @0 :Data;
  amount @1 :Int64;
  reference @2 :Text;
  issued @3 :Int64;
}

struct Escrow {
  book @0 :Data;
  account @1 :Data;
  payee @2 :Data;
  nonce @3 :Data;
  voucherKey @4 :Data;
  amount @5 :Int64;
  acceptBy @6 :Int64;
  timeout @7 :Int64;
}

struct EscrowFetch {
  escrow @0 :Data;
}

struct Voucher {
  lease @0 :Data;
  book @1 :Data;
  amount @2 :Int64;
}

struct Post {
  escrow @0 :Data;
  amount @1 :Int64;
  voucher @2 :Data;
  lease @3 :Data;
}

struct Void {
  escrow @0 :Data;
  lease @1 :Data;
}

struct Show {
  escrow @0 :Data;
  order @1 :Data;
  acceptance @2 :Data;
}

struct AccountQuery {
  book @0 :Data;
  account @1 :Data;
  sent @2 :Int64;
}

struct Statement {
  account @0 :Data;
  posted @1 :Int64;
  held @2 :Int64;
  incoming @3 :Int64;
  at @4 :Int64;
}

# ---- A lease ----------------------------------------------------------------------------------

struct Order {
  offer @0 :Data;
  provider @1 :Data;
  nonce @2 :Data;
  book @3 :Data;
  account @4 :Data;
  escrow @5 :Data;
  voucherKey @6 :Data;
  slices @7 :UInt32;
  price @8 :Int64;
  duration @9 :Int64;
  maxCost @10 :Int64;
  holdFee @11 :Int64;
  issued @12 :Int64;
  expires @13 :Int64;
}

struct Acceptance {
  order @0 :Data;
  fence @1 :UInt64;
  accepted @2 :Int64;
  commitBy @3 :Int64;
  readyBy @4 :Int64;
  settleBy @5 :Int64;
  device @6 :Text;
}

struct Commit {
  lease @0 :Data;
  number @1 :UInt64;
  acceptance @2 :Data;
  nonce @3 :Data;
}

struct Ready {
  lease @0 :Data;
  number @1 :UInt64;
  commit @2 :Data;
  answer @3 :Data;
  ready @4 :Int64;
  end @5 :Int64;
}

struct VoucherAck {
  lease @0 :Data;
  best @1 :Int64;
  meteredFrom @2 :Int64;  # zero but in the first
}

struct BlobRef {
  digest @0 :Data;
  size @1 :UInt64;
}

struct Job {
  lease @0 :Data;
  number @1 :UInt64;
  workload @2 :BlobRef;
  blobs @3 :List(BlobRef);
  title @4 :Text;
  sealed @5 :Bool;
}

struct Progress {
  job @0 :Data;
  launch @1 :UInt32;
  launches @2 :UInt32;
  due @3 :Int64;
}

enum JobStatus { done @0; failed @1; cancelled @2; lost @3; }

struct JobOutput {
  name @0 :Text;
  blob @1 :BlobRef;
}

struct JobReceipt {
  job @0 :Data;
  lease @1 :Data;
  fence @2 :UInt64;
  status @3 :JobStatus;
  sentence @4 :Text;
  device @5 :Text;
  deviceName @6 :Text;
  architecture @7 :UInt32;
  driver @8 :Text;
  workload @9 :Data;
  outputs @10 :List(JobOutput);
  statesRoot @11 :Data;
  launches @12 :UInt64;
  threadInstructions @13 :UInt64;
  resultClass @14 :Text;
  started @15 :Int64;  # zero where it never started
  finished @16 :Int64;
}

struct JobSeal {
  job @0 :Data;
  lease @1 :Data;
  fence @2 :UInt64;
  receipt @3 :Data;
}

struct JobReveal {
  job @0 :Data;
  lease @1 :Data;
  seal @2 :Data;
}

struct Release {
  lease @0 :Data;
  number @1 :UInt64;
}

struct Close {
  lease @0 :Data;
  number @1 :UInt64;
  reason @2 :UInt16;
  metered @3 :Int64;
  due @4 :Int64;
  best @5 :Int64;
}

struct LeaseQuery { lease @0 :Data; }

# ---- The capability challenge (R7) --------------------------------------------------------------

struct Challenge {
  lease @0 :Data;
  number @1 :UInt64;
  nonce @2 :Data;
  devices @3 :List(Text);
  deviceKind @4 :Text;
  model @5 :Text;
  size @6 :UInt32;
  rows @7 :UInt32;
  deadline @8 :Int64;
  secretDigest @9 :Data;
  issued @10 :Int64;
}

struct ChallengeRoot {
  lease @0 :Data;
  number @1 :UInt64;
  challenge @2 :Data;
  root @3 :Data;
  took @4 :Int64;
}

struct ChallengeRows {
  lease @0 :Data;
  number @1 :UInt64;
  challenge @2 :Data;
  root @3 :Data;
  rows @4 :List(UInt32);
}

struct ChallengeOpening {
  lease @0 :Data;
  number @1 :UInt64;
  challenge @2 :Data;
  rows @3 :Data;
  blob @4 :BlobRef;
}

enum ChallengeStatus {
  passed @0; late @1; wrong @2; refused @3; silent @4; interrupted @5;
}

struct ChallengeResult {
  challenge @0 :Data;
  lease @1 :Data;
  device @2 :Text;
  status @3 :ChallengeStatus;
  took @4 :Int64;
}

struct ChallengeVerdict {
  nonce @0 :Data;
  provider @1 :Data;
  deviceKind @2 :Text;
  model @3 :Text;
  size @4 :UInt32;
  rows @5 :UInt32;
  deadline @6 :Int64;
  results @7 :List(ChallengeResult);
  secret @8 :Data;
  judged @9 :Int64;
  expires @10 :Int64;
}

# ---- The log ----------------------------------------------------------------------------------

enum TransferKind { single @0; pending @1; post @2; void @3; expire @4; }

struct Transfer {
  id @0 :Data;
  kind @1 :TransferKind;
  debit @2 :Data;
  credit @3 :Data;
  amount @4 :Int64;
  pending @5 :Data;
  timeout @6 :Int64;  # zero for none
}

enum LeaseState {
  none @0; reserved @1; active @2; metering @3; paused @4; draining @5; closing @6; closed @7;
}

enum LeaseEvent {
  accepted @0; committed @1; commitExpired @2; ready @3; firstVoucher @4; readyExpired @5;
  voucherLate @6; pauseAsked @7; resumed @8; holdUnpaid @9; extended @10; noticeGiven @11;
  noticeOver @12; released @13; endReached @14; deviceLost @15; settled @16; settleExpired @17;
}

enum JobEvent {
  submitted @0; accepted @1; started @2; finished @3; fetched @4; sealed @5; revealed @6;
}

struct Opened {
  name @0 :Text;
  peer @1 :Data;
}

struct Resumed { downSince @0 :Int64; }
struct Published { transfers @0 :List(Transfer); }

struct LeaseStep {
  lease @0 :Data;
  event @1 :LeaseEvent;
  to @2 :LeaseState;
  reason @3 :UInt16;
  metered @4 :Int64;
  due @5 :Int64;
  transfers @6 :List(Transfer);
}

struct Ordered { lease @0 :Data; }

struct EscrowSeen {
  lease @0 :Data;
  escrow @1 :Data;
  bookSize @2 :UInt64;
  bookRoot @3 :Data;
}

struct VoucherTaken {
  lease @0 :Data;
  best @1 :Int64;
}

struct JobStep {
  job @0 :Data;
  lease @1 :Data;
  event @2 :JobEvent;
  status @3 :JobStatus;
}

struct Booked { transfers @0 :List(Transfer); }

struct Shown {
  escrow @0 :Data;
  lease @1 :Data;
}

struct Settled {
  lease @0 :Data;
  escrow @1 :Data;
  paid @2 :Int64;
}

enum ChallengeEvent {
  asked @0; taken @1; committed @2; rowsAsked @3; opened @4; judged @5; lapsed @6;
}

struct ChallengeStep {
  challenge @0 :Data;
  lease @1 :Data;
  event @2 :ChallengeEvent;
  status @3 :ChallengeStatus;
  sentence @4 :Text;
}

struct Replicated {
  round @0 :Data;
  jobs @1 :List(Data);
  agree @2 :UInt32;
}

struct Upgraded {
  from @0 :UInt32;
  to @1 :UInt32;
}

# One leaf of a node's log.
struct Entry {
  sequence @0 :UInt64;
  time @1 :Int64;
  rules @2 :UInt32;
  # What was decided; the discriminant is the entry's kind.
  outcome :union {
    opened @3 :Opened;
    resumed @4 :Resumed;
    published @5 :Published;
    leaseStep @6 :LeaseStep;
    ordered @7 :Ordered;
    escrowSeen @8 :EscrowSeen;
    voucherTaken @9 :VoucherTaken;
    jobStep @10 :JobStep;
    booked @11 :Booked;
    shown @12 :Shown;
    settled @13 :Settled;
    challengeStep @15 :ChallengeStep;
    replicated @16 :Replicated;
    upgraded @17 :Upgraded;
  }
  documents @14 :List(Data);
}

# What a counterparty is handed for an entry.
struct LogReceipt {
  leaf @0 :Data;
  index @1 :UInt64;
  inclusion @2 :List(Data);
  note @3 :Text;
  consistentFrom @4 :UInt64;
  consistency @5 :List(Data);
}
