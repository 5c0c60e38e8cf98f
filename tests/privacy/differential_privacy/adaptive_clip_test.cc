#include "privacy/differential_privacy/adaptive_clip.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/external_data.h"
#include "tests/support/reference_table.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::ReferenceRow;
using ::shoal::testing::ReferenceTable;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

std::string File(const std::string& name) {
  return testing::ReferenceDir() + "/privacy/" + name + ".csv";
}

AdaptiveClipOptions Example() {
  return {.initial_clip_norm = 0.1,
          .target_quantile = 0.5,
          .learning_rate = 0.2,
          .count_stddev = 5,
          .expected_devices = 100};
}

// Votes are twice the shifted count, and integers: the trace's noise is rounded
// to a half, which changes a clip norm by exp(0.2 × 0.25 / 100) at most.
TEST(AdaptiveClipTest, FollowsThePublishedTrace) {
  SHOAL_SKIP_WITHOUT(File("adaptive_clip_trace"));
  const ReferenceTable table(File("adaptive_clip_trace"));
  for (const ReferenceRow& row : table.rows()) {
    AdaptiveClipOptions options = Example();
    options.initial_clip_norm = row.number("clip_before");
    auto clip = AdaptiveClip::Create(options);
    SHOAL_ASSERT_OK(clip);
    const double shifted = row.number("unclipped_count") - 50 +
                           row.number("noise_on_shifted_count");
    clip->Update(std::llround(2 * shifted));
    const double expected = row.number("clip_after_geometric_lr0.2_q0.5");
    EXPECT_NEAR(clip->clip_norm(), expected, 5.1e-4 * expected)
        << row.ToString();
  }
}

TEST(AdaptiveClipTest, NoiseIsSplitAsPublished) {
  SHOAL_SKIP_WITHOUT(File("adaptive_clip_noise_split"));
  const ReferenceTable table(File("adaptive_clip_noise_split"));
  for (const ReferenceRow& row : table.rows()) {
    const auto value =
        ValueNoiseMultiplier(row.number("noise_multiplier_total"),
                             row.number("clipped_count_stddev"));
    SHOAL_ASSERT_OK(value);
    const double expected = row.number("value_noise_multiplier");
    EXPECT_NEAR(*value, expected, 1e-13 * expected) << row.ToString();
  }
}

TEST(AdaptiveClipTest, ACountThatSpendsEverythingIsRefused) {
  EXPECT_FALSE(ValueNoiseMultiplier(1, 0.5).ok());
  EXPECT_FALSE(ValueNoiseMultiplier(1, 0.1).ok());
  EXPECT_FALSE(ValueNoiseMultiplier(0, 1).ok());
}

TEST(AdaptiveClipTest, ZerosHaveNoVote) {
  EXPECT_EQ(AdaptiveClip::Vote(0.5, 1), 1);
  EXPECT_EQ(AdaptiveClip::Vote(1, 1), 1);
  EXPECT_EQ(AdaptiveClip::Vote(1.5, 1), -1);
  for (const double none : {0.0, std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(AdaptiveClip::Vote(none, 1), 0) << none;
  }
}

// The sign of the rule: from far below and far above, towards the median.
TEST(AdaptiveClipTest, FindsTheMedianFromBothSides) {
  SeededRng rng(1);
  std::vector<double> norms(100);
  for (double& norm : norms) norm = std::exp(0.5 * rng.Normal());
  std::nth_element(norms.begin(), norms.begin() + 50, norms.end());
  const double median = norms[50];
  for (const double start : {0.001, 1000.0}) {
    AdaptiveClipOptions options = Example();
    options.initial_clip_norm = start;
    auto clip = AdaptiveClip::Create(options);
    SHOAL_ASSERT_OK(clip);
    for (int round = 0; round < 150; ++round) {
      int64_t votes = 0;
      for (const double norm : norms) {
        votes += AdaptiveClip::Vote(norm, clip->clip_norm());
      }
      clip->Update(votes + std::llround(clip->vote_stddev() * rng.Normal()));
    }
    EXPECT_NEAR(clip->clip_norm(), median, 0.2 * median);
  }
}

TEST(AdaptiveClipTest, GoesOnFromItsState) {
  auto clip = AdaptiveClip::Create(Example());
  SHOAL_ASSERT_OK(clip);
  clip->Update(-40);
  auto restored = AdaptiveClip::Restore(Example(), clip->Serialize());
  SHOAL_ASSERT_OK(restored);
  EXPECT_EQ(restored->clip_norm(), clip->clip_norm());
  EXPECT_EQ(restored->num_updates(), 1);
  restored->Update(7);
  clip->Update(7);
  EXPECT_EQ(restored->Serialize(), clip->Serialize());
}

TEST(AdaptiveClipTest, BytesThatAreNoStateAreRefused) {
  const std::string state = AdaptiveClip::Create(Example())->Serialize();
  for (size_t size = 0; size < state.size(); ++size) {
    EXPECT_THAT(AdaptiveClip::Restore(Example(), state.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  std::string later = state;
  later[0] = 2;
  EXPECT_THAT(AdaptiveClip::Restore(Example(), later),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("version 2, expected 1")));
  std::string wrong = state;
  wrong[19] = static_cast<char>(0xff);  // a negative clip norm
  EXPECT_THAT(AdaptiveClip::Restore(Example(), wrong),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(AdaptiveClipTest, OptionsOutOfRangeAreNamed) {
  const auto refused = [](auto change, const char* name) {
    AdaptiveClipOptions options = Example();
    change(options);
    EXPECT_THAT(AdaptiveClip::Create(options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
  };
  refused([](auto& o) { o.initial_clip_norm = 0; }, "initial clip norm");
  refused([](auto& o) { o.target_quantile = 1.1; }, "quantile");
  refused([](auto& o) { o.learning_rate = NAN; }, "learning rate");
  refused([](auto& o) { o.count_stddev = 0; }, "standard deviation");
  refused([](auto& o) { o.expected_devices = 0; }, "expected devices");
}

}  // namespace
}  // namespace shoal::privacy
