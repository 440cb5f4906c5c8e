#include "ledger/book/book.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

using testing::ElementsAre;
using R = TransferResult;

constexpr uint32_t kMoney = 1;
constexpr uint32_t kSlices = 2;

Digest A(uint64_t n) {
  return Sha256(AsBytes("account " + std::to_string(n)));
}
Digest T(uint64_t n) {
  return Sha256(AsBytes("transfer " + std::to_string(n)));
}

Account NewAccount(uint64_t n, bool limited = true, uint32_t ledger = kMoney) {
  Account account;
  account.id = A(n);
  account.ledger = ledger;
  account.code = 1;
  account.debits_must_not_exceed_credits = limited;
  return account;
}

Transfer NewTransfer(uint64_t id, uint64_t from, uint64_t to, Amount amount,
                     TransferKind kind = TransferKind::kSingle, TimeMs timeout = 0) {
  Transfer transfer;
  transfer.id = T(id);
  transfer.debit_account = A(from);
  transfer.credit_account = A(to);
  transfer.amount = amount;
  transfer.kind = kind;
  transfer.timeout = timeout;
  transfer.ledger = kMoney;
  transfer.code = 1;
  return transfer;
}

Transfer Resolve(uint64_t id, uint64_t pending, TransferKind kind, Amount amount = 0) {
  Transfer transfer;
  transfer.id = T(id);
  transfer.pending_id = T(pending);
  transfer.kind = kind;
  transfer.amount = amount;
  return transfer;
}

constexpr auto kPending = TransferKind::kPending;
constexpr auto kPost = TransferKind::kPost;
constexpr auto kVoid = TransferKind::kVoid;

// Account 0 issues; 1 and 2 may not overdraw; 3 counts slices. Account 1 holds 1000.
class BookTest : public testing::Test {
 protected:
  BookTest() {
    BookDraft draft(book);
    for (uint64_t n : {0, 1, 2}) EXPECT_EQ(draft.Open(NewAccount(n, n != 0)), AccountResult::kOk);
    EXPECT_EQ(draft.Open(NewAccount(3, false, kSlices)), AccountResult::kOk);
    EXPECT_EQ(draft.Create(NewTransfer(0, 0, 1, 1000), 1), R::kOk);
    EXPECT_TRUE(book.Apply(draft.facts()));
  }
  ~BookTest() override { EXPECT_TRUE(book.Reconcile()); }

  R Create(const Transfer& transfer, TimeMs now = 10) {
    BookDraft draft(book);
    const R result = draft.Create(transfer, now);
    EXPECT_TRUE(book.Apply(draft.facts()));
    EXPECT_TRUE(book.Reconcile());
    return result;
  }
  std::vector<R> CreateAll(std::vector<Transfer> transfers, TimeMs now = 10) {
    BookDraft draft(book);
    auto results = draft.Create(transfers, now);
    EXPECT_TRUE(book.Apply(draft.facts()));
    EXPECT_TRUE(book.Reconcile());
    return results;
  }
  const Account& At(uint64_t n) { return *book.FindAccount(A(n)); }

  Book book;
};

TEST_F(BookTest, MovesWhatIsThereAndNotMore) {
  EXPECT_EQ(Create(NewTransfer(1, 1, 2, 600)), R::kOk);
  EXPECT_EQ(Create(NewTransfer(2, 1, 2, 401)), R::kExceedsCredits);
  EXPECT_EQ(Create(NewTransfer(3, 1, 2, 400)), R::kOk);
  EXPECT_EQ(At(1).Balance(), 0);
  EXPECT_EQ(At(2).Balance(), 1000);
  EXPECT_EQ(At(0).Balance(), -1000);
}

