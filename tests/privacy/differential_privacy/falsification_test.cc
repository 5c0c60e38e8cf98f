// Every mechanism on two neighbouring inputs: no outcomes may refute its event.
// Each is run again with half of its noise, and with a contribution that is
// twice as large as was claimed, and those claims have to fall.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "privacy/differential_privacy/central_mechanism.h"
#include "privacy/differential_privacy/correlated_mechanism.h"
#include "privacy/differential_privacy/distributed_mechanism.h"
#include "privacy/differential_privacy/local_mechanism.h"
#include "privacy/matrix_mechanisms/toeplitz.h"
#include "tests/privacy/differential_privacy/privacy_audit.h"
#include "tests/support/insecure_rng.h"

namespace shoal::privacy {
namespace {

using ::shoal::secure_aggregation::Quantiser;
using ::shoal::secure_aggregation::RingVector;
using ::shoal::testing::EpsilonLowerBound;
using ::shoal::testing::InsecureSeededRng;
using ::shoal::testing::Outcomes;
using ::shoal::testing::Refuted;
using ::shoal::testing::Repeat;

constexpr auto kFree = [](const PrivacyEvent&) { return absl::OkStatus(); };

// What is broken: 1 and 1 is the mechanism as it is.
struct Setting {
  double noise = 1;  // of what is claimed
  double clip = 1;   // what a device contributes, of what is claimed
};

// A mechanism in a setting, ready to run.
struct Audited {
  PrivacyEvent event;
  // `with` is the one of the two inputs that has the contributor, or its first
  // value.
  std::function<Outcomes(bool with, int64_t num_runs, uint64_t seed)> run;
};

struct Case {
  std::string name;
  Adjacency adjacency;
  std::function<Audited(const Setting&)> make;
};

void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }

template <typename T>
T Ok(absl::StatusOr<T> value) {
  EXPECT_TRUE(value.ok()) << value.status();
  return std::move(value).value();
}

BoundedRounding Rounding(double clip_norm, int64_t length, int bits) {
  return Ok(BoundedRounding::Create(
      Ok(Quantiser::Create({.norm_bound = clip_norm,
                            .coordinate_bound = clip_norm,
                            .bits = bits})),
      length, std::exp(-0.5)));
}

// Steps of the grid in 1.
constexpr double kSteps = 0x1p22;

// A round of one device's update, of one value, or of nobody's.
template <Neighbours kNeighbours>
std::vector<double> CentralRound(CentralMechanism<kNeighbours>& mechanism,
                                 std::optional<float> update, SecureRng& rng) {
  const ClipRule clip = mechanism.clip();
  std::vector<int64_t> sum(1);
  int64_t votes = 0;
  if (update.has_value()) {
    const double norm = *clip.Apply(absl::MakeSpan(&*update, 1));
    votes = AdaptiveClip::Vote(norm, clip.clip_norm());
    sum[0] = std::llround(*update * kSteps);
  }
  // The same for all clip norms that one run may have.
  const IntegerGrid grid{1, std::round(clip.clip_norm() * kSteps) + 0.5};
  const auto released =
      Ok(Ok(mechanism.Release(grid, std::move(sum), votes, rng)).Take(kFree));
  return {static_cast<double>(released[0]) / kSteps};
}

// One device, whose update is clipped, or none, or its opposite.
template <Neighbours kNeighbours>
Audited Central(const Setting& setting) {
  CentralOptions options;
  options.clip_norm = setting.clip;
  options.noise_multiplier = setting.noise / setting.clip;
  const auto created = Ok(CentralMechanism<kNeighbours>::Create(options));
  return {created.event(),
          [created](bool with, int64_t num_runs, uint64_t seed) {
            InsecureSeededRng rng(seed);
            auto mechanism = created;
            return Repeat(num_runs, [&] {
              std::optional<float> update;
              if (kNeighbours == kDeviceReplaceOne) update = -5.0F;
              if (with) update = 5.0F;
              return CentralRound(mechanism, update, rng);
            });
          }};
}

// The noisy value, and what the noisy vote makes of the clip norm, which hardly
// moves: every run is a first round.
Audited AdaptiveCentral(const Setting& setting) {
  constexpr double kLearningRate = 1e-12;
  CentralOptions options;
  options.adaptive_clip = AdaptiveClipOptions{.initial_clip_norm = setting.clip,
                                              .learning_rate = kLearningRate,
                                              .count_stddev = 3 * setting.noise,
                                              .expected_devices = 1};
  options.noise_multiplier = setting.noise / setting.clip;
  const auto created = Ok(CentralMechanism<kDeviceAddRemove>::Create(options));
  return {
      created.event(), [created](bool with, int64_t num_runs, uint64_t seed) {
        InsecureSeededRng rng(seed);
        auto mechanism = created;
        return Repeat(num_runs, [&] {
          const double before = mechanism.clip().clip_norm();
          std::optional<float> update;
          if (with) update = 5.0F;
          auto outcome = CentralRound(mechanism, update, rng);
          outcome.push_back(std::log(mechanism.clip().clip_norm() / before) /
                            kLearningRate);
          return outcome;
        });
      }};
}

// What the coordinator sees when four of five members are left and two of them
// have told it their noise: two members' noise.
template <NoiseKind kKind>
Audited Distributed(const Setting& setting) {
  const auto noise = Ok(DistributedNoise::Create(
      Rounding(setting.clip, 4, 8),
      {.kind = kKind,
       .noise_multiplier = setting.noise / setting.clip,
       .num_members = 5,
       .min_survivors = 4,
       .colluding_fraction = 0.4}));
  EXPECT_EQ(noise.num_honest_shares(), 2);
  const auto mechanism = Ok(DistributedMechanism<kDeviceAddRemove>::Create(
      noise, {.expected_devices = 1,
              .accountant = kKind == NoiseKind::kSkellam ? Accountant::kRdp
                                                         : Accountant::kPld}));
  return {mechanism.event(),
          [noise, mechanism](bool with, int64_t num_runs, uint64_t seed) {
            InsecureSeededRng rng(seed);
            return Repeat(num_runs, [&] {
              RingVector sum(4, noise.ring_bits());
              for (const bool is_target : {true, false}) {
                std::vector<float> update(4, with && is_target ? 5.0F : 0.0F);
                RingVector out(4, noise.ring_bits());
                noise.Encode(absl::MakeSpan(update), "", rng, out);
                for (int k = 0; k < 4; ++k) sum.Set(k, sum.Get(k) + out.Get(k));
              }
              return Ok(Ok(mechanism.Open(sum, 4, "")).Take(kFree));
            });
          }};
}

// All rounds of a matrix mechanism. Values of one vector are runs: each is as
// large as the norm that the event is of.
Audited Correlated(const NoiseMatrix& matrix,
                   const Participation& participation,
                   const std::vector<int64_t>& rounds, const Setting& setting) {
  const CorrelatedOptions options = {.matrix = matrix,
                                     .participation = participation,
                                     .noise_multiplier = setting.noise};
  InsecureSeededRng rng(1);
  auto uncharged = Ok(
      CorrelatedMechanism<kDeviceAddRemove>::Create(options, {1, kSteps}, rng));
  const auto run = [=](bool with, int64_t num_runs, uint64_t seed) {
    InsecureSeededRng run_rng(seed);
    auto mechanism = Ok(Ok(CorrelatedMechanism<kDeviceAddRemove>::Create(
                               options, {num_runs, kSteps}, run_rng))
                            .Take(kFree));
    Outcomes outcomes(num_runs);
    for (int64_t t = 0; t < participation.num_rounds; ++t) {
      const bool takes_part =
          with && std::find(rounds.begin(), rounds.end(), t) != rounds.end();
      const auto value =
          static_cast<int64_t>(takes_part ? setting.clip * kSteps : 0);
      std::vector<int64_t> sum(num_runs, value);
      EXPECT_TRUE(mechanism.Release(absl::MakeSpan(sum)).ok());
      for (int64_t i = 0; i < num_runs; ++i) {
        outcomes[i].push_back(static_cast<double>(sum[i]) / kSteps);
      }
    }
    return outcomes;
  };
  return {uncharged.event(), run};
}

Audited Laplace(const Setting& setting) {
  const auto range = static_cast<int64_t>(3 * setting.clip);
  const auto laplace =
      Ok(LocalLaplace::Create(range, setting.clip / setting.noise));
  return {laplace.event(),
          [laplace, range](bool with, int64_t num_runs, uint64_t seed) {
            InsecureSeededRng rng(seed);
            return Repeat(num_runs, [&]() -> std::vector<double> {
              return {static_cast<double>(
                  Ok(laplace.Tell(with ? range : 0, rng).Take(kFree)))};
            });
          }};
}

// A uniform value is told with this part of the probability.
Audited Response(const Setting& setting) {
  const double noise = setting.noise * 4 / (4 + std::expm1(1.0));
  const auto response = Ok(LocalResponse::Create(4, std::log1p(4 / noise - 4)));
  return {response.event(),
          [response](bool with, int64_t num_runs, uint64_t seed) {
            InsecureSeededRng rng(seed);
            return Repeat(num_runs, [&] {
              std::vector<double> told(4);
              told[Ok(Ok(response.Tell(with ? 2 : 0, rng)).Take(kFree))] = 1;
              return told;
            });
          }};
}

Audited Gaussian(const Setting& setting) {
  const auto gaussian = Ok(LocalGaussian::Create(
      Rounding(setting.clip, 4, 10), 2 * setting.noise / setting.clip));
  return {
      gaussian.event(), [gaussian](bool with, int64_t num_runs, uint64_t seed) {
        InsecureSeededRng rng(seed);
        return Repeat(num_runs, [&] {
          std::vector<float> update(4, with ? 5.0F : -5.0F);
          const auto told =
              Ok(gaussian.Tell(absl::MakeSpan(update), "", rng).Take(kFree));
          return std::vector<double>(told.begin(), told.end());
        });
      }};
}

Case MatrixCase(const std::string& name, const NoiseMatrix& matrix,
                const Participation& participation,
                const std::vector<int64_t>& rounds) {
  return {name, Adjacency::kAddRemove, [=](const Setting& setting) {
            return Correlated(matrix, participation, rounds, setting);
          }};
}

std::vector<Case> VectorCases() {
  constexpr auto kAddRemove = Adjacency::kAddRemove;
  constexpr auto kReplaceOne = Adjacency::kReplaceOne;
  return {
      {"central", kAddRemove, Central<kDeviceAddRemove>},
      {"central_replace_one", kReplaceOne, Central<kDeviceReplaceOne>},
      {"central_adaptive", kAddRemove, AdaptiveCentral},
      {"distributed_discrete_gaussian", kAddRemove,
       Distributed<NoiseKind::kDiscreteGaussian>},
      {"distributed_skellam", kAddRemove, Distributed<NoiseKind::kSkellam>},
      MatrixCase("tree", TreeMatrix{.reduce_variance = false}, {4, 4, 1}, {0}),
      MatrixCase("tree_honaker", TreeMatrix{}, {4, 4, 1}, {0}),
      MatrixCase("banded", BandedMatrix{{1, 0.5, 0.25}}, {4, 4, 1}, {0}),
      MatrixCase("banded_twice", BandedMatrix{{1, 0.5, 0.25}}, {6, 3, 2},
                 {0, 3}),
      MatrixCase("blt", BufferedMatrix{Ok(OptimisedBuffers(2, {6, 6, 1}))},
                 {6, 6, 1}, {0}),
      {"local_laplace", kReplaceOne, Laplace},
      {"local_gaussian", kReplaceOne, Gaussian}};
}

std::vector<Case> AllCases() {
  std::vector<Case> cases = VectorCases();
  cases.push_back({"local_response", Adjacency::kReplaceOne, Response});
  return cases;
}

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

class FalsificationTest : public ::testing::TestWithParam<Case> {};

// 40,000 runs of each input; half of them choose what is looked at.
TEST_P(FalsificationTest, TheClaimStands) {
  const Audited audited = GetParam().make({});
  const Outcomes with = audited.run(true, 40'000, 10);
  const Outcomes without = audited.run(false, 40'000, 11);
  EXPECT_FALSE(Refuted(with, without, audited.event, GetParam().adjacency));
  // It is the mechanism that keeps it, not a tester that sees nothing.
  constexpr double kDelta = 0.01;
  const EpsilonQuery query = {
      {PrivacyUnit::kDevice, GetParam().adjacency}, kDelta, Accountant::kRdp};
  EXPECT_GT(EpsilonLowerBound(with, without, kDelta, 1e-6),
            0.35 * Epsilon(audited.event, query)->upper);
}

TEST_P(FalsificationTest, HalfOfTheNoiseIsNoticed) {
  const PrivacyEvent claim = GetParam().make({}).event;
  const Audited broken = GetParam().make({.noise = 0.5});
  EXPECT_TRUE(Refuted(broken.run(true, 20'000, 12),
                      broken.run(false, 20'000, 13), claim,
                      GetParam().adjacency));
}

INSTANTIATE_TEST_SUITE_P(Mechanisms, FalsificationTest,
                         ::testing::ValuesIn(AllCases()), NameOf);

class UnclippedTest : public ::testing::TestWithParam<Case> {};

TEST_P(UnclippedTest, AContributionThatIsNotClippedIsNoticed) {
  const PrivacyEvent claim = GetParam().make({}).event;
  const Audited broken = GetParam().make({.clip = 2});
  EXPECT_TRUE(Refuted(broken.run(true, 20'000, 14),
                      broken.run(false, 20'000, 15), claim,
                      GetParam().adjacency));
}

INSTANTIATE_TEST_SUITE_P(Mechanisms, UnclippedTest,
                         ::testing::ValuesIn(VectorCases()), NameOf);

// 100,000 runs tell 0.9 from 1.
TEST(BrokenNoiseTest, ATenthLessNoiseIsNoticed) {
  for (const Case& tested : VectorCases()) {
    if (tested.name != "central" && tested.name != "banded") continue;
    const PrivacyEvent claim = tested.make({}).event;
    const Audited broken = tested.make({.noise = 0.9});
    EXPECT_TRUE(Refuted(broken.run(true, 100'000, 18),
                        broken.run(false, 100'000, 19), claim,
                        tested.adjacency))
        << tested.name;
  }
}

// Noise that is not sized for whom it loses: five members' shares, of which two
// are left.
TEST(BrokenNoiseTest, NoiseThatDropoutsTookIsNoticed) {
  const PrivacyEvent claim =
      Distributed<NoiseKind::kDiscreteGaussian>({}).event;
  const Audited broken =
      Distributed<NoiseKind::kDiscreteGaussian>({.noise = std::sqrt(2.0 / 5)});
  EXPECT_TRUE(Refuted(broken.run(true, 20'000, 16),
                      broken.run(false, 20'000, 17), claim,
                      Adjacency::kAddRemove));
}

}  // namespace
}  // namespace shoal::privacy
