#include "gpu/workload/npy.h"

#include <algorithm>
#include <charconv>

#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

constexpr std::string_view kNpyMagic("\x93NUMPY", 6);

struct Descr {
  const char* text;
  DType dtype;
};
// One-byte types carry '|' (no byte order). '<' in front of them is accepted: NumPy reads it too.
constexpr Descr kDescrs[] = {
    {"|b1", DType::kBool}, {"|i1", DType::kI8},  {"<i2", DType::kI16}, {"<i4", DType::kI32},
    {"<i8", DType::kI64},  {"|u1", DType::kU8},  {"<u2", DType::kU16}, {"<u4", DType::kU32},
    {"<u8", DType::kU64},  {"<f2", DType::kF16}, {"<f4", DType::kF32}, {"<f8", DType::kF64},
    {"<b1", DType::kBool}, {"<i1", DType::kI8},  {"<u1", DType::kU8},
};

Error Malformed(const std::string& what) {
  return {Code::kMalformed, "not a .npy file: " + what};
}

// The header is a Python dictionary literal of which NumPy only ever writes three keys with a
// string, a bool and a tuple of integers; nothing else is read.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  Status Parse(NpyHeader& header) {
    bool descr = false;
    bool order = false;
    bool shape = false;
    RETURN_IF_ERROR(Expect('{'));
    while (!Take('}')) {
      ASSIGN_OR_RETURN(const std::string_view key, Text());
      RETURN_IF_ERROR(Expect(':'));
      bool* seen = key == "descr" ? &descr : key == "fortran_order" ? &order : &shape;
      if (seen == &shape && key != "shape") return Malformed("its header has an unknown key");
      if (*seen) return Malformed("its header has a key twice");
      *seen = true;
      if (seen == &descr) RETURN_IF_ERROR(ParseDescr(header));
      if (seen == &order) RETURN_IF_ERROR(ParseOrder());
      if (seen == &shape) RETURN_IF_ERROR(ParseShape(header));
      if (Take(',')) continue;
      RETURN_IF_ERROR(Expect('}'));
      break;
    }
    if (!descr || !order || !shape) return Malformed("its header lacks a key");
    if (Skip(); at_ != text_.size()) return Malformed("something follows its header");
    return Ok();
  }

 private:
  void Skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool Take(char c) {
    Skip();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  Status Expect(char c) {
    if (Take(c)) return Ok();
    return Malformed(std::string("its header lacks a '") + c + "'");
  }
  bool TakeWord(std::string_view word) {
    Skip();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Result<std::string_view> Text() {
    Skip();
    const char quote = at_ < text_.size() ? text_[at_] : ' ';
    if (quote != '\'' && quote != '"') return Malformed("its header lacks a string");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return Malformed("its header has an open string");
    const std::string_view text = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return text;
  }

  Status ParseDescr(NpyHeader& header) {
    Skip();
    if (at_ < text_.size() && text_[at_] == '[') {
      return Error(Code::kUnsupported, "a .npy file of records: only plain numbers are read");
    }
    ASSIGN_OR_RETURN(const std::string_view descr, Text());
    for (const Descr& row : kDescrs) {
      if (descr != row.text) continue;
      header.dtype = row.dtype;
      return Ok();
    }
    return Error(Code::kUnsupported,
                 "a .npy file of dtype \"" + std::string(descr.substr(0, 32)) +
                     "\": only little-endian b1, i1 to i8, u1 to u8, f2 to f8 are read");
  }

  Status ParseOrder() {
    if (TakeWord("False")) return Ok();
    if (TakeWord("True")) {
      return Error(Code::kUnsupported,
                   "a .npy file in Fortran order: save numpy.ascontiguousarray(a) instead");
    }
    return Malformed("fortran_order is neither True nor False");
  }

  Status ParseShape(NpyHeader& header) {
    RETURN_IF_ERROR(Expect('('));
    bool comma = true;
    while (!Take(')')) {
      if (!comma) return Malformed("its shape lacks a ','");
      Skip();
      uint64_t dimension = 0;
      const char* const begin = text_.data() + at_;
      const std::from_chars_result parsed =
          std::from_chars(begin, text_.data() + text_.size(), dimension);
      if (parsed.ec != std::errc()) return Malformed("a dimension is not a number below 2^64");
      at_ += static_cast<size_t>(parsed.ptr - begin);
      if (header.shape.size() == kMaxRank) {
        return Error(Code::kTooLarge,
                     "a .npy file of more than " + std::to_string(kMaxRank) + " dimensions");
      }
      header.shape.push_back(dimension);
      comma = Take(',');
    }
    // In Python (3) is a number, only (3,) is a tuple.
    if (header.shape.size() == 1 && !comma) return Malformed("its shape is not a tuple");
    return Ok();
  }

  std::string_view text_;
  size_t at_ = 0;
};

// Where the header text stands: [begin, end).
struct HeaderSpan {
  size_t begin = 0;
  size_t end = 0;
};

Result<HeaderSpan> FindHeader(ByteView file) {
  if (file.size() < 10 || AsText(file.first(kNpyMagic.size())) != kNpyMagic) {
    return Malformed("it does not begin as one");
  }
  const uint8_t major = file[6];
  if (major < 1 || major > 3 || file[7] != 0) {
    return Error(Code::kUnsupported, "a .npy file of version " + std::to_string(major) + "." +
                                         std::to_string(file[7]) + ": 1.0 to 3.0 are read");
  }
  HeaderSpan span;
  uint64_t length = 0;
  if (major == 1) {
    span.begin = 10;
    length = GetLe<uint16_t>(file.data() + 8);
  } else {
    span.begin = 12;
    if (file.size() < span.begin) return Malformed("it ends within its header");
    length = GetLe<uint32_t>(file.data() + 8);
  }
  if (length > kMaxNpyHeaderBytes) {
    return Error(Code::kTooLarge, "a .npy file whose header exceeds " +
                                      std::to_string(kMaxNpyHeaderBytes) + " bytes");
  }
  if (file.size() - span.begin < length) return Malformed("it ends within its header");
  span.end = span.begin + length;
  return span;
}

}  // namespace

