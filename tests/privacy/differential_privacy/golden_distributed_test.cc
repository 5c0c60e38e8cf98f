// Noise of many devices beside ddgauss.csv, ddgauss_params.csv and
// distributed_dropout.csv: a published implementation of distributed discrete
// Gaussian and Skellam noise, by Rényi divergences of whole orders.
#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/accounting/epsilon.h"
#include "privacy/differential_privacy/distributed_mechanism.h"
#include "tests/privacy/accounting/small_events.h"
#include "tests/support/external_data.h"
#include "tests/support/reference_table.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::secure_aggregation::Quantiser;
using ::shoal::testing::ReferenceRow;
using ::shoal::testing::ReferenceTable;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

std::string File(const std::string& name) {
  return testing::ReferenceDir() + "/privacy/" + name + ".csv";
}

// Vectors of this norm on a grid of this step, exactly: so many of its steps as
// a power of two less 1 are the largest coordinate.
BoundedRounding Rounding(double clip_norm, double step, int64_t length,
                         double beta) {
  int bits = 2;
  while (bits < 24 && (std::ldexp(1, bits) - 1) * step <= clip_norm) ++bits;
  const auto quantiser = Quantiser::Create(
      {.norm_bound = clip_norm,
       .coordinate_bound = (std::ldexp(1, bits - 1) - 1) * step,
       .bits = bits,
       .rotate = true});
  EXPECT_TRUE(quantiser.ok()) << quantiser.status();
  return *BoundedRounding::Create(*quantiser, length, beta);
}

// All members stay and none colludes, so that the share is that of the row.
absl::StatusOr<DistributedNoise> NoiseOf(const ReferenceRow& row,
                                         NoiseKind kind, double step) {
  const BoundedRounding rounding = Rounding(
      row.number("l2_clip"), step, row.integer("dim"), row.number("beta"));
  const double members = row.number("num_clients");
  return DistributedNoise::Create(
      rounding, {.kind = kind,
                 .noise_multiplier = row.number("local_stddev") / step *
                                     std::sqrt(members) / rounding.bound(),
                 .num_members = row.integer("num_clients"),
                 .min_survivors = row.integer("num_clients")});
}

double EpsilonOf(const DistributedNoise& noise, const ReferenceRow& row,
                 Accountant accountant) {
  DistributedOptions options = {.expected_devices = 1,
                                .accountant = accountant};
  if (row.number("sampling_rate") < 1) {
    options.poisson_rate = row.number("sampling_rate");
  }
  const auto mechanism =
      DistributedMechanism<kDeviceAddRemove>::Create(noise, options);
  EXPECT_TRUE(mechanism.ok()) << mechanism.status();
  const auto bounds =
      Epsilon(*PrivacyEvent::Repeat(mechanism->event(), row.integer("steps")),
              {kDeviceAddRemove, row.number("delta"), accountant});
  EXPECT_TRUE(bounds.ok()) << bounds.status();
  return bounds->upper;
}

// Truth is the norm and the gap; the peer's epsilon is an upper bound from
// Rényi divergences, under sampling a general one. Ours is that of the rounded
// Gaussian, and tight. Where the gap counts, this noise is refused.
TEST(GoldenDistributedTest, DdgaussEpsilonsAreNotAboveThePeers) {
  SHOAL_SKIP_WITHOUT(File("ddgauss"));
  const ReferenceTable table(File("ddgauss"));
  int refused = 0;
  for (const ReferenceRow& row : table.rows()) {
    const auto noise =
        NoiseOf(row, NoiseKind::kDiscreteGaussian, row.number("gamma"));
    if (row.number("tau") > 0) {
      EXPECT_THAT(noise, StatusIs(absl::StatusCode::kInvalidArgument,
                                  HasSubstr("take a finer grid or Skellam")))
          << row.ToString();
      ++refused;
      continue;
    }
    SHOAL_ASSERT_OK(noise);
    const double epsilon = EpsilonOf(*noise, row, Accountant::kPld);
    const double peer = row.number("epsilon_peer");
    EXPECT_LT(epsilon, peer) << row.ToString();
    // Never less than noise without any rounding costs. Loss distributions gain
    // up to a tenth on divergences; under sampling a factor of ten.
    PrivacyEvent exact = *PrivacyEvent::Gaussian(
        row.number("local_stddev") * std::sqrt(row.number("num_clients")) /
        row.number("l2_clip"));
    if (row.number("sampling_rate") < 1) {
      exact = *PrivacyEvent::Repeat(Sampled(row.number("sampling_rate"), exact),
                                    row.integer("steps"));
    } else {
      EXPECT_GT(epsilon, 0.9 * peer) << row.ToString();
    }
    EXPECT_GE(epsilon,
              Epsilon(exact, {kDeviceAddRemove, row.number("delta")})->lower)
        << row.ToString();
  }
  EXPECT_EQ(refused, 3);
}

