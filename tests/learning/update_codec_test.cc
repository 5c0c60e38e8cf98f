#include "learning/update_codec.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using namespace std::string_literals;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr UpdateReport kReport = {.num_examples = 10,
                                  .num_steps = 4,
                                  .divisor = 1.5,
                                  .base_loss_sum = 23.5,
                                  .base_num_correct = 3,
                                  .limit = WorkLimit::kTime};

std::string Encoded(const UpdateReport& report = kReport) {
  return EncodeUpdate(UpdateCodec::kFloat32, report,
                      std::vector<float>{1, -2, 0.5});
}

auto IsRefused(const char* what) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
}

TEST(UpdateCodecTest, UpdateRoundTrips) {
  const std::string bytes = Encoded();
  SHOAL_ASSERT_OK_AND_ASSIGN(const DecodedUpdate update,
                             DecodeUpdate(bytes, 3));
  EXPECT_EQ(update.report, kReport);
  EXPECT_THAT(update.delta, ElementsAre(1, -2, 0.5));
}

TEST(UpdateCodecTest, BytesAreAsDocumented) {
  EXPECT_EQ(EncodeUpdate(UpdateCodec::kFloat32, kReport, std::vector<float>{1}),
            "SHUP"
            "\2\0\1\0"
            "\x0a\0\0\0\0\0\0\0"
            "\4\0\0\0\0\0\0\0"
            "\0\0\0\0\0\0\xf8\x3f"
            "\0\0\0\0\0\x80\x37\x40"
            "\3\0\0\0\0\0\0\0"
            "\5\0\0\0\0\0\0\0"
            "\1\0\0\0\0\0\0\0"
            "\0\0\x80\x3f"s);
}

TEST(UpdateCodecTest, SizeIsKnownInAdvance) {
  EXPECT_EQ(EncodedUpdateBytes(UpdateCodec::kFloat32, 3),
            static_cast<int64_t>(Encoded().size()));
  EXPECT_EQ(EncodedUpdateBytes(UpdateCodec::kFloat32, int64_t{1} << 30),
            (int64_t{1} << 32) + 64);
}

TEST(UpdateCodecTest, AlignedBytesAreUsedInPlace) {
  const std::string bytes = Encoded();
  ASSERT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % 4, 0);
  SHOAL_ASSERT_OK_AND_ASSIGN(const DecodedUpdate update,
                             DecodeUpdate(bytes, 3));
  EXPECT_EQ(reinterpret_cast<const char*>(update.delta.data()),
            bytes.data() + 64);
}

TEST(UpdateCodecTest, UnalignedBytesAreCopiedAndSurviveAMove) {
  for (int shift : {1, 2, 3}) {
    std::string bytes = std::string(shift, ' ') + Encoded();
    SHOAL_ASSERT_OK_AND_ASSIGN(
        DecodedUpdate update,
        DecodeUpdate(absl::string_view(bytes).substr(shift), 3));
    bytes.assign(bytes.size(), 'x');
    const DecodedUpdate moved = std::move(update);
    EXPECT_THAT(moved.delta, ElementsAre(1, -2, 0.5));
  }
}

TEST(UpdateCodecTest, NoParametersAreFine) {
  const std::string bytes = EncodeUpdate(UpdateCodec::kFloat32, kReport, {});
  SHOAL_ASSERT_OK_AND_ASSIGN(const DecodedUpdate update,
                             DecodeUpdate(bytes, 0));
  EXPECT_TRUE(update.delta.empty());
}

TEST(UpdateCodecTest, ValuesAreNotInspected) {
  const std::string bytes =
      EncodeUpdate(UpdateCodec::kFloat32, kReport,
                   std::vector<float>{std::nanf(""),
                                      std::numeric_limits<float>::infinity()});
  SHOAL_ASSERT_OK_AND_ASSIGN(const DecodedUpdate update,
                             DecodeUpdate(bytes, 2));
  EXPECT_TRUE(std::isnan(update.delta[0]));
}

TEST(UpdateCodecTest, EveryTruncationIsRefused) {
  const std::string bytes = Encoded();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodeUpdate(absl::string_view(bytes).substr(0, size), 3),
                IsRefused("bytes"))
        << size;
  }
}

