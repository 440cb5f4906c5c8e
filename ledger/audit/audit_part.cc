#include "ledger/audit/audit_part.h"

namespace souk::ledger {

LogPart WholeLog(const LogReader& log) {
  return {.peer = PeerOfLog(log.head().origin),
          .entries = log.size(),
          .for_each = [&log](const LogPart::Visit& visit) { return log.ForEach(0, visit); }};
}

LogPart PartOfLog(const Evidence& evidence, const NoteVerifier& log) {
  const PeerId peer = PeerOfLog(log.name);
  return {.peer = peer,
          .name = peer.ToString().substr(0, 13),
          .entries = evidence.leaves.size(),
          .whole = false,
          .for_each = [&evidence](const LogPart::Visit& visit) -> Status {
            ASSIGN_OR_RETURN(const auto places, PlacesOf(evidence));
            for (const auto& [index, leaf] : places) RETURN_IF_ERROR(visit(index, leaf->leaf));
            return Ok();
          }};
}

}  // namespace souk::ledger
