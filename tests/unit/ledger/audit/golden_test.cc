// Ledgers that earlier programs wrote, one folder of tests/golden for each version of the rules.
// They were VALID when they were written and must stay so (R3); tests/golden/make.sh makes them.
#include <gtest/gtest.h>

#include <filesystem>

#include "ledger/log/tile_reader.h"
#include "protocol/rules.h"
#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {
namespace {

namespace fs = std::filesystem;

const char* const kGoldenLogs[] = {"provider", "renter", "book"};

fs::path GoldenOf(uint32_t version, const char* log) {
  return fs::path(SOUK_SOURCE_DIR) / "tests" / "golden" / ("rules-" + std::to_string(version)) /
         log;
}

Result<std::unique_ptr<TileView>> OpenGolden(const fs::path& dir) {
  ASSIGN_OR_RETURN(const auto key, ReadTilesKey(dir));
  if (!key) return Error(Code::kNotFound, "no vkey");
  return TileView::Open(dir, [&](const Store&) -> Result<NoteVerifier> { return *key; });
}

std::vector<Entry> EntriesOf(const LogReader& log) {
  std::vector<Entry> entries;
  const Status read = log.ForEach(0, [&](uint64_t, ByteView leaf) -> Status {
    ASSIGN_OR_RETURN(entries.emplace_back(), DecodeEntry(leaf));
    return Ok();
  });
  EXPECT_TRUE(read.has_value());
  return entries;
}

// As though the log's owner had written these entries: the name is its own, the key is the test's.
AuditReport AuditUnderItsName(const std::string& origin, const std::vector<Entry>& entries) {
  const Identity other = Identity::FromSeed({9});
  NoteSigner signer = LogSignerOf(other);
  signer.name = origin;
  MemoryStore store;
  MemorySlotFile slots;
  auto log = Log::Open(store, slots, signer);
  EXPECT_TRUE(log.has_value());
  std::vector<Draft> drafts;
  for (const Bytes& leaf : LeavesOf(entries)) drafts.push_back({leaf, {}});
  EXPECT_TRUE(log->Commit(drafts).has_value());
  return Audit(log->reader());
}

// Something else than what was decided; false where the outcome decides nothing by itself.
struct DecideOtherwise {
  bool operator()(Opened& o) const { return Flip(o.peer.bytes); }
  bool operator()(Resumed& o) const {
    o.down_since = o.down_since - Millis(1);
    return true;
  }
  // How many slices a device has is the owner's word; whose they are is not.
  bool operator()(Published& o) const {
    if (o.transfers.empty()) return false;
    souk::TransferRecord& first = o.transfers[0];
    return Flip(first.pending.IsZero() ? first.debit.bytes : first.pending.bytes);
  }
  bool operator()(LeaseStep& o) const {
    o.to = o.to == LeaseState::kPaused ? LeaseState::kDraining : LeaseState::kPaused;
    return true;
  }
  bool operator()(Ordered& o) const { return Flip(o.lease.bytes); }
  bool operator()(EscrowSeen& o) const { return Flip(o.escrow.bytes); }
  bool operator()(VoucherTaken& o) const {
    o.best = o.best + Credits{1};
    return true;
  }
  bool operator()(JobStep& o) const { return Flip(o.job.bytes); }
  bool operator()(Booked& o) const { return Raise(o.transfers); }
  bool operator()(Shown& o) const { return Flip(o.lease.bytes); }
  bool operator()(Settled& o) const {
    o.paid = o.paid + Credits{1'000'000'000};
    return true;
  }
  bool operator()(ChallengeStep& o) const { return Flip(o.challenge.bytes); }
  bool operator()(Replicated& o) const { return Flip(o.jobs.at(0).bytes); }

  bool operator()(Upgraded& o) const {
    ++o.from;
    return true;
  }

  template <typename Array>
  static bool Flip(Array& bytes) {
    bytes[0] ^= 1;
    return true;
  }
  static bool Raise(std::vector<souk::TransferRecord>& transfers) {
    if (transfers.empty()) return false;
    ++transfers[0].amount;
    return true;
  }
};

TEST(GoldenLedgers, AreThereForEveryVersionThatWasReleased) {
  for (uint32_t version = 1; version <= kRulesVersion; ++version) {
    for (const char* name : kGoldenLogs) {
      const auto golden = OpenGolden(GoldenOf(version, name));
      ASSERT_TRUE(golden.has_value()) << golden.error().message;
      uint32_t newest = 0;
      for (const Entry& entry : EntriesOf((*golden)->log())) newest = entry.rules;
      EXPECT_EQ(newest, version) << name;
    }
  }
}

TEST(GoldenLedgers, StayValid) {
  for (uint32_t version = 1; version <= kRulesVersion; ++version) {
    uint64_t leases = 0, jobs = 0, transfers = 0;
    for (const char* name : kGoldenLogs) {
      const auto golden = OpenGolden(GoldenOf(version, name));
      ASSERT_TRUE(golden.has_value()) << golden.error().message;
      const AuditReport report = Audit((*golden)->log());
      EXPECT_EQ(report.verdict, Verdict::kValid) << version << name << ":\n" << Describe(report);
      leases += report.leases;
      jobs += report.jobs;
      transfers += report.transfers;
    }
    EXPECT_EQ(leases, 2u);  // provider's and renter's
    EXPECT_EQ(jobs, 2u);
    EXPECT_GE(transfers, 3u);  // of the book: issue, escrow, post
  }
}

TEST(GoldenLedgers, AreInvalidWhereOneOutcomeIsAnother) {
  for (uint32_t version = 1; version <= kRulesVersion; ++version) {
    size_t changed = 0;
    for (const char* name : kGoldenLogs) {
      const auto golden = OpenGolden(GoldenOf(version, name));
      ASSERT_TRUE(golden.has_value()) << golden.error().message;
      const std::string origin = (*golden)->log().head().origin;
      const std::vector<Entry> entries = EntriesOf((*golden)->log());
      EXPECT_EQ(AuditUnderItsName(origin, entries).verdict, Verdict::kValid);
      for (size_t i = 0; i < entries.size(); ++i) {
        std::vector<Entry> other = entries;
        if (!std::visit(DecideOtherwise(), other[i].outcome)) continue;
        const AuditReport report = AuditUnderItsName(origin, other);
        EXPECT_EQ(report.verdict, Verdict::kInvalid)
            << version << name << " entry " << i << ", " << OutcomeName(entries[i].outcome);
        const bool there = std::any_of(report.findings.begin(), report.findings.end(),
                                       [&](const Finding& finding) { return finding.entry == i; });
        EXPECT_TRUE(there) << name << " entry " << i << ":\n" << Describe(report);
        ++changed;
      }
    }
    EXPECT_GE(changed, 30u);
  }
}

}  // namespace
}  // namespace souk::ledger
