#include "gpu/workload/npy.h"

#include <gtest/gtest.h>

#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

// A file with any header text, padded with nothing.
Bytes File(const std::string& header, ByteView data, uint8_t major = 1) {
  Bytes out = ToBytes(AsBytes("\x93NUMPY"));
  out.push_back(major);
  out.push_back(0);
  if (major == 1) {
    PutLe(out, static_cast<uint16_t>(header.size()));
  } else {
    PutLe(out, static_cast<uint32_t>(header.size()));
  }
  Append(out, AsBytes(header));
  Append(out, data);
  return out;
}
Code CodeOf(const Bytes& file) {
  const Result<NpyHeader> header = ParseNpy(file);
  EXPECT_FALSE(header);
  return header ? Code::kIo : header.error().code;
}

TEST(Npy, WritesTheBytesThatNumpyWrites) {
  // numpy.save of numpy.arange(3, dtype="<i4"), NumPy 1.24.
  const std::string expected = std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                               "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }" +
                               std::string(60, ' ') + "\n";
  const Bytes data = {0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0};
  const Bytes file = WriteNpy(DType::kI32, {3}, data);
  ASSERT_EQ(file.size(), 128 + 12u);
  EXPECT_EQ(AsText(ByteView(file).first(128)), expected);
  EXPECT_EQ(Bytes(file.begin() + 128, file.end()), data);
}

TEST(Npy, ReadsBackWhatItWritesForEveryTypeAndRank) {
  for (uint8_t d = static_cast<uint8_t>(DType::kBool); d <= static_cast<uint8_t>(DType::kF64);
       ++d) {
    const auto dtype = static_cast<DType>(d);
    for (const std::vector<uint64_t>& shape : std::vector<std::vector<uint64_t>>{
             {}, {1}, {7}, {2, 3}, {2, 1, 3}, {1, 2, 1, 2, 1, 2, 1, 2}}) {
      uint64_t bytes = DTypeBytes(dtype);
      for (const uint64_t dimension : shape) bytes *= dimension;
      const Bytes file = WriteNpy(dtype, shape, Bytes(bytes, 1));
      const Result<NpyHeader> header = ParseNpy(file);
      ASSERT_TRUE(header) << header.error().message;
      EXPECT_EQ(header->dtype, dtype);
      EXPECT_EQ(header->shape, shape);
      EXPECT_EQ(header->data_bytes, bytes);
      EXPECT_EQ(header->data_offset % 64, 0u);
    }
  }
}

TEST(Npy, ReadsVersionsOneToThreeAndNoOther) {
  const std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
  for (const uint8_t major : Bytes{1, 2, 3}) {
    EXPECT_TRUE(ParseNpy(File(header, Bytes(2), major))) << int{major};
  }
  EXPECT_EQ(CodeOf(File(header, Bytes(2), 4)), Code::kUnsupported);
  EXPECT_EQ(CodeOf(File(header, Bytes(2), 0)), Code::kUnsupported);
}

TEST(Npy, RefusesFortranOrderBigEndianAndOtherTypes) {
  const auto with = [](const std::string& descr, const std::string& order) {
    return File("{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': (1,), }",
                Bytes(8));
  };
  EXPECT_EQ(CodeOf(with("'<f8'", "True")), Code::kUnsupported);
  for (const char* descr : {"'>f8'", "'<c8'", "'|O'", "'<U2'", "'|S8'", "'<M8[ns]'", "'|V8'",
                            "[('a', '<f4'), ('b', '<f4')]"}) {
    EXPECT_EQ(CodeOf(with(descr, "False")), Code::kUnsupported) << descr;
  }
  EXPECT_TRUE(ParseNpy(with("'<f8'", "False")));
}

TEST(Npy, RefusesAShapeWhoseBytesOverflow) {
  const auto with = [](const std::string& shape) {
    return File("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }", Bytes(8));
  };
  EXPECT_EQ(CodeOf(with("(4294967296, 4294967296)")), Code::kOverflow);
  EXPECT_EQ(CodeOf(with("(2305843009213693952,)")), Code::kOverflow);
  EXPECT_EQ(CodeOf(with("(18446744073709551615,)")), Code::kOverflow);
  EXPECT_EQ(CodeOf(with("(18446744073709551616,)")), Code::kMalformed);
  EXPECT_EQ(CodeOf(with("(-1,)")), Code::kMalformed);
  EXPECT_EQ(CodeOf(with("(0,)")), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf(with("(1,1,1,1,1,1,1,1,1)")), Code::kTooLarge);
}

TEST(Npy, RefusesTooFewAndTooManyBytes) {
  const std::string header = "{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }";
  EXPECT_TRUE(ParseNpy(File(header, Bytes(6))));
  EXPECT_EQ(CodeOf(File(header, Bytes(5))), Code::kMalformed);
  EXPECT_EQ(CodeOf(File(header, Bytes(7))), Code::kMalformed);
}

TEST(Npy, RefusesEveryTruncation) {
  const Bytes file = WriteNpy(DType::kI32, {2}, Bytes(8));
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(ParseNpy(ByteView(file).first(size))) << size;
  }
}

TEST(Npy, RefusesHeadersThatNumpyDoesNotWrite) {
  const std::string ok = "'descr': '|u1', 'fortran_order': False, 'shape': (1,)";
  EXPECT_TRUE(ParseNpy(File("{" + ok + "}", Bytes(1))));
  EXPECT_TRUE(
      ParseNpy(File("{\"shape\": (1,), \"descr\": \"|u1\", \"fortran_order\": False}", Bytes(1))));
  for (const std::string& header :
       {std::string(), std::string("{"), std::string("{}"), "{" + ok, ok, "{" + ok + "} x",
        "{" + ok + ", 'descr': '|u1'}", "{" + ok + ", 'more': 1}", "{" + ok + ",,}",
        std::string("{'descr': '|u1', 'fortran_order': False, 'shape': (1)}"),
        std::string("{'descr': '|u1', 'fortran_order': False, 'shape': [1]}"),
        std::string("{'descr': '|u1', 'fortran_order': False, 'shape': (1 1)}"),
        std::string("{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}"),
        std::string("{'descr': '|u1', 'fortran_order': False, 'shape: (1,)}"),
        std::string("{'descr': '|u1', 'shape': (1,)}")}) {
    EXPECT_EQ(CodeOf(File(header, Bytes(1))), Code::kMalformed) << header;
  }
}

TEST(Npy, RefusesAHeaderLengthBeyondItsBound) {
  Bytes file = ToBytes(AsBytes("\x93NUMPY\x02"));
  file.push_back(0);
  PutLe(file, uint32_t{0xffffffff});
  EXPECT_EQ(CodeOf(file), Code::kTooLarge);
}

TEST(Npy, RefusesBoolsThatAreNeitherZeroNorOne) {
  EXPECT_TRUE(ParseNpy(WriteNpy(DType::kBool, {2}, Bytes{0, 1})));
  EXPECT_EQ(CodeOf(WriteNpy(DType::kBool, {2}, Bytes{0, 2})), Code::kMalformed);
}

}  // namespace
}  // namespace souk::gpu