// The same theorem and whole orders: equal but for rounding.
TEST(GoldenDistributedTest, SkellamEpsilonsAreThePeers) {
  SHOAL_SKIP_WITHOUT(File("skellam"));
  const ReferenceTable table(File("skellam"));
  for (const ReferenceRow& row : table.rows()) {
    const auto noise =
        NoiseOf(row, NoiseKind::kSkellam, 1 / row.number("scale"));
    SHOAL_ASSERT_OK(noise);
    const double peer = row.number("epsilon_peer");
    EXPECT_NEAR(EpsilonOf(*noise, row, Accountant::kRdp), peer, 1e-9 * peer)
        << row.ToString();
  }
}

RingFitOptions FitOf(const ReferenceRow& row, NoiseKind kind) {
  return {.kind = kind,
          .ring_bits = static_cast<int>(row.integer("bits")),
          .clip_norm = row.number("l2_clip"),
          .length = row.integer("dim"),
          .num_members = row.integer("num_clients"),
          .min_survivors = row.integer("num_clients"),
          .beta = row.number("beta"),
          .num_stddevs = row.number("k_stddevs")};
}

absl::StatusOr<DistributedNoise> Solved(const ReferenceRow& row,
                                        NoiseKind kind) {
  const Accountant accountant =
      kind == NoiseKind::kSkellam ? Accountant::kRdp : Accountant::kPld;
  return FitBudgetToRing(
      FitOf(row, kind),
      {.epsilon = row.number("target_epsilon"),
       .query = {kDeviceAddRemove, row.number("delta"), accountant},
       .rounds = row.integer("steps")});
}

// Our error is at most the peer's, (1 + tolerance). The multiplier's slack of
// 1e-6 counts twice in a variance, and the peer's root is good to 1e-7. Where
// a share is below about three steps, discrete Gaussians are refused, and
// Skellam noise, which the refusal names, takes their place: where the peer
// has found the best discrete Gaussian, that is up to 5e-4 worse.
TEST(GoldenDistributedTest, DdgaussParamsErrorsAreNotAboveThePeers) {
  SHOAL_SKIP_WITHOUT(File("ddgauss_params"));
  const ReferenceTable table(File("ddgauss_params"));
  int refused = 0;
  for (const ReferenceRow& row : table.rows()) {
    NoiseKind kind = row.text("mechanism") == "skellam"
                         ? NoiseKind::kSkellam
                         : NoiseKind::kDiscreteGaussian;
    const double step = row.number("gamma_or_1_over_scale");
    const double stddev = row.number("local_stddev");
    double tolerance = 1e-5;
    auto noise = Solved(row, kind);
    if (absl::IsInvalidArgument(noise.status())) {
      EXPECT_THAT(noise.status().message(), HasSubstr("Skellam"));
      EXPECT_LT(stddev / step, 3) << row.ToString();
      ++refused;
      tolerance = 5e-4;
      kind = NoiseKind::kSkellam;
      noise = Solved(row, kind);
    }
    SHOAL_ASSERT_OK(noise);
    const double peer =
        row.number("num_clients") * (stddev * stddev + step * step / 4);
    EXPECT_LE(SquaredSumError(*noise), peer * (1 + tolerance))
        << row.ToString();
    EXPECT_EQ(noise->ring_bits(), row.integer("bits"));
    const Accountant accountant =
        kind == NoiseKind::kSkellam ? Accountant::kRdp : Accountant::kPld;
    const double target = row.number("target_epsilon");
    const double epsilon = EpsilonOf(*noise, row, accountant);
    EXPECT_LE(epsilon, target) << row.ToString();
    EXPECT_GT(epsilon, target * (1 - 1e-5)) << row.ToString();
  }
  EXPECT_EQ(refused, 8);
}

