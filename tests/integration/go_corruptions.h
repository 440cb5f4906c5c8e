// Proofs as a reader gets them, and the table of corruptions that Go and we must both refuse.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ledger/c2sp/proof.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {

inline constexpr uint64_t kProvenSize = 300;
inline constexpr uint64_t kProvenIndex = 77;

inline std::string Vkey(const NoteSigner& signer) {
  return signer.Verifier().ToVkey();
}

// What a reader of a proof is given, and what it trusts.
struct ProofCase {
  std::string log = Vkey(TestSigner());
  std::vector<std::string> witnesses = {Vkey(TestWitness(5)), Vkey(TestWitness(6)),
                                        Vkey(TestWitness(7))};
  size_t quorum = 2;
  Bytes entry = Leaf(kProvenIndex);
  TlogProof proof = {};
  std::function<void(std::string&)> edit = nullptr;  // of the proof's text

  std::string Text() const {
    std::string text = proof.ToText();
    if (edit) edit(text);
    return text;
  }
  // The checkpoint's note, to change it.
  void EditNote(const std::function<void(Note&)>& change) {
    Note note = *ParseNote(proof.checkpoint);
    change(note);
    proof.checkpoint = note.ToText();
  }
};

// Line 0 of the note is the log's, 1 to 3 are those of witnesses 5 to 7.
struct Corruption {
  const char* name;
  std::function<void(ProofCase&)> apply;
};

// Each breaks the proof of entry kProvenIndex of kProvenSize.
const std::vector<Corruption>& Corruptions();

}  // namespace souk::ledger
