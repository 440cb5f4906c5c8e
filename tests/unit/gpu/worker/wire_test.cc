#include "gpu/worker/wire.h"

#include <gtest/gtest.h>

#include <random>

#include "gpu/worker/challenge.h"
#include "gpu/worker/result_file.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

std::vector<Bytes> AllToWorker() {
  wire::Hello hello;
  hello.fence = 7;
  hello.keep_ms = 5000;
  wire::Challenge challenge;
  challenge.nonce.fill(9);
  wire::Files files;
  files.entries = {{FileRole::kWorkload, Sha256(AsBytes("w")), 10},
                   {FileRole::kResult, Digest{}, kMaxResultBytes}};
  wire::Run run;
  run.fence = 8;
  run.job = Sha256(AsBytes("job"));
  wire::KeepFor keep;
  keep.keep_ms = 1;
  wire::Prove prove;
  prove.challenge = Sha256(AsBytes("challenge"));
  prove.size = 256;
  wire::Open open;
  open.challenge = prove.challenge;
  open.rows = {1, 5, 200};
  return {EncodeToWorker(hello),          EncodeToWorker(challenge),
          EncodeToWorker(files),          EncodeToWorker(run),
          EncodeToWorker(wire::Status()), EncodeToWorker(wire::Cancel()),
          EncodeToWorker(wire::Quit()),   EncodeToWorker(keep),
          EncodeToWorker(prove),          EncodeToWorker(open)};
}

std::vector<Bytes> AllFromWorker() {
  wire::Ready ready;
  ready.grade = JailGrade::kLandlock;
  ready.device.name = "CPU reference";
  ready.device.memory_bytes = 1 << 30;
  wire::Answer answer;
  answer.answer = Sha256(AsBytes("a"));
  wire::Progress progress;
  progress.launches_total = 12;
  wire::Finished finished;
  finished.job = Sha256(AsBytes("job"));
  wire::Refused refused;
  refused.of = 4;
  refused.code = Code::kDenied;
  refused.message = "no";
  wire::Committed committed;
  committed.root = Sha256(AsBytes("root"));
  wire::Opened opened;
  opened.bytes = 1 << 20;
  wire::ProofFailed failed;
  failed.code = Code::kExhausted;
  failed.message = "no memory";
  return {EncodeFromWorker(ready),    EncodeFromWorker(answer),  EncodeFromWorker(progress),
          EncodeFromWorker(finished), EncodeFromWorker(refused), EncodeFromWorker(committed),
          EncodeFromWorker(opened),   EncodeFromWorker(failed)};
}

TEST(Wire, DecodesWhatItEncodes) {
  for (const Bytes& packet : AllToWorker()) {
    const Result<ToWorker> message = DecodeToWorker(packet);
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_EQ(EncodeToWorker(*message), packet);
  }
  for (const Bytes& packet : AllFromWorker()) {
    const Result<FromWorker> message = DecodeFromWorker(packet);
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_EQ(EncodeFromWorker(*message), packet);
  }
}

TEST(Wire, RefusesAPacketCutAnywhereOrWithMoreAfterIt) {
  for (Bytes packet : AllToWorker()) {
    for (size_t length = 0; length < packet.size(); ++length) {
      EXPECT_FALSE(DecodeToWorker(ByteView(packet).first(length))) << int{packet[0]} << length;
    }
    packet.push_back(0);
    EXPECT_FALSE(DecodeToWorker(packet));
  }
  for (Bytes packet : AllFromWorker()) {
    for (size_t length = 0; length < packet.size(); ++length) {
      EXPECT_FALSE(DecodeFromWorker(ByteView(packet).first(length)));
    }
    packet.push_back(0);
    EXPECT_FALSE(DecodeFromWorker(packet));
  }
}

TEST(Wire, RefusesUnknownKindsRolesStatesAndCodes) {
  EXPECT_FALSE(DecodeToWorker(Bytes{0}));
  EXPECT_FALSE(DecodeToWorker(Bytes{11}));
  EXPECT_FALSE(DecodeFromWorker(Bytes{64}));
  EXPECT_FALSE(DecodeFromWorker(Bytes{73}));
  Bytes files = AllToWorker()[2];
  files[3] = 5;  // the first entry's role
  EXPECT_FALSE(DecodeToWorker(files));
  files[3] = 0;
  EXPECT_FALSE(DecodeToWorker(files));
  Bytes ready = AllFromWorker()[0];
  ready[5] = 4;  // the grade
  EXPECT_FALSE(DecodeFromWorker(ready));
  Bytes refused = AllFromWorker()[4];
  refused[2] = 0xff;  // the code
  EXPECT_FALSE(DecodeFromWorker(refused));
}

