#include "simulations/live/live_options.h"

#include <functional>
#include <string>
#include <variant>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulations/results/built_in_scenarios.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

TEST(LiveOptionsTest, DemoTakesEveryOfTwentyDevices) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario, ResolveScenario({}));
  EXPECT_EQ(scenario.devices, 20);
  EXPECT_EQ(scenario.task.round.max_assigned(), 20);
  EXPECT_TRUE(
      std::holds_alternative<learning::HandwritingSource>(scenario.data.kind));
  EXPECT_TRUE(
      std::holds_alternative<learning::FedAvgLocal>(scenario.task.algorithm));
}

TEST(LiveOptionsTest, BuiltInScenariosAggregateSecurelyUnlessToldNotTo) {
  for (const bool mixed : {false, true}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario,
                               ResolveScenario({.mixed = mixed}));
    EXPECT_EQ(scenario.task.secure_aggregation, protocol::SecureAggregation());
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const auto plain,
        ResolveScenario({.mixed = mixed, .no_secure_aggregation = true}));
    EXPECT_FALSE(plain.task.secure_aggregation.has_value());
  }
}

TEST(LiveOptionsTest, FewDevicesHaveSmallGroups) {
  for (const int devices : {3, 4, 7, 10, 19}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario,
                               ResolveScenario({.devices = devices}));
    SHOAL_EXPECT_OK(configuration::CheckSecureAggregation(scenario.task));
    EXPECT_GE(scenario.task.round.max_assigned(), 3) << devices;
    EXPECT_LE(scenario.task.round.cohort, devices);
    EXPECT_GE(scenario.task.secure_aggregation->min_group, 3);
  }
  EXPECT_THAT(ResolveScenario({.devices = 2}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--devices 2, expected at least 3")));
  EXPECT_THAT(ResolveScenario({.devices = 2, .no_secure_aggregation = true}),
              IsOk());
}

TEST(LiveOptionsTest, MixedIsABuiltInScenarioOfItsOwn) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario,
                             ResolveScenario({.mixed = true, .rounds = 3}));
  EXPECT_EQ(scenario.classes.size(), 3u);
  EXPECT_EQ(scenario.task.rounds, 3);
  EXPECT_TRUE(
      std::holds_alternative<learning::FedNovaLocal>(scenario.task.algorithm));
}

TEST(LiveOptionsTest, CommandLineChangesTheScenario) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario,
                             ResolveScenario({.data = "mnist:/data/mnist",
                                              .algorithm = "fedprox",
                                              .mu = 0.5,
                                              .rounds = 7,
                                              .partition = "dirichlet",
                                              .alpha = 0.2,
                                              .seed = 99}));
  EXPECT_EQ(std::get<learning::IdxSource>(scenario.data.kind).path,
            "/data/mnist");
  EXPECT_EQ(std::get<learning::FedProxLocal>(scenario.task.algorithm).mu, 0.5);
  EXPECT_EQ(scenario.task.rounds, 7);
  EXPECT_EQ(
      std::get<learning::DirichletPartition>(scenario.partition->kind).alpha,
      0.2);
  EXPECT_EQ(scenario.seed, 99);
  EXPECT_EQ(scenario.task.seed, 99);
}

TEST(LiveOptionsTest, SeedReachesTheGeneratedData) {
  for (const auto& data : {std::optional<std::string>(),
                           std::optional<std::string>("handwriting")}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario,
                               ResolveScenario({.data = data, .seed = 5}));
    EXPECT_EQ(std::get<learning::HandwritingSource>(scenario.data.kind).seed,
              5);
  }
}

TEST(LiveOptionsTest, CohortKeepsItsShareOfTheDevices) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto four, ResolveScenario({.devices = 4}));
  EXPECT_EQ(four.devices, 4);
  EXPECT_EQ(four.task.round.cohort, 3);
  EXPECT_EQ(four.task.round.min_reports, 2);
  EXPECT_EQ(four.task.round.max_assigned(), 4);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto one,
      ResolveScenario({.devices = 1, .no_secure_aggregation = true}));
  EXPECT_EQ(one.task.round.cohort, 1);
  EXPECT_EQ(one.task.round.min_reports, 1);
}

TEST(LiveOptionsTest, RelativePathsBecomeAbsolute) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario,
                             ResolveScenario({.data = "har:some/folder"}));
  const std::string& path =
      std::get<learning::HarSource>(scenario.data.kind).path;
  EXPECT_EQ(path.front(), '/');
  EXPECT_THAT(path, HasSubstr("some/folder"));
}

TEST(LiveOptionsTest, ScenarioFilesAreRead) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/mine.yaml";
  SHOAL_ASSERT_OK(WriteFileAtomically(path, FindBuiltInScenario("demo")->yaml));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario,
                             ResolveScenario({.scenario = path}));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto demo, ResolveScenario({}));
  EXPECT_EQ(scenario.task, demo.task);
}

