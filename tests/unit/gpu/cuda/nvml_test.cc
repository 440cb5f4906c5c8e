#include "gpu/cuda/nvml.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "gpu/cuda/gpu_list.h"
#include "unit/gpu/cuda/standin_nvml.h"

namespace souk::gpu::cuda {
namespace {

const char* const kStandinNvml = SOUK_STANDIN_NVML;

standin::NvmlState& State() {
  static void* const handle = dlopen(kStandinNvml, RTLD_NOW | RTLD_LOCAL);
  static auto* const state =
      reinterpret_cast<standin::NvmlState* (*)()>(dlsym(handle, "StandinNvmlState"));
  return *state();
}

class NvmlTest : public testing::Test {
 protected:
  void SetUp() override { State() = standin::NvmlState(); }
  static std::vector<GpuRecord> Read() {
    const Result<Nvml> nvml = LoadNvml(kStandinNvml);
    EXPECT_TRUE(nvml);
    Result<std::vector<GpuRecord>> gpus = ReadInventory(*nvml);
    EXPECT_TRUE(gpus) << (gpus ? "" : gpus.error().message);
    return gpus ? *gpus : std::vector<GpuRecord>();
  }
  // The one GPU's verdict, and a part of what it says.
  static void ExpectVerdict(Fitness fitness, const std::string& says) {
    const std::vector<GpuRecord> gpus = Read();
    ASSERT_EQ(gpus.size(), 1u);
    EXPECT_EQ(gpus[0].verdict.fitness, fitness) << says;
    ASSERT_EQ(gpus[0].verdict.reasons.size(), says.empty() ? 0u : 1u) << says;
    if (says.empty()) return;
    EXPECT_NE(gpus[0].verdict.reasons[0].find(says), std::string::npos)
        << gpus[0].verdict.reasons[0];
  }
  static standin::NvmlGpu& Gpu() { return State().gpus[0]; }
};

TEST_F(NvmlTest, TellsWhatThereIsAndHowItIs) {
  const std::vector<GpuRecord> gpus = Read();
  ASSERT_EQ(gpus.size(), 1u);
  const GpuRecord& gpu = gpus[0];
  EXPECT_EQ(gpu.name, "Stand-in A");
  EXPECT_EQ(gpu.uuid, "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f");
  EXPECT_EQ(gpu.pci, "00000000:3B:00.0");
  EXPECT_EQ(gpu.driver, "580.65.06");
  EXPECT_EQ(gpu.memory_bytes, 1u << 30);
  EXPECT_FALSE(gpu.mig);
  EXPECT_EQ(gpu.health.celsius, 40u);
  EXPECT_EQ(gpu.health.slowdown_celsius, 87u);
  EXPECT_EQ(gpu.health.shutdown_celsius, 92u);
  EXPECT_EQ(gpu.health.sm_mhz, 1200u);
  EXPECT_EQ(gpu.health.most_sm_mhz, 1980u);
  EXPECT_EQ(gpu.health.memory_mhz, 2619u);
  EXPECT_EQ(gpu.health.milliwatts, 70'000u);
  EXPECT_EQ(gpu.health.most_milliwatts, 700'000u);
  EXPECT_EQ(gpu.health.ecc_on, true);
  EXPECT_EQ(gpu.verdict.fitness, Fitness::kFit);
  EXPECT_TRUE(gpu.verdict.reasons.empty());
}

TEST_F(NvmlTest, UncorrectableMemoryErrorsMakeADeviceUnfitUntilItIsReset) {
  Gpu().uncorrected[0] = Gpu().uncorrected[1] = 2;
  ExpectVerdict(Fitness::kNotFit, "2 memory errors that ECC could not correct");
  Gpu().uncorrected[0] = 0;  // was reset
  ExpectVerdict(Fitness::kFit, "");
}

TEST_F(NvmlTest, RemappedRowsCountWhereTheyWaitOrFail) {
  Gpu().remapped = 3;
  ExpectVerdict(Fitness::kFit, "");
  Gpu().remap_pending = 1;
  ExpectVerdict(Fitness::kDegraded, "waits for a reset to be remapped");
  Gpu().remap_pending = 0;
  Gpu().remap_failed = 1;
  ExpectVerdict(Fitness::kNotFit, "have the device replaced");
}

TEST_F(NvmlTest, RetiredPagesThatWaitAndEccThatIsOffDegrade) {
  Gpu().retirement_pending = 1;
  ExpectVerdict(Fitness::kDegraded, "to be retired");
  Gpu().retirement_pending = 0;
  Gpu().ecc = 0;
  ExpectVerdict(Fitness::kDegraded, "ECC is off");
}

TEST_F(NvmlTest, HeatDegradesAndThenEnds) {
  Gpu().celsius = 86;
  ExpectVerdict(Fitness::kFit, "");
  Gpu().celsius = 87;
  ExpectVerdict(Fitness::kDegraded, "slows down at 87 °C");
  Gpu().celsius = 92;
  ExpectVerdict(Fitness::kNotFit, "about to shut down at 92 °C");
  Gpu().celsius = 70;
  Gpu().throttle = 0x40;
  ExpectVerdict(Fitness::kDegraded, "slows down at 70 °C");
}

TEST_F(NvmlTest, KnowsWhichThrottlingIsNormal) {
  Gpu().throttle = 0x4;  // at its power cap, as a busy device is
  ExpectVerdict(Fitness::kFit, "");
  Gpu().throttle = 0x80;
  ExpectVerdict(Fitness::kDegraded, "power supply");
}

TEST_F(NvmlTest, ALostDeviceStandsInTheListAndIsNotFit) {
  State().gpus.push_back(standin::NvmlGpu());
  State().gpus[1].uuid = "GPU-other";
  Gpu().lost = 15;
  std::vector<GpuRecord> gpus = Read();
  ASSERT_EQ(gpus.size(), 2u);
  EXPECT_EQ(gpus[0].name, "GPU 0");
  EXPECT_EQ(gpus[0].verdict.fitness, Fitness::kNotFit);
  EXPECT_NE(gpus[0].verdict.reasons[0].find("fallen off the bus (Xid 79"), std::string::npos);
  EXPECT_EQ(gpus[1].verdict.fitness, Fitness::kFit);
  Gpu().lost = 0;
  Gpu().lost_later = 16;
  gpus = Read();
  EXPECT_EQ(gpus[0].name, "Stand-in A");
  EXPECT_NE(gpus[0].verdict.reasons[0].find("must be reset"), std::string::npos);
  Gpu().lost = 999;
  ASSERT_EQ(Read()[0].verdict.fitness, Fitness::kNotFit);
}

TEST_F(NvmlTest, MigInstancesAreTheSlices) {
  Gpu().mig = 1;
  ExpectVerdict(Fitness::kNotFit, "MIG is on, but it has no instances");
  Gpu().instances = {"MIG-a", "", "MIG-b"};
  const std::vector<GpuRecord> gpus = Read();
  EXPECT_TRUE(gpus[0].mig);
  ASSERT_EQ(gpus[0].instances.size(), 2u);
  EXPECT_EQ(gpus[0].instances[1].uuid, "MIG-b");
  EXPECT_EQ(gpus[0].instances[1].name, "Stand-in A MIG 1g.5gb");
  EXPECT_EQ(gpus[0].verdict.fitness, Fitness::kFit);
}

TEST_F(NvmlTest, AnInstanceIsAsFitAsItsDevice) {
  Gpu().mig = 1;
  Gpu().instances = {"MIG-a"};
  Gpu().uncorrected[0] = 1;
  const std::vector<GpuRecord> gpus = Read();
  EXPECT_EQ(VerdictOn(gpus, "MIG-a").fitness, Fitness::kNotFit);
  EXPECT_EQ(VerdictOn(gpus, gpus[0].uuid).fitness, Fitness::kNotFit);
  EXPECT_EQ(VerdictOn(gpus, "GPU-unknown").fitness, Fitness::kFit);
}

TEST_F(NvmlTest, AListTravelsAsLines) {
  Gpu().mig = 1;
  Gpu().instances = {"MIG-a", "MIG-b"};
  State().gpus.push_back(standin::NvmlGpu());
  State().gpus[1].celsius = 90;
  const std::vector<ListedGpu> listed = ListedGpus(Read());
  ASSERT_EQ(listed.size(), 3u);
  EXPECT_EQ(ToLine(listed[1]), "cuda:MIG-b\tfit");
  EXPECT_EQ(ToLine(listed[2]),
            "cuda:GPU-00010203-0405-0607-0809-0a0b0c0d0e0f\tdegraded\tit slows "
            "down at 90 °C: cool it");
  for (const ListedGpu& one : listed) {
    const Result<ListedGpu> back = ParseLine(ToLine(one));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->name, one.name);
    EXPECT_EQ(back->verdict.fitness, one.verdict.fitness);
    EXPECT_EQ(back->verdict.reasons, one.verdict.reasons);
  }
  for (const std::string& line :
       {std::string(), std::string("cuda:0"), std::string("cpu\tfit"), std::string("cuda:0\tgood"),
        "cuda:0\tfit\t" + std::string(5000, 'x')}) {
    EXPECT_FALSE(ParseLine(line)) << line.substr(0, 20);
  }
}

TEST_F(NvmlTest, WhatADeviceDoesNotTellIsNotHeldAgainstIt) {
  for (const char* function :
       {"nvmlDeviceGetEccMode", "nvmlDeviceGetTotalEccErrors", "nvmlDeviceGetRemappedRows",
        "nvmlDeviceGetRetiredPagesPendingStatus", "nvmlDeviceGetTemperature",
        "nvmlDeviceGetTemperatureThreshold", "nvmlDeviceGetCurrentClocksThrottleReasons",
        "nvmlDeviceGetClockInfo", "nvmlDeviceGetMaxClockInfo", "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetMigMode"}) {
    State().fail[function] = 3;  // not supported
  }
  Gpu().uncorrected[0] = 5;
  Gpu().ecc = 0;
  ExpectVerdict(Fitness::kFit, "");
  EXPECT_FALSE(Read()[0].health.celsius);
  // A driver that lacks the functions altogether.
  Result<Nvml> nvml = LoadNvml(kStandinNvml);
#define X(name, signature) nvml->name = nullptr;
  SOUK_NVML_OPTIONAL_FUNCTIONS(X)
#undef X
  const auto gpus = ReadInventory(*nvml);
  ASSERT_TRUE(gpus);
  EXPECT_EQ((*gpus)[0].verdict.fitness, Fitness::kFit);
}

TEST_F(NvmlTest, BelievesNoNonsense) {
  const Result<Nvml> nvml = LoadNvml(kStandinNvml);
  State().count = 1'000'000;
  EXPECT_EQ(ReadInventory(*nvml).error().code, Code::kUnavailable);
  State().count = ~0u;
  Gpu().celsius = 4'000'000'000;
  Gpu().sm_mhz = 4'000'000'000;
  Gpu().milliwatts = 4'000'000'000;
  Gpu().memory = ~0ull;
  Gpu().name = std::string(500, 'x') + "\n";
  Gpu().mig = 1;
  Gpu().most_instances = 4'000'000'000;
  Gpu().instances = {"MIG-a"};
  const GpuRecord gpu = Read()[0];
  EXPECT_FALSE(gpu.health.celsius || gpu.health.sm_mhz || gpu.health.milliwatts);
  EXPECT_EQ(gpu.memory_bytes, 0u);
  EXPECT_EQ(gpu.name, std::string(96, 'x'));
  EXPECT_TRUE(gpu.instances.empty());
  Gpu().name = "a\nb";
  EXPECT_EQ(Read()[0].name, "a?b");
}

TEST_F(NvmlTest, TellsNoLibraryFromOneThatFails) {
  EXPECT_EQ(LoadNvml("libsouk-no-such-nvml.so.1").error().code, Code::kNotFound);
  EXPECT_NE(LoadNvml("libm.so.6").error().message.find("lacks nvml"), std::string::npos);
  State().fail["nvmlInit_v2"] = 9;
  EXPECT_EQ(LoadNvml(kStandinNvml).error().code, Code::kNotFound);
  State().fail["nvmlInit_v2"] = 18;
  const Result<Nvml> mismatch = LoadNvml(kStandinNvml);
  EXPECT_EQ(mismatch.error().code, Code::kUnavailable);
  EXPECT_NE(mismatch.error().message.find("different drivers"), std::string::npos);
}

}  // namespace
}  // namespace souk::gpu::cuda
