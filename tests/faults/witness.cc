#include "faults/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ledger/log/log_keys.h"

namespace souk::faults {
using ledger::Checkpoint;
using ledger::Draft;
using ledger::Log;

Bytes FactKey() {
  return ToBytes(AsBytes("n/fact"));
}

Bytes FactValue(uint64_t fact) {
  return ToBytes(AsBytes(fmt::format("fact {}", fact)));
}

bool SaysWhatToDo(const std::string& message) {
  constexpr std::array kRemedies = {"Put ",    "put ",       "free space", "restart", "start again",
                                    "--alone", "soukd init", "stop it",    "allow "};
  return std::any_of(kRemedies.begin(), kRemedies.end(),
                     [&](const char* remedy) { return message.find(remedy) != std::string::npos; });
}

Witness::Witness() {
  std::array<uint8_t, 32> seed = {};
  seed.fill(1);
  signer_ = ledger::NoteSigner::FromSeed("souk.test/log", seed);
}

ledger::NoteSigner Witness::Signer() {
  ledger::NoteSigner signer = signer_;
  signer.sign = [this](ByteView text) -> Result<ledger::Ed25519Signature> {
    ASSIGN_OR_RETURN(const Checkpoint head, ledger::ParseCheckpoint(AsText(text)));
    const auto [at, is_new] = heads_.emplace(head.size, head.root);
    if (!is_new && at->second != head.root) {
      Violation(fmt::format("signed two roots over {} entries", head.size));
    }
    return signer_.sign(text);
  };
  return signer;
}

void Witness::Attempts(const std::vector<Draft>& drafts, uint64_t fact) {
  drafts_.resize(acknowledged_);
  drafts_.insert(drafts_.end(), drafts.begin(), drafts.end());
  attempted_ = drafts_.size();
  next_fact_ = fact;
}

void Witness::Acknowledged(const ledger::Committed& committed) {
  if (committed.size != attempted_) {
    Violation(fmt::format("acknowledged {} entries where {} are", committed.size, attempted_));
  }
  acknowledged_ = attempted_;
  fact_ = next_fact_;
  checkpoint_ = committed.checkpoint;
  const auto head = ledger::OpenCheckpoint(checkpoint_, Verifier());
  if (!head || head->size != committed.size) Violation("acknowledged under another's checkpoint");
}

void Witness::CheckRefusal(const Error& error) {
  if (!SaysWhatToDo(error.message)) {
    Violation("a refusal does not say what to do: " + error.message);
  }
}

void Witness::CheckDiagnosis(const ledger::Diagnosis& found, const ledger::Store* store) {
  using Found = ledger::Diagnosis::Verdict;
  const auto told = [](const std::vector<ledger::EntryRange>& ranges, uint64_t index) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const ledger::EntryRange& range) {
      return index >= range.from && index < range.to;
    });
  };
  if (found.to_do.empty()) Violation("a diagnosis does not say what to do");
  // Where no checkpoint can be read nobody knows how much there was.
  if (!found.signed_head) return;
  for (uint64_t i = 0; i < acknowledged_ && store != nullptr; ++i) {
    const auto entry = store->Get(ledger::EntryKey(i));
    const bool here = entry && *entry == std::optional(drafts_[i].leaf);
    if (here && told(found.lost, i)) Violation(fmt::format("entry {} is here and called lost", i));
    if (!here && i < found.signed_head->size && !told(found.lost, i) && !told(found.unproven, i)) {
      Violation(fmt::format("entry {} is lost, and nothing says so", i));
    }
    if (!here && found.verdict != Found::kLost && i < found.signed_head->size) {
      Violation(fmt::format("entry {} is lost in a ledger called {}", i,
                            ledger::DiagnosisName(found.verdict)));
    }
  }
}

void Witness::Check(const Log& log, const ledger::Store& store) {
  if (log.size() < acknowledged_) {
    Violation(
        fmt::format("opens with {} entries of {} acknowledged ones", log.size(), acknowledged_));
    return;
  }
  if (log.size() != acknowledged_ && log.size() != attempted_) {
    Violation(fmt::format("opens with {} entries: {} were acknowledged and {} written", log.size(),
                          acknowledged_, attempted_));
    return;
  }
  CheckEntries(log);
  CheckHeads(log);
  CheckFact(store);
  // What was kept counts from now on as if it had been acknowledged: it will be signed.
  acknowledged_ = log.size();
}

void Witness::CheckEntries(const Log& log) {
  for (uint64_t i = 0; i < log.size(); ++i) {
    const auto entry = log.Entry(i);
    if (!entry || *entry != drafts_[i].leaf) {
      Violation(fmt::format("entry {} is not what was written", i));
      return;
    }
    for (const Digest& id : drafts_[i].ids) {
      const auto found = log.FindById(id);
      if (!found || *found != i) {
        Violation(fmt::format("entry {} is not found by its id", i));
        return;
      }
    }
  }
}

// Two heads are consistent where both lie on the way to this log.
void Witness::CheckHeads(const Log& log) {
  for (const auto& [size, root] : heads_) {
    if (size > log.size()) {
      Violation(fmt::format("signed {} entries, and opens with {}", size, log.size()));
      return;
    }
    const auto found = log.reader().RootAt(size);
    if (!found || *found != root) {
      Violation(fmt::format("forked: its signed head of {} entries is not in its past", size));
      return;
    }
  }
}

void Witness::CheckFact(const ledger::Store& store) {
  const auto value = store.Get(FactKey());
  for (const uint64_t fact : {next_fact_, fact_}) {
    const auto expected = fact == 0 ? std::nullopt : std::optional(FactValue(fact));
    if (!value || *value != expected) continue;
    fact_ = fact;
    return;
  }
  Violation("the fact is not what was written with its entries");
}

}  // namespace souk::faults
