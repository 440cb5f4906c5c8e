// A souk-worker that lies: the cpu device behind a mask which, after each launch of a renter's
// kernel, alters one bit of what was allocated last. Linked in place of MakeCpuDevice (--wrap), so
// that everything else of the worker is as it is.
#include <memory>

#include "gpu/cpu/cpu_device.h"
#include "gpu/worker/challenge.h"

namespace souk::gpu {

std::unique_ptr<Device> TrueDevice(const CpuDeviceOptions& options) __asm__(
    "__real__ZN4souk3gpu13MakeCpuDeviceERKNS0_16CpuDeviceOptionsE");
std::unique_ptr<Device> LyingDevice(const CpuDeviceOptions& options) __asm__(
    "__wrap__ZN4souk3gpu13MakeCpuDeviceERKNS0_16CpuDeviceOptionsE");

namespace {

class Liar : public Device {
 public:
  explicit Liar(std::unique_ptr<Device> device) : device_(std::move(device)) {}

  const DeviceInfo& info() const override { return device_->info(); }
  Result<ModuleHandle> LoadFor(const ptx::Module& module,
                               const std::set<std::string>* kernels) override {
    return device_->LoadFor(module, kernels);
  }
  Result<DeviceAddress> Allocate(uint64_t bytes) override {
    auto address = device_->Allocate(bytes);
    if (address) last_ = *address;
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
  Result<LaunchStats> Launch(ModuleHandle module, const LaunchRequest& request,
                             const LaunchBudget& budget) override {
    auto stats = device_->Launch(module, request, budget);
    // The lease's own question is answered truly, or there would be no lease.
    if (!stats || request.kernel.rfind("souk_", 0) == 0) return stats;
    uint8_t byte = 0;
    RETURN_IF_ERROR(device_->Read(last_, {&byte, 1}));
    byte ^= 1;
    RETURN_IF_ERROR(device_->Write(last_, {&byte, 1}));
    return stats;
  }

 private:
  std::unique_ptr<Device> device_;
  DeviceAddress last_ = 0;
};

}  // namespace

std::unique_ptr<Device> LyingDevice(const CpuDeviceOptions& options) {
  return std::make_unique<Liar>(TrueDevice(options));
}

}  // namespace souk::gpu
