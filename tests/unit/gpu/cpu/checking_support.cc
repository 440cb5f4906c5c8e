#include "unit/gpu/cpu/checking_support.h"

#include <gtest/gtest.h>

#include "gpu/ptx/module.h"
#include "protocol/base/file.h"

namespace souk::gpu::cpu_test {
namespace {

std::string ReadKernels() {
  const Result<Bytes> text =
      ReadFile(std::string(SOUK_SOURCE_DIR) + "/tests/unit/gpu/cpu/checking/kernels.ptx", 1 << 22);
  EXPECT_TRUE(text);
  return text ? std::string(text->begin(), text->end()) : "";
}

}  // namespace

std::vector<FindingKind> Checked::Kinds() const {
  std::vector<FindingKind> kinds;
  for (const Finding& f : report.findings) kinds.push_back(f.kind);
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  return kinds;
}

std::string Describe(const CheckReport& report) {
  std::string text;
  for (const Finding& f : report.findings) {
    text += std::string(FindingKindName(f.kind)) + ": line " + std::to_string(f.first.line) + " " +
            f.first.what + " thread " + std::to_string(f.first.thread) + " and line " +
            std::to_string(f.second.line) + " " + f.second.what + " thread " +
            std::to_string(f.second.thread) + " at " + f.space + " " + std::to_string(f.offset) +
            " " + std::to_string(f.times) + " times\n";
  }
  return text;
}

Result<std::vector<Bytes>> CheckedRun::On(Device& device) const {
  static const std::string kKernels = ReadKernels();
  ASSIGN_OR_RETURN(const ptx::Module parsed, ptx::Parse(text.empty() ? kKernels : text));
  ASSIGN_OR_RETURN(const ptx::Module module, ptx::Canonicalize(parsed));
  const std::set<std::string> kernels = {kernel};
  ASSIGN_OR_RETURN(const ModuleHandle handle, device.LoadFor(module, &kernels));
  Params params;
  std::vector<DeviceAddress> addresses;
  for (const Bytes& buffer : buffers) {
    ASSIGN_OR_RETURN(const DeviceAddress address, device.Allocate(buffer.size()));
    RETURN_IF_ERROR(device.Write(address, buffer));
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
  RETURN_IF_ERROR(device.Launch(handle, request, LaunchBudget{uint64_t{1} << 32}));
  std::vector<Bytes> after = buffers;
  for (size_t i = 0; i < buffers.size(); ++i) {
    RETURN_IF_ERROR(device.Read(addresses[i], after[i]));
  }
  return after;
}

Checked CheckedRun::Go() const {
  Checked checked;
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice(options);
  const Result<std::vector<Bytes>> after = On(*device);
  checked.report = device->TakeReport();
  if (!after) {
    checked.error = after.error();
    return checked;
  }
  checked.buffers = *after;
  const Result<std::vector<Bytes>> plain = On(*NewDevice(SimdLevel::kAvx512));
  // What lies between two variables is another's in a plain launch.
  const bool stray =
      std::any_of(checked.report.findings.begin(), checked.report.findings.end(),
                  [](const Finding& f) { return f.kind == FindingKind::kStrayAddress; });
  EXPECT_TRUE(stray || (plain && *plain == *after)) << kernel << " leaves other bytes when checked";
  return checked;
}

std::vector<uint32_t> Iota(size_t count) {
  std::vector<uint32_t> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<uint32_t>(i);
  return values;
}
Bytes Words(size_t count) {
  return ToBuffer(Iota(count));
}
Bytes Zeros(size_t words) {
  return Bytes(words * 4, 0);
}
Bytes SomeBytes(size_t count) {
  Bytes bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i * 37);
  return bytes;
}

std::string CheckedText(const std::string& body, const std::string& target) {
  return ".version 8.0\n.target " + target +
         "\n.address_size 64\n.visible .entry k(.param .u64 p) { .reg .pred %p<9>; .reg .b16 "
         "%h<9>; "
         ".reg .b32 %r<9>; .reg .b64 %l<9>; .shared .align 16 .b8 sh[256]; "
         "ld.param.u64 %l0, [p]; mov.u32 %r0, %tid.x; mul.wide.u32 %l1, %r0, 4; "
         "add.s64 %l1, %l1, %l0; mov.u32 %r8, sh;\n" +
         body + "\nret; }";
}

Checked CheckPtx(const std::string& body, const std::string& target) {
  Checked checked =
      CheckedRun{.text = CheckedText(body, target), .block = {32}, .buffers = {Words(64)}}.Go();
  EXPECT_FALSE(checked.error) << body << ": " << checked.error->message;
  return checked;
}

}  // namespace souk::gpu::cpu_test
