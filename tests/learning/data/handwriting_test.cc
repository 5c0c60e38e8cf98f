#include "learning/data/handwriting.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

std::vector<float> Draw(const Writer& writer, int64_t example) {
  std::vector<float> picture(Writer::kNumFeatures);
  writer.Draw(example, absl::MakeSpan(picture));
  return picture;
}

std::vector<float> HeldOut(const Writer& writer, int64_t example, int digit) {
  std::vector<float> picture(Writer::kNumFeatures);
  writer.DrawHeldOut(example, digit, absl::MakeSpan(picture));
  return picture;
}

double Ink(const std::vector<float>& picture) {
  return std::accumulate(picture.begin(), picture.end(), 0.0);
}

TEST(Handwriting, AnExampleDependsOnSeedWriterAndNumberAlone) {
  const Writer writer(1, 200, 3);
  const Writer again(1, 200, 3);
  const auto seventh = Draw(writer, 7);
  Draw(again, 1000);
  HeldOut(again, 7, 2);
  EXPECT_EQ(Draw(again, 7), seventh);
  EXPECT_EQ(again.Label(7), writer.Label(7));
  // The mean number of examples changes how many there are, not which.
  EXPECT_EQ(Draw(Writer(1, 50, 3), 7), seventh);
}

TEST(Handwriting, SeedWriterAndNumberAllMatter) {
  const Writer writer(1, 200, 3);
  const auto picture = HeldOut(writer, 7, 5);
  EXPECT_NE(HeldOut(writer, 8, 5), picture);
  EXPECT_NE(HeldOut(Writer(1, 200, 4), 7, 5), picture);
  EXPECT_NE(HeldOut(Writer(2, 200, 3), 7, 5), picture);
}

TEST(Handwriting, HeldOutDigitsAreNoTrainingExamples) {
  const Writer writer(1, 200, 3);
  EXPECT_NE(HeldOut(writer, 7, writer.Label(7)), Draw(writer, 7));
}

TEST(Handwriting, PicturesAreInkOnPaper) {
  for (int index = 0; index < 50; ++index) {
    const Writer writer(1, 200, index);
    for (int digit = 0; digit < 10; ++digit) {
      const auto picture = HeldOut(writer, index, digit);
      EXPECT_THAT(picture, ::testing::Each(::testing::AllOf(::testing::Ge(0),
                                                            ::testing::Le(1))));
      EXPECT_GT(Ink(picture), 5) << digit;
      EXPECT_LT(Ink(picture), 784 / 2) << digit;
    }
  }
}

TEST(Handwriting, DigitsStayInTheMiddle) {
  // Of 500 digits no more than 2 % of the ink lies on the rim.
  double rim = 0, total = 0;
  for (int index = 0; index < 50; ++index) {
    const Writer writer(1, 200, index);
    for (int digit = 0; digit < 10; ++digit) {
      const auto picture = HeldOut(writer, 0, digit);
      total += Ink(picture);
      for (int i = 0; i < 28; ++i) {
        rim += picture[i] + picture[27 * 28 + i] + picture[28 * i] +
               picture[28 * i + 27];
      }
    }
  }
  EXPECT_LT(rim / total, 0.02);
}

TEST(Handwriting, LabelsFollowTheWritersHabits) {
  const Writer writer(1, 200, 0);
  std::array<double, 10> counts{};
  constexpr int kDraws = 10000;
  for (int i = 0; i < kDraws; ++i) counts[writer.Label(i)] += 1;
  for (int digit = 0; digit < 10; ++digit) {
    // Six standard deviations of a share, at most: false failure < 1e-7.
    EXPECT_NEAR(counts[digit] / kDraws, writer.label_shares()[digit], 0.03);
  }
}

TEST(Handwriting, HabitsDifferFromWriterToWriter) {
  // A flat Dirichlet distribution over ten digits: the largest share has the
  // mean H(10) / 10 = 0.293.
  double sum = 0;
  constexpr int kWriters = 400;
  for (int index = 0; index < kWriters; ++index) {
    const auto shares = Writer(1, 200, index).label_shares();
    EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-9);
    sum += *std::max_element(shares.begin(), shares.end());
  }
  EXPECT_NEAR(sum / kWriters, 0.293, 0.03);
}

TEST(Handwriting, AmountsFollowAPowerLaw) {
  constexpr int kWriters = 20000;
  std::vector<int64_t> amounts(kWriters);
  for (int index = 0; index < kWriters; ++index) {
    amounts[index] = Writer(5, 200, index).num_examples();
  }
  std::sort(amounts.begin(), amounts.end());
  const double mean =
      std::accumulate(amounts.begin(), amounts.end(), 0.0) / kWriters;
  // Standard deviation of one amount below 200, of the mean below 1.5.
  EXPECT_NEAR(mean, 200, 9);
  const double minimum = 200 / (2 - 1.0 / 16);
  EXPECT_EQ(amounts.front(), std::llround(minimum));
  EXPECT_EQ(amounts.back(), std::llround(16 * minimum));
  // P(n > m t) = t^-2: the median is m sqrt(2), one in 16 is above 4 m.
  EXPECT_NEAR(amounts[kWriters / 2], minimum * std::sqrt(2), 3);
  EXPECT_NEAR(amounts[kWriters * 15 / 16], minimum * 4, 30);
}

TEST(Handwriting, EveryWriterHasAnExample) {
  for (int index = 0; index < 100; ++index) {
    EXPECT_GE(Writer(1, 1, index).num_examples(), 1);
  }
}

// The nearest mean picture of the writer tells more digits apart than that of
// another writer: style is in the features.
TEST(Handwriting, WritersHaveStylesOfTheirOwn) {
  const auto mean_picture = [](const Writer& writer, int digit) {
    std::vector<double> mean(Writer::kNumFeatures);
    for (int i = 0; i < 20; ++i) {
      const auto picture = HeldOut(writer, i, digit);
      for (int k = 0; k < Writer::kNumFeatures; ++k) mean[k] += picture[k] / 20;
    }
    return mean;
  };
  const auto distance = [](const std::vector<double>& mean,
                           const std::vector<float>& picture) {
    double sum = 0;
    for (size_t k = 0; k < mean.size(); ++k) {
      sum += (mean[k] - picture[k]) * (mean[k] - picture[k]);
    }
    return sum;
  };
  int own = 0, total = 0;
  for (int index = 0; index < 10; ++index) {
    const Writer writer(1, 200, 2 * index);
    const Writer other(1, 200, 2 * index + 1);
    const auto mine = mean_picture(writer, 3);
    const auto theirs = mean_picture(other, 3);
    for (int i = 100; i < 120; ++i, ++total) {
      const auto picture = HeldOut(writer, i, 3);
      own += distance(mine, picture) < distance(theirs, picture);
    }
  }
  EXPECT_GT(own, total * 3 / 4);
}

TEST(Glyphs, EveryDigitHasSeveral) {
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_GE(GlyphsOf(digit).size(), 3);
    for (const Glyph& glyph : GlyphsOf(digit)) {
      for (const Stroke& stroke : glyph) EXPECT_GE(stroke.size(), 2);
    }
  }
}

}  // namespace
}  // namespace shoal::learning