std::string ShapeText(const std::vector<uint64_t>& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

Result<NpyHeader> ParseNpy(ByteView file) {
  ASSIGN_OR_RETURN(const HeaderSpan span, FindHeader(file));
  NpyHeader header;
  header.data_offset = span.end;
  const std::string_view text = AsText(file.subspan(span.begin, span.end - span.begin));
  RETURN_IF_ERROR(HeaderParser(text).Parse(header));
  if (Status ok = CheckShape(header.shape, header.dtype); !ok)
    return ok.error().Within(".npy file");
  header.data_bytes = DTypeBytes(header.dtype);
  for (const uint64_t dimension : header.shape) header.data_bytes *= dimension;
  const uint64_t there = file.size() - header.data_offset;
  if (there != header.data_bytes) {
    return Malformed("its shape " + ShapeText(header.shape) + " wants " +
                     std::to_string(header.data_bytes) + " bytes, it has " + std::to_string(there));
  }
  const ByteView data = file.subspan(header.data_offset);
  if (header.dtype == DType::kBool &&
      std::any_of(data.begin(), data.end(), [](uint8_t b) { return b > 1; })) {
    return Malformed("a bool in it is neither 0 nor 1");
  }
  return header;
}

Bytes NpyHeaderFor(DType dtype, const std::vector<uint64_t>& shape) {
  const char* descr = nullptr;
  for (const Descr& row : kDescrs) {
    if (row.dtype == dtype && descr == nullptr) descr = row.text;
  }
  CHECK(descr != nullptr && shape.size() <= kMaxRank);
  std::string text = std::string("{'descr': '") + descr +
                     "', 'fortran_order': False, 'shape': " + ShapeText(shape) + ", }";
  // NumPy leaves room for the first dimension to grow to 21 digits before it pads (it appends in
  // place); without that our files would differ from NumPy's.
  if (!shape.empty()) text.append(21 - std::to_string(shape[0]).size(), ' ');
  const size_t unpadded = 10 + text.size() + 1;
  text.append(64 - unpadded % 64, ' ');  // a full 64 where it fits already: so does NumPy
  text += '\n';
  Bytes out = ToBytes(AsBytes(kNpyMagic));
  out.push_back(1);
  out.push_back(0);
  PutLe(out, static_cast<uint16_t>(text.size()));
  Append(out, AsBytes(text));
  return out;
}

Bytes WriteNpy(DType dtype, const std::vector<uint64_t>& shape, ByteView data) {
  uint64_t bytes = DTypeBytes(dtype);
  for (const uint64_t dimension : shape) bytes *= dimension;
  CHECK(bytes == data.size());
  Bytes out = NpyHeaderFor(dtype, shape);
  Append(out, data);
  return out;
}

}  // namespace souk::gpu
