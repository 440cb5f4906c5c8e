#include "gpu/worker/worker_folder.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include <cerrno>
#include <cstdlib>

#include "gpu/worker/process_id.h"
#include "gpu/worker/worker_client.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

constexpr size_t kMaxSmallFile = 64 * 1024;
constexpr size_t kMaxLogLine = 400;
// bubblewrap writes the child's number within a millisecond of its start.
constexpr int kChildPidWaitMs = 200;

std::string ReadText(const std::filesystem::path& path) {
  const Result<Bytes> bytes = ReadFile(path, kMaxSmallFile);
  return bytes ? std::string(AsText(*bytes)) : std::string();
}

// The last `"key": N` of bubblewrap's JSON lines. Written outside the jail, so by a friend.
std::optional<uint64_t> NumberOf(const std::string& text, const std::string& key) {
  const std::string quoted = "\"" + key + "\":";
  const size_t at = text.rfind(quoted);
  if (at == std::string::npos) return std::nullopt;
  const char* number = text.c_str() + at + quoted.size();
  char* end = nullptr;
  const uint64_t value = std::strtoull(number, &end, 10);
  if (end == number) return std::nullopt;
  return value;
}

struct Started {
  std::string boot = {};
  pid_t outer = 0;
  uint64_t start_time = 0;
};

std::optional<Started> ReadStartFile(const std::filesystem::path& folder) {
  const std::string text = ReadText(folder / kStartFile);
  Started started;
  char boot[64] = {};
  int outer = 0;
  unsigned long long start_time = 0;
  if (std::sscanf(text.c_str(), "boot %63s\nouter %d %llu\n", boot, &outer, &start_time) != 3) {
    return std::nullopt;
  }
  started.boot = boot;
  started.outer = outer;
  started.start_time = start_time;
  return started;
}

std::string LastLogLine(const std::filesystem::path& folder) {
  std::string log = ReadText(folder / kLogFile);
  while (!log.empty() && (log.back() == '\n' || log.back() == ' ')) log.pop_back();
  const size_t line = log.rfind('\n');
  if (line != std::string::npos) log.erase(0, line + 1);
  if (log.size() > kMaxLogLine) log.resize(kMaxLogLine);
  for (char& c : log) {
    // It may come from a process that was taken over: nothing that moves a terminal's cursor.
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return log;
}

Error DescribeSignal(int number) {
  const std::string name = "the worker was ended by " + SignalName(number);
  switch (number) {
    case SIGXCPU:
      return Error(Code::kExhausted, name + ": its processor time is used up");
    case SIGALRM:
      return Error(Code::kExpired, name + ": its time is over");
    case SIGKILL:
      return Error(Code::kFault, name + ": by hand, or by the kernel for want of memory");
    case SIGSYS:
      return Error(Code::kFault, name + ": it tried a system call that its jail forbids");
    default:
      return Error(Code::kFault, name);
  }
}

}  // namespace

std::string OutputFileName(uint32_t index) {
  return "output." + std::to_string(index);
}

Status WriteStartFile(const std::filesystem::path& folder, pid_t outer) {
  const std::string text = "boot " + BootId() + "\nouter " + std::to_string(outer) + " " +
                           std::to_string(ProcessStartTime(outer)) + "\n";
  // Not synced: it means nothing after a crash of the machine.
  const std::filesystem::path path = folder / kStartFile;
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoError("writing " + path.string(), errno);
  }
  return Ok();
}

Descriptor OpenOuter(const std::filesystem::path& folder) {
  const std::optional<Started> started = ReadStartFile(folder);
  if (!started || started->boot != BootId()) return {};
  // First the hold on whoever has the number now, then the check that it is ours.
  Descriptor pidfd = OpenPidfd(started->outer);
  if (ProcessStartTime(started->outer) != started->start_time || HasEnded(pidfd)) return {};
  return pidfd;
}