TEST_F(BookTest, APendingTransferReservesAndAPartialPostReturnsTheRest) {
  EXPECT_EQ(Create(NewTransfer(1, 1, 2, 700, kPending)), R::kOk);
  EXPECT_EQ(At(1).Available(), 300u);
  EXPECT_EQ(Create(NewTransfer(2, 1, 2, 301)), R::kExceedsCredits);
  EXPECT_EQ(At(2).Balance(), 0) << "pending is not received yet";
  EXPECT_EQ(Create(Resolve(3, 1, kPost, 250)), R::kOk);
  EXPECT_EQ(At(1).Available(), 750u);
  EXPECT_EQ(At(2).Balance(), 250);
  EXPECT_EQ(At(2).credits_pending, 0u);
  EXPECT_EQ(book.FindTransfer(T(1))->state, PendingState::kPosted);
  EXPECT_EQ(book.FindTransfer(T(1))->resolved_by, T(3));
}

TEST_F(BookTest, AnAmountOfZeroPostsAllThatIsPending) {
  EXPECT_EQ(Create(NewTransfer(1, 1, 2, 700, kPending)), R::kOk);
  EXPECT_EQ(Create(Resolve(2, 1, kPost)), R::kOk);
  EXPECT_EQ(At(2).Balance(), 700);
  EXPECT_EQ(book.FindTransfer(T(2))->transfer.amount, 700u);
}

TEST_F(BookTest, APendingTransferIsResolvedOnce) {
  ASSERT_EQ(Create(NewTransfer(1, 1, 2, 100, kPending)), R::kOk);
  ASSERT_EQ(Create(NewTransfer(2, 1, 2, 100, kPending)), R::kOk);
  ASSERT_EQ(Create(Resolve(3, 1, kPost)), R::kOk);
  ASSERT_EQ(Create(Resolve(4, 2, kVoid)), R::kOk);
  EXPECT_EQ(Create(Resolve(5, 1, kPost)), R::kPendingTransferAlreadyPosted);
  EXPECT_EQ(Create(Resolve(5, 1, kVoid)), R::kPendingTransferAlreadyPosted);
  EXPECT_EQ(Create(Resolve(5, 2, kPost)), R::kPendingTransferAlreadyVoided);
  EXPECT_EQ(Create(Resolve(5, 2, kVoid)), R::kPendingTransferAlreadyVoided);
  EXPECT_EQ(At(2).Balance(), 100);
}

TEST_F(BookTest, AtItsTimeoutAPostFailsWhetherOrNotTheExpiryIsWritten) {
  ASSERT_EQ(Create(NewTransfer(1, 1, 2, 100, kPending, 50)), R::kOk);
  ASSERT_EQ(Create(NewTransfer(2, 1, 2, 100, kPending, 50)), R::kOk);
  EXPECT_EQ(Create(Resolve(3, 1, kPost), 49), R::kOk);
  EXPECT_EQ(Create(Resolve(4, 2, kPost), 50), R::kPendingTransferExpired);
  EXPECT_EQ(Create(Resolve(4, 2, kVoid), 50), R::kPendingTransferExpired);
  EXPECT_EQ(At(1).debits_pending, 100u) << "reserved until the expiry is written";
  BookDraft draft(book);
  EXPECT_THAT(draft.ExpireDue(50), ElementsAre(T(2)));
  ASSERT_TRUE(book.Apply(draft.facts()));
  EXPECT_EQ(At(1).debits_pending, 0u);
  EXPECT_EQ(Create(Resolve(4, 2, kPost), 51), R::kPendingTransferExpired);
  EXPECT_FALSE(book.NextTimeout());
}

TEST_F(BookTest, ExpiresEarliestFirst) {
  for (uint64_t i = 1; i <= 5; ++i) {
    ASSERT_EQ(Create(NewTransfer(i, 1, 2, 10, kPending, static_cast<TimeMs>(100 - i))), R::kOk);
  }
  EXPECT_EQ(book.NextTimeout(), 95);
  EXPECT_TRUE(book.Due(94).empty());
  EXPECT_THAT(book.Due(97), ElementsAre(T(5), T(4), T(3)));
}

