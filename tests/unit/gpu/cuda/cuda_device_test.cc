#include "gpu/cuda/cuda_device.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "gpu/ptx/module.h"
#include "unit/gpu/cuda/standin.h"

namespace souk::gpu {
namespace {

using cuda::Driver;

const char* const kStandin = SOUK_STANDIN_LIBRARY;

standin::State& State() {
  static void* const handle = dlopen(kStandin, RTLD_NOW | RTLD_LOCAL);
  static auto* const state = reinterpret_cast<standin::State* (*)()>(dlsym(handle, "StandinState"));
  return *state();
}

// store writes 42 to *a; copy moves b bytes from *a to *c; fault reads from nowhere.
ptx::Module Kernels() {
  const Result<ptx::Module> parsed = ptx::Parse(R"(
.version 6.3
.target sm_75
.address_size 64
.visible .global .align 4 .b8 secret[16];
.visible .entry store(.param .u64 a, .param .u32 b) {
  .reg .b64 %d<2>; .reg .b32 %r<2>;
  ld.param.u64 %d0, [a]; mov.u32 %r0, 42; st.global.u32 [%d0], %r0; ret;
}
.visible .entry copy(.param .u64 a, .param .u64 c, .param .u32 b) {
  .reg .b64 %d<6>; .reg .b32 %r<6>; .reg .b16 %h<2>; .reg .pred %p<2>;
  ld.param.u64 %d0, [a]; ld.param.u64 %d1, [c]; ld.param.u32 %r0, [b];
  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x;
  mad.lo.s32 %r4, %r1, %r2, %r3;
  setp.ge.u32 %p0, %r4, %r0; @%p0 ret;
  cvt.u64.u32 %d2, %r4; add.s64 %d3, %d0, %d2; add.s64 %d4, %d1, %d2;
  ld.global.u8 %h0, [%d3]; st.global.u8 [%d4], %h0; ret;
}
.visible .entry fault(.param .u64 a) {
  .reg .b64 %d<2>; .reg .b32 %r<2>;
  mov.u64 %d0, 0x7f0000000000; ld.global.u32 %r0, [%d0]; ret;
}
.visible .entry endless() { ret; }
)");
  EXPECT_TRUE(parsed) << parsed.error().message;
  return *ptx::Canonicalize(*parsed);
}

class CudaDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    State() = standin::State();
    State().memory_bytes = 1 << 20;
    Result<Driver> driver = cuda::LoadDriver(kStandin);
    ASSERT_TRUE(driver) << driver.error().message;
    driver_ = *driver;
  }
  std::unique_ptr<Device> Open() {
    Result<std::unique_ptr<Device>> device = MakeCudaDevice(driver_, 0);
    EXPECT_TRUE(device);
    return std::move(*device);
  }
  static LaunchRequest Store(DeviceAddress address) {
    LaunchRequest request{.kernel = "store", .grid = {2, 3, 4}, .block = {32, 2, 1}};
    PutLe(request.params, address);
    PutLe(request.params, uint32_t{7});
    return request;
  }
  Driver driver_;
};

TEST(CudaDriver, IsNotFoundWhereThereIsNoLibrary) {
  const Result<Driver> driver = cuda::LoadDriver("libsouk-no-such-driver.so.1");
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().code, Code::kNotFound);
}

TEST(CudaDriver, NamesTheFunctionThatALibraryLacks) {
  const Result<Driver> driver = cuda::LoadDriver("libm.so.6");
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().code, Code::kUnavailable);
  EXPECT_NE(driver.error().message.find("lacks cu"), std::string::npos);
}

TEST(CudaDriver, TellsNoDeviceFromAFailingDriver) {
  State() = standin::State();
  State().fail["cuInit"] = 100;
  EXPECT_EQ(cuda::LoadDriver(kStandin).error().code, Code::kNotFound);
  State().fail["cuInit"] = 34;
  EXPECT_EQ(cuda::LoadDriver(kStandin).error().code, Code::kNotFound);
  State().fail["cuInit"] = 803;
  EXPECT_EQ(cuda::LoadDriver(kStandin).error().code, Code::kUnavailable);
}

