#include "privacy/differential_privacy/integer_noise.h"

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "privacy/differential_privacy/exact_samplers.h"
#include "tests/privacy/differential_privacy/histogram.h"
#include "tests/privacy/differential_privacy/scripted_rng.h"
#include "tests/support/external_data.h"
#include "tests/support/insecure_rng.h"
#include "tests/support/reference_table.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::ExpectDistribution;
using ::shoal::testing::InsecureSeededRng;
using ::shoal::testing::ReferenceRow;
using ::shoal::testing::ReferenceTable;
using ::shoal::testing::ScriptedRng;

constexpr uint64_t kFives = 0x5555555555555555;

std::string File(const std::string& name) {
  return testing::ReferenceDir() + "/privacy/" + name + ".csv";
}

std::vector<int64_t> Drawn(const auto& sampler, uint64_t seed, size_t size) {
  InsecureSeededRng rng(seed);
  std::vector<int64_t> values(size);
  sampler.Fill(rng, absl::MakeSpan(values));
  return values;
}

double Moment(const std::vector<int64_t>& values, int power) {
  double sum = 0;
  for (const int64_t value : values) {
    sum += std::pow(static_cast<double>(value), power);
  }
  return sum / static_cast<double>(values.size());
}

TEST(ThresholdTableTest, WordsThatAreEqualToASumAreDecidedByFurtherBits) {
  const ThresholdTable thirds({FixedPoint(1), FixedPoint(1), FixedPoint(1)});
  const auto draw = [&](std::vector<uint64_t> script) {
    ScriptedRng rng(std::move(script));
    RandomWords words(rng);
    return thirds.Draw(words);
  };
  EXPECT_EQ(draw({kFives - 1}), 0);
  EXPECT_EQ(draw({kFives, kFives, kFives - 1}), 0);
  EXPECT_EQ(draw({kFives, kFives, kFives}), 1);
  EXPECT_EQ(draw({kFives, kFives - 1, ~uint64_t{0}}), 0);
  EXPECT_EQ(draw({kFives + 1}), 1);
  EXPECT_EQ(draw({~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}}), 2);
}

TEST(ThresholdTableTest, ValuesOfNoWeightAreNeverDrawn) {
  const ThresholdTable table(
      {FixedPoint(), FixedPoint(1), FixedPoint(), FixedPoint(1)});
  ScriptedRng rng({0, 0, 0, uint64_t{1} << 63, 0, 0});
  RandomWords words(rng);
  EXPECT_EQ(table.Draw(words), 1);
  EXPECT_EQ(table.Draw(words), 3);
}

