// shoalctl task create --transfer-from, as a user calls it.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "configuration/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/model.h"
#include "learning/onnx/write_onnx.h"
#include "tests/coordinator/programs/program_run.h"
#include "tests/coordinator/programs/shoalctl_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal {
namespace {

using learning::Model;
using learning::ParameterVector;
using nlohmann::json;
using ::shoal::testing::ProgramResult;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOldModel[] = "{mlp: {inputs: 3, hidden: [5], outputs: 2}}";
constexpr char kNewModel[] = "{mlp: {inputs: 3, hidden: [5], outputs: 4}}";

std::string TaskText(const std::string& name, const std::string& model,
                     const std::string& training) {
  return absl::StrCat("name: ", name, "\npopulation: phones\nmodel: ", model,
                      "\ntraining: {learning_rate: 0.1", training,
                      "}\nround: {cohort: 2, min_reports: 1}\nrounds: 5\n");
}

// Three sources of the same body: a version of the coordinator, its file, and
// an ONNX file.
class TransferTest : public ::shoal::testing::ShoalctlTest {
 protected:
  TransferTest() {
    SHOAL_EXPECT_OK(ReplaceFile(task_file_, TaskText("old", kOldModel, "")));
    EXPECT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
    EXPECT_EQ(Run({"model", "export", "old", "--out", onnx_}).exit_code, 0);
    old_values_ = FirstVersion("old");
  }

  ProgramResult Create(const std::string& source,
                       const std::string& training = ", last_layers: 1",
                       const std::string& model = kNewModel) {
    SHOAL_EXPECT_OK(ReplaceFile(task_file_, TaskText("new", model, training)));
    return Run({"task", "create", task_file_, "--transfer-from", source});
  }

  learning::StoredModel FirstVersion(const std::string& task) const {
    const std::string path = coordinator_.folder() + "/" + task + ".shoal";
    EXPECT_EQ(Run({"model", "download", task, "--out", path}).exit_code, 0);
    return *learning::ParseModel(*ReadFile(path));
  }

  void ExpectRefused(const ProgramResult& result, const std::string& message) {
    EXPECT_EQ(result.exit_code, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr(message));
    EXPECT_THAT(Run({"task", "list"}).output, Not(HasSubstr("new")));
  }

  const std::string shoal_ = coordinator_.folder() + "/old.shoal";
  const std::string onnx_ = coordinator_.folder() + "/old.onnx";
  learning::StoredModel old_values_;
};

TEST_F(TransferTest, TheBodyOfAVersionStartsUnderANewHead) {
  const ProgramResult result = Create("old");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(
      result.output,
      AllOf(HasSubstr("taken over from version 0 of old: dense1 (20 values)\n"),
            HasSubstr("new, drawn from seed 0: dense2 (24 values)"),
            HasSubstr("layer dense2 is dense {units: 2, bias: true}, expected "
                      "dense {units: 4, bias: true}"),
            HasSubstr("trained by the task: dense2\n")));
  const learning::StoredModel started = FirstVersion("new");
  const auto values = absl::MakeConstSpan(started.parameters);
  EXPECT_EQ(values.first(20),
            absl::MakeConstSpan(old_values_.parameters).first(20));
  EXPECT_THAT(values.subspan(20, 20), Contains(Not(0.0f)));
  EXPECT_THAT(values.last(4), Each(0.0f));  // the bias
}

TEST_F(TransferTest, FilesGiveTheSameModelAsTheVersion) {
  ASSERT_EQ(Create("old").exit_code, 0);
  const ParameterVector expected = FirstVersion("new").parameters;
  for (const auto& [name, file] :
       {std::pair("second", shoal_), std::pair("third", onnx_)}) {
    SHOAL_ASSERT_OK(
        ReplaceFile(task_file_, TaskText(name, kNewModel, ", last_layers: 1")));
    const json report =
        RunJson({"task", "create", task_file_, "--transfer-from", file})
            .at("transfer");
    EXPECT_EQ(report.at("from"), file);
    EXPECT_EQ(report.at("taken_over"), json({"dense1"}));
    EXPECT_EQ(report.at("new"), json({"dense2"}));
    EXPECT_EQ(report.at("trained"), json({"dense2"}));
    EXPECT_EQ(FirstVersion(name).parameters, expected) << file;
  }
}

TEST_F(TransferTest, TheSameModelIsTakenOverAsAWhole) {
  const ProgramResult result = Create(shoal_, "", kOldModel);
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("new: nothing\n"));
  EXPECT_EQ(FirstVersion("new").parameters, old_values_.parameters);
}

TEST_F(TransferTest, ANewLayerThatTheTaskDoesNotTrainIsRefused) {
  ExpectRefused(Create("old", ", last_layers: 1",
                       "{mlp: {inputs: 3, hidden: [5, 6], outputs: 4}}"),
                "layer dense2 is new");
  ExpectRefused(Create("old", "",
                       "{network: {input: [3], layers: [{dense: {units: 5, "
                       "activation: relu}}, {dense: {units: 6}, frozen: true}, "
                       "{dense: {units: 4}}]}}"),
                "would keep its random values: the task trains only dense1, "
                "dense3");
}

TEST_F(TransferTest, ModelsWithoutACommonBodyAreRefused) {
  const std::string narrow = "{mlp: {inputs: 3, hidden: [4], outputs: 4}}";
  ExpectRefused(Create("old", "", narrow),
                "version 0 of old: no layer can be taken over: layer dense1 is "
                "dense {units: 5, bias: true}, expected dense {units: 4, bias: "
                "true} (layer dense1)");
  ExpectRefused(Create(shoal_, "", narrow),
                shoal_ +
                    ": no layer can be taken over: tensor 1 is "
                    "dense1.weight [3, 5], expected dense1.weight [3, 4]");
  ExpectRefused(Create(onnx_, "", narrow),
                onnx_ + ": no layer can be taken over: layer");
}

TEST_F(TransferTest, WhatIsNoModelIsRefusedWithItsName) {
  SHOAL_ASSERT_OK(ReplaceFile(shoal_, "not a model"));
  ExpectRefused(Create(shoal_), shoal_ + ": stored model: does not begin");
  ExpectRefused(Create("/no/model.onnx"), "/no/model.onnx");
  const ProgramResult unknown = Create("nobody");
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.output, HasSubstr("nobody"));
}

TEST_F(TransferTest, OneInitialModelIsEnough) {
  const ProgramResult result =
      Run({"task", "create", task_file_, "--transfer-from", "old",
           "--initial-model", shoal_});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr("excludes"));
}

}  // namespace
}  // namespace shoal
