// The sample workloads, run from their manifests on the CPU reference, against plain host loops.
#include <gtest/gtest.h>

#include <filesystem>

#include "gpu/cpu/checking.h"
#include "gpu/cpu/cpu_device.h"
#include "gpu/cpu/supported.h"
#include "gpu/cuda/open_device.h"
#include "gpu/ptx/classify.h"
#include "gpu/ptx/nvrtc.h"
#include "gpu/workload/manifest.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/png.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/file.h"
#include "unit/gpu/workload/references.h"

namespace souk::gpu {
namespace {

namespace fs = std::filesystem;

fs::path Folder(const std::string& name) {
  return fs::path(SOUK_SOURCE_DIR) / "workloads" / name;
}

template <typename T>
std::vector<T> Values(ByteView npy) {
  const Result<NpyHeader> header = ParseNpy(npy);
  EXPECT_TRUE(header);
  if (!header || header->data_bytes % sizeof(T) != 0) return {};
  std::vector<T> values(header->data_bytes / sizeof(T));
  std::memcpy(values.data(), npy.data() + header->data_offset, header->data_bytes);
  return values;
}
template <typename T>
std::vector<T> FileValues(const std::string& sample, const std::string& file) {
  const Result<Bytes> bytes = ReadFile(Folder(sample) / file, 1 << 24);
  EXPECT_TRUE(bytes);
  return bytes ? Values<T>(*bytes) : std::vector<T>();
}

// Runs NAME/workload.toml; what it hands back, by file name. The device is the CPU reference, or
// whatever SOUK_TEST_DEVICE names.
class Sample {
 public:
  explicit Sample(const std::string& name) {
    Result<Manifest> manifest = LoadManifest(Folder(name) / "workload.toml");
    EXPECT_TRUE(manifest) << manifest.error().message;
    if (!manifest) return;
    const char* device_name = std::getenv("SOUK_TEST_DEVICE");
    Result<std::unique_ptr<Device>> device =
        OpenDevice(device_name == nullptr ? "cpu" : device_name);
    EXPECT_TRUE(device) << device.error().message;
    if (!device) return;
    // What the renter sends is what is run.
    Result<Workload> workload = DecodeWorkload(*EncodeWorkload(manifest->workload));
    EXPECT_TRUE(workload);
    Result<RunResult> result = RunWorkload(*workload, manifest->blobs, **device, Options());
    EXPECT_TRUE(result) << result.error().message;
    if (result) result_ = std::move(*result);
    testing::Test::RecordProperty("launch_ms", static_cast<int>(result_.stats.launch_us / 1000));
  }
  template <typename T>
  std::vector<T> Get(const std::string& file) const {
    return Values<T>(File(file));
  }
  const Bytes& File(const std::string& file) const {
    static const Bytes kNone;
    for (const RunOutput& output : result_.outputs) {
      if (output.file == file) return output.npy;
    }
    ADD_FAILURE() << "no output " << file;
    return kNone;
  }
  const RunResult& result() const { return result_; }
  uint64_t reports() const { return reports_; }

