#include "unit/gpu/cpu/run_ptx.h"

#include <gtest/gtest.h>

#include <cstring>

#include "gpu/ptx/module.h"

namespace souk::gpu::cpu_test {
namespace {

uint32_t BytesOf(const std::string& type) {
  if (type == "pred") return 1;
  return static_cast<uint32_t>(std::stoul(type.substr(type.find_first_of("0123456789")))) / 8;
}
std::string RegisterType(const std::string& type) {
  if (type == "pred") return "pred";
  if (type == "u8" || type == "s8" || type == "b8") return "b16";
  if (type.find("f16x2") != std::string::npos) return "b32";
  if (type == "f16" || type == "bf16") return "b16";
  return type;
}
uint32_t LaneBytes(const std::string& type) {
  if (type.find("16x2") != std::string::npos) return 4;
  if (type == "bf16") return 2;
  const uint32_t bytes = BytesOf(type);
  return type != "pred" && bytes == 1 ? 2 : bytes;
}

// Loads %name from column `index`; predicates are bytes.
std::string LoadColumn(const std::string& name, const std::string& type, size_t index) {
  const std::string base = "%rd" + std::to_string(index + 1);
  std::string text = "ld.param.u64 " + base + ", [p" + std::to_string(index) + "];\n";
  if (type == "pred") {
    text += "cvt.u64.u32 %rd9, %r1; add.s64 " + base + ", " + base + ", %rd9;\n";
    return text + "ld.global.u8 %h1, [" + base + "]; setp.ne.s16 " + name + ", %h1, 0;\n";
  }
  const uint32_t bytes = LaneBytes(type);
  text += "mul.wide.u32 %rd9, %r1, " + std::to_string(bytes) + "; add.s64 " + base + ", " + base +
          ", %rd9;\n";
  return text + "ld.global.b" + std::to_string(bytes * 8) + " " + name + ", [" + base + "];\n";
}

// "{ .reg .b32 %x; one; two; }" with each instruction guarded.
std::string Guarded(const std::string& code, const std::string& guard) {
  if (code[0] != '{') return guard + code + "\n";
  std::string text = "{\n";
  size_t at = 1;
  while (true) {
    at = code.find_first_not_of(" \n", at);
    const size_t end = code.find(';', at);
    if (end == std::string::npos) return text + "}\n";
    const std::string statement = code.substr(at, end - at + 1);
    text += (statement[0] == '.' ? "" : guard) + statement + "\n";
    at = end + 1;
  }
}

std::string KernelFor(const Instruction& instruction, bool guarded) {
  const char* const names[] = {"%a", "%b", "%c", "%e"};
  std::string text = ".visible .entry k(";
  for (size_t i = 0; i <= instruction.sources.size(); ++i) {
    text += ".param .u64 p" + std::to_string(i) + ", ";
  }
  text +=
      ".param .u32 n)\n{\n.reg .pred %p<4>; .reg .b16 %h<3>; .reg .b32 %r<8>; .reg .b64 %rd<12>;\n";
  text += ".reg ." + RegisterType(instruction.result) + " %d;\n";
  for (size_t i = 0; i < instruction.sources.size(); ++i) {
    text += ".reg ." + RegisterType(instruction.sources[i]) + " " + names[i] + ";\n";
  }
  text +=
      "mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;\n"
      "mad.lo.s32 %r1, %r2, %r3, %r4; ld.param.u32 %r5, [n];\n"
      "setp.ge.u32 %p1, %r1, %r5; @%p1 bra DONE;\n";
  for (size_t i = 0; i < instruction.sources.size(); ++i) {
    text += LoadColumn(names[i], instruction.sources[i], i + 1);
  }
  if (guarded) {
    // Odd rows run it in one guarded copy, even rows in another.
    text += "and.b32 %r6, %r1, 1; setp.eq.u32 %p2, %r6, 1;\n" + Guarded(instruction.code, "@%p2 ") +
            Guarded(instruction.code, "@!%p2 ");
  } else {
    text += instruction.code + "\n";
  }
  text += "ld.param.u64 %rd0, [p0];\n";
  if (instruction.result == "pred") {
    text +=
        "selp.u16 %h2, 1, 0, %d; cvt.u64.u32 %rd9, %r1; add.s64 %rd0, %rd0, %rd9; "
        "st.global.u8 [%rd0], %h2;\n";
  } else {
    const uint32_t bytes = LaneBytes(instruction.result);
    text += "mul.wide.u32 %rd9, %r1, " + std::to_string(bytes) + "; add.s64 %rd0, %rd0, %rd9; " +
            "st.global.b" + std::to_string(bytes * 8) + " [%rd0], %d;\n";
  }
  return text + "DONE:\nret;\n}\n";
}

uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::vector<uint64_t> Corners(const std::string& type) {
  if (type == "pred") return {0, 1};
  if (type == "f32") {
    return {0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00001,
            0xffa00000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff,
            0x3f7fffff, 0x3f800001, 0x4b000001, 0x4effffff, 0x4f000000, 0xcf000000, 0x3f000000,
            0x40490fdb, 0x34000000, 0x5f000000, 0xdf000000, 0x3fc00000, 0x40200000};
  }
  if (type == "f64") {
    return {0,
            0x8000000000000000,
            0x3ff0000000000000,
            0xbff0000000000000,
            0x7ff0000000000000,
            0xfff0000000000000,
            0x7ff8000000000001,
            0xfff4000000000000,
            1,
            0x8000000000000001,
            0x000fffffffffffff,
            0x0010000000000000,
            0x7fefffffffffffff,
            0x3fe0000000000000,
            0x4330000000000001,
            0x41dfffffffc00000,
            0x41e0000000000000,
            0xc1e0000000000000,
            0x43e0000000000000,
            0x3ff8000000000000,
            0x4004000000000000,
            0x47efffffefffffff,
            0x3810000000000000,
            0x36a0000000000000};
  }
  if (type.find("f16") != std::string::npos) {
    std::vector<uint64_t> halves = {0x0000, 0x8000, 0x3c00, 0xbc00, 0x7c00, 0xfc00,
                                    0x7e01, 0x0001, 0x8001, 0x03ff, 0x0400, 0x7bff,
                                    0x3bff, 0x3c01, 0x6400, 0x3f80, 0x7f80, 0x7f7f};
    if (type.find("x2") == std::string::npos) return halves;
    std::vector<uint64_t> pairs;
    for (size_t i = 0; i < halves.size(); ++i) {
      pairs.push_back(halves[i] << 16 | halves[(i * 7 + 3) % halves.size()]);
    }
    return pairs;
  }
  const uint32_t bits = BytesOf(type) * 8;
  const uint64_t all = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  const uint64_t top = uint64_t{1} << (bits - 1);
  return {
      0,       1,        2,        3,        all,      all - 1,  top,  top - 1,
      top + 1, 31 & all, 32 & all, 33 & all, 63 & all, 64 & all, 0x55, 0x123456789abcdef0 & all};
}

}  // namespace

std::vector<SimdLevel> Levels() {
  std::vector<SimdLevel> levels;
  for (const SimdLevel level : {SimdLevel::kBaseline, SimdLevel::kAvx2, SimdLevel::kAvx512}) {
    if (level <= BestSimdLevel()) levels.push_back(level);
  }
  return levels;
}

std::unique_ptr<Device> NewDevice(SimdLevel level, uint32_t threads, uint64_t memory_bytes) {
  CpuDeviceOptions options;
  options.memory_bytes = memory_bytes;
  options.threads = threads;
  options.simd = level;
  return MakeCpuDevice(options);
}

std::string WithHeader(const std::string& text) {
  return ".version 9.0\n.target sm_90\n.address_size 64\n" + text;
}

Result<ModuleHandle> LoadText(Device& device, const std::string& text) {
  return LoadWhole(device, WithHeader(text));
}

Result<ModuleHandle> LoadWhole(Device& device, const std::string& text) {
  ASSIGN_OR_RETURN(ptx::Module parsed, ptx::Parse(text));
  ASSIGN_OR_RETURN(const ptx::Module module, ptx::Canonicalize(std::move(parsed)));
  return device.Load(module);
}

Params& Params::F32(float v) {
  return U32(BitsOf(v));
}
Params& Params::Put(uint64_t v, size_t size) {
  while (bytes_.size() % size != 0) bytes_.push_back(0);
  for (size_t i = 0; i < size; ++i) bytes_.push_back(static_cast<uint8_t>(v >> (8 * i)));
  return *this;
}

Result<LaunchStats> PtxRun::Go() {
  const std::unique_ptr<Device> device = NewDevice(level, threads);
  ASSIGN_OR_RETURN(const ModuleHandle module,
                   whole ? LoadWhole(*device, text) : LoadText(*device, text));
  Params params;
  std::vector<DeviceAddress> addresses;
  for (const Bytes& buffer : buffers) {
    ASSIGN_OR_RETURN(const DeviceAddress address, device->Allocate(buffer.size()));
    RETURN_IF_ERROR(device->Write(address, buffer));
    addresses.push_back(address);
    params.U64(address);
  }
  for (const uint32_t scalar : scalars) params.U32(scalar);
  LaunchRequest request;
  request.kernel = kernel;
  request.grid = grid;
  request.block = block;
  request.dynamic_shared_bytes = dynamic_shared_bytes;
  request.params = params.bytes();
  request.cooperative = cooperative;
  const Result<LaunchStats> stats = device->Launch(module, request, budget);
  printed = device->TakePrinted();
  if (!stats) return stats.error();
  for (size_t i = 0; i < buffers.size(); ++i) {
    RETURN_IF_ERROR(device->Read(addresses[i], buffers[i]));
  }
  return stats;
}

std::vector<uint64_t> Apply(const Instruction& instruction,
                            const std::vector<std::vector<uint64_t>>& columns) {
  const size_t rows = columns.empty() ? 77 : columns[0].size();
  const uint32_t out_bytes = LaneBytes(instruction.result);
  std::vector<Bytes> buffers = {Bytes(rows * out_bytes, 0)};
  for (size_t c = 0; c < columns.size(); ++c) {
    const uint32_t bytes = LaneBytes(instruction.sources[c]);
    Bytes buffer(rows * bytes);
    for (size_t i = 0; i < rows; ++i) std::memcpy(buffer.data() + i * bytes, &columns[c][i], bytes);
    buffers.push_back(std::move(buffer));
  }
  std::vector<uint64_t> expected;
  for (const SimdLevel level : Levels()) {
    for (const bool guarded : {false, true}) {
      PtxRun run;
      run.text = KernelFor(instruction, guarded);
      run.block = Dim3{64, 1, 1};
      run.grid = Dim3{static_cast<uint32_t>((rows + 63) / 64), 1, 1};
      run.buffers = buffers;
      run.scalars = {static_cast<uint32_t>(rows)};
      run.level = level;
      const Result<LaunchStats> stats = run.Go();
      EXPECT_TRUE(stats) << instruction.code << ": " << (stats ? "" : stats.error().message);
      if (!stats) return std::vector<uint64_t>(rows, 0);
      std::vector<uint64_t> results(rows, 0);
      for (size_t i = 0; i < rows; ++i) {
        std::memcpy(&results[i], run.buffers[0].data() + i * out_bytes, out_bytes);
      }
      if (expected.empty()) expected = results;
      EXPECT_EQ(results, expected)
          << instruction.code << " at " << SimdLevelName(level) << (guarded ? ", guarded" : "");
    }
  }
  return expected;
}

void ExpectRows(const Instruction& instruction, const std::vector<std::vector<uint64_t>>& columns,
                const Reference& reference) {
  const std::vector<uint64_t> results = Apply(instruction, columns);
  int shown = 0;
  for (size_t i = 0; i < results.size() && shown < 4; ++i) {
    std::vector<uint64_t> row;
    for (const std::vector<uint64_t>& column : columns) row.push_back(column[i]);
    const uint64_t want = reference(row);
    if (results[i] == want) continue;
    ++shown;
    std::string text;
    for (const uint64_t v : row) {
      char hex[24];
      std::snprintf(hex, sizeof(hex), " %llx", static_cast<unsigned long long>(v));
      text += hex;
    }
    ADD_FAILURE() << instruction.code << " of" << text << " gave " << std::hex << results[i]
                  << ", not " << want;
  }
}

std::vector<std::vector<uint64_t>> Samples(const std::vector<std::string>& types, size_t count) {
  std::vector<std::vector<uint64_t>> columns(types.size());
  std::vector<std::vector<uint64_t>> corners;
  for (const std::string& type : types) corners.push_back(Corners(type));
  for (size_t row = 0; row < count; ++row) {
    size_t pairing = row;
    bool corner_row = true;
    std::vector<uint64_t> values;
    for (size_t c = 0; c < types.size(); ++c) {
      values.push_back(corners[c][pairing % corners[c].size()]);
      pairing /= corners[c].size();
    }
    corner_row = pairing == 0;
    for (size_t c = 0; c < types.size(); ++c) {
      uint64_t v = values[c];
      if (!corner_row) {
        v = Mix(row * 8 + c);
        const uint32_t bytes = types[c] == "pred" ? 1 : LaneBytes(types[c]);
        if (bytes < 8) v &= (uint64_t{1} << (8 * bytes)) - 1;
        if (types[c] == "pred") v &= 1;
        // Floats of similar size meet in the interesting places.
        if (types[c] == "f32" && row % 2 == 0) v = (v & 0x83ffffff) | 0x3c000000;
        if (types[c] == "f64" && row % 2 == 0) v = (v & 0x803fffffffffffff) | 0x3fc0000000000000;
      }
      columns[c].push_back(v);
    }
  }
  return columns;
}

uint32_t BitsOf(float v) {
  uint32_t bits = 0;
  std::memcpy(&bits, &v, 4);
  return bits;
}
uint64_t BitsOf(double v) {
  uint64_t bits = 0;
  std::memcpy(&bits, &v, 8);
  return bits;
}
float FloatOf(uint64_t bits) {
  const auto low = static_cast<uint32_t>(bits);
  float v = 0;
  std::memcpy(&v, &low, 4);
  return v;
}
double DoubleOf(uint64_t bits) {
  double v = 0;
  std::memcpy(&v, &bits, 8);
  return v;
}

}  // namespace souk::gpu::cpu_test
