#include "gpu/workload/session.h"

#include <algorithm>

#include "gpu/ptx/module.h"
#include "gpu/workload/arguments.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/workload_class.h"
#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

// Memory is hashed and moved in pieces, so that a large buffer is not copied whole. A multiple of
// kStatePageBytes.
constexpr uint64_t kPieceBytes = 4 << 20;

}  // namespace

Result<Bytes> ReadChecked(BlobSource& blobs, const BlobRef& ref) {
  ASSIGN_OR_RETURN(Bytes bytes, blobs.Read(ref));
  if (bytes.size() != ref.bytes || Sha256(bytes) != ref.digest) {
    return Error(Code::kMismatch, "blob " + ref.digest.ToString() + " is not what its digest says");
  }
  return bytes;
}

BlobRef MemoryBlobs::Add(Bytes bytes) {
  const BlobRef ref{Sha256(bytes), bytes.size()};
  blobs_.emplace(ref.digest, std::move(bytes));
  return ref;
}

Result<Bytes> MemoryBlobs::Read(const BlobRef& blob) {
  const auto found = blobs_.find(blob.digest);
  if (found == blobs_.end()) {
    return Error(Code::kNotFound, "blob " + blob.digest.ToString() + " is not here");
  }
  return found->second;
}

Result<std::unique_ptr<WorkloadSession>> WorkloadSession::Open(const Workload& workload,
                                                               BlobSource& blobs, Device& device) {
  RETURN_IF_ERROR(CheckWorkload(workload));
  std::unique_ptr<WorkloadSession> session(new WorkloadSession(workload, blobs, device));
  RETURN_IF_ERROR(session->Load());
  return session;
}

// The device may serve the next job. On a broken one this fails, and it clears itself when it goes.
WorkloadSession::~WorkloadSession() {
  for (const DeviceAddress address : addresses_) (void)device_.Free(address);
}

Status WorkloadSession::Load() {
  ASSIGN_OR_RETURN(launches_, CountLaunches(workload_.steps));
  RETURN_IF_ERROR(LoadModules());
  RETURN_IF_ERROR(CheckKernels(workload_, modules_));
  result_class_ = ClassOfWorkload(workload_, modules_);
  std::vector<uint64_t> sizes;
  for (const Buffer& buffer : workload_.buffers) {
    if (Status ok = LoadBuffer(buffer); !ok) {
      return ok.error().Within("buffer \"" + buffer.name + "\"");
    }
    sizes.push_back(BufferBytes(buffer));
  }
  pages_.emplace(std::move(sizes));
  tree_.emplace(pages_->count());
  schedule_.emplace(workload_);
  return Ok();
}

Status WorkloadSession::LoadModules() {
  const std::vector<std::set<std::string>> kernels = LaunchedKernels(workload_);
  for (size_t i = 0; i < workload_.modules.size(); ++i) {
    const std::string where = "module " + std::to_string(i + 1);
    Result<Bytes> text = ReadChecked(blobs_, workload_.modules[i]);
    if (!text) return text.error().Within(where);
    Result<ptx::Module> module = ParseCanonical(AsText(*text));
    if (!module) return module.error().Within(where);
    Result<ModuleHandle> handle = device_.LoadFor(*module, &kernels[i]);
    if (!handle) return handle.error().Within(where);
    modules_.push_back(std::move(*module));
    handles_.push_back(*handle);
  }
  return Ok();
}

Status WorkloadSession::LoadBuffer(const Buffer& buffer) {
  const uint64_t bytes = BufferBytes(buffer);
  ASSIGN_OR_RETURN(const DeviceAddress address, device_.Allocate(bytes));
  addresses_.push_back(address);
  if (buffer.input) {
    ASSIGN_OR_RETURN(const Bytes file, ReadChecked(blobs_, *buffer.input));
    ASSIGN_OR_RETURN(const NpyHeader header, ParseNpy(file));
    if (header.dtype != buffer.dtype || header.shape != buffer.shape) {
      return Error(Code::kMismatch, "its input has another dtype or shape");
    }
    return device_.Write(address, ByteView(file).subspan(header.data_offset));
  }
  if (!buffer.fill) return Ok();  // Allocate cleared it
  Bytes piece;
  piece.reserve(std::min(bytes, kPieceBytes));
  while (piece.size() < std::min(bytes, kPieceBytes)) Append(piece, *buffer.fill);
  for (uint64_t at = 0; at < bytes; at += piece.size()) {
    const size_t take = static_cast<size_t>(std::min<uint64_t>(piece.size(), bytes - at));
    RETURN_IF_ERROR(device_.Write(address + at, ByteView(piece).first(take)));
  }
  return Ok();
}