TEST(DiscreteGaussianSamplerTest, SmallSigmasHaveTheirProbabilities) {
  for (const double sigma : {0.1, 0.5, 1.0, 3.3, 40.0, 127.9}) {
    const auto sampler = DiscreteGaussianSampler::Create(sigma);
    SHOAL_ASSERT_OK(sampler);
    const auto weight = [&](int64_t k) {
      const double x = static_cast<double>(k) / sigma;
      return std::exp(-x * x / 2);
    };
    double total = 0;
    for (int64_t k = -2000; k <= 2000; ++k) total += weight(k);
    InsecureSeededRng rng(7);
    RandomWords words(rng);
    ExpectDistribution([&] { return sampler->Draw(words); },
                       [&](int64_t k) { return weight(k) / total; }, 2000,
                       400'000);
  }
}

// From here on x, y and the coin take part. 150 is decomposed with a step of 2.
TEST(DiscreteGaussianSamplerTest, ComposedDrawsHaveTheirProbabilities) {
  for (const double sigma : {150.0, 300.0}) {
    const auto sampler = DiscreteGaussianSampler::Create(sigma);
    SHOAL_ASSERT_OK(sampler);
    InsecureSeededRng rng(8);
    RandomWords words(rng);
    ExpectDistribution([&] { return sampler->Draw(words); },
                       [&](int64_t k) {
                         const double x = static_cast<double>(k) / sigma;
                         return std::exp(-x * x / 2) /
                                (sigma * 2.5066282746310002);
                       },
                       2000, 2'000'000);
  }
}

// In bins of sigma / 50; a normal's probabilities differ by less than 1e-6 of a
// bin here.
TEST(DiscreteGaussianSamplerTest, LargeSigmasHaveTheirProbabilities) {
  for (const double sigma : {0x1.3p20, 0x1p33, 0x1p40}) {
    const auto sampler = DiscreteGaussianSampler::Create(sigma);
    SHOAL_ASSERT_OK(sampler);
    InsecureSeededRng rng(9);
    RandomWords words(rng);
    const double bin = sigma / 50;
    ExpectDistribution(
        [&] {
          return std::llround(static_cast<double>(sampler->Draw(words)) / bin);
        },
        [&](int64_t k) {
          const double low = (static_cast<double>(k) - 0.5) / 50;
          return 0.5 * (std::erfc(low / std::sqrt(2.0)) -
                        std::erfc((low + 0.02) / std::sqrt(2.0)));
        },
        400, 1'000'000);
  }
}

// Within a step of 2^m the low bits are as likely as each other.
TEST(DiscreteGaussianSamplerTest, LowBitsAreUniform) {
  const auto sampler = DiscreteGaussianSampler::Create(0x1p30);
  SHOAL_ASSERT_OK(sampler);
  InsecureSeededRng rng(10);
  RandomWords words(rng);
  ExpectDistribution([&] { return sampler->Draw(words) & 63; },
                     [](int64_t k) { return k < 0 ? 0 : 1.0 / 64; }, 63,
                     200'000);
}

// The coin between its two bounds: x = 16, y = 1 of 2, sigma = 256 (base 128):
// w = 0.5 (0.5 + 32) / 32768, and exp(-w) decides.
TEST(DiscreteGaussianSamplerTest, UndecidedCoinsAreDecidedByMoreBits) {
  const auto sampler = DiscreteGaussianSampler::Create(256);
  SHOAL_ASSERT_OK(sampler);
  const double w = 0.5 * 32.5 / 32768;
  const double limit = std::exp(-w);
  const auto coin = static_cast<uint64_t>(std::ldexp(limit, 64));
  ASSERT_GT(limit, 1 - w + 1e-9);
  ASSERT_LT(limit, 1 - w + w * w / 2);
  // P(|x| <= 15) < u < P(|x| <= 16).
  double sum = 0;
  double total = 0;
  for (int x = 0; x < 2000; ++x) {
    const double weight = std::exp(-x * x / 32768.0);
    if (x < 16) sum += weight;
    if (x == 16) sum += weight / 2;
    total += weight;
  }
  const auto place = static_cast<uint64_t>(std::ldexp(sum / total, 64));
  const auto draw = [&](uint64_t word) {
    // When the coin fails, the next draw is x = 0, y = 0, kept, plus.
    ScriptedRng rng({place, 1, word, 0, 0, 0, 0, 0});
    RandomWords words(rng);
    return sampler->Draw(words);
  };
  EXPECT_EQ(draw(coin - (1 << 20)), 33);
  EXPECT_EQ(draw(coin + (1 << 20)), 0);
  EXPECT_EQ(draw(0), 33);
  EXPECT_EQ(draw(~uint64_t{0}), 0);
}

TEST(DiscreteGaussianSamplerTest, MomentsAreThoseOfTheReference) {
  SHOAL_SKIP_WITHOUT(File("discrete_gaussian_moments"));
  const ReferenceTable table(File("discrete_gaussian_moments"));
  constexpr size_t kDraws = 400'000;
  for (const ReferenceRow& row : table.rows()) {
    const auto sampler = DiscreteGaussianSampler::Create(row.number("sigma"));
    SHOAL_ASSERT_OK(sampler);
    const std::vector<int64_t> values = Drawn(*sampler, 11, kDraws);
    const double variance = row.number("variance_mpmath50");
    const double fourth = row.number("fourth_moment_mpmath50");
    // Five standard deviations of a mean: 6e-7.
    EXPECT_NEAR(Moment(values, 1), 0, 5 * std::sqrt(variance / kDraws));
    EXPECT_NEAR(Moment(values, 2), variance,
                5 * std::sqrt((fourth - variance * variance) / kDraws) + 1e-9)
        << row.ToString();
    // The eighth moment of a normal is 105 sigma^8.
    if (row.number("sigma") >= 1) {
      EXPECT_NEAR(Moment(values, 4), fourth,
                  5 * std::sqrt(96 * std::pow(variance, 4) / kDraws));
    }
  }
}

TEST(DiscreteGaussianSamplerTest, ProbabilitiesAreThoseOfTheReference) {
  SHOAL_SKIP_WITHOUT(File("discrete_gaussian"));
  const ReferenceTable table(File("discrete_gaussian"));
  constexpr size_t kDraws = 1'000'000;
  double sigma = 0;
  std::vector<int64_t> values;
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    if (row.number("sigma") != sigma) {
      sigma = row.number("sigma");
      const auto sampler = DiscreteGaussianSampler::Create(sigma);
      SHOAL_ASSERT_OK(sampler);
      values = Drawn(*sampler, 12, kDraws);
    }
    double p = 0;  // far out it is below what a double can hold
    (void)absl::SimpleAtod(row.text("pmf_mpmath50"), &p);
    const double mean = p * kDraws;
    const auto count = static_cast<double>(
        std::count(values.begin(), values.end(), row.integer("x")));
    // 135 rows of five and a half standard deviations: 6e-6; small means are
    // Poisson's, of which 25 above 5 has a probability of 1e-9.
    EXPECT_NEAR(count, mean, 5.5 * std::sqrt(mean * (1 - p)) + 20)
        << row.ToString();
    ++checked;
  }
  EXPECT_GT(checked, 100);
}

TEST(DiscreteGaussianSamplerTest, SigmasOutOfRangeAreRefused) {
  for (const double sigma : {0.0, -1.0, 0x1p-8, 0x1p41, double{NAN}}) {
    EXPECT_FALSE(DiscreteGaussianSampler::Create(sigma).ok());
  }
}

// I_k(v) e^-v by its series.
double SkellamPmf(double variance, int64_t k) {
  const auto order = static_cast<double>(std::llabs(k));
  double sum = 0;
  for (int i = 0; i < 400; ++i) {
    sum += std::exp((2 * i + order) * std::log(variance / 2) -
                    std::lgamma(i + 1) - std::lgamma(i + order + 1) - variance);
  }
  return sum;
}

TEST(SkellamSamplerTest, ValuesHaveTheirProbabilities) {
  for (const double variance : {0.01, 0.5, 2.0, 25.0, 100.0}) {
    const auto sampler = SkellamSampler::Create(variance);
    SHOAL_ASSERT_OK(sampler);
    InsecureSeededRng rng(13);
    RandomWords words(rng);
    ExpectDistribution([&] { return sampler->Draw(words); },
                       [&](int64_t k) { return SkellamPmf(variance, k); }, 100,
                       400'000);
  }
}

// Four parts above 2^24: variance v, kurtosis 3 + 1 / v.
TEST(SkellamSamplerTest, LargeVariancesAreSums) {
  for (const double variance : {1e6, 0x1p26}) {
    const auto sampler = SkellamSampler::Create(variance);
    SHOAL_ASSERT_OK(sampler);
    constexpr size_t kDraws = 200'000;
    const std::vector<int64_t> values = Drawn(*sampler, 14, kDraws);
    EXPECT_NEAR(Moment(values, 1), 0, 5 * std::sqrt(variance / kDraws));
    EXPECT_NEAR(Moment(values, 2), variance,
                5 * variance * std::sqrt(2.0 / kDraws));
    EXPECT_NEAR(Moment(values, 4), 3 * variance * variance,
                5 * variance * variance * std::sqrt(96.0 / kDraws));
  }
}

TEST(SkellamSamplerTest, VariancesOutOfRangeAreRefused) {
  for (const double variance : {0.0, -1.0, 0x1p31, double{NAN}}) {
    EXPECT_FALSE(SkellamSampler::Create(variance).ok());
  }
}

TEST(IntegerNoiseTest, TheSystemsGeneratorFeedsIt) {
  const auto sampler = DiscreteGaussianSampler::Create(1000);
  SHOAL_ASSERT_OK(sampler);
  SystemRng rng;
  std::vector<int64_t> first(1000), second(1000);
  sampler->Fill(rng, absl::MakeSpan(first));
  sampler->Fill(rng, absl::MakeSpan(second));
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace shoal::privacy
