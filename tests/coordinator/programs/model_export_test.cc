// shoalctl model export and task create --initial-model, as a user calls them.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "configuration/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/onnx/read_onnx.h"
#include "learning/onnx/write_onnx.h"
#include "learning/predictor.h"
#include "learning/transfer_values.h"
#include "tests/coordinator/programs/program_run.h"
#include "tests/coordinator/programs/shoalctl_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal {
namespace {

using learning::Model;
using learning::ParameterVector;
using nlohmann::json;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::ProgramResult;
using ::shoal::testing::RunProgram;
using ::testing::AllOf;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pointwise;

std::string TaskText(const std::string& name, const std::string& model) {
  return absl::StrCat("name: ", name, "\npopulation: phones\nmodel: ", model,
                      "\ntraining: {learning_rate: 0.1}\n"
                      "round: {cohort: 2, min_reports: 1}\nrounds: 5\n");
}

constexpr char kMlp[] = "{mlp: {inputs: 3, hidden: [5], outputs: 2}}";

std::unique_ptr<Model> ModelOf(const std::string& task_text) {
  return *Model::Create(configuration::ParseTaskYaml(task_text, "task")->model);
}

// The values of a file in the model that it is expected to be.
ParameterVector ValuesIn(const std::string& path, const Model& model) {
  const auto file = learning::ReadOnnx(*ReadFile(path));
  EXPECT_THAT(file, ::shoal::testing::IsOk()) << path;
  if (!file.ok()) return {};
  const auto values = learning::TransferValues(**Model::Create(file->spec),
                                               file->values, model);
  EXPECT_THAT(values, ::shoal::testing::IsOk()) << path;
  return values.value_or(ParameterVector());
}

std::vector<float> Predictions(const Model& model,
                               const ParameterVector& values) {
  std::vector<float> features;
  for (int i = 0; i < 12; ++i) features.push_back(0.3f * (i % 5) - 0.5f);
  learning::OwnedPredictor predictor(model, 4);
  const auto predictions = predictor->Predict(values, features);
  return {predictions.begin(), predictions.end()};
}

// A downloaded version and its task, without a coordinator.
class ModelExportTest : public ::testing::Test {
 protected:
  ModelExportTest() { Use(TaskText("small", kMlp)); }

  // Makes `version_` a version of the task, with random values.
  void Use(const std::string& task_text) {
    model_ = ModelOf(task_text);
    SeededRng rng(1);
    parameters_ = model_->Initialise(rng);
    SHOAL_EXPECT_OK(ReplaceFile(task_, task_text));
    SHOAL_EXPECT_OK(ReplaceFile(
        version_, learning::SerializeModel(model_->layout(), parameters_)));
  }

  // One row for every corner of a cube; the class is the first feature.
  std::string WriteCsv() const {
    std::string text = "a,b,c,class\n";
    for (int i = 0; i < 400; ++i) {
      absl::StrAppend(&text, i & 1, ",", (i >> 1) & 1, ",", (i >> 2) & 1, ",",
                      (i & 1) != 0 ? "yes" : "no", "\n");
    }
    const std::string path = folder_.path() + "/cube.csv";
    SHOAL_EXPECT_OK(ReplaceFile(path, text));
    return path;
  }

  ProgramResult Export(const std::vector<std::string>& options) const {
    std::vector<std::string> arguments = {"model", "export", version_, "--task",
                                          task_,   "--out",  out_};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return RunProgram("shoalctl", arguments);
  }

  void ExpectRefused(const std::vector<std::string>& options,
                     const std::string& message) const {
    const ProgramResult result = Export(options);
    EXPECT_EQ(result.exit_code, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr(message));
    EXPECT_FALSE(std::filesystem::exists(out_)) << result.output;
  }

  const TemporaryFolder folder_;
  const std::string task_ = folder_.path() + "/task.yaml";
  const std::string version_ = folder_.path() + "/small-7.shoal";
  const std::string out_ = folder_.path() + "/small.onnx";
  std::unique_ptr<Model> model_;
  ParameterVector parameters_;
};

TEST_F(ModelExportTest, Float32LosesNothing) {
  EXPECT_EQ(Export({}).exit_code, 0);
  EXPECT_EQ(ValuesIn(out_, *model_), parameters_);
}

TEST_F(ModelExportTest, Float16KeepsElevenBits) {
  EXPECT_EQ(Export({"--precision", "float16"}).exit_code, 0);
  const ParameterVector values = ValuesIn(out_, *model_);
  ASSERT_EQ(values.size(), parameters_.size());
  EXPECT_NE(values, parameters_);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], parameters_[i],
                std::ldexp(std::abs(parameters_[i]), -11));
  }
}

