#include "simulations/audit/canary_watch.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/model.h"
#include "simulations/initial_model.h"
#include "tests/simulations/crowd.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr double kConfidence = 0.95;

configuration::DifferentialPrivacy FreshNoise() {
  configuration::DifferentialPrivacy privacy;
  privacy.noise = configuration::CentralNoise{};
  privacy.noise_multiplier = 1;
  privacy.clip_norm = 1;
  privacy.epsilon = 1000;
  privacy.delta = 1e-5;
  return privacy;
}

// A fleet of canaries, all of them in every round, or in one of `separation`
// rounds, with as many devices for each as `copies` says.
struct Experiment {
  int64_t canaries = 200;
  int64_t copies = 1;
  int64_t rounds = 1;
  int separation = 1;
  configuration::DifferentialPrivacy privacy = FreshNoise();
  configuration::ServerOptimizerOptions server_optimizer = {};

  double claimed = 0;  // what the ledger said

  absl::StatusOr<CanaryFindings> Run() {
    const Crowd nobody(1);
    const FleetWithCanaries fleet(nobody, canaries * copies);
    const auto devices = static_cast<int>(fleet.num_devices());
    FederationOptions options = OptionsFor(fleet, devices / separation, rounds);
    options.task.model.architecture = learning::MlpSpec{kFeatures, {400}, 2};
    options.task.differential_privacy = privacy;
    const auto* central =
        std::get_if<configuration::CentralNoise>(&privacy.noise);
    options.task.round.drawn =
        central != nullptr && central->sampling_rate.has_value();
    if (options.task.round.drawn) {
      options.task.round.min_reports = 0;
    } else {
      options.task.round.min_separation = separation;
    }
    options.task.server_optimizer = server_optimizer;
    options.task.round.weighting = configuration::Weighting::kUniform;
    SHOAL_ASSIGN_OR_RETURN(const std::string initial,
                           InitialModelOf(options.task, *options.population));
    SHOAL_ASSIGN_OR_RETURN(const learning::ModelView view,
                           learning::ViewModel(initial));
    const Canaries all(
        {.count = canaries,
         .num_parameters = static_cast<int64_t>(view.parameters.size()),
         .norm = privacy.clip_norm,
         .adjacency = privacy.adjacency,
         .seed = 3});
    absl::flat_hash_map<std::string, int64_t> canary_of;
    for (int64_t i = 1; i < fleet.num_devices(); ++i) {
      canary_of[IdentityOf(i).id] = fleet.canary(i) % canaries;
    }
    options.crafted = [&](int64_t device, absl::Span<float> delta) {
      if (fleet.is_canary(device)) {
        all.Write(fleet.canary(device) % canaries, delta);
      }
      return true;
    };
    ThreadPool threads(1);
    SHOAL_ASSIGN_OR_RETURN(
        CanaryWatch watch,
        CanaryWatch::Create(all, std::move(canary_of), initial, threads));
    options.on_round = [&](const RoundNews& news) {
      return watch.OnRound(news);
    };
    SHOAL_ASSIGN_OR_RETURN(const FederationResult result,
                           RunFederation(options));
    claimed = result.privacy->spent.upper;
    return watch.Conclude(options.task, kConfidence, /*fewest_canaries=*/20);
  }
};

const AdversaryFinding& ParticipationOf(const CanaryFindings& findings) {
  EXPECT_EQ(findings.adversaries.back().name, "participation");
  return findings.adversaries.back();
}

TEST(CanaryWatchTest, WithHardlyAnyNoiseNearlyAllCanariesAreFound) {
  Experiment experiment;
  experiment.privacy.noise_multiplier = 0.05;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings found, experiment.Run());
  EXPECT_EQ(found.canaries_in + found.canaries_out, 200);
  EXPECT_EQ(found.canaries_unseen, 0);
  EXPECT_EQ(found.mean_participations, 1);
  for (const AdversaryFinding& one : found.adversaries) {
    EXPECT_GE(one.guesses.right, one.guesses.made * 97 / 100) << one.name;
    EXPECT_GT(one.lower_bound, 2) << one.name;
    EXPECT_LE(one.lower_bound, found.largest_provable) << one.name;
  }
  EXPECT_LT(found.lower_bound, experiment.claimed);
}

