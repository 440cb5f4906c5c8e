// The files that a worker lives by (worker_client.h lists them), and what they say of its process.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "gpu/worker/descriptor.h"
#include "gpu/worker/jail.h"
#include "gpu/worker/result_file.h"

namespace souk::gpu {

inline constexpr const char* kSocketFile = "worker.sock";
inline constexpr const char* kStartFile = "worker.start";
inline constexpr const char* kStatusFile = "worker.status";
inline constexpr const char* kLogFile = "worker.log";
inline constexpr const char* kResultFile = "result";
inline constexpr const char* kOpeningFile = "opening";
std::string OutputFileName(uint32_t index);  // "output.0"

// How souk-worker ends by itself. Below 128, above what bubblewrap uses for its own failures (1).
enum class WorkerExit : uint8_t {
  kQuit = 0,
  kIdle = 10,      // no client and no work for idle_ms
  kTimeOver = 11,  // kept past keep_ms
  kJail = 12,      // its jail cannot be had; the log says why
  kDevice = 13,    // its device cannot be opened; the log says why
  kUsage = 14,
  kNoResult = 15,  // the result could not be made durable
};

// "boot ID\nouter PID START\n": who was started, to be recognised after a restart of the daemon.
Status WriteStartFile(const std::filesystem::path& folder, pid_t outer);

// The outermost process, if this folder's worker.start means one that still runs.
Descriptor OpenOuter(const std::filesystem::path& folder);
// The worker in its jail (or its pid namespace's first process), likewise by worker.status.
Descriptor OpenInner(const std::filesystem::path& folder);

// As written by bubblewrap or Supervise; nothing where it has not ended, or its end was not seen.
std::optional<int> ReadExitCode(const std::filesystem::path& folder);

// Whether an end with this code is an ordinary one; and what to tell people otherwise, with the
// log's last line where it says more.
bool IsOrdinaryExit(int code);
Error DescribeExit(int code, const std::filesystem::path& folder);

// worker.* from one folder to another, the socket first.
Status MoveWorkerFiles(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace souk::gpu