TEST_F(ModelExportTest, Int8KeepsEveryWeightWithinHalfAStepOfItsChannel) {
  EXPECT_EQ(Export({"--precision", "int8"}).exit_code, 0);
  const ParameterVector values = ValuesIn(out_, *model_);
  ASSERT_EQ(values.size(), parameters_.size());
  EXPECT_NE(values, parameters_);
  const learning::ParameterLayout& layout = model_->layout();
  for (size_t t = 0; t < layout.tensors().size(); ++t) {
    const learning::TensorShape& tensor = layout.tensors()[t];
    const int64_t begin = layout.offset(static_cast<int>(t));
    const int64_t channels = tensor.dims.size() > 1 ? tensor.dims.back() : 1;
    for (int64_t channel = 0; channel < channels; ++channel) {
      float largest = 0;
      float error = 0;
      for (int64_t i = channel; i < tensor.num_values(); i += channels) {
        const float given = parameters_[begin + i];
        largest = std::max(largest, std::abs(given));
        error = std::max(error, std::abs(values[begin + i] - given));
      }
      // Biases are kept as they are.
      const float bound = tensor.dims.size() > 1 ? largest / 254 : 0;
      EXPECT_LE(error, bound * 1.001f) << tensor.name;
    }
  }
}

TEST_F(ModelExportTest, TheFilePredictsAsTheModel) {
  const std::vector<float> expected = Predictions(*model_, parameters_);
  const std::pair<const char*, float> tolerances[] = {
      {"float32", 0.0f}, {"float16", 1e-3f}, {"int8", 1e-2f}};
  for (const auto& [precision, tolerance] : tolerances) {
    ASSERT_EQ(Export({"--precision", precision, "--force"}).exit_code, 0);
    EXPECT_THAT(Predictions(*model_, ValuesIn(out_, *model_)),
                Pointwise(FloatNear(tolerance), expected))
        << precision;
  }
}

TEST_F(ModelExportTest, PruningZeroesTheFractionOfTheWeights) {
  EXPECT_EQ(Export({"--prune", "0.4"}).exit_code, 0);
  const ParameterVector values = ValuesIn(out_, *model_);
  // 3 * 5 + 5 * 2 weights; both biases start as zero.
  EXPECT_EQ(std::count(values.begin(), values.end(), 0.0f), 10 + 5 + 2);
}

TEST_F(ModelExportTest, ReportComparesSizesAndScores) {
  const ProgramResult result =
      Export({"--precision", "int8", "--prune", "0.4", "--data",
              "csv:" + WriteCsv(), "--label", "class"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("wrote " + version_ +
                              " as ONNX, int8, 40 % of the weights zero ("),
                    HasSubstr("before         after  change\n"),
                    HasSubstr("bytes of values                128"),
                    HasSubstr("\nloss "), HasSubstr("\naccuracy "),
                    HasSubstr("\npredictions / s ")));
}

