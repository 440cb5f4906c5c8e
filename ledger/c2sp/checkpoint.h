// C2SP tlog-checkpoint: a log's tree head as the text of a signed note.
// https://c2sp.org/tlog-checkpoint
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/c2sp/merkle.h"
#include "ledger/c2sp/note.h"

namespace souk::ledger {

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Digest root;
  std::vector<std::string> extensions;  // opaque lines, none of them empty

  bool operator==(const Checkpoint&) const = default;
  // The note text: origin, decimal size, base64 root, extension lines.
  std::string ToText() const;
};

// Decimal without sign, spaces or leading zeros, at most kMaxTreeSize: "007" and 2^64 are refused.
Result<uint64_t> ParseTreeSize(std::string_view text);

// Strict, so that one tree head has one text. kMalformed says which line is wrong.
Result<Checkpoint> ParseCheckpoint(std::string_view text);

// Signs the tree head under the signer's name, which must be the origin.
Result<std::string> SignCheckpoint(const Checkpoint& checkpoint, const NoteSigner& signer);

// Parses the note, verifies the log's own signature, and parses the tree head; its origin must be
// the verifier's name.
Result<Checkpoint> OpenCheckpoint(std::string_view note, const NoteVerifier& log);

}  // namespace souk::ledger
