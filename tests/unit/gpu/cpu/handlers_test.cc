// Handlers that go straight on to the next op do so by a tail call: however long a kernel's
// straight lines and loops are, the stack does not grow.
#include "gpu/cpu/handlers.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <string>
#include <vector>

#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using cpu::Fn;
using cpu::HandlerPair;
using cpu::Op;
using cpu::Warp;

const char* stack_at_end = nullptr;

// The op behind the one that is tested.
const Op* Probe(Warp&, const Op* op) {
  stack_at_end = static_cast<const char*>(__builtin_frame_address(0));
  return op + 1;
}

struct Machine {
  alignas(64) uint8_t registers[64 * 1024] = {};
  uint32_t extra[64] = {};
  Warp warp = {};
  Op ops[2] = {};

  Machine() {
    warp.regs = registers;
    warp.extra = extra;
    warp.code = ops;
    warp.SetActive(cpu::kAllLanes);
    warp.limit = UINT64_MAX;
    for (uint32_t i = 0; i < 64; ++i) extra[i] = 64 + 256 * i;
    ops[0].dst = 1024;
    ops[0].a = 2048;
    ops[0].b = 3072;
    ops[0].c = 4096;
    ops[1].run[0] = ops[1].run[1] = &Probe;
  }
  // Where the stack stands in the next op; nullptr where the handler comes back to its caller.
  __attribute__((noinline)) const char* After(cpu::Handler handler) {
    stack_at_end = nullptr;
    handler(warp, &ops[0]);
    return stack_at_end;
  }
};

bool TouchesRegistersOnly(Fn fn) {
  return fn < Fn::kLd && fn != Fn::kVideo;
}

TEST(Handlers, GoOnByTailCalls) {
  auto machine = std::make_unique<Machine>();
  const char* const direct = machine->After(&Probe);
  ASSERT_NE(direct, nullptr);
  for (const SimdLevel level : Levels()) {
    size_t gone_on = 0;
    for (uint32_t fn = 0; fn < cpu::Index(Fn::kCount); ++fn) {
      if (!TouchesRegistersOnly(static_cast<Fn>(fn))) continue;
      for (uint32_t ty = 0; ty < cpu::kTyCount; ++ty) {
        const HandlerPair pair =
            cpu::Handlers(level).At(static_cast<Fn>(fn), static_cast<cpu::Ty>(ty));
        if (pair.full == nullptr) continue;
        machine->warp.next_pc = cpu::kNever;
        if (const char* at = machine->After(pair.full)) {
          EXPECT_EQ(at, direct) << SimdLevelName(level) << ", " << fn << ", " << ty;
          ++gone_on;
        }
        EXPECT_EQ(machine->After(pair.some), nullptr) << "comes back to who watches it: " << fn;
      }
    }
    EXPECT_EQ(gone_on > 100, cpu::GoOn()) << gone_on;
  }
}

// A few hundred thousand ops, and a million turns of a loop, on a stack of 256 KiB.
TEST(Handlers, RunLongKernelsOnASmallStack) {
  std::string text =
      ".visible .entry k(.param .u64 o, .param .u32 n)\n{\n"
      ".reg .b64 %rd<9>; .reg .b32 %r<9>; .reg .f32 %f<9>; .reg .pred %p<9>;\n"
      "ld.param.u64 %rd1, [o]; ld.param.u32 %r1, [n]; cvta.to.global.u64 %rd2, %rd1;\n"
      "mov.u32 %r2, %tid.x; mov.u32 %r3, 0; mov.u32 %r6, 0;\n"
      "mul.wide.u32 %rd3, %r2, 4; add.s64 %rd4, %rd2, %rd3;\n";
  for (int i = 0; i < 20000; ++i) {
    text +=
        "ld.global.u32 %r4, [%rd4]; add.s32 %r5, %r4, %r2; mad.lo.s32 %r5, %r5, %r4, %r2;\n"
        "setp.lt.u32 %p1, %r5, %r1; selp.b32 %r5, %r5, %r4, %p1; cvt.rn.f32.u32 %f1, %r5;\n"
        "fma.rn.f32 %f2, %f1, %f1, %f1; st.global.u32 [%rd4], %r5;\n";
  }
  text +=
      "LOOP: add.s32 %r3, %r3, 1; xor.b32 %r6, %r6, %r3;\n"
      "setp.lt.u32 %p2, %r3, %r1; @%p2 bra LOOP;\n"
      "st.global.u32 [%rd4], %r6; ret;\n}\n";
  for (const SimdLevel level : Levels()) {
    const std::unique_ptr<Device> device = NewDevice(level);
    Result<ModuleHandle> module = LoadText(*device, text);
    ASSERT_TRUE(module) << module.error().message;
    Result<DeviceAddress> buffer = device->Allocate(128);
    ASSERT_TRUE(buffer);
    struct Launch {
      Device& device;
      ModuleHandle module;
      LaunchRequest request = {};
      std::string error = "not run";
    } launch{*device, *module};
    launch.request.kernel = "k";
    launch.request.block = {32, 1, 1};
    launch.request.params = Params().U64(*buffer).U32(1'000'000).bytes();
    pthread_attr_t attributes;
    ASSERT_EQ(pthread_attr_init(&attributes), 0);
    ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
    pthread_t thread{};
    const auto run = [](void* at) -> void* {
      auto& mine = *static_cast<Launch*>(at);
      const Result<LaunchStats> stats = mine.device.Launch(mine.module, mine.request, {});
      mine.error = stats ? "" : stats.error().message;
      return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, run, &launch), 0);
    ASSERT_EQ(pthread_join(thread, nullptr), 0);
    pthread_attr_destroy(&attributes);
    EXPECT_EQ(launch.error, "") << SimdLevelName(level);
    Bytes out(128);
    ASSERT_TRUE(device->Read(*buffer, out));
    EXPECT_EQ(FromBuffer<uint32_t>(out), std::vector<uint32_t>(32, 1'000'000));
  }
}

}  // namespace
}  // namespace souk::gpu::cpu_test
