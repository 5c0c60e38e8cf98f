#include "client/example_segment.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr ExampleShape kClasses = {784, 10, 1, 0};
constexpr ExampleShape kSequences = {3, 5, 2, 0};
constexpr ExampleShape kTargets = {2, 0, 0, 2};
constexpr ExampleShape kPlain = {1, 0, 0, 0};

// Makes the checksum of a header right again.
std::string Resealed(std::string header) {
  header.resize(kSegmentHeaderBytes - 4);
  AppendU32(header, Crc32(header));
  return header;
}

TEST(ExampleSegmentTest, HeaderTellsTheShape) {
  for (const ExampleShape& shape : {kClasses, kSequences, kTargets, kPlain}) {
    const std::string header = EncodeSegmentHeader(shape);
    EXPECT_EQ(header.size(), size_t{kSegmentHeaderBytes});
    EXPECT_THAT(DecodeSegmentHeader(header + "records"), IsOkAndHolds(shape));
  }
}

// docs/reference/formats.md: devices hold such files.
TEST(ExampleSegmentTest, HeaderIsWhatItWasWhenItWasWritten) {
  const std::string header = EncodeSegmentHeader(kSequences);
  EXPECT_EQ(
      header.substr(0, 28),
      std::string("SHEX\1\0\0\0\3\0\0\0\5\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0", 28));
}

TEST(ExampleSegmentTest, DamageOfAnyByteOfTheHeaderIsNoticed) {
  const std::string header = EncodeSegmentHeader(kClasses);
  for (size_t i = 0; i < header.size(); ++i) {
    std::string damaged = header;
    damaged[i] ^= 0x10;
    EXPECT_THAT(DecodeSegmentHeader(damaged),
                StatusIs(absl::StatusCode::kDataLoss))
        << i;
    EXPECT_THAT(DecodeSegmentHeader(header.substr(0, i)),
                StatusIs(absl::StatusCode::kDataLoss))
        << i;
  }
}

TEST(ExampleSegmentTest, OtherFormatVersionIsNotTakenForDamage) {
  std::string header = EncodeSegmentHeader(kClasses);
  header[4] = 2;
  EXPECT_THAT(DecodeSegmentHeader(Resealed(header)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("format version 2, expected 1")));
}

TEST(ExampleSegmentTest, NumbersThatCannotBeAreDamage) {
  for (const size_t place : {8, 12, 16, 20}) {
    for (const char high : {'\x7f', '\xff'}) {  // far too many; negative
      std::string header = EncodeSegmentHeader(kClasses);
      header[place + 3] = high;
      EXPECT_THAT(DecodeSegmentHeader(Resealed(header)),
                  StatusIs(absl::StatusCode::kDataLoss))
          << place;
    }
  }
}

class ExampleRecordTest : public ::testing::Test {
 protected:
  const std::vector<float> features_ = {
      -0.0f, std::numeric_limits<float>::quiet_NaN(), 1e-40f};
  const std::vector<int32_t> labels_ = {4, 0};
  const absl::Time added_ = absl::FromUnixMicros(1'700'000'000'123'456);
  const Origin origin_ = {~uint64_t{0}, 7};

  std::string Record() const {
    std::string record;
    AppendRecord({features_, labels_, {}}, added_, origin_, record);
    return record;
  }
};

TEST_F(ExampleRecordTest, WhatWasAppendedComesBack) {
  const std::string record = Record();
  ASSERT_EQ(record.size(), 24 + 4 * 5 + 4u);
  ASSERT_EQ(RecordBytes(kSequences), int64_t{24 + 4 * 5 + 4});
  const RecordView view(kSequences, record);
  EXPECT_TRUE(view.IsIntact());
  EXPECT_EQ(view.added(), added_);
  EXPECT_EQ(view.origin(), origin_);
  std::vector<float> features(3);
  view.CopyFeatures(absl::MakeSpan(features));
  EXPECT_TRUE(std::signbit(features[0]));
  EXPECT_TRUE(std::isnan(features[1]));
  EXPECT_EQ(features[2], 1e-40f);
  std::vector<int32_t> labels(2);
  view.CopyLabels(absl::MakeSpan(labels));
  EXPECT_EQ(labels, labels_);
  EXPECT_EQ(view.first_label(), 4);
}

TEST_F(ExampleRecordTest, TargetsComeBack) {
  const std::vector<float> features = {1, 2};
  const std::vector<float> targets = {3.5f, -4};
  std::string record;
  AppendRecord({features, {}, targets}, added_, {}, record);
  std::vector<float> values(2);
  const RecordView view(kTargets, record);
  view.CopyTargets(absl::MakeSpan(values));
  EXPECT_EQ(values, targets);
  EXPECT_EQ(view.origin(), Origin());
}

TEST_F(ExampleRecordTest, DamageOfAnyByteIsNoticed) {
  const std::string record = Record();
  for (size_t i = 0; i < record.size(); ++i) {
    std::string damaged = record;
    damaged[i] ^= 1;
    EXPECT_FALSE(RecordView(kSequences, damaged).IsIntact()) << i;
  }
}

TEST(CheckExampleTest, LabelsEndBelowTheNumberOfClasses) {
  const std::vector<float> features = {1, 2, 3};
  const auto check = [&](std::vector<int32_t> labels) {
    return CheckExample(kSequences, {features, labels, {}});
  };
  SHOAL_EXPECT_OK(check({0, 4}));
  EXPECT_THAT(check({0, 5}), StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("label 5, expected 0 to 4")));
  EXPECT_THAT(check({-1, 0}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(check({0}), StatusIs(absl::StatusCode::kInvalidArgument,
                                   HasSubstr("1 labels, expected 2")));
}

TEST(CheckExampleTest, FeatureMayBeMissingAndATargetMayNot) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> numbers = {1, 2};
  const std::vector<float> missing = {1, nan};
  const std::vector<float> infinite = {-INFINITY, 2};
  SHOAL_EXPECT_OK(CheckExample(kTargets, {missing, {}, numbers}));
  EXPECT_THAT(CheckExample(kTargets, {numbers, {}, missing}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nan")));
  EXPECT_THAT(
      CheckExample(kTargets, {infinite, {}, numbers}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("feature 0 is")));
  SHOAL_EXPECT_OK(CheckComplete({numbers, {}, {}}));
  EXPECT_THAT(CheckComplete({missing, {}, {}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("feature 1 is missing")));
}

TEST(ShapeTextTest, ShapesAreToldApart) {
  EXPECT_NE(ShapeText(kClasses), ShapeText(kSequences));
  EXPECT_EQ(ShapeText(kPlain), "1 feature");
}

}  // namespace
}  // namespace shoal::client
