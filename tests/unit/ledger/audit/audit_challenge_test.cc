// Capability challenges in a log (R7): each test breaks one rule of a sound transcript.
#include <gtest/gtest.h>

#include <functional>

#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {
namespace {

using Step = ChallengeStep::Event;
using W = AuditWorld;

constexpr const char* kRule = "rows are asked for after the root, and judged as they were";

// The audit's world with a challenge between the first voucher and the job, in both logs.
struct Story {
  AuditWorld world = {};
  Challenge challenge = {};
  ChallengeRoot root = {};
  ChallengeRows rows = {};
  ChallengeOpening opening = {};
  ChallengeVerdict verdict = {};
  Digest secret = Sha256(AsBytes("secret"));
  // After the first voucher, in the verifier's log.
  Duration asked{0}, committed{200}, judged{300};

  Story() {
    world.job.number = 20;
    world.SignAll();
    challenge = {.lease = world.order_document->id(),
                 .number = 10,
                 .nonce = Sha256(AsBytes("nonce")),
                 .devices = {world.acceptance.device},
                 .device_kind = "cpu",
                 .model = "CPU reference",
                 .size = 64,
                 .rows = 2,
                 .deadline = Millis(250),
                 .secret_digest = Sha256(secret.view()),
                 .issued = world.start};
    root = {.lease = challenge.lease, .number = 10, .root = Sha256(AsBytes("root"))};
    rows = {.lease = challenge.lease, .number = 11, .rows = {3, 9}};
    opening = {.lease = challenge.lease, .number = 11, .blob = {Sha256(AsBytes("blob")), 9}};
    verdict = {.nonce = challenge.nonce,
               .provider = world.provider.id(),
               .device_kind = challenge.device_kind,
               .model = challenge.model,
               .size = challenge.size,
               .rows = challenge.rows,
               .deadline = challenge.deadline,
               .results = {{.lease = challenge.lease,
                            .device = world.acceptance.device,
                            .status = ChallengeStatus::kPassed,
                            .took = committed - asked}},
               .secret = secret,
               .judged = world.start,
               .expires = world.start + Hours(24)};
  }

  // The entries of the challenge, put behind entry `after` of the log.
  std::vector<Entry> Put(std::vector<Entry> log, uint64_t after, Step first) {
    const DocumentRef asked_document = SignMessage(challenge, world.renter.key());
    const Digest id = asked_document->id();
    root.challenge = rows.challenge = opening.challenge = id;
    if (verdict.results[0].challenge.IsZero()) verdict.results[0].challenge = id;
    const DocumentRef root_document = SignMessage(root, world.provider.key());
    if (rows.root.IsZero()) rows.root = root_document->id();
    const DocumentRef rows_document = SignMessage(rows, world.renter.key());
    if (opening.rows.IsZero()) opening.rows = rows_document->id();
    const DocumentRef opening_document = SignMessage(opening, world.provider.key());
    const DocumentRef verdict_document = SignMessage(verdict, world.renter.key());
    const Time from = log[after].time;
    std::vector<Entry> entries;
    const auto add = [&](Duration at, Step event, const DocumentRef& document) {
      entries.push_back(
          {.time = from + at,
           .outcome =
               ChallengeStep{.challenge = id,
                             .lease = challenge.lease,
                             .event = event,
                             .status = event == Step::kJudged ? status : ChallengeStatus::kPassed},
           .documents = {document->envelope()}});
    };
    add(asked, first, asked_document);
    add(committed, Step::kCommitted, root_document);
    add(committed, Step::kRowsAsked, rows_document);
    add(committed, Step::kOpened, opening_document);
    add(judged, Step::kJudged, verdict_document);
    if (alter) alter(entries);
    log.insert(log.begin() + static_cast<long>(after) + 1, entries.begin(), entries.end());
    Renumber(log);
    return log;
  }
  AuditReport Verifiers() {
    return AuditEntries(world.renter, Put(world.RenterLog(), W::kPaying, Step::kAsked));
  }
  AuditReport Provers() {
    return AuditEntries(world.provider, Put(world.ProviderLog(), W::kMetering, Step::kTaken));
  }

