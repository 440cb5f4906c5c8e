// The jail around souk-worker: how strong it can be on this machine, and how to start a program in
// it. A hostile kernel that takes over the worker must meet nothing of value.
//
//   grade        what holds
//   namespaces   bubblewrap: own user, pid, network, mount, ipc, uts and cgroup namespaces; the
//   only
//                files are the program and its libraries, read-only. Then seccomp and rlimits.
//   landlock     where namespaces are refused: no file can be opened (Landlock), seccomp, rlimits,
//                no capabilities. The process sees the machine's pids.
//   seccomp      where Landlock is absent too: the system call list and rlimits alone.
//
// Every grade ends with the same strict list of system calls (seccomp_filter.h), which the worker
// puts on itself before it takes its first message.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/worker/descriptor.h"
#include "protocol/base/result.h"

namespace souk::gpu {

// Ordered: a stronger grade compares greater.
enum class JailGrade : uint8_t { kNone = 0, kSeccomp = 1, kLandlock = 2, kNamespaces = 3 };

const char* JailGradeName(JailGrade grade);  // "none", "seccomp", "landlock", "namespaces"
std::optional<JailGrade> ParseJailGrade(std::string_view name);

// What this machine allows, found by trying it, and what a start needs to know. Plain data.
struct Jail {
  JailGrade grade = JailGrade::kNone;
  // One line for people where the grade is below namespaces: who refused what.
  std::string why_not_stronger = {};
  // The program's shared libraries with its loader, as absolute paths.
  std::vector<std::string> libraries = {};
  // Where bubblewrap is; empty unless the grade is kNamespaces.
  std::string bwrap = {};
};

// Starts `program` (souk-worker, or another that answers `--libraries` as it does) once per grade,
// strongest first, until one runs; about 20 ms. `at_most` asks for a weaker one, for tests and for
// `doctor`. Errors: the program cannot be run at all.
Result<Jail> DetectJail(const std::filesystem::path& program,
                        JailGrade at_most = JailGrade::kNamespaces);

// What `souk-worker --gpus` prints (gpu_list.h), run once outside the jail: it runs nobody's code.
Result<std::vector<std::string>> GpuLines(const std::filesystem::path& program);

// A program about to start in the jail.
struct JailedCommand {
  std::filesystem::path program = {};
  std::vector<std::string> arguments = {};
  // Descriptors that the program finds as 3, 4, 5, …; not owned. All others are closed.
  std::vector<int> descriptors = {};
  // stdout and stderr; /dev/null where negative. Not owned.
  int log = -1;
  // Gets `{ "child-pid": N, … }` and in the end `{ "exit-code": N }` (128 + signal), one JSON
  // document a line, as bubblewrap's --json-status-fd writes them. Not owned; -1 for none.
  int status = -1;
  // Device nodes and folders that a GPU's driver needs; read-only but for the nodes themselves.
  bool gpu = false;
};

// Starts it and returns the outermost process, which is our child, ends when the program ends and
// exits with its code. Killing that process does not end the program: kill `child-pid`.
// The program gets no environment. In the grades below kNamespaces it is run as
// `PROGRAM ARGUMENTS…` with --supervise first and must confine itself (confine.h).
Result<pid_t> StartJailed(const Jail& jail, const JailedCommand& command);

}  // namespace souk::gpu
