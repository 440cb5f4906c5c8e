#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "protocol/base/bytes.h"
#include "protocol/base/file.h"
#include "protocol/base/processors.h"
#include "protocol/base/sha256.h"

namespace souk {
namespace {

TEST(Hex, RefusesOddLengthsAndOtherCharacters) {
  EXPECT_EQ(ToHex(*FromHex("00ffA5")), "00ffa5");
  EXPECT_FALSE(FromHex("0"));
  EXPECT_FALSE(FromHex("0g"));
}

TEST(Base64, ReadsWhatItWritesAndNothingElse) {
  for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(AsText(*FromBase64(ToBase64(AsBytes(text)))), text);
  }
  EXPECT_EQ(ToBase64(AsBytes("foob")), "Zm9vYg==");  // RFC 4648 section 10
  for (const char* bad :
       {"Zg", "Zg=", "Zh==", "Zg==Zg==", "Z===", "Zm9v\n", "Zm9*", "====", "Z=9v"}) {
    EXPECT_FALSE(FromBase64(bad)) << bad;
  }
}

TEST(Sha256, AgreesWithFips180) {
  EXPECT_EQ(Sha256(AsBytes("abc")).Hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256({}).Hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256Hasher hasher;
  EXPECT_EQ(hasher.Update(AsBytes("a")).Update(AsBytes("bc")).Finish(), Sha256(AsBytes("abc")));
}

TEST(Digest, ParsesBothSpellings) {
  const Digest digest = Sha256(AsBytes("x"));
  EXPECT_EQ(*Digest::Parse(digest.ToString()), digest);
  EXPECT_EQ(*Digest::Parse(digest.Hex()), digest);
  EXPECT_FALSE(Digest::Parse("sha256:00"));
}

TEST(ReadFile, StopsAtItsBound) {
  const auto path = std::filesystem::path(testing::TempDir()) / "souk_read_file";
  ASSERT_TRUE(WriteFileAtomic(path, AsBytes("four"), 0600));
  EXPECT_EQ(AsText(*ReadFile(path, 4)), "four");
  EXPECT_EQ(ReadFile(path, 3).error().code, Code::kTooLarge);
  EXPECT_EQ(AsText(*ReadFile("/proc/sys/kernel/ostype", 100)), "Linux\n");
  EXPECT_EQ(ReadFile("/proc/sys/kernel/ostype", 3).error().code, Code::kTooLarge);
  EXPECT_EQ(ReadFile(path / "no", 1).error().code, Code::kIo);
  EXPECT_EQ(ReadFile(path.string() + "no", 1).error().code, Code::kNotFound);
  std::filesystem::remove(path);
}

TEST(WriteFileAtomic, WritesToWhatIsNoFileInsteadOfReplacingIt) {
  const auto path = std::filesystem::path(testing::TempDir()) / "souk_write_pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  EXPECT_TRUE(WriteFileAtomic(path, AsBytes("four")));
  char buffer[8] = {};
  EXPECT_EQ(::read(reader, buffer, sizeof(buffer)), 4);
  EXPECT_TRUE(std::filesystem::is_fifo(path));
  ::close(reader);
  std::filesystem::remove(path);
  EXPECT_FALSE(WriteFileAtomic(testing::TempDir(), AsBytes("four")));
}

TEST(WriteFileAtomic, LeavesNothingWhereItFails) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "souk_write_fails";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  // A limit on a file's size stands for a full disk.
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small = {100, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status written = WriteFileAtomic(folder / "file", Bytes(101));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, before);
  EXPECT_FALSE(written);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}

TEST(WriteFileAtomic, NamesWhatWasAskedForWhereItFails) {
  const std::string folder = std::string(testing::TempDir()) + "/souk_no_folder";
  const Status written = WriteFileAtomic(folder + "/file", AsBytes("four"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kNotFound);
  EXPECT_EQ(written.error().message, "writing " + folder + "/file: there is no folder " + folder);
  const Status nowhere = WriteFileAtomic("/proc/souk", AsBytes("four"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().message.find(".tmp"), std::string::npos) << nowhere.error().message;
}

TEST(SyncFolder, TakesFoldersAndNothingElse) {
  EXPECT_TRUE(SyncFolder(testing::TempDir()));
  EXPECT_TRUE(SyncFolder(std::filesystem::path("bare_name").parent_path()));
  EXPECT_EQ(SyncFolder("/no/such/folder").error().code, Code::kNotFound);
  EXPECT_EQ(SyncFolder("/proc/self/exe").error().code, Code::kIo);
}

TEST(UsableProcessors, CountsThoseThatThisProcessMayUse) {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(all), &all), 0);
  EXPECT_EQ(UsableProcessors(), static_cast<unsigned>(CPU_COUNT(&all)));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
    if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(UsableProcessors(), 1u);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(all), &all), 0);
}

TEST(OpenStandardStreams, LeavesNoneOfTheirNumbersToAFile) {
  for (int closed = 0; closed < 8; ++closed) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int fd = 0; fd < 3; ++fd) {
        if ((closed >> fd & 1) != 0) ::close(fd);
      }
      OpenStandardStreams();
      const int file = ::open("/", O_RDONLY);
      const bool works = ::write(1, "", 0) == 0 && ::write(2, "", 0) == 0;
      ::_exit(file > 2 && works ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << closed;
  }
}

TEST(ReadFile, DoesNotWaitForTheOtherEndOfAPipe) {
  const auto path = std::filesystem::path(testing::TempDir()) / "souk_read_pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(path, 100).error().message, path.string() + " is no regular file");
  EXPECT_EQ(ReadFile("/dev/zero", 100).error().code, Code::kInvalidArgument);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace souk
