// FedAvg and FedProx with and without stragglers, on all data sets of the
// FedProx paper, beside the reference's curves.
#include "gtest/gtest.h"
#include "tests/integration/fedprox_curves.h"
#include "tests/support/external_data.h"

namespace shoal::testing {
namespace {

class FedProxAllTest : public ::testing::TestWithParam<FedProxData> {};

TEST_P(FedProxAllTest, CurvesLieInTheBandOfTheReferencesSeeds) {
  SHOAL_SKIP_WITHOUT(ReferenceDir() + "/federated/reference_curves.csv");
  CurveDistances all;
  for (const char* fraction : {"0.0", "0.5", "0.9"}) {
    const CurveDistances some = CompareFedProx(GetParam(), fraction, 200);
    all.points.insert(all.points.end(), some.points.begin(), some.points.end());
  }
  EXPECT_EQ(all.points.size(), 96u);
  // 0.6 points are expected beyond 3 units, and 0.06 beyond 6.
  EXPECT_LE(all.CountBeyond(3), 1) << all.Worst();
  EXPECT_EQ(all.CountBeyond(6), 0) << all.Worst();
}

INSTANTIATE_TEST_SUITE_P(
    Synthetic, FedProxAllTest,
    ::testing::Values(
        FedProxData{"synthetic_iid", "iid: true, seed: 4"},
        FedProxData{"synthetic_0_0", "seed: 4"},
        FedProxData{"synthetic_0.5_0.5", "alpha: 0.5, beta: 0.5, seed: 4"},
        FedProxData{"synthetic_1_1", "alpha: 1, beta: 1, seed: 4"}),
    [](const auto& info) {
      std::string name = info.param.name;
      std::erase(name, '.');
      return name;
    });

}  // namespace
}  // namespace shoal::testing