TEST_F(ModelExportTest, JsonHasTheNumbersOfTheReport) {
  const ProgramResult result =
      Export({"--precision", "int8", "--json", "--data", "csv:" + WriteCsv(),
              "--label", "class"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const json report = json::parse(result.output);
  EXPECT_EQ(report.at("file"), out_);
  EXPECT_EQ(report.at("num_bytes"), std::filesystem::file_size(out_));
  EXPECT_EQ(report.at("precision"), "int8");
  EXPECT_EQ(report.at("task"), "small");
  EXPECT_EQ(report.at("digest"), Sha256(*ReadFile(version_)).ToHex());
  // 25 weights and 7 biases; 25 codes, 7 steps and 7 biases.
  EXPECT_EQ(report.at("before").at("value_bytes"), 32 * 4);
  EXPECT_EQ(report.at("after").at("value_bytes"), 25 + 14 * 4);
  const int64_t examples = report.at("examples");
  EXPECT_THAT(examples, AllOf(::testing::Gt(40), ::testing::Lt(120)));
  for (const char* form : {"before", "after"}) {
    EXPECT_GT(report.at(form).at("loss"), 0);
    EXPECT_GT(report.at(form).at("accuracy"), 0);
    EXPECT_GT(report.at(form).at("examples_per_second"), 0);
  }
  EXPECT_NEAR(report.at("before").at("loss"), report.at("after").at("loss"),
              0.02);
}

TEST_F(ModelExportTest, WithoutDataThereAreNoScores) {
  const json report = json::parse(Export({"--json"}).output);
  EXPECT_FALSE(report.at("before").contains("loss"));
  EXPECT_FALSE(report.contains("examples"));
}

// The scenario's own data: what its run was tested on.
TEST_F(ModelExportTest, AScenarioIsTaskAndDataAtOnce) {
  Use("task:\n  name: small\n  population: phones\n  model: " +
      std::string(kMlp) +
      "\n  training: {learning_rate: 0.1}\n"
      "  round: {cohort: 2, min_reports: 1}\n  rounds: 5\n"
      "population: {devices: 2, data: {csv: {path: '" +
      WriteCsv() + "', label: class}}}\n");
  const json report = json::parse(Export({"--json", "--data", task_}).output);
  EXPECT_GT(report.at("examples"), 0);
}

TEST_F(ModelExportTest, ATextIsCutIntoWindowsOfTheModelsLength) {
  Use(TaskText("small",
               "{gru_language_model: {vocabulary: 97, length: 20, embedding: "
               "4, units: 4}}"));
  const std::string path = folder_.path() + "/play.txt";
  std::string text;
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&text, i % 2 == 0 ? "ANNA:\n" : "BERT:\n",
                    "What is it that the other one has said to me?\n\n");
  }
  SHOAL_ASSERT_OK(ReplaceFile(path, text));
  const json report =
      json::parse(Export({"--json", "--data", "text:" + path}).output);
  EXPECT_GT(report.at("examples"), 0);
}

TEST_F(ModelExportTest, PrivateLayersAreNamed) {
  Use(TaskText("small",
               "{network: {input: [3], layers: [{dense: {units: 4}},"
               " {batch_norm: {}}, {dense: {units: 2}}]}}"));
  EXPECT_THAT(Export({}).output,
              HasSubstr("private layers stay on devices, the file has what "
                        "they start as: norm1"));
  EXPECT_EQ(
      json::parse(Export({"--force", "--json"}).output).at("private_layers"),
      json({"norm1"}));
}

TEST_F(ModelExportTest, OverwritesOnlyByForce) {
  SHOAL_ASSERT_OK(ReplaceFile(out_, "mine"));
  const ProgramResult refused = Export({});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("--force"));
  EXPECT_THAT(ReadFile(out_), IsOkAndHolds("mine"));
  EXPECT_EQ(Export({"--force"}).exit_code, 0);
  EXPECT_EQ(ValuesIn(out_, *model_), parameters_);
}

TEST_F(ModelExportTest, WrongOptionsAreRefused) {
  ExpectRefused({"--precision", "int4"},
                "--precision int4, expected float32, float16 or int8");
  ExpectRefused({"--prune", "1"}, "--prune 1, expected");
  ExpectRefused({"--prune", "-0.1"}, "--prune -0.1, expected");
  ExpectRefused({"--prune", "half"}, "--prune");
  ExpectRefused({"--format", "onxx"}, "--format onxx, expected onnx");
  ExpectRefused({"--format", "tflite"}, "docs/decisions/0009-no-tflite.md");
  ExpectRefused({"--label", "class"}, "--data csv:FILE goes with either");
  ExpectRefused({"--data", "csv:t.csv", "--label", "a", "--target", "b"},
                "--data csv:FILE goes with either");
}

TEST_F(ModelExportTest, WrongDataAreRefused) {
  ExpectRefused({"--data", "weather"}, "data 'weather', expected one of");
  ExpectRefused({"--data", "csv:" + WriteCsv()}, "goes with either --label");
  ExpectRefused({"--data", "mnist:/no/folder"}, "/no/folder");
  ExpectRefused({"--data", "/no/scenario.yaml"}, "/no/scenario.yaml");
  ExpectRefused({"--data", "handwriting"}, "784");
}

TEST_F(ModelExportTest, WhatIsNoVersionOfTheTaskIsRefused) {
  SHOAL_ASSERT_OK(ReplaceFile(task_, TaskText("small",
                                              "{logistic: {inputs: 3, "
                                              "outputs: 2}}")));
  ExpectRefused({}, version_ +
                        ": is not of logistic 3-2, the task's model: tensor 1 "
                        "is dense1.weight [3, 5], expected dense1.weight [3, "
                        "2]");
  const std::string bytes = *ReadFile(version_);
  SHOAL_ASSERT_OK(ReplaceFile(version_, bytes.substr(0, bytes.size() - 1)));
  ExpectRefused({}, version_ + ": stored model: holds 127 bytes");
  std::filesystem::remove(version_);
  ExpectRefused({}, version_);
  SHOAL_ASSERT_OK(ReplaceFile(task_, "colour: blue\n"));
  ExpectRefused({}, "task.yaml:1: colour: unknown key");
}

