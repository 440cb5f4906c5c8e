#include "gpu/worker/device_challenge.h"

#include "gpu/ptx/module.h"

namespace souk::gpu {
namespace {

constexpr uint64_t kAnswerBytes = 8 * kChallengeThreads;

// Device memory for as long as the scope lasts.
class Allocation {
 public:
  Allocation(Device& device, DeviceAddress address) : device_(device), address_(address) {}
  ~Allocation() { static_cast<void>(device_.Free(address_)); }
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;

 private:
  Device& device_;
  DeviceAddress address_;
};

}  // namespace

Result<DeviceChallenge> DeviceChallenge::Load(Device& device) {
  ASSIGN_OR_RETURN(ptx::Module parsed, ptx::Parse(ChallengePtx()));
  ASSIGN_OR_RETURN(const ptx::Module canonical, ptx::Canonicalize(std::move(parsed)));
  ASSIGN_OR_RETURN(const ModuleHandle module, device.Load(canonical));
  DeviceChallenge challenge(device, module);
  const Nonce zero = {};
  ASSIGN_OR_RETURN(const Digest answer, challenge.Answer(zero));
  if (answer != ExpectedAnswer(zero)) {
    return Error(Code::kFault, "the device computes wrongly: it fails its first challenge");
  }
  return challenge;
}

Result<Digest> DeviceChallenge::Answer(const Nonce& nonce) {
  ASSIGN_OR_RETURN(const DeviceAddress words, device_->Allocate(nonce.size()));
  const Allocation free_words(*device_, words);
  ASSIGN_OR_RETURN(const DeviceAddress out, device_->Allocate(kAnswerBytes));
  const Allocation free_out(*device_, out);
  RETURN_IF_ERROR(device_->Write(words, nonce));
  LaunchRequest request;
  request.kernel = "souk_challenge";
  request.block.x = kChallengeThreads;
  PutLe(request.params, out);
  PutLe(request.params, words);
  ASSIGN_OR_RETURN(const LaunchStats stats, device_->Launch(module_, request, LaunchBudget{}));
  static_cast<void>(stats);
  Bytes answer(kAnswerBytes);
  RETURN_IF_ERROR(device_->Read(out, answer));
  return Sha256(answer);
}

}  // namespace souk::gpu
