// Server rules, in double from end to end, beside traces computed in float64 by
// a reference implementation.
#include <string>

#include "absl/types/span.h"
#include "aggregation/server_rule.h"
#include "gtest/gtest.h"
#include "tests/support/external_data.h"
#include "tests/support/golden_federation.h"

namespace shoal::aggregation {
namespace {

using testing::GoldenFederation;
using testing::GoldenRow;
using Vector = GoldenFederation::Vector;

struct Case {
  std::string row;
  configuration::ServerOptimizerOptions options;
  int epochs = 2;  // 0: one gradient of all examples instead
  bool uniform = false;
};

class GoldenRuleTest : public ::testing::TestWithParam<Case> {};

TEST_P(GoldenRuleTest, FollowsTheReferenceToNineDigits) {
  SHOAL_SKIP_WITHOUT(GoldenFederation::Folder());
  const GoldenFederation federation;
  const Case& param = GetParam();
  const auto rule = MakeServerRule(param.options);
  std::vector<Vector> state;
  for (const double value : rule->InitialState()) {
    state.emplace_back(GoldenFederation::kParameters, value);
  }
  const std::vector<absl::Span<double>> views(state.begin(), state.end());
  Vector w(GoldenFederation::kParameters);
  for (const GoldenRow& row : federation.Rows(param.row)) {
    if (row.round > 0) {
      Vector step = federation.Mean(
          row.round - 1, param.uniform, [&](testing::GoldenSlot slot) {
            Vector update;
            if (param.epochs == 0) {
              update = federation.Gradient(w, slot.device);
              for (double& value : update) value = -value;
            } else {
              update = federation.Train(w, slot.device, param.epochs);
              for (size_t i = 0; i < w.size(); ++i) update[i] -= w[i];
            }
            return update;
          });
      rule->Compute(absl::MakeSpan(step), views);
      for (size_t i = 0; i < w.size(); ++i) w[i] += step[i];
    }
    const GoldenRow ours = federation.RowOf(row.round, w);
    ExpectGoldenRow(ours, row, 1e-9);
    EXPECT_NEAR(ours.sum, row.sum, 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rules, GoldenRuleTest,
    ::testing::Values(
        Case{"fedavg", configuration::SgdServerOptions{}},
        Case{"fedavg_uniform", configuration::SgdServerOptions{}, 2, true},
        Case{"fedsgd_lr0.1",
             configuration::SgdServerOptions{.learning_rate = 0.1}, 0},
        Case{"fedavgm_b0.9_eta1",
             configuration::SgdServerOptions{.momentum = 0.9}},
        Case{
            "fedavgm_nesterov_b0.9_eta1",
            configuration::SgdServerOptions{.momentum = 0.9, .nesterov = true}},
        Case{"fedadagrad_eta0.1",
             configuration::AdagradServerOptions{.learning_rate = 0.1}},
        Case{"fedadam_eta0.1",
             configuration::AdamServerOptions{.learning_rate = 0.1}},
        Case{"fedyogi_eta0.1",
             configuration::YogiServerOptions{.learning_rate = 0.1}}),
    [](const ::testing::TestParamInfo<Case>& info) {
      std::string name = info.param.row;
      for (char& c : name) c = c == '.' ? '_' : c;
      return name;
    });

}  // namespace
}  // namespace shoal::aggregation