TEST_F(ModelExportTest, AFileWithoutItsTaskIsRefused) {
  const ProgramResult result =
      RunProgram("shoalctl", {"model", "export", version_, "--out", out_});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr(version_ + ": is a file, expected "
                                                  "--task FILE with it"));
}

using ModelExportOnlineTest = ::shoal::testing::ShoalctlTest;

TEST_F(ModelExportOnlineTest, AVersionOfTheCoordinatorIsExported) {
  const std::string text = TaskText("small", kMlp);
  SHOAL_ASSERT_OK(ReplaceFile(task_file_, text));
  ASSERT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
  const std::string out = coordinator_.folder() + "/small.onnx";
  const json report = RunJson({"model", "export", "small@0", "--out", out});
  EXPECT_EQ(report.at("task"), "small");
  EXPECT_EQ(report.at("version"), 0);
  EXPECT_EQ(report.at("digest"),
            RunJson({"model", "show", "small"}).at("digest"));
  const std::string version = coordinator_.folder() + "/small.shoal";
  ASSERT_EQ(Run({"model", "download", "small", "--out", version}).exit_code, 0);
  EXPECT_EQ(ValuesIn(out, *ModelOf(text)),
            learning::ParseModel(*ReadFile(version))->parameters);
}

TEST_F(ModelExportOnlineTest, WhatDoesNotExistIsNotExported) {
  const std::string out = coordinator_.folder() + "/none.onnx";
  EXPECT_EQ(Run({"model", "export", "none", "--out", out}).exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(out));
}

// Writes a model of another maker: other names, a softmax of its own.
class InitialOnnxTest : public ::shoal::testing::ShoalctlTest {
 protected:
  InitialOnnxTest() {
    learning::LayerListSpec list;
    list.input = {3};
    list.layers = {{learning::DenseSpec{.units = 5}, "fc1"},
                   {learning::ActivationSpec{}},
                   {learning::DenseSpec{.units = 2}, "fc2"}};
    model_ = *Model::Create({list});
    SeededRng rng(7);
    values_ = model_->Initialise(rng);
    SHOAL_EXPECT_OK(ReplaceFile(onnx_, *learning::WriteOnnx(*model_, values_)));
  }

  ProgramResult Create(const std::string& model, const std::string& from) {
    SHOAL_EXPECT_OK(ReplaceFile(task_file_, TaskText("small", model)));
    return Run({"task", "create", task_file_, "--initial-model", from});
  }

  const std::string onnx_ = coordinator_.folder() + "/pretrained.onnx";
  std::unique_ptr<Model> model_;
  ParameterVector values_;
};

TEST_F(InitialOnnxTest, TheTaskStartsWithItsWeights) {
  EXPECT_EQ(Create(kMlp, onnx_).exit_code, 0);
  const std::string version = coordinator_.folder() + "/small.shoal";
  ASSERT_EQ(Run({"model", "download", "small", "--out", version}).exit_code, 0);
  const auto stored = learning::ParseModel(*ReadFile(version));
  SHOAL_ASSERT_OK(stored.status());
  EXPECT_EQ(stored->layout.tensors()[0].name, "dense1.weight");
  EXPECT_EQ(stored->parameters, values_);
}

TEST_F(InitialOnnxTest, TheFirstLayerThatDiffersIsNamed) {
  const ProgramResult result =
      Create("{mlp: {inputs: 3, hidden: [6], outputs: 2}}", onnx_);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output,
              HasSubstr(onnx_ + ": is not the model of task small, mlp 3-6-2: "
                                "layer fc1 is dense {units: 5, bias: true}, "
                                "expected dense {units: 6, bias: true} "
                                "(layer dense1)"));
  EXPECT_THAT(RunJson({"task", "list"}).value("tasks", json::array()),
              IsEmpty());
}

TEST_F(InitialOnnxTest, WhatIsNoOnnxFileIsRefusedWithItsName) {
  SHOAL_ASSERT_OK(ReplaceFile(onnx_, "not a graph"));
  const ProgramResult result = Create(kMlp, onnx_);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output,
              HasSubstr(onnx_ + ": not an ONNX file, or damaged: "));
}

}  // namespace
}  // namespace shoal
