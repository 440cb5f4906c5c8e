// What a witness answers to add-checkpoint (https://c2sp.org/tlog-witness). Pure: the caller keeps
// the state and carries out what is decided.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/c2sp/cosignature.h"
#include "ledger/witness/add_checkpoint.h"
#include "ledger/witness/fork_evidence.h"

namespace souk::ledger {

// A checkpoint with a longer text is not cosigned: two of them would not fit evidence of a fork,
// whatever the origin's share of the text.
inline constexpr size_t kMaxCosignedTextBytes = 2048;

// The checkpoint of a log that a witness cosigned last.
struct CosignedHead {
  Checkpoint checkpoint;
  PosixTime time = {};
  std::string note;  // with the log's signature and the witness's: all that needs to be stored

  bool operator==(const CosignedHead&) const = default;
  // From a stored note; it is verified anew.
  static Result<CosignedHead> FromNote(std::string_view note, std::span<const NoteVerifier> log,
                                       const NoteVerifier& witness);
};

struct WitnessedLog {
  // kEd25519, all with the log's origin as name; among them the one that signed `head`.
  std::vector<NoteVerifier> keys;
  std::optional<CosignedHead> head;
};
// By origin.
using WitnessState = std::map<std::string, WitnessedLog, std::less<>>;

enum class WitnessStatus : uint16_t {
  kOk = 200,             // the body is the cosignature's line
  kBadRequest = 400,     // not a request, or its old size is beyond its checkpoint
  kForbidden = 403,      // no valid signature of the log
  kNotFound = 404,       // a log that this witness does not follow
  kConflict = 409,       // not from where the witness stands; the body is its size
  kUnprocessable = 422,  // the consistency proof does not hold
};

struct WitnessAnswer {
  WitnessStatus status = WitnessStatus::kOk;
  const char* content_type = "";
  std::string body;
};

// In this order: `persist` becomes durable in the log's place in the state, and only then the
// answer leaves. A witness that answered first could forget what it cosigned, and cosign a fork of
// it.
struct WitnessDecision {
  std::optional<CosignedHead> persist;
  WitnessAnswer answer;
  // The log signed two heads that contradict each other; worth keeping whatever the answer.
  std::optional<ForkEvidence> fork;
};

// Invariant: as long as what it decides is persisted before it is asked again about the same log,
// any two heads that it cosigned are of one append-only tree, and neither size nor time runs back.
class Witness {
 public:
  // CHECKs that the key is a kCosignature one.
  explicit Witness(NoteSigner signer);

  const NoteSigner& signer() const { return signer_; }
  // An error only where the keys in the state are not a log's, or the signer fails.
  Result<WitnessDecision> AddCheckpoint(std::string_view body, const WitnessState& state,
                                        PosixTime now) const;

 private:
  Result<WitnessDecision> Advance(const AddCheckpointRequest& request, const Checkpoint& checkpoint,
                                  const WitnessedLog& log, PosixTime now) const;
  Result<WitnessDecision> CosignHead(const AddCheckpointRequest& request, const WitnessedLog& log,
                                     PosixTime now) const;

  NoteSigner signer_;
};

// Where a witness that answers at once keeps its heads.
class WitnessStore {
 public:
  virtual ~WitnessStore() = default;
  // Durable when it returns.
  virtual Status Persist(const CosignedHead& head) = 0;
};

// Carries a decision out: persists, then brings the state up to date, then gives the answer. After
// an error nothing may be answered, and nothing is known of what was stored: the caller reads it
// anew.
Result<WitnessAnswer> PersistAndAnswer(WitnessDecision decision, WitnessState& state,
                                       WitnessStore& store);

}  // namespace souk::ledger