TEST_F(BookTest, ADowntimeMovesTheTimeoutsThatItMissed) {
  ASSERT_EQ(Create(NewTransfer(1, 1, 2, 10, kPending, 50)), R::kOk);
  ASSERT_EQ(Create(NewTransfer(2, 1, 2, 10, kPending, 500)), R::kOk);
  BookDraft draft(book);
  draft.PostponeMissed(/*resumed=*/100, /*timeout=*/160);
  EXPECT_TRUE(draft.ExpireDue(100).empty());
  ASSERT_TRUE(book.Apply(draft.facts()));
  EXPECT_EQ(Create(Resolve(3, 1, kPost), 159), R::kOk);
  EXPECT_EQ(book.NextTimeout(), 500);
}

TEST_F(BookTest, LinkedTransfersStandOrFallTogether) {
  std::vector<Transfer> chain = {NewTransfer(1, 1, 2, 500), NewTransfer(2, 2, 1, 200),
                                 NewTransfer(3, 1, 2, 701)};
  chain[0].linked = chain[1].linked = true;
  EXPECT_THAT(CreateAll(chain),
              ElementsAre(R::kLinkedEventFailed, R::kLinkedEventFailed, R::kExceedsCredits));
  EXPECT_EQ(At(2).Balance(), 0);
  EXPECT_EQ(book.FindTransfer(T(1)), nullptr);
  chain[2].amount = 700;
  EXPECT_THAT(CreateAll(chain), ElementsAre(R::kOk, R::kOk, R::kOk));
  EXPECT_EQ(At(2).Balance(), 1000);
}

TEST_F(BookTest, AFailedChainLeavesItsNeighboursAlone) {
  std::vector<Transfer> all = {NewTransfer(1, 1, 2, 100), NewTransfer(2, 1, 2, 100),
                               NewTransfer(3, 1, 9, 100), NewTransfer(4, 1, 2, 100)};
  all[1].linked = true;
  EXPECT_THAT(CreateAll(all),
              ElementsAre(R::kOk, R::kLinkedEventFailed, R::kCreditAccountNotFound, R::kOk));
  EXPECT_EQ(At(2).Balance(), 200);
}

TEST_F(BookTest, AnOpenChainFails) {
  std::vector<Transfer> chain = {NewTransfer(1, 1, 2, 100), NewTransfer(2, 1, 2, 100)};
  chain[0].linked = chain[1].linked = true;
  EXPECT_THAT(CreateAll(chain), ElementsAre(R::kLinkedEventFailed, R::kLinkedEventChainOpen));
  EXPECT_EQ(Create(chain[0]), R::kLinkedEventChainOpen);
  EXPECT_EQ(At(2).Balance(), 0);
}

// R6: rolls post one escrow and open the next as one.
TEST_F(BookTest, ARollPostsAndReservesAnewAsOne) {
  ASSERT_EQ(Create(NewTransfer(1, 1, 2, 900, kPending, 100)), R::kOk);
  std::vector<Transfer> roll = {Resolve(2, 1, kPost, 300),
                                NewTransfer(3, 1, 2, 700, kPending, 200)};
  roll[0].linked = true;
  EXPECT_THAT(CreateAll(roll), ElementsAre(R::kOk, R::kOk));
  EXPECT_EQ(At(1).Available(), 0u);
}

TEST_F(BookTest, TheSameTransferTwiceExistsAndChangesNothing) {
  const Transfer transfer = NewTransfer(1, 1, 2, 1000);
  ASSERT_EQ(Create(transfer), R::kOk);
  EXPECT_EQ(Create(transfer), R::kExists) << "and not exceeds_credits";
  const Transfer pending = NewTransfer(2, 2, 1, 1000, kPending, 90);
  ASSERT_EQ(Create(pending), R::kOk);
  EXPECT_EQ(Create(pending, 95), R::kExists);
  const Transfer post = Resolve(3, 2, kPost);
  ASSERT_EQ(Create(post), R::kOk);
  EXPECT_EQ(Create(post), R::kExists) << "and not already_posted";
}

