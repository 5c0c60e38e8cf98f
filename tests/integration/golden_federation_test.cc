// Algorithms through the whole simulator, engine, sessions and all, beside
// deterministic traces computed in float64 by a reference implementation.
#include "tests/support/golden_federation.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "configuration/task.h"
#include "gtest/gtest.h"
#include "learning/dataset.h"
#include "learning/model.h"
#include "simulations/federation.h"
#include "simulations/initial_model.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal {
namespace {

using testing::GoldenFederation;
using testing::GoldenRow;

configuration::Task GoldenTask() {
  configuration::Task task;
  task.name = "golden";
  task.population = "golden";
  task.model.architecture = learning::LogisticSpec{GoldenFederation::kFeatures,
                                                   GoldenFederation::kClasses};
  task.training = {.epochs = 2,
                   .batch_size = GoldenFederation::kBatchSize,
                   .learning_rate = GoldenFederation::kLearningRate,
                   .keep_order = true};
  task.round = {.cohort = 10, .over_selection = 1, .min_reports = 10};
  task.rounds = GoldenFederation::kRounds;
  return task;
}

// In float32 training agrees to this with training in float64 ...
constexpr double kFloat = 2e-6;
// ... and where a rule makes much of little updates to this: a device's weights
// in float32 lose the steps that are less than half a unit in their last place.
// (Training in float64 that rounds nothing but the weights after every step is
// off by as much: by up to 9e-6 with Nesterov's momentum, 1.5e-5 with
// SCAFFOLD's option I, 2.3e-5 with FedAdam. The rules themselves agree to 1e-9:
// tests/aggregation/golden_rules_test.cc.)
constexpr double kFloatWeights = 3e-5;

// Sends the model after every `every`-th round to the trace of that name.
void ExpectRounds(const GoldenFederation& federation, const std::string& name,
                  simulations::FederationOptions& options, size_t every,
                  double relative) {
  const std::vector<GoldenRow> rows = federation.Rows(name);
  const auto expect = [&](size_t round, const std::string& model) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const learning::StoredModel version,
                               learning::ParseModel(model));
    ExpectGoldenRow(federation.RowOf(static_cast<int>(round),
                                     absl::MakeConstSpan(version.parameters)),
                    rows[round], relative);
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(
      options.initial_model,
      simulations::InitialModelOf(options.task, *options.population));
  expect(0, options.initial_model);
  size_t rounds = 0;
  options.on_round = [&](const simulations::RoundNews& news) {
    if (++rounds % every == 0) expect(rounds / every, news.model);
    return absl::OkStatus();
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto result,
                             simulations::RunFederation(options));
  EXPECT_EQ(result.rounds_failed, 0);
  EXPECT_EQ(rounds, every * (rows.size() - 1));
}

// The devices' examples, which `federation` holds.
std::vector<learning::InMemoryDataset> DataOf(
    const GoldenFederation& federation) {
  std::vector<learning::InMemoryDataset> data;
  for (int k = 0; k < GoldenFederation::kDevices; ++k) {
    data.emplace_back(federation.train(k).features, federation.train(k).labels,
                      GoldenFederation::kFeatures, GoldenFederation::kClasses);
  }
  return data;
}

// What a straggler of the given schedule does of the two epochs.
enum class Stragglers { kDoTheirWork, kDoOneEpoch, kAreDropped };

void ExpectTrace(const std::string& name, const configuration::Task& task,
                 double relative = kFloat,
                 Stragglers stragglers = Stragglers::kDoTheirWork) {
  SHOAL_SKIP_WITHOUT(GoldenFederation::Folder());
  const GoldenFederation federation;
  const std::vector<learning::InMemoryDataset> data = DataOf(federation);
  std::vector<const learning::Dataset*> devices;
  for (const learning::InMemoryDataset& one : data) devices.push_back(&one);
  const simulations::InMemoryPopulation population(devices);
  simulations::FederationOptions options;
  options.task = task;
  options.population = &population;
  for (int round = 0; round < GoldenFederation::kRounds; ++round) {
    std::vector<int64_t>& chosen = options.schedule.emplace_back();
    for (const testing::GoldenSlot& slot : federation.slots(round)) {
      chosen.push_back(slot.device);
    }
  }
  if (stragglers != Stragglers::kDoTheirWork) {
    options.straggler = [&](int64_t round, int64_t device) {
      std::optional<simulations::Straggling> straggling;
      // Rounds count from 1, and none fails.
      for (const testing::GoldenSlot& slot :
           federation.slots(static_cast<int>(round - 1))) {
        if (slot.device != device || !slot.straggler) continue;
        straggling = {1, stragglers == Stragglers::kAreDropped};
      }
      return straggling;
    };
  }
  ExpectRounds(federation, name, options, /*every=*/1, relative);
}

// Links with a latency: all devices of a round have the model before the first
// of them reports.
class WithLatency final : public simulations::Population {
 public:
  explicit WithLatency(std::vector<const learning::Dataset*> devices)
      : devices_(std::move(devices)) {}

  int64_t num_devices() const override { return devices_.num_devices(); }
  const learning::DataShape& shape() const override { return devices_.shape(); }
  int64_t num_examples(int64_t device) const override {
    return devices_.num_examples(device);
  }
  absl::StatusOr<std::shared_ptr<const learning::Dataset>> Load(
      int64_t device, const learning::Moment& moment) const override {
    return devices_.Load(device, moment);
  }
  simulations::DeviceTraits TraitsOf(int64_t device) const override {
    simulations::DeviceTraits traits = devices_.TraitsOf(device);
    traits.link.latency = absl::Seconds(1);
    return traits;
  }