TEST(CudaDriver, KnowsWhichPtxItsVersionTakes) {
  EXPECT_EQ(cuda::NewestPtx(13000), 90u);
  EXPECT_EQ(cuda::NewestPtx(12060), 85u);
  EXPECT_EQ(cuda::NewestPtx(12040), 84u);
  EXPECT_EQ(cuda::NewestPtx(11080), 78u);
  EXPECT_EQ(cuda::NewestPtx(20000), 91u);
}

TEST_F(CudaDeviceTest, DescribesEveryDevice) {
  const Result<std::vector<DeviceInfo>> devices = ListCudaDevices(driver_);
  ASSERT_TRUE(devices);
  ASSERT_EQ(devices->size(), 2u);
  const DeviceInfo& info = (*devices)[1];
  EXPECT_EQ(info.kind, "cuda");
  EXPECT_EQ(info.name, "Stand-in B");
  EXPECT_EQ(info.uuid, "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f");
  EXPECT_EQ(info.architecture, 90u);
  EXPECT_EQ(info.newest_ptx, 90u);
  EXPECT_EQ(info.memory_bytes, 1u << 20);
  EXPECT_EQ(info.multiprocessors, 132u);
  EXPECT_FALSE(info.driver.empty());
}

TEST_F(CudaDeviceTest, RefusesADeviceThatIsNotThere) {
  EXPECT_EQ(MakeCudaDevice(driver_, 2).error().code, Code::kNotFound);
  State().fail["cuCtxCreate_v2"] = 2;
  EXPECT_EQ(MakeCudaDevice(driver_, 0).error().code, Code::kExhausted);
  EXPECT_EQ(State().contexts, 0);
}

TEST_F(CudaDeviceTest, ClearsMemoryBeforeAndAfter) {
  const std::unique_ptr<Device> device = Open();
  const Result<DeviceAddress> address = device->Allocate(100);
  ASSERT_TRUE(address);
  Bytes read(100, 1);
  ASSERT_TRUE(device->Read(*address, read));
  EXPECT_EQ(read, Bytes(100));  // the driver gave 0xaa
  ASSERT_TRUE(device->Write(*address, Bytes(100, 5)));
  ASSERT_TRUE(device->Free(*address));
  EXPECT_EQ(State().calls["cuMemFree_v2"], 1);
  EXPECT_EQ(State().dirty_frees, 0);
}

TEST_F(CudaDeviceTest, ClearsAndGivesBackEverythingWhenItGoes) {
  {
    const std::unique_ptr<Device> device = Open();
    ASSERT_TRUE(device->Load(Kernels()));
    ASSERT_TRUE(device->Write(*device->Allocate(64), Bytes(64, 5)));
    ASSERT_TRUE(device->Write(*device->Allocate(32), Bytes(32, 6)));
  }
  EXPECT_TRUE(State().memory.empty());
  EXPECT_EQ(State().dirty_frees, 0);
  EXPECT_EQ(State().module_global, std::vector<uint8_t>(16));
  EXPECT_EQ(State().modules, 0);
  EXPECT_EQ(State().streams, 0);
  EXPECT_EQ(State().events, 0);
  EXPECT_EQ(State().pinned, 0);
  EXPECT_EQ(State().contexts, 0);
}

TEST_F(CudaDeviceTest, HandsOutNoMemoryThatItCouldNotClear) {
  const std::unique_ptr<Device> device = Open();
  State().fail["cuMemsetD8Async"] = 1;
  EXPECT_FALSE(device->Allocate(64));
  EXPECT_TRUE(State().memory.empty());
}

TEST_F(CudaDeviceTest, RefusesMoreMemoryThanTheDeviceHasWithoutAskingTheDriver) {
  const std::unique_ptr<Device> device = Open();
  ASSERT_TRUE(device->Allocate(1 << 19));
  const int calls = State().calls["cuMemAlloc_v2"];
  EXPECT_EQ(device->Allocate((1 << 19) + 1).error().code, Code::kExhausted);
  EXPECT_EQ(device->Allocate(UINT64_MAX).error().code, Code::kExhausted);
  EXPECT_EQ(device->Allocate(0).error().code, Code::kInvalidArgument);
  EXPECT_EQ(State().calls["cuMemAlloc_v2"], calls);
  State().fail["cuMemAlloc_v2"] = 2;
  const Result<DeviceAddress> refused = device->Allocate(16);
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_NE(refused.error().message.find("out of memory (CUDA_ERROR_OUT_OF_MEMORY)"),
            std::string::npos);
  EXPECT_TRUE(device->Allocate(16));  // running out of memory breaks nothing
}

