#include "gpu/cpu/checking.h"

#include <map>

#include "gpu/cpu/checker.h"

namespace souk::gpu {
namespace {

CpuDeviceOptions OptionsOf(const CheckingOptions& options, cpu::Checker& checker) {
  CpuDeviceOptions device;
  device.memory_bytes = options.memory_bytes;
  device.simd = options.simd;
  device.checker = &checker;
  return device;
}

class CheckedCpuDevice : public CheckingDevice {
 public:
  explicit CheckedCpuDevice(const CheckingOptions& options)
      : checker_(options.record_bytes, options.list_writes),
        device_(MakeCpuDevice(OptionsOf(options, checker_))) {}

  const DeviceInfo& info() const override { return device_->info(); }
  Result<ModuleHandle> LoadFor(const ptx::Module& module,
                               const std::set<std::string>* kernels) override {
    return device_->LoadFor(module, kernels);
  }
  Result<DeviceAddress> Allocate(uint64_t bytes) override {
    ASSIGN_OR_RETURN(const DeviceAddress address, device_->Allocate(bytes));
    numbers_[address] = allocated_++;
    return address;
  }
  Status Free(DeviceAddress address) override { return device_->Free(address); }
  Status Write(DeviceAddress to, ByteView from) override { return device_->Write(to, from); }
  Status Read(DeviceAddress from, std::span<uint8_t> to) override {
    return device_->Read(from, to);
  }
  Status ReadInPieces(DeviceAddress from, uint64_t bytes, const TakePiece& take) override {
    return device_->ReadInPieces(from, bytes, take);
  }
  std::string TakePrinted() override { return device_->TakePrinted(); }
  // Findings are put into their buffers' terms at once: an address may be freed and come again.
  Result<LaunchStats> Launch(ModuleHandle module, const LaunchRequest& request,
                             const LaunchBudget& budget) override {
    Result<LaunchStats> stats = device_->Launch(module, request, budget);
    const auto number_of = [&](uint64_t address) {
      const auto found = numbers_.find(address);
      return found == numbers_.end() ? Finding::kVariable : found->second;
    };
    checker_.NameModuleAndAllocations(module, number_of);
    writes_ = checker_.TakeWrites();
    for (WrittenRange& range : writes_) range.allocation = number_of(range.allocation);
    return stats;
  }
  CheckReport TakeReport() override { return checker_.TakeReport(); }
  std::vector<WrittenRange> TakeWrites() override { return std::move(writes_); }

 private:
  cpu::Checker checker_;
  std::unique_ptr<Device> device_;
  std::map<DeviceAddress, uint64_t> numbers_ = {};
  uint64_t allocated_ = 0;
  std::vector<WrittenRange> writes_ = {};
};

}  // namespace

std::unique_ptr<CheckingDevice> MakeCheckingDevice(const CheckingOptions& options) {
  return std::make_unique<CheckedCpuDevice>(options);
}

}  // namespace souk::gpu
