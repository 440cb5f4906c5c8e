// An evidence bundle: single entries with proofs, and blobs.
#include "ledger/audit/audit_evidence.h"

#include <gmock/gmock.h>

#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using W = AuditWorld;

// What a renter hands on about the job of the audit's world.
struct Bundle {
  AuditWorld world = {};
  std::vector<Entry> entries = world.RenterLog();
  std::vector<std::pair<std::string, uint64_t>> leaves = {
      {"order", W::kOrdered}, {"job", W::kJobSent}, {"receipt", W::kReceipt}};
  std::vector<EvidenceBlob> blobs = {{world.job.workload.digest, world.job.workload.digest}};

  Evidence Make() const {
    const MemoryLog log(world.renter, entries);
    Evidence evidence{.blobs = blobs};
    for (const auto& [name, index] : leaves) {
      evidence.leaves.push_back(
          {name, *log.reader().Entry(index), log.reader().Proof(index)->ToText()});
    }
    return evidence;
  }
  AuditReport Audit(const Evidence& evidence) const {
    return AuditEvidence(evidence, LogSignerOf(world.renter).Verifier());
  }
  AuditReport Audit() const { return Audit(Make()); }
};

TEST(AuditEvidence, IsIncompleteWhereNothingIsWrong) {
  const Bundle bundle;
  const AuditReport report = bundle.Audit();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete) << Describe(report);
  EXPECT_EQ(Describe(report), "");
  EXPECT_EQ(report.entries, 3u);
  EXPECT_EQ(report.signatures, 4u);
  EXPECT_EQ(report.peer, bundle.world.renter.id());
  EXPECT_THAT(report.unchecked, Contains(HasSubstr("the rest of the log is not here")));
  EXPECT_THAT(report.unchecked, Not(Contains(HasSubstr("blob"))));
}

TEST(AuditEvidence, FindsALeafThatIsNotTheProofs) {
  const Bundle bundle;
  Evidence evidence = bundle.Make();
  evidence.leaves[2].leaf.back() ^= 1;
  EXPECT_TRUE(HasFinding(bundle.Audit(evidence), "the log is what was signed", "receipt: "));
  EXPECT_EQ(bundle.Audit(evidence).verdict, Verdict::kInvalid);
  evidence = bundle.Make();
  evidence.leaves[1].proof += "x";
  EXPECT_EQ(bundle.Audit(evidence).verdict, Verdict::kInvalid);
}

TEST(AuditEvidence, FindsAnothersKey) {
  const Bundle bundle;
  const AuditReport report =
      AuditEvidence(bundle.Make(), LogSignerOf(bundle.world.book).Verifier());
  EXPECT_EQ(report.verdict, Verdict::kInvalid);
}

TEST(AuditEvidence, FindsADocumentThatIsNotSigned) {
  Bundle bundle;
  bundle.entries[W::kReceipt].documents[0].back() ^= 1;
  EXPECT_TRUE(HasFinding(bundle.Audit(), "every document is signed", "document 0"));
}

TEST(AuditEvidence, FindsAReceiptThatAnotherSigned) {
  Bundle bundle;
  bundle.entries[W::kReceipt].documents[0] =
      EnvelopeOf(SignMessage(bundle.world.receipt, bundle.world.book.key()));
  EXPECT_TRUE(HasFinding(bundle.Audit(), "documents are signed by whom they bind",
                         "not signed by the lease's provider"));
}

TEST(AuditEvidence, FindsAReceiptOfAnotherJob) {
  Bundle bundle;
  JobReceipt other = bundle.world.receipt;
  other.workload = Sha256(AsBytes("another"));
  bundle.entries[W::kReceipt].documents[0] =
      EnvelopeOf(SignMessage(other, bundle.world.provider.key()));
  EXPECT_TRUE(HasFinding(bundle.Audit(), "a receipt answers its job", "another job"));
}

TEST(AuditEvidence, FindsTwoRootsOfOneSize) {
  const Bundle bundle;
  Evidence evidence = bundle.Make();
  Bundle other;
  other.entries[W::kFetched].time = other.entries[W::kFetched].time + Millis(1);
  evidence.leaves[0] = other.Make().leaves[0];
  EXPECT_TRUE(HasFinding(bundle.Audit(evidence), "a log only grows", "the log was forked"));
}

TEST(AuditEvidence, FindsABlobWithOtherBytesAndSaysWhichAreMissing) {
  Bundle bundle;
  bundle.blobs[0].found = Sha256(AsBytes("other bytes"));
  EXPECT_TRUE(HasFinding(bundle.Audit(), "an outcome stands with its documents", "blob "));
  bundle.blobs.clear();
  const AuditReport report = bundle.Audit();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_THAT(report.unchecked, Contains("1 workload blob is not here"));
}

TEST(AuditEvidence, SaysWhatWouldBeNeeded) {
  Bundle bundle;
  bundle.leaves = {{"job", W::kJobSent}};
  const AuditReport report = bundle.Audit();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete) << Describe(report);
  EXPECT_THAT(report.unchecked, Contains(HasSubstr("the lease's order is not here")));
  EXPECT_THAT(report.unchecked, Contains(HasSubstr("no receipt is here")));
}

}  // namespace
}  // namespace souk::ledger
