#include "learning/compression_report.h"

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Sixteen weights and a bias.
ParameterLayout Layout() {
  return ParameterLayout({{"dense1.weight", {8, 2}}, {"dense1.bias", {2}}});
}

ParameterVector Parameters() {
  ParameterVector parameters(18, 0.0f);
  for (int i = 0; i < 4; ++i) parameters[i] = static_cast<float>(1 + i);
  parameters[16] = 5;
  parameters[17] = 6;
  return parameters;
}

TEST(CompressionReportTest, FloatsAreSmallerWithoutTheirZeros) {
  const StoredSize size = SizeOf(Layout(), Parameters());
  EXPECT_EQ(size.dense, 18 * 4);
  // Two bytes of bitmap and four weights; the bias has no zeros.
  EXPECT_EQ(size.sparse, 2 + 4 * 4 + 2 * 4);
}

TEST(CompressionReportTest, CodesTakeAByteEach) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const QuantisedModel model,
                             QuantisedModel::Quantise(Layout(), Parameters()));
  const StoredSize size = SizeOf(model);
  // Codes, two steps, the bias.
  EXPECT_EQ(size.dense, 16 + 2 * 4 + 2 * 4);
  EXPECT_EQ(size.sparse, 2 + 4 + 2 * 4 + 2 * 4);
}

TEST(CompressionReportTest, WeightsAloneAreNarrowed) {
  const StoredSize size = SizeOf(Layout(), Parameters(), /*weight_bytes=*/2);
  EXPECT_EQ(size.dense, 16 * 2 + 2 * 4);
  EXPECT_EQ(size.sparse, 2 + 4 * 2 + 2 * 4);
}

TEST(CompressionReportTest, ScoresAndTimesBothForms) {
  VirtualClock clock;
  // A hundred examples: in three seconds, 90 right, for the first form; in one
  // second, 80 right, for the other.
  const auto evaluate =
      [&](absl::Span<const float> parameters) -> absl::StatusOr<Score> {
    const bool first = parameters[0] != 0;
    clock.Advance(absl::Seconds(first ? 3 : 1));
    return Score{.loss_sum = first ? 10.0 : 30.0,
                 .num_correct = first ? 90 : 80,
                 .num_examples = 100};
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const FormScores scores,
      ScoreForms(Parameters(), ParameterVector(18, 0.0f), evaluate, clock));
  EXPECT_EQ(scores.before.score.num_correct, 90);
  EXPECT_EQ(scores.after.score.num_correct, 80);
  EXPECT_DOUBLE_EQ(scores.before.examples_per_second, 100.0 / 3);
  EXPECT_DOUBLE_EQ(scores.after.examples_per_second, 100);
}

TEST(CompressionReportTest, TheFasterOfTwoRunsCounts) {
  VirtualClock clock;
  int runs = 0;
  const auto evaluate = [&](absl::Span<const float>) -> absl::StatusOr<Score> {
    clock.Advance(absl::Seconds(++runs <= 2 ? 8 : 2));
    return Score{.num_examples = 100};
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const FormScores scores,
                             ScoreForms({}, {}, evaluate, clock));
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(scores.before.examples_per_second, 50);
  EXPECT_EQ(scores.after.examples_per_second, 50);
}

TEST(CompressionReportTest, AnErrorOfTheExamplesIsPassedOn) {
  const auto evaluate = [](absl::Span<const float>) -> absl::StatusOr<Score> {
    return absl::InvalidArgumentError("seven classes");
  };
  EXPECT_THAT(ScoreForms({}, {}, evaluate, VirtualClock()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CompressionReportTest, AClockThatStandsStillGivesNoSpeed) {
  const auto evaluate = [](absl::Span<const float>) -> absl::StatusOr<Score> {
    return Score{.num_examples = 1};
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const FormScores scores,
                             ScoreForms({}, {}, evaluate, VirtualClock()));
  EXPECT_EQ(scores.before.examples_per_second, 0);
  EXPECT_EQ(scores.after.examples_per_second, 0);
}

CompressionReport SizesOnly() {
  return {.size_before = {.dense = 4000, .sparse = 4000},
          .size_after = {.dense = 1000, .sparse = 500},
          .scores = std::nullopt};
}

CompressionReport WithScores() {
  CompressionReport report = SizesOnly();
  report.scores = FormScores{
      .before = {{.loss_sum = 10, .num_correct = 90, .num_examples = 100}, 50},
      .after = {{.loss_sum = 30, .num_correct = 80, .num_examples = 100}, 60}};
  return report;
}

TEST(CompressionReportTest, TextTellsWhatChanged) {
  EXPECT_EQ(WithScores().ToString(),
            "                            before         after  change\n"
            "bytes of values               4000          1000  4.00x smaller\n"
            "  without zeros               4000           500  8.00x smaller\n"
            "loss                        0.1000        0.3000  +0.2000\n"
            "accuracy                    0.9000        0.8000  -0.1000\n"
            "predictions / s                 50            60  1.20x\n"
            "100 examples\n");
}

TEST(CompressionReportTest, WithoutExamplesTheTextEndsWithTheSizes) {
  EXPECT_THAT(SizesOnly().ToString(), Not(HasSubstr("loss")));
}

TEST(CompressionReportTest, WithoutClassesThereIsNoAccuracy) {
  CompressionReport report = WithScores();
  report.scores->before.score.num_correct.reset();
  report.scores->after.score.num_correct.reset();
  EXPECT_THAT(report.ToString(),
              AllOf(HasSubstr("loss"), Not(HasSubstr("accuracy"))));
}

TEST(CompressionReportTest, TextTellsWhenNothingOrTheContraryChanged) {
  CompressionReport report;
  report.size_before = {.dense = 100, .sparse = 50};
  report.size_after = {.dense = 100, .sparse = 100};
  EXPECT_THAT(report.ToString(),
              AllOf(HasSubstr("100  same\n"), HasSubstr("2.00x larger")));
}

}  // namespace
}  // namespace shoal::learning
