// C2SP tlog-proof: an entry's inclusion as one self-contained text. https://c2sp.org/tlog-proof
//
//   c2sp.org/tlog-proof@v1
//   extra <base64>             optional
//   index <decimal>
//   <base64 hash>              zero or more, from the leaf's sibling up
//   <blank line>
//   <checkpoint, verbatim>
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/c2sp/checkpoint.h"
#include "ledger/c2sp/cosignature.h"

namespace souk::ledger {

inline constexpr size_t kMaxProofExtraBytes = 1 << 16;
inline constexpr size_t kMaxProofBytes = kMaxNoteBytes + 2 * kMaxProofExtraBytes;

struct TlogProof {
  std::optional<Bytes> extra;  // authenticated by nothing
  uint64_t index = 0;
  std::vector<Digest> hashes;
  std::string checkpoint;  // a signed note

  bool operator==(const TlogProof&) const = default;
  std::string ToText() const;
};

// Strict: what it takes, ToText writes again byte for byte. The checkpoint is not looked into.
Result<TlogProof> ParseProof(std::string_view text);

// That `entry` stands at proof.index in the log whose key is `log`, under the proof's checkpoint.
// Returns that checkpoint.
Result<Checkpoint> VerifyProof(const TlogProof& proof, ByteView entry, const NoteVerifier& log);
// The same where the reader asks for a quorum of witnesses too.
Result<CosignedCheckpoint> VerifyProof(const TlogProof& proof, ByteView entry,
                                       const TrustPolicy& policy);

}  // namespace souk::ledger