TEST_F(BookTest, AnIdIsNotUsedForSomethingElse) {
  ASSERT_EQ(Create(NewTransfer(1, 1, 2, 100, kPending, 90)), R::kOk);
  const auto with = [](auto change) {
    Transfer transfer = NewTransfer(1, 1, 2, 100, kPending, 90);
    change(transfer);
    return transfer;
  };
  EXPECT_EQ(Create(with([](Transfer& t) {
              t.kind = TransferKind::kSingle;
              t.timeout = 0;
            })),
            R::kExistsWithDifferentFlags);
  EXPECT_EQ(Create(with([](Transfer& t) { t.debit_account = A(0); })),
            R::kExistsWithDifferentDebitAccountId);
  EXPECT_EQ(Create(with([](Transfer& t) { t.credit_account = A(0); })),
            R::kExistsWithDifferentCreditAccountId);
  EXPECT_EQ(Create(with([](Transfer& t) { t.amount = 99; })), R::kExistsWithDifferentAmount);
  EXPECT_EQ(Create(with([](Transfer& t) { t.timeout = 91; })), R::kExistsWithDifferentTimeout);
  EXPECT_EQ(Create(with([](Transfer& t) { t.code = 2; })), R::kExistsWithDifferentCode);
  ASSERT_EQ(Create(NewTransfer(2, 1, 2, 100, kPending)), R::kOk);
  ASSERT_EQ(Create(Resolve(3, 1, kPost)), R::kOk);
  EXPECT_EQ(Create(Resolve(3, 2, kPost)), R::kExistsWithDifferentPendingId);
  EXPECT_EQ(Create(Resolve(3, 1, kPost, 50)), R::kExistsWithDifferentAmount);
}

// One transfer that breaks many rules at once is told the first; with that one mended, the next.
TEST_F(BookTest, NamesTheFirstBrokenRuleInTigerBeetlesOrder) {
  Transfer t;
  t.amount = 0;
  t.timeout = 5;
  t.pending_id = T(9);
  EXPECT_EQ(Create(t), R::kIdMustNotBeZero);
  t.id = T(1);
  EXPECT_EQ(Create(t), R::kDebitAccountIdMustNotBeZero);
  t.debit_account = A(7);
  EXPECT_EQ(Create(t), R::kCreditAccountIdMustNotBeZero);
  t.credit_account = A(7);
  EXPECT_EQ(Create(t), R::kAccountsMustBeDifferent);
  t.credit_account = A(8);
  EXPECT_EQ(Create(t), R::kPendingIdMustBeZero);
  t.pending_id = {};
  EXPECT_EQ(Create(t), R::kTimeoutReservedForPendingTransfer);
  t.timeout = 0;
  EXPECT_EQ(Create(t), R::kAmountMustNotBeZero);
  t.amount = 5000;
  EXPECT_EQ(Create(t), R::kLedgerMustNotBeZero);
  t.ledger = kSlices;
  EXPECT_EQ(Create(t), R::kCodeMustNotBeZero);
  t.code = 1;
  EXPECT_EQ(Create(t), R::kDebitAccountNotFound);
  t.debit_account = A(1);
  EXPECT_EQ(Create(t), R::kCreditAccountNotFound);
  t.credit_account = A(3);
  EXPECT_EQ(Create(t), R::kAccountsMustHaveTheSameLedger);
  t.credit_account = A(2);
  EXPECT_EQ(Create(t), R::kTransferMustHaveTheSameLedgerAsAccounts);
  t.ledger = kMoney;
  t.kind = kPending;
  t.timeout = 10;
  EXPECT_EQ(Create(t, 10), R::kTimeoutMustBeInTheFuture);
  t.timeout = 11;
  EXPECT_EQ(Create(t, 10), R::kExceedsCredits);
  t.amount = 1000;
  EXPECT_EQ(Create(t, 10), R::kOk);
}

