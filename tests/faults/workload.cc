#include "faults/workload.h"

namespace souk::faults {
namespace {

using ledger::Draft;
using ledger::Log;

Bytes RandomLeaf(sim::Rng& rng, const RunOptions& options) {
  const bool large = rng.Chance(60);
  Bytes leaf(8 + rng.Next() % (large ? options.large_bytes : 120));
  for (size_t i = 0; i < leaf.size(); i += 8) {
    const uint64_t word = rng.Next();
    for (size_t k = 0; k < 8 && i + k < leaf.size(); ++k) {
      leaf[i + k] = static_cast<uint8_t>(word >> 8 * k);
    }
  }
  return leaf;
}

std::vector<Draft> RandomDrafts(sim::Rng& rng, const RunOptions& options) {
  uint64_t count = rng.Next() % 5;
  if (rng.Chance(static_cast<uint64_t>(options.large_groups))) count = 200 + rng.Next() % 200;
  std::vector<Draft> drafts(count);
  for (Draft& draft : drafts) {
    draft.leaf = RandomLeaf(rng, options);
    if (rng.Chance(700)) draft.ids.push_back(Sha256(draft.leaf));
  }
  return drafts;
}

// Whether it was acknowledged.
bool CommitOnce(Log& log, Witness& witness, sim::Rng& rng, const RunOptions& options) {
  const std::vector<Draft> drafts = RandomDrafts(rng, options);
  const uint64_t fact = 1 + rng.Next() % (uint64_t{1} << 40);
  ledger::WriteBatch extra;
  extra.Put(FactKey(), FactValue(fact));
  witness.Attempts(drafts, fact);
  const auto committed = log.Commit(drafts, extra);
  if (!committed) {
    witness.CheckRefusal(committed.error());
    return false;
  }
  witness.Acknowledged(*committed);
  // Who was told asks: it must be there at once.
  if (drafts.empty()) return true;
  const uint64_t last = committed->size - 1;
  const auto entry = log.Entry(last);
  if (!entry || *entry != drafts.back().leaf)
    witness.Violation("acknowledged what it does not hold");
  return true;
}

// A log that held entries signs only once a counterparty's copy fits.
bool ConfirmByCounterparty(Log& log, Witness& witness) {
  if (log.size() == 0) return true;
  const auto early = log.Commit({Draft{Bytes{1}, {}}});
  if (early || early.error().code != Code::kUnavailable) {
    witness.Violation("signed before a counterparty's copy was seen");
    return false;
  }
  witness.CheckRefusal(early.error());
  if (log.Confirm(witness.checkpoint())) return true;
  // The disk may fail while the kept entries are signed.
  if (log.health().error().code == Code::kConflict) {
    witness.Violation("refuses a counterparty's copy of its own checkpoint: " +
                      log.health().error().message);
  }
  return false;
}

}  // namespace

bool RunOnce(Site& site, Witness& witness, sim::Rng& rng, Disk disk, const RunOptions& options) {
  // The operator's word is needed where nobody holds a copy.
  const bool alone = witness.checkpoint().empty() || rng.Chance(500);
  const auto opened = site.Open(witness.Signer(), {.alone = alone, .made = options.made && !alone});
  if (!opened) {
    witness.CheckRefusal(opened.error());
    if (!site.Complaint().empty()) witness.Violation(site.Complaint());
    if (disk == Disk::kHonest) {
      witness.Violation("a disk that keeps what it synced is refused: " + opened.error().message);
    }
    site.Close();
    return false;
  }
  Log& log = **opened;
  witness.Check(log, site.store());
  if (alone || ConfirmByCounterparty(log, witness)) {
    for (int i = 0; i < options.commits; ++i) {
      if (CommitOnce(log, witness, rng, options)) continue;
      if (disk == Disk::kHonest) witness.Violation("a sound disk's log stopped");
      break;
    }
  }
  site.Close();
  return true;
}

void FlipOneBit(Bytes& bytes, sim::Rng& rng) {
  uint8_t& byte = bytes[rng.Next() % bytes.size()];
  byte = static_cast<uint8_t>(byte ^ 1u << rng.Next() % 8);
}

void CheckRestored(Site& site, Witness& witness) {
  const auto opened = site.Open(witness.Signer(), {});
  if (!opened) {
    witness.Violation("a whole older copy does not open: " + opened.error().message);
    site.Close();
    return;
  }
  Log& log = **opened;
  const auto early = log.size() > 0 ? log.Commit({Draft{Bytes{1}, {}}})
                                    : Result<ledger::Committed>(Error(Code::kUnavailable, ""));
  if (early || early.error().code != Code::kUnavailable) {
    witness.Violation("an older copy signed before a counterparty was heard");
  }
  const auto newest = ledger::OpenCheckpoint(witness.checkpoint(), witness.Verifier());
  const auto heard = log.Confirm(witness.checkpoint());
  const bool older = log.size() < newest->size;
  if (older && (heard || heard.error().code != Code::kConflict)) {
    witness.Violation("an older copy is not stopped by the newer checkpoint");
  }
  if (!heard) witness.CheckRefusal(heard.error());
  if (older && log.Commit({Draft{Bytes{2}, {}}})) witness.Violation("an older copy was written to");
  site.Close();
}

}  // namespace souk::faults