struct Wrong {
  std::string name;
  LiveOptions options;
  std::string sentence;
};

class WrongOptionsTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongOptionsTest, IsAnArgumentError) {
  EXPECT_THAT(ResolveScenario(GetParam().options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(GetParam().sentence)));
}

INSTANTIATE_TEST_SUITE_P(
    Each, WrongOptionsTest,
    ::testing::Values(
        Wrong{"Data", {.data = "minst:/x"}, "data 'minst:/x', expected one of"},
        Wrong{"Algorithm",
              {.algorithm = "fedsgd"},
              "expected fedavg, fedprox or fednova"},
        Wrong{"MuWithoutProx", {.mu = 0.1}, "--mu needs"},
        Wrong{"NegativeMu", {.algorithm = "fedprox", .mu = -1}, "--mu -1"},
        Wrong{"Rounds", {.rounds = 0}, "--rounds 0"},
        Wrong{"NoDevices", {.devices = 0}, "0 devices"},
        Wrong{"TooManyDevices", {.devices = 1001}, "1001 devices"},
        Wrong{"Partition", {.partition = "random"}, "--partition random"},
        Wrong{"Alpha", {.partition = "dirichlet", .alpha = 0}, "--alpha 0"},
        Wrong{"AlphaWithoutDirichlet",
              {.partition = "iid", .alpha = 1},
              "--alpha needs"},
        Wrong{"CsvWithoutLabel", {.data = "csv:/x.csv"}, "needs --label"},
        Wrong{"LabelWithoutCsv", {.label = "class"}, "--label needs"},
        Wrong{"LabelAndTarget",
              {.data = "csv:/x.csv", .label = "a", .target = "b"},
              "expected one of them"},
        Wrong{"TargetWithoutCsv",
              {.data = "mnist:/x", .target = "price"},
              "--target needs"},
        Wrong{"DeviceWithoutCsv", {.device = "owner"}, "--device needs"}),
    [](const auto& info) { return info.param.name; });

TEST(LiveOptionsTest, ScenarioSuitsTheData) {
  const auto model_for = [](const LiveOptions& options) {
    return ResolveScenario(options).value().task.model.ToString();
  };
  EXPECT_EQ(model_for({}), "mlp 784-128-10");
  EXPECT_EQ(model_for({.data = "csv:/t.csv", .label = "x"}), "mlp 784-128-10");
  EXPECT_EQ(model_for({.data = "csv:/t.csv", .target = "x"}), "linear 1-1");
  EXPECT_EQ(model_for({.data = "text:/t.txt"}),
            "gru_language_model 80x97-16-64");
}

TEST(LiveOptionsTest, ColumnOfTheCommandLineReplacesThatOfTheScenario) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/mine.yaml";
  SHOAL_ASSERT_OK(
      WriteFileAtomically(path, FindBuiltInScenario("regression")->yaml));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario,
                             ResolveScenario({.scenario = path, .label = "c"}));
  const auto& csv = std::get<learning::CsvSource>(scenario.data.kind);
  EXPECT_EQ(csv.label, "c");
  EXPECT_EQ(csv.target, "");
}

TEST(AdaptModelTest, DataDecideTheModelsEnds) {
  const auto adapted = [](const LiveOptions& options,
                          const learning::DataShape& shape) {
    auto scenario = ResolveScenario(options).value();
    AdaptModel(shape, scenario);
    return scenario.task.model;
  };
  const learning::ModelSpec mlp =
      adapted({.data = "har:/h"}, {.num_features = 561, .num_classes = 6});
  EXPECT_EQ(mlp.ToString(), "mlp 561-128-6");
  EXPECT_FALSE(mlp.preprocessing.any());
  EXPECT_EQ(
      adapted({.data = "text:/t.txt"},
              {.num_features = 50, .num_classes = 97, .labels_per_example = 50})
          .ToString(),
      "gru_language_model 50x97-16-64");
  const learning::ModelSpec line =
      adapted({.data = "csv:/t.csv", .target = "y"},
              {.num_features = 13, .num_targets = 1});
  EXPECT_EQ(line.ToString(), "linear 13-1");
}

TEST(AdaptModelTest, TablesAreStandardisedAndImputed) {
  auto scenario = ResolveScenario({.data = "csv:/t.csv", .label = "y"}).value();
  learning::DataShape shape = {.num_features = 4, .num_classes = 3};
  AdaptModel(shape, scenario);
  EXPECT_TRUE(scenario.task.model.preprocessing.standardise);
  EXPECT_FALSE(scenario.task.model.preprocessing.impute);
  shape.missing_values = true;
  AdaptModel(shape, scenario);
  EXPECT_TRUE(scenario.task.model.preprocessing.impute);
}

}  // namespace
}  // namespace shoal::simulations
