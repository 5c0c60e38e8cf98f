#include "learning/memory_plan.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/block_layout.h"
#include "tests/learning/model_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

PlannedBuffer Buffer(int64_t bytes, int first, int last) {
  PlannedBuffer buffer;
  buffer.bytes = bytes;
  buffer.first = first;
  buffer.last = last;
  return buffer;
}

void ExpectSound(const std::vector<PlannedBuffer>& buffers,
                 int64_t block_bytes) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    const PlannedBuffer& a = buffers[i];
    EXPECT_GE(a.offset, 0);
    EXPECT_LE(a.offset + a.bytes, block_bytes);
    for (size_t k = i + 1; k < buffers.size(); ++k) {
      const PlannedBuffer& b = buffers[k];
      const bool together = a.first <= b.last && b.first <= a.last;
      const bool apart =
          a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
      EXPECT_TRUE(!together || apart) << a.name << " and " << b.name;
    }
  }
}

// No plan can be smaller than what lives at one time.
int64_t LeastBytes(const std::vector<PlannedBuffer>& buffers) {
  int last = 0;
  for (const PlannedBuffer& b : buffers) last = std::max(last, b.last);
  int64_t least = 0;
  for (int now = 0; now <= last; ++now) {
    int64_t live = 0;
    for (const PlannedBuffer& b : buffers) {
      if (b.first <= now && now <= b.last) live += b.bytes;
    }
    least = std::max(least, live);
  }
  return least;
}

// The least that Within asks for, with all that it may give up.
int64_t LeastWithin(const Model& model, const PlanOptions& options) {
  const std::string message(
      MemoryPlan::Within(model, options, {}, 1).status().message());
  return std::stoll(message.substr(message.find("at least ") +
                                   std::string("at least ").size()));
}

TEST(PlaceBuffersTest, BuffersOfDifferentTimesShareTheirPlace) {
  std::vector<PlannedBuffer> buffers = {Buffer(64, 0, 1), Buffer(64, 2, 3)};
  EXPECT_EQ(PlaceBuffers(buffers), 64);
}

TEST(PlaceBuffersTest, BuffersOfOneTimeLieSideBySide) {
  std::vector<PlannedBuffer> buffers = {Buffer(64, 0, 2), Buffer(128, 2, 3)};
  EXPECT_EQ(PlaceBuffers(buffers), 192);
  ExpectSound(buffers, 192);
}

TEST(PlaceBuffersTest, SmallBuffersFillGaps) {
  // The two large ones never meet; the small ones lie beside them.
  std::vector<PlannedBuffer> buffers = {Buffer(256, 0, 1), Buffer(192, 2, 3),
                                        Buffer(64, 1, 2), Buffer(64, 3, 3)};
  const int64_t bytes = PlaceBuffers(buffers);
  ExpectSound(buffers, bytes);
  EXPECT_EQ(bytes, LeastBytes(buffers));
}

TEST(PlaceBuffersTest, RandomLifetimesNeverCollide) {
  SeededRng rng(1);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<PlannedBuffer> buffers;
    for (int i = 0; i < 40; ++i) {
      const int first = rng.Below(30);
      buffers.push_back(Buffer(64 * (1 + rng.Below(20)), first,
                               first + static_cast<int>(rng.Below(10))));
    }
    const int64_t bytes = PlaceBuffers(buffers);
    ExpectSound(buffers, bytes);
    EXPECT_LE(bytes, 1.25 * LeastBytes(buffers));
  }
}

class EveryPlanTest : public ::testing::TestWithParam<NamedModel> {
 protected:
  std::unique_ptr<Model> model_ = MakeModel(GetParam().spec);
};

