#include "gpu/challenge/device_product.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gpu/challenge/kernels.h"
#include "gpu/ptx/module.h"
#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

// Rows of tiles that one launch multiplies: at the largest size some seconds on a slow GPU, so that
// a product that is not wanted any more ends soon.
constexpr uint32_t kTilesPerLaunch = 32;
// Segments' digests are read so many bytes at a time.
constexpr uint64_t kReadBytes = 8 << 20;

uint32_t BlocksOf(uint64_t work, uint32_t threads) {
  return static_cast<uint32_t>((work + threads - 1) / threads);
}

}  // namespace

DeviceProduct::DeviceProduct(Device& device, ModuleHandle module, uint32_t size)
    : device_(&device), module_(module), size_(size) {}

DeviceProduct::DeviceProduct(DeviceProduct&& other) noexcept
    : device_(other.device_),
      module_(other.module_),
      size_(other.size_),
      a_(std::exchange(other.a_, 0)),
      b_(std::exchange(other.b_, 0)),
      c_(std::exchange(other.c_, 0)),
      digests_(std::exchange(other.digests_, 0)),
      tree_(std::move(other.tree_)) {}

DeviceProduct::~DeviceProduct() {
  for (const DeviceAddress one : {a_, b_, c_, digests_}) {
    if (one != 0) static_cast<void>(device_->Free(one));
  }
}

Result<DeviceProduct> DeviceProduct::Load(Device& device, uint32_t size) {
  if (!IsProductSize(size)) {
    return Error(Code::kInvalidArgument, "no product has the size " + std::to_string(size));
  }
  ASSIGN_OR_RETURN(ptx::Module parsed, ptx::Parse(ChallengeKernels()));
  ASSIGN_OR_RETURN(const ptx::Module canonical, ptx::Canonicalize(std::move(parsed)));
  ASSIGN_OR_RETURN(const ModuleHandle module, device.Load(canonical));
  return DeviceProduct(device, module, size);
}

Status DeviceProduct::Launch(const char* kernel, Dim3 grid, Dim3 block, Bytes params) {
  LaunchRequest request;
  request.kernel = kernel;
  request.grid = grid;
  request.block = block;
  request.params = std::move(params);
  const auto stats = device_->Launch(module_, request, LaunchBudget{});
  if (!stats) return stats.error();
  return Ok();
}

Status DeviceProduct::Fill(DeviceAddress to, const MatrixKey& key, Matrix matrix) {
  const uint64_t blocks = uint64_t{size_} * size_ / kBlockElements;
  Bytes params;
  PutLe(params, to);
  for (const uint32_t word : {key.key[0], key.key[1], static_cast<uint32_t>(matrix), key.high[0],
                              key.high[1], static_cast<uint32_t>(blocks)}) {
    PutLe(params, word);
  }
  return Launch("souk_fill", {BlocksOf(blocks, kFillThreads), 1, 1}, {kFillThreads, 1, 1},
                std::move(params));
}

Status DeviceProduct::Multiply(const Continue& go_on) {
  const uint32_t tiles = size_ / kTile;
  for (uint32_t first = 0; first < tiles; first += kTilesPerLaunch) {
    RETURN_IF_ERROR(go_on());
    Bytes params;
    PutLe(params, a_);
    PutLe(params, b_);
    PutLe(params, c_);
    PutLe(params, size_);
    PutLe(params, first);
    const Dim3 grid = {tiles, std::min(kTilesPerLaunch, tiles - first), 1};
    RETURN_IF_ERROR(
        Launch("souk_multiply", grid, {kTileThreads, kTileThreads, 1}, std::move(params)));
  }
  return Ok();
}

Status DeviceProduct::HashSegments() {
  const uint64_t segments = uint64_t{size_} * size_ / kSegmentElements;
  Bytes params;
  PutLe(params, c_);
  PutLe(params, digests_);
  PutLe(params, static_cast<uint32_t>(segments));
  return Launch("souk_hash", {BlocksOf(segments, kHashThreads), 1, 1}, {kHashThreads, 1, 1},
                std::move(params));
}

Result<std::vector<Digest>> DeviceProduct::ReadLeaves() {
  const uint64_t row_bytes = uint64_t{size_} / kSegmentElements * sizeof(Digest::bytes);
  const auto rows_at_once = static_cast<uint32_t>(
      std::min<uint64_t>(size_, std::max<uint64_t>(1, kReadBytes / row_bytes)));
  std::vector<Digest> leaves;
  leaves.reserve(size_);
  Bytes part;
  for (uint32_t row = 0; row < size_; row += rows_at_once) {
    const uint32_t rows = std::min(rows_at_once, size_ - row);
    part.resize(rows * row_bytes);
    RETURN_IF_ERROR(device_->Read(digests_ + row * row_bytes, part));
    for (uint32_t i = 0; i < rows; ++i) {
      leaves.push_back(RowLeaf(ByteView(part).subspan(i * row_bytes, row_bytes)));
    }
  }
  return leaves;
}

Result<Digest> DeviceProduct::Commit(const Digest& seed, const Continue& go_on) {
  CHECK(!tree_);
  const uint64_t elements = uint64_t{size_} * size_;
  ASSIGN_OR_RETURN(a_, device_->Allocate(elements));
  ASSIGN_OR_RETURN(b_, device_->Allocate(elements));
  ASSIGN_OR_RETURN(c_, device_->Allocate(elements * 4));
  ASSIGN_OR_RETURN(digests_, device_->Allocate(elements / 2));
  const MatrixKey key(seed);
  RETURN_IF_ERROR(go_on());
  RETURN_IF_ERROR(Fill(a_, key, Matrix::kA));
  RETURN_IF_ERROR(Fill(b_, key, Matrix::kBTransposed));
  RETURN_IF_ERROR(Multiply(go_on));
  RETURN_IF_ERROR(HashSegments());
  ASSIGN_OR_RETURN(std::vector<Digest> leaves, ReadLeaves());
  tree_.emplace(std::move(leaves));
  return tree_->root();
}

Result<Opening> DeviceProduct::Open(std::span<const uint32_t> rows) {
  if (!tree_) return Error(Code::kWrongState, "nothing was committed to yet");
  Opening out;
  out.size = size_;
  Bytes bytes(uint64_t{size_} * 4);
  for (const uint32_t row : rows) {
    if (row >= size_)
      return Error(Code::kInvalidArgument, "there is no row " + std::to_string(row));
    RETURN_IF_ERROR(device_->Read(c_ + uint64_t{row} * size_ * 4, bytes));
    OpenedRow opened;
    opened.row = row;
    opened.elements.resize(size_);
    for (uint32_t i = 0; i < size_; ++i) {
      opened.elements[i] = static_cast<int32_t>(GetLe<uint32_t>(bytes.data() + size_t{i} * 4));
    }
    opened.proof = tree_->Proof(row);
    out.rows.push_back(std::move(opened));
  }
  return out;
}

}  // namespace souk::gpu
