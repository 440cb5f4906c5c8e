// The file of a saved audit. That an audit goes on from it to the same report, every test of the
// auditor shows (AuditLeaves).
#include <gmock/gmock.h>

#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {
namespace {

using testing::HasSubstr;
using W = AuditWorld;

Bytes SavedOf(const Identity& owner, const std::vector<Entry>& entries) {
  const MemoryLog log(owner, entries);
  AuditOptions options;
  options.save = true;
  return Audit(log.reader(), options).saved;
}

// What is damaged by chance is noticed; what is changed on purpose too, once its digest is made to
// fit, unless it reads.
Bytes Resealed(Bytes file) {
  const size_t end = file.size() - 32;
  const Digest digest = Sha256(ByteView(file).first(end));
  std::copy(digest.bytes.begin(), digest.bytes.end(), file.begin() + static_cast<long>(end));
  return file;
}

TEST(SavedAudit, SaysUnderWhichCheckpointItStands) {
  const AuditWorld world;
  const Bytes file = SavedOf(world.provider, world.ProviderLog());
  const auto saved = SavedAudit::Parse(file, LogSignerOf(world.provider).Verifier());
  ASSERT_TRUE(saved) << saved.error().message;
  EXPECT_EQ(saved->head().size, 17u);
  EXPECT_EQ(saved->head().origin, LogName(world.provider.id()));
}

TEST(SavedAudit, IsAnothersUnderAnotherKey) {
  const AuditWorld world;
  const Bytes file = SavedOf(world.provider, world.ProviderLog());
  const auto saved = SavedAudit::Parse(file, LogSignerOf(world.renter).Verifier());
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, Code::kBadSignature);
}

TEST(SavedAudit, EveryFlippedByteIsNoticed) {
  const AuditWorld world;
  const Bytes file = SavedOf(world.book, world.BookLog());
  const NoteVerifier key = LogSignerOf(world.book).Verifier();
  for (size_t i = 0; i < file.size(); ++i) {
    Bytes flipped = file;
    flipped[i] ^= 1;
    EXPECT_FALSE(SavedAudit::Parse(flipped, key)) << i;
  }
}

TEST(SavedAudit, EveryCutIsNoticed) {
  const AuditWorld world;
  const Bytes file = SavedOf(world.book, world.BookLog());
  const NoteVerifier key = LogSignerOf(world.book).Verifier();
  for (size_t size = 0; size < file.size(); ++size) {
    const Bytes cut(file.begin(), file.begin() + static_cast<long>(size));
    EXPECT_FALSE(SavedAudit::Parse(cut, key)) << size;
    if (size < 32) continue;
    EXPECT_FALSE(SavedAudit::Parse(Resealed(cut), key)) << size;
  }
}

TEST(SavedAudit, WhatIsSealedAnewReadsOrIsRefusedAndHarmsNothing) {
  const AuditWorld world;
  const std::vector<Entry> log = world.ProviderLog();
  const std::vector<Entry> half(log.begin(), log.begin() + W::kVoucher1);
  const Bytes file = SavedOf(world.provider, half);
  const NoteVerifier key = LogSignerOf(world.provider).Verifier();
  const MemoryLog whole(world.provider, log);
  for (size_t i = 0; i + 32 < file.size(); ++i) {
    for (const uint8_t bits : Bytes{0x01, 0x80, 0xff}) {
      Bytes changed = file;
      changed[i] ^= bits;
      auto saved = SavedAudit::Parse(Resealed(changed), key);
      if (saved) Audit(whole.reader(), std::move(*saved), {.threads = 1});
    }
  }
}

TEST(SavedAudit, AnotherVersionsIsRefusedAndSaysWhatToDo) {
  const AuditWorld world;
  Bytes file = SavedOf(world.provider, world.ProviderLog());
  ++file[8];
  const auto saved = SavedAudit::Parse(Resealed(file), LogSignerOf(world.provider).Verifier());
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, Code::kUnsupported);
  EXPECT_THAT(saved.error().message, HasSubstr("verify the whole log once"));
}

TEST(SavedAudit, ALogThatDoesNotContinueItIsFound) {
  AuditWorld world;
  const Bytes file = SavedOf(world.provider, world.ProviderLog());
  const NoteVerifier key = LogSignerOf(world.provider).Verifier();
  std::vector<Entry> other = world.ProviderLog();
  other[W::kFreed].time = other[W::kFreed].time + Millis(1);
  other.push_back({.sequence = other.size(),
                   .time = other.back().time,
                   .outcome = Resumed{.down_since = other.back().time}});
  const MemoryLog fork(world.provider, other);
  const AuditReport forked = Audit(fork.reader(), *SavedAudit::Parse(file, key));
  EXPECT_EQ(forked.verdict, Verdict::kInvalid);
  EXPECT_TRUE(HasFinding(forked, "a log only grows", "does not continue the 17 entries"));
  const MemoryLog shorter(world.provider, {other[0]});
  EXPECT_TRUE(HasFinding(Audit(shorter.reader(), *SavedAudit::Parse(file, key)), "a log only grows",
                         "does not continue"));
}

TEST(SavedAudit, TheSignaturesOfTrustedEntriesAreBelieved) {
  const AuditWorld world;
  std::vector<Entry> log = world.ProviderLog();
  log[W::kCommitted].documents[0].back() ^= 1;
  const MemoryLog memory(world.provider, log);
  AuditOptions options;
  options.trusted = W::kCommitted;
  EXPECT_EQ(Audit(memory.reader(), options).verdict, Verdict::kInvalid);
  options.trusted = W::kCommitted + 1;
  const AuditReport report = Audit(memory.reader(), options);
  EXPECT_EQ(report.trusted, W::kCommitted + 1);
  EXPECT_FALSE(HasFinding(report, "every document is signed", "commit"));
}

// What it left unjudged for newer rules must be judged where they are known.
TEST(SavedAudit, IsOfOneVersionOfTheRules) {
  const AuditWorld world;
  const MemoryLog log(world.provider, world.ProviderLog());
  const Bytes file = Audit(log.reader(), {.save = true}).saved;
  const NoteVerifier key = LogSignerOf(world.provider).Verifier();
  const RuleSet two[] = {kRuleSets[0], kRuleSets[0]};
  EXPECT_TRUE(SavedAudit::Parse(file, key));
  const auto newer = SavedAudit::Parse(file, key, two);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace souk::ledger
