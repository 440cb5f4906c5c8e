// Blobs on disk: in order, resumed, checked.
#include "node/blob_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "ledger/log/memory_store.h"
#include "protocol/base/file.h"

namespace souk::node {
namespace {

Bytes Pattern(size_t size, uint8_t seed) {
  Bytes out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(i * 31 + i / 251 + seed);
  return out;
}

class BlobStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::path(testing::TempDir()) / ("souk-blobs-" + std::to_string(::getpid()));
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    const std::array<uint8_t, 32> seed = {7};
    auto log = ledger::Log::Open(store_, slots_, ledger::NoteSigner::FromSeed("souk/test", seed));
    ASSERT_TRUE(log) << log.error().message;
    log_ = std::make_unique<ledger::Log>(std::move(*log));
    Reopen();
  }
  void TearDown() override {
    blobs_.reset();
    std::filesystem::remove_all(dir_);
  }
  void Reopen() {
    blobs_.reset();
    auto blobs = FileBlobStore::Open(dir_, *log_);
    ASSERT_TRUE(blobs) << blobs.error().message;
    blobs_ = std::move(*blobs);
  }
  Result<bool> Write(const Digest& blob, const Bytes& whole, uint64_t offset, uint64_t size) {
    const ByteView bytes = ByteView(whole).subspan(offset, size);
    return blobs_->Write(
        {blob, peer_, offset, whole.size(), std::make_shared<const Bytes>(ToBytes(bytes))});
  }

  const PeerId peer_ = {{1}};
  std::filesystem::path dir_ = {};
  ledger::MemoryStore store_;
  ledger::MemorySlotFile slots_;
  std::unique_ptr<ledger::Log> log_ = {};
  std::unique_ptr<FileBlobStore> blobs_ = {};
};

