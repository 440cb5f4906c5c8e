// What ParseNote takes, it writes again byte for byte; verifying it never crashes.
#include "ledger/c2sp/note.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace souk;
  static const ledger::NoteVerifier known = ledger::NoteSigner::FromSeed("log", {1}).Verifier();
  const std::string_view text = AsText({data, size});
  if (const auto note = ledger::ParseNote(text)) {
    CHECK(note->ToText() == text);
    CHECK(note->signatures.size() <= ledger::kMaxNoteSignatures);
    if (const auto signers = ledger::VerifyNote(*note, {&known, 1})) CHECK(!signers->empty());
  }
  if (const auto key = ledger::NoteVerifier::ParseVkey(text)) {
    const auto again = ledger::NoteVerifier::ParseVkey(key->ToVkey());
    CHECK(again && again->name == key->name && again->key == key->key);
  }
  return 0;
}