TEST(UpdateCodecTest, TrailingBytesAreRefused) {
  EXPECT_THAT(DecodeUpdate(Encoded() + "x", 3), IsRefused("77 bytes"));
  EXPECT_THAT(DecodeUpdate(Encoded() + "four", 3), IsRefused("80 bytes"));
}

// A flipped bit gives an error or another valid update, never a crash.
TEST(UpdateCodecTest, FlippedBitsAreRefusedOrMeanAnotherUpdate) {
  const std::string bytes = Encoded();
  for (size_t i = 0; i < 8 * bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i / 8] ^= 1 << (i % 8);
    const absl::StatusOr<DecodedUpdate> update = DecodeUpdate(flipped, 3);
    if (!update.ok()) {
      EXPECT_THAT(update, StatusIs(absl::StatusCode::kInvalidArgument));
    } else {
      EXPECT_EQ(
          EncodeUpdate(UpdateCodec::kFloat32, update->report, update->delta),
          flipped);
    }
  }
}

TEST(UpdateCodecTest, WrongMagicVersionAndCodecAreRefused) {
  std::string bytes = Encoded();
  bytes[3] = 'X';
  EXPECT_THAT(DecodeUpdate(bytes, 3), IsRefused("'SHUP'"));
  bytes = Encoded();
  bytes[4] = 1;
  EXPECT_THAT(DecodeUpdate(bytes, 3), IsRefused("format version is 1"));
  bytes = Encoded();
  bytes[7] = 1;
  EXPECT_THAT(DecodeUpdate(bytes, 3), IsRefused("codec is 257"));
}

TEST(UpdateCodecTest, UpdateOfAnotherModelIsRefused) {
  EXPECT_THAT(DecodeUpdate(Encoded(), 4),
              IsRefused("claims 3 parameters, expected 4"));
}

TEST(UpdateCodecTest, HugeClaimIsRefused) {
  for (uint64_t claim :
       {uint64_t{1} << 40, (uint64_t{1} << 62) + 3, ~uint64_t{0}}) {
    std::string bytes = Encoded();
    std::memcpy(bytes.data() + 56, &claim, sizeof claim);
    EXPECT_THAT(DecodeUpdate(bytes, 3), IsRefused("claims"));
  }
}

TEST(UpdateCodecTest, ImpossibleReportsAreRefused) {
  const auto refused = [](const UpdateReport& report, const char* what) {
    EXPECT_THAT(DecodeUpdate(Encoded(report), 3), IsRefused(what));
  };
  refused({.num_examples = 0}, "num_examples is 0");
  refused({.num_examples = -1}, "num_examples is -1");
  refused({.num_examples = 1, .num_steps = -1}, "num_steps is -1");
  refused({.num_examples = 1, .divisor = 0}, "divisor is 0");
  refused({.num_examples = 1, .divisor = -2}, "divisor is -2");
  refused({.num_examples = 1, .divisor = std::nan("")}, "divisor is nan");
  refused({.num_examples = 1, .divisor = INFINITY}, "divisor is inf");
  refused({.num_examples = 1, .base_loss_sum = -0.5}, "base_loss_sum is -0.5");
  refused({.num_examples = 1, .base_loss_sum = std::nan("")},
          "base_loss_sum is nan");
  refused({.num_examples = 1, .base_loss_sum = INFINITY},
          "base_loss_sum is inf");
  refused({.num_examples = 1, .base_num_correct = -1},
          "base_num_correct is -1");
  refused({.num_examples = 1, .limit = WorkLimit{6}},
          "limit is 6, expected 0 to 5");
}

TEST(UpdateCodecTest, RandomBytesBehindAnyPrefixNeverCrash) {
  const std::string bytes = Encoded();
  SeededRng rng(1);
  for (int trial = 0; trial < 20000; ++trial) {
    std::string noise = bytes.substr(0, rng.Below(bytes.size()));
    while (noise.size() < bytes.size()) noise.push_back(rng.Uint64());
    const absl::StatusOr<DecodedUpdate> update = DecodeUpdate(noise, 3);
    if (update.ok()) {
      EXPECT_EQ(update->delta.size(), 3);
    }
  }
}

}  // namespace
}  // namespace shoal::learning
