#include "ledger/witness/add_checkpoint.h"

#include <optional>

namespace souk::ledger {
namespace {

constexpr std::string_view kOldPrefix = "old ";

Error BadRequest(const char* why) {
  return Error(Code::kMalformed, std::string("add-checkpoint: ") + why);
}

// The first line without its newline, which is cut off too; none where no newline is left.
std::optional<std::string_view> TakeRequestLine(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string AddCheckpointRequest::ToText() const {
  std::string out = std::string(kOldPrefix) + std::to_string(old_size) + "\n";
  for (const Digest& hash : proof) out += ToBase64(hash.view()) + "\n";
  return out + "\n" + checkpoint;
}

Result<AddCheckpointRequest> ParseAddCheckpoint(std::string_view body) {
  if (body.size() > kMaxAddCheckpointBytes) {
    return Error(Code::kTooLarge, "add-checkpoint: too long");
  }
  auto line = TakeRequestLine(body);
  if (!line || !line->starts_with(kOldPrefix)) return BadRequest("no line with the old size");
  AddCheckpointRequest out;
  const auto old_size = ParseTreeSize(line->substr(kOldPrefix.size()));
  if (!old_size) return old_size.error().Within("add-checkpoint: old size");
  out.old_size = *old_size;
  for (line = TakeRequestLine(body); line && !line->empty(); line = TakeRequestLine(body)) {
    if (out.proof.size() == kMaxAddCheckpointHashes) return BadRequest("more than 63 hashes");
    const auto raw = FromBase64(*line);
    if (!raw) return raw.error().Within("add-checkpoint: hash");
    const auto hash = Digest::FromBytes(*raw);
    if (!hash) return BadRequest("a hash has not 32 bytes");
    out.proof.push_back(*hash);
  }
  if (!line) return BadRequest("no blank line before the checkpoint");
  if (body.empty()) return BadRequest("no checkpoint");
  out.checkpoint = body;
  return out;
}

}  // namespace souk::ledger
