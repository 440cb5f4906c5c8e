// Who reads what of a log (R3): whole logs go to the mirrors and auditors that its owner's card
// names, a party gets its own entries, everyone else sees checkpoints. The wire and the HTTP server
// both ask here. Pure.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "protocol/entry.h"

namespace souk {

// Whom the owner lets read all of the log.
struct LogReaders {
  bool everyone = false;
  std::vector<PeerId> peers = {};
};
// As the card says; the owner itself may always.
LogReaders ReadersOf(const Card& owner);

enum class LogShare : uint8_t {
  kCheckpoints,  // and proofs between them
  kOwnEntries,   // also entries whose documents name the reader
  kWhole,
};
// What a reader gets. One without a key is a stranger, as every HTTP client is.
LogShare ShareOf(const LogReaders& readers, const std::optional<PublicKey>& reader);

// The keys that an entry's documents name as parties: who signed them, and renter, provider, book,
// account and payee in them. A document that does not decode names nobody.
std::set<PublicKey> PartiesOf(const Entry& entry);

// Whether the reader may see this entry.
bool MayReadEntry(const LogReaders& readers, const std::optional<PublicKey>& reader,
                  const Entry& entry);

}  // namespace souk
