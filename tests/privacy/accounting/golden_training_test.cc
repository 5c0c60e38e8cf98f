// Whole trainings beside published figures: trees, banded matrices, sampling.
#include <cmath>
#include <string>

#include "gtest/gtest.h"
#include "privacy/accounting/calibration.h"
#include "privacy/accounting/epsilon.h"
#include "privacy/accounting/rdp_accountant.h"
#include "privacy/accounting/training_privacy.h"
#include "tests/support/external_data.h"
#include "tests/support/reference_table.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::ReferenceRow;
using ::shoal::testing::ReferenceTable;

constexpr Neighbours kNeighbours = {PrivacyUnit::kDevice,
                                    Adjacency::kAddRemove};

std::string File(const std::string& name) {
  return testing::ReferenceDir() + "/privacy/" + name + ".csv";
}

TEST(GoldenTrainingTest, TreesAgree) {
  SHOAL_SKIP_WITHOUT(File("dpftrl_tree"));
  const ReferenceTable table(File("dpftrl_tree"));
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    const std::string& mode = row.text("mode");
    if (mode.find("fixed_order") != std::string::npos) continue;
    TrainingPrivacy training = {
        .mechanism = TrainingMechanism::kTree,
        .noise_multiplier = row.number("noise_multiplier"),
        .num_rounds = row.integer("steps_per_tree"),
        .max_participations = row.integer("max_participation")};
    if (mode == "tree_restart_each_epoch") {
      // Each device in each tree once, in any order.
      training.restart_every = training.num_rounds;
      training.min_separation = training.num_rounds;
      training.num_rounds *= row.integer("num_trees");
    } else if (row.has("min_separation_between")) {
      training.min_separation = row.integer("min_separation_between") + 1;
    }
    const auto event = EventOf(training);
    SHOAL_ASSERT_OK(event);
    const auto rho = ZcdpOf(*event, Adjacency::kAddRemove);
    SHOAL_ASSERT_OK(rho);
    EXPECT_NEAR(*rho, row.number("rho_zcdp"), 1e-12 * *rho) << row.ToString();
    const double delta = row.number("delta");
    const auto bounds = Epsilon(*event, {kNeighbours, delta});
    SHOAL_ASSERT_OK(bounds);
    const double exact = row.number("eps_analytic_gaussian");
    EXPECT_NEAR(bounds->upper, exact, 1e-9 * exact) << row.ToString();
    const auto rdp = Epsilon(*event, {kNeighbours, delta, Accountant::kRdp});
    SHOAL_ASSERT_OK(rdp);
    EXPECT_LE(rdp->upper, row.number("eps_rdp_default_orders") * (1 + 1e-9));
    EXPECT_GT(rdp->upper, exact);
    ++checked;
  }
  EXPECT_GT(checked, 80);
}

TEST(GoldenTrainingTest, AmplifiedBandedMatricesAgree) {
  SHOAL_SKIP_WITHOUT(File("bandmf_amplified"));
  const ReferenceTable table(File("bandmf_amplified"));
  for (const ReferenceRow& row : table.rows()) {
    const TrainingPrivacy training = {
        .mechanism = TrainingMechanism::kBanded,
        .noise_multiplier =
            row.number("noise_multiplier (strategy with max column norm 1)"),
        .num_rounds = row.integer("iterations"),
        .sampling = Sampling::kPoisson,
        .sampling_rate = row.number("sampling_prob (within group = bands*B/N)"),
        .bands = row.integer("num_bands")};
    const auto event = EventOf(training);
    SHOAL_ASSERT_OK(event);
    const auto bounds = Epsilon(*event, {kNeighbours, row.number("delta")});
    SHOAL_ASSERT_OK(bounds);
    // The peer's grid of 1e-4 makes it at most this much too high.
    const double peer = row.number("eps_pld");
    EXPECT_NEAR(bounds->upper, peer, 3e-5 * peer) << row.ToString();
    EXPECT_LE(bounds->upper, peer * (1 + 2e-5)) << row.ToString();
  }
}

