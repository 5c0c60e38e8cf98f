#include "aggregation/accumulator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::aggregation {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr FixedPointRange kRange = {
    .norm_bound = 1000, .max_weight = 1'000'000, .max_updates = 64};

// A batch of random updates; magnitudes span many powers of two.
class RandomBatch {
 public:
  RandomBatch(int num_updates, int num_parameters, uint64_t seed) {
    SeededRng rng(seed);
    for (int u = 0; u < num_updates; ++u) {
      std::vector<float> delta(num_parameters);
      for (float& x : delta) {
        x = static_cast<float>(
            std::ldexp(rng.Normal(), -static_cast<int>(rng.Below(30))));
      }
      deltas_.push_back(std::move(delta));
      weights_.push_back(1 + static_cast<int64_t>(rng.Below(1'000'000)));
      losses_.push_back(rng.Uniform() * 100);
    }
  }

  int size() const { return static_cast<int>(deltas_.size()); }
  WeightedUpdate update(int index) const {
    return {.delta = deltas_[index],
            .weight = weights_[index],
            .report = {.num_examples = weights_[index],
                       .num_steps = 1,
                       .base_loss_sum = losses_[index],
                       .base_num_correct = weights_[index] / 2}};
  }
  std::vector<WeightedUpdate> updates(absl::Span<const int> order) const {
    std::vector<WeightedUpdate> result;
    for (const int index : order) result.push_back(update(index));
    return result;
  }
  std::vector<WeightedUpdate> all() const {
    std::vector<int> order(size());
    std::iota(order.begin(), order.end(), 0);
    return updates(order);
  }

 private:
  std::vector<std::vector<float>> deltas_;
  std::vector<int64_t> weights_;
  std::vector<double> losses_;
};

Accumulator SumOf(absl::Span<const WeightedUpdate> updates,
                  ThreadPool* pool = nullptr) {
  Accumulator sum(kRange, updates[0].delta.size());
  sum.Add(updates, pool);
  return sum;
}

TEST(FixedPointRangeTest, ScaleIsTheLargestPowerOfTwoWithoutOverflow) {
  // 4 * 1 * 8 = 2^5, and 2^5 * 2^57 = 2^62 is not below 2^62.
  const FixedPointRange range = {
      .norm_bound = 1, .max_weight = 8, .max_updates = 4};
  EXPECT_EQ(range.Scale(), std::ldexp(1.0, 56));
}

TEST(FixedPointRangeTest, ScaleStaysFiniteForTheTiniestBound) {
  const FixedPointRange range = {
      .norm_bound = 1e-300, .max_weight = 1, .max_updates = 1};
  EXPECT_EQ(range.Scale(), std::ldexp(1.0, 149));
}

TEST(FixedPointRangeTest, ImpossibleRangesAreInvalid) {
  EXPECT_TRUE(kRange.IsValid());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const FixedPointRange& range :
       std::vector<FixedPointRange>{{0, 1, 1},
                                    {-1, 1, 1},
                                    {nan, 1, 1},
                                    {1e51, 1, 1},
                                    {1, 0, 1},
                                    {1, (int64_t{1} << 32) + 1, 1},
                                    {1, 1, 0},
                                    {1, 1, (int64_t{1} << 30) + 1}}) {
    EXPECT_FALSE(range.IsValid()) << range.norm_bound << " " << range.max_weight
                                  << " " << range.max_updates;
  }
}

TEST(AccumulatorTest, ValuesAreRoundedToTheNearestIntegerTiesToEven) {
  // 2^61 < 2^62: the scale is 1, values are their own products.
  const FixedPointRange range = {
      .norm_bound = 0x1p61, .max_weight = 1, .max_updates = 1};
  ASSERT_EQ(range.Scale(), 1.0);
  const std::vector<float> delta = {
      0.5f,     1.5f,    2.5f,       -0.5f,          -1.5f,
      -2.5f,    0.25f,   -0.75f,     4095.5f,        4096.5f,
      -4097.5f, 2047.5f, 8388607.5f, 0x1.fffffep60f, -0x1p60f};
  Accumulator sum(range, delta.size());
  sum.Add({{.delta = delta, .weight = 1, .report = {.num_examples = 1}}},
          nullptr);
  EXPECT_THAT(
      sum.sums(),
      ElementsAre(0, 2, 2, 0, -2, -2, 0, -1, 4096, 4096, -4098, 2048, 8388608,
                  int64_t{0xffffff} << 37, -(int64_t{1} << 60)));
}

