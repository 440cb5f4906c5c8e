// C2SP tlog-cosignature, cosignature/v1: a witness says that at a time this was the largest tree of
// a log that it had seen, and that it extends every earlier one. https://c2sp.org/tlog-cosignature
//
//   cosignature/v1
//   time <seconds>
//   <the checkpoint's text>
//
// is signed with Ed25519; the signature on the note's line is the time in 8 bytes, big-endian, and
// the 64 bytes of the signature.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/c2sp/checkpoint.h"
#include "ledger/c2sp/note.h"

namespace souk::ledger {

inline constexpr size_t kCosignatureBytes = 8 + 64;

// Seconds since 1970 UTC, below 2^63: more than protocol's Time, which counts milliseconds, holds.
struct PosixTime {
  uint64_t seconds = 0;
  auto operator<=>(const PosixTime&) const = default;
};
inline constexpr PosixTime kLatestPosixTime{(uint64_t{1} << 63) - 1};

struct Cosignature {
  PosixTime time = {};
  Ed25519Signature signature = {};
};

// kMalformed unless there are 72 bytes and the time is allowed. Nothing is verified.
Result<Cosignature> ParseCosignature(ByteView bytes);

// What a witness signs.
std::string CosignedMessage(PosixTime time, std::string_view checkpoint_text);

// The cosignature of a checkpoint's text. kInvalidArgument where the text is no checkpoint, the
// time is not allowed or the signer is no cosigner.
Result<NoteSignature> Cosign(std::string_view checkpoint_text, const NoteSigner& witness,
                             PosixTime time);

// Whom a reader trusts to say what stands in a log. R3: the witnesses are those that the reader
// names, never those that the log or the note names.
struct TrustPolicy {
  std::vector<NoteVerifier> logs;       // keys of one log, all with its origin as name
  std::vector<NoteVerifier> witnesses;  // kCosignature
  size_t quorum = 0;                    // how many witnesses must have cosigned

  // kInvalidArgument unless the keys are of their types, the log's share one name, no witness's key
  // is named twice (a cosignature does not say its signer's name: one key must not count as two),
  // and the quorum can be reached.
  Status Check() const;
};

// floor(2n/3) + 1, the least k at which two quorums of n share an honest witness while fewer than a
// third lie (R3). 0 of no witnesses.
size_t SafeQuorum(size_t witnesses);

struct CosignedCheckpoint {
  Checkpoint checkpoint;
  struct Cosigned {
    size_t witness = 0;   // place in TrustPolicy::witnesses
    PosixTime time = {};  // the latest that this witness cosigned here
    bool operator==(const Cosigned&) const = default;
  };
  std::vector<Cosigned> cosigned;  // ascending by witness
};

// The checkpoint of a note that a key of the log and a quorum of the witnesses signed. Signatures
// by other keys are ignored; a known key's bad signature is kBadSignature, as is a note without the
// log's; kUnavailable says how many cosignatures the quorum lacks. Times are the caller's to judge.
Result<CosignedCheckpoint> OpenCosigned(std::string_view note, const TrustPolicy& policy);

}  // namespace souk::ledger
