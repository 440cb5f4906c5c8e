// What the pool verifies, and in which order it hands it on.
#include "node/verify_pool.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace souk::node {
namespace {

const SigningKey& Key() {
  static const SigningKey key = SigningKey::Generate();
  return key;
}

SharedBytes Envelope(const DocumentRef& document) {
  return std::make_shared<const Bytes>(document->envelope());
}

DocumentRef Query(uint8_t number) {
  LeaseQuery query;
  query.lease.bytes[0] = number;
  return SignMessage(query, Key());
}

std::vector<Event> CollectAll(VerifyPool& pool, size_t count) {
  std::vector<Event> out;
  while (out.size() < count) {
    pollfd one = {pool.fd(), POLLIN, 0};
    if (::poll(&one, 1, 5'000) <= 0) break;
    pool.Collect(out);
  }
  return out;
}

TEST(VerifyPool, HandsEachConnectionsMessagesOnInTheirOrder) {
  VerifyPool pool(4, 1'000);
  for (uint8_t i = 0; i < 100; ++i) {
    for (const ConnectionId connection : {ConnectionId{1}, ConnectionId{3}}) {
      pool.Submit({.connection = connection, .frames = {Envelope(Query(i))}});
    }
  }
  std::map<ConnectionId, int> next;
  for (const Event& event : CollectAll(pool, 200)) {
    const auto& arrived = std::get<DocumentArrived>(event);
    const auto query = Decode<LeaseQuery>(*arrived.document);
    ASSERT_TRUE(query);
    EXPECT_EQ(query->lease.bytes[0], next[arrived.connection]++);
  }
  EXPECT_EQ(next[1], 100);
  EXPECT_EQ(next[3], 100);
  EXPECT_EQ(pool.room(), 1'000u);
}

TEST(VerifyPool, VerifiesASingleMessageOnTheCallersThread) {
  VerifyPool pool(1, 10);
  ASSERT_TRUE(pool.idle());
  const Event good = pool.VerifyHere({.connection = 1, .frames = {Envelope(Query(1))}});
  EXPECT_TRUE(std::holds_alternative<DocumentArrived>(good));
  Bytes forged = Query(1)->envelope();
  forged.back() ^= 1;
  const Event bad = pool.VerifyHere(
      {.connection = 1, .frames = {std::make_shared<const Bytes>(std::move(forged))}});
  ASSERT_TRUE(std::holds_alternative<MessageRefused>(bad));
  EXPECT_EQ(std::get<MessageRefused>(bad).code, RefusalCode::kBadSignature);
  EXPECT_EQ(pool.room(), 10u);
  pool.Submit({.connection = 1, .frames = {Envelope(Query(2))}});
  EXPECT_FALSE(pool.idle());
  EXPECT_EQ(CollectAll(pool, 1).size(), 1u);
}

TEST(VerifyPool, RefusesWhatIsUnsignedWronglySignedOrOfAnUnknownKind) {
  VerifyPool pool(2, 10);
  Bytes forged = Query(1)->envelope();
  forged.back() ^= 1;
  Bytes unknown = Query(2)->envelope();
  unknown[1] = 'z';
  pool.Submit({.connection = 1, .frames = {std::make_shared<const Bytes>(forged)}});
  pool.Submit({.connection = 1, .frames = {std::make_shared<const Bytes>(unknown)}});
  pool.Submit({.connection = 1, .frames = {std::make_shared<const Bytes>(Bytes{})}});
  pool.Submit({.connection = 1, .frames = {Envelope(Query(3)), Envelope(Query(3))}});
  const std::vector<Event> events = CollectAll(pool, 4);
  ASSERT_EQ(events.size(), 4u);
  const RefusalCode expected[] = {RefusalCode::kBadSignature, RefusalCode::kUnknownKind,
                                  RefusalCode::kMalformed, RefusalCode::kMalformed};
  for (size_t i = 0; i < 4; ++i) {
    const auto& refused = std::get<MessageRefused>(events[i]);
    EXPECT_EQ(refused.code, expected[i]) << i << ": " << refused.sentence;
    EXPECT_FALSE(refused.sentence.empty());
  }
}

TEST(VerifyPool, LetsARefusalWaitBehindWhatCameBeforeIt) {
  VerifyPool pool(1, 10);
  pool.Submit({.connection = 1, .frames = {Envelope(Query(1))}});
  pool.Pass({.connection = 1, .code = RefusalCode::kTooLarge, .sentence = "too large"});
  pool.Submit({.connection = 1, .frames = {Envelope(Query(2))}});
  const std::vector<Event> events = CollectAll(pool, 3);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<DocumentArrived>(events[0]));
  EXPECT_TRUE(std::holds_alternative<MessageRefused>(events[1]));
  EXPECT_TRUE(std::holds_alternative<DocumentArrived>(events[2]));
}

TEST(VerifyPool, HandsNothingOnForAForgottenConnection) {
  VerifyPool pool(1, 100);
  for (uint8_t i = 0; i < 50; ++i) pool.Submit({.connection = 1, .frames = {Envelope(Query(i))}});
  pool.Forget(1);
  pool.Submit({.connection = 3, .frames = {Envelope(Query(99))}});
  const std::vector<Event> events = CollectAll(pool, 1);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(std::get<DocumentArrived>(events[0]).connection, 3u);
  // Its places come back all the same.
  std::vector<Event> rest;
  for (int i = 0; i < 100 && pool.room() < 100; ++i) pool.Collect(rest);
  EXPECT_EQ(pool.room(), 100u);
  EXPECT_TRUE(rest.empty());
}

TEST(VerifiedDocuments, GivesARepeatTheDocumentThatItVerifiedBefore) {
  VerifiedDocuments verified;
  const Bytes envelope = Query(1)->envelope();
  const auto first = verified.Open(envelope);
  const auto second = verified.Open(envelope);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->get(), second->get());
}

TEST(VerifiedDocuments, NeverTakesAForgeryForTheOriginal) {
  VerifiedDocuments verified;
  Bytes envelope = Query(1)->envelope();
  ASSERT_TRUE(verified.Open(envelope));
  envelope[40] ^= 1;  // in the signature
  for (int i = 0; i < 2; ++i) EXPECT_EQ(verified.Open(envelope).error().code, Code::kBadSignature);
}

TEST(VerifiedDocuments, StaysWithinItsBound) {
  VerifiedDocuments verified;
  const Bytes envelope = Query(1)->envelope();
  const auto first = verified.Open(envelope);
  for (size_t i = 0; i < 3 * VerifiedDocuments::kGeneration; ++i) {
    LeaseQuery query;
    query.lease = Sha256(AsBytes(std::to_string(i)));
    ASSERT_TRUE(verified.Open(SignMessage(query, Key())->envelope()));
  }
  // Forgotten by now: verified anew.
  EXPECT_NE(verified.Open(envelope)->get(), first->get());
}

}  // namespace
}  // namespace souk::node
