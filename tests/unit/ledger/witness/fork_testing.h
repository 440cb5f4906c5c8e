// Logs that grow and fork, for the tests of witnesses.
#pragma once

#include <string>
#include <vector>

#include "ledger/c2sp/checkpoint.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {

// Any number of versions of one log: branch b has the entries of branch 0 below `forked_at`, and
// its own from there on. All are signed by TestSigner().
class ForkedLog : public HashReader {
 public:
  ForkedLog(uint64_t size, uint64_t forked_at, uint8_t branch) {
    for (uint64_t i = 0; i < size; ++i) {
      leaves_.push_back(Leaf(i));
      if (i >= forked_at) leaves_.back().push_back(branch);
    }
  }
  // The honest one.
  explicit ForkedLog(uint64_t size) : ForkedLog(size, size, 0) {}

  Digest Root(uint64_t size) const { return NaiveRoot(std::span(leaves_).subspan(0, size)); }
  std::string Head(uint64_t size) const {
    return *SignCheckpoint(Checkpoint{TestSigner().name, size, Root(size), {}}, TestSigner());
  }
  std::vector<Digest> Proof(uint64_t old_size, uint64_t size) const {
    return *ConsistencyProof(old_size, size, *this);
  }
  Result<Digest> ReadNode(unsigned level, uint64_t index) const override {
    return NaiveRoot(std::span(leaves_).subspan(index << level, size_t{1} << level));
  }

 private:
  std::vector<Bytes> leaves_;
};

inline std::vector<NoteVerifier> TestLogKeys() {
  return {TestSigner().Verifier()};
}

}  // namespace souk::ledger
