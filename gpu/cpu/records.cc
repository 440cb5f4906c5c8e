#include "gpu/cpu/records.h"

namespace souk::gpu::cpu {
namespace {

// Of each word four bytes' worth.
template <typename T>
std::unique_ptr<T[]> Quadruple(const std::unique_ptr<T[]>& words, uint32_t count) {
  auto bytes = std::make_unique<T[]>(size_t{count} * 4);
  for (uint32_t i = 0; i < count * 4; ++i) bytes[i] = words[i / 4];
  return bytes;
}

}  // namespace

bool RecordPage::Make(RecordBudget& budget) {
  if (!budget.Take(uint64_t{count()} * sizeof(AccessRecord))) return false;
  records = std::make_unique<AccessRecord[]>(count());
  return true;
}

bool RecordPage::MakeAtomics(RecordBudget& budget) {
  if (!budget.Take(uint64_t{count()} * sizeof(AtomicRecord))) return false;
  atomics = std::make_unique<AtomicRecord[]>(count());
  return true;
}

bool RecordPage::Split(RecordBudget& budget) {
  const uint64_t each = sizeof(AccessRecord) + (atomics != nullptr ? sizeof(AtomicRecord) : 0);
  if (!budget.Take(uint64_t{3} * count() * each)) return false;
  records = Quadruple(records, count());
  if (atomics != nullptr) atomics = Quadruple(atomics, count());
  shift = 0;
  return true;
}

}  // namespace souk::gpu::cpu
