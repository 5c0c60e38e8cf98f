#include "simulations/live/summary.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::simulations {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Of a hundred predictions.
learning::Score Right(int64_t num_correct) {
  return {.num_correct = num_correct, .num_examples = 100};
}

learning::Score MeanSquare(double loss) {
  return {.loss_sum = 10 * loss, .num_examples = 10};
}

LiveSummary Example() {
  LiveSummary summary;
  summary.algorithm = "fedprox (mu 0.1)";
  summary.data = "handwriting";
  summary.model = "mlp 784-64-10";
  summary.final_test = {
      .loss_sum = 50, .num_correct = 180, .num_examples = 200};
  summary.test_examples = 200;
  summary.device_scores = {Right(50), Right(100), Right(75)};
  summary.local_only_scores = {Right(25), Right(50), Right(75)};
  summary.rounds_completed = 30;
  summary.rounds_failed = 1;
  summary.devices = 3;
  summary.wall_time = absl::Milliseconds(41500);
  summary.train_time = absl::Seconds(30);
  summary.bytes_up = 12'345'678;
  summary.bytes_down = 999;
  summary.seed = 7;
  summary.version = "0.1.0 (test)";
  summary.model_path = "out/models/version-000030.shoal";
  summary.onnx_path = "out/models/version-000030.onnx";
  summary.folder = "out";
  return summary;
}

TEST(SummaryTest, SaysWhetherTheCoordinatorSawSingleUpdates) {
  LiveSummary summary = Example();
  EXPECT_EQ(nlohmann::json::parse(SummaryJson(summary))["secure_aggregation"],
            false);
  EXPECT_THAT(SummaryText(summary, "script/demo", "bin"),
              HasSubstr("the coordinator saw every device's update"));
  summary.secure_aggregation = true;
  const auto json = nlohmann::json::parse(SummaryJson(summary));
  EXPECT_EQ(json["secure_aggregation"], true);
  EXPECT_TRUE(json["partial_reports"].is_null());
  EXPECT_THAT(SummaryText(summary, "script/demo", "bin"),
              HasSubstr("the coordinator saw sums of updates alone"));
}

TEST(SummaryTest, JsonHoldsWhatProgramsRead) {
  const auto json = nlohmann::json::parse(SummaryJson(Example()));
  EXPECT_DOUBLE_EQ(json["final_test_accuracy"], 0.9);
  EXPECT_DOUBLE_EQ(json["final_test_loss"], 0.25);
  EXPECT_EQ(json["measure"], "accuracy");
  EXPECT_DOUBLE_EQ(json["mean_local_only_accuracy"], 0.5);
  EXPECT_EQ(json["device_accuracy"].size(), 3);
  EXPECT_DOUBLE_EQ(json["local_only_accuracy"][0], 0.25);
  EXPECT_EQ(json["test_examples"], 200);
  EXPECT_EQ(json["rounds_completed"], 30);
  EXPECT_EQ(json["devices"], 3);
  EXPECT_DOUBLE_EQ(json["wall_seconds"], 41.5);
  EXPECT_EQ(json["bytes_up"], 12'345'678);
  EXPECT_EQ(json["bytes_down"], 999);
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["version"], "0.1.0 (test)");
}

TEST(SummaryTest, PartialWorkIsToldAndExplained) {
  LiveSummary summary = Example();
  EXPECT_THAT(SummaryText(summary, "demo", "/bin"),
              Not(HasSubstr("partial work")));
  summary.classes = "8 gateway, 12 sensor";
  summary.reports = 600;
  summary.partial_reports = 150;
  summary.partial_round = "Round 30 needed 16 reports.";
  EXPECT_THAT(
      SummaryText(summary, "demo", "/bin"),
      AllOf(HasSubstr("device classes               8 gateway, 12 sensor"),
            HasSubstr("partial work                 150 of 600 reports"),
            HasSubstr("What shoalctl round explain says:\n  Round 30 "
                      "needed 16 reports.\n")));
  const auto json = nlohmann::json::parse(SummaryJson(summary));
  EXPECT_EQ(json["partial_reports"], 150);
  EXPECT_EQ(json["classes"], "8 gateway, 12 sensor");
}

TEST(SummaryTest, TextTellsFederatedFromAlone) {
  EXPECT_THAT(SummaryText(Example(), "script/demo", "/opt/bin"),
              AllOf(HasSubstr("accuracy 90.0 %, loss 0.2500"),
                    HasSubstr("min 50.0 %, median 75.0 %, max 100.0 %"),
                    HasSubstr("accuracy 50.0 % in the mean"),
                    HasSubstr("12.3 MB up, 999 B down"),
                    HasSubstr("out/models/version-000030.shoal"),
                    HasSubstr("script/demo --algorithm fedprox"),
                    HasSubstr("/opt/bin/shoald --dev")));
}

