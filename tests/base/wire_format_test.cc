#include "base/wire_format.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;

TEST(WireFormatTest, EncodesTheExamplesOfTheSpecification) {
  WireWriter writer;
  writer.Int(1, 150);
  writer.Bytes(2, "testing");
  EXPECT_EQ(std::move(writer).Take(), "\x08\x96\x01\x12\x07testing");
}

TEST(WireFormatTest, NumbersComeBack) {
  WireWriter writer;
  writer.Int(1, -1);
  writer.Double(2, 0.1);
  writer.Fixed32(3, 0xdeadbeef);
  const std::string bytes = std::move(writer).Take();
  WireReader reader(bytes);
  WireField field;
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(static_cast<int64_t>(field.value), -1);
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(std::bit_cast<double>(field.value), 0.1);
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.value, 0xdeadbeef);
  EXPECT_FALSE(reader.Next(field));
  EXPECT_TRUE(reader.ok());
}

TEST(WireFormatTest, ListsMayBePackedOrNot) {
  std::vector<int64_t> values;
  EXPECT_TRUE(AppendInts({1, WireType::kVarint, 7, ""}, values));
  EXPECT_TRUE(AppendInts({1, WireType::kBytes, 0, "\x08\x96\x01"}, values));
  EXPECT_THAT(values, ElementsAre(7, 8, 150));
}

TEST(WireFormatTest, DoublesComeBackPackedOrNot) {
  WireWriter out;
  out.PackedDoubles(3, {0.5, -0.1});
  out.PackedDoubles(3, {});
  out.Double(3, 2);
  const std::string bytes = std::move(out).Take();
  WireReader reader(bytes);
  WireField field;
  std::vector<double> values;
  while (reader.Next(field)) EXPECT_TRUE(AppendDoubles(field, values));
  EXPECT_TRUE(reader.ok());
  EXPECT_THAT(values, ElementsAre(0.5, -0.1, 2));
}

TEST(WireFormatTest, PartOfADoubleIsRefused) {
  std::vector<double> values;
  EXPECT_FALSE(AppendDoubles({1, WireType::kBytes, 0, "nine byte"}, values));
}

TEST(WireFormatTest, NumbersOfMoreThanTenBytesAreRefused) {
  const std::string bytes = std::string("\x08") + std::string(10, '\xff');
  WireReader reader(bytes);
  WireField field;
  EXPECT_FALSE(reader.Next(field));
  EXPECT_FALSE(reader.ok());
}

TEST(WireFormatTest, TagsOfMoreThanFiveBytesAreRefused) {
  WireReader reader(absl::string_view("\x88\x80\x80\x80\x80\x00\x01", 7));
  WireField field;
  EXPECT_FALSE(reader.Next(field));
  EXPECT_FALSE(reader.ok());
}

TEST(WireFormatTest, BytesBeyondTheEndAreRefused) {
  WireReader reader("\x12\x07test");
  WireField field;
  EXPECT_FALSE(reader.Next(field));
  EXPECT_FALSE(reader.ok());
}

TEST(WireFormatTest, GroupsAreRefused) {
  WireReader reader("\x0b\x0c");
  WireField field;
  EXPECT_FALSE(reader.Next(field));
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace shoal
