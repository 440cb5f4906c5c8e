// What the daemon and souk-worker say to each other over a Unix SOCK_SEQPACKET socket.
//
// One packet is one message: kind:u8, then its fields, integers little-endian, text and lists with
// their length before them (u16 text, u16 list). A packet is at most kMaxPacketBytes and carries at
// most kMaxPacketFiles descriptors. Whatever does not parse to its last byte, or brings other
// descriptors than its kind has, ends the connection; nothing else is lost.
//
//   daemon → worker                              descriptors
//   Hello      protocol, fence, keep_ms          –    first on every connection
//   Challenge  nonce                             –
//   Files      list of (role, digest, bytes)     one each
//   Run        fence, job                        –    after its Files; once in a worker's life
//   Status · Cancel · Quit · KeepFor keep_ms     –
//   Prove      fence, challenge, seed, size      –    instead of Run; once in a worker's life
//   Open       challenge, list of rows           –    after Committed and one output file
//   worker → daemon
//   Ready      grade, state, device              –    answers Hello
//   Answer     nonce, answer                     –    answers Challenge
//   Progress   launches done, total, instructions, milliseconds
//   Finished   job                               –    the result file is durable; read it
//   Refused    of, code, message                 –    this message changed nothing
//   Committed  challenge, root, milliseconds     –    answers Prove
//   Opened     challenge, digest, bytes          –    answers Open; the file is durable
//   ProofFailed  challenge, code, message        –    answers Prove or Open
//
// Fencing (R5): the fence is the index of the lease's acceptance in the provider's log. A worker
// remembers the highest that it has seen, and refuses a Hello or Run with a lower one.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "gpu/device.h"
#include "gpu/worker/jail.h"
#include "protocol/base/bytes.h"
#include "protocol/base/sha256.h"

namespace souk::gpu {

inline constexpr uint32_t kWorkerProtocol = 1;
// Well under the 208 KiB that a Unix socket buffers by default, so that a send either fits or
// fails.
inline constexpr size_t kMaxPacketBytes = 16 * 1024;
// Linux takes 253 descriptors in one message (SCM_MAX_FD); more come in further packets.
inline constexpr size_t kMaxPacketFiles = 128;
// Row numbers that one Open may name (gpu/challenge/opening.h).
inline constexpr size_t kMaxOpenRows = 256;
// A workload names at most 272 blobs and 256 outputs (gpu/workload/workload.h), beside these the
// encoding itself and the result.
inline constexpr size_t kMaxRunFiles = 600;
inline constexpr size_t kMaxWorkerText = 4096;

using Nonce = std::array<uint8_t, 32>;

// What a descriptor handed to the worker is for.
enum class FileRole : uint8_t {
  kWorkload = 1,  // the workload's encoding; read
  kBlob = 2,      // a blob that it names; read
  kOutput = 3,    // the n-th of its outputs, in their order; written from byte 0
  kResult = 4,    // the result file (result_file.h); written from byte 0
};

struct FileEntry {
  FileRole role = FileRole::kBlob;
  Digest digest = {};  // of a file that is read; zero for the others
  uint64_t bytes = 0;  // of a file that is read; for the others the most that may be written
  bool operator==(const FileEntry&) const = default;
};

enum class WorkerState : uint8_t { kIdle = 1, kRunning = 2, kFinished = 3 };

namespace wire {

struct Hello {
  uint32_t protocol = kWorkerProtocol;
  uint64_t fence = 0;
  uint64_t keep_ms = 0;  // as KeepFor; 0 leaves the end as it is
  bool operator==(const Hello&) const = default;
};
struct Challenge {
  Nonce nonce = {};
  bool operator==(const Challenge&) const = default;
};
struct Files {
  std::vector<FileEntry> entries = {};
  bool operator==(const Files&) const = default;
};
struct Run {
  uint64_t fence = 0;
  Digest job = {};  // said back in Finished and in the result
  bool operator==(const Run&) const = default;
};
struct Status {
  bool operator==(const Status&) const = default;
};
struct Cancel {
  bool operator==(const Cancel&) const = default;
};
struct Quit {
  bool operator==(const Quit&) const = default;
};
// The worker ends itself this long from now whatever it does, unless told again.
struct KeepFor {
  uint64_t keep_ms = 0;
  bool operator==(const KeepFor&) const = default;
};

struct Prove {
  uint64_t fence = 0;
  Digest challenge = {};  // said back
  Digest seed = {};       // gpu/challenge/matrix.h
  uint32_t size = 0;
  bool operator==(const Prove&) const = default;
};
struct Open {
  Digest challenge = {};
  std::vector<uint32_t> rows = {};
  bool operator==(const Open&) const = default;
};

struct Ready {
  uint32_t protocol = kWorkerProtocol;
  JailGrade grade = JailGrade::kNone;
  WorkerState state = WorkerState::kIdle;
  DeviceInfo device = {};
};
struct Answer {
  Nonce nonce = {};
  Digest answer = {};  // challenge.h
};
struct Progress {
  uint64_t launches_done = 0;
  uint64_t launches_total = 0;
  uint64_t thread_instructions = 0;
  uint64_t milliseconds = 0;  // since the run began
};
struct Finished {
  Digest job = {};
};
struct Refused {
  uint8_t of = 0;  // the refused message's kind; 0 where it had none
  Code code = Code::kMalformed;
  std::string message = {};
};

struct Committed {
  Digest challenge = {};
  Digest root = {};
  uint64_t milliseconds = 0;
};
struct Opened {
  Digest challenge = {};
  Digest digest = {};
  uint64_t bytes = 0;
};
struct ProofFailed {
  Digest challenge = {};
  Code code = Code::kFault;
  std::string message = {};
};

}  // namespace wire

// The order of alternatives is the kind on the wire, counted from 1.
using ToWorker = std::variant<wire::Hello, wire::Challenge, wire::Files, wire::Run, wire::Status,
                              wire::Cancel, wire::Quit, wire::KeepFor, wire::Prove, wire::Open>;
// Counted from 65.
using FromWorker = std::variant<wire::Ready, wire::Answer, wire::Progress, wire::Finished,
                                wire::Refused, wire::Committed, wire::Opened, wire::ProofFailed>;

// Text beyond kMaxWorkerText is cut, lists beyond kMaxPacketFiles are the caller's mistake (CHECK).
Bytes EncodeToWorker(const ToWorker& message);
Bytes EncodeFromWorker(const FromWorker& message);
// Strict: kMalformed for anything that would not be encoded to these very bytes.
Result<ToWorker> DecodeToWorker(ByteView packet);
Result<FromWorker> DecodeFromWorker(ByteView packet);

}  // namespace souk::gpu
