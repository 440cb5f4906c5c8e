// What a party hands to a third one about a job (souk fetch --evidence): single entries of its log
// with inclusion proofs, and the blobs that they name. Pure.
//
// Such a bundle is never the whole: what it holds can be wrong, but never complete.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/audit/audit.h"

namespace souk::ledger {

struct EvidenceLeaf {
  std::string name = {};  // "order", "job", "receipt"
  Bytes leaf = {};
  std::string proof = {};  // tlog-proof
};

struct EvidenceBlob {
  Digest named = {};  // its file's name
  Digest found = {};  // of its bytes
};

struct Evidence {
  std::vector<EvidenceLeaf> leaves = {};
  std::vector<EvidenceBlob> blobs = {};
};

// The entries at their places in the log, which the proofs say. kMalformed where one does not read.
Result<std::map<uint64_t, const EvidenceLeaf*>> PlacesOf(const Evidence& evidence);

// Proofs, signatures, whether order, job and receipt belong together, and whether the blobs are
// those that they name. kInvalid or kIncomplete, with what would be needed for more; the leases as
// far as the entries tell them.
AuditReport AuditEvidence(const Evidence& evidence, const NoteVerifier& log);

}  // namespace souk::ledger