TEST_F(BlobStoreTest, KeepsABlobThatArrivesInOrder) {
  const Bytes whole = Pattern(100'000, 1);
  const Digest blob = Sha256(whole);
  EXPECT_EQ(*Write(blob, whole, 0, 60'000), false);
  EXPECT_EQ(blobs_->BlobSize(blob), std::nullopt);
  EXPECT_EQ(blobs_->PartialBlobSize(blob, peer_), 60'000u);
  EXPECT_EQ(*Write(blob, whole, 60'000, 40'000), true);
  EXPECT_EQ(blobs_->BlobSize(blob), 100'000u);
  EXPECT_EQ(blobs_->PartialBlobSize(blob, peer_), 0u);
  EXPECT_EQ(*blobs_->Read(blob, 99'990, 10), Bytes(whole.end() - 10, whole.end()));
}

TEST_F(BlobStoreTest, ResumesAfterARestartWhereItStopped) {
  const Bytes whole = Pattern(50'000, 2);
  const Digest blob = Sha256(whole);
  ASSERT_TRUE(Write(blob, whole, 0, 20'000));
  Reopen();
  EXPECT_EQ(blobs_->PartialBlobSize(blob, peer_), 20'000u);
  EXPECT_EQ(*Write(blob, whole, 20'000, 30'000), true);
}

TEST_F(BlobStoreTest, PassesOverBytesThatItHas) {
  const Bytes whole = Pattern(1'000, 3);
  const Digest blob = Sha256(whole);
  ASSERT_TRUE(Write(blob, whole, 0, 600));
  EXPECT_EQ(*Write(blob, whole, 300, 400), false);
  EXPECT_EQ(blobs_->PartialBlobSize(blob, peer_), 700u);
  EXPECT_EQ(*Write(blob, whole, 700, 300), true);
  // And a blob that is whole.
  EXPECT_EQ(*Write(blob, whole, 0, 1'000), true);
}

TEST_F(BlobStoreTest, RefusesAGapAndBytesBeyondTheEnd) {
  const Bytes whole = Pattern(1'000, 4);
  const Digest blob = Sha256(whole);
  EXPECT_EQ(Write(blob, whole, 500, 500).error().code, Code::kInvalidArgument);
  const auto beyond =
      blobs_->Write({blob, peer_, 0, 10, std::make_shared<const Bytes>(Pattern(20, 4))});
  EXPECT_EQ(beyond.error().code, Code::kInvalidArgument);
  const auto huge = blobs_->Write(
      {blob, peer_, 0, limits::kBlobBytes + 1, std::make_shared<const Bytes>(Pattern(20, 4))});
  EXPECT_EQ(huge.error().code, Code::kInvalidArgument);
}

TEST_F(BlobStoreTest, ThrowsAwayWhatHasAnotherDigest) {
  const Bytes whole = Pattern(1'000, 5);
  const Digest other = Sha256(Pattern(1'000, 6));
  EXPECT_EQ(Write(other, whole, 0, 1'000).error().code, Code::kMismatch);
  EXPECT_EQ(blobs_->BlobSize(other), std::nullopt);
  EXPECT_EQ(blobs_->PartialBlobSize(other, peer_), 0u);
}

TEST_F(BlobStoreTest, KeepsWhatSeveralPeersSendOfABlobApart) {
  const Bytes whole = Pattern(1'000, 5);
  const Digest blob = Sha256(whole);
  const PeerId liar = {{2}};
  const auto junk = std::make_shared<const Bytes>(Pattern(1'000, 6));
  ASSERT_TRUE(Write(blob, whole, 0, 600));
  EXPECT_EQ(blobs_->Write({blob, liar, 0, 1'000, junk}).error().code, Code::kMismatch);
  EXPECT_EQ(blobs_->PartialBlobSize(blob, peer_), 600u);
  EXPECT_EQ(*blobs_->Write({blob, liar, 0, 2'000, junk}), false);
  EXPECT_EQ(blobs_->PartialBlobSize(blob, liar), 1'000u);
  blobs_->Drop({blob, liar});
  EXPECT_EQ(blobs_->PartialBlobSize(blob, liar), 0u);
  EXPECT_EQ(*Write(blob, whole, 600, 400), true);
}

TEST_F(BlobStoreTest, HoldsMoreBlobsOnTheirWayThanItKeepsOpen) {
  const size_t count = FileBlobStore::kPartials + 8;
  for (size_t round = 0; round < 2; ++round) {
    for (size_t i = 0; i < count; ++i) {
      const Bytes whole = Pattern(64, static_cast<uint8_t>(i));
      ASSERT_EQ(*Write(Sha256(whole), whole, round * 32, 32), round == 1);
    }
  }
}

TEST_F(BlobStoreTest, ReadsOnlyBytesThatAreThere) {
  const Bytes whole = Pattern(100, 7);
  const Digest blob = Sha256(whole);
  ASSERT_TRUE(Write(blob, whole, 0, 100));
  EXPECT_EQ(blobs_->Read(blob, 50, 51).error().code, Code::kInvalidArgument);
  EXPECT_EQ(blobs_->Read(blob, UINT64_MAX, 1).error().code, Code::kInvalidArgument);
  EXPECT_EQ(blobs_->Read(Sha256(Pattern(1, 0)), 0, 1).error().code, Code::kNotFound);
}

TEST_F(BlobStoreTest, TakesAFileInOnlyUnderItsDigest) {
  const Bytes whole = Pattern(5'000, 8);
  const std::filesystem::path file = dir_ / "output.0";
  ASSERT_TRUE(WriteFileAtomic(file, whole));
  EXPECT_EQ(FileBlobStore::TakeIn(dir_, file, Sha256(Pattern(1, 1))).error().code, Code::kMismatch);
  EXPECT_TRUE(std::filesystem::exists(file));
  ASSERT_TRUE(FileBlobStore::TakeIn(dir_, file, Sha256(whole)));
  EXPECT_EQ(blobs_->BlobSize(Sha256(whole)), 5'000u);
  // As after a crash right behind it.
  EXPECT_TRUE(FileBlobStore::TakeIn(dir_, file, Sha256(whole)));
  // Another job makes the same bytes, and those of the first were damaged since.
  ASSERT_TRUE(WriteFileAtomic(blobs_->PathOf(Sha256(whole)), Pattern(5'000, 9)));
  EXPECT_TRUE(FileBlobStore::TakeIn(dir_, file, Sha256(whole)));
  EXPECT_EQ(ReadFile(blobs_->PathOf(Sha256(whole)), 5'000).value(), whole);
  EXPECT_FALSE(FileBlobStore::DropDamaged(dir_, Sha256(whole)).value());
  ASSERT_TRUE(WriteFileAtomic(blobs_->PathOf(Sha256(whole)), Pattern(5'000, 9)));
  EXPECT_TRUE(FileBlobStore::DropDamaged(dir_, Sha256(whole)).value());
  EXPECT_EQ(blobs_->BlobSize(Sha256(whole)), std::nullopt);
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "blobs" / "partial"));
}

TEST_F(BlobStoreTest, RemovesWhatIsNotNew) {
  const Bytes whole = Pattern(1'000, 10);
  const Digest blob = Sha256(whole);
  const auto age = [&](std::chrono::hours by) {
    std::filesystem::last_write_time(blobs_->PathOf(blob),
                                     std::filesystem::file_time_type::clock::now() - by);
  };
  ASSERT_TRUE(Write(blob, whole, 0, 1'000));
  // Its job may still be on the way.
  blobs_->Remove({.blob = blob});
  EXPECT_EQ(blobs_->BlobSize(blob), 1'000u);
  // Whoever would have put it there makes it new.
  age(std::chrono::hours(2));
  ASSERT_TRUE(WriteFileAtomic(dir_ / "output.0", whole));
  ASSERT_TRUE(FileBlobStore::TakeIn(dir_, dir_ / "output.0", blob));
  blobs_->Remove({.blob = blob});
  EXPECT_EQ(blobs_->BlobSize(blob), 1'000u);
  age(std::chrono::hours(2));
  blobs_->Remove({.blob = blob});
  EXPECT_EQ(blobs_->BlobSize(blob), std::nullopt);
  ASSERT_TRUE(Write(blob, whole, 0, 1'000));
  blobs_->Remove({.blob = blob, .even_new = true});
  EXPECT_EQ(blobs_->BlobSize(blob), std::nullopt);
}

TEST_F(BlobStoreTest, ForgetsPartsThatNobodyWentOnWithForAWeek) {
  const Bytes whole = Pattern(1'000, 11);
  const Digest old = Sha256(whole), fresh = Sha256(Pattern(1'000, 12));
  ASSERT_TRUE(Write(old, whole, 0, 600));
  ASSERT_TRUE(Write(fresh, Pattern(1'000, 12), 0, 600));
  for (const auto& file : std::filesystem::directory_iterator(dir_ / "blobs" / "partial")) {
    if (!file.path().filename().string().starts_with(old.Hex())) continue;
    std::filesystem::last_write_time(
        file.path(), std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 8));
  }
  Reopen();
  EXPECT_EQ(blobs_->PartialBlobSize(old, peer_), 0u);
  EXPECT_EQ(blobs_->PartialBlobSize(fresh, peer_), 600u);
}

TEST_F(BlobStoreTest, FollowsNoLinkToAFileOutside) {
  const Bytes secret = Pattern(10, 9);
  ASSERT_TRUE(WriteFileAtomic(dir_ / "secret", secret));
  std::filesystem::create_symlink(dir_ / "secret", blobs_->PathOf(Sha256(secret)));
  EXPECT_EQ(blobs_->BlobSize(Sha256(secret)), std::nullopt);
  EXPECT_FALSE(blobs_->Read(Sha256(secret), 0, 10));
}

}  // namespace
}  // namespace souk::node
