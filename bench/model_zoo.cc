#include "bench/model_zoo.h"

#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "configuration/task.h"
#include "learning/data/data_source.h"
#include "learning/device_memory.h"
#include "learning/local_update.h"
#include "learning/memory_plan.h"
#include "learning/model.h"
#include "simulations/federation.h"

namespace shoal::bench {
namespace {

using learning::CnnPreset;
using learning::CnnSpec;
using learning::MemoryPlan;
using learning::Model;

template <typename Architecture>
ZooModel Make(Architecture architecture, double learning_rate,
              std::vector<std::string> federations) {
  ZooModel model = {.spec = {}, .learning_rate = learning_rate};
  model.spec.architecture = std::move(architecture);
  model.federations = std::move(federations);
  return model;
}

std::unique_ptr<Model> MakeModel(const learning::ModelSpec& spec) {
  auto model = Model::Create(spec);
  SHOAL_CHECK(model.ok());
  return *std::move(model);
}

// From the fastest plan down to the smallest: each is the best that fits into
// a byte less than the one before.
std::vector<MemoryPlan> AllPlans(const Model& model) {
  const learning::TrainingOptions training = {.batch_size = kZooBatchSize,
                                              .learning_rate = 1};
  std::vector<MemoryPlan> plans;
  for (int64_t allowed = std::numeric_limits<int64_t>::max();;) {
    auto plan =
        learning::PlanLocalUpdate(model, training, kZooBatchSize, allowed);
    if (!plan.ok()) {
      SHOAL_CHECK(absl::IsResourceExhausted(plan.status()));
      return plans;
    }
    allowed = plan->bytes() - 1;
    plans.push_back(*std::move(plan));
  }
}

configuration::Task TaskOf(const LoadedFederation& loaded,
                           const ZooModel& model) {
  const ZooFederation& federation = loaded.federation;
  configuration::Task task;
  task.name = "zoo";
  task.population = federation.name;
  task.model = model.spec;
  task.training = {.epochs = federation.epochs,
                   .batch_size = kZooBatchSize,
                   .learning_rate = model.learning_rate};
  task.round = {.cohort = federation.cohort,
                .over_selection = 1,
                .min_reports = federation.cohort,
                .deadline = absl::Hours(1)};
  task.rounds = federation.rounds;
  task.seed = loaded.seed;
  return task;
}

}  // namespace

std::vector<ZooFederation> ZooFederations() {
  return {{.name = "handwriting",
           .data = "handwriting",
           .has_files = false,
           .devices = 20,
           .cohort = 20,
           .epochs = 3,
           .rounds = 20},
          {.name = "har",
           .data = "har:uci_har",
           .devices = 21,
           .cohort = 21,
           .epochs = 1,
           .rounds = 30},
          {.name = "mnist",
           .data = "mnist:mnist",
           .devices = 100,
           .cohort = 10,
           .epochs = 1,
           .rounds = 30}};
}

std::vector<ZooModel> ZooModels() {
  const std::vector<int> image = {28, 28, 1};
  const std::vector<std::string> images = {"handwriting", "mnist"};
  return {
      Make(learning::LogisticSpec{784, 10}, 0.05, images),
      Make(learning::MlpSpec{784, {32}, 10}, 0.1, images),
      Make(learning::MlpSpec{784, {200, 200}, 10}, 0.1, images),
      Make(CnnSpec{CnnPreset::kMobile, image, 10}, 0.1, images),
      Make(CnnSpec{CnnPreset::kLenet, image, 10}, 0.1, images),
      Make(CnnSpec{CnnPreset::kMcmahan, image, 10}, 0.1, images),
      Make(learning::LogisticSpec{561, 6}, 0.1, {"har"}),
      Make(learning::MlpSpec{561, {32}, 6}, 0.1, {"har"}),
      Make(learning::MlpSpec{561, {200, 100}, 6}, 0.1, {"har"}),
      Make(CnnSpec{CnnPreset::kSensor, {128, 9}, 6}, 0, {}),
      Make(CnnSpec{CnnPreset::kSpectrogram, {49, 10, 1}, 12}, 0, {}),
      Make(learning::GruLanguageModelSpec{64, 64, 32, 128}, 0, {}),
  };
}

ModelBytes BytesOf(const learning::ModelSpec& spec) {
  const std::unique_ptr<Model> model = MakeModel(spec);
  const std::vector<MemoryPlan> plans = AllPlans(*model);
  return {.parameters = model->layout().num_parameters(),
          .train = learning::PeakMemoryBytes(*model, plans.front()),
          .train_least = learning::PeakMemoryBytes(*model, plans.back()),
          .predict = static_cast<int64_t>(sizeof(float)) * model->num_values() +
                     MemoryPlan::ForPrediction(*model, 1).bytes()};
}

absl::StatusOr<LoadedFederation> LoadFederation(const ZooFederation& federation,
                                                const std::string& data_folder,
                                                uint64_t seed) {
  SHOAL_ASSIGN_OR_RETURN(learning::DataSource source,
                         learning::ParseDataSource(federation.data));
  std::visit(
      [&](auto& kind) {
        if constexpr (requires { kind.path; }) {
          kind.path = absl::StrCat(data_folder, "/", kind.path);
        } else if constexpr (requires { kind.seed; }) {
          kind.seed = seed;
        }
      },
      source.kind);
  SHOAL_ASSIGN_OR_RETURN(
      const auto data, learning::FederatedData::Open(source, std::nullopt,
                                                     federation.devices, seed));
  LoadedFederation loaded = {
      .federation = federation, .seed = seed, .devices = {}, .test = nullptr};
  for (int device = 0; device < federation.devices; ++device) {
    SHOAL_ASSIGN_OR_RETURN(loaded.devices.emplace_back(),
                           data->LoadDevice(device));
  }
  SHOAL_ASSIGN_OR_RETURN(loaded.test, data->LoadTest());
  return loaded;
}

absl::StatusOr<double> FederatedAccuracy(const LoadedFederation& loaded,
                                         const ZooModel& zoo_model) {
  simulations::FederationOptions options;
  options.task = TaskOf(loaded, zoo_model);
  options.seed = loaded.seed;
  std::vector<const learning::Dataset*> devices;
  for (const auto& device : loaded.devices) devices.push_back(device.get());
  const simulations::InMemoryPopulation population(devices);
  options.population = &population;
  SHOAL_ASSIGN_OR_RETURN(const simulations::FederationResult result,
                         simulations::RunFederation(options));
  SHOAL_ASSIGN_OR_RETURN(const learning::StoredModel trained,
                         learning::ParseModel(result.final_model));
  const std::unique_ptr<Model> model = MakeModel(zoo_model.spec);
  SHOAL_ASSIGN_OR_RETURN(
      const learning::Score score,
      learning::EvaluateDataset(*model, model->DeviceVector(trained.parameters),
                                *loaded.test));
  return score.accuracy().value_or(0);
}

}  // namespace shoal::bench
