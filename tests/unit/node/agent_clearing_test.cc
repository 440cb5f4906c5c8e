// The book: whose money moves on whose word (R6).
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

TEST_F(Market, AnEmptyAccountCannotRent) {
  Rent(Seconds(60));
  const Credits first = LastLease().order.max_cost;
  world.RunFor(3000);
  // Whatever is left is too little for more than it.
  Command(kRenter, node::RentCommand{.offer = Offer().id,
                                     .book = book().identity.id(),
                                     .duration = Hours(1),
                                     .max_cost = Credits{100'000'000}});
  world.RunFor(3000);
  if (LastLease().order.max_cost > Credits{1'000'000} - first) {
    EXPECT_EQ(LastLease().phase, node::Renter::Phase::kClosed);
    EXPECT_NE(LastLease().sentence.find("exceeds_credits"), std::string::npos)
        << LastLease().sentence;
  }
}

TEST_F(Market, AReferenceIsIssuedForOnce) {
  const Credits before = Balance();
  const auto again = [&] {
    Command(kBook,
            node::IssueCommand{renter().identity.AccountKey(book().identity.id()).public_key(),
                               Credits{5}, "receipt 17"});
  };
  again();
  again();
  EXPECT_EQ(Balance(), before + Credits{5});
}

TEST_F(Market, AReferenceIsOneLineOfPlainText) {
  const Credits before = Balance();
  const PublicKey account = renter().identity.AccountKey(book().identity.id()).public_key();
  for (const char* reference :
       {"", " ", "invoice 7\tACME", "a\nb", "\x1b[2J", "\u202einvoice", "\xff", "invoice\u200b7"}) {
    Command(kBook, node::IssueCommand{account, Credits{5}, reference});
  }
  Command(kBook, node::IssueCommand{account, Credits{5}, std::string(65, 'x')});
  EXPECT_EQ(Balance(), before);
  Command(kBook, node::IssueCommand{account, Credits{5}, "Rechnung 7, Müller"});
  EXPECT_EQ(Balance(), before + Credits{5});
}

class OwnBook : public Market {
 protected:
  OwnBook() : Market(/*providers_clear=*/true) { Issue(kProvider, 500'000); }
};

TEST_F(OwnBook, AProviderClearsItsOwnLeases) {
  Command(kRenter, node::RentCommand{.offer = Offer().id,
                                     .book = provider().identity.id(),
                                     .duration = Seconds(60),
                                     .max_cost = Credits{500'000}});
  world.RunFor(5000);
  const Digest id = LastLease().id;
  ASSERT_EQ(RentersLease(id).phase, node::Renter::Phase::kMetering);
  const BlobRef workload = renter().blobs.Put({1, 2, 3});
  Command(kRenter, node::JobCommand{id, workload, {}, "test"});
  world.RunFor(8000);
  EXPECT_TRUE(renter().agent->renter().jobs().begin()->second.receipt.has_value());
  world.Restart(kProvider);
  world.RunFor(3000);
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(8000);
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  EXPECT_GT(RentersLease(id).paid.micro, 0);
  EXPECT_TRUE(ProvidersLease(id).settled);
  EXPECT_EQ(RentersLease(id).paid, ProvidersLease(id).paid);
  for (const int peer : {kBook, kProvider, kRenter}) ExpectValid(peer);
}

TEST_F(HostileLeases, TheBookPaysNobodyElse) {
  Stranger stranger(world, kBook, 1);
  const uint64_t size = book().log->size();
  const auto& lease = LastLease();
  const DocumentRef voucher =
      SignMessage(Voucher{.lease = id, .book = book().identity.id(), .amount = Credits{1}},
                  renter().identity.VoucherKey(lease.order.nonce));
  stranger.Send({stranger.Sign(Post{.escrow = lease.order.escrow,
                                    .amount = Credits{1},
                                    .voucher = voucher->envelope(),
                                    .lease = id})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
  stranger.Send({stranger.Sign(Void{.escrow = lease.order.escrow, .lease = id})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
  stranger.Send({stranger.Sign(EscrowFetch{.escrow = lease.order.escrow})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
  EXPECT_EQ(book().log->size(), size);
}

TEST_F(Hostile, AnEscrowIsNotHeldForLongWithoutAnAcceptance) {
  Stranger stranger(world, kBook, 1);
  const SigningKey account = stranger.identity().AccountKey(book().identity.id());
  Command(kBook, node::IssueCommand{account.public_key(), Credits{10}, "a clock"});
  const uint64_t size = book().log->size();
  const auto post = [&](Duration wait) {
    const DocumentRef escrow = SignMessage(Escrow{.book = book().identity.id(),
                                                  .account = account.public_key(),
                                                  .payee = provider().identity.id(),
                                                  .nonce = Sha256({}),
                                                  .voucher_key = account.public_key(),
                                                  .amount = Credits{1},
                                                  .accept_by = stranger.Wall() + wait,
                                                  .timeout = stranger.Wall() + wait + Hours(1)},
                                           account);
    stranger.Send({stranger.Sign(Carry{.documents = {escrow->envelope()}})});
  };
  post(limits::kLongestAccept + Minutes(1));
  EXPECT_EQ(stranger.Code(), RefusalCode::kTermsDiffer);
  EXPECT_EQ(book().log->size(), size);
  post(limits::kLongestAccept - Minutes(1));
  EXPECT_EQ(book().log->size(), size + 1);
}

TEST_F(Hostile, EscrowsThatAllExpireAtOneInstantDoNotStopTheBook) {
  Stranger stranger(world, kBook, 1);
  const SigningKey account = stranger.identity().AccountKey(book().identity.id());
  Command(kBook, node::IssueCommand{account.public_key(), Credits{4200}, "a burst"});
  const Time accept_by = stranger.Wall() + Seconds(20);
  for (uint64_t i = 0; i < 4200; ++i) {
    Bytes nonce;
    PutLe(nonce, i);
    const DocumentRef escrow = SignMessage(Escrow{.book = book().identity.id(),
                                                  .account = account.public_key(),
                                                  .payee = provider().identity.id(),
                                                  .nonce = Sha256(nonce),
                                                  .voucher_key = account.public_key(),
                                                  .amount = Credits{1},
                                                  .accept_by = accept_by,
                                                  .timeout = accept_by + Hours(1)},
                                           account);
    stranger.Send({stranger.Sign(Carry{.documents = {escrow->envelope()}})});
  }
  const auto balance = [&] {
    return book().agent->clearing().book().Find(ledger::AccountId(account.public_key()));
  };
  ASSERT_EQ(balance().debits_pending, 4200u);
  world.RunFor(25'000);
  ASSERT_TRUE(book().up());
  EXPECT_EQ(balance().debits_pending, 0u);
  EXPECT_EQ(balance().Balance(), 4200);
}

TEST_F(HostileLeases, AnAccountIsShownToItsOwnerOnly) {
  Stranger stranger(world, kBook, 1);
  const PublicKey account = LastLease().order.account;
  const DocumentRef query = stranger.Sign(
      AccountQuery{.book = book().identity.id(), .account = account, .sent = stranger.Wall()});
  stranger.Send({stranger.Sign(Carry{.documents = {query->envelope()}})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
}

}  // namespace
}  // namespace souk::sim
