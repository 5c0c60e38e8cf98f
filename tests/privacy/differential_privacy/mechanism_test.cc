#include "privacy/differential_privacy/mechanism.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/differential_privacy/central_mechanism.h"
#include "privacy/differential_privacy/correlated_mechanism.h"
#include "privacy/differential_privacy/distributed_mechanism.h"
#include "privacy/differential_privacy/gaussian_multiplier.h"
#include "privacy/matrix_mechanisms/toeplitz.h"
#include "tests/support/external_data.h"
#include "tests/support/insecure_rng.h"
#include "tests/support/reference_table.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::secure_aggregation::Quantiser;
using ::shoal::secure_aggregation::RingVector;
using ::shoal::testing::InsecureSeededRng;
using ::shoal::testing::ReferenceRow;
using ::shoal::testing::ReferenceTable;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kFree = [](const PrivacyEvent&) { return absl::OkStatus(); };
const std::string kRotation(32, 'r');

CentralOptions Central() {
  CentralOptions options;
  options.clip_norm = 1;
  options.noise_multiplier = 1;
  return options;
}

// Of updates in steps of 2^-20.
constexpr double kSteps = 0x1p20;
IntegerGrid Grid(int64_t length, double clip_norm) {
  return {length, clip_norm * kSteps + std::sqrt(length) / 2};
}

BoundedRounding Rounding(int64_t length, int bits = 22) {
  return *BoundedRounding::Create(
      *Quantiser::Create(
          {.norm_bound = 1, .coordinate_bound = 1, .bits = bits}),
      length, std::exp(-0.5));
}

// Over ten devices, whoever came.
std::vector<double> Mean(CentralMechanism<kDeviceAddRemove>& mechanism,
                         std::vector<std::vector<float>> updates,
                         SecureRng& rng, int64_t length = 3) {
  const ClipRule clip = mechanism.clip();
  std::vector<int64_t> sum(length);
  int64_t votes = 0;
  for (auto& update : updates) {
    const auto norm = clip.Apply(absl::MakeSpan(update));
    if (norm.has_value()) votes += AdaptiveClip::Vote(*norm, clip.clip_norm());
    for (int64_t i = 0; i < length; ++i) {
      sum[i] += std::llround(update[i] * kSteps);
    }
  }
  auto noised = mechanism.Release(Grid(length, clip.clip_norm()),
                                  std::move(sum), votes, rng);
  EXPECT_TRUE(noised.ok()) << noised.status();
  const auto released = *(*std::move(noised)).Take(kFree);
  std::vector<double> mean;
  for (const int64_t value : released) {
    mean.push_back(static_cast<double>(value) / kSteps / 10);
  }
  return mean;
}

TEST(NoisedTest, NothingIsSeenThatTheLedgerRefuses) {
  Noised<kDeviceAddRemove, int> noised(7, *PrivacyEvent::Gaussian(2));
  const auto value = std::move(noised).Take([](const PrivacyEvent& event) {
    return absl::ResourceExhaustedError(event.ToString());
  });
  EXPECT_THAT(value, StatusIs(absl::StatusCode::kResourceExhausted,
                              HasSubstr("gaussian(2)")));
}

TEST(MechanismTest, EventsWithoutAccountantAreErrors) {
  FixedSizeDraw draw(100, 10);
  SHOAL_ASSERT_OK(draw.Release(*PrivacyEvent::Gaussian(1)));
  const auto event = std::move(draw).Finish();
  SHOAL_ASSERT_OK(event);
  EXPECT_THAT(CheckSupported(*event, kDeviceReplaceOne, Accountant::kPld),
              StatusIs(absl::StatusCode::kUnimplemented));
  SHOAL_EXPECT_OK(CheckSupported(*event, kDeviceReplaceOne, Accountant::kRdp));
  EXPECT_FALSE(CheckSupported(*event, kDeviceAddRemove, Accountant::kRdp).ok());
}

// The factor in GaussianMultiplier's comment, by summation: a rounded normal of
// variance sigma^2 - 9 has the probabilities of a discrete Gaussian.
TEST(MechanismTest, ARoundedNormalIsADiscreteGaussian) {
  constexpr double kSigma = 5;
  constexpr double kTau = 4;  // 25 - 9
  const auto kernel = [](double x, double s) {
    return std::exp(-x * x / (2 * s * s));
  };
  double total = 0;
  for (int k = -100; k <= 100; ++k) total += kernel(k, kSigma);
  for (const int k : {0, 1, 7, 30}) {
    double probability = 0;
    constexpr double kStep = 1.0 / 64;
    for (double y = -60; y <= 60; y += kStep) {
      double sum = 0;
      for (int j = static_cast<int>(y) - 40; j <= static_cast<int>(y) + 40;
           ++j) {
        sum += kernel(j - y, 3);
      }
      probability += kStep * kernel(y, kTau) / (kTau * std::sqrt(2 * M_PI)) *
                     kernel(k - y, 3) / sum;
    }
    EXPECT_NEAR(probability, kernel(k, kSigma) / total, 1e-12 * probability);
  }
}

