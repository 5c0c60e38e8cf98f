// The tables of memory that pages print are those that plans compute.
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/memory_plan.h"
#include "tests/learning/model_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::testing::HasSubstr;

constexpr int kMomentum = 1;
constexpr int kAdam = 2;

MemoryPlan Plan(const Model& model, const PlanOptions& options) {
  auto plan = MemoryPlan::ForTraining(model, options);
  SHOAL_EXPECT_OK(plan.status());
  return *std::move(plan);
}

// Rounded up: what has to be there.
std::string InKib(int64_t bytes) { return absl::StrCat((bytes + 1023) / 1024); }

std::string Row(const std::vector<std::string>& cells) {
  return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |");
}

std::string Page(const std::string& path) {
  const char* const source = std::getenv("SHOAL_SOURCE_DIR");
  EXPECT_NE(source, nullptr) << "run this test through ctest";
  const auto text =
      ReadFile(absl::StrCat(source == nullptr ? "" : source, "/docs/", path));
  SHOAL_EXPECT_OK(text.status());
  return text.value_or("");
}

// 25450 as "25 450".
std::string Grouped(int64_t number) {
  std::string digits = absl::StrCat(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(at, 1, ' ');
  }
  return digits;
}

TEST(MemoryPagesTest, TheExplanationHasTheBytesOfEveryMode) {
  const std::pair<std::string, ModelSpec> models[] = {
      {"", {LogisticSpec{60, 10}}},
      {"", {MlpSpec{784, {32}, 10}}},
      {"", {MlpSpec{784, {200, 200}, 10}}},
      {"", {CnnSpec{CnnPreset::kLenet, {28, 28, 1}, 10}}},
      {"", {CnnSpec{CnnPreset::kMobile, {28, 28, 1}, 10}}},
      {"", {CnnSpec{CnnPreset::kMcmahan, {28, 28, 1}, 10}}},
      {"", {CnnSpec{CnnPreset::kSensor, {128, 9}, 6}}},
      {"gru language model, 64 tokens of 64, 128 units",
       {GruLanguageModelSpec{64, 64}}}};
  const std::string page = Page("explanation/training-memory.md");
  for (const auto& [name, spec] : models) {
    const auto model = MakeModel(spec);
    const PlanOptions fused = {.batch_rows = 10};
    PlanOptions plain = fused, adam = fused, again = fused, last = fused;
    plain.fused = false;
    adam.optimizer_vectors = kAdam;
    again.recompute = true;
    last.last_layers = 1;
    PlanOptions one_by_one = again;
    one_by_one.micro_rows = 1;
    std::vector<std::string> cells = {
        name.empty() ? spec.ToString() : name,
        Grouped(model->layout().num_parameters())};
    for (const PlanOptions& options :
         {plain, fused, adam, again, one_by_one, last}) {
      cells.push_back(InKib(Plan(*model, options).bytes()));
    }
    cells.push_back(InKib(MemoryPlan::ForPrediction(*model, 1).bytes()));
    EXPECT_THAT(page, HasSubstr(Row(cells)));
  }
}

// A plan and the copy of the model that a round starts from, which becomes the
// update.
int64_t WithStart(const Model& model, int64_t plan_bytes) {
  return plan_bytes + model.num_values() * static_cast<int64_t>(sizeof(float));
}

int64_t SumOfBuffers(const MemoryPlan& plan) {
  int64_t sum = 0;
  for (const PlannedBuffer& buffer : plan.buffers()) sum += buffer.bytes;
  return sum;
}

// KiB of the same in another planner, the page's reference.
struct Reference {
  ModelSpec spec;
  int adam_unshared, adam, momentum, sgd, last_layer;
};

TEST(MemoryPagesTest, TheComparisonWithAnotherPlannerIsComputed) {
  const Reference references[] = {
      {{MlpSpec{64, {64}, 10}}, 120, 110, 91, 70, 37},
      {{MlpSpec{128, {128, 64}, 8}}, 560, 526, 427, 294, 133},
      {{MlpSpec{256, {256, 256, 128}, 10}}, 3432, 3302, 2654, 1680, 717},
      {{MlpSpec{64, std::vector<int>(11, 64), 10}}, 1093, 930, 749, 483, 200}};
  const std::string page = Page("reference/benchmarks.md");
  for (const Reference& reference : references) {
    const auto model = MakeModel(reference.spec);
    const PlanOptions sgd = {.batch_rows = 32};
    PlanOptions adam = sgd, momentum = sgd, last = sgd;
    adam.optimizer_vectors = kAdam;
    momentum.optimizer_vectors = kMomentum;
    last.last_layers = 1;
    PlanOptions unshared = adam;
    unshared.fused = false;
    const auto beside = [&](int theirs, int64_t plan_bytes) {
      return absl::StrCat(theirs, " / ", InKib(WithStart(*model, plan_bytes)));
    };
    EXPECT_THAT(
        page, HasSubstr(Row(
                  {reference.spec.ToString(),
                   Grouped(model->layout().num_parameters()),
                   beside(reference.adam_unshared,
                          SumOfBuffers(Plan(*model, unshared))),
                   beside(reference.adam, Plan(*model, adam).bytes()),
                   beside(reference.momentum, Plan(*model, momentum).bytes()),
                   beside(reference.sgd, Plan(*model, sgd).bytes()),
                   beside(reference.last_layer, Plan(*model, last).bytes())})));
  }
}

}  // namespace
}  // namespace shoal::learning
