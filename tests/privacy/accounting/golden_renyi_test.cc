// Rényi divergences, zero concentration and the analytic Gaussian, beside
// values of published implementations and of 40 and 60 digits.
#include <cmath>
#include <string>

#include "gtest/gtest.h"
#include "privacy/accounting/gaussian_mechanism.h"
#include "privacy/accounting/rdp_accountant.h"
#include "privacy/accounting/renyi.h"
#include "tests/privacy/accounting/small_events.h"
#include "tests/support/external_data.h"
#include "tests/support/reference_table.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::ReferenceRow;
using ::shoal::testing::ReferenceTable;

std::string File(const std::string& name) {
  return testing::ReferenceDir() + "/privacy/" + name + ".csv";
}

void ExpectRelative(double value, double expected, double relative,
                    const ReferenceRow& row) {
  EXPECT_NEAR(value, expected, relative * std::fabs(expected))
      << row.ToString();
}

TEST(GoldenRenyiTest, PoissonSampledGaussianIsExactAtEveryOrder) {
  SHOAL_SKIP_WITHOUT(File("rdp_subsampled_gaussian"));
  const ReferenceTable table(File("rdp_subsampled_gaussian"));
  for (const ReferenceRow& row : table.rows()) {
    ExpectRelative(RenyiPoissonGaussian(row.number("order"),
                                        row.number("noise_multiplier"),
                                        row.number("sampling_rate")),
                   row.number("rdp_exact_mpmath40"), 1e-12, row);
  }
}

TEST(GoldenRenyiTest, FixedSizeSamplesFollowTheReference) {
  SHOAL_SKIP_WITHOUT(File("rdp_wor_gaussian"));
  const ReferenceTable table(File("rdp_wor_gaussian"));
  for (const ReferenceRow& row : table.rows()) {
    ExpectRelative(RenyiFixedSizeGaussian(
                       row.number("order"),
                       row.number("noise_multiplier_vs_replace_sensitivity"),
                       row.number("sampling_fraction")),
                   row.number("rdp_google"), 1e-10, row);
  }
}

TEST(GoldenRenyiTest, OrdersAreChosenAtLeastAsWellAsFromALongList) {
  SHOAL_SKIP_WITHOUT(File("subsampled_gaussian"));
  const ReferenceTable table(File("subsampled_gaussian"));
  for (const ReferenceRow& row : table.rows()) {
    const auto found = EpsilonByRdp(
        SampledGaussian(row.number("sampling_rate"),
                        row.number("noise_multiplier"), row.integer("steps")),
        Adjacency::kAddRemove, row.number("delta"));
    SHOAL_ASSERT_OK(found);
    EXPECT_LE(found->epsilon, row.number("eps_rdp_dense") * (1 + 1e-9))
        << row.ToString();
    EXPECT_GT(found->epsilon, row.number("eps_pld")) << row.ToString();
    // The exact series over a list of orders, of which a finer choice is
    // better by no more than this.
    EXPECT_GT(found->epsilon, row.number("eps_opacus_rdp") * 0.8)
        << row.ToString();
  }
}

TEST(GoldenRenyiTest, FixedSizeEpsilonsFollowTheReference) {
  SHOAL_SKIP_WITHOUT(File("fixed_size_wor"));
  const ReferenceTable table(File("fixed_size_wor"));
  for (const ReferenceRow& row : table.rows()) {
    FixedSizeDraw draw(row.integer("dataset_size"), row.integer("batch_size"));
    SHOAL_ASSERT_OK(
        draw.Release(*PrivacyEvent::Gaussian(row.number("sigma_over_clip"))));
    const auto all =
        PrivacyEvent::Repeat(*std::move(draw).Finish(), row.integer("steps"));
    const auto found =
        EpsilonByRdp(*all, Adjacency::kReplaceOne, row.number("delta"));
    SHOAL_ASSERT_OK(found);
    const double peer = row.number("eps_rdp_wor_nm_sigma_over_2clip");
    EXPECT_LE(found->epsilon, peer * (1 + 1e-9)) << row.ToString();
    EXPECT_GT(found->epsilon, peer * 0.97) << row.ToString();
  }
}

// The closed form, and the best of all whole orders: the peer's orders are
// whole ones, too, up to 128.
TEST(GoldenRenyiTest, SkellamFollowsTheReference) {
  SHOAL_SKIP_WITHOUT(File("skellam"));
  const ReferenceTable table(File("skellam"));
  for (const ReferenceRow& row : table.rows()) {
    const double scale = row.number("scale");
    const auto one = PrivacyEvent::Skellam(
        {.variance = std::pow(scale * row.number("central_stddev"), 2),
         .l2_bound = scale * row.number("rounded_l2_norm_bound"),
         .l1_bound = scale * row.number("rounded_l1_norm_bound")});
    SHOAL_ASSERT_OK(one);
    for (const int order : {2, 8, 32}) {
      const auto divergence = RdpOf(*one, Adjacency::kAddRemove, order);
      SHOAL_ASSERT_OK(divergence);
      ExpectRelative(*divergence,
                     row.number("rdp_at_order_" + std::to_string(order)), 1e-12,
                     row);
    }
    const auto found = EpsilonByRdp(
        *PrivacyEvent::Repeat(Sampled(row.number("sampling_rate"), *one),
                              row.integer("steps")),
        Adjacency::kAddRemove, row.number("delta"));
    SHOAL_ASSERT_OK(found);
    const double peer = row.number("epsilon_peer");
    EXPECT_LE(found->epsilon, peer * (1 + 1e-9)) << row.ToString();
    EXPECT_GE(found->epsilon, peer * (1 - 1e-9)) << row.ToString();
    EXPECT_EQ(found->order, row.number("rdp_order")) << row.ToString();
  }
}