TEST(SummaryTest, ValuesHaveErrorsInsteadOfAnAccuracy) {
  LiveSummary summary = Example();
  summary.measure = Measure::kRmse;
  summary.final_test = MeanSquare(2.25);
  summary.device_scores = {MeanSquare(1), MeanSquare(4)};
  summary.local_only_scores = {MeanSquare(9), MeanSquare(25)};
  const auto json = nlohmann::json::parse(SummaryJson(summary));
  EXPECT_EQ(json["measure"], "rmse");
  EXPECT_DOUBLE_EQ(json["final_test_rmse"], 1.5);
  EXPECT_DOUBLE_EQ(json["final_test_loss"], 2.25);
  EXPECT_DOUBLE_EQ(json["mean_local_only_rmse"], 4);
  EXPECT_DOUBLE_EQ(json["device_rmse"][1], 2);
  EXPECT_DOUBLE_EQ(json["local_only_rmse"][1], 5);
  EXPECT_FALSE(json.contains("final_test_accuracy"));
  const std::string text = SummaryText(summary, "", "");
  EXPECT_THAT(text, AllOf(HasSubstr("root mean squared error 1.5\n"),
                          HasSubstr("min 1, median 1.5, max 2"),
                          HasSubstr("root mean squared error 4 in the mean"),
                          Not(HasSubstr("accuracy")), Not(HasSubstr("%"))));
}

TEST(SummaryTest, PredictionsOfCharactersAreCalledSo) {
  LiveSummary summary = Example();
  summary.prediction = "character";
  EXPECT_THAT(SummaryText(summary, "", ""),
              AllOf(HasSubstr("next-character accuracy 90.0 %, loss 0.2500 per "
                              "character"),
                    HasSubstr("next-character accuracy 50.0 % in the mean")));
}

TEST(SummaryTest, CsvLeavesTheAccuracyOfValuesEmpty) {
  RoundRecord round;
  round.committed = true;
  round.test = MeanSquare(2.25);
  EXPECT_THAT(RoundsCsv({round}), HasSubstr(",2.25,,"));
}

TEST(SummaryTest, PrivateLayersAreScoredTwiceAndItSaysSo) {
  LiveSummary summary = Example();
  EXPECT_THAT(SummaryText(summary, "", ""), Not(HasSubstr("initial values")));
  EXPECT_EQ(nlohmann::json::parse(SummaryJson(summary))["private_parameters"],
            0);
  summary.private_parameters = 24;
  summary.personal_scores = {Right(90), Right(80), Right(100)};
  EXPECT_THAT(
      SummaryText(summary, "", ""),
      AllOf(
          HasSubstr("with private layers (24 values) at their initial values"),
          HasSubstr("with each device's own     accuracy 90.0 % in the mean")));
  const auto json = nlohmann::json::parse(SummaryJson(summary));
  EXPECT_EQ(json["private_parameters"], 24);
  EXPECT_EQ(json["personal_accuracy"].size(), 3u);
}

TEST(SummaryTest, SizesReadWell) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1500), "1.5 kB");
  EXPECT_EQ(FormatBytes(2'000'000'000), "2.00 GB");
}

TEST(SummaryTest, ResultsThatDoNotStaySaySo) {
  LiveSummary summary = Example();
  EXPECT_THAT(SummaryText(summary, "", ""), Not(HasSubstr("--out DIR")));
  summary.kept_for_good = false;
  EXPECT_THAT(SummaryText(summary, "", ""), HasSubstr("--out DIR"));
}

TEST(SummaryTest, CsvHasALinePerRoundFailedOnesIncluded) {
  RoundRecord committed;
  committed.id = 4;
  committed.number = 1;
  committed.committed = true;
  committed.assigned = 20;
  committed.accepted = 16;
  committed.partial = 4;
  committed.train_loss = 2.5;
  committed.test =
      learning::Score{.loss_sum = 10, .num_correct = 5, .num_examples = 20};
  committed.bytes_up = 1000;
  committed.duration = absl::Milliseconds(1500);
  RoundRecord failed;
  failed.id = 5;
  failed.number = 2;
  failed.failed = true;
  failed.failure = "min_reports";
  failed.assigned = 3;
  EXPECT_EQ(
      RoundsCsv({committed, failed}),
      "id,number,outcome,assigned,accepted,partial,total_examples,train_loss,"
      "train_accuracy,test_loss,test_accuracy,bytes_up,seconds\n"
      "4,1,committed,20,16,4,0,2.5,,0.5,0.25,1000,1.500\n"
      "5,2,min_reports,3,0,0,0,,,,,0,0.000\n");
}

TEST(SummaryTest, MedianIsTheMiddleOrTheMeanOfTwo) {
  EXPECT_EQ(Median({}), 0);
  EXPECT_EQ(Median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(Median(std::vector<double>{4, 1, 2, 3}), 2.5);
}

}  // namespace
}  // namespace shoal::simulations