// Against the same definition in long double, whose 64 bits hold every
// product of a float and a weight.
TEST(AccumulatorTest, SumsAreTheRoundedProducts) {
  const RandomBatch batch(13, 1000, 1);
  const Accumulator sum = SumOf(batch.all());
  for (int i = 0; i < 1000; ++i) {
    int64_t expected = 0;
    for (const WeightedUpdate& update : batch.all()) {
      const long double product =
          static_cast<long double>(update.delta[i]) * update.weight;
      expected += std::llrint(product * kRange.Scale());
    }
    ASSERT_EQ(sum.sums()[i], expected) << i;
  }
}

TEST(AccumulatorTest, OrderDoesNotChangeTheSum) {
  const RandomBatch batch(20, 333, 2);
  const std::string expected = SumOf(batch.all()).Serialize();
  std::vector<int> order(batch.size());
  std::iota(order.begin(), order.end(), 0);
  SeededRng rng(3);
  for (int repetition = 0; repetition < 20; ++repetition) {
    rng.Shuffle(absl::MakeSpan(order));
    ASSERT_EQ(SumOf(batch.updates(order)).Serialize(), expected);
  }
}

TEST(AccumulatorTest, GroupingIntoBatchesAndPartsDoesNotChangeTheSum) {
  const RandomBatch batch(20, 333, 4);
  const std::vector<WeightedUpdate> all = batch.all();
  const std::string expected = SumOf(all).Serialize();
  SeededRng rng(5);
  for (int repetition = 0; repetition < 20; ++repetition) {
    Accumulator parts[3] = {{kRange, 333}, {kRange, 333}, {kRange, 333}};
    for (size_t begin = 0; begin < all.size();) {
      const size_t count = std::min(1 + rng.Below(9), all.size() - begin);
      parts[rng.Below(3)].Add(absl::MakeConstSpan(all).subspan(begin, count),
                              nullptr);
      begin += count;
    }
    SHOAL_ASSERT_OK(parts[0].Merge(parts[2]));
    SHOAL_ASSERT_OK(parts[0].Merge(parts[1]));
    ASSERT_EQ(parts[0].Serialize(), expected);
  }
}

TEST(AccumulatorTest, ThreadsDoNotChangeTheSum) {
  // Large enough for many blocks, the last of them short.
  const RandomBatch batch(9, 100'003, 6);
  const std::string expected = SumOf(batch.all()).Serialize();
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(SumOf(batch.all(), &pool).Serialize(), expected) << threads;
  }
}