TEST(CentralMechanismTest, TheEventIsThatOfTheNoise) {
  const auto mechanism = CentralMechanism<kDeviceAddRemove>::Create(Central());
  SHOAL_ASSERT_OK(mechanism);
  const auto bounds = Epsilon(mechanism->event(), {kDeviceAddRemove, 1e-5});
  SHOAL_ASSERT_OK(bounds);
  EXPECT_NEAR(bounds->upper, 4.37717809568122, 1e-6);
  const auto replace = CentralMechanism<kDeviceReplaceOne>::Create(Central());
  SHOAL_ASSERT_OK(replace);
  EXPECT_GT(Epsilon(replace->event(), {kDeviceReplaceOne, 1e-5})->upper, 9);
}

TEST(CentralMechanismTest, CountAndValuesOfOneDrawAreOneEvent) {
  const std::string file =
      testing::ReferenceDir() + "/privacy/adaptive_clip_noise_split.csv";
  SHOAL_SKIP_WITHOUT(file);
  const ReferenceTable table(file);
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    if (row.number("clipped_count_stddev") < 2) continue;
    CentralOptions options = Central();
    options.clip_norm.reset();
    options.noise_multiplier = row.number("noise_multiplier_total");
    options.adaptive_clip =
        AdaptiveClipOptions{.count_stddev = row.number("clipped_count_stddev"),
                            .expected_devices = 100};
    options.poisson_rate = 0.01;
    const auto mechanism = CentralMechanism<kDeviceAddRemove>::Create(options);
    SHOAL_ASSERT_OK(mechanism);
    const auto all = PrivacyEvent::Repeat(mechanism->event(), 1000);
    SHOAL_ASSERT_OK(all);
    const auto bounds = Epsilon(*all, {kDeviceAddRemove, 1e-5});
    SHOAL_ASSERT_OK(bounds);
    const double expected = row.number("eps_true_q.01_T1000_d1e-5_pld");
    // The published grid is coarser, and an upper bound.
    EXPECT_LE(bounds->upper, expected * (1 + 2e-5)) << row.ToString();
    EXPECT_GE(bounds->upper, expected * (1 - 3e-4)) << row.ToString();
    ++checked;
  }
  EXPECT_GT(checked, 3);
}

TEST(CentralMechanismTest, TheDenominatorIsFixedAndBrokenUpdatesAreZeros) {
  CentralOptions options = Central();
  options.noise_multiplier = 1e-4;  // next to nothing
  auto mechanism = CentralMechanism<kDeviceAddRemove>::Create(options);
  SHOAL_ASSERT_OK(mechanism);
  InsecureSeededRng rng(1);
  const std::vector<double> mean = Mean(
      *mechanism, {{0.5, 0, 0}, {0, NAN, 0}, {0, 0, INFINITY}, {3, 4, 0}}, rng);
  EXPECT_NEAR(mean[0], (0.5 + 0.6) / 10, 1e-4);
  EXPECT_NEAR(mean[1], 0.8 / 10, 1e-4);
  EXPECT_NEAR(mean[2], 0, 1e-4);
}

TEST(CentralMechanismTest, AnEmptyRoundHasItsNoise) {
  auto mechanism = CentralMechanism<kDeviceAddRemove>::Create(Central());
  SHOAL_ASSERT_OK(mechanism);
  InsecureSeededRng rng(2);
  double squares = 0;
  for (int i = 0; i < 3000; ++i) {
    for (const double value : Mean(*mechanism, {}, rng)) {
      squares += value * value;
    }
  }
  EXPECT_NEAR(squares / 9000, 0.01, 0.01 * 5 * std::sqrt(2.0 / 9000));
}

TEST(CentralMechanismTest, LayersAreClippedByThemselves) {
  CentralOptions options = Central();
  options.clip_norm.reset();
  options.layers = {{1, 0.5}, {2, 2}};
  options.noise_multiplier = 1e-4;
  auto mechanism = CentralMechanism<kDeviceAddRemove>::Create(options);
  SHOAL_ASSERT_OK(mechanism);
  EXPECT_DOUBLE_EQ(mechanism->clip().clip_norm(), std::sqrt(4.25));
  InsecureSeededRng rng(3);
  const std::vector<double> mean = Mean(*mechanism, {{9, 1, 1}}, rng);
  EXPECT_NEAR(mean[0], 0.05, 1e-3);
  EXPECT_NEAR(mean[1], 0.1, 1e-3);
}

