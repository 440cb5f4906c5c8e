#include "ledger/c2sp/proof.h"

namespace souk::ledger {
namespace {

constexpr std::string_view kHeader = "c2sp.org/tlog-proof@v1";

Error BadProof(const char* why) {
  return Error(Code::kMalformed, std::string("proof: ") + why);
}

// The first line without its newline, which is cut off too; none where no newline is left.
std::optional<std::string_view> TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

bool TakePrefix(std::string_view& line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return false;
  line.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string TlogProof::ToText() const {
  std::string out(kHeader);
  out += "\n";
  if (extra) out += "extra " + ToBase64(*extra) + "\n";
  out += "index " + std::to_string(index) + "\n";
  for (const Digest& hash : hashes) out += ToBase64(hash.view()) + "\n";
  return out + "\n" + checkpoint;
}

Result<TlogProof> ParseProof(std::string_view text) {
  if (text.size() > kMaxProofBytes) return Error(Code::kTooLarge, "proof: too long");
  TlogProof out;
  auto line = TakeLine(text);
  if (!line || *line != kHeader) return BadProof("the first line is not c2sp.org/tlog-proof@v1");
  line = TakeLine(text);
  if (line && TakePrefix(*line, "extra ")) {
    if (line->size() > (kMaxProofExtraBytes + 2) / 3 * 4) {
      return Error(Code::kTooLarge, "proof: too much extra data");
    }
    auto extra = FromBase64(*line);
    if (!extra) return extra.error().Within("proof: extra data");
    out.extra = std::move(*extra);
    line = TakeLine(text);
  }
  if (!line || !TakePrefix(*line, "index ")) return BadProof("no index line");
  const auto index = ParseTreeSize(*line);
  if (!index) return index.error().Within("proof: index");
  out.index = *index;
  for (line = TakeLine(text); line && !line->empty(); line = TakeLine(text)) {
    if (out.hashes.size() == kMaxProofHashes) return BadProof("more hashes than any tree needs");
    const auto raw = FromBase64(*line);
    if (!raw) return raw.error().Within("proof: hash");
    const auto hash = Digest::FromBytes(*raw);
    if (!hash) return BadProof("a hash has not 32 bytes");
    out.hashes.push_back(*hash);
  }
  if (!line) return BadProof("no blank line before the checkpoint");
  if (text.empty()) return BadProof("no checkpoint");
  out.checkpoint = text;
  return out;
}

Result<Checkpoint> VerifyProof(const TlogProof& proof, ByteView entry, const NoteVerifier& log) {
  ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(proof.checkpoint, log));
  RETURN_IF_ERROR(VerifyInclusion(proof.index, checkpoint.size, LeafHash(entry), proof.hashes,
                                  checkpoint.root));
  return checkpoint;
}

Result<CosignedCheckpoint> VerifyProof(const TlogProof& proof, ByteView entry,
                                       const TrustPolicy& policy) {
  ASSIGN_OR_RETURN(CosignedCheckpoint opened, OpenCosigned(proof.checkpoint, policy));
  RETURN_IF_ERROR(VerifyInclusion(proof.index, opened.checkpoint.size, LeafHash(entry),
                                  proof.hashes, opened.checkpoint.root));
  return opened;
}

}  // namespace souk::ledger