TEST(AccumulatorTest, ExtremeUpdatesUpToTheLimitDoNotOverflow) {
  for (const FixedPointRange& range : std::vector<FixedPointRange>{
           {.norm_bound = 1e15, .max_weight = 1'000'000'000, .max_updates = 37},
           {.norm_bound = 0.3, .max_weight = 1, .max_updates = 1000},
           {.norm_bound = 3e38,
           .max_weight = int64_t{1} << 32,
           .max_updates = 3}}) {
    const float extreme =
        std::nextafter(static_cast<float>(range.norm_bound), 0.0f);
    const std::vector<float> delta = {extreme, -extreme};
    const WeightedUpdate update = {.delta = delta,
                                   .weight = range.max_weight,
                                   .report = {.num_examples = 1}};
    Accumulator sum(range, 2);
    const std::vector<WeightedUpdate> updates(range.max_updates, update);
    sum.Add(updates, nullptr);
    EXPECT_GT(sum.sums()[0], int64_t{1} << 60);
    EXPECT_LT(sum.sums()[0], sum.range().MaxSum(range.max_updates));
    EXPECT_EQ(sum.sums()[1], -sum.sums()[0]);
    std::vector<double> mean(2);
    sum.Mean(absl::MakeSpan(mean));
    EXPECT_NEAR(mean[0] / extreme, 1, 1e-12);
    EXPECT_THAT(Accumulator::Parse(sum.Serialize()), IsOk());
  }
}

TEST(AccumulatorTest, AbsurdReportsCannotOverflowTheTotals) {
  const std::vector<float> delta = {0};
  const WeightedUpdate update = {
      .delta = delta,
      .weight = 1,
      .report = {.num_examples = 1,
                 .base_loss_sum = 1e308,
                 .base_num_correct = std::numeric_limits<int64_t>::max()}};
  Accumulator sum(kRange, 1);
  sum.Add(std::vector<WeightedUpdate>(kRange.max_updates, update), nullptr);
  EXPECT_EQ(sum.totals().base_loss, absl::int128(1) << 126);
  EXPECT_EQ(sum.totals().base_num_correct, int64_t{1} << 62);
  EXPECT_THAT(Accumulator::Parse(sum.Serialize()), IsOk());
}

TEST(AccumulatorTest, LossesOfAnySizeAreSummedUp) {
  const std::vector<float> delta = {0};
  // Squared errors of dollars and of microns.
  for (const double loss : {3e15, 5.0, 7e-9}) {
    Accumulator sum(kRange, 1);
    sum.Add({{delta, 1, {.num_examples = 1, .base_loss_sum = loss}}}, nullptr);
    SHOAL_ASSERT_OK_AND_ASSIGN(const Accumulator back,
                               Accumulator::Parse(sum.Serialize()));
    EXPECT_NEAR(static_cast<double>(back.totals().base_loss) * kLossUnit / loss,
                1, 1e-3);
  }
}

TEST(AccumulatorTest, MeanIsWithinTheStatedBoundOfExactArithmetic) {
  const RandomBatch batch(50, 2000, 7);
  const std::vector<WeightedUpdate> all = batch.all();
  const Accumulator sum = SumOf(all);
  std::vector<double> mean(2000);
  sum.Mean(absl::MakeSpan(mean));
  const double bound = all.size() / (2 * kRange.Scale() * sum.totals().weight);
  for (int i = 0; i < 2000; ++i) {
    long double exact = 0;
    for (const WeightedUpdate& update : all) {
      exact += static_cast<long double>(update.delta[i]) * update.weight;
    }
    exact /= sum.totals().weight;
    ASSERT_LE(std::abs(static_cast<double>(mean[i] - exact)),
              bound + std::abs(mean[i]) * 0x1p-51)
        << i;
  }
}

TEST(AccumulatorTest, TotalsAddUp) {
  const std::vector<float> delta = {1};
  Accumulator sum(kRange, 1);
  sum.Add({{delta,
            3,
            {.num_examples = 3,
             .num_steps = 9,
             .divisor = 2.5,
             .base_loss_sum = 1.25,
             .base_num_correct = 2}},
           {delta,
            5,
            {.num_examples = 5,
             .num_steps = 9,
             .base_loss_sum = 0.5,
             .base_num_correct = 1}}},
          nullptr);
  const SumTotals expected = {.num_updates = 2,
                              .weight = 8,
                              .num_examples = 8,
                              .base_num_correct = 3,
                              .base_loss = absl::int128(7) << 38,  // 1.75
                              // 3 * 2.5 + 5 * 1
                              .divisors = absl::int128(25) << 19};
  EXPECT_EQ(sum.totals(), expected);
  std::vector<double> mean(1);
  sum.Mean(absl::MakeSpan(mean));
  EXPECT_EQ(mean[0], 12.5 / 8);  // the mean of ones, times that of divisors
  SHOAL_ASSERT_OK_AND_ASSIGN(Accumulator back,
                             Accumulator::Parse(sum.Serialize()));
  EXPECT_EQ(back.totals(), expected);
  SHOAL_ASSERT_OK(back.Merge(Accumulator(sum)));
  back.Mean(absl::MakeSpan(mean));
  EXPECT_EQ(mean[0], 12.5 / 8);
}

TEST(AccumulatorTest, MeanIsOverTheUpdatesOfModelsThatHaveTheParameter) {
  // weight [1, 2], bias [2], weight [2, 2], bias [2]; half of it has the first
  // hidden unit.
  const auto model = *learning::Model::Create({learning::MlpSpec{1, {2}, 2}});
  learning::TrainingOptions training;
  training.sub_model_widths = {0.5};
  const learning::SubModels sub_models =
      *learning::MakeSubModels(*model, training);
  std::vector<float> narrow(10);
  sub_models[0]->PutBack(std::vector<float>{4, 4, 4, 4, 4, 4},
                         absl::MakeSpan(narrow));
  const std::vector<float> whole(10, 2.0f);
  Accumulator first(kRange, 10, 1), second(kRange, 10, 1);
  first.Add({{whole, 1, {.num_examples = 1}, 0}}, nullptr);
  second.Add({{narrow, 3, {.num_examples = 3}, 1}}, nullptr);
  SHOAL_ASSERT_OK(first.Merge(second));
  EXPECT_THAT(first.totals().sub_model_weights, ElementsAre(3));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Accumulator back,
                             Accumulator::Parse(first.Serialize()));
  EXPECT_EQ(back.totals(), first.totals());
  std::vector<double> mean(10);
  back.Mean(absl::MakeSpan(mean), sub_models);
  // (1 * 2 + 3 * 4) / 4 where both are, 2 where the whole is alone; the second
  // weight has half of its inputs, so that its 4 count as 2.
  EXPECT_THAT(mean, ElementsAre(3.5, 2, 3.5, 2, 2, 2, 2, 2, 3.5, 3.5));
  second.Mean(absl::MakeSpan(mean), sub_models);
  EXPECT_THAT(mean, ElementsAre(4, 0, 4, 0, 2, 2, 0, 0, 4, 4));
}

