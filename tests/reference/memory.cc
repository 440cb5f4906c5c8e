#include "reference/memory.h"

#include <algorithm>

#include "reference/interpret.h"

namespace souk::reference {
namespace {

constexpr uint64_t kNowhere = ~uint64_t{0};
constexpr uint64_t kWindow = uint64_t{1} << 32;
constexpr uint64_t kSharedAt = uint64_t{0x71} << 56;
constexpr uint64_t kLocalAt = uint64_t{0x72} << 56;
constexpr uint64_t kConstantAt = uint64_t{0x73} << 56;
constexpr uint64_t kParamAt = uint64_t{0x74} << 56;

uint64_t BaseOf(ptx::Space space) {
  switch (space) {
    case ptx::Space::kShared:
      return kSharedAt;
    case ptx::Space::kLocal:
      return kLocalAt;
    case ptx::Space::kConst:
      return kConstantAt;
    case ptx::Space::kParam:
      return kParamAt;
    default:
      return 0;
  }
}

}  // namespace

Memory::Memory(const ptx::Module& module, const ptx::Function& kernel, const Launch& launch)
    : launch_(launch), params_(launch.params) {
  for (const ptx::Variable& variable : module.variables) Place(variable, of_module_);
  for (const ptx::Variable& variable : kernel.variables) Place(variable, of_kernel_);
  for (const ptx::Param& param : kernel.params) {
    if (!param.is_register) of_kernel_[param.index] = param.offset;
  }
}

void Memory::Place(const ptx::Variable& variable, std::vector<uint64_t>& addresses) {
  Bytes* bytes = nullptr;
  if (variable.space == ptx::Space::kShared) bytes = &shared_;
  if (variable.space == ptx::Space::kLocal) bytes = &local_;
  if (variable.space == ptx::Space::kConst) bytes = &constant_;
  addresses.push_back(kNowhere);
  if (bytes == nullptr) return;
  bytes->resize(ptx::AlignUp(bytes->size(), variable.align));
  addresses.back() = bytes->size();
  bytes->insert(bytes->end(), variable.bytes.begin(), variable.bytes.end());
  bytes->resize(addresses.back() + variable.size);
}

void Memory::BeginBlock() {
  std::fill(shared_.begin(), shared_.end(), uint8_t{0});
}
void Memory::BeginThread() {
  std::fill(local_.begin(), local_.end(), uint8_t{0});
}

Result<uint64_t> Memory::AddressOf(ptx::VariableScope scope, uint32_t index) const {
  const uint64_t address =
      scope == ptx::VariableScope::kModule ? of_module_[index] : of_kernel_[index];
  if (address == kNowhere) return Error(Code::kUnsupported, "a variable of this space");
  return address;
}

uint64_t Memory::Generic(ptx::Space space, uint64_t address) const {
  return BaseOf(space) + address;
}

bool Memory::IsIn(ptx::Space space, uint64_t generic) const {
  const uint64_t base = BaseOf(space);
  if (base != 0) return generic >= base && generic < base + kWindow;
  for (const ptx::Space other :
       {ptx::Space::kShared, ptx::Space::kLocal, ptx::Space::kConst, ptx::Space::kParam}) {
    if (IsIn(other, generic)) return false;
  }
  return true;
}

Status Memory::Aligned(uint64_t generic, uint64_t size) {
  return generic % size == 0 ? Ok() : Error(Code::kFault, "a misaligned access");
}

Result<std::span<uint8_t>> Memory::At(uint64_t generic, uint32_t size) const {
  const auto within = [&](uint64_t base, std::span<uint8_t> bytes) {
    return generic >= base && generic - base <= bytes.size() &&
           size <= bytes.size() - (generic - base);
  };
  for (const auto& [base, bytes] : {std::pair<uint64_t, std::span<uint8_t>>{kSharedAt, shared_},
                                    {kLocalAt, local_},
                                    {kConstantAt, constant_},
                                    {kParamAt, params_}}) {
    if (within(base, bytes)) return bytes.subspan(generic - base, size);
  }
  for (const GlobalRange& range : launch_.globals) {
    if (within(range.address, range.bytes)) {
      return range.bytes.subspan(generic - range.address, size);
    }
  }
  return Error(Code::kFault, "an access outside memory");
}

Result<uint64_t> Memory::Read(uint64_t generic, uint32_t size) const {
  ASSIGN_OR_RETURN(const std::span<uint8_t> bytes, At(generic, size));
  uint64_t bits = 0;
  for (uint32_t i = 0; i < size; ++i) bits |= uint64_t{bytes[i]} << (8 * i);
  return bits;
}

Status Memory::Write(uint64_t generic, uint32_t size, uint64_t bits) {
  ASSIGN_OR_RETURN(const std::span<uint8_t> bytes, At(generic, size));
  for (uint32_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(bits >> (8 * i));
  return Ok();
}

}  // namespace souk::reference
