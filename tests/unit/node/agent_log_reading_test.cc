// Who reads what of a log over the wire (R3).
#include "ledger/c2sp/entry_bundle.h"
#include "node/agent/counterparties.h"
#include "node/agent/log_reading.h"
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

constexpr uint8_t kReaderSeed = 61;

PeerId ReaderId() {
  return Identity::FromSeed({kReaderSeed, 1, 2, 3}).id();
}

// A market whose cards name one reader, and a lease that ran.
class Read : public Market {
 protected:
  Read() : Market(/*providers_clear=*/false, {ReaderId()}) {
    lease = RentUntilMetering(Seconds(10));
    world.RunFor(30'000);
  }

  // The answer of that kind to the last question, or none.
  template <typename Message>
  std::optional<Message> Answer(const Digest& re) {
    for (auto it = world.inbox.rbegin(); it != world.inbox.rend(); ++it) {
      const auto document = Document::Open(*(*it)[0]);
      if (!document || (*document)->kind() != KindOf<Message>::value) continue;
      auto message = Decode<Message>(**document);
      if (!message || message->re != re) continue;
      last_frames = *it;
      return std::move(*message);
    }
    return std::nullopt;
  }
  EntriesGet All(int of) {
    return {.log = world.peer(of).identity.id(), .from = 0, .size = world.peer(of).log->size()};
  }
  // Asks the provider; the entry that the receipt proves.
  std::optional<Entry> AskEntry(Stranger& who, const EntryGet& get) {
    const DocumentRef question = who.Sign(get);
    return AskSigned(who, question, question->id());
  }
  std::optional<Entry> AskSigned(Stranger& who, const DocumentRef& sent, const Digest& re) {
    who.Send({sent});
    world.RunFor(300);
    const auto reply = Answer<Reply>(re);
    if (!reply || !reply->receipt) return std::nullopt;
    const LogReceipt receipt = *DecodeReceipt(*last_frames.back());
    const ledger::NoteVerifier key{LogName(provider().identity.id()),
                                   provider().identity.CheckpointKey().public_key().bytes};
    const auto head = ledger::OpenCheckpoint(receipt.note, key);
    EXPECT_TRUE(head &&
                ledger::VerifyInclusion(receipt.index, head->size, ledger::LeafHash(receipt.leaf),
                                        receipt.inclusion, head->root));
    return *DecodeEntry(receipt.leaf);
  }
  EntryGet Get(const Stranger& who, uint64_t index) {
    return {.log = provider().identity.id(), .reader = who.identity().id(), .index = index};
  }
  // The provider's entry in which the lease was accepted.
  uint64_t AcceptedAt() { return ProvidersLease(lease).acceptance.fence; }

  Digest lease;
  node::Frames last_frames;
};

TEST_F(Read, ANamedReaderGetsAllEntriesWithProof) {
  Stranger reader(world, kProvider, kReaderSeed);
  world.RunFor(500);
  const uint64_t size = provider().log->size();
  const uint64_t half = size / 2;
  // In two parts; the first is proven to be continued by the whole.
  const DocumentRef question = reader.Sign(All(kProvider));
  reader.Send({question});
  world.RunFor(300);
  const auto answer = Answer<Entries>(question->id());
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->count, size);
  const auto entries = ledger::ParseEntryBundle(*last_frames.at(1), answer->count);
  ASSERT_TRUE(entries);
  for (uint64_t i = 0; i < size; ++i) {
    EXPECT_EQ(ToBytes((*entries)[i]), *provider().log->Entry(i));
  }
  EXPECT_EQ(answer->note, provider().log->checkpoint());

  const DocumentRef part =
      reader.Sign(EntriesGet{.log = provider().identity.id(), .from = half, .size = size});
  reader.Send({part});
  world.RunFor(300);
  ASSERT_TRUE(Answer<Entries>(part->id()));
  EXPECT_EQ(Answer<Entries>(part->id())->count, size - half);
}

TEST_F(Read, WhoAsksForNothingNewIsShownTheNewestCheckpoint) {
  Stranger reader(world, kProvider, kReaderSeed);
  world.RunFor(500);
  const DocumentRef question =
      reader.Sign(EntriesGet{.log = provider().identity.id(), .from = 3, .size = 3});
  reader.Send({question});
  world.RunFor(300);
  const auto answer = Answer<Entries>(question->id());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->count, 0u);
  EXPECT_EQ(answer->note, provider().log->checkpoint());
}

TEST_F(Read, AStrangerGetsCheckpointsOnly) {
  Stranger stranger(world, kProvider, 62);
  world.RunFor(500);
  stranger.Send({stranger.Sign(All(kProvider))});
  world.RunFor(300);
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
  for (uint64_t i = 0; i < provider().log->size(); ++i) {
    EXPECT_FALSE(AskEntry(stranger, Get(stranger, i))) << i;
  }
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
  // What everyone may see.
  const DocumentRef question = stranger.Sign(ConsistencyGet{.from = 1, .to = 3});
  stranger.Send({question});
  world.RunFor(300);
  EXPECT_TRUE(Answer<Consistency>(question->id()));
}

// The renter's keys, on a connection of its own.
class ReadAsRenter : public Read {
 protected:
  void Ask(const EntryGet& get) { question = insider.Say(get); }
  bool Answered() {
    world.RunFor(500);
    for (const auto& [re, receipt] : receipts) {
      if (re == question) return true;
    }
    return false;
  }
  // Replies to the renter, by what they answer.
  std::vector<std::pair<Digest, LogReceipt>> receipts;
  Insider insider{world, renter(), provider()};
  Digest question;
};