TEST(CentralMechanismTest, TheClipNormMovesAfterTheRoundItIsOf) {
  CentralOptions options = Central();
  options.clip_norm.reset();
  options.adaptive_clip = AdaptiveClipOptions{
      .initial_clip_norm = 1, .count_stddev = 2, .expected_devices = 10};
  auto mechanism = CentralMechanism<kDeviceAddRemove>::Create(options);
  SHOAL_ASSERT_OK(mechanism);
  InsecureSeededRng rng(4);
  std::string before;
  for (int round = 0; round < 60; ++round) {
    before = mechanism->State();
    Mean(*mechanism, std::vector<std::vector<float>>(10, {8, 0, 0}), rng);
  }
  EXPECT_NEAR(mechanism->clip().clip_norm(), 8, 4);
  auto restored =
      CentralMechanism<kDeviceAddRemove>::Restore(options, mechanism->State());
  SHOAL_ASSERT_OK(restored);
  EXPECT_EQ(restored->State(), mechanism->State());
  EXPECT_EQ(restored->clip().clip_norm(), mechanism->clip().clip_norm());
  EXPECT_NE(mechanism->State(), before);
  EXPECT_FALSE(
      CentralMechanism<kDeviceAddRemove>::Restore(Central(), mechanism->State())
          .ok());
}

TEST(CentralMechanismTest, WhatDoesNotFitIsRefused) {
  const auto refused = [](auto change, const char* name) {
    CentralOptions options = Central();
    change(options);
    EXPECT_THAT(CentralMechanism<kDeviceAddRemove>::Create(options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
  };
  refused([](auto& o) { o.clip_norm.reset(); }, "0 ways");
  refused([](auto& o) { o.layers = {{3, 1}}; }, "2 ways");
  refused([](auto& o) { o.clip_norm = NAN; }, "clip norm");
  refused([](auto& o) { o.noise_multiplier = 0; }, "noise multiplier");
  refused([](auto& o) { o.poisson_rate = 0; }, "rate");
  // Noise of less than a few steps would not be as private as its event.
  auto mechanism = CentralMechanism<kDeviceAddRemove>::Create(Central());
  InsecureSeededRng rng(11);
  EXPECT_THAT(mechanism->Release({1, 1.5}, {0}, 0, rng),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("take a finer grid")));
}

TEST(DistributedMechanismTest, TheEventIsWhatHonestSurvivorsAdd) {
  const auto noise =
      DistributedNoise::Create(Rounding(8), {.noise_multiplier = 1,
                                             .num_members = 100,
                                             .min_survivors = 80,
                                             .colluding_fraction = 0.1});
  SHOAL_ASSERT_OK(noise);
  const auto mechanism = DistributedMechanism<kDeviceAddRemove>::Create(
      *noise, {.expected_devices = 100});
  SHOAL_ASSERT_OK(mechanism);
  EXPECT_NEAR(Epsilon(mechanism->event(), {kDeviceAddRemove, 1e-5})->upper,
              4.37717809568122, 1e-6);
  RingVector sum(8, noise->ring_bits());
  EXPECT_THAT(mechanism->Open(sum, 79, ""),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("79 members survived, expected 80")));
  EXPECT_FALSE(mechanism->Open(sum, 101, "").ok());
  EXPECT_FALSE(mechanism->Open(RingVector(7, noise->ring_bits()), 90, "").ok());
  auto opened = mechanism->Open(sum, 80, "");
  SHOAL_ASSERT_OK(opened);
  const auto mean = (*std::move(opened)).Take(kFree);
  SHOAL_ASSERT_OK(mean);
  EXPECT_EQ(*mean, std::vector<double>(8));
}

DistributedNoiseOptions SkellamNoise() {
  return {.kind = NoiseKind::kSkellam,
          .noise_multiplier = 1,
          .num_members = 100,
          .min_survivors = 80,
          .colluding_fraction = 0.1};
}