// What is left of noise that was not sized for whom it loses. The peer's
// Skellam noise is on vectors of norm 1 with 4096 values and a step of 0.001,
// which reproduces its numbers; ours are smaller where an order between whole
// ones is better, by up to 4e-4.
TEST(GoldenDistributedTest, DistributedDropoutEpsilonsAgree) {
  SHOAL_SKIP_WITHOUT(File("distributed_dropout"));
  const ReferenceTable table(File("distributed_dropout"));
  const BoundedRounding rounding = Rounding(1, 1e-3, 4096, std::exp(-0.5));
  for (const ReferenceRow& row : table.rows()) {
    const double left = row.number("actual_central_stddev_over_clip");
    PrivacyEvent gaussian = *PrivacyEvent::Gaussian(left);
    PrivacyEvent skellam = *PrivacyEvent::Skellam(
        {.variance = 1e6 * left * left,
         .l2_bound = rounding.bound(),
         .l1_bound = IntegerL1Bound(rounding.bound(), 4096)});
    for (PrivacyEvent* event : {&gaussian, &skellam}) {
      *event = *PrivacyEvent::Repeat(
          Sampled(row.number("sampling_rate"), *event), row.integer("steps"));
    }
    const double delta = row.number("delta");
    const auto tight = Epsilon(gaussian, {kDeviceAddRemove, delta});
    SHOAL_ASSERT_OK(tight);
    // A grid of 1e-4, which is loose where rates are tiny.
    const double pld = row.number("epsilon_gaussian_pld_q_T");
    EXPECT_LE(tight->upper, pld * (1 + 2e-5)) << row.ToString();
    EXPECT_GE(tight->upper, pld * (1 - 1e-2)) << row.ToString();
    const auto renyi =
        Epsilon(skellam, {kDeviceAddRemove, delta, Accountant::kRdp});
    SHOAL_ASSERT_OK(renyi);
    const double peer = row.number("epsilon_skellam_peer");
    EXPECT_LE(renyi->upper, peer * (1 + 1e-9)) << row.ToString();
    EXPECT_GE(renyi->upper, peer * (1 - 5e-4)) << row.ToString();
  }
}

// Shares that are sized for whom they lose restore the epsilon of the row
// without losses.
TEST(GoldenDistributedTest, DistributedDropoutIsMadeGoodByLargerShares) {
  SHOAL_SKIP_WITHOUT(File("distributed_dropout"));
  const ReferenceTable table(File("distributed_dropout"));
  const BoundedRounding rounding = Rounding(1, 1e-3, 4096, std::exp(-0.5));
  for (const ReferenceRow& row : table.rows()) {
    const double target = row.number("target_central_stddev_over_clip");
    const auto planned = row.number("n_planned");
    const auto noise = DistributedNoise::Create(
        rounding, {.kind = NoiseKind::kSkellam,
                   .noise_multiplier = target / (rounding.bound() / 1000),
                   .num_members = row.integer("n_planned"),
                   .min_survivors = std::llround(
                       planned * (1 - row.number("dropout_fraction"))),
                   .colluding_fraction = row.number("colluding_fraction")});
    SHOAL_ASSERT_OK(noise);
    const auto mechanism = DistributedMechanism<kDeviceAddRemove>::Create(
        *noise, {.expected_devices = 1, .accountant = Accountant::kRdp});
    SHOAL_ASSERT_OK(mechanism);
    const auto& event = std::get<SkellamEvent>(mechanism->event().kind());
    EXPECT_NEAR(std::sqrt(event.variance) / 1000, target, 1e-12 * target)
        << row.ToString();
    const double share = noise->share_stddev() / 1000;
    const double inflation = share * share * planned / (target * target);
    EXPECT_NEAR(inflation, row.number("local_variance_inflation_needed"),
                1e-12 * inflation)
        << row.ToString();
  }
}

}  // namespace
}  // namespace shoal::privacy