 private:
  RunOptions Options() {
    return {.progress = [this](const RunProgress& progress) {
      ++reports_;
      EXPECT_LE(progress.launches_done, progress.launches_total);
      return Ok();
    }};
  }
  RunResult result_;
  uint64_t reports_ = 0;
};

// Floats compare as bits: a NaN or a negative zero in the wrong place is a failure too.
std::vector<uint32_t> Bits(const Floats& values) {
  std::vector<uint32_t> bits(values.size());
  std::memcpy(bits.data(), values.data(), values.size() * sizeof(float));
  return bits;
}

TEST(Samples, DigitsLearnToTheBitWhatTheHostLearns) {
  const DigitsData data{.train_images = FileValues<uint8_t>("digits", "train_images.npy"),
                        .train_labels = FileValues<uint8_t>("digits", "train_labels.npy"),
                        .test_images = FileValues<uint8_t>("digits", "test_images.npy"),
                        .test_labels = FileValues<uint8_t>("digits", "test_labels.npy")};
  const DigitsResult expected = TrainDigits(data);
  const Sample sample("digits");
  EXPECT_EQ(Bits(sample.Get<float>("w1.npy")), Bits(expected.w1));
  EXPECT_EQ(Bits(sample.Get<float>("w2.npy")), Bits(expected.w2));
  EXPECT_EQ(sample.Get<uint8_t>("predictions.npy"), expected.predictions);
  EXPECT_EQ(sample.Get<uint32_t>("confusion.npy"), expected.confusion);
  EXPECT_EQ(Bits(sample.Get<float>("accuracy.npy")), Bits({expected.accuracy}));
  EXPECT_GE(expected.accuracy, 0.965f);
  EXPECT_EQ(sample.reports(), 1 + 2 + 20 * 44 * 5 + 2u);
  EXPECT_EQ(sample.result().commitments.size(), 1 + 20 + 1u);
}

TEST(Samples, NbodyMovesAsTheHostMovesIt) {
  Floats positions = FileValues<float>("nbody", "positions.npy");
  Floats velocities = FileValues<float>("nbody", "velocities.npy");
  const Floats start = positions;
  StepBodies(positions, velocities, 100, 0.01f, 0.0025f);
  const Sample sample("nbody");
  EXPECT_EQ(Bits(sample.Get<float>("positions_out.npy")), Bits(positions));
  EXPECT_EQ(Bits(sample.Get<float>("velocities_out.npy")), Bits(velocities));
  EXPECT_NE(positions, start);
}

TEST(Samples, MatmulMultipliesAsTheHostDoes) {
  const Floats a = FileValues<float>("matmul", "a.npy");
  const Floats b = FileValues<float>("matmul", "b.npy");
  const Sample sample("matmul");
  EXPECT_EQ(Bits(sample.Get<float>("c.npy")), Bits(MultiplyMatrices(a, b, 150, 170, 130)));
}

TEST(Samples, MandelbrotDrawsTheHostsPicture) {
  const Sample sample("mandelbrot");
  EXPECT_EQ(sample.Get<uint8_t>("mandelbrot.npy"),
            DrawMandelbrot(480, 320, -2.2f, 1.1f, 0.006875f, 200));
  EXPECT_TRUE(PngFromNpy(sample.File("mandelbrot.npy")));
}

TEST(Samples, HistogramCountsEveryByte) {
  const Sample sample("histogram");
  EXPECT_EQ(sample.Get<uint32_t>("bins.npy"),
            CountBytes(FileValues<uint8_t>("histogram", "data.npy")));
}

TEST(Samples, ReductionAddsInTheOrderOfItsTree) {
  const Sample sample("reduction");
  EXPECT_EQ(Bits(sample.Get<float>("result.npy")),
            Bits(ReduceTree(FileValues<float>("reduction", "values.npy"))));
}

TEST(Samples, AreOfTheClassThatTheirReadmeSays) {
  const std::pair<const char*, ptx::Class> samples[] = {
      {"digits", ptx::Class::kExact},    {"nbody", ptx::Class::kExact},
      {"matmul", ptx::Class::kExact},    {"mandelbrot", ptx::Class::kExact},
      {"reduction", ptx::Class::kExact}, {"histogram", ptx::Class::kExactOrdered}};
  for (const auto& sample : samples) {
    const std::string name = sample.first;
    const Bytes text = *ReadFile(Folder(name) / (name + ".ptx"), 1 << 20);
    const ptx::Module module = *ptx::Canonicalize(*ptx::Parse(AsText(text)));
    EXPECT_EQ(ptx::Write(module), AsText(text)) << name << ".ptx is not canonical";
    for (const ptx::KernelReport& report : ptx::ReportAll(module, &cpu::WhyUnsupported)) {
      EXPECT_EQ(report.verdict.cls, sample.second) << report.name << ": " << report.verdict.why;
      EXPECT_TRUE(report.unsupported.empty()) << report.name;
    }
  }
}

// The digits, which launch four thousand times, are left to `souk run --local --check`.
TEST(Samples, AreCleanWhenTheyAreCheckedAndComputeTheSame) {
  for (const char* name : {"nbody", "matmul", "mandelbrot", "histogram", "reduction"}) {
    Result<Manifest> manifest = LoadManifest(Folder(name) / "workload.toml");
    ASSERT_TRUE(manifest) << manifest.error().message;
    const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice();
    const Result<RunResult> checked = RunWorkload(manifest->workload, manifest->blobs, *device);
    ASSERT_TRUE(checked) << checked.error().message;
    const CheckReport report = device->TakeReport();
    EXPECT_TRUE(report.clean()) << name << ": " << FindingKindName(report.findings[0].kind)
                                << ", lines " << report.findings[0].first.line << " and "
                                << report.findings[0].second.line;
    EXPECT_EQ(report.launches, checked->stats.launches);
    const Result<RunResult> plain =
        RunWorkload(manifest->workload, manifest->blobs, *MakeCpuDevice({}));
    ASSERT_TRUE(plain);
    EXPECT_EQ(checked->commitments_root, plain->commitments_root) << name;
  }
}

TEST(Samples, HavePtxThatTheirSourcesCompileTo) {
  const Result<std::string> version = ptx::NvrtcVersion();
  if (!version) GTEST_SKIP() << version.error().message;
  if (*version != "13.0") GTEST_SKIP() << "made with NVRTC 13.0, here is NVRTC " << *version;
  for (const std::string name :
       {"digits", "nbody", "matmul", "mandelbrot", "histogram", "reduction"}) {
    const Bytes source = *ReadFile(Folder(name) / (name + ".cu"), 1 << 20);
    const Result<std::string> compiled = ptx::CompileCuda(AsText(source), {.name = name + ".cu"});
    ASSERT_TRUE(compiled) << compiled.error().message;
    const Bytes text = *ReadFile(Folder(name) / (name + ".ptx"), 1 << 20);
    EXPECT_EQ(ptx::Write(*ptx::Canonicalize(*ptx::Parse(*compiled))), AsText(text))
        << name << ".ptx is old: run workloads/build";
  }
}

}  // namespace
}  // namespace souk::gpu
