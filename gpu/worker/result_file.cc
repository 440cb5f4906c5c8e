#include "gpu/worker/result_file.h"

#include "gpu/worker/byte_reader.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

constexpr std::string_view kMagic = "soukres3";
constexpr size_t kHeaderBytes = 8 + 8 + 32;
constexpr uint8_t kDone = 1;
constexpr uint8_t kFailed = 2;
constexpr size_t kMaxMessage = 4096;
constexpr size_t kMinOutputBytes = 2 + 32 + 8;
constexpr size_t kCommitmentBytes = 8 + 32;

void PutOutputs(Bytes& out, const WorkerResult& result) {
  PutLe(out, static_cast<uint32_t>(result.outputs.size()));
  for (const OutputFile& output : result.outputs) {
    PutText(out, output.file, kMaxNameBytes);
    Append(out, output.digest.view());
    PutLe(out, output.bytes);
  }
}

void PutDone(Bytes& out, const WorkerResult& result) {
  PutLe(out, static_cast<uint32_t>(result.commitments.size()));
  for (const Commitment& commitment : result.commitments) {
    PutLe(out, commitment.launch);
    Append(out, commitment.state_root.view());
  }
  Append(out, result.commitments_root.view());
  PutLe(out, static_cast<uint8_t>(result.result_class));
  const RunStats& stats = result.stats;
  for (const uint64_t figure : {stats.launches, stats.thread_instructions, stats.load_us,
                                stats.launch_us, stats.commit_us, stats.read_us}) {
    PutLe(out, figure);
  }
}

void GetOutputs(ByteReader& in, WorkerResult& result) {
  result.outputs.resize(in.Count(in.Int<uint32_t>(), kMinOutputBytes));
  for (OutputFile& output : result.outputs) {
    output.file = in.Text(kMaxNameBytes);
    output.digest = in.ReadDigest();
    output.bytes = in.Int<uint64_t>();
  }
}

void GetDone(ByteReader& in, WorkerResult& result) {
  result.commitments.resize(in.Count(in.Int<uint32_t>(), kCommitmentBytes));
  for (Commitment& commitment : result.commitments) {
    commitment.launch = in.Int<uint64_t>();
    commitment.state_root = in.ReadDigest();
  }
  result.commitments_root = in.ReadDigest();
  const uint8_t result_class = in.Int<uint8_t>();
  in.Require(result_class <= static_cast<uint8_t>(ptx::Class::kOpaque));
  result.result_class = static_cast<ptx::Class>(result_class);
  RunStats& stats = result.stats;
  for (uint64_t* figure : {&stats.launches, &stats.thread_instructions, &stats.load_us,
                           &stats.launch_us, &stats.commit_us, &stats.read_us}) {
    *figure = in.Int<uint64_t>();
  }
}

void GetFailed(ByteReader& in, WorkerResult& result) {
  const uint16_t code = in.Int<uint16_t>();
  in.Require(code <= static_cast<uint16_t>(Code::kFault));
  result.failure = Error(static_cast<Code>(code), in.Text(kMaxMessage));
}

}  // namespace

Result<Bytes> EncodeResult(const WorkerResult& result) {
  Bytes body;
  PutLe(body, result.fence);
  Append(body, result.job.view());
  Append(body, result.workload.view());
  PutLe(body, result.failure ? kFailed : kDone);
  PutOutputs(body, result);
  if (result.failure) {
    PutLe(body, static_cast<uint16_t>(result.failure->code));
    PutText(body, result.failure->message, kMaxMessage);
  } else {
    PutDone(body, result);
  }
  if (body.size() + kHeaderBytes > kMaxResultBytes) {
    return Error(Code::kTooLarge, "a result has " + std::to_string(body.size()) + " bytes");
  }
  Bytes out = ToBytes(AsBytes(kMagic));
  PutLe(out, static_cast<uint64_t>(body.size()));
  Append(out, Sha256(body).view());
  Append(out, body);
  return out;
}

Result<WorkerResult> DecodeResult(ByteView file) {
  ByteReader header(file.first(std::min(file.size(), kHeaderBytes)));
  const auto magic = header.Array<8>();
  const uint64_t length = header.Int<uint64_t>();
  const Digest digest = header.ReadDigest();
  if (!header.Complete() || AsText(magic) != kMagic || length != file.size() - kHeaderBytes ||
      Sha256(file.subspan(kHeaderBytes)) != digest) {
    return Error(Code::kCorrupt, "the result file is not complete");
  }
  ByteReader in(file.subspan(kHeaderBytes));
  WorkerResult result;
  result.fence = in.Int<uint64_t>();
  result.job = in.ReadDigest();
  result.workload = in.ReadDigest();
  const uint8_t outcome = in.Int<uint8_t>();
  in.Require(outcome == kDone || outcome == kFailed);
  GetOutputs(in, result);
  if (outcome == kDone) GetDone(in, result);
  if (outcome == kFailed) GetFailed(in, result);
  if (!in.Complete()) return Error(Code::kMalformed, "the result file does not parse");
  return result;
}

Result<WorkerResult> ReadResult(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const Bytes file, ReadFile(path, kMaxResultBytes));
  Result<WorkerResult> result = DecodeResult(file);
  if (!result && result.error().code == Code::kCorrupt) {
    return Error(Code::kNotFound, path.string() + " holds no complete result");
  }
  return result;
}

}  // namespace souk::gpu
