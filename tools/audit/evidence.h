// An evidence bundle (souk fetch --evidence) where a directory was named.
//
//   key              the log's key
//   NAME.entry       a leaf, NAME.proof its inclusion: order, job, receipt
//   blobs/<64 hex>   what job and receipt name
#pragma once

#include <filesystem>

#include "ledger/audit/audit_evidence.h"

namespace souk::tools {

bool IsEvidence(const std::filesystem::path& dir);

struct OpenedEvidence {
  ledger::Evidence evidence = {};
  ledger::NoteVerifier key = {};
  std::string key_from = {};
};
// `vkey` empty: the bundle's own, which proves no more than that it agrees with itself.
Result<OpenedEvidence> OpenEvidence(const std::filesystem::path& dir, const std::string& vkey);
// The same, with a look at what verify checks: kMismatch where its verdict is INVALID.
Result<OpenedEvidence> OpenSoundEvidence(const std::filesystem::path& dir, const std::string& vkey);

}  // namespace souk::tools
