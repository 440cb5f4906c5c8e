#include "ledger/c2sp/note.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "ledger/c2sp/cosignature.h"
#include "protocol/base/check.h"
#include "protocol/base/sha256.h"

namespace souk::ledger {
namespace {

// Em dash (U+2014) and a space.
constexpr std::string_view kSignaturePrefix = "\xe2\x80\x94 ";

Error BadNote(const char* why) {
  return Error(Code::kMalformed, std::string("signed note: ") + why);
}

// The code point at the front, which is cut off; -1 where the bytes are not UTF-8 (RFC 3629: no
// overlong forms, no surrogates, at most U+10FFFF).
int32_t NextCodePoint(std::string_view& text) {
  const auto byte = [&](size_t i) -> uint32_t {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  const uint32_t lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : 4;
  if (length == 4 && lead >> 3 != 30) return -1;
  uint32_t point = length == 1 ? lead : lead & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 2) return -1;
    point = point << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return -1;
  text.remove_prefix(length);
  return static_cast<int32_t>(point);
}

// Unicode White_Space, as Go's unicode.IsSpace.
bool IsSpace(int32_t point) {
  return (point >= 0x09 && point <= 0x0d) || point == 0x20 || point == 0x85 || point == 0xa0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
         point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

// UTF-8 without control characters other than newline.
bool IsNoteText(std::string_view text) {
  while (!text.empty()) {
    const int32_t point = NextCodePoint(text);
    if (point < 0 || (point < 0x20 && point != '\n')) return false;
  }
  return true;
}

Result<NoteSignature> ParseSignatureLine(std::string_view line) {
  if (!line.starts_with(kSignaturePrefix)) return BadNote("a signature line has no em dash");
  line.remove_prefix(kSignaturePrefix.size());
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return BadNote("a signature line has no signature");
  NoteSignature out;
  out.name = line.substr(0, space);
  if (!IsValidKeyName(out.name)) return BadNote("a signature line has no valid key name");
  auto raw = FromBase64(line.substr(space + 1));
  if (!raw) return raw.error().Within("signed note");
  if (raw->size() <= out.id.size()) return BadNote("a signature is too short");
  std::copy_n(raw->begin(), out.id.size(), out.id.begin());
  out.signature.assign(raw->begin() + static_cast<ptrdiff_t>(out.id.size()), raw->end());
  return out;
}

}  // namespace

NoteKeyId ComputeKeyId(std::string_view name, NoteKeyType type, const Ed25519Key& key) {
  const uint8_t separator[2] = {'\n', static_cast<uint8_t>(type)};
  Sha256Hasher hasher;
  const Digest digest = hasher.Update(AsBytes(name)).Update(separator).Update(key).Finish();
  NoteKeyId id;
  std::copy_n(digest.bytes.begin(), id.size(), id.begin());
  return id;
}

bool IsValidKeyName(std::string_view name) {
  if (name.empty()) return false;
  while (!name.empty()) {
    const int32_t point = NextCodePoint(name);
    if (point < 0x20 || point == '+' || IsSpace(point)) return false;
  }
  return true;
}

std::string NoteVerifier::ToVkey() const {
  Bytes encoded = {static_cast<uint8_t>(type)};
  Append(encoded, key);
  return name + "+" + ToHex(Id()) + "+" + ToBase64(encoded);
}

Result<NoteVerifier> NoteVerifier::ParseVkey(std::string_view vkey, NoteKeyType type) {
  const Error bad(Code::kMalformed, "a verifier key reads NAME+HEX8+BASE64");
  const size_t first = vkey.find('+');
  if (first == std::string_view::npos) return bad;
  // Base64 may hold a plus too, the id may not.
  const size_t second = vkey.find('+', first + 1);
  if (second == std::string_view::npos || second - first - 1 != 8) return bad;
  NoteVerifier out;
  out.name = vkey.substr(0, first);
  out.type = type;
  const auto id = FromHex(vkey.substr(first + 1, 8));
  const auto encoded = FromBase64(vkey.substr(second + 1));
  if (!IsValidKeyName(out.name) || !id || !encoded || encoded->empty()) return bad;
  if (encoded->front() != static_cast<uint8_t>(type)) {
    return Error(Code::kUnsupported, type == NoteKeyType::kEd25519
                                         ? "the verifier key is not an Ed25519 key (type 01)"
                                         : "the verifier key is not a witness's (type 04)");
  }
  if (encoded->size() != 1 + out.key.size()) return bad;
  std::copy(encoded->begin() + 1, encoded->end(), out.key.begin());
  const NoteKeyId expected = out.Id();
  if (!std::equal(id->begin(), id->end(), expected.begin())) {
    return Error(Code::kMismatch, "the verifier key's id does not fit its name and key");
  }
  return out;
}

NoteSigner NoteSigner::FromSeed(std::string name, const std::array<uint8_t, 32>& seed,
                                NoteKeyType type) {
  static_assert(crypto_sign_SEEDBYTES == 32 && crypto_sign_PUBLICKEYBYTES == 32);
  // Wiped when the last copy of the signer goes.
  struct Secret {
    std::array<uint8_t, crypto_sign_SECRETKEYBYTES> bytes;
    ~Secret() { sodium_memzero(bytes.data(), bytes.size()); }
  };
  auto secret = std::make_shared<Secret>();
  NoteSigner out;
  out.name = std::move(name);
  out.type = type;
  CHECK(crypto_sign_seed_keypair(out.key.data(), secret->bytes.data(), seed.data()) == 0);
  out.sign = [secret](ByteView message) -> Result<Ed25519Signature> {
    Ed25519Signature signature;
    CHECK(crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                               secret->bytes.data()) == 0);
    return signature;
  };
  return out;
}

std::string NoteSignature::ToLine() const {
  Bytes raw(id.begin(), id.end());
  Append(raw, signature);
  return std::string(kSignaturePrefix) + name + " " + ToBase64(raw) + "\n";
}

std::string Note::ToText() const {
  std::string out = text + "\n";
  for (const NoteSignature& signature : signatures) out += signature.ToLine();
  return out;
}

Result<std::vector<NoteSignature>> ParseSignatureLines(std::string_view lines) {
  if (lines.empty() || lines.back() != '\n') return BadNote("no signature line at the end");
  // Counted before anything is decoded: many signatures must not cost us their decoding.
  const auto count = static_cast<size_t>(std::count(lines.begin(), lines.end(), '\n'));
  if (count > kMaxNoteSignatures || lines.size() > kMaxNoteBytes) {
    return Error(Code::kTooLarge, "signed note: " + std::to_string(count) +
                                      " signatures, at most " + std::to_string(kMaxNoteSignatures) +
                                      " are taken");
  }
  std::vector<NoteSignature> signatures;
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    ASSIGN_OR_RETURN(NoteSignature signature, ParseSignatureLine(lines.substr(0, end)));
    signatures.push_back(std::move(signature));
    lines.remove_prefix(end + 1);
  }
  return signatures;
}

