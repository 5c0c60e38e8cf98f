#include "base/bytes.h"

#include <limits>

#include "gtest/gtest.h"

namespace shoal {
namespace {

using namespace std::string_literals;

TEST(BytesTest, IntegersAreLittleEndian) {
  std::string out;
  AppendU16(out, 0x0102);
  AppendU32(out, 0x03040506);
  AppendU64(out, 0x0708090a0b0c0d0e);
  EXPECT_EQ(out, "\x02\x01\x06\x05\x04\x03\x0e\x0d\x0c\x0b\x0a\x09\x08\x07"s);
}

TEST(BytesTest, DoubleIsItsIeee754Bits) {
  std::string out;
  AppendF64(out, -2.0);
  EXPECT_EQ(out, "\0\0\0\0\0\0\0\xc0"s);
}

TEST(ByteReaderTest, ReadsWhatWasAppended) {
  std::string out;
  AppendU16(out, 7);
  AppendU32(out, 70000);
  AppendU64(out, uint64_t{1} << 40);
  AppendF64(out, 0.1);
  AppendSized(out, "name");
  out += "tail";
  ByteReader reader(out);
  EXPECT_EQ(reader.U16(), 7);
  EXPECT_EQ(reader.U32(), 70000);
  EXPECT_EQ(reader.U64(), uint64_t{1} << 40);
  EXPECT_EQ(reader.F64(), 0.1);
  EXPECT_EQ(reader.Sized(), "name");
  EXPECT_EQ(reader.rest(), "tail");
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReaderTest, ReadBeyondTheEndIsZeroAndNotOk) {
  ByteReader reader("abc");
  EXPECT_EQ(reader.U32(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReaderTest, NothingIsReadAfterAFailure) {
  ByteReader reader("abc");
  EXPECT_EQ(reader.U64(), 0);
  EXPECT_EQ(reader.U16(), 0) << "two bytes are there, but the order is lost";
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReaderTest, SizeBeyondTheEndIsRefusedWithoutReading) {
  std::string out;
  AppendU32(out, std::numeric_limits<uint32_t>::max());
  out += "short";
  ByteReader reader(out);
  EXPECT_EQ(reader.Sized(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReaderTest, LargestSizeDoesNotWrapAround) {
  ByteReader reader("abc");
  EXPECT_EQ(reader.Bytes(std::numeric_limits<size_t>::max()), "");
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReaderTest, EmptyReadAtTheEndIsFine) {
  ByteReader reader("");
  EXPECT_EQ(reader.Bytes(0), "");
  EXPECT_TRUE(reader.ok());
}

}  // namespace
}  // namespace shoal
