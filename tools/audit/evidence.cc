#include "tools/audit/evidence.h"

#include <algorithm>
#include <fstream>

#include "ledger/c2sp/proof.h"
#include "protocol/base/file.h"
#include "protocol/limits.h"

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMaxVkeyBytes = 1024;
// Far more than a job names; a folder of another kind is not read through.
constexpr size_t kMaxFiles = 4096;

std::vector<fs::path> FilesIn(const fs::path& dir) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(dir, error), end; !error && at != end && files.size() < kMaxFiles;
       at.increment(error)) {
    files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<Digest> DigestOfFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return ErrnoError("opening " + path.string(), errno);
  Sha256Hasher hasher;
  Bytes chunk(1 << 20);
  while (in) {
    in.read(reinterpret_cast<char*>(chunk.data()), static_cast<std::streamsize>(chunk.size()));
    hasher.Update(ByteView(chunk).first(static_cast<size_t>(in.gcount())));
  }
  if (in.bad()) return Error(Code::kIo, "reading " + path.string());
  return hasher.Finish();
}

}  // namespace

bool IsEvidence(const fs::path& dir) {
  std::error_code error;
  if (fs::exists(dir / "ledger", error) || !fs::is_regular_file(dir / "key", error)) return false;
  const std::vector<fs::path> files = FilesIn(dir);
  return std::any_of(files.begin(), files.end(),
                     [](const fs::path& file) { return file.extension() == ".proof"; });
}

Result<OpenedEvidence> OpenEvidence(const fs::path& dir, const std::string& vkey) {
  OpenedEvidence out;
  std::string text = vkey;
  out.key_from = "--key";
  if (vkey.empty()) {
    ASSIGN_OR_RETURN(const Bytes file, ReadFile(dir / "key", kMaxVkeyBytes));
    text = AsText(file);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    out.key_from = "the bundle itself";
  }
  ASSIGN_OR_RETURN(out.key, ledger::NoteVerifier::ParseVkey(text));
  for (const fs::path& file : FilesIn(dir)) {
    if (file.extension() != ".proof") continue;
    fs::path leaf = file;
    leaf.replace_extension(".entry");
    ASSIGN_OR_RETURN(const Bytes proof, ReadFile(file, ledger::kMaxProofBytes));
    ASSIGN_OR_RETURN(Bytes bytes, ReadFile(leaf, ledger::kMaxEntryBytes));
    out.evidence.leaves.push_back(
        {file.stem().string(), std::move(bytes), std::string(AsText(proof))});
  }
  for (const fs::path& file : FilesIn(dir / "blobs")) {
    const auto named = Digest::Parse(file.filename().string());
    if (!named) continue;
    ASSIGN_OR_RETURN(const Digest found, DigestOfFile(file));
    out.evidence.blobs.push_back({*named, found});
  }
  return out;
}

Result<OpenedEvidence> OpenSoundEvidence(const fs::path& dir, const std::string& vkey) {
  ASSIGN_OR_RETURN(OpenedEvidence opened, OpenEvidence(dir, vkey));
  if (ledger::AuditEvidence(opened.evidence, opened.key).verdict == ledger::Verdict::kInvalid) {
    return Error(Code::kMismatch,
                 "the evidence does not verify; see: souk-audit verify " + dir.string());
  }
  return opened;
}

}  // namespace souk::tools
