#include "reference/differ.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "gpu/ptx/module.h"

namespace souk::reference {
namespace {

constexpr uint64_t kBatch = 64;                   // programs in a module
constexpr size_t kMostMismatches = 20;            // reported; a bug shows often
constexpr uint64_t kAddress = uint64_t{1} << 40;  // of the buffer as the reference sees it
constexpr uint64_t kMemory = uint64_t{1} << 24;

std::string NameOf(size_t i) {
  return fmt::format("k{}", i);
}

gpu::LaunchRequest RequestFor(const Program& program, size_t i, uint64_t buffer) {
  gpu::LaunchRequest request;
  request.kernel = NameOf(i);
  request.grid = {kBlocks, 1, 1};
  request.block = {program.block.x, program.block.y, program.block.z};
  request.params = ParamsFor(program, buffer);
  return request;
}

// What the reference says of a program: all records, and the results that are only bounded.
struct Expected {
  Bytes records = {};
  std::vector<BoundedStore> bounded = {};
};
Result<Expected> Expect(const ptx::Module& module, const Program& program, size_t i) {
  const ptx::Function* const kernel = module.FindKernel(NameOf(i));
  if (kernel == nullptr) return Error(Code::kNotFound, "the kernel");
  Expected expected;
  expected.records = RecordsFor(program);
  Launch launch;
  launch.grid = {kBlocks, 1, 1};
  launch.block = program.block;
  launch.params = ParamsFor(program, kAddress);
  launch.globals = {{kAddress, expected.records}};
  ASSIGN_OR_RETURN(expected.bounded, Run(module, *kernel, launch));
  for (BoundedStore& store : expected.bounded) store.address -= kAddress;
  return expected;
}

uint64_t ValueAt(const Bytes& bytes, size_t at, size_t size) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, size);
  return value;
}

// "thread 7, %r3" of a place in the records.
std::string Where(const Program& program, size_t at) {
  const Layout layout = LayoutOf(program);
  const size_t thread = at / layout.record_bytes;
  const size_t within = at % layout.record_bytes;
  std::string what = fmt::format("its record's byte {}", within);
  if (within >= layout.outputs) {
    const size_t i = (within - layout.outputs) / 8;
    if (i < layout.written.size()) what = Registers()[layout.written[i]].name;
  } else if (within >= layout.scratch) {
    what = fmt::format("its memory's byte {}", within - layout.scratch);
  }
  return fmt::format("thread {}: {}", thread, what);
}

// Empty where the device's records are what the reference expects.
std::string Difference(const Program& program, const Expected& expected, const Bytes& got) {
  Bytes want = expected.records;
  for (const BoundedStore& store : expected.bounded) {
    const uint64_t bits = ValueAt(got, store.address, store.bytes);
    if (!Accepts(store.bounded, bits)) {
      return fmt::format("{} is {:#x}, beyond what is allowed of {:.9g} ± {:.3g} ({:#x})",
                         Where(program, store.address), bits,
                         static_cast<double>(store.bounded.value),
                         static_cast<double>(store.bounded.error), store.bounded.bits);
    }
    std::memcpy(want.data() + store.address, got.data() + store.address, store.bytes);
  }
  if (want == got) return "";
  const auto at = static_cast<size_t>(std::mismatch(want.begin(), want.end(), got.begin()).first -
                                      want.begin());
  const size_t word = at & ~size_t{7};
  return fmt::format("{} is {:#018x}, the reference has {:#018x}", Where(program, at),
                     ValueAt(got, word, 8), ValueAt(want, word, 8));
}

std::string Values(const Program& program, size_t thread) {
  const Layout layout = LayoutOf(program);
  const Bytes records = RecordsFor(program);
  std::string text;
  for (size_t i = 0; i < layout.used.size(); ++i) {
    text += fmt::format("{} = {:#x}\n", Registers()[layout.used[i]].name,
                        ValueAt(records, thread * layout.record_bytes + 8 * i, 8));
  }
  return text;
}

}  // namespace

std::vector<gpu::SimdLevel> AllLevels() {
  std::vector<gpu::SimdLevel> levels;
  for (const auto level :
       {gpu::SimdLevel::kBaseline, gpu::SimdLevel::kAvx2, gpu::SimdLevel::kAvx512}) {
    if (level <= gpu::BestSimdLevel()) levels.push_back(level);
  }
  return levels;
}

void Totals::Add(const Totals& other) {
  programs += other.programs;
  instructions += other.instructions;
  thread_programs += other.thread_programs;
  results += other.results;
  bounded += other.bounded;
  for (const auto& [spelling, count] : other.spellings) spellings[spelling] += count;
}

std::string TextOf(const std::vector<Program>& programs) {
  std::string text = ModuleHeader();
  for (size_t i = 0; i < programs.size(); ++i) text += KernelText(programs[i], NameOf(i));
  return text;
}

Differ::Differ(const Catalogue& catalogue, Tamper tamper)
    : catalogue_(catalogue), tamper_(std::move(tamper)), levels_(AllLevels()) {}

// The reference runs what was parsed, the device its canonical form.
Result<ptx::Module> Differ::ForDevice(const std::vector<Program>& programs,
                                      const ptx::Module& module) const {
  if (!tamper_) return ptx::Canonicalize(module);
  ASSIGN_OR_RETURN(ptx::Module tampered, ptx::Parse(tamper_(TextOf(programs))));
  return ptx::Canonicalize(std::move(tampered));
}

