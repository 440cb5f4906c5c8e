// R1, R2: bytes that no honest encoder makes, and values that no honest peer sends.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <limits>

#include "protocol/codec.h"
#include "protocol/limits.h"
#include "protocol/plain_text.h"
#include "unit/protocol/samples.h"

namespace souk {
namespace {

using samples::Any;
using samples::Rng;

template <typename Message>
Result<Message> DecodeBytes(ByteView payload) {
  ASSIGN_OR_RETURN(const DocumentRef document, samples::Unsigned(KindOf<Message>::value, payload));
  return Decode<Message>(*document);
}

// ---- Cap'n Proto by hand (capnproto.org/encoding.html)

using Words = std::vector<uint64_t>;

uint64_t StructPointer(int32_t offset, uint64_t data_words, uint64_t pointers) {
  return static_cast<uint32_t>(offset) << 2 | data_words << 32 | pointers << 48;
}
constexpr uint64_t kVoidElements = 0;
constexpr uint64_t kByteElements = 2;
constexpr uint64_t kPointerElements = 6;
constexpr uint64_t kCompositeElements = 7;
uint64_t ListPointer(int32_t offset, uint64_t element, uint64_t count) {
  return (static_cast<uint32_t>(offset) << 2 | 1u) | element << 32 | count << 35;
}
uint64_t FarPointer(uint64_t word, bool two_words, uint64_t segment) {
  return 2 | (two_words ? 4 : 0) | word << 3 | segment << 32;
}
constexpr uint64_t kCapability = 3;

Bytes Framed(const Words& words) {
  Bytes out;
  PutLe(out, uint32_t{0});
  PutLe(out, static_cast<uint32_t>(words.size()));
  for (const uint64_t word : words) PutLe(out, word);
  return out;
}

// lease-query: one pointer to 32 bytes.
Words PlainQuery() {
  return {StructPointer(0, 0, 1), ListPointer(0, kByteElements, 32), 1, 2, 3, 4};
}

template <typename Message>
std::string WhyRefused(const Words& words) {
  const auto start = std::chrono::steady_clock::now();
  const auto read = DecodeBytes<Message>(Framed(words));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_FALSE(read);
  return read ? "" : read.error().message;
}

constexpr const char* kTwice = "reached twice";
constexpr const char* kUnreached = "nothing reaches";

TEST(CapnProto, IsReadWhereItIsWrittenByHand) {
  const auto read = DecodeBytes<LeaseQuery>(Framed(PlainQuery()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->lease.bytes[8], 2);
}

TEST(CapnProto, TakesAMessageOfALaterVersionWithMoreFields) {
  // One more data word and one more pointer, which this version does not know.
  const Words words = {StructPointer(0, 1, 2),
                       77,
                       ListPointer(1, kByteElements, 32),
                       ListPointer(4, kByteElements, 8),
                       1,
                       2,
                       3,
                       4,
                       5};
  EXPECT_TRUE(DecodeBytes<LeaseQuery>(Framed(words)));
}

TEST(CapnProto, IsOneSegmentOnly) {
  Bytes two = Framed(PlainQuery());
  two[0] = 1;
  EXPECT_FALSE(DecodeBytes<LeaseQuery>(two));
  // Correctly framed, with an empty second segment.
  Bytes framed;
  PutLe(framed, uint32_t{1});
  PutLe(framed, uint32_t{6});
  PutLe(framed, uint32_t{0});
  PutLe(framed, uint32_t{0});
  for (const uint64_t word : PlainQuery()) PutLe(framed, word);
  const auto read = DecodeBytes<LeaseQuery>(framed);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("segment"), std::string::npos);
}

TEST(CapnProto, SaysItsOwnSize) {
  for (const uint32_t words : {0u, 5u, 7u, 0x20000000u, 0x20000006u, 0xffffffffu}) {
    Bytes framed = Framed(PlainQuery());
    for (size_t i = 0; i < 4; ++i) framed[4 + i] = static_cast<uint8_t>(words >> 8 * i);
    EXPECT_FALSE(DecodeBytes<LeaseQuery>(framed)) << words;
  }
}

TEST(CapnProto, CannotUnfoldByPointingAtOneThingTwice) {
  Words carry = {StructPointer(0, 0, 1), ListPointer(0, kPointerElements, 8)};
  for (int32_t i = 0; i < 8; ++i) carry.push_back(ListPointer(7 - i, kByteElements, 1024));
  carry.resize(carry.size() + 128);
  EXPECT_NE(WhyRefused<Carry>(carry).find(kTwice), std::string::npos);

  Words have = {StructPointer(0, 0, 1), ListPointer(0, kPointerElements, 64)};
  for (int32_t i = 0; i < 64; ++i) have.push_back(ListPointer(63 - i, kByteElements, 32));
  have.resize(have.size() + 4);
  EXPECT_NE(WhyRefused<Have>(have).find(kTwice), std::string::npos);
}

TEST(CapnProto, CannotOverlapOrHideWords) {
  // The bytes begin with their own pointer; as many words are read twice as are left out.
  EXPECT_NE(WhyRefused<LeaseQuery>(
                {StructPointer(0, 0, 1), ListPointer(-1, kByteElements, 32), 1, 2, 3, 4})
                .find(kTwice),
            std::string::npos);
  // A word between, which nothing names.
  Words gap = PlainQuery();
  gap[1] = ListPointer(1, kByteElements, 32);
  gap.push_back(5);
  EXPECT_NE(WhyRefused<LeaseQuery>(gap).find(kUnreached), std::string::npos);
  Words behind = PlainQuery();
  behind.push_back(5);
  EXPECT_NE(WhyRefused<LeaseQuery>(behind).find(kUnreached), std::string::npos);
}

TEST(CapnProto, CannotNestWithoutEnd) {
  // Each struct's one pointer leads to the next.
  Words deep;
  for (int i = 0; i < 1500; ++i) deep.push_back(StructPointer(0, 0, 1));
  deep.push_back(StructPointer(-1, 0, 0));
  EXPECT_NE(WhyRefused<LeaseQuery>(deep), "");
  // Each leads to itself.
  EXPECT_NE(WhyRefused<LeaseQuery>({StructPointer(-1, 0, 1)}), "");
  EXPECT_NE(WhyRefused<LeaseQuery>({StructPointer(0, 0, 1), StructPointer(-1, 0, 1)}), "");
  // A tree of lists of pointers, each to all of the next level.
  Words tree = {StructPointer(0, 0, 1)};
  for (int level = 0; level < 6; ++level) {
    tree.push_back(ListPointer(0, kPointerElements, 1));
  }
  tree.push_back(ListPointer(-2, kPointerElements, 1));
  EXPECT_NE(WhyRefused<LeaseQuery>(tree), "");
}

TEST(CapnProto, CannotClaimBillionsOfEmptyElements) {
  // A job's blobs: 2^29 - 1 elements without size, as a list of nothing and of empty structs.
  const auto job = [](uint64_t blobs, uint64_t tag) {
    Words words = {StructPointer(0, 1, 4), 1};
    words.push_back(ListPointer(3, kByteElements, 32));
    words.push_back(0);  // workload: default
    words.push_back(blobs);
    words.push_back(0);
    words.insert(words.end(), {1, 2, 3, 4});
    if (tag != 0) words.push_back(tag);
    return words;
  };
  const uint64_t most = (uint64_t{1} << 29) - 1;
  EXPECT_NE(WhyRefused<Job>(job(ListPointer(5, kVoidElements, most), 0)), "");
  EXPECT_NE(WhyRefused<Job>(job(ListPointer(5, kCompositeElements, 0), most << 2)), "");
  EXPECT_NE(WhyRefused<Job>(job(ListPointer(5, kCompositeElements, 0), UINT64_MAX << 2)), "");
}

TEST(CapnProto, CannotPointOutsideItsSegment) {
  for (const int32_t offset : {-3, -2, 1, 5, 1000, 0x1fffffff, -0x20000000}) {
    Words words = PlainQuery();
    words[1] = ListPointer(offset, kByteElements, 32);
    EXPECT_NE(WhyRefused<LeaseQuery>(words), "") << offset;
    words = PlainQuery();
    words[0] = StructPointer(offset, 0, 1);
    EXPECT_NE(WhyRefused<LeaseQuery>(words), "") << offset;
  }
  for (const uint64_t count : {33u, 40u, 0x1fffffffu}) {
    Words words = PlainQuery();
    words[1] = ListPointer(0, kByteElements, count);
    EXPECT_NE(WhyRefused<LeaseQuery>(words), "") << count;
  }
}

TEST(CapnProto, HasNoFarPointersNorCapabilities) {
  // A far pointer within the one segment, through a landing pad: legal elsewhere, not here.
  EXPECT_NE(WhyRefused<LeaseQuery>({FarPointer(1, false, 0), StructPointer(0, 0, 1),
                                    ListPointer(0, kByteElements, 32), 1, 2, 3, 4}),
            "");
  EXPECT_NE(WhyRefused<LeaseQuery>({FarPointer(1, true, 0), FarPointer(3, false, 0),
                                    StructPointer(0, 0, 1), ListPointer(0, kByteElements, 32), 1, 2,
                                    3, 4}),
            "");
  EXPECT_NE(WhyRefused<LeaseQuery>({FarPointer(0, false, 0)}), "");
  EXPECT_NE(WhyRefused<LeaseQuery>({FarPointer(0, false, 1)}), "");
  EXPECT_NE(WhyRefused<LeaseQuery>({kCapability}), "");
  EXPECT_NE(WhyRefused<LeaseQuery>({StructPointer(0, 0, 1), kCapability}), "");
}

TEST(CapnProto, IsNotReadAsAnotherType) {
  EXPECT_NE(WhyRefused<LeaseQuery>({0}), "") << "nothing";
  EXPECT_NE(WhyRefused<LeaseQuery>({ListPointer(0, kByteElements, 32), 1, 2, 3, 4}), "");
  Words words = PlainQuery();
  words[1] = ListPointer(0, kPointerElements, 4);
  words[2] = words[3] = words[4] = words[5] = 0;
  EXPECT_NE(WhyRefused<LeaseQuery>(words), "") << "a list of pointers where bytes belong";
  // Text must end with a zero byte.
  Rng rng(1);
  Opened opened;
  opened.name = "1234567";
  Entry entry;
  entry.time = limits::kEarliest;
  entry.outcome = opened;
  Bytes leaf = *EncodeEntry(entry);
  const auto at = std::search(leaf.begin(), leaf.end(), opened.name.begin(), opened.name.end());
  ASSERT_NE(at, leaf.end());
  *(at + 7) = 'x';
  EXPECT_FALSE(DecodeEntry(leaf));
}

TEST(CapnProto, RefusesRandomWords) {
  Rng rng(2);
  for (int round = 0; round < 20'000; ++round) {
    Words words(1 + rng.Below(20));
    for (uint64_t& word : words) {
      // Small pointers, so that many of them land.
      word = rng.Coin() ? rng.Any() & 0x0003'0003'0000'001f : rng.Any();
    }
    const Bytes framed = Framed(words);
    const auto read = DecodeEntry(framed);
    if (read) {
      ASSERT_EQ(*DecodeEntry(*EncodeEntry(*read)), *read);
    }
  }
}

// ---- values

struct Refused {
  const char* field;
  std::function<Result<void>()> decode;
};

// A valid message, changed by `change`, encoded as it stands and read back.
template <typename Message>
Refused With(const char* field, std::function<void(Message&)> change) {
  return {field, [change]() -> Result<void> {
            Rng rng(3);
            Message message = Any<Message>(rng);
            EXPECT_TRUE(DecodeBytes<Message>(EncodePayload(message)));
            change(message);
            const auto read = DecodeBytes<Message>(EncodePayload(message));
            if (!read) return read.error();
            return {};
          }};
}

void ExpectAllRefused(const std::vector<Refused>& cases) {
  for (const Refused& each : cases) {
    const auto read = each.decode();
    ASSERT_FALSE(read) << each.field;
    EXPECT_NE(read.error().message.find(each.field), std::string::npos) << read.error().message;
  }
}

const std::string kEscape = "a\x1b]0;b";

TEST(Decode, RefusesAmountsAndPricesOutsideTheirLimits) {
  const Credits over{limits::kAmount.micro + 1};
  const Rate dear{limits::kPrice.micro_per_hour + 1};
  ExpectAllRefused({
      With<Voucher>("amount", [](Voucher& m) { m.amount = Credits{-1}; }),
      With<Voucher>("amount", [](Voucher& m) { m.amount = Credits{INT64_MIN}; }),
      With<Voucher>("amount", [=](Voucher& m) { m.amount = over; }),
      With<Voucher>("amount", [](Voucher& m) { m.amount = Credits{INT64_MAX}; }),
      With<Escrow>("amount", [](Escrow& m) { m.amount = Credits{-1}; }),
      With<Issue>("amount", [=](Issue& m) { m.amount = over; }),
      With<Post>("amount", [](Post& m) { m.amount = Credits{-1}; }),
      With<Statement>("posted", [](Statement& m) { m.posted = Credits{-1}; }),
      With<Statement>("held", [](Statement& m) { m.held = Credits{INT64_MIN}; }),
      With<Statement>("incoming", [](Statement& m) { m.incoming = Credits{-1}; }),
      With<Order>("max_cost", [](Order& m) { m.max_cost = Credits{-1}; }),
      With<Order>("hold_fee", [=](Order& m) { m.hold_fee = over; }),
      With<Order>("price", [](Order& m) { m.price = Rate{-1}; }),
      With<Order>("price", [=](Order& m) { m.price = dear; }),
      With<Offer>("price", [=](Offer& m) { m.price = dear; }),
      With<Offer>("interruptible_price", [](Offer& m) { m.interruptible_price = Rate{-2}; }),
      With<Offer>("interruptible_price", [=](Offer& m) { m.interruptible_price = dear; }),
      With<Offer>("hold_price", [](Offer& m) { m.hold_price = Rate{-1}; }),
      With<Offer>("hold_fee", [](Offer& m) { m.hold_fee = Credits{-1}; }),
      With<Offer>("bond_share", [=](Offer& m) { m.bond_share = over; }),
      With<VoucherAck>("best", [](VoucherAck& m) { m.best = Credits{-1}; }),
      With<Progress>("due", [](Progress& m) { m.due = Credits{-1}; }),
      With<Close>("due", [=](Close& m) { m.due = over; }),
      With<Close>("best", [](Close& m) { m.best = Credits{-1}; }),
  });
}

TEST(Decode, RefusesTimesOutsideTheirCenturies) {
  const Time early = limits::kEarliest - Millis(1);
  const Time late = limits::kLatest + Millis(1);
  ExpectAllRefused({
      With<Offer>("issued", [=](Offer& m) { m.issued = early; }),
      With<Offer>("expires", [=](Offer& m) { m.expires = late; }),
      With<Offer>("expires", [](Offer& m) { m.expires = Time{}; }),
      With<Card>("issued", [](Card& m) { m.issued = Time{}; }),
      With<Card>("expires", [](Card& m) { m.expires = Time{INT64_MAX}; }),
      With<Withdrawal>("issued", [](Withdrawal& m) { m.issued = Time{INT64_MIN}; }),
      With<Hello>("sent", [=](Hello& m) { m.sent = early; }),
      With<Issue>("issued", [=](Issue& m) { m.issued = late; }),
      With<Escrow>("accept_by", [=](Escrow& m) { m.accept_by = early; }),
      With<Escrow>("timeout", [](Escrow& m) { m.timeout = Time{}; }),
      With<AccountQuery>("sent", [](AccountQuery& m) { m.sent = Time{}; }),
      With<Statement>("at", [](Statement& m) { m.at = Time{}; }),
      With<Order>("issued", [=](Order& m) { m.issued = early; }),
      With<Order>("expires", [=](Order& m) { m.expires = late; }),
      With<Acceptance>("accepted", [](Acceptance& m) { m.accepted = Time{}; }),
      With<Acceptance>("commit_by", [](Acceptance& m) { m.commit_by = Time{}; }),
      With<Acceptance>("ready_by", [](Acceptance& m) { m.ready_by = Time{-1}; }),
      With<Acceptance>("settle_by", [=](Acceptance& m) { m.settle_by = late; }),
      With<Ready>("ready", [](Ready& m) { m.ready = Time{}; }),
      With<Ready>("end", [=](Ready& m) { m.end = late; }),
      With<VoucherAck>("metered_from", [=](VoucherAck& m) { m.metered_from = early; }),
      With<JobReceipt>("started", [](JobReceipt& m) { m.started = Time{1}; }),
      With<JobReceipt>("finished", [](JobReceipt& m) { m.finished = Time{}; }),
  });
}

TEST(Decode, RefusesDurationsOutsideTheirLimits) {
  const Duration over = limits::kLongestLease + Millis(1);
  ExpectAllRefused({
      With<Order>("duration", [](Order& m) { m.duration = Millis(-1); }),
      With<Order>("duration", [=](Order& m) { m.duration = over; }),
      With<Offer>("grace", [](Offer& m) { m.grace = Millis(-1); }),
      With<Offer>("notice", [=](Offer& m) { m.notice = over; }),
      With<Offer>("longest_interval", [](Offer& m) { m.longest_interval = Millis(-1); }),
      With<Offer>("min_duration", [](Offer& m) { m.min_duration = Millis(-1); }),
      With<Offer>("max_duration", [=](Offer& m) { m.max_duration = over; }),
      With<Offer>("min_duration", [](Offer& m) { m.min_duration = m.max_duration + Millis(1); }),
      With<Close>("metered", [](Close& m) { m.metered = Millis(-1); }),
  });
}

TEST(Decode, RefusesCountsSizesAndCodesOutOfRange) {
  ExpectAllRefused({
      With<Offer>("count", [](Offer& m) { m.count = 0; }),
      With<Offer>("slices", [](Offer& m) { m.slices = limits::kSlices + 1; }),
      With<Order>("slices", [](Order& m) { m.slices = 0; }),
      With<Order>("slices", [](Order& m) { m.slices = limits::kSlices + 1; }),
      With<Offer>("grade", [](Offer& m) { m.grade = static_cast<Grade>(3); }),
      With<Offer>("jail", [](Offer& m) { m.jail = static_cast<JailGrade>(255); }),
      With<JobReceipt>("status", [](JobReceipt& m) { m.status = static_cast<JobStatus>(4); }),
      With<Refusal>("code", [](Refusal& m) { m.code = static_cast<RefusalCode>(0); }),
      With<Refusal>("code", [](Refusal& m) { m.code = static_cast<RefusalCode>(65'535); }),
      With<Close>("reason", [](Close& m) { m.reason = static_cast<CloseReason>(1); }),
      With<Hello>("version", [](Hello& m) { m.oldest_version = 0; }),
      With<Hello>("version", [](Hello& m) { m.oldest_version = m.newest_version + 1; }),
      With<Bundle>("count", [](Bundle& m) { m.count = limits::kGossipIds + 1; }),
      With<Reply>("documents", [](Reply& m) { m.documents = limits::kFramesPerMessage; }),
      With<BlobGet>("length", [](BlobGet& m) { m.length = limits::kBlobChunkBytes + 1; }),
      With<BlobGet>("offset", [](BlobGet& m) { m.offset = UINT64_MAX; }),
      With<BlobChunk>("total", [](BlobChunk& m) { m.total = limits::kBlobBytes + 1; }),
      With<BlobChunk>("offset", [](BlobChunk& m) { m.offset = m.total + 1; }),
      With<Progress>("launch", [](Progress& m) { m.launch = 2, m.launches = 1; }),
      With<Job>("workload", [](Job& m) { m.workload.size = limits::kBlobBytes + 1; }),
      With<Job>("blobs",
                [](Job& m) {
                  m.blobs.assign(1, BlobRef{{}, UINT64_MAX});
                }),
  });
}

TEST(Decode, RefusesListsAndTextsOverTheirLimits) {
  const std::string long_name(limits::kNameBytes + 1, 'a');
  ExpectAllRefused({
      With<Card>("endpoints", [](Card& m) { m.endpoints.assign(limits::kEndpoints + 1, "x"); }),
      With<Card>(
          "endpoints",
          [](Card& m) { m.endpoints.assign(1, std::string(limits::kEndpointBytes + 1, 'x')); }),
      With<Card>("log_name", [](Card& m) { m.log_name.assign(limits::kEndpointBytes + 1, 'x'); }),
      With<Card>("log_name", [](Card& m) { m.log_name = kEscape; }),
      With<Card>("log_name", [](Card& m) { m.log_name = "a\nb"; }),
      With<Card>("log_name", [](Card& m) { m.log_name = "\xff"; }),
      With<Have>("ids", [](Have& m) { m.ids.resize(limits::kGossipIds + 1); }),
      With<Want>("ids", [](Want& m) { m.ids.resize(limits::kGossipIds + 1); }),
      With<Hello>("your_checkpoint",
                  [](Hello& m) { m.your_checkpoint.assign(limits::kNoteBytes + 1, 'x'); }),
      With<Hello>("your_checkpoint", [](Hello& m) { m.your_checkpoint = kEscape; }),
      With<Offer>("clearing_peers",
                  [](Offer& m) { m.clearing_peers.resize(limits::kClearingPeersPerOffer + 1); }),
      With<Offer>("region", [](Offer& m) { m.region = "fr"; }),
      With<Offer>("region", [](Offer& m) { m.region = "F"; }),
      With<Offer>("region", [](Offer& m) { m.region = "FRA"; }),
      With<Offer>("device_kind", [](Offer& m) { m.device_kind = ""; }),
      With<Offer>("device_kind", [](Offer& m) { m.device_kind = "CUDA"; }),
      With<Carry>("documents", [](Carry& m) { m.documents.assign(9, Bytes(1)); }),
      With<Acceptance>("device", [=](Acceptance& m) { m.device = long_name; }),
      With<Job>("blobs", [](Job& m) { m.blobs.resize(limits::kBlobsPerJob + 1); }),
      With<JobReceipt>("outputs",
                       [](JobReceipt& m) { m.outputs.assign(limits::kOutputsPerJob + 1, {}); }),
      With<JobReceipt>("outputs",
                       [=](JobReceipt& m) {
                         m.outputs.assign(1, JobOutput{long_name, {}});
                       }),
      With<JobReceipt>("result_class", [](JobReceipt& m) { m.result_class = "Exact!"; }),
      With<Issue>("reference",
                  [](Issue& m) { m.reference.assign(limits::kEndpointBytes + 1, 'x'); }),
  });
}

TEST(Decode, RefusesChallengesOutOfBounds) {
  ExpectAllRefused({
      With<Challenge>("size", [](Challenge& m) { m.size = limits::kLeastChallenge / 2; }),
      With<Challenge>("size", [](Challenge& m) { m.size = limits::kMostChallenge * 2; }),
      With<Challenge>("power of two", [](Challenge& m) { m.size = 96; }),
      With<Challenge>("rows", [](Challenge& m) { m.rows = 0; }),
      With<Challenge>("rows", [](Challenge& m) { m.rows = limits::kChallengeRows + 1; }),
      With<Challenge>("more rows", [](Challenge& m) { m.size = 64, m.rows = 65; }),
      With<Challenge>("no device", [](Challenge& m) { m.devices.clear(); }),
      With<Challenge>("twice", [](Challenge& m) { m.devices.assign(2, "GPU-1"); }),
      With<Challenge>("devices",
                      [](Challenge& m) { m.devices.resize(limits::kChallengeDevices + 1); }),
      With<Challenge>("deadline",
                      [](Challenge& m) { m.deadline = limits::kLongestChallenge + Millis(1); }),
      With<ChallengeRows>("no row", [](ChallengeRows& m) { m.rows.clear(); }),
      With<ChallengeRows>("grow",
                          [](ChallengeRows& m) {
                            m.rows = {5, 5};
                          }),
      With<ChallengeRows>("grow",
                          [](ChallengeRows& m) {
                            m.rows = {6, 5};
                          }),
      With<ChallengeRows>("rows", [](ChallengeRows& m) { m.rows = {limits::kMostChallenge}; }),
      With<ChallengeRows>("rows",
                          [](ChallengeRows& m) {
                            m.rows.clear();
                            for (uint32_t i = 0; i <= limits::kChallengeRows; ++i)
                              m.rows.push_back(i);
                          }),
      With<ChallengeVerdict>("no result", [](ChallengeVerdict& m) { m.results.clear(); }),
      With<ChallengeVerdict>(
          "results", [](ChallengeVerdict& m) { m.results.resize(limits::kChallengeDevices + 1); }),
      With<ChallengeVerdict>(
          "status",
          [](ChallengeVerdict& m) { m.results[0].status = static_cast<ChallengeStatus>(6); }),
      With<ChallengeVerdict>("week", [](ChallengeVerdict& m) { m.expires = m.judged - Millis(1); }),
      With<ChallengeVerdict>("week",
                             [](ChallengeVerdict& m) {
                               m.expires = m.judged + limits::kLongestVerdictLife + Millis(1);
                             }),
      With<Offer>("verdict", [](Offer& m) { m.verdict.resize(limits::kDocumentBytes / 2); }),
  });
}

TEST(Decode, RefusesDigestsOfOtherSizes) {
  for (const uint64_t size : {0u, 31u, 24u}) {
    Words words = PlainQuery();
    words[1] = ListPointer(0, kByteElements, size);
    if (size <= 24) words.resize(2 + size / 8);
    EXPECT_NE(WhyRefused<LeaseQuery>(words).find("lease: not 32 bytes"), std::string::npos) << size;
  }
}

// Whoever must show an order to the book can: a payload that others nest is small.
TEST(Decode, RefusesNestedDocumentsThatAreTooLargeToBeShown) {
  Words words = PlainQuery();
  // A later version's field, of 4 KiB.
  words = {StructPointer(0, 0, 2),
           ListPointer(1, kByteElements, 32),
           ListPointer(4, kByteElements, limits::kNestedBytes),
           1,
           2,
           3,
           4};
  words.resize(words.size() + limits::kNestedBytes / 8);
  const auto read = DecodeBytes<LeaseQuery>(Framed(words));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kTooLarge);
}

TEST(Encode, MakesTextForPeoplePlainAndFitting) {
  Refusal refusal;
  refusal.sentence = std::string(5000, 'a') + "é";
  refusal.would_accept = "line one\nline two" + kEscape;
  const auto read = DecodeBytes<Refusal>(EncodePayload(refusal));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->sentence, std::string(limits::kSentenceBytes, 'a'));
  EXPECT_EQ(read->would_accept, ToPlainText(refusal.would_accept, limits::kSentenceBytes));
  Rng rng(4);
  Offer offer = Any<Offer>(rng);
  offer.model = std::string(300, 'x');
  EXPECT_EQ(DecodeBytes<Offer>(EncodePayload(offer))->model.size(), limits::kNameBytes);
}

TEST(Entry, RefusesWhatItsOutcomeMayNotHold) {
  const auto refused = [](const Outcome& outcome, const char* field) {
    Entry entry;
    entry.time = limits::kEarliest;
    entry.outcome = outcome;
    const auto read = DecodeEntry(*EncodeEntry(entry));
    ASSERT_FALSE(read) << field;
    EXPECT_NE(read.error().message.find(field), std::string::npos) << read.error().message;
  };
  LeaseStep step;
  step.event = static_cast<LeaseEvent>(18);
  refused(step, "event");
  step = {};
  step.to = static_cast<LeaseState>(8);
  refused(step, "to");
  step = {};
  step.reason = static_cast<CloseReason>(999);
  refused(step, "reason");
  step = {};
  step.metered = Millis(-1);
  refused(step, "metered");
  step = {};
  step.transfers.resize(1);
  step.transfers[0].kind = static_cast<TransferRecord::Kind>(5);
  refused(step, "transfers");
  Booked booked;
  booked.transfers.resize(1);
  booked.transfers[0].amount = -1;
  refused(booked, "amount");
  booked.transfers[0].amount = limits::kAmount.micro + 1;
  refused(booked, "amount");
  booked.transfers[0] = {};
  booked.transfers[0].timeout = Time{5};
  refused(booked, "timeout");
  refused(Resumed(), "down_since");
  refused(VoucherTaken{{}, Credits{-1}}, "best");
  refused(Settled{{}, {}, Credits{-1}}, "paid");
  JobStep job;
  job.event = static_cast<JobStep::Event>(7);
  refused(job, "event");
  ChallengeStep challenge;
  challenge.event = static_cast<ChallengeStep::Event>(7);
  refused(challenge, "event");
  challenge = {};
  challenge.status = static_cast<ChallengeStatus>(6);
  refused(challenge, "status");
}

TEST(Entry, RefusesAnUnknownOutcome) {
  Entry entry;
  entry.time = limits::kEarliest;
  entry.outcome = Ordered();
  Bytes leaf = *EncodeEntry(entry);
  // The discriminant is the fourth 16-bit field after sequence, time and rules.
  const size_t at = 16 + 2 * 8 + 4;
  ASSERT_EQ(GetLe<uint16_t>(leaf.data() + at), entry.outcome.index());
  for (const int kind : {13, 14, 255}) {
    leaf[at] = static_cast<uint8_t>(kind);
    const auto read = DecodeEntry(leaf);
    ASSERT_FALSE(read) << kind;
    EXPECT_NE(read.error().message.find("outcome"), std::string::npos);
  }
}

}  // namespace
}  // namespace souk
