#include "tools/souk/results.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gpu/workload/npy.h"
#include "gpu/workload/png.h"
#include "protocol/base/file.h"

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

template <typename T>
std::string ReadNumber(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return fmt::format("{}", value);
}

Result<ResultFile> WriteResult(const fs::path& path, ByteView bytes) {
  RETURN_IF_ERROR(WriteFileAtomic(path, bytes));
  return ResultFile{.path = path, .digest = Sha256(bytes), .bytes = bytes.size()};
}

}  // namespace

std::string ScalarOf(ByteView npy) {
  const auto header = gpu::ParseNpy(npy);
  if (!header || header->data_bytes != gpu::DTypeBytes(header->dtype)) return "";
  const uint8_t* at = npy.data() + header->data_offset;
  switch (header->dtype) {
    case gpu::DType::kBool:
      return *at != 0 ? "true" : "false";
    case gpu::DType::kI8:
      return fmt::format("{}", static_cast<int>(static_cast<int8_t>(*at)));
    case gpu::DType::kU8:
      return fmt::format("{}", static_cast<unsigned>(*at));
    case gpu::DType::kI16:
      return ReadNumber<int16_t>(at);
    case gpu::DType::kI32:
      return ReadNumber<int32_t>(at);
    case gpu::DType::kI64:
      return ReadNumber<int64_t>(at);
    case gpu::DType::kU16:
      return ReadNumber<uint16_t>(at);
    case gpu::DType::kU32:
      return ReadNumber<uint32_t>(at);
    case gpu::DType::kU64:
      return ReadNumber<uint64_t>(at);
    case gpu::DType::kF32:
      return ReadNumber<float>(at);
    case gpu::DType::kF64:
      return ReadNumber<double>(at);
    case gpu::DType::kF16:
      return "";
  }
  return "";
}

namespace {

const gpu::Output* OutputOf(const gpu::Workload& workload, const std::string& file) {
  const auto it = std::find_if(workload.outputs.begin(), workload.outputs.end(),
                               [&](const gpu::Output& one) { return one.file == file; });
  return it == workload.outputs.end() ? nullptr : &*it;
}

}  // namespace

Status CheckResultsFolder(const fs::path& dir) {
  std::error_code error;
  fs::path at = fs::absolute(dir, error).lexically_normal();
  if (!at.has_filename()) at = at.parent_path();  // "out/"
  while (!fs::exists(at, error) && at.has_relative_path()) at = at.parent_path();
  if (!fs::is_directory(at, error)) {
    return Error(Code::kIo, "results cannot go to " + dir.string() + ": " + at.string() +
                                " is no folder; name another with --out");
  }
  if (::access(at.c_str(), W_OK | X_OK) != 0) {
    return ErrnoError("results cannot go to " + dir.string() + ": " + at.string(), errno);
  }
  return Ok();
}

Result<std::vector<ResultFile>> SaveResults(const fs::path& dir, const gpu::Workload& workload,
                                            const std::vector<ResultBytes>& outputs) {
  // A provider names what it sends, and must not choose which files are written.
  for (const ResultBytes& output : outputs) {
    if (output.file == gpu::kPrintedFile || output.file == gpu::kStatesFile) continue;
    if (!gpu::IsPlainFileName(output.file) || OutputOf(workload, output.file) == nullptr) {
      return Error(Code::kMalformed, "the results hold an output \"" + output.file +
                                         "\", which the workload has not");
    }
  }
  for (const gpu::Output& due : workload.outputs) {
    const bool came = std::any_of(outputs.begin(), outputs.end(), [&](const ResultBytes& output) {
      return output.file == due.file;
    });
    if (!came) return Error(Code::kNotFound, "the results lack the output " + due.file);
  }
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return Error(Code::kIo, "making " + dir.string() + ": " + error.message());
  std::vector<ResultFile> files;
  for (const ResultBytes& output : outputs) {
    const gpu::Output* const wanted = OutputOf(workload, output.file);
    ASSIGN_OR_RETURN(ResultFile file, WriteResult(dir / output.file, output.npy));
    if (wanted == nullptr) {  // what comes beside the outputs
      files.push_back(std::move(file));
      continue;
    }
    file.scalar = ScalarOf(output.npy);
    files.push_back(std::move(file));
    if (wanted->image.empty()) continue;
    ASSIGN_OR_RETURN(const Bytes png, gpu::PngFromNpy(output.npy));
    ASSIGN_OR_RETURN(ResultFile image, WriteResult(dir / wanted->image, png));
    files.push_back(std::move(image));
  }
  return files;
}

}  // namespace souk::tools