TEST_F(BookTest, NamesTheFirstBrokenRuleOfAResolution) {
  ASSERT_EQ(Create(NewTransfer(1, 1, 2, 100, kPending, 50)), R::kOk);
  Transfer t;
  t.kind = kVoid;
  t.timeout = 1;
  t.debit_account = A(2);
  t.credit_account = A(1);
  t.ledger = 9;
  t.code = 9;
  t.amount = 101;
  EXPECT_EQ(Create(t), R::kIdMustNotBeZero);
  t.id = T(2);
  EXPECT_EQ(Create(t), R::kPendingIdMustNotBeZero);
  t.pending_id = T(2);
  EXPECT_EQ(Create(t), R::kPendingIdMustBeDifferent);
  t.pending_id = T(77);
  EXPECT_EQ(Create(t), R::kTimeoutReservedForPendingTransfer);
  t.timeout = 0;
  EXPECT_EQ(Create(t), R::kPendingTransferNotFound);
  t.pending_id = T(0);
  EXPECT_EQ(Create(t), R::kPendingTransferNotPending);
  t.pending_id = T(1);
  EXPECT_EQ(Create(t), R::kPendingTransferHasDifferentDebitAccountId);
  t.debit_account = A(1);
  EXPECT_EQ(Create(t), R::kPendingTransferHasDifferentCreditAccountId);
  t.credit_account = A(2);
  EXPECT_EQ(Create(t), R::kPendingTransferHasDifferentLedger);
  t.ledger = kMoney;
  EXPECT_EQ(Create(t), R::kPendingTransferHasDifferentCode);
  t.code = 1;
  EXPECT_EQ(Create(t), R::kExceedsPendingTransferAmount);
  t.amount = 99;
  EXPECT_EQ(Create(t), R::kPendingTransferHasDifferentAmount);
  t.amount = 100;
  EXPECT_EQ(Create(t, 50), R::kPendingTransferExpired);
  EXPECT_EQ(Create(t, 49), R::kOk);
}

TEST_F(BookTest, RefusesWhatOverflows) {
  BookDraft draft(book);
  ASSERT_EQ(draft.Open(NewAccount(10, false)), AccountResult::kOk);
  ASSERT_EQ(draft.Open(NewAccount(11, false)), AccountResult::kOk);
  EXPECT_EQ(draft.Create(NewTransfer(1, 10, 11, kMaxAmount + 1), 1), R::kOverflowsDebitsPosted);
  EXPECT_EQ(draft.Create(NewTransfer(1, 10, 11, ~Amount{0}, kPending), 1),
            R::kOverflowsDebitsPending);
  EXPECT_EQ(draft.Create(NewTransfer(1, 10, 11, kMaxAmount - 5), 1), R::kOk);
  EXPECT_EQ(draft.Create(NewTransfer(2, 10, 0, 6), 1), R::kOverflowsDebitsPosted);
  EXPECT_EQ(draft.Create(NewTransfer(2, 0, 11, 6), 1), R::kOverflowsCreditsPosted);
  EXPECT_EQ(draft.Create(NewTransfer(3, 10, 0, 5, kPending), 1), R::kOk);
  EXPECT_EQ(draft.Create(NewTransfer(4, 10, 0, 1), 1), R::kOverflowsDebits);
  EXPECT_EQ(draft.Create(NewTransfer(5, 0, 11, 5, kPending), 1), R::kOk);
  EXPECT_EQ(draft.Create(NewTransfer(6, 0, 11, 1), 1), R::kOverflowsCredits);
  EXPECT_TRUE(book.Apply(draft.facts()));
}

