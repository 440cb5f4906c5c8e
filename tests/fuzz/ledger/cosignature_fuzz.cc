// Notes with cosignatures: what is opened was signed by whom it names, and reading never crashes.
#include "ledger/c2sp/cosignature.h"
#include "protocol/base/check.h"

namespace {

using namespace souk;

struct Signers {
  ledger::NoteSigner log = ledger::NoteSigner::FromSeed("log", {1});
  ledger::NoteSigner witness =
      ledger::NoteSigner::FromSeed("witness", {2}, ledger::NoteKeyType::kCosignature);
  ledger::NoteSigner other =
      ledger::NoteSigner::FromSeed("other", {3}, ledger::NoteKeyType::kCosignature);
  ledger::TrustPolicy policy{{log.Verifier()}, {witness.Verifier(), other.Verifier()}, 0};
};

// A note of any text with genuine signatures is opened, and counts whom it should.
void CheckGenuine(const Signers& signers, const ledger::Note& parsed) {
  const auto note = ledger::SignNote(parsed.text, signers.log);
  const auto line = ledger::Cosign(parsed.text, signers.witness, {7});
  const auto head = ledger::ParseCheckpoint(parsed.text);
  CHECK(line.has_value() == head.has_value());
  if (!note || !line) return;
  const auto both = ledger::AddSignatures(*note, {&*line, 1});
  if (!both) return;
  const auto opened = ledger::OpenCosigned(*both, signers.policy);
  CHECK(opened.has_value() == (head->origin == "log"));
  if (opened) CHECK(opened->cosigned.size() == 1 && opened->cosigned[0].time.seconds == 7);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Signers signers;
  const std::string_view text = AsText({data, size});
  if (const auto note = ledger::ParseNote(text)) {
    CHECK(note->ToText() == text);
    CheckGenuine(signers, *note);
    for (const ledger::NoteSignature& line : note->signatures) {
      if (const auto cosignature = ledger::ParseCosignature(line.signature)) {
        CHECK(cosignature->time <= ledger::kLatestPosixTime);
      }
    }
  }
  if (const auto lines = ledger::ParseSignatureLines(text)) {
    std::string again;
    for (const ledger::NoteSignature& line : *lines) again += line.ToLine();
    CHECK(again == text);
  }
  if (const auto opened = ledger::OpenCosigned(text, signers.policy)) {
    CHECK(opened->checkpoint.origin == "log" && opened->cosigned.size() <= 2);
  }
  if (const auto key = ledger::NoteVerifier::ParseVkey(text, ledger::NoteKeyType::kCosignature)) {
    CHECK(ledger::NoteVerifier::ParseVkey(key->ToVkey(), key->type) == *key);
    CHECK(!ledger::NoteVerifier::ParseVkey(text));
  }
  return 0;
}
