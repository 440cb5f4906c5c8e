#include "gpu/worker/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "gpu/worker/descriptor.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

// include/uapi/linux/landlock.h, of a newer kernel than Debian 12's headers know.
constexpr int kCreateRuleset = 444;
constexpr int kAddRule = 445;
constexpr int kRestrictSelf = 446;
constexpr uint32_t kAskVersion = 1;
constexpr int kPathBeneath = 1;
constexpr uint64_t kExecute = 1u << 0;
constexpr uint64_t kWriteFile = 1u << 1;
constexpr uint64_t kReadFile = 1u << 2;
constexpr uint64_t kReadDir = 1u << 3;
constexpr uint64_t kIoctlDevice = 1u << 15;

struct RulesetAttributes {
  uint64_t handled_fs = 0;
  uint64_t handled_net = 0;  // ABI 4
  uint64_t scoped = 0;       // ABI 6
};
struct __attribute__((packed)) PathBeneath {
  uint64_t allowed = 0;
  int32_t parent = -1;
};

// All rights on files that an ABI knows: bit 13 came with 2, 14 with 3, 15 with 5.
uint64_t FileRights(int abi) {
  const int bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
  return (uint64_t{1} << bits) - 1;
}

Status Allow(int ruleset, const AllowedTree& tree, const RulesetAttributes& attributes) {
  const Descriptor root(::open(tree.path, O_PATH | O_CLOEXEC));
  if (!root) return Ok();
  struct stat info = {};
  if (::fstat(root.get(), &info) != 0) return ErrnoError(tree.path, errno);
  PathBeneath rule;
  rule.allowed = kReadFile | kExecute;
  if (tree.writable) rule.allowed |= kWriteFile | kIoctlDevice;
  if (S_ISDIR(info.st_mode)) rule.allowed |= kReadDir;
  rule.allowed &= attributes.handled_fs;
  rule.parent = root.get();
  if (::syscall(kAddRule, ruleset, kPathBeneath, &rule, 0) != 0) {
    return ErrnoError(std::string("landlock_add_rule ") + tree.path, errno);
  }
  return Ok();
}

}  // namespace

int LandlockAbi() {
  const long abi = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

Status ForbidFiles(std::span<const AllowedTree> allowed) {
  const int abi = LandlockAbi();
  if (abi < 1) return Error(Code::kDenied, "this kernel has no Landlock, or it is switched off");
  RulesetAttributes attributes;
  attributes.handled_fs = FileRights(abi);
  attributes.handled_net = abi >= 4 ? 0x3 : 0;  // bind, connect
  attributes.scoped = abi >= 6 ? 0x3 : 0;       // abstract sockets, signals
  const size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const Descriptor ruleset(static_cast<int>(::syscall(kCreateRuleset, &attributes, size, 0)));
  if (!ruleset) return ErrnoError("landlock_create_ruleset", errno);
  for (const AllowedTree& tree : allowed) RETURN_IF_ERROR(Allow(ruleset.get(), tree, attributes));
  if (::syscall(kRestrictSelf, ruleset.get(), 0) != 0) {
    return ErrnoError("landlock_restrict_self", errno);
  }
  return Ok();
}

}  // namespace souk::gpu
