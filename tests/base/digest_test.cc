#include "base/digest.h"

#include "absl/strings/ascii.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

// FIPS 180-4 examples.
constexpr char kAbc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kNothing[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(DigestTest, Sha256OfPublishedMessages) {
  EXPECT_EQ(Sha256("abc").ToHex(), kAbc);
  EXPECT_EQ(Sha256("").ToHex(), kNothing);
}

TEST(DigestTest, PiecesGiveTheDigestOfTheWhole) {
  Sha256Stream stream;
  EXPECT_EQ(stream.Current().ToHex(), kNothing);
  stream.Update("a");
  EXPECT_EQ(stream.Current(), Sha256("a"));
  stream.Update("");
  stream.Update("bc");
  EXPECT_EQ(stream.Current().ToHex(), kAbc);
}

TEST(DigestTest, MovedStreamGoesOn) {
  Sha256Stream first;
  first.Update("ab");
  Sha256Stream second = std::move(first);
  second.Update("c");
  EXPECT_EQ(second.Current().ToHex(), kAbc);
}

TEST(DigestTest, HexRoundTripsInEitherCase) {
  const Digest digest = Sha256("abc");
  EXPECT_THAT(Digest::FromHex(kAbc), IsOkAndHolds(digest));
  EXPECT_THAT(Digest::FromHex(absl::AsciiStrToUpper(kAbc)),
              IsOkAndHolds(digest));
  EXPECT_EQ(digest.ToShortHex(), "ba7816bf8f01");
}

TEST(DigestTest, BrokenHexIsRefusedWithItsText) {
  std::string not_hex = kAbc;
  not_hex[63] = 'g';
  for (const std::string& bad : {std::string(), std::string("ba78"),
                                 std::string(kAbc) + "00", not_hex}) {
    EXPECT_THAT(Digest::FromHex(bad),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(bad.substr(0, 10))));
  }
}

TEST(DigestTest, BytesRoundTrip) {
  const Digest digest = Sha256("abc");
  EXPECT_THAT(Digest::FromBytes(digest.AsBytes()), IsOkAndHolds(digest));
  EXPECT_THAT(Digest::FromBytes("short"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not 5")));
}

TEST(DigestTest, OnlyAllZerosIsEmpty) {
  EXPECT_TRUE(Digest().empty());
  EXPECT_FALSE(Sha256("").empty());
}

TEST(DigestTest, ConstantTimeEqualsComparesSizeAndContents) {
  EXPECT_TRUE(ConstantTimeEquals("", ""));
  EXPECT_TRUE(ConstantTimeEquals("same", "same"));
  EXPECT_FALSE(ConstantTimeEquals("same", "samf"));
  EXPECT_FALSE(ConstantTimeEquals("same", "sam"));
}

// The check value of CRC-32/ISO-HDLC.
TEST(DigestTest, Crc32OfPublishedMessage) {
  EXPECT_EQ(Crc32("123456789"), 0xcbf43926);
  EXPECT_EQ(Crc32(""), 0);
}

}  // namespace
}  // namespace shoal
