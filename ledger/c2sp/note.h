// C2SP signed notes with Ed25519 keys: a log's own (type 01) and a cosigner's (type 04, see
// cosignature.h). https://c2sp.org/signed-note
//
//   <text, ends in a newline>
//   <blank line>
//   — <key name> <base64(4-byte key id || signature)>      one line per signature
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"

namespace souk::ledger {

// A checkpoint with a hundred witnesses takes about 12 KiB; the bound leaves room for post-quantum
// signatures, and makes a note with 10^5 signatures cheap to refuse.
inline constexpr size_t kMaxNoteBytes = 1 << 20;
// As Go's sumdb/note counts them; C2SP asks for at least 16.
inline constexpr size_t kMaxNoteSignatures = 100;

using NoteKeyId = std::array<uint8_t, 4>;
using Ed25519Key = std::array<uint8_t, 32>;
using Ed25519Signature = std::array<uint8_t, 64>;

// What a key's signatures cover; the numbers are signed-note's signature types.
enum class NoteKeyType : uint8_t {
  kEd25519 = 1,      // the note's text
  kCosignature = 4,  // a time and the text of a checkpoint: what witnesses sign
};

// First 4 bytes of SHA-256(name || 0A || type || key).
NoteKeyId ComputeKeyId(std::string_view name, NoteKeyType type, const Ed25519Key& key);

// Non-empty UTF-8 without Unicode spaces, control characters and '+'.
bool IsValidKeyName(std::string_view name);

// Who may have signed a note.
struct NoteVerifier {
  std::string name;
  Ed25519Key key = {};
  NoteKeyType type = NoteKeyType::kEd25519;

  bool operator==(const NoteVerifier&) const = default;
  NoteKeyId Id() const { return ComputeKeyId(name, type, key); }
  // "name+hex8+base64(type||key)".
  std::string ToVkey() const;
  // Strict: the key id must fit. A key of another type than the caller has use for is kUnsupported:
  // a witness's key never passes for a log's.
  static Result<NoteVerifier> ParseVkey(std::string_view vkey,
                                        NoteKeyType type = NoteKeyType::kEd25519);
};

// A name with its key, and how to sign with it. `sign` must be deterministic (RFC 8032).
struct NoteSigner {
  std::string name;
  Ed25519Key key = {};
  std::function<Result<Ed25519Signature>(ByteView)> sign;
  NoteKeyType type = NoteKeyType::kEd25519;

  NoteVerifier Verifier() const { return {name, key, type}; }
  // A signer from a 32-byte Ed25519 seed.
  static NoteSigner FromSeed(std::string name, const std::array<uint8_t, 32>& seed,
                             NoteKeyType type = NoteKeyType::kEd25519);
};

struct NoteSignature {
  std::string name;
  NoteKeyId id = {};
  Bytes signature;  // without the key id

  auto operator<=>(const NoteSignature&) const = default;
  // "— name base64\n".
  std::string ToLine() const;
  // Whether name and key id are this key's; nothing is verified.
  bool IsBy(const NoteVerifier& key) const { return name == key.name && id == key.Id(); }
};

// Parsed, nothing verified yet.
struct Note {
  std::string text;  // ends in a newline
  std::vector<NoteSignature> signatures;

  std::string ToText() const;
};

// kTooLarge beyond the bounds above, found before anything is decoded; else kMalformed.
Result<Note> ParseNote(std::string_view bytes);

// Signature lines alone, as a witness answers with them; at least one.
Result<std::vector<NoteSignature>> ParseSignatureLines(std::string_view lines);

// Whether the signature, whose key id is the key's, is the key's over the text: by libsodium's
// rules, and for a cosignature with a time that is allowed.
bool VerifySignature(std::string_view text, const NoteVerifier& key, ByteView signature);

// Which of the known keys signed, by their place in `known`, ascending; perhaps none. Signatures by
// unknown keys are ignored; a known key's bad signature is kBadSignature.
Result<std::vector<size_t>> SignersAmong(const Note& note, std::span<const NoteVerifier> known);

// The same, and a note that no known key signed is kBadSignature too.
Result<std::vector<size_t>> VerifyNote(const Note& note, std::span<const NoteVerifier> known);

// The same note with the first signature of each known key alone.
Note KeepSignaturesOf(const Note& note, std::span<const NoteVerifier> known);

// The same note with more signatures behind those it has; one that it has already is left out.
// kTooLarge beyond the bounds above.
Result<std::string> AddSignatures(std::string_view note, std::span<const NoteSignature> more);

// The note of `text`, which must end in a newline and be valid note text, with one signature. The
// signer's type is kEd25519; cosigners sign with Cosign.
Result<std::string> SignNote(std::string_view text, const NoteSigner& signer);

}  // namespace souk::ledger