// What only one device has trained moves as far as that device has moved it,
// however many steps another one did elsewhere.
TEST(AccumulatorTest, DivisorsAreOfTheUpdatesThatHaveTheParameter) {
  const auto model = *learning::Model::Create({learning::MlpSpec{1, {2}, 2}});
  learning::TrainingOptions training;
  training.sub_model_layers = {1};
  const learning::SubModels sub_models =
      *learning::MakeSubModels(*model, training);
  ASSERT_EQ(sub_models[0]->num_values(), 6);
  const std::vector<float> whole(10, 2.0f);
  std::vector<float> last(10);
  sub_models[0]->PutBack(std::vector<float>(6, 4.0f), absl::MakeSpan(last));
  Accumulator sum(kRange, 10, 1);
  sum.Add({{whole, 1, {.num_examples = 1, .divisor = 3}, 0},
           {last, 1, {.num_examples = 1, .divisor = 9}, 1}},
          nullptr);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Accumulator back,
                             Accumulator::Parse(sum.Serialize()));
  EXPECT_EQ(back.totals(), sum.totals());
  std::vector<double> mean(10);
  back.Mean(absl::MakeSpan(mean), sub_models);
  // 2 * 3 where the whole is alone; (2 + 4) / 2 * (3 + 9) / 2 where both are.
  EXPECT_THAT(mean, ElementsAre(6, 6, 6, 6, 18, 18, 18, 18, 18, 18));
}

TEST(AccumulatorTest, SubModelWeightsBeyondTheWholeAreDataLoss) {
  Accumulator sum(kRange, 1, 2);
  const std::vector<float> delta = {1};
  sum.Add({{delta, 3, {.num_examples = 3}, 2}}, nullptr);
  std::string bytes = sum.Serialize();
  SHOAL_ASSERT_OK(Accumulator::Parse(bytes));
  bytes[108] = 1;  // of the first sub-model: 1 + 3 is more than 3
  EXPECT_THAT(Accumulator::Parse(bytes),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("totals")));
}

