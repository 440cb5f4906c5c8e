// C2SP tlog-witness: the body of an add-checkpoint request. https://c2sp.org/tlog-witness
//
//   old <decimal size>
//   <base64 hash>          at most 63, from RFC 6962 section 2.1.2
//   <blank line>
//   <checkpoint, a signed note, verbatim>
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/c2sp/checkpoint.h"

namespace souk::ledger {

// The protocol's own bound; a tree below 2^63 needs no more.
inline constexpr size_t kMaxAddCheckpointHashes = 63;
inline constexpr size_t kMaxAddCheckpointBytes = kMaxNoteBytes + 4096;

struct AddCheckpointRequest {
  uint64_t old_size = 0;  // of the checkpoint that the witness cosigned last
  std::vector<Digest> proof;
  std::string checkpoint;

  bool operator==(const AddCheckpointRequest&) const = default;
  std::string ToText() const;
};

// Strict: what it takes, ToText writes again byte for byte. The checkpoint is not looked into.
Result<AddCheckpointRequest> ParseAddCheckpoint(std::string_view body);

}  // namespace souk::ledger
