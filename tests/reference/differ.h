// Random programs on the cpu device, at every level of vector instructions, against the reference.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gpu/cpu/cpu_device.h"
#include "reference/program.h"

namespace souk::reference {

struct Mismatch {
  uint64_t seed = 0;
  size_t lines = 0;       // of the program once it was made as short as still fails
  std::string what = {};  // thread, register, both values, level
  std::string inputs = {};
  std::string ptx = {};  // the shortened kernel
};

struct Totals {
  uint64_t programs = 0;
  uint64_t instructions = 0;     // lines of programs, without prologue and epilogue
  uint64_t thread_programs = 0;  // programs times threads
  uint64_t results = 0;          // registers compared bit for bit, over threads and levels
  uint64_t bounded = 0;          // approximations held against their bounds
  std::map<std::string, uint64_t> spellings = {};  // how often each stood in a program

  void Add(const Totals& other);
};

// What the device is given in place of a module's text; for tests of the comparison itself.
using Tamper = std::function<std::string(std::string)>;

// One thread at a time.
class Differ {
 public:
  explicit Differ(const Catalogue& catalogue, Tamper tamper = nullptr);

  // Programs of seeds [first, first + count).
  void Compare(uint64_t first, uint64_t count);
  // Every spelling of the catalogue by itself.
  void CompareEach(uint64_t seed);

  const Totals& totals() const { return totals_; }
  const std::vector<Mismatch>& mismatches() const { return mismatches_; }

 private:
  void CompareBatch(const std::vector<Program>& programs);
  // What went wrong with each of the programs, which stand in one module.
  std::vector<std::string> Faults(const std::vector<Program>& programs);
  std::vector<std::string> FaultsOfModule(const std::vector<Program>& programs,
                                          const ptx::Module& module);
  Result<ptx::Module> ForDevice(const std::vector<Program>& programs,
                                const ptx::Module& module) const;
  std::string FaultAlone(const Program& program) { return Faults({program})[0]; }
  Program Shorten(Program program);
  void Report(const Program& program);

  const Catalogue& catalogue_;
  Tamper tamper_;
  std::vector<gpu::SimdLevel> levels_ = {};
  Totals totals_ = {};
  std::vector<Mismatch> mismatches_ = {};
};

// Of every level the machine has.
std::vector<gpu::SimdLevel> AllLevels();

std::string TextOf(const std::vector<Program>& programs);

}  // namespace souk::reference