 private:
  const simulations::InMemoryPopulation devices_;
};

TEST(GoldenFederationTest, FedSgd) {
  configuration::Task task = GoldenTask();
  task.algorithm = learning::FedSgdLocal{};
  task.training.epochs = 1;
  task.training.learning_rate = 1;
  task.server_optimizer = configuration::SgdServerOptions{.learning_rate = 0.1};
  ExpectTrace("fedsgd_lr0.1", task);
}

TEST(GoldenFederationTest, FedAvg) { ExpectTrace("fedavg", GoldenTask()); }

TEST(GoldenFederationTest, FedAvgWithUniformWeights) {
  configuration::Task task = GoldenTask();
  task.round.weighting = configuration::Weighting::kUniform;
  ExpectTrace("fedavg_uniform", task);
}

TEST(GoldenFederationTest, FedProx) {
  configuration::Task task = GoldenTask();
  task.algorithm = learning::FedProxLocal{1};
  ExpectTrace("fedprox_mu1", task);
}

TEST(GoldenFederationTest, FedAvgM) {
  configuration::Task task = GoldenTask();
  task.server_optimizer = configuration::SgdServerOptions{.momentum = 0.9};
  ExpectTrace("fedavgm_b0.9_eta1", task);
}

TEST(GoldenFederationTest, FedAvgMWithNesterovsMomentum) {
  configuration::Task task = GoldenTask();
  task.server_optimizer =
      configuration::SgdServerOptions{.momentum = 0.9, .nesterov = true};
  ExpectTrace("fedavgm_nesterov_b0.9_eta1", task, kFloatWeights);
}

TEST(GoldenFederationTest, FedAdagrad) {
  configuration::Task task = GoldenTask();
  task.server_optimizer =
      configuration::AdagradServerOptions{.learning_rate = 0.1};
  ExpectTrace("fedadagrad_eta0.1", task);
}

TEST(GoldenFederationTest, FedAdam) {
  configuration::Task task = GoldenTask();
  task.server_optimizer =
      configuration::AdamServerOptions{.learning_rate = 0.1};
  ExpectTrace("fedadam_eta0.1", task, kFloatWeights);
}

TEST(GoldenFederationTest, FedYogi) {
  configuration::Task task = GoldenTask();
  task.server_optimizer =
      configuration::YogiServerOptions{.learning_rate = 0.1};
  ExpectTrace("fedyogi_eta0.1", task, kFloatWeights);
}

TEST(GoldenFederationTest, FedAvgWithoutItsStragglers) {
  configuration::Task task = GoldenTask();
  task.round.min_reports = 5;
  ExpectTrace("fedavg_drop_stragglers50", task, kFloat,
              Stragglers::kAreDropped);
}

TEST(GoldenFederationTest, FedProxWithPartialWork) {
  configuration::Task task = GoldenTask();
  for (const double mu : {0, 1}) {
    task.algorithm = learning::FedProxLocal{mu};
    ExpectTrace(absl::StrCat("fedprox_mu", mu, "_stragglers50_1epoch"), task,
                kFloat, Stragglers::kDoOneEpoch);
  }
}

TEST(GoldenFederationTest, FedNovaWithPartialWork) {
  configuration::Task task = GoldenTask();
  task.algorithm = learning::FedNovaLocal{};
  ExpectTrace("fednova_stragglers50_1epoch", task, kFloat,
              Stragglers::kDoOneEpoch);
}

TEST(GoldenFederationTest, ScaffoldOptionI) {
  configuration::Task task = GoldenTask();
  task.algorithm = learning::ScaffoldLocal{GoldenFederation::kDevices, 1};
  task.round.weighting = configuration::Weighting::kUniform;
  ExpectTrace("scaffold_optionI", task);
}

TEST(GoldenFederationTest, ScaffoldOptionII) {
  configuration::Task task = GoldenTask();
  task.algorithm = learning::ScaffoldLocal{GoldenFederation::kDevices, 2};
  task.round.weighting = configuration::Weighting::kUniform;
  ExpectTrace("scaffold_optionII", task);
}

// The ten devices of a round all train from its model; the first five fill a
// buffer, and the updates of the others are a version behind in the next.
TEST(GoldenFederationTest, FedBuff) {
  SHOAL_SKIP_WITHOUT(GoldenFederation::Folder());
  const GoldenFederation federation;
  const std::vector<learning::InMemoryDataset> data = DataOf(federation);
  // Simultaneous events are handled in the order of the devices' numbers: every
  // slot of every round is a device of its own, so that this is the slots'.
  std::vector<const learning::Dataset*> devices;
  simulations::FederationOptions options;
  for (int round = 0; round < GoldenFederation::kRounds; ++round) {
    std::vector<int64_t> chosen;
    for (const testing::GoldenSlot& slot : federation.slots(round)) {
      chosen.push_back(static_cast<int64_t>(devices.size()));
      devices.push_back(&data[slot.device]);
    }
    options.schedule.push_back(chosen);
    options.schedule.emplace_back();  // the second buffer takes who is there
  }
  const WithLatency population(devices);
  options.population = &population;
  options.task = GoldenTask();
  options.task.round = {.cohort = 5, .min_reports = 5};
  options.task.round.weighting = configuration::Weighting::kUniform;
  options.task.round.asynchronous =
      configuration::AsynchronousRounds{.concurrency = 10};
  options.task.rounds = 2 * GoldenFederation::kRounds;
  ExpectRounds(federation, "fedbuff_k5", options, /*every=*/2, kFloat);
}

}  // namespace
}  // namespace shoal