// 70 honest shares of 100, each of a 70th of the variance.
TEST(DistributedMechanismTest, TheSkellamEventIsWhatHonestSurvivorsAdd) {
  const BoundedRounding rounding = Rounding(8, 12);
  const auto noise = DistributedNoise::Create(rounding, SkellamNoise());
  SHOAL_ASSERT_OK(noise);
  const auto mechanism = DistributedMechanism<kDeviceAddRemove>::Create(
      *noise, {.expected_devices = 100, .accountant = Accountant::kRdp});
  SHOAL_ASSERT_OK(mechanism);
  const auto& event = std::get<SkellamEvent>(mechanism->event().kind());
  EXPECT_NEAR(event.variance / (70 * std::pow(noise->share_stddev(), 2)), 1,
              1e-12);
  EXPECT_EQ(event.l2_bound, rounding.bound());
  EXPECT_NEAR(event.l1_bound, rounding.bound() * std::sqrt(8), 1e-6);
  // On so fine a grid it is a Gaussian; at best 8 % above the tight one.
  const auto bounds =
      Epsilon(mechanism->event(), {kDeviceAddRemove, 1e-5, Accountant::kRdp});
  SHOAL_ASSERT_OK(bounds);
  EXPECT_NEAR(bounds->upper, 4.7285071, 0.03);
}

TEST(DistributedMechanismTest, SkellamNoiseNeedsAnAccountantThatKnowsIt) {
  const auto noise = DistributedNoise::Create(Rounding(8, 12), SkellamNoise());
  SHOAL_ASSERT_OK(noise);
  EXPECT_THAT(DistributedMechanism<kDeviceAddRemove>::Create(
                  *noise, {.expected_devices = 100}),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("rdp")));
  const DistributedOptions sampled = {.expected_devices = 100,
                                      .poisson_rate = 0.01,
                                      .accountant = Accountant::kRdp};
  SHOAL_EXPECT_OK(
      DistributedMechanism<kDeviceAddRemove>::Create(*noise, sampled).status());
  EXPECT_THAT(
      DistributedMechanism<kDeviceReplaceOne>::Create(*noise, sampled),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("add_remove")));
}

CorrelatedOptions Correlated(NoiseMatrix matrix) {
  return {.matrix = std::move(matrix),
          .participation = {8, 4, 2},
          .noise_multiplier = 1};
}

// Tree of 8 rounds, twice, 4 apart: 2 leaves, 2 pairs, 2 fours, and the root
// twice: 3 + 3 + 4.
TEST(CorrelatedMechanismTest, EventsHaveTheSensitivityOfTheirMatrix) {
  InsecureSeededRng rng(5);
  const auto multiplier = [&](const NoiseMatrix& matrix) {
    const auto mechanism = CorrelatedMechanism<kDeviceAddRemove>::Create(
        Correlated(matrix), Grid(1, 1), rng);
    EXPECT_TRUE(mechanism.ok()) << mechanism.status();
    const auto& event =
        std::get<MatrixGaussianEvent>(mechanism->event().kind());
    return event.noise_multiplier / event.sensitivity;
  };
  EXPECT_NEAR(multiplier(TreeMatrix{}), 1 / std::sqrt(10), 1e-9);
  // Two participations that do not touch: columns of norm 1.
  EXPECT_NEAR(multiplier(BandedMatrix{{1, 0.5, 0.25}}), 1 / std::sqrt(2), 1e-7);
  EXPECT_NEAR(multiplier(BandedMatrix{{1}}), 1 / std::sqrt(2), 1e-7);
}

TEST(CorrelatedMechanismTest, NothingIsDrawnBeforeItIsCharged) {
  InsecureSeededRng rng(6);
  auto uncharged = CorrelatedMechanism<kDeviceAddRemove>::Create(
      Correlated(BandedMatrix{{1, 0.5}}), Grid(1, 1), rng);
  SHOAL_ASSERT_OK(uncharged);
  int charges = 0;
  auto mechanism = (*std::move(uncharged)).Take([&](const PrivacyEvent&) {
    ++charges;
    return absl::OkStatus();
  });
  SHOAL_ASSERT_OK(mechanism);
  EXPECT_EQ(charges, 1);
  for (int round = 0; round < 8; ++round) {
    std::vector<int64_t> one(1);
    std::vector<int64_t> other(1);
    auto restored = CorrelatedMechanism<kDeviceAddRemove>::Restore(
        Correlated(BandedMatrix{{1, 0.5}}), Grid(1, 1),
        mechanism->State().Reveal());
    SHOAL_ASSERT_OK(restored);
    SHOAL_EXPECT_OK(restored->Release(absl::MakeSpan(one)));
    SHOAL_EXPECT_OK(mechanism->Release(absl::MakeSpan(other)));
    EXPECT_EQ(one, other);
  }
  std::vector<int64_t> sum(1);
  EXPECT_THAT(mechanism->Release(absl::MakeSpan(sum)),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace shoal::privacy
