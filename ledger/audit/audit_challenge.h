// Capability challenges in a log, decided anew (R7). Internal to the auditor.
//
// From one log follows that the documents belong together, that rows were asked for only after the
// root, and in the verifier's log that the deadline was kept where it says so. Whether the opened
// rows are those of the product takes the blob: souk-audit challenge.
#pragma once

#include <string>
#include <unordered_map>

#include "ledger/audit/audit_rules.h"

namespace souk::ledger {

// One thread.
class ChallengeAudit {
 public:
  // Whose log it is: the verifier's is the renter's.
  enum class Side : uint8_t { kVerifier, kProver };
  explicit ChallengeAudit(Side side) : side_(side) {}

  // The lease as its log told it so far; the numbers of its documents move on.
  struct Lease {
    PeerId renter = {};
    PeerId provider = {};
    std::string device = {};
    LeaseState state = LeaseState::kNone;
    uint64_t& renter_number;
    uint64_t& provider_number;
  };
  void OnStep(EntryCheck& check, const ChallengeStep& step, const Lease& lease);
  // All that it knows, to or from an archive (audit_archive.h).
  template <typename Archive>
  void Keep(Archive& archive);

 private:
  struct State {
    Digest lease = {};
    Challenge challenge = {};
    ChallengeStep::Event at = ChallengeStep::Event::kAsked;
    uint64_t entry = 0;
    Time asked = {};
    Time committed = {};  // zero: never
    Digest root = {};     // documents
    Digest rows = {};
    bool opened = false;
    template <typename Archive>
    static void Keep(Archive& archive, State& value);
  };
  static bool IsOpen(ChallengeStep::Event at);
  void OnBegun(EntryCheck& check, const ChallengeStep& step, const Lease& lease);
  void OnRoot(EntryCheck& check, State& state, const Lease& lease);
  void OnRows(EntryCheck& check, State& state, const Lease& lease);
  void OnOpening(EntryCheck& check, State& state, const Lease& lease);
  void OnVerdict(EntryCheck& check, const ChallengeStep& step, const State& state,
                 const Lease& lease);
  void CheckTimes(EntryCheck& check, const ChallengeResult& result, const State& state);
  static void CheckNumber(EntryCheck& check, uint64_t number, uint64_t& last);

  const Side side_;
  std::unordered_map<Digest, State, DigestHash> challenges_ = {};
  std::unordered_map<Digest, Digest, DigestHash> open_ = {};  // lease, challenge
};

}  // namespace souk::ledger
