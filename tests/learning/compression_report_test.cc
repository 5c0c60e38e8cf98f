#include "learning/compression_report.h"

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

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

TEST(CompressionReportTest, EvaluatesAndTimesBothForms) {
  const ParameterVector before = Parameters();
  const ParameterVector after(18, 0.0f);
  VirtualClock clock;
  // A hundred examples: in two seconds, 90 right, for the first form; in one
  // second, 80 right, for the other.
  const auto evaluate = [&](absl::Span<const float> parameters) {
    const bool first = parameters[0] != 0;
    clock.Advance(absl::Seconds(first ? 2 : 1));
    return Score{.loss_sum = first ? 10.0 : 30.0,
                 .num_correct = first ? 90 : 80,
                 .num_examples = 100};
  };
  const CompressionReport report = CompareForms(
      {.parameters = before, .size = SizeOf(Layout(), before)},
      {.parameters = after, .size = SizeOf(Layout(), after)}, evaluate, clock);
  EXPECT_EQ(report.before.score.num_correct, 90);
  EXPECT_EQ(report.after.score.num_correct, 80);
  EXPECT_EQ(report.before.examples_per_second, 50);
  EXPECT_EQ(report.after.examples_per_second, 100);
  EXPECT_EQ(report.after.size.sparse, 2 + 1);
}

TEST(CompressionReportTest, TextTellsWhatChanged) {
  CompressionReport report;
  report.before = {
      .size = {.dense = 4000, .sparse = 4000},
      .score = {.loss_sum = 10, .num_correct = 90, .num_examples = 100},
      .examples_per_second = 50};
  report.after = {
      .size = {.dense = 1000, .sparse = 500},
      .score = {.loss_sum = 30, .num_correct = 80, .num_examples = 100},
      .examples_per_second = 100};
  EXPECT_EQ(report.ToString(),
            "                             before          after     change\n"
            "bytes, dense                   4000           1000      4.00x "
            "smaller\n"
            "bytes, sparse                  4000            500      8.00x "
            "smaller\n"
            "loss                         0.1000         0.3000    +0.2000\n"
            "accuracy                     0.9000         0.8000    -0.1000\n"
            "examples per second              50            100\n");
}

TEST(CompressionReportTest, AClockThatStandsStillGivesNoSpeed) {
  const ParameterVector parameters = Parameters();
  const ModelForm form = {.parameters = parameters,
                          .size = SizeOf(Layout(), parameters)};
  const VirtualClock clock;
  const auto evaluate = [](absl::Span<const float>) {
    return Score{.num_examples = 1};
  };
  const CompressionReport report = CompareForms(form, form, evaluate, clock);
  EXPECT_EQ(report.before.examples_per_second, 0);
}

}  // namespace
}  // namespace shoal::learning
