// The jail against a program that tries to break out, one attempt a process, in each grade that
// this machine allows.
#include "gpu/worker/jail.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <map>

#include "gpu/worker/confine.h"
#include "gpu/worker/landlock.h"
#include "sanitized.h"
#include "unit/gpu/worker/as_nobody.h"
#include "unit/gpu/worker/jail_attempts.h"

namespace souk::gpu {
namespace {

constexpr int kEscaped = 50;
constexpr int kSigsys = 128 + SIGSYS;

std::filesystem::path Probe() {
  return ProgramPath("jail_probe");
}

struct Outcome {
  int code = -1;
  std::string said = {};
  long at = -1;  // what the probe wrote to the file
};

// fd 3 of the probe is a folder, fd 4 a writable file, fd 5 a socket.
Outcome Try(const Jail& jail, const std::vector<std::string>& arguments) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  const Descriptor folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  char name[] = "/tmp/souk-jail-test-XXXXXX";
  const Descriptor file(::mkstemp(name));
  ::unlink(name);
  JailedCommand command;
  command.program = Probe();
  command.arguments = arguments;
  int sockets[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
  const Descriptor mine(sockets[0]);
  const Descriptor its(sockets[1]);
  command.descriptors = {folder.get(), file.get(), its.get()};
  command.log = write_end.get();
  const Result<pid_t> pid = StartJailed(jail, command);
  EXPECT_TRUE(pid) << (pid ? "" : pid.error().message);
  if (!pid) return {};
  write_end.Close();
  Outcome outcome;
  char buffer[512];
  ssize_t got = 0;
  while ((got = ::read(read_end.get(), buffer, sizeof(buffer))) > 0) {
    outcome.said.append(buffer, static_cast<size_t>(got));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(*pid, &status, 0), *pid);
  outcome.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (::pread(file.get(), &outcome.at, sizeof(outcome.at), 0) != sizeof(outcome.at))
    outcome.at = -1;
  return outcome;
}

// Of one grade: how many attempts, and how they ended.
struct Score {
  int refused = 0;
  int ended = 0;
  int escaped = 0;
};
std::map<std::string, Score>& Scores() {
  static std::map<std::string, Score> scores;
  return scores;
}

class JailTest : public testing::TestWithParam<JailGrade> {
 protected:
  void SetUp() override {
    const Result<Jail> jail = DetectJail(Probe(), GetParam());
    ASSERT_TRUE(jail) << jail.error().message;
    if (jail->grade != GetParam()) {
      GTEST_SKIP() << "this machine refuses the grade " << JailGradeName(GetParam()) << ": "
                   << jail->why_not_stronger;
    }
    jail_ = *jail;
  }
  static void TearDownTestSuite() {
    std::printf("%-22s attempts  refused  ended  escaped\n", "jail");
    for (const auto& [name, score] : Scores()) {
      std::printf("%-22s %8d %8d %6d %8d\n", name.c_str(),
                  score.refused + score.ended + score.escaped, score.refused, score.ended,
                  score.escaped);
    }
  }
  void Count(const std::vector<std::string>& arguments, const Outcome& outcome) {
    const bool early = arguments[0] == "--early";
    Score& score = Scores()[JailGradeName(jail_.grade) + std::string(early ? ", grade alone" : "")];
    ++(outcome.code == 0 ? score.refused : outcome.code == kSigsys ? score.ended : score.escaped);
  }

  void ExpectRefused(const std::vector<std::string>& arguments) {
    const Outcome outcome = Try(jail_, arguments);
    Count(arguments, outcome);
    EXPECT_TRUE(outcome.code == 0 || outcome.code == kSigsys)
        << testing::PrintToString(arguments) << " "
        << (outcome.code == kEscaped ? "got through" : "went wrong") << ", code " << outcome.code
        << " " << outcome.said;
  }
  void ExpectEnded(const std::string& attempt, const std::string& argument = "0") {
    const Outcome outcome = Try(jail_, {attempt, argument});
    Count({attempt}, outcome);
    EXPECT_EQ(outcome.code, kSigsys) << attempt << " " << outcome.said;
  }

