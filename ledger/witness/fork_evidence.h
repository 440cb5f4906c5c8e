// Transferable proof that a log has forked (R3): two heads that its key signed and that no
// append-only log has both. Anyone who knows the key can check it, offline.
//
// Either the two heads have one size and different roots, or a consistency proof leads into the
// later root from another root than the one that was signed at the earlier size. Nothing else is
// evidence: a log that refuses a proof has shown nothing that others could check.
//
//   souk/fork-evidence@v1
//   root <base64 hash>        with a proof only: the root that it proves at the earlier size
//   <base64 hash>             with a proof only: RFC 6962 section 2.1.2, from the root on
//   <blank line>
//   note <bytes>
//   <the earlier signed note, so many bytes>
//   note <bytes>
//   <the later>
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/c2sp/checkpoint.h"

namespace souk::ledger {

// Evidence must fit a document (R1), or it could not be gossiped: so a note in it is bounded, and a
// witness cosigns no checkpoint that would not fit.
inline constexpr size_t kMaxEvidenceNoteBytes = 6 * 1024;
inline constexpr size_t kMaxForkEvidenceBytes = 2 * kMaxEvidenceNoteBytes + 3 * 1024;

struct ForkEvidence {
  std::string earlier;  // signed notes, of one size or in the order of their sizes
  std::string later;
  // With a proof: the root that it shows to be in the later tree at the earlier size.
  std::optional<Digest> proven_root;
  std::vector<Digest> proof;

  bool operator==(const ForkEvidence&) const = default;
  std::string ToText() const;
};

// Strict: what it takes, ToText writes again byte for byte. Nothing is verified.
Result<ForkEvidence> ParseForkEvidence(std::string_view text);

// What the evidence shows.
struct Fork {
  Checkpoint earlier;
  Checkpoint later;
  // At earlier.size: what the later head's tree has there. Another than earlier.root.
  Digest other_root;
};

// kBadSignature and kMismatch where the evidence does not hold against the log with these keys,
// which share its origin as name. It cannot be made against a log that signs only what it appends
// to.
Result<Fork> VerifyForkEvidence(const ForkEvidence& evidence, std::span<const NoteVerifier> log);

// What two signed heads of one log say about each other.
struct HeadComparison {
  enum class Verdict {
    kConsistent,  // one tree: the proof leads from the one root to the other
    kFork,
    kUnproven,  // the proof shows nothing: ask for another
  };
  Verdict verdict = Verdict::kUnproven;
  std::optional<ForkEvidence> evidence;  // with kFork
};

// Compares two signed notes in either order. `proof` is a consistency proof from the smaller size
// to the larger, `claimed_root` the root that it starts from where the prover names one, as a
// holder of the later tree can. An error where a note is not the log's.
Result<HeadComparison> CompareHeads(std::string_view one, std::string_view other,
                                    std::span<const NoteVerifier> log,
                                    std::span<const Digest> proof = {},
                                    const std::optional<Digest>& claimed_root = {});

}  // namespace souk::ledger