TEST_F(CudaDeviceTest, CopiesOnlyWithinOneAllocation) {
  const std::unique_ptr<Device> device = Open();
  const DeviceAddress a = *device->Allocate(100);
  Bytes bytes(50);
  EXPECT_TRUE(device->Write(a + 50, bytes));
  EXPECT_TRUE(device->Read(a + 100, std::span<uint8_t>()));
  EXPECT_FALSE(device->Write(a + 51, bytes));
  EXPECT_FALSE(device->Read(a + 51, bytes));
  EXPECT_FALSE(device->Read(a - 1, bytes));
  EXPECT_FALSE(device->Read(0, bytes));
  EXPECT_FALSE(device->Read(UINT64_MAX, bytes));
  EXPECT_FALSE(device->Free(a + 1));
}

TEST_F(CudaDeviceTest, LoadsCanonicalTextAndLaunchesWithTheParametersAsOneBlock) {
  const std::unique_ptr<Device> device = Open();
  const ptx::Module kernels = Kernels();
  const Result<ModuleHandle> module = device->Load(kernels);
  ASSERT_TRUE(module) << module.error().message;
  EXPECT_EQ(State().image, ptx::Write(kernels));
  const DeviceAddress address = *device->Allocate(8);
  const LaunchRequest request = Store(address + 4);
  ASSERT_TRUE(device->Launch(*module, request, {}));
  Bytes read(8);
  ASSERT_TRUE(device->Read(address, read));
  EXPECT_EQ(read, (Bytes{0, 0, 0, 0, 42, 0, 0, 0}));
  const standin::Launch& launch = State().launches.at(0);
  EXPECT_EQ(launch.params, request.params);
  EXPECT_EQ(launch.grid[2], 4u);
  EXPECT_EQ(launch.block[1], 2u);
}