  Jail jail_;
};

std::string OwnPid() {
  return std::to_string(::getpid());
}

TEST_P(JailTest, OpensNoFile) {
  for (const char* attempt : {"open_passwd", "open_own_program", "open_root", "list_proc",
                              "create_file", "create_in_root", "make_folder", "memfd"}) {
    ExpectRefused({attempt});
  }
  EXPECT_FALSE(std::filesystem::exists("/tmp/souk-escaped"));
}

TEST_P(JailTest, LeavesNotByAnInheritedFolder) {
  ExpectRefused({"leave_by_folder_descriptor", "3"});
}

TEST_P(JailTest, ReachesNoNetwork) {
  for (const char* attempt : {"socket_inet", "socket_unix", "socket_netlink"}) {
    ExpectRefused({attempt});
  }
}

TEST_P(JailTest, IsEndedForStartingAProcess) {
  for (const char* attempt : {"fork", "fork_raw", "clone_namespace", "execve", "execveat"}) {
    ExpectEnded(attempt);
  }
  ExpectRefused({"clone3_process"});
}

TEST_P(JailTest, ReachesNoOtherProcess) {
  ExpectEnded("ptrace", OwnPid());
  ExpectEnded("ptrace_traceme");
  ExpectEnded("read_other_memory", OwnPid());
  for (const char* attempt : {"kill", "kill_all", "tgkill_other", "pidfd_open"}) {
    ExpectRefused({attempt, OwnPid()});
    ExpectRefused({attempt, "1"});
  }
}

TEST_P(JailTest, IsEndedForReachingIntoTheKernel) {
  for (const char* attempt : {"mount", "umount", "unshare", "setns", "chroot", "pivot_root", "bpf",
                              "io_uring", "perf", "keyctl", "userfaultfd", "init_module"}) {
    ExpectEnded(attempt);
  }
}

TEST_P(JailTest, GainsNothing) {
  for (const char* attempt : {"map_executable", "make_executable", "new_seccomp", "prctl_dumpable",
                              "setuid", "raise_limit", "type_at_terminal", "shared_memory"}) {
    ExpectRefused({attempt});
  }
}

#if defined(__x86_64__)
TEST_P(JailTest, IsEndedForUsingAnotherSystemCallTable) {
  ExpectEnded("old_system_call_table");
  ExpectEnded("x32_system_call_table");
}
#endif

TEST_P(JailTest, HasNoWayOut) {
  for (const JailAttempt& one : JailAttempts()) {
    ExpectRefused({one.group + std::string("/") + one.name, OwnPid()});
  }
  for (const char* left :
       {"/dev/shm/souk-escaped", "/tmp/souk-escaped-link", "/tmp/souk-escaped-node",
        "/tmp/souk-escaped-hard", "/tmp/souk-escaped-acct"}) {
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(left))) << left;
  }
}

// Where the grade alone must hold: souk-worker opens its device before the strict list stands.
TEST_P(JailTest, HasNoWayOutBeforeTheStrictListStands) {
  const unsigned grade = GetParam() == JailGrade::kNamespaces ? kEarlyNamespaces
                         : GetParam() == JailGrade::kLandlock ? kEarlyLandlock
                                                              : kEarlySeccomp;
  for (const JailAttempt& one : JailAttempts()) {
    if ((one.early & grade) == 0) continue;
    // A sanitizer's shadow takes terabytes, so that its workers have no such limit.
    if (kSanitized && one.name == std::string("raise_address_space")) continue;
    ExpectRefused({"--early", one.group + std::string("/") + one.name, OwnPid()});
  }
}

// Not only what somebody thought of.
TEST_P(JailTest, LetsNoSystemCallThroughThatIsNotNamed) {
  Score score;
  for (long call = 0; call < kSystemCalls; ++call) score.refused += MayBeCalled(call) ? 0 : 1;
  long from = 0;
  while (from < kSystemCalls) {
    const Outcome outcome = Try(jail_, {"call_everything", std::to_string(from)});
    if (outcome.code == 0) break;
    const bool by_kernel = outcome.at == kUretprobe && outcome.code == 128 + SIGILL;
    ASSERT_TRUE(outcome.code == kSigsys || by_kernel)
        << "system call " << outcome.at << " went through, code " << outcome.code << " "
        << outcome.said;
    ASSERT_GE(outcome.at, from);
    from = outcome.at + 1;
    --score.refused;
    ++score.ended;
  }
  EXPECT_GE(score.ended, 30);
  Scores()[JailGradeName(jail_.grade) + std::string(", every call")] = score;
}

TEST_P(JailTest, KeepsToItsLimits) {
  if (AddressSpaceCanBeLimited()) ExpectRefused({"eat_memory"});
  ExpectRefused({"open_many_files"});
  ExpectRefused({"write_huge_file", "4"});
  // RLIMIT_NPROC counts all of a user's threads unless in a user namespace, and binds root's never.
  if (GetParam() == JailGrade::kNamespaces ? ::geteuid() != 0 : ::geteuid() == 0) {
    ExpectRefused({"bomb_threads"});
  }
}

TEST_P(JailTest, StillComputes) {
  for (const char* attempt : {"allowed_memory", "allowed_thread", "allowed_write"}) {
    const Outcome outcome = Try(jail_, {attempt, "4"});
    EXPECT_EQ(outcome.code, kEscaped) << attempt << " " << outcome.said;
  }
}

