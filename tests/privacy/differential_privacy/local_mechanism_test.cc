#include "privacy/differential_privacy/local_mechanism.h"

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "privacy/accounting/epsilon.h"
#include "tests/privacy/differential_privacy/histogram.h"
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

constexpr auto kFree = [](const PrivacyEvent&) { return absl::OkStatus(); };

std::string File(const std::string& name) {
  return testing::ReferenceDir() + "/privacy/" + name + ".csv";
}

TEST(LocalResponseTest, ProbabilitiesAreThoseOfTheReference) {
  SHOAL_SKIP_WITHOUT(File("randomized_response"));
  const ReferenceTable table(File("randomized_response"));
  for (const ReferenceRow& row : table.rows()) {
    const auto response = LocalResponse::Create(row.integer("num_buckets_k"),
                                                row.number("eps0_closed_form"));
    SHOAL_ASSERT_OK(response);
    EXPECT_NEAR(response->noise_probability(),
                row.number("noise_parameter_p (peer: 1-p truth else uniform)"),
                1e-9)
        << row.ToString();
    const double truth = 1 - response->noise_probability() *
                                 (1 - 1 / row.number("num_buckets_k"));
    EXPECT_NEAR(truth, row.number("prob_truth"), 1e-9);
  }
}

TEST(LocalResponseTest, CountsAreEstimatedWithoutBias) {
  const auto response = LocalResponse::Create(4, 1);
  SHOAL_ASSERT_OK(response);
  InsecureSeededRng rng(1);
  std::vector<int64_t> told(4);
  constexpr int kDevices = 100'000;
  for (int i = 0; i < kDevices; ++i) {
    auto value = response->Tell(i % 10 < 7 ? 2 : 0, rng);
    SHOAL_ASSERT_OK(value);
    ++told[*(*std::move(value)).Take(kFree)];
  }
  const std::vector<double> estimates = response->Estimate(told);
  const double spread =
      5.5 * 0.5 * std::sqrt(kDevices) / (1 - response->noise_probability());
  EXPECT_NEAR(estimates[0], 0.3 * kDevices, spread);
  EXPECT_NEAR(estimates[1], 0, spread);
  EXPECT_NEAR(estimates[2], 0.7 * kDevices, spread);
  EXPECT_FALSE(response->Tell(4, rng).ok());
  EXPECT_FALSE(response->Tell(-1, rng).ok());
}