TEST_F(CudaDeviceTest, RefusesLaunchesThatDoNotFitTheirKernel) {
  const std::unique_ptr<Device> device = Open();
  const ModuleHandle module = *device->Load(Kernels());
  EXPECT_EQ(device->Launch(module + 1, Store(0), {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(device->Launch(module, {.kernel = "none"}, {}).error().code, Code::kNotFound);
  LaunchRequest request = Store(0);
  request.params.pop_back();
  EXPECT_EQ(device->Launch(module, request, {}).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(State().launches.empty());
}

TEST_F(CudaDeviceTest, AsksForSharedMemoryBeyondTheDefault) {
  const std::unique_ptr<Device> device = Open();
  const ModuleHandle module = *device->Load(Kernels());
  LaunchRequest request = Store(*device->Allocate(8));
  request.dynamic_shared_bytes = 48 * 1024;
  ASSERT_TRUE(device->Launch(module, request, {}));
  EXPECT_EQ(State().max_shared, 0);
  request.dynamic_shared_bytes = 100 * 1024;
  ASSERT_TRUE(device->Launch(module, request, {}));
  EXPECT_EQ(State().max_shared, 100 * 1024);
  EXPECT_EQ(State().launches.back().shared, 100u * 1024);
}

TEST_F(CudaDeviceTest, LaunchesCooperativeGridsAsSuch) {
  const std::unique_ptr<Device> device = Open();
  const ModuleHandle module = *device->Load(Kernels());
  const DeviceAddress address = *device->Allocate(8);
  LaunchRequest request = Store(address);
  request.cooperative = true;
  ASSERT_TRUE(device->Launch(module, request, {}));
  EXPECT_TRUE(State().launches.at(0).cooperative);
  EXPECT_EQ(State().launches.at(0).params, request.params);
  Bytes read(4);
  ASSERT_TRUE(device->Read(address, read));
  EXPECT_EQ(read, (Bytes{42, 0, 0, 0}));
  State().fail["cuLaunchCooperativeKernel"] = 720;
  EXPECT_EQ(device->Launch(module, request, {}).error().code, Code::kTooLarge);
  // Some blocks of a grid are for the reference alone.
  request.cooperative = false;
  request.only = {0};
  EXPECT_EQ(device->Launch(module, request, {}).error().code, Code::kUnsupported);
}

TEST_F(CudaDeviceTest, PutsTheCompilersLogIntoTheError) {
  const std::unique_ptr<Device> device = Open();
  State().fail["cuModuleLoadDataEx"] = 218;
  const Result<ModuleHandle> module = device->Load(Kernels());
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().code, Code::kMalformed);
  EXPECT_NE(module.error().message.find("\nptxas fatal : line 7: no such thing"),
            std::string::npos);
  State().fail["cuModuleLoadDataEx"] = 222;
  EXPECT_EQ(device->Load(Kernels()).error().code, Code::kUnsupported);
  EXPECT_TRUE(device->Load(Kernels()));
}

TEST_F(CudaDeviceTest, IsBrokenForGoodAfterAFault) {
  {
    const std::unique_ptr<Device> device = Open();
    const ModuleHandle module = *device->Load(Kernels());
    const DeviceAddress address = *device->Allocate(8);
    LaunchRequest request{.kernel = "fault"};
    PutLe(request.params, address);
    const Result<LaunchStats> faulted = device->Launch(module, request, {});
    ASSERT_FALSE(faulted);
    EXPECT_EQ(faulted.error().code, Code::kFault);
    EXPECT_NE(faulted.error().message.find("kernel \"fault\": an illegal memory access"),
              std::string::npos);
    Bytes bytes(8);
    EXPECT_EQ(device->Read(address, bytes).error().code, Code::kWrongState);
    EXPECT_EQ(device->Write(address, bytes).error().code, Code::kWrongState);
    EXPECT_EQ(device->Allocate(8).error().code, Code::kWrongState);
    EXPECT_EQ(device->Free(address).error().code, Code::kWrongState);
    EXPECT_EQ(device->Load(Kernels()).error().code, Code::kWrongState);
    EXPECT_EQ(device->Launch(module, Store(address), {}).error().code, Code::kWrongState);
    EXPECT_EQ(State().launches.size(), 1u);
  }
  EXPECT_EQ(State().contexts, 0);
}

TEST_F(CudaDeviceTest, StopsWaitingForAKernelThatOutlivesItsTime) {
  {
    const std::unique_ptr<Device> device = Open();
    const ModuleHandle module = *device->Load(Kernels());
    const Result<LaunchStats> endless =
        device->Launch(module, {.kernel = "endless"}, {.milliseconds = 5});
    ASSERT_FALSE(endless);
    EXPECT_EQ(endless.error().code, Code::kExhausted);
    EXPECT_EQ(device->Allocate(8).error().code, Code::kWrongState);
  }
  EXPECT_EQ(State().contexts, 1);  // destroying it would wait for the kernel
}

LaunchRequest Copy(DeviceAddress from, DeviceAddress to, uint32_t bytes) {
  LaunchRequest request{
      .kernel = "copy", .grid = {(bytes + 255) / 256, 1, 1}, .block = {256, 1, 1}};
  PutLe(request.params, from);
  PutLe(request.params, to);
  PutLe(request.params, bytes);
  return request;
}
Bytes Pattern(size_t size, uint8_t seed) {
  Bytes bytes(size);
  uint32_t x = seed;
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>((x = x * 1664525 + 1013904223) >> 24);
  return bytes;
}

TEST_F(CudaDeviceTest, AKernelSeesWhatWasWrittenBeforeIt) {
  const std::unique_ptr<Device> device = Open();
  const ModuleHandle module = *device->Load(Kernels());
  const DeviceAddress from = *device->Allocate(1000);
  const DeviceAddress to = *device->Allocate(1000);
  for (const uint8_t seed : {uint8_t{1}, uint8_t{2}}) {
    const Bytes written = Pattern(1000, seed);
    ASSERT_TRUE(device->Write(from, written));
    ASSERT_TRUE(device->Launch(module, Copy(from, to, 1000), {}));
    Bytes read(1000);
    ASSERT_TRUE(device->Read(to, read));
    EXPECT_EQ(read, written);
  }
}

TEST_F(CudaDeviceTest, TakesWhatIsWrittenBeforeItReturns) {
  State().memory_bytes = 64 << 20;
  const std::unique_ptr<Device> device = Open();
  Bytes written = Pattern(19'000'001, 3);
  const DeviceAddress address = *device->Allocate(written.size());
  const Bytes kept = written;
  ASSERT_TRUE(device->Write(address, written));
  std::fill(written.begin(), written.end(), uint8_t{0});
  Bytes read(kept.size());
  ASSERT_TRUE(device->Read(address, read));
  EXPECT_TRUE(read == kept);
}

TEST_F(CudaDeviceTest, CopiesBesideAKernelThatRuns) {
  State().memory_bytes = 64 << 20;
  const std::unique_ptr<Device> device = Open();
  const ModuleHandle module = *device->Load(Kernels());
  const DeviceAddress from = *device->Allocate(1000);
  const DeviceAddress to = *device->Allocate(1000);
  const Bytes large = Pattern(12 << 20, 5);
  const DeviceAddress other = *device->Allocate(large.size());
  ASSERT_TRUE(device->Write(from, Pattern(1000, 4)));
  ASSERT_TRUE(device->StartLaunch(module, Copy(from, to, 1000), {}));
  ASSERT_TRUE(device->Write(other, large));
  Bytes read(large.size());
  ASSERT_TRUE(device->Read(other, read));
  EXPECT_TRUE(read == large);
  EXPECT_GT(State().copies_beside_kernels, 2);
  ASSERT_TRUE(device->FinishLaunch());
  read.resize(1000);
  ASSERT_TRUE(device->Read(to, read));
  EXPECT_EQ(read, Pattern(1000, 4));
}

TEST_F(CudaDeviceTest, DoesNothingButCopyWhileAKernelRuns) {
  const std::unique_ptr<Device> device = Open();
  const ModuleHandle module = *device->Load(Kernels());
  const DeviceAddress address = *device->Allocate(8);
  EXPECT_EQ(device->FinishLaunch().error().code, Code::kWrongState);
  ASSERT_TRUE(device->StartLaunch(module, Store(address), {}));
  EXPECT_EQ(device->StartLaunch(module, Store(address), {}).error().code, Code::kWrongState);
  EXPECT_EQ(device->Launch(module, Store(address), {}).error().code, Code::kWrongState);
  EXPECT_EQ(device->Allocate(8).error().code, Code::kWrongState);
  EXPECT_EQ(device->Free(address).error().code, Code::kWrongState);
  EXPECT_EQ(device->Load(Kernels()).error().code, Code::kWrongState);
  EXPECT_TRUE(device->FinishLaunch());
  EXPECT_TRUE(device->Free(address));
  EXPECT_EQ(State().launches.size(), 1u);
}

TEST_F(CudaDeviceTest, WaitsForAKernelUnderWayBeforeItGoes) {
  {
    const std::unique_ptr<Device> device = Open();
    const ModuleHandle module = *device->Load(Kernels());
    ASSERT_TRUE(device->StartLaunch(module, Store(*device->Allocate(8)), {}));
  }
  EXPECT_EQ(State().dirty_frees, 0);
  EXPECT_EQ(State().contexts, 0);
}

TEST_F(CudaDeviceTest, ReadsInPiecesInOrderUntilTheReaderHasEnough) {
  State().memory_bytes = 64 << 20;
  const std::unique_ptr<Device> device = Open();
  const Bytes written = Pattern(11'000'000, 6);
  const DeviceAddress address = *device->Allocate(written.size());
  ASSERT_TRUE(device->Write(address, written));
  Bytes all;
  size_t pieces = 0;
  ASSERT_TRUE(device->ReadInPieces(address, written.size(), [&](ByteView piece) {
    ++pieces;
    Append(all, piece);
    return Ok();
  }));
  EXPECT_TRUE(all == written);
  EXPECT_GT(pieces, 2u);
  pieces = 0;
  const Status stopped = device->ReadInPieces(address, written.size(), [&](ByteView) -> Status {
    ++pieces;
    return Error(Code::kMismatch, "seen enough");
  });
  EXPECT_EQ(stopped.error().code, Code::kMismatch);
  EXPECT_EQ(pieces, 1u);
  EXPECT_FALSE(device->ReadInPieces(address, written.size() + 1, [](ByteView) { return Ok(); }));
  all.resize(written.size());
  ASSERT_TRUE(device->Read(address, all));  // nothing is left under way that would spoil this
  EXPECT_TRUE(all == written);
}

TEST_F(CudaDeviceTest, SeveralDevicesWorkByTurns) {
  const std::unique_ptr<Device> a = Open();
  Result<std::unique_ptr<Device>> second = MakeCudaDevice(driver_, 1);
  ASSERT_TRUE(second);
  const std::unique_ptr<Device> b = std::move(*second);
  Device* const devices[] = {a.get(), b.get()};
  ModuleHandle module[2] = {};
  DeviceAddress from[2] = {};
  DeviceAddress to[2] = {};
  for (int i = 0; i < 2; ++i) module[i] = *devices[i]->Load(Kernels());
  for (int i = 0; i < 2; ++i) from[i] = *devices[i]->Allocate(500);
  for (int i = 0; i < 2; ++i) to[i] = *devices[i]->Allocate(500);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(devices[i]->Write(from[i], Pattern(500, static_cast<uint8_t>(7 + i))));
  }
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(devices[i]->StartLaunch(module[i], Copy(from[i], to[i], 500), {}));
  }
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(devices[i]->FinishLaunch());
  for (int i = 0; i < 2; ++i) {
    Bytes read(500);
    ASSERT_TRUE(devices[i]->Read(to[i], read));
    EXPECT_EQ(read, Pattern(500, static_cast<uint8_t>(7 + i)));
  }
  // One that breaks leaves the other whole.
  LaunchRequest fault{.kernel = "fault"};
  PutLe(fault.params, uint64_t{0});
  EXPECT_EQ(a->Launch(module[0], fault, {}).error().code, Code::kFault);
  EXPECT_EQ(a->Allocate(8).error().code, Code::kWrongState);
  EXPECT_TRUE(b->Launch(module[1], Store(to[1]), {}));
}

TEST_F(CudaDeviceTest, SaysWhoFailedWhenALaunchDoesAndWhatToDo) {
  const struct {
    int result;
    Code code;
    const char* says;
  } table[] = {{214, Code::kUnavailable, "take it out of rent, reset it"},
               {220, Code::kUnavailable, "Xid 74"},
               {226, Code::kUnavailable, "Xid 94"},
               {46, Code::kUnavailable, "another process has the device to itself"},
               {802, Code::kUnavailable, "systemctl start nvidia-fabricmanager"},
               {999, Code::kUnavailable, "fallen off the bus (Xid 79"},
               {31337, Code::kUnavailable, "unknown error (31337)"},
               {715, Code::kFault, "(715)"},
               {719, Code::kFault, "unspecified launch failure (CUDA_ERROR_LAUNCH_FAILED)"},
               {702, Code::kExhausted, "(702)"}};
  for (const auto& row : table) {
    {
      const std::unique_ptr<Device> device = Open();
      const ModuleHandle module = *device->Load(Kernels());
      const DeviceAddress address = *device->Allocate(8);
      State().fault["store"] = row.result;
      const Result<LaunchStats> failed = device->Launch(module, Store(address), {});
      ASSERT_FALSE(failed) << row.result;
      EXPECT_EQ(failed.error().code, row.code) << row.result;
      EXPECT_NE(failed.error().message.find("kernel \"store\": "), std::string::npos);
      EXPECT_NE(failed.error().message.find(row.says), std::string::npos) << failed.error().message;
      const Status later = device->Write(address, Bytes(8));
      EXPECT_EQ(later.error().code, Code::kWrongState) << row.result;
      EXPECT_NE(later.error().message.find(row.says), std::string::npos) << later.error().message;
    }
    EXPECT_EQ(State().contexts, 0) << row.result;
  }
}

TEST_F(CudaDeviceTest, ADeviceThatFailsInACopyIsBroken) {
  const std::unique_ptr<Device> device = Open();
  const DeviceAddress address = *device->Allocate(8);
  State().fail["cuMemcpyHtoDAsync_v2"] = 214;
  EXPECT_EQ(device->Write(address, Bytes(8)).error().code, Code::kUnavailable);
  EXPECT_EQ(device->Free(address).error().code, Code::kWrongState);
}

TEST_F(CudaDeviceTest, ADeviceThatDoesNotAnswerIsBroken) {
  driver_.patience_ms = 5;
  {
    const std::unique_ptr<Device> device = Open();
    const DeviceAddress address = *device->Allocate(8);
    State().hung = true;
    Bytes bytes(8);
    const Status hung = device->Read(address, bytes);
    EXPECT_EQ(hung.error().code, Code::kUnavailable);
    EXPECT_NE(hung.error().message.find("does not answer"), std::string::npos);
    EXPECT_EQ(device->Read(address, bytes).error().code, Code::kWrongState);
  }
  EXPECT_EQ(State().contexts, 1);  // destroying it would wait for ever
}

TEST_F(CudaDeviceTest, ADeviceThatHangsWhileItIsClearedIsLeftAlone) {
  driver_.patience_ms = 5;
  {
    const std::unique_ptr<Device> device = Open();
    ASSERT_TRUE(device->Allocate(8));
    ASSERT_TRUE(device->Allocate(8));
    State().hung = true;
  }
  EXPECT_EQ(State().calls["cuMemFree_v2"], 0);
  EXPECT_EQ(State().contexts, 1);
}

TEST_F(CudaDeviceTest, GivesBackWhatItMadeWhereItCannotOpen) {
  for (const char* function : {"cuStreamCreate", "cuMemAllocHost_v2", "cuEventCreate"}) {
    State().fail[function] = 2;
    EXPECT_EQ(MakeCudaDevice(driver_, 0).error().code, Code::kExhausted) << function;
    EXPECT_EQ(State().contexts + State().streams + State().events + State().pinned, 0) << function;
  }
}

TEST_F(CudaDeviceTest, RefusesADriverThatMakesNoSense) {
  const auto refuses = [&](const auto& spoil, const char* says) {
    State() = standin::State();
    spoil(State());
    const Result<std::vector<DeviceInfo>> devices = ListCudaDevices(driver_);
    ASSERT_FALSE(devices) << says;
    EXPECT_EQ(devices.error().code, Code::kUnavailable) << says;
    EXPECT_NE(devices.error().message.find(says), std::string::npos) << devices.error().message;
    EXPECT_FALSE(MakeCudaDevice(driver_, 0)) << says;
  };
  refuses([](standin::State& s) { s.devices = -1; }, "speaks of -1 devices");
  refuses([](standin::State& s) { s.devices = 1 << 30; }, "speaks of 1073741824 devices");
  refuses([](standin::State& s) { s.compute_capability = 0; }, "compute capability 0.0");
  refuses([](standin::State& s) { s.compute_capability = 100'000; }, "compute capability 10000.0");
  refuses([](standin::State& s) { s.memory_bytes = 0; }, "0 bytes of memory");
  refuses([](standin::State& s) { s.memory_bytes = ~uint64_t{0}; }, "bytes of memory");
  for (const int version : {0, -5, 1'000'000}) {
    State() = standin::State();
    State().version = version;
    EXPECT_EQ(cuda::LoadDriver(kStandin).error().code, Code::kUnavailable) << version;
  }
}

TEST_F(CudaDeviceTest, ShowsNamesOfAnyBytesAsPlainText) {
  State().name = std::string(300, 'x') + "\n";
  EXPECT_EQ((*ListCudaDevices(driver_))[0].name, std::string(255, 'x'));
  State().name = "bell\a and \xff";
  EXPECT_EQ((*ListCudaDevices(driver_))[0].name, "bell? and ?");
}

TEST_F(CudaDeviceTest, UsesNoMemoryThatTheDriverGaveTwice) {
  const std::unique_ptr<Device> device = Open();
  ASSERT_TRUE(device->Allocate(64));
  State().same_address = true;
  EXPECT_EQ(device->Allocate(64).error().code, Code::kUnavailable);
  EXPECT_EQ(device->Allocate(64).error().code, Code::kWrongState);
}

TEST_F(CudaDeviceTest, OpensByUuidAndKnowsMigInstances) {
  EXPECT_EQ((*MakeCudaDevice(driver_, "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f"))->info().name,
            "Stand-in B");
  EXPECT_EQ(MakeCudaDevice(driver_, "GPU-00000000-1415-1617-1819-1a1b1c1d1e1f").error().code,
            Code::kNotFound);
  State().mig = true;
  const std::string instance = "MIG-80818283-8485-8687-8889-8a8b8c8d8e8f";
  EXPECT_EQ((*ListCudaDevices(driver_))[0].uuid, instance);
  EXPECT_TRUE(MakeCudaDevice(driver_, instance));
  // A driver from before CUDA 11.4 knows the GPU only.
  driver_.cuDeviceGetUuid_v2 = nullptr;
  EXPECT_EQ((*ListCudaDevices(driver_))[0].uuid, "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f");
}

TEST_F(CudaDeviceTest, MapsTheDriversResultsToCodes) {
  const std::pair<int, Code> table[] = {
      {1, Code::kInvalidArgument}, {2, Code::kExhausted},   {100, Code::kNotFound},
      {209, Code::kUnsupported},   {218, Code::kMalformed}, {222, Code::kUnsupported},
      {700, Code::kFault},         {701, Code::kExhausted}, {715, Code::kFault},
      {716, Code::kFault},         {719, Code::kFault},     {999, Code::kUnavailable},
      {123456, Code::kUnavailable}};
  for (const auto& row : table) {
    EXPECT_EQ(cuda::DriverError(driver_, row.first, "x").code, row.second) << row.first;
  }
  EXPECT_EQ(cuda::DriverError(driver_, 123456, "doing").message, "doing: unknown error (123456)");
  EXPECT_TRUE(cuda::IsSticky(700) && cuda::IsSticky(716) && cuda::IsSticky(719));
  EXPECT_TRUE(cuda::IsSticky(123456));  // it may mean anything
  EXPECT_FALSE(cuda::IsSticky(2) || cuda::IsSticky(1) || cuda::IsSticky(701));
  EXPECT_EQ(cuda::FailureOf(700), cuda::Failure::kKernel);
  EXPECT_EQ(cuda::FailureOf(214), cuda::Failure::kDevice);
  EXPECT_EQ(cuda::FailureOf(802), cuda::Failure::kSystem);
  EXPECT_EQ(cuda::FailureOf(2), cuda::Failure::kCall);
}

TEST(CudaDevice, RunsAKernelWhereThereIsAGpu) {
  Result<std::unique_ptr<Device>> device = MakeCudaDevice(0);
  if (!device) GTEST_SKIP() << device.error().message;
  const Result<ptx::Module> parsed = ptx::Parse(R"(
.version 6.3
.target sm_75
.address_size 64
.visible .entry count(.param .u64 out)
{
  .reg .b32 %r<6>; .reg .b64 %d<4>;
  ld.param.u64 %d1, [out];
  cvta.to.global.u64 %d1, %d1;
  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x;
  mad.lo.s32 %r4, %r1, %r2, %r3;
  mul.wide.u32 %d2, %r4, 4;
  add.s64 %d3, %d1, %d2;
  st.global.u32 [%d3], %r4;
  ret;
}
)");
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Result<ModuleHandle> module = (*device)->Load(*ptx::Canonicalize(*parsed));
  ASSERT_TRUE(module) << module.error().message;
  const DeviceAddress address = *(*device)->Allocate(4 * 96);
  LaunchRequest request{.kernel = "count", .grid = {3, 1, 1}, .block = {32, 1, 1}};
  PutLe(request.params, address);
  ASSERT_TRUE((*device)->Launch(*module, request, {}));
  Bytes read(4 * 96);
  ASSERT_TRUE((*device)->Read(address, read));
  for (uint32_t i = 0; i < 96; ++i) EXPECT_EQ(GetLe<uint32_t>(&read[i * 4]), i);
}

}  // namespace
}  // namespace souk::gpu