TEST(GoldenRenyiTest, LaplaceFollowsTheReference) {
  SHOAL_SKIP_WITHOUT(File("laplace"));
  const ReferenceTable table(File("laplace"));
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    if (row.number("sampling_rate") < 1) continue;  // no divergence here
    const auto all = PrivacyEvent::Repeat(
        *PrivacyEvent::Laplace(row.number("scale_b")), row.integer("count"));
    const auto found =
        EpsilonByRdp(*all, Adjacency::kAddRemove, row.number("delta"));
    SHOAL_ASSERT_OK(found);
    EXPECT_LE(found->epsilon, row.number("eps_rdp_dense") * (1 + 1e-9))
        << row.ToString();
    // The peer's grid is above the truth by up to 1e-8 of it.
    EXPECT_GE(found->epsilon, row.number("eps_pld") * (1 - 1e-7))
        << row.ToString();
    ++checked;
  }
  EXPECT_GT(checked, 5);
}

TEST(GoldenRenyiTest, RandomisedResponseFollowsTheReference) {
  SHOAL_SKIP_WITHOUT(File("randomized_response"));
  const ReferenceTable table(File("randomized_response"));
  for (const ReferenceRow& row : table.rows()) {
    const auto one = PrivacyEvent::RandomisedResponse(
        row.integer("num_buckets_k"),
        row.number("noise_parameter_p (peer: 1-p truth else uniform)"));
    SHOAL_ASSERT_OK(one);
    const auto found =
        EpsilonByRdp(*PrivacyEvent::Repeat(*one, row.integer("count")),
                     Adjacency::kReplaceOne, row.number("delta"));
    SHOAL_ASSERT_OK(found);
    const double peer = row.number("eps_rdp_replace_one");
    EXPECT_LE(found->epsilon, peer * (1 + 1e-9)) << row.ToString();
    EXPECT_GT(found->epsilon, peer * 0.97) << row.ToString();
  }
}

TEST(GoldenRenyiTest, ConcentratedPrivacyConvertsTightly) {
  SHOAL_SKIP_WITHOUT(File("zcdp_conversion"));
  const ReferenceTable table(File("zcdp_conversion"));
  for (const ReferenceRow& row : table.rows()) {
    ExpectRelative(EpsilonOfZcdp(row.number("rho"), row.number("delta")),
                   row.number("eps_ibm_cks20"), 1e-9, row);
  }
}

TEST(GoldenRenyiTest, AnalyticGaussianHasThirteenDigits) {
  SHOAL_SKIP_WITHOUT(File("gaussian"));
  const ReferenceTable table(File("gaussian"));
  for (const ReferenceRow& row : table.rows()) {
    const double sigma = row.number("sigma");
    ExpectRelative(GaussianEpsilon(sigma, row.number("delta")),
                   row.number("eps_analytic_mpmath60"), 1e-13, row);
    ExpectRelative(std::exp(LogGaussianDelta(sigma, 1)),
                   row.number("delta_at_eps1_analytic_mpmath60"), 1e-12, row);
  }
  const ReferenceTable sigmas(File("gaussian_sigma"));
  for (const ReferenceRow& row : sigmas.rows()) {
    ExpectRelative(GaussianSigma(row.number("epsilon"), row.number("delta")),
                   row.number("sigma_analytic_mpmath60"), 1e-13, row);
  }
}

TEST(GoldenRenyiTest, PublishedClaimsAreReproduced) {
  SHOAL_SKIP_WITHOUT(File("published_accounting"));
  // tensorflow/privacy's MNIST table, and Abadi et al. 2016, section 3.2.
  struct Claim {
    double rate;
    double noise;
    int64_t steps;
    double epsilon;  // of the table, from orders of a list
  };
  const ReferenceTable table(File("published_accounting"));
  const double rate = 256.0 / 60000;
  const Claim claims[] = {
      {rate, 1.3, 3516, table.rows()[0].number("eps_rdp_improved_conversion")},
      {rate, 1.1, 14063, table.rows()[1].number("eps_rdp_improved_conversion")},
      {rate, 0.7, 10547, table.rows()[2].number("eps_rdp_improved_conversion")},
      {0.01, 4, 10000, table.rows()[3].number("eps_rdp_improved_conversion")}};
  for (const Claim& claim : claims) {
    const auto found =
        EpsilonByRdp(SampledGaussian(claim.rate, claim.noise, claim.steps),
                     Adjacency::kAddRemove, 1e-5);
    SHOAL_ASSERT_OK(found);
    EXPECT_LE(found->epsilon, claim.epsilon * (1 + 1e-9));
    EXPECT_GT(found->epsilon, claim.epsilon * 0.99);
  }
}

}  // namespace
}  // namespace shoal::privacy