TEST(LocalLaplaceTest, NoiseIsThatOfTheReference) {
  SHOAL_SKIP_WITHOUT(File("discrete_laplace"));
  const ReferenceTable table(File("discrete_laplace"));
  for (const ReferenceRow& row : table.rows()) {
    if (row.number("x") != 0) continue;
    const double scale = row.number("scale_t");
    const auto laplace = LocalLaplace::Create(1, 1 / scale);
    SHOAL_ASSERT_OK(laplace);
    InsecureSeededRng rng(2);
    ExpectDistribution(
        [&] { return *laplace->Tell(0, rng).Take(kFree); },
        [&](int64_t k) {
          return row.number("pmf_mpmath50") *
                 std::exp(-std::fabs(static_cast<double>(k)) / scale);
        },
        3000, 40'000);
  }
}

// P(told | 0) <= e^epsilon P(told | range) for every value: the loss of the
// scale that is used, of which the event says the same.
TEST(LocalLaplaceTest, TheEventIsNotBelowTheLoss) {
  for (const double epsilon : {0.1, 1.0 / 3, 1.0, 7.7}) {
    const auto laplace = LocalLaplace::Create(3, epsilon);
    SHOAL_ASSERT_OK(laplace);
    const auto& event = std::get<EpsilonDeltaEvent>(laplace->event().kind());
    EXPECT_LE(event.epsilon, epsilon);
    EXPECT_NEAR(event.epsilon, epsilon, 1e-4 * epsilon);
    EXPECT_EQ(event.adjacency, Adjacency::kReplaceOne);
  }
}

TEST(LocalLaplaceTest, ValuesOutOfTheRangeBecomeItsEnds) {
  const auto laplace = LocalLaplace::Create(10, 1000);  // nearly no noise
  SHOAL_ASSERT_OK(laplace);
  InsecureSeededRng rng(3);
  EXPECT_EQ(*laplace->Tell(99, rng).Take(kFree), 10);
  EXPECT_EQ(*laplace->Tell(-99, rng).Take(kFree), 0);
}

BoundedRounding VectorRounding(int64_t length, bool rotate, int bits = 16) {
  const auto quantiser = secure_aggregation::Quantiser::Create(
      {.norm_bound = 1, .coordinate_bound = 1, .bits = bits, .rotate = rotate});
  EXPECT_TRUE(quantiser.ok()) << quantiser.status();
  return *BoundedRounding::Create(*quantiser, length, std::exp(-0.5));
}

// Two vectors of the bound's norm may point in opposite directions: the
// multiplier over the difference of 2 is 1.
TEST(LocalGaussianTest, TheEventIsThatOfTheNoiseBesideTwiceTheNorm) {
  const BoundedRounding rounding = VectorRounding(8, false);
  const auto gaussian = LocalGaussian::Create(rounding, 2);
  SHOAL_ASSERT_OK(gaussian);
  EXPECT_NEAR(gaussian->sigma(), 2 * rounding.bound(), 1e-3);
  EXPECT_GT(gaussian->sigma(), 2 * rounding.bound());
  const auto bounds = Epsilon(gaussian->event(), {kDeviceReplaceOne, 1e-5});
  SHOAL_ASSERT_OK(bounds);
  EXPECT_NEAR(bounds->upper, 4.37717809568122, 1e-9);
}

TEST(LocalGaussianTest, NoiseIsADiscreteGaussianAroundTheClippedVector) {
  const auto gaussian = LocalGaussian::Create(VectorRounding(2, false, 4), 0.5);
  SHOAL_ASSERT_OK(gaussian);
  InsecureSeededRng rng(4);
  double total = 0;
  const auto weight = [&](double k) {
    return std::exp(-0.5 * std::pow(k / gaussian->sigma(), 2));
  };
  for (int k = -100; k <= 100; ++k) total += weight(k);
  // 30 is clipped to 1, which is 7 steps exactly.
  ExpectDistribution(
      [&] {
        std::vector<float> values = {30, 0};
        return (
            *gaussian->Tell(absl::MakeSpan(values), "", rng).Take(kFree))[0];
      },
      [&](int64_t k) { return weight(static_cast<double>(k) - 7) / total; },
      3000, 40'000);
}

TEST(LocalGaussianTest, MeansComeBackThroughTheRotation) {
  constexpr int kDevices = 2000;
  constexpr int kLength = 600;
  const std::string seed(32, 's');
  const auto gaussian = LocalGaussian::Create(VectorRounding(kLength, true), 1);
  SHOAL_ASSERT_OK(gaussian);
  InsecureSeededRng rng(5);
  std::vector<int64_t> sum(kLength);
  for (int device = 0; device < kDevices; ++device) {
    std::vector<float> values(kLength);
    values[7] = 0.5F;
    values[599] = -0.25F;
    const auto told =
        *gaussian->Tell(absl::MakeSpan(values), seed, rng).Take(kFree);
    for (int i = 0; i < kLength; ++i) sum[i] += told[i];
  }
  const auto mean = gaussian->Mean(sum, kDevices, seed);
  SHOAL_ASSERT_OK(mean);
  // Noise of 1 over the root of 2000 in every value: 5.5 deviations, 600 times.
  const double spread = 5.5 / std::sqrt(kDevices);
  double squares = 0;
  for (int i = 0; i < kLength; ++i) {
    const double truth = i == 7 ? 0.5 : i == 599 ? -0.25 : 0;
    EXPECT_NEAR((*mean)[i], truth, spread) << i;
    squares += std::pow((*mean)[i] - truth, 2);
  }
  EXPECT_NEAR(squares * kDevices / kLength, 1, 5.5 * std::sqrt(2.0 / kLength));
  EXPECT_FALSE(gaussian->Mean(sum, 0, seed).ok());
}

TEST(LocalGaussianTest, VectorsThatAreNotFiniteAreNoiseAlone) {
  const auto gaussian = LocalGaussian::Create(VectorRounding(3, false), 1);
  SHOAL_ASSERT_OK(gaussian);
  InsecureSeededRng rng(6), same(6);
  std::vector<float> broken = {1, NAN, 0};
  const auto told =
      *gaussian->Tell(absl::MakeSpan(broken), "", rng).Take(kFree);
  std::vector<int64_t> noise(3);
  DiscreteGaussianSampler::Create(gaussian->sigma())
      ->Fill(same, absl::MakeSpan(noise));
  EXPECT_EQ(told, noise);
}

TEST(LocalMechanismTest, WhatCannotBeIsRefused) {
  for (const double multiplier : {0.0, -1.0, double{NAN}, double{INFINITY}}) {
    EXPECT_FALSE(
        LocalGaussian::Create(VectorRounding(2, false), multiplier).ok());
  }
  // 7 steps of norm: 0.1 of them, and 3 beside, are below 4.
  EXPECT_FALSE(LocalGaussian::Create(VectorRounding(2, false, 4), 0.1).ok());

  EXPECT_FALSE(LocalLaplace::Create(0, 1).ok());
  EXPECT_FALSE(LocalLaplace::Create(1, 0).ok());
  EXPECT_FALSE(LocalLaplace::Create(1 << 20, 0.1).ok());
  EXPECT_FALSE(LocalResponse::Create(1, 1).ok());
  EXPECT_FALSE(LocalResponse::Create(2, NAN).ok());
}

}  // namespace
}  // namespace shoal::privacy