Result<Note> ParseNote(std::string_view bytes) {
  if (bytes.size() > kMaxNoteBytes) {
    return Error(Code::kTooLarge, "signed note: " + std::to_string(bytes.size()) +
                                      " bytes, at most " + std::to_string(kMaxNoteBytes) +
                                      " are taken");
  }
  const size_t split = bytes.rfind("\n\n");
  if (split == std::string_view::npos) return BadNote("no blank line before the signatures");
  ASSIGN_OR_RETURN(auto signatures, ParseSignatureLines(bytes.substr(split + 2)));
  if (!IsNoteText(bytes)) return BadNote("not UTF-8, or control characters in it");
  return Note{std::string(bytes.substr(0, split + 1)), std::move(signatures)};
}

bool VerifySignature(std::string_view text, const NoteVerifier& key, ByteView signature) {
  const auto verify = [&key](ByteView message, const uint8_t* bytes) {
    return crypto_sign_verify_detached(bytes, message.data(), message.size(), key.key.data()) == 0;
  };
  switch (key.type) {
    case NoteKeyType::kEd25519:
      return signature.size() == crypto_sign_BYTES && verify(AsBytes(text), signature.data());
    case NoteKeyType::kCosignature: {
      const auto cosignature = ParseCosignature(signature);
      return cosignature && verify(AsBytes(CosignedMessage(cosignature->time, text)),
                                   cosignature->signature.data());
    }
  }
  std::abort();
}

Result<std::vector<size_t>> SignersAmong(const Note& note, std::span<const NoteVerifier> known) {
  std::vector<size_t> signers;
  for (size_t i = 0; i < known.size(); ++i) {
    bool signed_by = false;
    for (const NoteSignature& signature : note.signatures) {
      if (!signature.IsBy(known[i])) continue;
      if (!VerifySignature(note.text, known[i], signature.signature)) {
        return Error(Code::kBadSignature,
                     "signed note: the signature of " + known[i].name + " does not verify");
      }
      signed_by = true;
    }
    if (signed_by) signers.push_back(i);
  }
  return signers;
}

Result<std::vector<size_t>> VerifyNote(const Note& note, std::span<const NoteVerifier> known) {
  ASSIGN_OR_RETURN(auto signers, SignersAmong(note, known));
  if (signers.empty()) {
    return Error(Code::kBadSignature, "signed note: no signature by a known key");
  }
  return signers;
}

Note KeepSignaturesOf(const Note& note, std::span<const NoteVerifier> known) {
  Note out{note.text, {}};
  for (const NoteVerifier& key : known) {
    const auto first = std::find_if(note.signatures.begin(), note.signatures.end(),
                                    [&key](const NoteSignature& s) { return s.IsBy(key); });
    if (first != note.signatures.end()) out.signatures.push_back(*first);
  }
  return out;
}

Result<std::string> AddSignatures(std::string_view note_text, std::span<const NoteSignature> more) {
  ASSIGN_OR_RETURN(Note note, ParseNote(note_text));
  for (const NoteSignature& signature : more) {
    if (!IsValidKeyName(signature.name)) {
      return Error(Code::kInvalidArgument, "a key name has no spaces and no plus");
    }
    if (std::find(note.signatures.begin(), note.signatures.end(), signature) ==
        note.signatures.end()) {
      note.signatures.push_back(signature);
    }
  }
  std::string out = note.ToText();
  // What others could not read must not be made.
  if (auto readable = ParseNote(out); !readable) return readable.error();
  return out;
}

Result<std::string> SignNote(std::string_view text, const NoteSigner& signer) {
  if (text.empty() || text.back() != '\n' || !IsNoteText(text)) {
    return Error(Code::kInvalidArgument, "note text is UTF-8 lines, each ending in a newline");
  }
  if (!IsValidKeyName(signer.name)) {
    return Error(Code::kInvalidArgument, "a key name has no spaces and no plus");
  }
  if (signer.type != NoteKeyType::kEd25519) {
    return Error(Code::kInvalidArgument, "a cosigner's key signs checkpoints with a time only");
  }
  ASSIGN_OR_RETURN(const Ed25519Signature signature, signer.sign(AsBytes(text)));
  Note note;
  note.text = text;
  note.signatures.push_back(NoteSignature{signer.name, signer.Verifier().Id(),
                                          Bytes(signature.begin(), signature.end())});
  return note.ToText();
}

}  // namespace souk::ledger