  ChallengeStatus status = ChallengeStatus::kPassed;
  std::function<void(std::vector<Entry>&)> alter = {};
};

TEST(AuditChallenge, FindsASoundTranscriptValidOnBothSides) {
  const AuditReport verifier = Story().Verifiers(), prover = Story().Provers();
  EXPECT_EQ(verifier.verdict, Verdict::kValid) << Describe(verifier);
  EXPECT_EQ(prover.verdict, Verdict::kValid) << Describe(prover);
  EXPECT_NE(verifier.unchecked.at(0).find("souk-audit challenge"), std::string::npos);
}

// What both sides' logs must hold.
void ExpectBothBreak(const std::function<void(Story&)>& change, const char* sentence,
                     const char* rule = kRule) {
  Story verifier, prover;
  change(verifier);
  change(prover);
  EXPECT_TRUE(HasFinding(verifier.Verifiers(), rule, sentence));
  EXPECT_TRUE(HasFinding(prover.Provers(), rule, sentence));
}

TEST(AuditChallenge, RowsComeAfterTheRootAndAreThoseThatAreOpened) {
  ExpectBothBreak([](Story& s) { s.rows.root = Sha256(AsBytes("other")); }, "of the root before");
  ExpectBothBreak([](Story& s) { s.opening.rows = Sha256(AsBytes("other")); }, "what is opened");
  ExpectBothBreak(
      [](Story& s) { s.alter = [](auto& entries) { std::swap(entries[1], entries[2]); }; },
      "rows are asked for once");
  ExpectBothBreak(
      [](Story& s) { s.alter = [](auto& entries) { entries.erase(entries.begin() + 1); }; },
      "rows are asked for once");
}

TEST(AuditChallenge, RowsAreAsManyAsTheChallengeSays) {
  ExpectBothBreak([](Story& s) { s.rows.rows = {3}; }, "1 rows where");
  ExpectBothBreak([](Story& s) { s.rows.rows = {3, 64}; }, "below 64");
}

TEST(AuditChallenge, NothingPassesThatWasNotOpened) {
  ExpectBothBreak(
      [](Story& s) { s.alter = [](auto& entries) { entries.erase(entries.begin() + 3); }; },
      "nothing passes");
}

TEST(AuditChallenge, AVerdictIsOfWhatWasAskedAndRevealsWhatWasFixed) {
  ExpectBothBreak([](Story& s) { s.verdict.size = 128; }, "of another challenge");
  ExpectBothBreak([](Story& s) { s.verdict.model = "another"; }, "of another challenge");
  ExpectBothBreak([](Story& s) { s.verdict.deadline = Seconds(9); }, "of another challenge");
  ExpectBothBreak([](Story& s) { s.verdict.secret = Digest{}; }, "the secret");
  ExpectBothBreak([](Story& s) { s.verdict.results[0].challenge = s.secret; }, "does not name");
  ExpectBothBreak([](Story& s) { s.verdict.results[0].device = "GPU-9"; }, "other than the log");
  ExpectBothBreak([](Story& s) { s.status = ChallengeStatus::kWrong; }, "other than the log");
}

TEST(AuditChallenge, ADeviceIsTheLeases) {
  ExpectBothBreak([](Story& s) { s.challenge.devices = {"GPU-9"}; }, "not among those");
}

TEST(AuditChallenge, ItsDocumentsAreNumberedAmongTheLeases) {
  ExpectBothBreak([](Story& s) { s.challenge.number = 1; }, "number 1 follows",
                  "numbers within a lease are used once");
  ExpectBothBreak([](Story& s) { s.opening.number = 10; }, "number 10 follows 10",
                  "numbers within a lease are used once");
}

TEST(AuditChallenge, IsBegunWhileTheLeaseIsMeteringOnly) {
  Story story;
  const AuditReport early = AuditEntries(
      story.world.provider, story.Put(story.world.ProviderLog(), W::kReady, Step::kTaken));
  EXPECT_TRUE(HasFinding(early, kRule, "while the lease is"));
}

TEST(AuditChallenge, EachSideHasItsOwnBeginning) {
  Story story;
  EXPECT_TRUE(HasFinding(AuditEntries(story.world.renter,
                                      story.Put(story.world.RenterLog(), W::kPaying, Step::kTaken)),
                         kRule, "the other side's"));
}

TEST(AuditChallenge, ALateRootDoesNotPassInTheVerifiersLog) {
  Story late;
  late.committed = Millis(260);
  late.verdict.results[0].took = Millis(260);
  const AuditReport report = late.Verifiers();
  EXPECT_TRUE(HasFinding(report, "nothing succeeds late", "a root that came late"));
  EXPECT_TRUE(HasFinding(report, "nothing succeeds late", "a late root passed"));
}

TEST(AuditChallenge, ARootInTimeIsNotCalledLate) {
  Story story;
  story.status = story.verdict.results[0].status = ChallengeStatus::kLate;
  EXPECT_TRUE(HasFinding(story.Verifiers(), "nothing expires early", "counts as late"));
  Story none;
  none.status = none.verdict.results[0].status = ChallengeStatus::kLate;
  none.verdict.results[0].took = {};
  none.judged = Millis(240);
  none.alter = [](auto& entries) { entries.erase(entries.begin() + 1, entries.begin() + 4); };
  EXPECT_TRUE(HasFinding(none.Verifiers(), "nothing expires early", "before the deadline"));
}

TEST(AuditChallenge, TheVerdictsTimeIsTheLogs) {
  Story story;
  story.verdict.results[0].took = Millis(1);
  EXPECT_TRUE(HasFinding(story.Verifiers(), kRule, "by this log"));
}

}  // namespace
}  // namespace souk::ledger