TEST(Wire, BelievesNoCountOfFiles) {
  Bytes files = AllToWorker()[2];
  for (const int count : {0, 1, 3, 129, 65535}) {
    files[1] = static_cast<uint8_t>(count);
    files[2] = static_cast<uint8_t>(count >> 8);
    EXPECT_FALSE(DecodeToWorker(files)) << count;
  }
}

TEST(Wire, BelievesNoCountOfRows) {
  Bytes open = AllToWorker()[9];
  for (const int count : {0, 2, 4, 257, 65535}) {
    open[33] = static_cast<uint8_t>(count);
    open[34] = static_cast<uint8_t>(count >> 8);
    EXPECT_FALSE(DecodeToWorker(open)) << count;
  }
}

TEST(Wire, SurvivesAnyBytes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    Bytes packet(random() % 200);
    for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random());
    if (!packet.empty() && i % 2 == 0) packet[0] = static_cast<uint8_t>(1 + random() % 10);
    const Result<ToWorker> to = DecodeToWorker(packet);
    EXPECT_TRUE(!to || EncodeToWorker(*to) == packet);
    if (!packet.empty() && i % 2 == 0) packet[0] = static_cast<uint8_t>(65 + random() % 8);
    const Result<FromWorker> from = DecodeFromWorker(packet);
    EXPECT_TRUE(!from || EncodeFromWorker(*from) == packet);
  }
}

TEST(Wire, CutsTextThatIsTooLong) {
  wire::Refused refused;
  refused.message = std::string(100'000, 'x');
  const Result<FromWorker> message = DecodeFromWorker(EncodeFromWorker(refused));
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<wire::Refused>(*message).message.size(), kMaxWorkerText);
}

WorkerResult SomeResult() {
  WorkerResult result;
  result.fence = 3;
  result.job = Sha256(AsBytes("job"));
  result.workload = Sha256(AsBytes("workload"));
  result.outputs = {{"a.npy", Sha256(AsBytes("a")), 128}, {"b.npy", Sha256(AsBytes("b")), 0}};
  result.commitments = {{0, Sha256(AsBytes("s0"))}, {5, Sha256(AsBytes("s5"))}};
  result.commitments_root = Sha256(AsBytes("root"));
  result.result_class = ptx::Class::kTolerant;
  result.stats.launches = 5;
  result.stats.read_us = 17;
  return result;
}

TEST(ResultFile, GivesBackWhatWasWritten) {
  const WorkerResult result = SomeResult();
  const Result<Bytes> file = EncodeResult(result);
  ASSERT_TRUE(file);
  const Result<WorkerResult> back = DecodeResult(*file);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->outputs, result.outputs);
  EXPECT_EQ(back->commitments, result.commitments);
  EXPECT_EQ(back->result_class, ptx::Class::kTolerant);
  EXPECT_EQ(back->stats.launches, 5u);
  EXPECT_EQ(back->stats.read_us, 17u);
  EXPECT_FALSE(back->failure);
  EXPECT_EQ(*EncodeResult(*back), *file);
}

TEST(ResultFile, KeepsAFailureTyped) {
  WorkerResult failed;
  failed.failure = Error(Code::kFault, "kernel k, line 3: wild access");
  const Result<WorkerResult> back = DecodeResult(*EncodeResult(failed));
  ASSERT_TRUE(back);
  ASSERT_TRUE(back->failure);
  EXPECT_EQ(back->failure->code, Code::kFault);
  EXPECT_EQ(back->failure->message, "kernel k, line 3: wild access");
}

TEST(ResultFile, CountsAsAbsentWhenCutOrAltered) {
  const Bytes file = *EncodeResult(SomeResult());
  for (size_t length = 0; length < file.size(); ++length) {
    EXPECT_FALSE(DecodeResult(ByteView(file).first(length)));
  }
  for (size_t i = 0; i < file.size(); ++i) {
    Bytes altered = file;
    altered[i] ^= 1;
    EXPECT_FALSE(DecodeResult(altered)) << i;
  }
  const std::filesystem::path path = testing::TempDir() + "souk-result-test";
  ASSERT_TRUE(WriteFileAtomic(path, ByteView(file).first(file.size() - 1)));
  const Result<WorkerResult> read = ReadResult(path);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kNotFound);
  std::filesystem::remove(path);
}

TEST(Challenge, AnswersDifferForNoncesThatDifferInOneBit) {
  Nonce nonce = {};
  const Digest zero = ExpectedAnswer(nonce);
  EXPECT_EQ(zero, ExpectedAnswer(nonce));
  for (size_t i = 0; i < nonce.size(); ++i) {
    nonce = {};
    nonce[i] = 0x80;
    EXPECT_NE(ExpectedAnswer(nonce), zero) << i;
  }
}

}  // namespace
}  // namespace souk::gpu
