// R1: what is encoded comes back; what is not exactly a message is refused.
#include "protocol/codec.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"
#include "unit/protocol/samples.h"

namespace souk {
namespace {

using samples::Any;
using samples::Rng;

constexpr int kRounds = 200;

SigningKey TestKey() {
  return SigningKey::FromSeed({7});
}

template <typename Message>
Result<Message> DecodeBytes(ByteView payload) {
  ASSIGN_OR_RETURN(const DocumentRef document, samples::Unsigned(KindOf<Message>::value, payload));
  return Decode<Message>(*document);
}

template <typename Message>
class EveryMessage : public testing::Test {};
using Messages =
    testing::Types<Card, Offer, Withdrawal, Hello, Have, Want, Bundle, Refusal, Carry, Reply,
                   BlobGet, BlobChunk, Issue, Escrow, EscrowFetch, Voucher, Post, Void, Show,
                   AccountQuery, Statement, Order, Acceptance, Commit, Ready, VoucherAck, Job,
                   Progress, JobReceipt, Release, Close, LeaseQuery, Challenge, ChallengeRoot,
                   ChallengeRows, ChallengeOpening, ChallengeVerdict, JobSeal, JobReveal, Head,
                   Fork, ConsistencyGet, Consistency, AddCheckpoint, Cosigned, EntryGet, EntriesGet,
                   Entries>;
TYPED_TEST_SUITE(EveryMessage, Messages);

TYPED_TEST(EveryMessage, ComesBackAsItWasSent) {
  Rng rng(1);
  for (int round = 0; round < kRounds; ++round) {
    const TypeParam message = Any<TypeParam>(rng);
    const auto back = DecodeBytes<TypeParam>(EncodePayload(message));
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(*back, message);
  }
}

TYPED_TEST(EveryMessage, EncodesToTheSameBytesTwice) {
  Rng rng(2);
  for (int round = 0; round < kRounds; ++round) {
    const TypeParam message = Any<TypeParam>(rng);
    const TypeParam copy = message;
    ASSERT_EQ(EncodePayload(message), EncodePayload(copy));
  }
}

TYPED_TEST(EveryMessage, FitsADocument) {
  Rng rng(3);
  for (int round = 0; round < kRounds; ++round) {
    const DocumentRef document = SignMessage(Any<TypeParam>(rng), TestKey());
    ASSERT_LE(document->envelope().size(), limits::kDocumentBytes);
  }
}

TYPED_TEST(EveryMessage, IsRefusedAtEveryTruncation) {
  Rng rng(4);
  const Bytes payload = EncodePayload(Any<TypeParam>(rng));
  for (size_t size = 0; size < payload.size(); ++size) {
    ASSERT_FALSE(DecodeBytes<TypeParam>(ByteView(payload).first(size))) << size;
  }
}

TYPED_TEST(EveryMessage, IsRefusedWithAWordBehindIt) {
  Rng rng(5);
  Bytes payload = EncodePayload(Any<TypeParam>(rng));
  payload.resize(payload.size() + 8);
  EXPECT_FALSE(DecodeBytes<TypeParam>(payload)) << "behind the segment";
  // Inside the segment it is a word that nothing reaches.
  payload[4] = static_cast<uint8_t>(payload[4] + 1);
  if (payload[4] == 0) payload[5] = static_cast<uint8_t>(payload[5] + 1);
  EXPECT_FALSE(DecodeBytes<TypeParam>(payload)) << "inside the segment";
}

TYPED_TEST(EveryMessage, IsNeverReadAsAnotherKind) {
  Rng rng(6);
  const Bytes payload = EncodePayload(Any<TypeParam>(rng));
  const Kind other = KindOf<TypeParam>::value == Kind::kCard ? Kind::kOffer : Kind::kCard;
  const auto read = Decode<TypeParam>(*Document::Sign(other, payload, TestKey()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kInvalidArgument);
}

// Any change of a byte is refused, or read as some message that encodes within bounds: no crash, no
// exception, nothing unbounded.
TYPED_TEST(EveryMessage, SurvivesFlippedBytes) {
  Rng rng(7);
  for (int round = 0; round < 20; ++round) {
    const Bytes payload = EncodePayload(Any<TypeParam>(rng));
    for (int flip = 0; flip < 100; ++flip) {
      Bytes hostile = payload;
      for (uint64_t n = 0; n <= rng.Below(4); ++n) {
        hostile[rng.Below(hostile.size())] = static_cast<uint8_t>(rng.Any());
      }
      const auto read = DecodeBytes<TypeParam>(hostile);
      if (read) {
        ASSERT_LE(EncodePayload(*read).size(), 2 * limits::kDocumentBytes);
      } else {
        ASSERT_FALSE(read.error().message.empty());
      }
    }
  }
}

template <typename Message>
void ExpectFits(const Message& message) {
  const Bytes payload = EncodePayload(message);
  EXPECT_LE(payload.size() + 128, limits::kDocumentBytes) << KindName(KindOf<Message>::value);
  EXPECT_TRUE(DecodeBytes<Message>(payload));
}

// What strangers choose the size of must still fit when it is handed on.
TEST(Limits, LeaveTheLargestOfEachKindWithinADocument) {
  Rng rng(11);
  const std::string name(limits::kNameBytes, 'x');
  const std::string endpoint(limits::kEndpointBytes, 'x');
  const std::string sentence(limits::kSentenceBytes, 'x');
  auto card = Any<Card>(rng);
  card.endpoints.assign(limits::kEndpoints, endpoint);
  card.log_name = endpoint;
  card.name = name;
  ExpectFits(card);
  auto offer = Any<Offer>(rng);
  offer.clearing_peers.resize(limits::kClearingPeersPerOffer);
  offer.device_kind = offer.model = offer.driver = name;
  offer.verdict.resize(limits::kNestedBytes + limits::kEnvelopeBytes);
  ExpectFits(offer);
  auto hello = Any<Hello>(rng);
  hello.your_checkpoint = hello.my_checkpoint = std::string(limits::kNoteBytes, 'x');
  ExpectFits(hello);
  auto have = Any<Have>(rng);
  have.ids.resize(limits::kGossipIds);
  ExpectFits(have);
  auto refusal = Any<Refusal>(rng);
  refusal.sentence = refusal.would_accept = sentence;
  ExpectFits(refusal);
  const size_t nested = limits::kNestedBytes + 128;  // the envelope around the payload
  auto post = Any<Post>(rng);
  post.voucher.resize(nested);
  ExpectFits(post);
  auto show = Any<Show>(rng);
  show.order.resize(nested);
  show.acceptance.resize(nested);
  ExpectFits(show);
  auto job = Any<Job>(rng);
  job.blobs.resize(limits::kBlobsPerJob);
  job.title = name;
  ExpectFits(job);
  auto receipt = Any<JobReceipt>(rng);
  receipt.outputs.assign(limits::kOutputsPerJob, JobOutput{name, {}});
  receipt.sentence = sentence;
  receipt.device = receipt.device_name = receipt.driver = receipt.result_class = name;
  ExpectFits(receipt);
  auto challenge = Any<Challenge>(rng);
  challenge.devices.clear();
  for (size_t i = 0; i < limits::kChallengeDevices; ++i) {
    challenge.devices.push_back(std::string(limits::kNameBytes - 1, 'x') +
                                static_cast<char>('a' + i));
  }
  challenge.device_kind = challenge.model = name;
  ExpectFits(challenge);
  auto rows = Any<ChallengeRows>(rng);
  rows.rows.clear();
  for (uint32_t i = 0; i < limits::kChallengeRows; ++i) rows.rows.push_back(i);
  ExpectFits(rows);
  auto verdict = Any<ChallengeVerdict>(rng);
  verdict.device_kind = verdict.model = name;
  verdict.results.assign(limits::kChallengeDevices, {.device = name});
  ExpectFits(verdict);
}

TEST(Entry, ComesBackWithEveryOutcome) {
  Rng rng(8);
  for (size_t index = 0; index < std::variant_size_v<Outcome>; ++index) {
    for (int round = 0; round < kRounds; ++round) {
      const Entry entry = samples::AnyEntry(rng, index);
      const auto leaf = EncodeEntry(entry);
      ASSERT_TRUE(leaf) << leaf.error().message;
      ASSERT_EQ(*leaf, *EncodeEntry(entry));
      const auto back = DecodeEntry(*leaf);
      ASSERT_TRUE(back) << back.error().message;
      ASSERT_EQ(*back, entry);
      ASSERT_EQ(back->outcome.index(), index);
    }
  }
}

TEST(Entry, IsRefusedAtEveryTruncation) {
  Rng rng(9);
  for (size_t index = 0; index < std::variant_size_v<Outcome>; ++index) {
    Entry entry = samples::AnyEntry(rng, index);
    entry.documents.resize(1, Bytes(40));
    const Bytes leaf = *EncodeEntry(entry);
    for (size_t size = 0; size < leaf.size(); ++size) {
      ASSERT_FALSE(DecodeEntry(ByteView(leaf).first(size))) << size;
    }
  }
}

TEST(Entry, IsSizedBeforeItIsWritten) {
  Entry entry;
  entry.time = limits::kEarliest;
  entry.documents.assign(4, Bytes(limits::kDocumentBytes - 100));
  EXPECT_TRUE(EncodeEntry(entry));
  entry.documents.assign(4, Bytes(limits::kDocumentBytes));
  EXPECT_EQ(EncodeEntry(entry).error().code, Code::kTooLarge);
  entry.documents.assign(limits::kDocumentsPerEntry + 1, Bytes(1));
  EXPECT_EQ(EncodeEntry(entry).error().code, Code::kTooLarge);
  entry.documents.clear();
  Booked booked;
  booked.transfers.resize(limits::kTransfersPerEntry);
  entry.outcome = booked;
  EXPECT_TRUE(DecodeEntry(*EncodeEntry(entry)));
  booked.transfers.resize(limits::kTransfersPerEntry + 1);
  entry.outcome = booked;
  EXPECT_EQ(EncodeEntry(entry).error().code, Code::kTooLarge);
}

TEST(Entry, OfNewerRulesIsNotGuessedAt) {
  Entry entry;
  entry.time = limits::kEarliest;
  entry.rules = kRulesVersion + 1;
  EXPECT_EQ(DecodeEntry(*EncodeEntry(entry)).error().code, Code::kUnsupported);
  EXPECT_EQ(RulesOfLeaf(*EncodeEntry(entry)), kRulesVersion + 1);
  EXPECT_TRUE(DecodeEntry(*EncodeEntry(entry), kRulesVersion + 1));
  entry.rules = 0;
  EXPECT_EQ(DecodeEntry(*EncodeEntry(entry)).error().code, Code::kMalformed);
  EXPECT_EQ(RulesOfLeaf(AsBytes("no entry")), 0u);
}

TEST(Outcome, HasANamePerKind) {
  EXPECT_STREQ(OutcomeName(Opened()), "opened");
  EXPECT_STREQ(OutcomeName(LeaseStep()), "lease-step");
  EXPECT_STREQ(OutcomeName(Settled()), "settled");
}

TEST(LogReceipt, ComesBackAndIsRefusedCutOrTooLarge) {
  Rng rng(10);
  for (int round = 0; round < kRounds; ++round) {
    const LogReceipt receipt = samples::AnyReceipt(rng);
    const Bytes bytes = EncodeReceipt(receipt);
    ASSERT_LE(bytes.size(), limits::kReceiptBytes);
    const auto back = DecodeReceipt(bytes);
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(*back, receipt);
    ASSERT_FALSE(DecodeReceipt(ByteView(bytes).first(rng.Below(bytes.size()))));
  }
  EXPECT_EQ(DecodeReceipt(Bytes(limits::kReceiptBytes + 8)).error().code, Code::kTooLarge);
  LogReceipt receipt = samples::AnyReceipt(rng);
  receipt.inclusion.resize(limits::kProofHashes + 1);
  EXPECT_EQ(DecodeReceipt(EncodeReceipt(receipt)).error().code, Code::kTooLarge);
}

}  // namespace
}  // namespace souk
