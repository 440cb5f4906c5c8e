// Every bound that peers meet, with its reason (STYLE 7).
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/units.h"

namespace souk::limits {

// R1: a document is at most 16 KiB; larger things are blobs.
inline constexpr size_t kDocumentBytes = 16 * 1024;
inline constexpr size_t kKindBytes = 32;
// What an envelope adds to its payload at most: kind, signer, signature, lengths.
inline constexpr size_t kEnvelopeBytes = 1 + kKindBytes + 32 + 64 + 4;
// Payloads of documents that others must hand on inside their own (an order shown to the book with
// its acceptance): none can be made so large that it cannot be shown.
inline constexpr size_t kNestedBytes = 4 * 1024;
// R3: tlog-tiles entry bundles carry 16-bit lengths.
inline constexpr size_t kEntryBytes = 65'535;
inline constexpr size_t kDocumentsPerEntry = 8;
inline constexpr size_t kTransfersPerEntry = 128;
// A tree of 2^64 leaves has paths of 64 hashes.
inline constexpr size_t kProofHashes = 64;
// A signed note: a checkpoint and the signatures of its log and some fifty witnesses. A hello holds
// two, and must fit a document.
inline constexpr size_t kNoteBytes = 6 * 1024;
// Evidence of a fork: two heads with the log's own signature alone, and a proof. With the card
// beside it, it must fit a document.
inline constexpr size_t kEvidenceBytes = 10 * 1024;
// A witness's request: a note, and a proof of 64 hashes in base64.
inline constexpr size_t kAddCheckpointBytes = kNoteBytes + 4 * 1024;
// Entries that one answer brings to a mirror: a C2SP bundle, cut at kBlobChunkBytes.
inline constexpr uint32_t kEntriesAtOnce = 256;
// A bundle answers one `want`: what fits a few milliseconds of verification.
inline constexpr size_t kGossipIds = 64;
inline constexpr size_t kFramesPerMessage = 1 + kGossipIds;
inline constexpr size_t kBlobChunkBytes = 1 << 20;
inline constexpr size_t kChunksInFlight = 8;
// A log receipt: one leaf, two proofs of at most 64 hashes, one note.
inline constexpr size_t kReceiptBytes = kEntryBytes + 16 * 1024;
inline constexpr uint64_t kBlobBytes = uint64_t{4} << 30;
// What one lease has its provider store, where the owner says nothing else: the largest job four
// times over. Kept for a week after the lease, it is disk that no voucher pays for.
inline constexpr uint64_t kLeaseBytes = 4 * kBlobBytes;
inline constexpr size_t kBlobsPerJob = 128;
inline constexpr size_t kNameBytes = 64;
inline constexpr size_t kSentenceBytes = 512;
inline constexpr size_t kEndpointBytes = 256;
inline constexpr size_t kEndpoints = 8;
// Mirrors and auditors that a card names as readers of its log.
inline constexpr size_t kLogReaders = 16;
// Logs that one node mirrors: each costs a question every two seconds.
inline constexpr size_t kMirrored = 256;
// Whom a log asks for cosignatures: their lines fit a note of kNoteBytes.
inline constexpr size_t kWitnesses = 32;
inline constexpr size_t kClearingPeersPerOffer = 16;
inline constexpr size_t kOutputsPerJob = 64;
// A lease's jobs run one after the other, and each that waits has its blobs looked for every turn.
inline constexpr size_t kOpenJobsPerLease = 16;
// Of one job, on as many providers.
inline constexpr uint32_t kReplicas = 16;
inline constexpr uint32_t kSlices = 1024;
// Amounts: 10^9 credits, so that sums of a million of them stay within 63 bits.
inline constexpr Credits kAmount{1'000'000'000'000'000};
inline constexpr Rate kPrice{1'000'000'000'000};
// Times: the years 2000 to 2200; every sum with a bounded duration stays within 63 bits.
inline constexpr Time kEarliest{946'684'800'000};
inline constexpr Time kLatest{7'258'118'400'000};
inline constexpr Duration kLongestLease = Hours(24 * 366);

// R4: clocks may differ by this much.
inline constexpr Duration kMaxSkew = Seconds(30);
// R5: from the acceptance to the commit, and to readiness.
inline constexpr Duration kCommitWindow = Seconds(5);
inline constexpr Duration kReadyWindow = Seconds(60);
// R6: the time a party has for one step of settlement.
inline constexpr Duration kWindow = Seconds(10);
// R6: intervals start here and double up to the offer's.
inline constexpr Duration kFirstInterval = Seconds(1);
// The longest notice that a renter takes: it goes into the escrow's timeout, so a provider that
// accepts and vanishes keeps the renter's maximum held for that long. To save one's work takes
// less.
inline constexpr Duration kLongestNotice = Hours(1);
// An order is meant for now: a provider refuses one that expires later than this from its own now.
inline constexpr Duration kOrderLife = Seconds(30);
// Nor is an escrow held longer than this without an acceptance: a book refuses an accept_by that is
// further from its own now. A renter whose clock was ahead would lock its credits up.
inline constexpr Duration kLongestAccept = Minutes(10);
// R5: results and receipts outlive the lease.
inline constexpr Duration kKeepResults = Hours(24 * 7);

// R7: the matrices of a capability challenge are n × n, n a power of two. Sums of n products of two
// bytes stay within 31 bits up to 2^16, where A, B and C have 24 GiB together.
inline constexpr uint32_t kLeastChallenge = 64;
inline constexpr uint32_t kMostChallenge = 65'536;
// Rows that are opened: 64 leave 10 % skipped a chance of 1 in 850, 256 one of 10^-11; at the
// largest size 64 MiB.
inline constexpr size_t kChallengeRows = 256;
// Devices of one round: their results fit a verdict that an offer can carry.
inline constexpr size_t kChallengeDevices = 16;
// Under one lease: each has rows kept that no voucher pays for.
inline constexpr size_t kChallengesPerLease = 16;
// A model for which the deadline would be longer gets smaller matrices.
inline constexpr Duration kLongestChallenge = Minutes(10);
// For the row numbers after the root, and for the rows after their numbers.
inline constexpr Duration kChallengeWindow = Seconds(60);
// What was shown once says less with every day: drivers, prices and owners of devices change.
inline constexpr Duration kVerdictLife = Hours(24);
inline constexpr Duration kLongestVerdictLife = Hours(24 * 7);

// R2: what gossip brings ends by itself. A card lives this long from its issue, an offer that long,
// and a withdrawal as long as the offers that it can name.
inline constexpr Duration kCardLife = Hours(24 * 30);
inline constexpr Duration kOfferLife = Hours(24);

// Directories, so that no sender fills them (R2).
inline constexpr size_t kOffersPerPeer = 64;
inline constexpr size_t kPeers = 65'536;
inline constexpr size_t kOffers = 1 << 20;
// Requests without an answer that one connection may have open.
inline constexpr size_t kOpenRequestsPerConnection = 64;
inline constexpr size_t kConnections = 4096;

}  // namespace souk::limits