TEST_F(BookTest, AccountsAreOpenedOnceAndEmpty) {
  BookDraft draft(book);
  EXPECT_EQ(draft.Open(NewAccount(1)), AccountResult::kExists);
  EXPECT_EQ(draft.Open(NewAccount(1, false)), AccountResult::kExistsWithDifferentFlags);
  EXPECT_EQ(draft.Open(NewAccount(1, true, kSlices)), AccountResult::kExistsWithDifferentLedger);
  Account other = NewAccount(1);
  other.code = 2;
  EXPECT_EQ(draft.Open(other), AccountResult::kExistsWithDifferentCode);
  Account rich = NewAccount(50);
  rich.credits_posted = 1;
  EXPECT_EQ(draft.Open(rich), AccountResult::kCreditsPostedMustBeZero);
  Account both = NewAccount(50);
  both.credits_must_not_exceed_debits = true;
  EXPECT_EQ(draft.Open(both), AccountResult::kFlagsAreMutuallyExclusive);
  EXPECT_TRUE(draft.facts().empty());
}

// R5: a provider's slices: what is leased twice is an overdraft.
TEST(Book, OverlappingLeasesOnOneSliceAreAnOverdraft) {
  Book book;
  BookDraft draft(book);
  Account source = NewAccount(0, false, kSlices);
  Account device = NewAccount(1, true, kSlices);
  Account leased = NewAccount(2, true, kSlices);
  for (const Account& account : {source, device, leased}) draft.Open(account);
  Transfer capacity = NewTransfer(0, 0, 1, 1);
  Transfer first = NewTransfer(1, 1, 2, 1, kPending, 100);
  Transfer second = NewTransfer(2, 1, 2, 1, kPending, 100);
  capacity.ledger = first.ledger = second.ledger = kSlices;
  EXPECT_EQ(draft.Create(capacity, 1), R::kOk);
  EXPECT_EQ(draft.Create(first, 2), R::kOk);
  EXPECT_EQ(draft.Create(second, 3), R::kExceedsCredits);
  EXPECT_EQ(draft.Create(Resolve(3, 1, kVoid), 4), R::kOk);
  EXPECT_EQ(draft.Create(second, 5), R::kOk);
  ASSERT_TRUE(book.Apply(draft.facts()));
  EXPECT_TRUE(book.Reconcile());
}

TEST_F(BookTest, RefusesFactsThatCannotHaveHappened) {
  ASSERT_EQ(Create(NewTransfer(1, 1, 2, 100, kPending)), R::kOk);
  const auto before = std::pair(book.accounts(), book.transfers());
  Transfer wrong_post = Resolve(2, 1, kPost, 100);
  for (const BookFact& fact : std::vector<BookFact>{
           AccountOpened{NewAccount(1)}, TransferCreated{NewTransfer(1, 1, 2, 100, kPending), 5},
           TransferCreated{NewTransfer(2, 1, 99, 100), 5},
           TransferCreated{NewTransfer(2, 1, 3, 100), 5},
           TransferCreated{NewTransfer(2, 1, 2, kMaxAmount), 5},
           TransferCreated{NewTransfer(2, 1, 2, ~Amount{0}), 5},
           TransferCreated{Resolve(2, 1, kPost, 101), 5}, TransferCreated{wrong_post, 5},
           TransferCreated{Resolve(2, 0, kPost, 1), 5}, TransferCreated{Resolve(2, 66, kVoid), 5},
           PendingExpired{T(0), 5}, PendingExpired{T(66), 5}, TimeoutMoved{T(1), 5},
           TimeoutMoved{T(66), 5}}) {
    EXPECT_FALSE(book.Apply(fact));
    EXPECT_EQ(std::pair(book.accounts(), book.transfers()), before);
  }
}