TEST_P(EveryPlanTest, BuffersThatLiveTogetherNeverOverlap) {
  for (const bool recompute : {false, true}) {
    for (const bool fused : {false, true}) {
      for (const int vectors : {0, 2}) {
        SHOAL_ASSERT_OK_AND_ASSIGN(
            const MemoryPlan plan,
            MemoryPlan::ForTraining(*model_, {.batch_rows = 8,
                                              .optimizer_vectors = vectors,
                                              .fused = fused,
                                              .recompute = recompute}));
        ExpectSound(plan.buffers(), plan.bytes());
        EXPECT_LE(plan.bytes(), 1.1 * LeastBytes(plan.buffers()))
            << plan.ToString();
      }
    }
  }
  const MemoryPlan plan = MemoryPlan::ForPrediction(*model_, 8);
  ExpectSound(plan.buffers(), plan.bytes());
}

TEST_P(EveryPlanTest, EveryConcessionSavesMemoryOrCostsNone) {
  const auto bytes = [&](const PlanOptions& options) {
    auto plan = MemoryPlan::ForTraining(*model_, options);
    EXPECT_TRUE(plan.ok());
    return plan->bytes();
  };
  const PlanOptions plain = {.batch_rows = 32, .fused = false};
  PlanOptions fused = plain, recompute = plain, micro = plain, last = plain;
  fused.fused = true;
  recompute.recompute = true;
  micro.micro_rows = 4;
  last.last_layers = 1;
  EXPECT_LT(bytes(fused), bytes(plain));
  EXPECT_LE(bytes(recompute), bytes(plain));
  EXPECT_LT(bytes(micro), bytes(plain));
  EXPECT_LE(bytes(last), bytes(plain));
}

TEST_P(EveryPlanTest, WithinGivesUpNothingWhenAllFits) {
  const PlanOptions options = {.batch_rows = 16};
  SHOAL_ASSERT_OK_AND_ASSIGN(const MemoryPlan whole,
                             MemoryPlan::ForTraining(*model_, options));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const MemoryPlan within,
      MemoryPlan::Within(*model_, options, {}, whole.bytes()));
  EXPECT_EQ(within.bytes(), whole.bytes());
  EXPECT_THAT(within.given_up(), IsEmpty());
}

TEST_P(EveryPlanTest, WithinNamesTheLeastThatWouldDo) {
  const PlanOptions options = {.batch_rows = 16};
  const absl::Status refused =
      MemoryPlan::Within(*model_, options, {}, 1).status();
  ASSERT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted,
                                HasSubstr("needs at least ")));
  const int64_t least = LeastWithin(*model_, options);
  EXPECT_TRUE(MemoryPlan::Within(*model_, options, {}, least).ok());
  EXPECT_FALSE(MemoryPlan::Within(*model_, options, {}, least - 1).ok());
}

INSTANTIATE_TEST_SUITE_P(Models, EveryPlanTest,
                         ::testing::ValuesIn(EveryModel()),
                         [](const auto& info) { return info.param.name; });

// Counted by hand: 4 inputs, 3 hidden units, 2 classes, one row. Every buffer
// takes a multiple of 64 bytes:
//   parameters 4 * 3 + 3 + 3 * 2 + 2 = 23 floats, 128 bytes, all the time;
//   features and labels 64 each; hidden and output values 64 each.
TEST(MemoryPlanTest, PredictionByHand) {
  const auto model = MakeModel({MlpSpec{4, {3}, 2}});
  const MemoryPlan plan = MemoryPlan::ForPrediction(*model, 1);
  // Features, hidden and labels during the first layer; hidden, output and
  // labels during the second, where the output takes the features' place.
  EXPECT_EQ(plan.bytes(), 3 * 64);
}

TEST(MemoryPlanTest, WithinSaysWhatItGaveUp) {
  const auto model = MakeModel({CnnSpec{CnnPreset::kMcmahan, {28, 28, 1}, 10}});
  const PlanOptions options = {.batch_rows = 32};
  SHOAL_ASSERT_OK_AND_ASSIGN(const MemoryPlan whole,
                             MemoryPlan::ForTraining(*model, options));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const MemoryPlan recomputed,
      MemoryPlan::Within(*model, options, {}, whole.bytes() - 1));
  EXPECT_THAT(recomputed.given_up(), Contains(HasSubstr("again")));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const MemoryPlan last,
      MemoryPlan::Within(
          *model, options,
          {.micro_batches = false, .recompute = false, .last_layers = true},
          whole.bytes() - 1));
  EXPECT_THAT(last.given_up(), Contains(HasSubstr("last")));
  EXPECT_LT(last.options().last_layers, 4);
}

