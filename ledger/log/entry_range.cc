#include "ledger/log/entry_range.h"

#include "ledger/c2sp/entry_bundle.h"

namespace souk::ledger {

Result<ProvenEntries> ReadEntries(const LogReader& log, uint64_t from, uint64_t size,
                                  size_t most_bytes) {
  if (from > size || size > log.size()) {
    return Error(Code::kInvalidArgument, "the log has not so many entries");
  }
  ProvenEntries out{.from = from};
  for (uint64_t index = from; index < size && out.count < kTileWidth; ++index) {
    ASSIGN_OR_RETURN(const Bytes entry, log.Entry(index));
    if (out.bundle.size() + 2 + entry.size() > most_bytes) break;
    AppendToBundle(out.bundle, entry);
    ++out.count;
  }
  ASSIGN_OR_RETURN(out.hashes, ConsistencyProof(from + out.count, size, log));
  return out;
}

}  // namespace souk::ledger