TEST(CanaryWatchTest, UnderStrongNoiseNothingIsProved) {
  Experiment experiment;
  experiment.rounds = 3;
  experiment.privacy.noise_multiplier = 100;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings found, experiment.Run());
  EXPECT_EQ(found.lower_bound, 0);
  EXPECT_LT(*ParticipationOf(found).estimate, 0.3);
}

// Ten rounds of noise 2 are one of noise 2/√10, of epsilon 8.
TEST(CanaryWatchTest, BoundsAndEstimateOfAnHonestTaskAreBelowItsClaim) {
  Experiment experiment;
  experiment.rounds = 10;
  experiment.privacy.noise_multiplier = 2;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings found, experiment.Run());
  EXPECT_GT(found.lower_bound, 0.5);
  EXPECT_LT(found.lower_bound, experiment.claimed);
  EXPECT_GT(*ParticipationOf(found).estimate, experiment.claimed / 2);
  EXPECT_LT(*ParticipationOf(found).estimate, experiment.claimed * 1.2);
}

// Correlated noise that is undone is no less and no more: nothing but other
// canaries and 200 samples keeps the estimate from the claim.
TEST(CanaryWatchTest, CorrelatedNoiseIsUndone) {
  Experiment experiment;
  experiment.rounds = 12;
  experiment.separation = 3;
  experiment.privacy.noise = configuration::BandedNoise{3};
  experiment.privacy.noise_multiplier = 2;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings found, experiment.Run());
  EXPECT_LT(found.lower_bound, experiment.claimed);
  EXPECT_GT(*ParticipationOf(found).estimate, experiment.claimed * 0.7);
  EXPECT_LT(*ParticipationOf(found).estimate, experiment.claimed * 1.2);
}

TEST(CanaryWatchTest, MomentumAtTheServerHidesNothing) {
  Experiment experiment;
  experiment.rounds = 12;
  experiment.privacy.noise_multiplier = 4;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings plain, experiment.Run());
  experiment.server_optimizer =
      configuration::SgdServerOptions{.learning_rate = 0.5, .momentum = 0.9};
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings found, experiment.Run());
  EXPECT_NEAR(*ParticipationOf(found).estimate,
              *ParticipationOf(plain).estimate, 1e-3);
}

// A claim for single devices, where eight send each canary's vector: as if
// noise had an eighth of its size.
TEST(CanaryWatchTest, AFalseClaimIsFalsified) {
  Experiment experiment;
  experiment.copies = 8;
  experiment.privacy.noise_multiplier = 4;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings found, experiment.Run());
  EXPECT_GT(found.lower_bound, 1.1 * experiment.claimed);
  // The very same but for the copies.
  experiment.copies = 1;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings honest, experiment.Run());
  EXPECT_LT(honest.lower_bound, experiment.claimed);
}

// Held out, a canary sends the opposite: twice as far away.
TEST(CanaryWatchTest, ReplacedCanariesAreFoundMoreEasily) {
  Experiment experiment;
  experiment.privacy.noise_multiplier = 1;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings add, experiment.Run());
  experiment.privacy.adjacency = privacy::Adjacency::kReplaceOne;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CanaryFindings replace, experiment.Run());
  EXPECT_GT(*ParticipationOf(replace).estimate,
            1.3 * *ParticipationOf(add).estimate);
  EXPECT_LT(replace.lower_bound, experiment.claimed);
}

// Who knew that would refute a right claim, since it counts on their secrecy.
TEST(CanaryWatchTest, NobodyKnowsWhoWasDrawn) {
  Experiment experiment;
  experiment.privacy.noise = configuration::CentralNoise{0.05};
  experiment.privacy.noise_multiplier = 0.5;
  experiment.separation = 20;  // the cohort: a twentieth of the devices
  const CanaryFindings findings = *experiment.Run();
  EXPECT_LT(findings.lower_bound, experiment.claimed);
  EXPECT_EQ(findings.adversaries.back().name, "all_models");
  // Drawn or not.
  EXPECT_EQ(findings.canaries_in + findings.canaries_out, 200);
  EXPECT_EQ(findings.canaries_unseen, 0);
  EXPECT_EQ(findings.fewest_participations, 0);
  EXPECT_EQ(findings.most_participations, 1);
}

TEST(CanaryWatchTest, FewCanariesAreRefused) {
  Experiment experiment;
  experiment.canaries = 10;
  EXPECT_THAT(experiment.Run().status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("10 of 10 canaries took part")));
}

}  // namespace
}  // namespace shoal::simulations
