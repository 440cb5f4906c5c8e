#include "gpu/workload/source_files.h"

#include <algorithm>
#include <system_error>

#include "gpu/ptx/nvrtc.h"
#include "gpu/workload/includes.h"
#include "gpu/workload/workload.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxHeaders = 64;  // of one source, those that headers include too

bool IsToolkits(const std::string& header) {
  const auto named = [&](const ptx::Header& one) { return one.name == header; };
  const auto& standard = ptx::StandardHeaders();
  if (std::any_of(standard.begin(), standard.end(), named)) return true;
  std::error_code error;
  return fs::exists(ptx::FindToolkit() / "include" / header, error);
}

Status CollectHeaders(const fs::path& folder, const std::string& name, const std::string& source,
                      std::vector<ptx::Header>& out) {
  const auto includes = IncludesOf(source);
  if (!includes) return includes.error().Within("\"" + name + "\"");
  for (const Include& include : *includes) {
    const auto known = [&](const ptx::Header& one) { return one.name == include.name; };
    if (!include.quoted || std::any_of(out.begin(), out.end(), known)) continue;
    const std::string below = (fs::path(name).parent_path() / include.name).string();
    std::error_code error;
    if (!fs::exists(folder / below, error)) {
      if (IsToolkits(include.name)) continue;
      return Error(Code::kNotFound, "\"" + name + "\": line " + std::to_string(include.line) +
                                        ": no file \"" + include.name +
                                        "\" beside it, nor in the toolkit");
    }
    if (out.size() == kMaxHeaders) return Error(Code::kTooLarge, "too many #includes");
    ASSIGN_OR_RETURN(const Bytes bytes, ReadFileBelow(folder, below, kMaxModuleBytes));
    out.push_back({include.name, std::string(AsText(bytes))});
    const std::string text = out.back().text;  // `out` grows below
    RETURN_IF_ERROR(CollectHeaders(folder, name, text, out));
  }
  return Ok();
}

}  // namespace

Result<fs::path> FileBelow(const fs::path& folder, const std::string& name) {
  // The system would read it up to the NUL only.
  if (name.find('\0') != std::string::npos) {
    return Error(Code::kInvalidArgument, "a file's name holds no NUL");
  }
  std::error_code error;
  const fs::path root = fs::canonical(folder.empty() ? "." : folder, error);
  if (error) return Error(Code::kIo, "its folder cannot be read: " + error.message());
  const fs::path file = fs::canonical(root / name, error);
  if (error) return Error(Code::kNotFound, "no file \"" + name + "\": " + error.message());
  const auto mismatch = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  if (fs::path(name).is_absolute() || mismatch.first != root.end()) {
    return Error(Code::kDenied, "\"" + name + "\" is not below the folder of what names it");
  }
  if (!fs::is_regular_file(file, error)) {
    return Error(Code::kInvalidArgument, "\"" + name + "\" is not a plain file");
  }
  return file;
}

Result<Bytes> ReadFileBelow(const fs::path& folder, const std::string& name, size_t most) {
  ASSIGN_OR_RETURN(const fs::path file, FileBelow(folder, name));
  return ReadFile(file, most);
}

Result<std::vector<ptx::Header>> HeadersBeside(const fs::path& folder, const std::string& name,
                                               const std::string& source) {
  std::vector<ptx::Header> headers;
  RETURN_IF_ERROR(CollectHeaders(folder, name, source, headers));
  return headers;
}

}  // namespace souk::gpu
