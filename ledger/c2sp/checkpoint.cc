#include "ledger/c2sp/checkpoint.h"

namespace souk::ledger {
namespace {

Error BadCheckpoint(const char* why) {
  return Error(Code::kMalformed, std::string("checkpoint: ") + why);
}

// Cuts the first line off, without its newline; the caller has seen that there is one.
std::string_view TakeWholeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string Checkpoint::ToText() const {
  std::string out = origin + "\n" + std::to_string(size) + "\n" + ToBase64(root.view()) + "\n";
  for (const std::string& line : extensions) out += line + "\n";
  return out;
}

Result<uint64_t> ParseTreeSize(std::string_view text) {
  const Error bad(Code::kMalformed, "not a decimal number below 2^63 without leading zeros");
  if (text.empty() || text.size() > 19 || (text.size() > 1 && text[0] == '0')) return bad;
  uint64_t size = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return bad;
    size = size * 10 + static_cast<uint64_t>(c - '0');  // 19 digits fit 64 bits
  }
  if (size > kMaxTreeSize) return bad;
  return size;
}

Result<Checkpoint> ParseCheckpoint(std::string_view text) {
  if (text.size() > kMaxNoteBytes) return Error(Code::kTooLarge, "checkpoint: too long");
  if (text.empty() || text.back() != '\n') return BadCheckpoint("does not end in a newline");
  Checkpoint out;
  out.origin = TakeWholeLine(text);
  if (out.origin.empty()) return BadCheckpoint("no origin in the first line");
  if (text.empty()) return BadCheckpoint("no tree size in the second line");
  const auto size = ParseTreeSize(TakeWholeLine(text));
  if (!size) return size.error().Within("checkpoint: tree size");
  out.size = *size;
  if (text.empty()) return BadCheckpoint("no root hash in the third line");
  const auto raw = FromBase64(TakeWholeLine(text));
  if (!raw) return raw.error().Within("checkpoint: root hash");
  const auto root = Digest::FromBytes(*raw);
  if (!root) return BadCheckpoint("the root hash has not 32 bytes");
  out.root = *root;
  while (!text.empty()) {
    const std::string_view line = TakeWholeLine(text);
    if (line.empty()) return BadCheckpoint("an extension line is empty");
    out.extensions.emplace_back(line);
  }
  return out;
}

Result<std::string> SignCheckpoint(const Checkpoint& checkpoint, const NoteSigner& signer) {
  if (checkpoint.origin != signer.name) {
    return Error(Code::kInvalidArgument, "a log signs under its origin");
  }
  const std::string text = checkpoint.ToText();
  const auto parsed = ParseCheckpoint(text);
  // A newline smuggled into an extension line would make the text say something else.
  if (!parsed || *parsed != checkpoint) {
    return Error(Code::kInvalidArgument, "the tree head has no unambiguous text");
  }
  return SignNote(text, signer);
}

Result<Checkpoint> OpenCheckpoint(std::string_view note_text, const NoteVerifier& log) {
  if (log.type != NoteKeyType::kEd25519) {
    return Error(Code::kUnsupported, log.name + "'s key is a witness's, not a log's");
  }
  ASSIGN_OR_RETURN(const Note note, ParseNote(note_text));
  ASSIGN_OR_RETURN(const auto signers, VerifyNote(note, {&log, 1}));
  ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseCheckpoint(note.text));
  if (checkpoint.origin != log.name) {
    return Error(Code::kMismatch,
                 "the checkpoint is of " + checkpoint.origin + ", not of " + log.name);
  }
  return checkpoint;
}

}  // namespace souk::ledger