Status WorkloadSession::Peek() {
  if (upcoming_) return Ok();
  ASSIGN_OR_RETURN(upcoming_, schedule_->Next());
  return Ok();
}

Result<const KernelLaunch*> WorkloadSession::Upcoming() {
  RETURN_IF_ERROR(Peek());
  return upcoming_ ? upcoming_->launch : nullptr;
}

Result<LaunchStats> WorkloadSession::Launch(const LaunchBudget& budget,
                                            const std::vector<uint64_t>& only) {
  RETURN_IF_ERROR(Peek());
  CHECK(upcoming_);
  const KernelLaunch& launch = *upcoming_->launch;
  LaunchRequest request{.kernel = launch.kernel,
                        .grid = launch.grid,
                        .block = launch.block,
                        .dynamic_shared_bytes = launch.dynamic_shared_bytes,
                        .params = ParameterBytes(*upcoming_),
                        .cooperative = launch.cooperative,
                        .only = only};
  Result<LaunchStats> stats = device_.Launch(handles_[launch.module], request, budget);
  if (!stats) {
    return stats.error().Within("launch " + std::to_string(next_ + 1) + " of " +
                                std::to_string(launches_) + " (" + launch.kernel + ")");
  }
  if (only.empty()) RETURN_IF_ERROR(PassOver());
  return stats;
}

Status WorkloadSession::PassOver() {
  RETURN_IF_ERROR(Peek());
  CHECK(upcoming_);
  upcoming_.reset();
  ++next_;
  return Ok();
}

// Each parameter at the offset that PTX ISA's layout gives it; gaps are zero.
Bytes WorkloadSession::ParameterBytes(const ScheduledLaunch& next) const {
  const ptx::Function& kernel = *modules_[next.launch->module].FindKernel(next.launch->kernel);
  Bytes params(kernel.param_bytes);
  for (size_t i = 0; i < next.arguments.size(); ++i) {
    const ArgumentValue& value = next.arguments[i];
    Bytes bytes = value.bytes;
    if (value.buffer) PutLe(bytes, addresses_[*value.buffer] + value.offset_bytes);
    std::copy(bytes.begin(), bytes.end(),
              params.begin() + static_cast<ptrdiff_t>(kernel.params[i].offset));
  }
  return params;
}

Status WorkloadSession::Read(size_t buffer, uint64_t offset, std::span<uint8_t> to) {
  return device_.Read(addresses_[buffer] + offset, to);
}
Status WorkloadSession::Write(size_t buffer, uint64_t offset, ByteView from) {
  return device_.Write(addresses_[buffer] + offset, from);
}

Result<Digest> WorkloadSession::StateRoot(const Changed& changed) {
  for (size_t buffer = 0; buffer < addresses_.size(); ++buffer) {
    const uint64_t size = pages_->buffer_bytes()[buffer];
    uint64_t at = 0;
    // A page is hashed while the next piece is on its way.
    const Status read =
        device_.ReadInPieces(addresses_[buffer], size, [&](ByteView piece) -> Status {
          for (uint64_t offset = 0; offset < piece.size(); offset += kStatePageBytes) {
            const ByteView page =
                piece.subspan(offset, std::min<uint64_t>(kStatePageBytes, piece.size() - offset));
            const uint64_t number = pages_->PageOf(buffer, at + offset);
            if (tree_->Set(number, page) && changed) RETURN_IF_ERROR(changed(number, page));
          }
          at += piece.size();
          return Ok();
        });
    RETURN_IF_ERROR(read);
  }
  return tree_->Root();
}

Result<std::vector<RunOutput>> WorkloadSession::Outputs() {
  RETURN_IF_ERROR(Peek());  // the last loop's swaps
  CHECK(!upcoming_);
  std::vector<RunOutput> outputs;
  for (const Output& output : workload_.outputs) {
    const Buffer& buffer = workload_.buffers[output.buffer];
    const uint32_t memory = schedule_->bindings()[output.buffer];
    RunOutput out{.file = output.file, .npy = NpyHeaderFor(buffer.dtype, buffer.shape)};
    const size_t offset = out.npy.size();
    out.npy.resize(offset + pages_->buffer_bytes()[memory]);
    RETURN_IF_ERROR(Read(memory, 0, std::span(out.npy).subspan(offset)));
    out.digest = Sha256(out.npy);
    outputs.push_back(std::move(out));
  }
  return outputs;
}

}  // namespace souk::gpu
