#include "ledger/log/rocksdb_ledger.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "protocol/base/file.h"
#include "sanitized.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr LogOptions kAlone{.alone = true};

void Fill(const fs::path& dir, uint64_t from, uint64_t to, uint64_t step) {
  auto ledger = Ledger::Open(dir, TestSigner(), kAlone);
  ASSERT_TRUE(ledger) << ledger.error().message;
  for (uint64_t i = from; i < to; i += step) {
    ASSERT_TRUE((*ledger)->log().Commit(Drafts(i, std::min(step, to - i))));
  }
}

TEST(RocksDbLedger, IsBegunFilledAndFoundAgain) {
  const TestFolder folder;
  Fill(folder.path(), 0, 600, 7);
  Fill(folder.path(), 600, 700, 1);
  const auto ledger = Ledger::Open(folder.path(), TestSigner(), kAlone);
  ASSERT_TRUE(ledger) << ledger.error().message;
  EXPECT_EQ((*ledger)->log().size(), 700u);
  for (uint64_t i = 0; i < 700; i += 13) {
    EXPECT_EQ(*(*ledger)->log().Entry(i), Leaf(i));
    EXPECT_TRUE(VerifyProof(*(*ledger)->log().Proof(i), Leaf(i), TestSigner().Verifier()));
  }
}

TEST(RocksDbLedger, ASecondProcessIsTurnedAway) {
  const TestFolder folder;
  const auto first = Ledger::Open(folder.path(), TestSigner(), kAlone);
  ASSERT_TRUE(first) << first.error().message;
  const auto second = Ledger::Open(folder.path(), TestSigner(), kAlone);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr("another process is using the ledger"));
}

TEST(RocksDbLedger, IsReadWhileItIsWritten) {
  const TestFolder folder;
  const auto ledger = Ledger::Open(folder.path(), TestSigner(), kAlone);
  ASSERT_TRUE(ledger);
  for (uint64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE((*ledger)->log().Commit(Drafts(10 * i, 10)));
    const auto view = LedgerView::Open(folder.path(), TestSigner().Verifier());
    ASSERT_TRUE(view) << view.error().message;
    EXPECT_EQ((*view)->log().size(), 10 * (i + 1));
    EXPECT_TRUE(VerifyProof(*(*view)->log().Proof(i), Leaf(i), TestSigner().Verifier()));
  }
}

// Digits of random bytes: nothing repeats, and half of their bits say nothing.
Bytes HexLeaf(uint64_t n) {
  std::string digits;
  for (uint64_t i = 0; i < 32; ++i) digits += Sha256(AsBytes(std::to_string(32 * n + i))).Hex();
  return ToBytes(AsBytes(digits));
}

