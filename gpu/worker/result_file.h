// What a run leaves behind, durable before anyone is told: jobs/ID/result.
//
// The jailed worker cannot rename, so the file proves itself instead: a file whose length or digest
// does not fit was cut off by a crash, and counts as absent.
//
//   result = "soukres3" length:u64 SHA-256(body):32 body
//   body   = fence:u64 job:32 workload:32 outcome:u8 (1 done | 2 failed)
//            outputs (u32 × (file:str16 digest:32 bytes:u64))
//            done:   commitments (u32 × (launch:u64 root:32)) commitments_root:32
//                    class:u8 (0 exact | 1 exact-ordered | 2 tolerant | 3 opaque) stats (u64 × 6)
//            failed: code:u16 message:str16
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gpu/workload/run.h"

namespace souk::gpu {

// 100,000 commitments of 40 bytes are the largest part (gpu/workload/workload.h).
inline constexpr size_t kMaxResultBytes = 8 << 20;

struct OutputFile {
  std::string file = {};
  Digest digest = {};
  uint64_t bytes = 0;
  bool operator==(const OutputFile&) const = default;
};

struct WorkerResult {
  uint64_t fence = 0;
  Digest job = {};
  Digest workload = {};
  std::optional<Error> failure = {};  // set: the run failed, and what follows outputs is empty
  // The workload's, in its order (of a failed run none); then kPrintedFile, where something was
  // printed.
  std::vector<OutputFile> outputs = {};
  std::vector<Commitment> commitments = {};
  Digest commitments_root = {};
  ptx::Class result_class = ptx::Class::kOpaque;
  RunStats stats = {};
};

// kTooLarge above kMaxResultBytes.
Result<Bytes> EncodeResult(const WorkerResult& result);
// kCorrupt for a file that was cut off or altered.
Result<WorkerResult> DecodeResult(ByteView file);

// kNotFound where there is no complete result.
Result<WorkerResult> ReadResult(const std::filesystem::path& path);

}  // namespace souk::gpu
