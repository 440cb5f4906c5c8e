#include "node/opening_checker.h"

#include "node/blob_store.h"
#include "protocol/base/file.h"

namespace souk::node {

OpeningChecked CheckOpeningIn(const std::filesystem::path& dir, const CheckOpening& check) {
  OpeningChecked out{.challenge = check.claim.challenge};
  const auto bytes = ReadFile(FileBlobStore::PathOf(dir, check.blob.digest), check.blob.size);
  const Status checked =
      bytes ? gpu::CheckOpening(check.claim, check.secret, *bytes) : Status(bytes.error());
  out.passed = checked.has_value();
  if (!checked) out.sentence = checked.error().message;
  return out;
}

void FileOpeningChecker::Check(const CheckOpening& check) {
  errands_.Run([dir = dir_, check]() -> Event { return CheckOpeningIn(dir, check); });
}

}  // namespace souk::node