Descriptor OpenInner(const std::filesystem::path& folder) {
  const std::optional<Started> started = ReadStartFile(folder);
  if (!started || started->boot != BootId()) return {};
  const std::string status = ReadText(folder / kStatusFile);
  const std::optional<uint64_t> child = NumberOf(status, "child-pid");
  if (!child || *child <= 1 || *child > INT32_MAX) return {};
  const auto pid = static_cast<pid_t>(*child);
  Descriptor pidfd = OpenPidfd(pid);
  const std::optional<uint64_t> space = NumberOf(status, "pid-namespace");
  const std::optional<uint64_t> start = NumberOf(status, "start-time");
  const bool ours =
      (space && PidNamespaceOf(pid) == *space) || (start && ProcessStartTime(pid) == *start);
  if (!ours || HasEnded(pidfd)) return {};
  return pidfd;
}

std::optional<int> ReadExitCode(const std::filesystem::path& folder) {
  const std::optional<uint64_t> code = NumberOf(ReadText(folder / kStatusFile), "exit-code");
  if (!code || *code > 255) return std::nullopt;
  return static_cast<int>(*code);
}

bool IsOrdinaryExit(int code) {
  return code == static_cast<int>(WorkerExit::kQuit) ||
         code == static_cast<int>(WorkerExit::kIdle) ||
         code == static_cast<int>(WorkerExit::kTimeOver);
}

Error DescribeExit(int code, const std::filesystem::path& folder) {
  if (code > 128) return DescribeSignal(code - 128);
  std::string why = LastLogLine(folder);
  if (why.empty()) why = "exit code " + std::to_string(code);
  switch (static_cast<WorkerExit>(code)) {
    case WorkerExit::kQuit:
      return Error(Code::kUnavailable, "the worker was told to quit");
    case WorkerExit::kIdle:
      return Error(Code::kUnavailable, "the worker ended: nobody had work for it");
    case WorkerExit::kTimeOver:
      return Error(Code::kExpired, "the worker ended: its time is over");
    case WorkerExit::kJail:
      return Error(Code::kDenied, "the worker cannot enter its jail: " + why);
    case WorkerExit::kDevice:
      return Error(Code::kUnavailable, "the worker cannot open its device: " + why);
    case WorkerExit::kUsage:
      return Error(Code::kInvalidArgument, "the worker was started wrongly: " + why);
    case WorkerExit::kNoResult:
      return Error(Code::kIo, "the worker cannot write its result: " + why);
  }
  if (why.rfind("bwrap:", 0) == 0) return Error(Code::kDenied, "the worker has no jail: " + why);
  return Error(Code::kFault, "the worker ended with code " + std::to_string(code) + ": " + why);
}

Status MoveWorkerFiles(const std::filesystem::path& from, const std::filesystem::path& to) {
  for (const char* name : {kSocketFile, kStartFile, kStatusFile, kLogFile}) {
    if (::rename((from / name).c_str(), (to / name).c_str()) != 0) {
      return ErrnoError("moving " + (from / name).string() + " to " + to.string(), errno);
    }
  }
  return Ok();
}

Result<WorkerResult> ReadOutcome(const std::filesystem::path& folder) {
  Result<WorkerResult> result = ReadResult(folder / kResultFile);
  if (result || result.error().code != Code::kNotFound) return result;
  if (!ReadStartFile(folder)) {
    return Error(Code::kNotFound, "no worker has lived in " + folder.string());
  }
  WorkerResult failed;
  if (const std::optional<int> code = ReadExitCode(folder)) {
    failed.failure = DescribeExit(*code, folder);
    return failed;
  }
  if (OpenOuter(folder) || OpenInner(folder)) {
    return Error(Code::kUnavailable, "the worker of " + folder.string() + " still runs");
  }
  failed.failure = Error(Code::kIo, "the worker is gone and left no result: the machine stopped, " +
                                        std::string("or all its processes were killed"));
  return failed;
}

Status KillStray(const std::filesystem::path& folder) {
  const Descriptor outer = OpenOuter(folder);
  Descriptor inner = OpenInner(folder);
  for (int waited = 0; !inner && !HasEnded(outer) && waited < kChildPidWaitMs; ++waited) {
    const timespec one_ms = {0, 1'000'000};
    ::nanosleep(&one_ms, nullptr);
    inner = OpenInner(folder);
  }
  KillByPidfd(inner);
  // The outer one sees the end, writes it down and ends too; unless it hangs before the start.
  if (!inner) KillByPidfd(outer);
  return Ok();
}

}  // namespace souk::gpu
