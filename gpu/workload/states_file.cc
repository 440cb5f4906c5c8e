#include "gpu/workload/states_file.h"

#include <algorithm>

namespace souk::gpu {
namespace {

constexpr std::string_view kStatesMagic = "soukstat";
constexpr uint8_t kPageTag = 1;
constexpr uint8_t kCommitmentTag = 2;
constexpr size_t kPageHeader = 1 + 8 + 2;
constexpr size_t kCommitmentBytes = 1 + 8 + 32;

std::vector<uint64_t> SizesOf(const Workload& workload) {
  std::vector<uint64_t> sizes;
  for (const Buffer& buffer : workload.buffers) sizes.push_back(BufferBytes(buffer));
  return sizes;
}

Bytes HeaderOf(const Workload& workload) {
  Bytes header = ToBytes(AsBytes(kStatesMagic));
  PutLe(header, static_cast<uint32_t>(workload.buffers.size()));
  for (const uint64_t size : SizesOf(workload)) PutLe(header, size);
  return header;
}

Error MalformedStates(const std::string& why) {
  return Error(Code::kMalformed, "the states file " + why);
}

}  // namespace

StatesWriter::StatesWriter(const Workload& workload, Append append) : append_(std::move(append)) {
  Put(HeaderOf(workload));
}

void StatesWriter::Put(ByteView bytes) {
  if (kept_ && !append_(bytes)) kept_ = false;
}

Status StatesWriter::OnPage(uint64_t page, ByteView bytes) {
  Bytes record = {kPageTag};
  PutLe(record, page);
  PutLe(record, static_cast<uint16_t>(bytes.size()));
  souk::Append(record, bytes);
  Put(record);
  return Ok();
}

Status StatesWriter::OnCommitment(const Commitment& commitment) {
  Bytes record = {kCommitmentTag};
  PutLe(record, commitment.launch);
  souk::Append(record, commitment.state_root.view());
  Put(record);
  return Ok();
}

Result<StatesFile> StatesFile::Open(ByteView bytes, const Workload& workload) {
  const Bytes header = HeaderOf(workload);
  if (bytes.size() < header.size() || !std::equal(header.begin(), header.end(), bytes.begin())) {
    return Error(Code::kMismatch, "the states file is not of this workload");
  }
  const StatePages pages(SizesOf(workload));
  StatesFile file;
  file.bytes_ = bytes;
  uint64_t at = header.size();
  uint64_t first = at;
  uint64_t least = 0;  // the next page's number
  while (at < bytes.size()) {
    const ByteView rest = bytes.subspan(at);
    if (rest[0] == kPageTag && rest.size() >= kPageHeader) {
      const auto page = GetLe<uint64_t>(rest.data() + 1);
      const auto size = GetLe<uint16_t>(rest.data() + 9);
      if (file.commitments_.empty()) return MalformedStates("has pages before S0's root");
      if (page < least || page >= pages.count() || size != pages.PlaceOf(page).bytes ||
          size > rest.size() - kPageHeader) {
        return MalformedStates("holds a page that is none");
      }
      least = page + 1;
      at += kPageHeader + size;
    } else if (rest[0] == kCommitmentTag && rest.size() >= kCommitmentBytes) {
      Commitment commitment;
      commitment.launch = GetLe<uint64_t>(rest.data() + 1);
      std::copy_n(rest.begin() + 9, 32, commitment.state_root.bytes.begin());
      const bool first_one = file.commitments_.empty();
      if (first_one ? commitment.launch != 0
                    : commitment.launch <= file.commitments_.back().launch) {
        return MalformedStates("holds commitments out of order");
      }
      if (file.commitments_.size() > kMaxCommitments)
        return MalformedStates("has too many commitments");
      file.commitments_.push_back(commitment);
      file.ranges_.emplace_back(first, at);
      at += kCommitmentBytes;
      first = at;
      least = 0;
    } else {
      return MalformedStates("is cut off or holds an unknown record");
    }
  }
  if (first != at) return MalformedStates("ends with pages of no commitment");
  if (file.commitments_.empty()) return MalformedStates("holds no commitment");
  return file;
}

std::vector<StatesFile::Page> StatesFile::PagesOf(size_t index) const {
  std::vector<Page> pages;
  const auto [begin, end] = ranges_.at(index);
  for (uint64_t at = begin; at < end;) {
    const uint8_t* const record = bytes_.data() + at;
    const auto size = GetLe<uint16_t>(record + 9);
    pages.push_back({GetLe<uint64_t>(record + 1), bytes_.subspan(at + kPageHeader, size)});
    at += kPageHeader + size;
  }
  return pages;
}

}  // namespace souk::gpu
