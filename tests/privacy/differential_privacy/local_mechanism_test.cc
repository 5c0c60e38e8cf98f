#include "privacy/differential_privacy/local_mechanism.h"

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
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

TEST(LocalMechanismTest, WhatCannotBeIsRefused) {
  EXPECT_FALSE(LocalLaplace::Create(0, 1).ok());
  EXPECT_FALSE(LocalLaplace::Create(1, 0).ok());
  EXPECT_FALSE(LocalLaplace::Create(1 << 20, 0.1).ok());
  EXPECT_FALSE(LocalResponse::Create(1, 1).ok());
  EXPECT_FALSE(LocalResponse::Create(2, NAN).ok());
}

}  // namespace
}  // namespace shoal::privacy