TEST(GoldenTrainingTest, PublishedClaimsAreReproduced) {
  SHOAL_SKIP_WITHOUT(File("published_accounting"));
  const ReferenceTable table(File("published_accounting"));
  const auto epsilon = [](double rate, double noise, int64_t rounds,
                          double delta) {
    const auto event = EventOf({.noise_multiplier = noise,
                                .num_rounds = rounds,
                                .sampling = Sampling::kPoisson,
                                .sampling_rate = rate});
    return Epsilon(*event, {kNeighbours, delta})->upper;
  };
  const double mnist = 256.0 / 60000;
  const double values[] = {
      epsilon(mnist, 1.3, 3516, 1e-5), epsilon(mnist, 1.1, 14063, 1e-5),
      epsilon(mnist, 0.7, 10547, 1e-5), epsilon(0.01, 4, 10000, 1e-5),
      epsilon(0.1, 3, 512, 1e-6)};
  for (size_t i = 0; i < std::size(values); ++i) {
    // The peer's grid of 1e-4 makes small epsilons up to 3e-4 too high.
    const double peer = table.rows()[i].number("eps_pld");
    EXPECT_LE(values[i], peer * (1 + 2e-5)) << i;
    EXPECT_GT(values[i], peer * (1 - 5e-4)) << i;
  }
  // "calibrate z: eps=1 delta=1e-6 q=0.1 T=512": 9.66.
  const auto calibrated = CalibrateNoise(
      [](double noise) {
        return EventOf({.noise_multiplier = noise,
                        .num_rounds = 512,
                        .sampling = Sampling::kPoisson,
                        .sampling_rate = 0.1});
      },
      {kNeighbours, 1e-6}, 1);
  SHOAL_ASSERT_OK(calibrated);
  EXPECT_NEAR(calibrated->noise_multiplier, 9.66182933629578, 1e-4 * 9.66);
  // Google's Gboard model: rho 0.81 and (8.9, 1e-10).
  const auto gboard = EventOf({.mechanism = TrainingMechanism::kTree,
                               .noise_multiplier = 7,
                               .num_rounds = 2000,
                               .max_participations = 6,
                               .min_separation = 314});
  EXPECT_NEAR(*ZcdpOf(*gboard, Adjacency::kAddRemove), 79.0 / 98, 1e-12);
  EXPECT_NEAR(Epsilon(*gboard, {kNeighbours, 1e-10, Accountant::kRdp})->upper,
              8.8984, 1e-3);
}

TEST(GoldenTrainingTest, ClipCountOfTheSameDrawIsAccountedForJointly) {
  SHOAL_SKIP_WITHOUT(File("adaptive_clip_noise_split"));
  const ReferenceTable table(File("adaptive_clip_noise_split"));
  for (const ReferenceRow& row : table.rows()) {
    // The update and the count of clipped updates, less one half, which changes
    // by at most one half.
    const double joint =
        JointNoiseMultiplier({row.number("value_noise_multiplier"),
                              2 * row.number("clipped_count_stddev")});
    EXPECT_NEAR(joint, row.number("noise_multiplier_total"), 1e-12 * joint);
    PoissonDraw draw(0.01);
    SHOAL_ASSERT_OK(draw.Release(
        *PrivacyEvent::Gaussian(row.number("value_noise_multiplier"))));
    SHOAL_ASSERT_OK(draw.Release(
        *PrivacyEvent::Gaussian(2 * row.number("clipped_count_stddev"))));
    const auto all = PrivacyEvent::Repeat(*std::move(draw).Finish(), 1000);
    const auto bounds = Epsilon(*all, {kNeighbours, 1e-5});
    SHOAL_ASSERT_OK(bounds);
    const double peer = row.number("eps_true_q.01_T1000_d1e-5_pld");
    EXPECT_NEAR(bounds->upper, peer, 3e-4 * peer) << row.ToString();
    EXPECT_LE(bounds->upper, peer * (1 + 2e-5)) << row.ToString();
  }
}

}  // namespace
}  // namespace shoal::privacy
