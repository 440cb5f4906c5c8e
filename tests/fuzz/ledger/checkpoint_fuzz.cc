// One tree head has one text: what ParseCheckpoint takes, it writes again byte for byte.
#include "ledger/c2sp/checkpoint.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace souk;
  static const ledger::NoteSigner signer = ledger::NoteSigner::FromSeed("log", {1});
  const std::string_view text = AsText({data, size});
  if (const auto checkpoint = ledger::ParseCheckpoint(text)) {
    CHECK(checkpoint->ToText() == text);
    CHECK(checkpoint->size <= ledger::kMaxTreeSize);
    if (const auto note = ledger::SignCheckpoint(*checkpoint, signer)) {
      CHECK(*ledger::OpenCheckpoint(*note, signer.Verifier()) == *checkpoint);
    }
  }
  if (const auto number = ledger::ParseTreeSize(text)) CHECK(std::to_string(*number) == text);
  (void)ledger::OpenCheckpoint(text, signer.Verifier());
  return 0;
}
