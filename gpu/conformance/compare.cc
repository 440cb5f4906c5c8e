#include "gpu/conformance/compare.h"

#include <algorithm>

#include "gpu/conformance/approximations.h"

namespace souk::gpu::conformance {
namespace {

using ptx::Type;

uint64_t ValueAt(ByteView bytes, uint64_t offset, uint32_t width) {
  uint64_t value = 0;
  for (uint32_t i = 0; i < width; ++i) value |= uint64_t{bytes[offset + i]} << (8 * i);
  return value;
}

bool IsNan16(uint64_t bits, Type type) {
  const bool brain = type == Type::kBf16 || type == Type::kBf16x2;
  return (bits & 0x7fff) > (brain ? 0x7f80u : 0x7c00u);
}

bool IsNan(uint64_t bits, Type type) {
  switch (type) {
    case Type::kF32:
      return (bits & 0x7fffffff) > 0x7f800000;
    case Type::kF64:
      return (bits & 0x7fffffffffffffff) > 0x7ff0000000000000;
    default:
      return IsNan16(bits, type);
  }
}

// The same, but for what NaNs hold.
bool AgreeButForNans(uint64_t a, uint64_t b, Type type) {
  if (type != Type::kF16x2 && type != Type::kBf16x2) return IsNan(a, type) && IsNan(b, type);
  for (const int shift : {0, 16}) {
    const uint64_t x = a >> shift & 0xffff;
    const uint64_t y = b >> shift & 0xffff;
    if (x != y && !(IsNan16(x, type) && IsNan16(y, type))) return false;
  }
  return true;
}

std::string HexText(Type type, uint64_t value) {
  const char* const digits = "0123456789abcdef";
  std::string hex;
  for (int shift = static_cast<int>(8 * SlotBytes(type)) - 4; shift >= 0; shift -= 4) {
    hex += digits[value >> shift & 15];
  }
  return std::string(ptx::TypeName(type)) + " " + hex;
}

Difference Describe(const KernelRun& run, const Slot& slot, uint32_t row, std::string expected,
                    uint64_t found) {
  Difference difference{.form = slot.form,
                        .row = row,
                        .expected = std::move(expected),
                        .found = HexText(slot.type, found)};
  for (const Column& column : run.inputs) {
    const uint32_t width = SlotBytes(column.type);
    if (column.bytes->size() != uint64_t{run.rows} * width) continue;  // not by row
    const uint64_t value = ValueAt(*column.bytes, uint64_t{row} * width, width);
    difference.inputs.push_back(HexText(column.type, value));
  }
  return difference;
}

Judgement JudgeRow(const KernelRun& run, const Slot& slot, uint32_t row, uint64_t value) {
  std::vector<uint64_t> operands;
  for (const Column& column : run.inputs) {
    const uint32_t width = SlotBytes(column.type);
    operands.push_back(ValueAt(*column.bytes, uint64_t{row} * width, width));
  }
  return Judge(slot.approximation, slot.type, slot.ftz, operands, value);
}

// Judges one slot of one output.
void JudgeSlot(const KernelRun& run, const Slot& slot, ByteView found, Comparison& comparison) {
  const uint32_t width = SlotBytes(slot.type);
  bool shown = false;
  for (uint32_t row = 0; row < slot.rows; ++row) {
    const uint64_t value = ValueAt(found, slot.offset + uint64_t{row} * width, width);
    const Judgement judgement = JudgeRow(run, slot, row, value);
    ++comparison.values;
    if (judgement.within) {
      comparison.worst_ulp = std::max(comparison.worst_ulp, judgement.ulp);
      comparison.worst_share = std::max(comparison.worst_share, judgement.share);
      continue;
    }
    ++comparison.wrong;
    if (shown || comparison.differences.size() >= kMostDifferences) continue;
    shown = true;
    comparison.differences.push_back(
        Describe(run, slot, row, BoundText(slot.approximation, slot.type), value));
  }
}

void CompareSlot(const KernelRun& run, const Slot& slot, ByteView expected, ByteView found,
                 Comparison& comparison) {
  const uint32_t width = SlotBytes(slot.type);
  bool shown = false;
  for (uint32_t row = 0; row < slot.rows; ++row) {
    const uint64_t at = slot.offset + uint64_t{row} * width;
    const uint64_t a = ValueAt(expected, at, width);
    const uint64_t b = ValueAt(found, at, width);
    ++comparison.values;
    if (a == b) continue;
    if (slot.agreement == Agreement::kAnyNan && AgreeButForNans(a, b, slot.type)) {
      ++comparison.nan_payloads;
      continue;
    }
    ++comparison.wrong;
    if (shown || comparison.differences.size() >= kMostDifferences) continue;
    shown = true;
    comparison.differences.push_back(Describe(run, slot, row, HexText(slot.type, a), b));
  }
}

}  // namespace

std::string Difference::Text() const {
  std::string text = form + " of";
  for (size_t i = 0; i < inputs.size(); ++i) text += (i == 0 ? " " : ", ") + inputs[i];
  if (inputs.empty()) text += " row " + std::to_string(row);
  return text + ": " + found + ", expected " + expected;
}

void Comparison::Add(const Comparison& more) {
  values += more.values;
  wrong += more.wrong;
  nan_payloads += more.nan_payloads;
  worst_ulp = std::max(worst_ulp, more.worst_ulp);
  worst_share = std::max(worst_share, more.worst_share);
  for (const Difference& difference : more.differences) {
    if (differences.size() < kMostDifferences) differences.push_back(difference);
  }
}

Comparison CompareOutputs(const KernelRun& run, ByteView expected, ByteView found) {
  Comparison comparison;
  for (const Slot& slot : run.slots) {
    if (slot.agreement != Agreement::kBounded) {
      CompareSlot(run, slot, expected, found, comparison);
      continue;
    }
    JudgeSlot(run, slot, expected, comparison);
    JudgeSlot(run, slot, found, comparison);
  }
  return comparison;
}

Comparison JudgeOutput(const KernelRun& run, ByteView found) {
  Comparison comparison;
  for (const Slot& slot : run.slots) {
    if (slot.agreement == Agreement::kBounded) JudgeSlot(run, slot, found, comparison);
  }
  return comparison;
}

}  // namespace souk::gpu::conformance
