// What the set consists of. Forms whose operands are registers come from the table of forms itself:
// every spelling that the cpu device runs. The others are listed by hand.
#pragma once

#include <string>
#include <vector>

#include "gpu/conformance/case.h"
#include "gpu/conformance/inputs.h"

namespace souk::gpu::conformance {

// What the code of a case finds beside its sources.
enum class Surroundings : uint8_t {
  kRegisters,  // nothing
  // 16 bytes of each space that are the row's own: addresses %in (global, with a row of inputs),
  // %cell (global), %sh (shared), %loc (local) and %tab (constant, one of four)
  kMemory,
  // Whole blocks of 128 threads whose rows are all there; %lane, %self (the thread), the shared
  // array sh of 128 u64, and %mine, 1 KiB of global memory that is the block's own. All zero at the
  // start of a case.
  kBlock
};

// `code` writes %d and reads %a, %b, %c, %e; it may declare registers of its own.
struct FormCase {
  std::string family = {};
  std::string form = {};
  std::string group = {};
  std::string code = {};
  ptx::Type result = ptx::Type::kNone;
  struct Source {
    ptx::Type type = ptx::Type::kNone;
    Role role = Role::kValue;
  };
  std::vector<Source> sources = {};
  Surroundings surroundings = Surroundings::kRegisters;
  Agreement agreement = Agreement::kBits;
  Approximation approximation = Approximation::kNone;
  bool ftz = false;
  uint32_t target = 50;
  uint32_t version = 60;
};

std::vector<FormCase> RegisterForms();
std::vector<FormCase> MemoryForms();
std::vector<FormCase> AtomicForms();
std::vector<FormCase> BlockForms();  // between lanes, and barriers

// Adds a case about a spelling that is not in the table's order, where the cpu device runs it.
void AddCase(std::vector<FormCase>& cases, const std::string& spelling, FormCase one);

// The cases of one operation, empty where this file does not know its kind of operands. For tests.
std::vector<FormCase> CasesOf(const ptx::Operation& operation);

// Opcodes that are about more than registers, and have kernels of their own (memory.cc, atomics.cc,
// warp.cc, barrier.cc), or none because they have no result (control flow, fences, hints).
bool HasNoRegisterForm(ptx::Opcode opcode);

}  // namespace souk::gpu::conformance
