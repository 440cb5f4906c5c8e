// C2SP signed notes with Ed25519 keys. https://c2sp.org/signed-note
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

// First 4 bytes of SHA-256(name || 0A || 01 || key).
NoteKeyId ComputeKeyId(std::string_view name, const Ed25519Key& key);

// Non-empty UTF-8 without Unicode spaces, control characters and '+'.
bool IsValidKeyName(std::string_view name);

// Who may have signed a note.
struct NoteVerifier {
  std::string name;
  Ed25519Key key = {};

  NoteKeyId Id() const { return ComputeKeyId(name, key); }
  // "name+hex8+base64(01||key)".
  std::string ToVkey() const;
  // Strict: the key id must fit; other algorithms than Ed25519 are kUnsupported.
  static Result<NoteVerifier> ParseVkey(std::string_view vkey);
};

// A name with its key, and how to sign with it. `sign` must be deterministic (RFC 8032).
struct NoteSigner {
  std::string name;
  Ed25519Key key = {};
  std::function<Result<Ed25519Signature>(ByteView)> sign;

  NoteVerifier Verifier() const { return {name, key}; }
  // A signer from a 32-byte Ed25519 seed.
  static NoteSigner FromSeed(std::string name, const std::array<uint8_t, 32>& seed);
};

struct NoteSignature {
  std::string name;
  NoteKeyId id = {};
  Bytes signature;  // without the key id

  auto operator<=>(const NoteSignature&) const = default;
};

// Parsed, nothing verified yet.
struct Note {
  std::string text;  // ends in a newline
  std::vector<NoteSignature> signatures;

  std::string ToText() const;
};

// kTooLarge beyond the bounds above, found before anything is decoded; else kMalformed.
Result<Note> ParseNote(std::string_view bytes);

// Which of the known keys signed, by their place in `known`, ascending. Signatures by unknown keys
// are ignored; a known key's bad signature is kBadSignature, as is a note that no known key signed.
Result<std::vector<size_t>> VerifyNote(const Note& note, std::span<const NoteVerifier> known);

// The note of `text`, which must end in a newline and be valid note text, with one signature.
Result<std::string> SignNote(std::string_view text, const NoteSigner& signer);

}  // namespace souk::ledger