std::vector<std::string> Differ::Faults(const std::vector<Program>& programs) {
  auto module = ptx::Parse(TextOf(programs));
  if (module) return FaultsOfModule(programs, *module);
  if (programs.size() == 1) return {"refused by the parser: " + module.error().message};
  std::vector<std::string> faults;
  for (const Program& program : programs) faults.push_back(FaultAlone(program));
  return faults;
}

std::vector<std::string> Differ::FaultsOfModule(const std::vector<Program>& programs,
                                                const ptx::Module& module) {
  std::vector<std::string> faults(programs.size());
  const auto canonical = ForDevice(programs, module);
  if (!canonical) {
    std::fill(faults.begin(), faults.end(), "not canonicalised: " + canonical.error().message);
    return faults;
  }
  std::vector<Result<Expected>> expected;
  for (size_t i = 0; i < programs.size(); ++i) expected.push_back(Expect(module, programs[i], i));
  for (const gpu::SimdLevel level : levels_) {
    const auto device = gpu::MakeCpuDevice({.memory_bytes = kMemory, .threads = 1, .simd = level});
    const auto loaded = device->Load(*canonical);
    const auto buffer = device->Allocate(kMemory / 2);
    if ((!loaded || !buffer) && programs.size() > 1) {
      for (size_t i = 0; i < programs.size(); ++i) faults[i] = FaultAlone(programs[i]);
      return faults;
    }
    if (!loaded) return {"refused by the device: " + loaded.error().message};
    if (!buffer) return {"no memory: " + buffer.error().message};
    for (size_t i = 0; i < programs.size(); ++i) {
      if (!faults[i].empty()) continue;
      if (!expected[i]) {
        faults[i] = "refused by the reference: " + expected[i].error().message;
        continue;
      }
      Bytes records = RecordsFor(programs[i]);
      const Status written = device->Write(*buffer, records);
      const auto run = device->Launch(*loaded, RequestFor(programs[i], i, *buffer), {});
      if (!written || !run) {
        faults[i] = "the device failed: " + (run ? written.error().message : run.error().message);
        if (programs.size() == 1) return faults;
        // A device that has failed runs nothing more.
        for (size_t j = i; j < programs.size(); ++j) faults[j] = FaultAlone(programs[j]);
        return faults;
      }
      const Status read = device->Read(*buffer, records);
      faults[i] = read ? Difference(programs[i], *expected[i], records) : read.error().message;
      if (!faults[i].empty()) faults[i] += fmt::format(" [{}]", gpu::SimdLevelName(level));
      totals_.results += records.size() / LayoutOf(programs[i]).record_bytes *
                         LayoutOf(programs[i]).written.size();
      totals_.bounded += expected[i]->bounded.size();
    }
  }
  return faults;
}

// Leaves out lines as long as something still differs; inputs stay, as they go by register.
Program Differ::Shorten(Program program) {
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (size_t i = program.lines.size(); i-- > 0 && program.lines.size() > 1;) {
      Program candidate = program;
      candidate.lines.erase(candidate.lines.begin() + static_cast<std::ptrdiff_t>(i));
      if (FaultAlone(candidate).empty()) continue;
      program = std::move(candidate);
      shorter = true;
    }
  }
  return program;
}

void Differ::Report(const Program& program) {
  const Totals before = totals_;
  const Program shortest = Shorten(program);
  Mismatch mismatch;
  mismatch.seed = program.seed;
  mismatch.lines = shortest.lines.size();
  mismatch.what = FaultAlone(shortest);
  const size_t at = mismatch.what.find("thread ");
  const size_t thread = at == 0 ? std::stoull(mismatch.what.substr(7)) : 0;
  mismatch.inputs = Values(shortest, thread);
  mismatch.ptx = TextOf({shortest});
  mismatches_.push_back(std::move(mismatch));
  totals_ = before;
}

void Differ::CompareBatch(const std::vector<Program>& programs) {
  for (const Program& program : programs) {
    totals_.instructions += program.lines.size();
    totals_.thread_programs +=
        uint64_t{kBlocks} * program.block.x * program.block.y * program.block.z;
    for (const Line& line : program.lines) ++totals_.spellings[line.spelling];
  }
  totals_.programs += programs.size();
  const std::vector<std::string> faults = Faults(programs);
  for (size_t i = 0; i < programs.size(); ++i) {
    if (!faults[i].empty()) Report(programs[i]);
  }
}

void Differ::Compare(uint64_t first, uint64_t count) {
  for (uint64_t done = 0; done < count && mismatches_.size() < kMostMismatches; done += kBatch) {
    std::vector<Program> programs;
    for (uint64_t i = 0; i < std::min(kBatch, count - done); ++i) {
      programs.push_back(MakeProgram(catalogue_, first + done + i));
    }
    CompareBatch(programs);
  }
}

void Differ::CompareEach(uint64_t seed) {
  std::vector<Program> programs;
  for (const FormSpellings& form : catalogue_.forms()) {
    for (const std::string& spelling : form.spellings) {
      programs.push_back(MakeProgramOf(spelling, seed++));
      if (programs.back().lines.empty()) programs.pop_back();
      if (programs.size() < kBatch) continue;
      CompareBatch(programs);
      programs.clear();
    }
  }
  if (!programs.empty()) CompareBatch(programs);
}

}  // namespace souk::reference
