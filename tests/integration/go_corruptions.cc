#include "integration/go_corruptions.h"

namespace souk::ledger {
namespace {

void Replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

// The same equation holds with the group's order added to S; RFC 8032 forbids it.
void AddGroupOrder(Bytes& signature, size_t s_at) {
  constexpr uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                 0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                 0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += signature[s_at + i] + order[i];
    signature[s_at + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
}

// A cosignature with a time that is not allowed, which its key did sign.
NoteSignature CosignedTooLate(const std::string& text) {
  const NoteSigner witness = TestWitness(5);
  NoteSignature line{witness.name, witness.Verifier().Id(), {0x80, 0, 0, 0, 0, 0, 0, 0}};
  Append(line.signature, *witness.sign(AsBytes(CosignedMessage({uint64_t{1} << 63}, text))));
  return line;
}

}  // namespace

const std::vector<Corruption>& Corruptions() {
  static const std::vector<Corruption> all = {
      {"another entry", [](ProofCase& c) { c.entry = Leaf(kProvenIndex + 1); }},
      {"no entry", [](ProofCase& c) { c.entry.clear(); }},
      {"the entry and a byte more", [](ProofCase& c) { c.entry.push_back(0); }},
      {"a leaf hash as entry",
       [](ProofCase& c) { c.entry = ToBytes(LeafHash(Leaf(kProvenIndex)).view()); }},
      {"the index before", [](ProofCase& c) { c.proof.index = kProvenIndex - 1; }},
      {"the index after", [](ProofCase& c) { c.proof.index = kProvenIndex + 1; }},
      {"the index of the size", [](ProofCase& c) { c.proof.index = kProvenSize; }},
      {"an index with a leading zero",
       [](ProofCase& c) { c.edit = [](std::string& t) { Replace(t, "index 77", "index 077"); }; }},
      {"an index of 2^63",
       [](ProofCase& c) {
         c.edit = [](std::string& t) { Replace(t, "index 77", "index 9223372036854775808"); };
       }},
      {"no index line",
       [](ProofCase& c) { c.edit = [](std::string& t) { Replace(t, "index 77\n", ""); }; }},
      {"another version of proofs",
       [](ProofCase& c) { c.edit = [](std::string& t) { Replace(t, "@v1", "@v2"); }; }},
      {"a hash less", [](ProofCase& c) { c.proof.hashes.pop_back(); }},
      {"a hash more", [](ProofCase& c) { c.proof.hashes.push_back(c.proof.hashes[0]); }},
      {"two hashes swapped", [](ProofCase& c) { std::swap(c.proof.hashes[0], c.proof.hashes[1]); }},
      {"a bit of a hash", [](ProofCase& c) { c.proof.hashes[4].bytes[31] ^= 1; }},
      {"a hash of 31 bytes",
       [](ProofCase& c) {
         c.edit = [hash = c.proof.hashes[2]](std::string& t) {
           Replace(t, ToBase64(hash.view()), ToBase64(hash.view().first(31)));
         };
       }},
      {"a larger size in the checkpoint",
       [](ProofCase& c) { c.edit = [](std::string& t) { Replace(t, "\n300\n", "\n301\n"); }; }},
      {"another root in the checkpoint",
       [](ProofCase& c) {
         c.EditNote([](Note& n) {
           n.text = Checkpoint{"souk.test/log", kProvenSize, LeafHash(Leaf(0)), {}}.ToText();
         });
       }},
      {"another origin in the checkpoint",
       [](ProofCase& c) {
         c.EditNote([](Note& n) { Replace(n.text, "souk.test/log", "souk.test/lo"); });
       }},
      {"an extension line that nobody signed",
       [](ProofCase& c) { c.EditNote([](Note& n) { n.text += "more\n"; }); }},
      {"the log's signature left out",
       [](ProofCase& c) { c.EditNote([](Note& n) { n.signatures.erase(n.signatures.begin()); }); }},
      {"a bit of the log's signature",
       [](ProofCase& c) { c.EditNote([](Note& n) { n.signatures[0].signature[9] ^= 4; }); }},
      {"the log's signature with the group's order added",
       [](ProofCase& c) {
         c.EditNote([](Note& n) { AddGroupOrder(n.signatures[0].signature, 32); });
       }},
      {"the log's signature cut short",
       [](ProofCase& c) { c.EditNote([](Note& n) { n.signatures[0].signature.pop_back(); }); }},
      {"another key of the log's name",
       [](ProofCase& c) {
         c.EditNote([](Note& n) {
           n.signatures[0] = ParseNote(*SignNote(n.text, TestSigner(2)))->signatures[0];
         });
       }},
      {"another key under the log's key id",
       [](ProofCase& c) {
         c.EditNote([](Note& n) {
           n.signatures[0].signature =
               ParseNote(*SignNote(n.text, TestSigner(2)))->signatures[0].signature;
         });
       }},
      {"a reader with another log's key", [](ProofCase& c) { c.log = Vkey(TestSigner(2)); }},
      {"a reader's key whose id does not fit",
       [](ProofCase& c) { c.log[c.log.find('+') + 1] ^= 1; }},
      {"a witness's key as the log's", [](ProofCase& c) { c.log = Vkey(TestWitness(5)); }},
      {"the log's key as a witness's", [](ProofCase& c) { c.witnesses[0] = Vkey(TestSigner()); }},
      {"a cosignature's time",
       [](ProofCase& c) { c.EditNote([](Note& n) { n.signatures[1].signature[7] ^= 1; }); }},
      {"a bit of a cosignature",
       [](ProofCase& c) { c.EditNote([](Note& n) { n.signatures[2].signature[40] ^= 1; }); }},
      {"a cosignature with the group's order added",
       [](ProofCase& c) {
         c.EditNote([](Note& n) { AddGroupOrder(n.signatures[3].signature, 40); });
       }},
      {"a cosignature of 71 bytes",
       [](ProofCase& c) { c.EditNote([](Note& n) { n.signatures[1].signature.pop_back(); }); }},
      {"a cosignature of another checkpoint",
       [](ProofCase& c) {
         c.EditNote([](Note& n) {
           const auto other =
               Checkpoint{"souk.test/log", kProvenSize - 1, LeafHash({}), {}}.ToText();
           n.signatures[1] = *Cosign(other, TestWitness(5), {1'700'000'000});
         });
       }},
      {"a cosignature with a time beyond 2^63",
       [](ProofCase& c) {
         c.EditNote([](Note& n) { n.signatures[1] = CosignedTooLate(n.text); });
       }},
      {"a cosignature without its time",
       [](ProofCase& c) {
         c.EditNote([](Note& n) {
           Bytes& signature = n.signatures[1].signature;
           signature.erase(signature.begin(), signature.begin() + 8);
         });
       }},
      {"a plain signature under a witness's key id",
       [](ProofCase& c) {
         c.EditNote([](Note& n) {
           const auto plain = *TestWitness(5).sign(AsBytes(n.text));
           n.signatures[1].signature.assign(plain.begin(), plain.end());
         });
       }},
      {"too few cosignatures",
       [](ProofCase& c) { c.EditNote([](Note& n) { n.signatures.resize(2); }); }},
      {"one witness's cosignature for two",
       [](ProofCase& c) {
         c.EditNote([](Note& n) {
           n.signatures = {n.signatures[0], n.signatures[1], n.signatures[1]};
         });
       }},
      {"cosignatures of witnesses that the reader did not name",
       [](ProofCase& c) {
         c.witnesses = {Vkey(TestWitness(5)), Vkey(TestWitness(8))};
       }},
      {"more signatures than are taken",
       [](ProofCase& c) {
         c.EditNote([](Note& n) { n.signatures.resize(kMaxNoteSignatures + 1, n.signatures[0]); });
       }},
      {"a control character in the checkpoint",
       [](ProofCase& c) {
         c.EditNote([](Note& n) { Replace(n.text, "souk.test/log", "souk.test/\x02log"); });
       }},
      {"a hyphen for the em dash",
       [](ProofCase& c) { c.edit = [](std::string& t) { Replace(t, "\xe2\x80\x94", "-"); }; }},
      {"no newline at the end",
       [](ProofCase& c) { c.edit = [](std::string& t) { t.pop_back(); }; }},
      {"no blank line before the signatures",
       [](ProofCase& c) {
         c.edit = [](std::string& t) { Replace(t, "\n\n\xe2\x80\x94", "\n\xe2\x80\x94"); };
       }},
  };
  return all;
}

}  // namespace souk::ledger