// Random business on a small book, against a model that knows only sums.
RC_GTEST_PROP(Book, ConservesMoneyAndFoldsToWhatWasDecided, ()) {
  Book book;
  Book folded;
  std::vector<BookFact> history;
  constexpr uint64_t kAccounts = 4;
  {
    BookDraft draft(book);
    for (uint64_t n = 0; n < kAccounts; ++n) draft.Open(NewAccount(n, n != 0));
    RC_ASSERT(book.Apply(draft.facts()).has_value());
    RC_ASSERT(folded.Apply(draft.facts()).has_value());
  }
  TimeMs now = 1;
  uint64_t next_id = 1;
  const int steps = *rc::gen::inRange(1, 60);
  for (int step = 0; step < steps; ++step) {
    now += *rc::gen::inRange(0, 20);
    BookDraft draft(book);
    draft.ExpireDue(now);
    std::vector<Transfer> transfers;
    const int count = *rc::gen::inRange(1, 5);
    for (int i = 0; i < count; ++i) {
      const uint64_t id =
          *rc::gen::inRange<uint64_t>(std::max<uint64_t>(next_id, 4) - 3, next_id + 2);
      next_id = std::max(next_id, id + 1);
      const int kind = *rc::gen::inRange(0, 4);
      const auto amount = static_cast<Amount>(*rc::gen::inRange(0, 300));
      Transfer t = kind < 2 ? NewTransfer(id, *rc::gen::inRange<uint64_t>(0, kAccounts),
                                          *rc::gen::inRange<uint64_t>(0, kAccounts), amount)
                            : Resolve(id, *rc::gen::inRange<uint64_t>(1, next_id + 1),
                                      kind == 2 ? kPost : kVoid, kind == 2 ? amount : 0);
      if (kind == 1) {
        t.kind = kPending;
        t.timeout = *rc::gen::element<TimeMs>(0, now + *rc::gen::inRange(1, 50));
      }
      t.linked = *rc::gen::inRange(0, 4) == 0;
      transfers.push_back(t);
    }
    const auto results = draft.Create(transfers, now);
    RC_ASSERT(results.size() == transfers.size());
    for (size_t i = 0; i + 1 < results.size(); ++i) {
      // A chain is all or nothing.
      if (transfers[i].linked) RC_ASSERT((results[i] == R::kOk) == (results[i + 1] == R::kOk));
    }
    RC_ASSERT(book.Apply(draft.facts()).has_value());
    history.insert(history.end(), draft.facts().begin(), draft.facts().end());
    RC_ASSERT(book.Reconcile().has_value());
    for (const auto& [id, account] : book.accounts()) {
      if (account.debits_must_not_exceed_credits) {
        RC_ASSERT(account.debits_pending + account.debits_posted <= account.credits_posted);
      }
      const Account* drafted = draft.FindAccount(id);
      RC_ASSERT(*drafted == account);
    }
  }
  RC_ASSERT(folded.Apply(history).has_value());
  RC_ASSERT(folded.accounts() == book.accounts());
  RC_ASSERT(folded.transfers() == book.transfers());
  RC_ASSERT(folded.NextTimeout() == book.NextTimeout());
  Book copy;
  RC_ASSERT(copy.Apply(book.Facts()).has_value());
  RC_ASSERT(copy.accounts() == book.accounts());
  RC_ASSERT(copy.transfers() == book.transfers());
  RC_ASSERT(copy.NextTimeout() == book.NextTimeout());
}

TEST(Book, ResultsHaveTigerBeetlesNames) {
  EXPECT_STREQ(ResultName(R::kExceedsCredits), "exceeds_credits");
  EXPECT_STREQ(ResultName(R::kPendingTransferHasDifferentDebitAccountId),
               "pending_transfer_has_different_debit_account_id");
  EXPECT_STREQ(ResultName(R::kExistsWithDifferentPendingId), "exists_with_different_pending_id");
  EXPECT_STREQ(ResultName(AccountResult::kExists), "exists");
}

}  // namespace
}  // namespace souk::ledger