TEST(AccumulatorTest, SumsOfOtherRangesOrSizesAreNotMerged) {
  Accumulator sum(kRange, 2);
  FixedPointRange wider = kRange;
  wider.norm_bound = 1001;
  EXPECT_THAT(sum.Merge(Accumulator(wider, 2)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(sum.Merge(Accumulator(kRange, 3)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(sum.Merge(Accumulator(kRange, 2, 1)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(AccumulatorTest, MoreUpdatesThanTheRangeAllowsAreNotMerged) {
  const RandomBatch batch(40, 1, 8);
  Accumulator sum = SumOf(batch.all());
  EXPECT_THAT(sum.Merge(SumOf(batch.all())),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("more than 64")));
  EXPECT_EQ(sum.Serialize(), SumOf(batch.all()).Serialize());
}

TEST(AccumulatorTest, SerializedSumsComeBack) {
  const Accumulator sum = SumOf(RandomBatch(7, 100, 9).all());
  SHOAL_ASSERT_OK_AND_ASSIGN(const Accumulator back,
                             Accumulator::Parse(sum.Serialize()));
  EXPECT_EQ(back.range(), sum.range());
  EXPECT_EQ(back.totals(), sum.totals());
  EXPECT_THAT(back.sums(), ::testing::ElementsAreArray(sum.sums()));
}

TEST(AccumulatorTest, TruncatedAndExtendedBytesAreDataLoss) {
  const std::string bytes = SumOf(RandomBatch(2, 3, 10).all()).Serialize();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(Accumulator::Parse(bytes.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << size;
  }
  EXPECT_THAT(Accumulator::Parse(bytes + '\0'),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(AccumulatorTest, SumsOfEveryWidthComeBack) {
  for (int bits = 0; bits <= 61; ++bits) {
    // One update of weight one: the sum is the value times the scale.
    const FixedPointRange range = {
        .norm_bound = 1, .max_weight = 1, .max_updates = 1};
    const float value =
        static_cast<float>(std::ldexp(1.0, bits) / range.Scale());
    const std::vector<float> delta = {value, -value, 0, value};
    Accumulator sum(range, 4);
    const WeightedUpdate update = {
        .delta = delta, .weight = 1, .report = {.num_examples = 1}};
    sum.Add({&update, 1}, nullptr);
    const std::string bytes = sum.Serialize();
    EXPECT_EQ(bytes.size(), 112u + 4 * ((bits + 2 + 7) / 8)) << bits;
    SHOAL_ASSERT_OK_AND_ASSIGN(const Accumulator back,
                               Accumulator::Parse(bytes));
    EXPECT_THAT(back.sums(), ::testing::ElementsAreArray(sum.sums())) << bits;
  }
}

TEST(AccumulatorTest, SumBeyondWhatItsUpdatesCanReachIsDataLoss) {
  // The largest sum of three updates, said to be of one.
  const FixedPointRange range = {
      .norm_bound = 1, .max_weight = 1, .max_updates = 3};
  const std::vector<float> delta = {1};
  const std::vector<WeightedUpdate> updates(
      3, {.delta = delta, .weight = 1, .report = {.num_examples = 1}});
  Accumulator sum(range, 1);
  sum.Add(updates, nullptr);
  std::string bytes = sum.Serialize();
  SHOAL_ASSERT_OK(Accumulator::Parse(bytes));
  for (const size_t offset : {32, 40, 48}) {  // updates, weight, examples
    bytes.replace(offset, 8, std::string("\1\0\0\0\0\0\0\0", 8));
  }
  EXPECT_THAT(Accumulator::Parse(bytes),
              StatusIs(absl::StatusCode::kDataLoss,
                       ::testing::HasSubstr("holds the sum")));
}

struct Damage {
  std::string name;
  size_t offset;
  uint64_t value;
};

class DamagedSegmentTest : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedSegmentTest, IsDataLoss) {
  std::string bytes = SumOf(RandomBatch(2, 3, 11).all()).Serialize();
  std::memcpy(bytes.data() + GetParam().offset, &GetParam().value,
              sizeof GetParam().value);
  EXPECT_THAT(Accumulator::Parse(bytes), StatusIs(absl::StatusCode::kDataLoss));
}

// Offsets as in docs/reference/formats.md.
INSTANTIATE_TEST_SUITE_P(
    Fields, DamagedSegmentTest,
    ::testing::Values(Damage{"Magic", 0, 0}, Damage{"Version", 4, 1},
                      Damage{"NormBound", 8, 0}, Damage{"MaxWeight", 16, 0},
                      Damage{"MaxUpdates", 24, ~uint64_t{0}},
                      Damage{"NumUpdates", 32, 65}, Damage{"Weight", 40, 1},
                      Damage{"NumExamples", 48, uint64_t{1} << 40},
                      Damage{"NumCorrect", 56, uint64_t{1} << 60},
                      Damage{"NumValues", 64, uint64_t{1} << 61},
                      Damage{"Loss", 80, uint64_t{1} << 62},
                      Damage{"Divisors", 96, uint64_t{1} << 62},
                      Damage{"SubModels", 104, 17}, Damage{"NoWidth", 108, 0},
                      Damage{"Width", 108, 9}, Damage{"NarrowerWidth", 108, 1}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace shoal::aggregation