TEST(MemoryPlanTest, ARefusalSaysWhatTheLeastWouldGiveUp) {
  const auto model = MakeModel({CnnSpec{CnnPreset::kMcmahan, {28, 28, 1}, 10}});
  const PlanOptions options = {.batch_rows = 32};
  EXPECT_THAT(MemoryPlan::Within(*model, options, {}, 1),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("bytes (a plan that computes activations "
                                 "again on the way back")));
  EXPECT_THAT(
      MemoryPlan::Within(*model, options,
                         {.micro_batches = false, .recompute = false}, 1),
      StatusIs(absl::StatusCode::kResourceExhausted,
               HasSubstr("bytes, allowed are 1")));
}

// A batch norm trains with the statistics of what is in memory at once: of one
// example they tell nothing.
TEST(MemoryPlanTest, WithinNeverCutsTheBatchOfATrainedBatchNorm) {
  const auto with_norm = [](bool frozen, bool inside) {
    LayerListSpec list;
    list.input = {8, 8, 2};
    const LayerSpec norm = {.kind = BatchNormSpec{}, .frozen = frozen};
    const LayerSpec block = {ResidualSpec{
        .body = {norm, {Conv2dSpec{.filters = 8}}}, .shortcut = {}}};
    list.layers = {{Conv2dSpec{.filters = 8}},
                   inside ? block : norm,
                   {GlobalAveragePoolSpec{}},
                   {DenseSpec{.units = 3}}};
    return MakeModel({list});
  };
  const PlanOptions options = {.batch_rows = 16};
  for (const bool inside : {false, true}) {
    const auto trained = with_norm(/*frozen=*/false, inside);
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const MemoryPlan least,
        MemoryPlan::Within(*trained, options, {},
                           LeastWithin(*trained, options)));
    EXPECT_EQ(least.rows(), 16);
    EXPECT_THAT(least.given_up(), Each(Not(HasSubstr("in parts"))));
    // Asked for, it is done all the same.
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const MemoryPlan asked,
        MemoryPlan::ForTraining(*trained, {.batch_rows = 16, .micro_rows = 4}));
    EXPECT_EQ(asked.rows(), 4);

    const auto frozen = with_norm(/*frozen=*/true, inside);
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const MemoryPlan in_parts,
        MemoryPlan::Within(*frozen, options, {},
                           LeastWithin(*frozen, options)));
    EXPECT_LT(in_parts.rows(), 16);
    EXPECT_LT(in_parts.bytes(), least.bytes());
  }
}

TEST(MemoryPlanTest, OptionsOutOfRangeAreRefusedByName) {
  const auto model = MakeModel({MlpSpec{4, {3}, 2}});
  const auto refused = [&](const PlanOptions& options, const char* what) {
    EXPECT_THAT(MemoryPlan::ForTraining(*model, options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  refused({.batch_rows = 0}, "batch size is 0");
  refused({.batch_rows = 4, .micro_rows = 5}, "micro-batch size is 5");
  refused({.micro_rows = -1}, "micro-batch size is -1");
  refused({.optimizer_vectors = 3}, "optimizer_vectors is 3");
  refused({.last_layers = 3}, "last_layers is 3, the model has 2");
}

TEST(MemoryPlanTest, TableNamesItsBuffers) {
  const auto model = MakeModel({MlpSpec{4, {3}, 2}});
  SHOAL_ASSERT_OK_AND_ASSIGN(const MemoryPlan plan,
                             MemoryPlan::ForTraining(*model, {}));
  EXPECT_THAT(plan.ToString(), HasSubstr("dense1.output"));
  EXPECT_THAT(plan.ToString(), HasSubstr("parameters"));
}

}  // namespace
}  // namespace shoal::learning
