// Runs whole federations of devices with the device half of FedAvg, FedProx and
// FedNova and compares them, round by round, with deterministic traces computed
// in float64 by a reference implementation.
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "learning/local_update.h"
#include "tests/support/external_data.h"
#include "tests/support/golden_federation.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using testing::GoldenFederation;
using testing::GoldenRow;
using testing::GoldenSlot;

// The new model: the mean of the updates, weighted by examples, times the mean
// of what they have been divided by.
ParameterVector NextModel(const Model& model, const ParameterVector& base,
                          const GoldenFederation& federation,
                          const std::vector<GoldenSlot>& slots,
                          const LocalAlgorithm& algorithm, bool stragglers) {
  std::vector<double> sum(base.size());
  double weight = 0;
  double divisors = 0;
  for (const GoldenSlot& slot : slots) {
    const testing::GoldenExamples& examples = federation.train(slot.device);
    const InMemoryDataset data(examples.features, examples.labels,
                               GoldenFederation::kFeatures,
                               GoldenFederation::kClasses);
    TrainingOptions training = {
        .epochs = stragglers && slot.straggler ? 1 : 2,
        .batch_size = GoldenFederation::kBatchSize,
        .learning_rate = GoldenFederation::kLearningRate,
        .keep_order = true};
    const absl::StatusOr<LocalUpdate> update =
        ComputeLocalUpdate(model, base, data, training, algorithm, LocalRun());
    EXPECT_THAT(update, testing::IsOk());
    const double examples_of_device = static_cast<double>(update->num_examples);
    weight += examples_of_device;
    divisors += examples_of_device * update->divisor;
    for (size_t i = 0; i < sum.size(); ++i) {
      sum[i] += examples_of_device * update->delta[i];
    }
  }
  ParameterVector next = base;
  for (size_t i = 0; i < sum.size(); ++i) {
    next[i] += sum[i] / weight * (divisors / weight);
  }
  return next;
}

// Stragglers, if there are any, do one epoch instead of two.
void ExpectTrace(const std::string& name, const LocalAlgorithm& algorithm,
                 bool stragglers = false) {
  SHOAL_SKIP_WITHOUT(GoldenFederation::Folder());
  const GoldenFederation federation;
  const auto model = *Model::Create(
      {LogisticSpec{GoldenFederation::kFeatures, GoldenFederation::kClasses}});
  ParameterVector parameters(model->layout().num_parameters());
  for (const GoldenRow& row : federation.Rows(name)) {
    if (row.round > 0) {
      parameters =
          NextModel(*model, parameters, federation,
                    federation.slots(row.round - 1), algorithm, stragglers);
    }
    ExpectGoldenRow(
        federation.RowOf(row.round, absl::MakeConstSpan(parameters)), row,
        2e-6);
  }
}

TEST(GoldenTraceTest, FedAvgFollowsTheReference) {
  ExpectTrace("fedavg", FedAvgLocal{});
}

TEST(GoldenTraceTest, FedProxFollowsTheReference) {
  ExpectTrace("fedprox_mu1", FedProxLocal{1});
}

TEST(GoldenTraceTest, FedProxWithPartialWorkFollowsTheReference) {
  ExpectTrace("fedprox_mu1_stragglers50_1epoch", FedProxLocal{1},
              /*stragglers=*/true);
}

TEST(GoldenTraceTest, PartialWorkOfFedProxWithoutATermFollowsTheReference) {
  ExpectTrace("fedprox_mu0_stragglers50_1epoch", FedProxLocal{0},
              /*stragglers=*/true);
}

TEST(GoldenTraceTest, FedNovaWithPartialWorkFollowsTheReference) {
  ExpectTrace("fednova_stragglers50_1epoch", FedNovaLocal{},
              /*stragglers=*/true);
}

}  // namespace
}  // namespace shoal::learning