// Before the strict list stands: the grade alone.
TEST_P(JailTest, HidesFilesBeforeTheStrictListStands) {
  if (GetParam() == JailGrade::kSeccomp) GTEST_SKIP() << "grade seccomp is the strict list alone";
  for (const char* attempt :
       {"open_passwd", "create_file", "create_in_root", "make_folder", "list_proc"}) {
    ExpectRefused({"--early", attempt});
  }
  EXPECT_FALSE(std::filesystem::exists("/tmp/souk-escaped"));
}

TEST_P(JailTest, HidesProcessesAndPrivilegesBeforeTheStrictListStands) {
  ExpectRefused({"--early", "setuid"});
  ExpectRefused({"--early", "mount"});
  ExpectRefused({"--early", "chroot"});
  if (GetParam() == JailGrade::kNamespaces) ExpectRefused({"--early", "unshare"});
  if (GetParam() == JailGrade::kNamespaces ||
      (GetParam() == JailGrade::kLandlock && LandlockAbi() >= 6)) {
    ExpectRefused({"--early", "kill", OwnPid()});
  }
}

// A listening socket of ours that the probe must not reach.
TEST_P(JailTest, HidesTheNetworkBeforeTheStrictListStands) {
  const bool scoped = LandlockAbi() >= 6;
  if (GetParam() == JailGrade::kSeccomp || (GetParam() == JailGrade::kLandlock && !scoped)) {
    GTEST_SKIP() << "this grade's network is the strict list alone here";
  }
  const Descriptor tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(tcp.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(tcp.get(), 1), 0);
  ASSERT_EQ(::getsockname(tcp.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ExpectRefused({"--early", "connect_tcp", std::to_string(ntohs(address.sin_port))});

  const Descriptor local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un abstract = {};
  abstract.sun_family = AF_UNIX;
  const std::string name = "souk-jail-test-" + OwnPid();
  name.copy(abstract.sun_path + 1, name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(::bind(local.get(), reinterpret_cast<const sockaddr*>(&abstract), length), 0);
  ASSERT_EQ(::listen(local.get(), 1), 0);
  ExpectRefused({"--early", "connect_abstract", OwnPid()});
}

TEST_P(JailTest, WritesDownHowTheProgramEnded) {
  char name[] = "/tmp/souk-jail-status-XXXXXX";
  const Descriptor status(::mkstemp(name));
  ::unlink(name);
  JailedCommand command;
  command.program = Probe();
  command.arguments = {"execve"};
  command.status = status.get();
  const Result<pid_t> pid = StartJailed(jail_, command);
  ASSERT_TRUE(pid);
  ASSERT_EQ(::waitpid(*pid, nullptr, 0), *pid);
  char text[1024] = {};
  ASSERT_GT(::pread(status.get(), text, sizeof(text) - 1, 0), 0);
  EXPECT_THAT(text, testing::HasSubstr("\"child-pid\": "));
  EXPECT_THAT(text, testing::HasSubstr("\"exit-code\": " + std::to_string(kSigsys)));
}

INSTANTIATE_TEST_SUITE_P(Grades, JailTest,
                         testing::Values(JailGrade::kSeccomp, JailGrade::kLandlock,
                                         JailGrade::kNamespaces),
                         [](const auto& one) { return std::string(JailGradeName(one.param)); });

TEST(Jail, PrefersTheStrongestGrade) {
  const Result<Jail> best = DetectJail(Probe());
  const Result<Jail> weaker = DetectJail(Probe(), JailGrade::kSeccomp);
  ASSERT_TRUE(best);
  ASSERT_TRUE(weaker);
  EXPECT_GE(best->grade, weaker->grade);
  EXPECT_LE(weaker->grade, JailGrade::kSeccomp);
  EXPECT_EQ(best->why_not_stronger.empty(), best->grade == JailGrade::kNamespaces);
}

TEST(Jail, HoldsForAnOrdinaryUserToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "all of these tests run as an ordinary user already";
  EXPECT_EQ(RunAsNobody("jail_probe", "Grades/*"), 0) << "see above what failed as nobody";
}

TEST(Jail, SaysWhyItIsNotStronger) {
  const Result<Jail> jail = DetectJail("/bin/false");
  ASSERT_FALSE(jail);
  EXPECT_EQ(jail.error().code, Code::kUnavailable);
  const Result<Jail> none = DetectJail(Probe(), JailGrade::kNone);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->grade, JailGrade::kNone);
  EXPECT_FALSE(StartJailed(*none, JailedCommand{}));
}

}  // namespace
}  // namespace souk::gpu
