// Checks what this node's challenges were answered with (R7), on a thread of its own.
#pragma once

#include <filesystem>

#include "node/errands.h"
#include "node/runner.h"

namespace souk::node {

// What the check of a claim's blob, read from the node's blob store, comes to.
OpeningChecked CheckOpeningIn(const std::filesystem::path& dir, const CheckOpening& check);

// Loop thread only.
class FileOpeningChecker : public OpeningChecker {
 public:
  explicit FileOpeningChecker(std::filesystem::path dir) : dir_(std::move(dir)) {}

  void Check(const CheckOpening& check) override;
  // Readable when Receive has something.
  int fd() const { return errands_.fd(); }
  void Receive(std::vector<Event>& out) { errands_.Collect(out); }

 private:
  const std::filesystem::path dir_;
  Errands errands_;
};

}  // namespace souk::node
