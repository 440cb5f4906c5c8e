// The second reader's tables say of every struct what the codec takes: samples of each kind that
// can stand in a log, and what becomes of them where something is changed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "protocol/limits.h"
#include "reader/reader_testing.h"
#include "unit/protocol/samples.h"

namespace souk::reader {
namespace {

using samples::Rng;

// Something else in its place: a bit, a byte, a word, a bound, a pointer's element or count.
void Change(Bytes& message, Rng& rng) {
  const size_t word = rng.Below(message.size() / 8) * 8;
  const auto put = [&](uint64_t value) {
    for (size_t i = 0; i < 8; ++i) message[word + i] = static_cast<uint8_t>(value >> (8 * i));
  };
  constexpr int64_t kEdges[] = {0,
                                1,
                                -1,
                                INT64_MIN,
                                INT64_MAX,
                                limits::kAmount.micro,
                                limits::kAmount.micro + 1,
                                limits::kPrice.micro_per_hour,
                                limits::kPrice.micro_per_hour + 1,
                                limits::kEarliest.ms,
                                limits::kEarliest.ms - 1,
                                limits::kLatest.ms,
                                limits::kLatest.ms + 1,
                                limits::kLongestLease.ms,
                                limits::kLongestLease.ms + 1,
                                limits::kLongestChallenge.ms,
                                limits::kLongestChallenge.ms + 1,
                                int64_t{limits::kBlobBytes},
                                int64_t{limits::kBlobBytes} + 1};
  switch (rng.Below(8)) {
    case 0:
      message[rng.Below(message.size())] ^= static_cast<uint8_t>(1 << rng.Below(8));
      return;
    case 1:
      message[rng.Below(message.size())] = static_cast<uint8_t>(rng.Any());
      return;
    case 2:
      return put(static_cast<uint64_t>(kEdges[rng.Below(std::size(kEdges))]));
    case 3:  // a small number in a half or a quarter of a word: enums, counts, bounds of 32 bits
      message[word + rng.Below(4) * 2] = static_cast<uint8_t>(rng.Below(20));
      return;
    case 4: {
      const size_t from = rng.Below(message.size() / 8) * 8;
      for (size_t i = 0; i < 8; ++i) message[word + i] = message[from + i];
      return;
    }
    case 5:  // the code of an element, or a bit of a count
      message[word + 4] ^= static_cast<uint8_t>(1 << rng.Below(8));
      return;
    case 6:  // a struct of another size, with a word more or less behind it
      message[word + 4 + rng.Below(2) * 2] ^= static_cast<uint8_t>(1 << rng.Below(2));
      return;
    default:  // the last word gone, or one more
      if (rng.Coin() && message.size() > 24) {
        message.resize(message.size() - 8);
      } else {
        message.resize(message.size() + 8);
      }
      message[4] = static_cast<uint8_t>(message.size() / 8 - 1);
      message[5] = static_cast<uint8_t>((message.size() / 8 - 1) >> 8);
  }
}

class Messages {
 public:
  explicit Messages(const std::string& path) : file_(path) {}

  template <typename Message>
  void Add(Rng& rng, uint64_t rounds) {
    for (uint64_t i = 0; i < rounds; ++i) {
      Bytes payload = EncodePayload(samples::Any<Message>(rng));
      for (uint64_t changes = rng.Below(3); changes > 0; --changes) Change(payload, rng);
      const auto document = samples::Unsigned(KindOf<Message>::value, payload);
      const bool read = document && Decode<Message>(**document).has_value();
      Write(std::string(KindName(KindOf<Message>::value)), payload, read ? 1 : 0);
    }
  }
  void AddEntry(Rng& rng, size_t outcome) {
    Bytes leaf = *EncodeEntry(samples::AnyEntry(rng, outcome));
    for (uint64_t changes = rng.Below(3); changes > 0; --changes) Change(leaf, rng);
    const auto entry = DecodeEntry(leaf);
    const bool newer = !entry && entry.error().code == Code::kUnsupported;
    Write("entry", leaf, entry ? 1 : newer ? 2 : 0);
  }
  uint64_t count() const { return count_; }

 private:
  void Write(const std::string& kind, ByteView bytes, int verdict) {
    file_ << kind << "," << ToHex(bytes) << "," << verdict << "\n" << std::flush;
    ++count_;
  }
  std::ofstream file_;
  uint64_t count_ = 0;
};

TEST_F(SecondReader, TakesJustTheMessagesThatTheCodecTakes) {
  const char* const asked = std::getenv("SOUK_CHANGED_MESSAGES");
  const uint64_t rounds = asked == nullptr ? 150 : std::stoull(asked);
  Rng rng(rounds);
  Messages messages(At("messages"));
#define SOUK_ADD(Type) messages.Add<Type>(rng, rounds);
  SOUK_ADD(Card)
  SOUK_ADD(Offer)
  SOUK_ADD(Withdrawal)
  SOUK_ADD(Issue)
  SOUK_ADD(Escrow)
  SOUK_ADD(Voucher)
  SOUK_ADD(Post)
  SOUK_ADD(Void)
  SOUK_ADD(Order)
  SOUK_ADD(Acceptance)
  SOUK_ADD(Commit)
  SOUK_ADD(Ready)
  SOUK_ADD(Job)
  SOUK_ADD(JobReceipt)
  SOUK_ADD(JobSeal)
  SOUK_ADD(JobReveal)
  SOUK_ADD(Release)
  SOUK_ADD(Close)
  SOUK_ADD(Challenge)
  SOUK_ADD(ChallengeRoot)
  SOUK_ADD(ChallengeRows)
  SOUK_ADD(ChallengeOpening)
  SOUK_ADD(ChallengeVerdict)
#undef SOUK_ADD
  for (uint64_t i = 0; i < 10 * rounds; ++i) {
    messages.AddEntry(rng, i % std::variant_size_v<Outcome>);
  }
  const tools::Ran ran =
      tools::RunProgram("python3 -B " SOUK_SOURCE_DIR "/tests/reader/check_messages.py '" +
                        At("messages").string() + "'");
  EXPECT_EQ(ran.code, 0) << ran.err.substr(0, 4000);
  uint64_t count = 0, read = 0;
  std::istringstream(ran.out) >> count >> read;
  EXPECT_EQ(count, messages.count());
  EXPECT_GT(read, count / 3);
  EXPECT_LT(read, count * 3 / 4);
}

}  // namespace
}  // namespace souk::reader
