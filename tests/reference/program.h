// Random straight-line programs, made of every form of the ISA's table that both the cpu device and
// the reference run. Each is a kernel: it loads the registers it uses from the thread's record,
// runs its lines, and stores the registers that they write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gpu/ptx/operation.h"
#include "reference/interpret.h"
#include "sim/rng.h"

namespace souk::reference {

// The spellings of one row of gpu/ptx/forms_table.h that programs may be made of.
struct FormSpellings {
  std::string form = {};
  std::vector<std::string> spellings = {};
};
class Catalogue {
 public:
  // Rows whose text or one of whose spellings begins with `prefix`; all where it is empty.
  explicit Catalogue(const std::string& prefix);

  const std::vector<FormSpellings>& forms() const { return forms_; }
  // Spellings that the cpu device runs and the reference does not, though no warp, block or branch
  // has a part in them.
  const std::vector<std::string>& unknown() const { return unknown_; }

 private:
  std::vector<FormSpellings> forms_ = {};
  std::vector<std::string> unknown_ = {};
};

// A named register of the programs.
struct RegisterRow {
  std::string name = {};
  ptx::Type type = ptx::Type::kNone;
  bool approximate = false;  // holds a result that the ISA only bounds: written once, never read
};
const std::vector<RegisterRow>& Registers();

struct Line {
  std::string text = {};  // with guard and semicolon
  std::string spelling = {};
  std::vector<uint32_t> uses = {};  // Registers()
  std::vector<uint32_t> defs = {};
};

struct Program {
  uint64_t seed = 0;
  Extent block = {};  // the grid is kBlocks × 1 × 1
  std::vector<Line> lines = {};
};
inline constexpr uint32_t kBlocks = 2;

// Deterministic in the seed (and the catalogue).
Program MakeProgram(const Catalogue& catalogue, uint64_t seed);
// The one instruction a few times, with fresh operands each time.
Program MakeProgramOf(const std::string& spelling, uint64_t seed);

// Where a kernel keeps what, in each thread's record of the buffer whose address is its parameter.
struct Layout {
  std::vector<uint32_t> used = {};     // registers, with an input of 8 bytes each, from 0 on
  std::vector<uint32_t> written = {};  // those that lines write, with an output of 8 bytes each
  uint32_t scratch = 0;                // offset of kScratchBytes that the lines may access
  uint32_t outputs = 0;                // offset
  uint32_t record_bytes = 0;
};
inline constexpr uint32_t kScratchBytes = 64;
Layout LayoutOf(const Program& program);

// The kernel's text, to stand behind ModuleHeader().
std::string KernelText(const Program& program, const std::string& name);
std::string ModuleHeader();
Bytes ParamsFor(const Program& program, uint64_t buffer);
// Records of all threads: inputs and scratch by the seed, register and thread, outputs zero.
Bytes RecordsFor(const Program& program);

}  // namespace souk::reference