TEST_F(ReadAsRenter, APartyGetsItsOwnEntryAndNotAnothers) {
  world.tap = [&](int from, int to, const node::Frames& frames) {
    const auto document = Document::OpenTrusted(*frames[0]);
    if (from == kProvider && to == kRenter && (*document)->kind() == Kind::kReply) {
      const auto reply = Decode<Reply>(**document);
      if (reply->receipt) receipts.emplace_back(reply->re, *DecodeReceipt(*frames.back()));
    }
    return true;
  };
  const EntryGet own{
      .log = provider().identity.id(), .reader = renter().identity.id(), .index = AcceptedAt()};
  Ask(own);
  ASSERT_TRUE(Answered());
  EXPECT_EQ(receipts.back().second.index, AcceptedAt());
  EXPECT_EQ(receipts.back().second.leaf, *provider().log->Entry(AcceptedAt()));
  // By a document in it: the order.
  EntryGet by_order = own;
  by_order.index = 0;
  by_order.document = lease;
  Ask(by_order);
  ASSERT_TRUE(Answered());
  EXPECT_EQ(receipts.back().second.index, AcceptedAt());
  // The entry with which the log was opened holds the provider's card alone.
  EntryGet others = own;
  others.index = 0;
  Ask(others);
  EXPECT_FALSE(Answered());
  // What was made for another reader.
  EntryGet forwarded = own;
  forwarded.reader = ReaderId();
  Ask(forwarded);
  EXPECT_FALSE(Answered());
  // The whole log is not a party's.
  question = insider.Say(All(kProvider));
  EXPECT_FALSE(Answered());
}

TEST_F(Read, AnAccountsKeySpeaksForItsOwnEntriesWhereItIsCarried) {
  // The book knows the renter's account key alone.
  Stranger carrier(world, kBook, 63);
  world.RunFor(500);
  const PeerId book_id = book().identity.id();
  const SigningKey account = renter().identity.AccountKey(book_id);
  std::optional<uint64_t> booked;
  for (uint64_t i = 0; i < book().log->size() && !booked; ++i) {
    const Entry entry = *DecodeEntry(*book().log->Entry(i));
    if (PartiesOf(entry).contains(account.public_key())) booked = i;
  }
  ASSERT_TRUE(booked);
  const EntryGet get{.log = book_id, .reader = carrier.identity().id(), .index = *booked};
  const DocumentRef inner = SignMessage(get, account);
  const DocumentRef carry = carrier.Sign(Carry{.documents = {inner->envelope()}});
  carrier.Send({carry});
  world.RunFor(300);
  ASSERT_TRUE(Answer<Reply>(carry->id()));
  EXPECT_EQ(DecodeReceipt(*last_frames.back())->index, *booked);
  // The same words on another's connection are worth nothing.
  Stranger thief(world, kBook, 64);
  world.RunFor(500);
  thief.Send({thief.Sign(Carry{.documents = {inner->envelope()}})});
  world.RunFor(300);
  EXPECT_EQ(thief.Code(), RefusalCode::kNotYours);
}

TEST_F(Read, BeyondTheLogThereIsNothing) {
  Stranger reader(world, kProvider, kReaderSeed);
  world.RunFor(500);
  EntriesGet get = All(kProvider);
  get.size += 1;
  reader.Send({reader.Sign(get)});
  world.RunFor(300);
  EXPECT_EQ(reader.Code(), RefusalCode::kNotFound);
  // Another's log is asked of its owner.
  reader.Send({reader.Sign(All(kBook))});
  world.RunFor(300);
  EXPECT_EQ(reader.Code(), RefusalCode::kNotYours);
}

TEST_F(Read, NobodyReadsFasterThanIsAllowed) {
  Stranger reader(world, kProvider, kReaderSeed);
  world.RunFor(500);
  world.inbox.clear();
  for (int i = 0; i < node::LogReading::kAnswersPerSecond + 5; ++i) {
    reader.Send({reader.Sign(All(kProvider))});
  }
  world.RunFor(500);
  EXPECT_EQ(reader.Code(), RefusalCode::kRateLimited);
  world.inbox.clear();
  world.RunFor(1000);
  reader.Send({reader.Sign(All(kProvider))});
  world.RunFor(300);
  EXPECT_FALSE(reader.Refused());
}

TEST(LogShare, IsWholeForReadersOwnForPeersAndCheckpointsForWhoeverHasNoKey) {
  const PeerId owner = Identity::FromSeed({1}).id();
  const PeerId reader = Identity::FromSeed({2}).id();
  const PeerId other = Identity::FromSeed({3}).id();
  const Card card{.peer = owner, .readers = {reader}};
  const LogReaders named = ReadersOf(card);
  EXPECT_EQ(ShareOf(named, owner), LogShare::kWhole);
  EXPECT_EQ(ShareOf(named, reader), LogShare::kWhole);
  EXPECT_EQ(ShareOf(named, other), LogShare::kOwnEntries);
  EXPECT_EQ(ShareOf(named, std::nullopt), LogShare::kCheckpoints);
  EXPECT_EQ(ShareOf({.everyone = true}, std::nullopt), LogShare::kWhole);
}

}  // namespace
}  // namespace souk::sim