uintmax_t BytesIn(const fs::path& dir) {
  uintmax_t bytes = 0;
  std::error_code gone;
  for (const auto& item : fs::directory_iterator(dir)) {
    const uintmax_t size = item.file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

TEST(RocksDbLedger, OldEntriesCompressAndAreProvenAsBefore) {
  const TestFolder folder;
  constexpr uint64_t kStarts = 13;
  constexpr uint64_t kEach = 300;
  // Every start puts what the one before it wrote into a file; every four files are merged.
  for (uint64_t start = 0; start < kStarts; ++start) {
    auto ledger = Ledger::Open(folder.path(), TestSigner(), kAlone);
    ASSERT_TRUE(ledger) << ledger.error().message;
    std::vector<Draft> drafts;
    for (uint64_t i = 0; i < kEach; ++i) drafts.push_back({HexLeaf(kEach * start + i), {}});
    ASSERT_TRUE((*ledger)->log().Commit(drafts));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const auto ledger = Ledger::Open(folder.path(), TestSigner(), kAlone);
  ASSERT_TRUE(ledger) << ledger.error().message;
  const uintmax_t raw = kStarts * kEach * HexLeaf(0).size();
  uintmax_t stored = BytesIn(folder.path() / "ledger");
  for (int i = 0; i < 200 && stored > raw * 3 / 4; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stored = BytesIn(folder.path() / "ledger");
  }
  EXPECT_LE(stored, raw * 3 / 4);
  const Log& log = (*ledger)->log();
  for (uint64_t i = 0; i < kStarts * kEach; i += 97) {
    EXPECT_EQ(*log.Entry(i), HexLeaf(i));
    EXPECT_TRUE(VerifyProof(*log.Proof(i), HexLeaf(i), TestSigner().Verifier()));
  }
}

TEST(RocksDbLedger, IsViewedByItsNodesDirectoryOrByItself) {
  const TestFolder folder;
  Fill(folder.path(), 0, 5, 1);
  for (const fs::path& where :
       {folder.path(), folder.path() / "ledger", folder.path() / "ledger/"}) {
    const auto view = LedgerView::Open(where, TestSigner().Verifier());
    ASSERT_TRUE(view) << view.error().message;
    EXPECT_EQ((*view)->log().size(), 5u);
  }
  const TestFolder empty;
  EXPECT_EQ(LedgerView::Open(empty.path(), TestSigner().Verifier()).error().code, Code::kNotFound);
}

// Every file below `dir` with its bytes.
std::map<std::string, Bytes> Snapshot(const fs::path& dir) {
  std::map<std::string, Bytes> files;
  for (const auto& file : fs::recursive_directory_iterator(dir)) {
    if (file.is_regular_file()) {
      files[fs::relative(file.path(), dir).string()] = *ReadFile(file.path(), 1 << 30);
    }
  }
  return files;
}

void Restore(const fs::path& dir, const std::map<std::string, Bytes>& files) {
  fs::remove_all(dir);
  for (const auto& [name, bytes] : files) {
    fs::create_directories((dir / name).parent_path());
    std::ofstream out(dir / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }
}

// A ledger with tables, a write-ahead log with many records, manifest and slots all in use.
std::map<std::string, Bytes> LivingLedger(const fs::path& dir) {
  Fill(dir, 0, 300, 10);
  Fill(dir, 300, 400, 3);  // the reopening has made a table of the first 300
  Fill(dir, 400, 420, 2);
  return Snapshot(dir);
}

TEST(RocksDbLedger, EveryFlippedBitInItsFilesIsHarmlessOrRefusedAtStart) {
  const TestFolder folder;
  const fs::path dir = folder.path() / "node";
  fs::create_directory(dir);
  const auto good = LivingLedger(dir);
  std::map<std::string, std::pair<int, int>> tally;  // by kind of file: refused, harmless
  std::mt19937_64 random(7);
  size_t flips = 0;
  for (const auto& [name, bytes] : good) {
    if (bytes.empty()) continue;
    const std::string kind = name == "checkpoint"
                                 ? name
                                 : name.substr(0, name.find_first_of("-0123456789", 7)) +
                                       fs::path(name).extension().string();
    for (size_t i = 0; i < Thinned(45); ++i) {
      Restore(dir, good);
      Bytes bad = bytes;
      const uint64_t bit = random() % (bytes.size() * 8);
      bad[bit / 8] = static_cast<uint8_t>(bad[bit / 8] ^ 1 << bit % 8);
      std::ofstream(dir / name, std::ios::binary)
          .write(reinterpret_cast<const char*>(bad.data()),
                 static_cast<std::streamsize>(bad.size()));
      const auto damaged = Snapshot(dir);
      ++flips;
      const auto ledger = Ledger::Open(dir, TestSigner(), kAlone);
      if (!ledger) {
        ++tally[kind].first;
        EXPECT_THAT(ledger.error().message, HasSubstr("Nothing was changed")) << name;
        EXPECT_EQ(Snapshot(dir), damaged) << name << ": a refusal touches nothing";
        continue;
      }
      ++tally[kind].second;
      Log& log = (*ledger)->log();
      ASSERT_EQ(log.size(), 420u) << name << " bit " << bit << ": acknowledged entries lost unseen";
      for (uint64_t k = 0; k < 420; ++k) {
        ASSERT_EQ(*log.Entry(k), Leaf(k)) << name << " bit " << bit;
        ASSERT_EQ(**log.FindById(IdOf(k)), k) << name << " bit " << bit;
      }
      ASSERT_TRUE(log.Commit(Drafts(420, 1)));
    }
  }
  for (const auto& [kind, counts] : tally) {
    std::printf("  %-28s refused %3d  harmless %3d\n", kind.c_str(), counts.first, counts.second);
  }
  EXPECT_GE(flips, Thinned(200));
}

// A database that a refusal made would stand in the way of a rebuilding.
TEST(RocksDbLedger, MakesNothingWhereLedgerAndSlotsAreLost) {
  const TestFolder folder;
  const auto ledger = Ledger::Open(folder.path(), TestSigner(), {.made = true});
  ASSERT_FALSE(ledger);
  EXPECT_EQ(ledger.error().code, Code::kNotFound);
  EXPECT_THAT(ledger.error().message, HasSubstr("soukd rebuild"));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(RocksDbLedger, APipeAmongItsFilesIsRefusedAndNotWaitedFor) {
  const TestFolder folder;
  const fs::path dir = folder.path() / "node";
  fs::create_directory(dir);
  Restore(dir, LivingLedger(dir));
  fs::remove(dir / "ledger" / "CURRENT");
  ASSERT_EQ(::mkfifo((dir / "ledger" / "CURRENT").c_str(), 0600), 0);
  const auto ledger = Ledger::Open(dir, TestSigner(), kAlone);
  ASSERT_FALSE(ledger);
  EXPECT_THAT(ledger.error().message, HasSubstr("is no regular file"));
  EXPECT_FALSE(LedgerView::Open(dir, TestSigner().Verifier()));
}

TEST(RocksDbLedger, EveryMissingOrTruncatedFileIsHarmlessOrRefusedAtStart) {
  const TestFolder folder;
  const fs::path dir = folder.path() / "node";
  fs::create_directory(dir);
  const auto good = LivingLedger(dir);
  for (const auto& [name, bytes] : good) {
    for (const double keep : {-1.0, 0.0, 0.5, 0.97}) {
      Restore(dir, good);
      if (keep < 0) {
        fs::remove(dir / name);
      } else {
        fs::resize_file(dir / name,
                        static_cast<uintmax_t>(keep * static_cast<double>(bytes.size())));
      }
      const auto ledger = Ledger::Open(dir, TestSigner(), kAlone);
      if (!ledger) continue;
      ASSERT_EQ((*ledger)->log().size(), 420u) << name << " " << keep;
      ASSERT_EQ(*(*ledger)->log().Entry(419), Leaf(419)) << name << " " << keep;
    }
  }
}

TEST(RocksDbLedger, ASlotFileWithoutItsDatabaseIsRefused) {
  const TestFolder folder;
  Fill(folder.path(), 0, 5, 1);
  fs::remove_all(folder.path() / "ledger");
  const auto ledger = Ledger::Open(folder.path(), TestSigner(), kAlone);
  ASSERT_FALSE(ledger);
  EXPECT_THAT(ledger.error().message, HasSubstr("acknowledged entries are missing"));
}

// What Ledger::Open says in a child with a small file system of its own, after `spoil`; "opened"
// where it opens, empty where the machine allows no such child.
std::string MessageIn(const fs::path& dir, const std::function<bool()>& spoil) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool own = (::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
                     ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                     ::mount("none", dir.c_str(), "tmpfs", 0, "size=4m") == 0;
    if (!own) ::_exit(0);
    Fill(dir, 0, 60, 10);
    if (!spoil()) ::_exit(0);
    const auto ledger = Ledger::Open(dir, TestSigner(), kAlone);
    std::string says = ledger ? "opened" : ledger.error().message;
    // Space is what can be given back from within.
    const bool freed = ::unlink((dir / "filler").c_str()) == 0;
    if (freed && !Ledger::Open(dir, TestSigner(), kAlone)) says = "broken";
    ::_exit(::write(ends[1], says.data(), says.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  std::string says(2000, '\0');
  const ssize_t got = ::read(ends[0], says.data(), says.size());
  says.resize(got < 0 ? 0 : static_cast<size_t>(got));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return says;
}

TEST(RocksDbLedger, WhatTheMachineRefusesIsNoDamage) {
  const TestFolder folder;
  const fs::path& dir = folder.path();
  const std::string in = dir.string();
  const struct {
    const char* name;
    std::function<bool()> spoil;
    std::string remedy;
  } kCases[] = {
      {"full",
       [&] {
         std::ofstream filler(dir / "filler", std::ios::binary);
         while (filler.write("0123456789abcdef", 16).flush()) {
         }
         return true;
       },
       "free space on " + in + " and start again"},
      {"read-only",
       [&] { return ::mount("none", in.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0; },
       "make the file system of " + in + " writable and start again"},
      {"files",
       [] {
         const rlimit few = {12, 12};
         return ::setrlimit(RLIMIT_NOFILE, &few) == 0;
       },
       "allow more open files (ulimit -n) and start again"},
      {"not ours", [&] { return ::chmod(in.c_str(), 0755) == 0 && ::setuid(65534) == 0; },
       "let this user read and write all of " + in + " and start again"},
  };
  for (const auto& c : kCases) {
    const std::string says = MessageIn(dir, c.spoil);
    if (says.empty()) GTEST_SKIP() << "no file system of one's own here";
    EXPECT_THAT(says, HasSubstr(c.remedy)) << c.name;
    EXPECT_THAT(says, testing::Not(HasSubstr("begin anew"))) << c.name;
  }
}

TEST(RocksDbLedger, AKillDuringTheVeryFirstStartLeavesNothingInTheWay) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 40; ++round) {
    const TestFolder folder;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto ledger = Ledger::Open(folder.path(), TestSigner());
      while (ledger) ::pause();
      ::_exit(1);
    }
    ::usleep(static_cast<useconds_t>(random() % 8000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const auto ledger = Ledger::Open(folder.path(), TestSigner());
    ASSERT_TRUE(ledger) << ledger.error().message;
    ASSERT_TRUE((*ledger)->log().Commit(Drafts(0, 1)));
  }
}

// A child that commits as fast as it can, and says each acknowledged size through a pipe.
[[noreturn]] void CommitForever(const fs::path& dir, int pipe) {
  auto ledger = Ledger::Open(dir, TestSigner(), kAlone);
  if (!ledger) ::_exit(3);
  Log& log = (*ledger)->log();
  while (true) {
    const auto committed = log.Commit(Drafts(log.size(), 1 + log.size() % 9));
    if (!committed) ::_exit(4);
    if (::write(pipe, &committed->size, sizeof(committed->size)) != sizeof(committed->size))
      ::_exit(5);
  }
}

TEST(RocksDbLedger, LosesNothingAcknowledgedToAKillAtAnyInstant) {
  const TestFolder folder;
  std::mt19937_64 random(11);
  uint64_t acknowledged = 0;
  for (int round = 0; round < 30; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      CommitForever(folder.path(), ends[1]);
    }
    ::close(ends[1]);
    uint64_t size = 0;
    // Every other kill comes after something was acknowledged, however slow this machine is.
    if (round % 2 == 1 && ::read(ends[0], &size, sizeof(size)) == sizeof(size)) acknowledged = size;
    ::usleep(static_cast<useconds_t>(random() % 60000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    while (::read(ends[0], &size, sizeof(size)) == sizeof(size)) acknowledged = size;
    ::close(ends[0]);

    const auto view = LedgerView::Open(folder.path(), TestSigner().Verifier());
    if (!view) {
      ASSERT_EQ(acknowledged, 0u) << view.error().message;
      continue;
    }
    ASSERT_GE((*view)->log().size(), acknowledged);
  }
  EXPECT_GT(acknowledged, 0u);
  const auto ledger = Ledger::Open(folder.path(), TestSigner(), kAlone);
  ASSERT_TRUE(ledger) << ledger.error().message;
  for (uint64_t i = 0; i < acknowledged; ++i) ASSERT_EQ(*(*ledger)->log().Entry(i), Leaf(i));
}

}  // namespace
}  // namespace souk::ledger
