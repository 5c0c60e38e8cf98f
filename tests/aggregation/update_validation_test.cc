#include "aggregation/update_validation.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/update_codec.h"
#include "protocol/refusal.h"
#include "tests/support/status_matchers.h"

namespace shoal::aggregation {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const UpdateBounds kBounds = {
    .num_parameters = {3}, .norm_bound = 5, .max_examples = 100};

std::string Encode(const std::vector<float>& delta, int64_t num_examples = 10) {
  return learning::EncodeUpdate(learning::UpdateCodec::kFloat32,
                                {.num_examples = num_examples, .num_steps = 1},
                                delta);
}

MATCHER_P2(IsRefusal, code, sentence_matcher, "is the refusal") {
  *result_listener << arg.status().ToString();
  const auto refusal = protocol::RefusalOf(arg.status());
  return refusal.has_value() && refusal->code == code &&
         ::testing::ExplainMatchResult(sentence_matcher, refusal->sentence,
                                       result_listener);
}

using protocol::RefusalCode;

TEST(UpdateValidationTest, GoodUpdateComesBackWithNormAndWeight) {
  const std::string bytes = Encode({3, 0, -4});
  SHOAL_ASSERT_OK_AND_ASSIGN(const ValidUpdate update,
                             ValidateUpdate(bytes, kBounds));
  EXPECT_THAT(update.decoded.delta, ElementsAre(3, 0, -4));
  EXPECT_EQ(update.norm, 5);  // at the bound
  EXPECT_EQ(update.weight, 10);
}

TEST(UpdateValidationTest, NormAboveTheBoundIsRefusedWithBothNumbers) {
  EXPECT_THAT(ValidateUpdate(Encode({3, 4, 4}), kBounds),
              IsRefusal(RefusalCode::kNormBound,
                        AllOf(HasSubstr("6.40312"), HasSubstr("at most 5"))));
}

TEST(UpdateValidationTest, NormThatFloatCannotHoldIsRefusedAsANumber) {
  EXPECT_THAT(ValidateUpdate(Encode({3e38f, 3e38f, 3e38f}), kBounds),
              IsRefusal(RefusalCode::kNormBound, HasSubstr("5.19615e+38")));
}

TEST(UpdateValidationTest, NormIsNeverBelowTheLargestValue) {
  // What the accumulator's freedom from overflow rests on.
  const float x = std::nextafter(5.0f, 6.0f);
  EXPECT_THAT(ValidateUpdate(Encode({0, x, 0}), kBounds),
              IsRefusal(RefusalCode::kNormBound, HasSubstr("at most 5")));
}

TEST(UpdateValidationTest, NotFiniteValuesAreRefusedWithTheirIndex) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(ValidateUpdate(Encode({0, nan, inf}), kBounds),
              IsRefusal(RefusalCode::kUpdateNotFinite,
                        AllOf(HasSubstr("value 1 "), HasSubstr("nan"))));
  EXPECT_THAT(ValidateUpdate(Encode({0, 0, inf}), kBounds),
              IsRefusal(RefusalCode::kUpdateNotFinite,
                        AllOf(HasSubstr("value 2 "), HasSubstr("is inf"))));
  EXPECT_THAT(ValidateUpdate(Encode({-inf, inf, 0}), kBounds),
              IsRefusal(RefusalCode::kUpdateNotFinite,
                        AllOf(HasSubstr("value 0 "), HasSubstr("-inf"))));
}

TEST(UpdateValidationTest, EveryPositionIsInspected) {
  for (const int size : {1, 31, 32, 33, 97}) {
    for (int i = 0; i < size; ++i) {
      std::vector<float> delta(size, 0.0f);
      delta[i] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_THAT(ValidateUpdate(Encode(delta), {.num_parameters = {size},
                                                 .norm_bound = 5,
                                                 .max_examples = 100}),
                  IsRefusal(RefusalCode::kUpdateNotFinite,
                            HasSubstr("value " + std::to_string(i) + " ")));
      delta[i] = 6;
      EXPECT_THAT(ValidateUpdate(Encode(delta), {.num_parameters = {size},
                                                 .norm_bound = 5,
                                                 .max_examples = 100}),
                  IsRefusal(RefusalCode::kNormBound, HasSubstr("is 6,")));
    }
  }
}

TEST(UpdateValidationTest, WeightAboveTheBoundIsRefusedWithBothNumbers) {
  EXPECT_THAT(ValidateUpdate(Encode({0, 0, 0}, 101), kBounds),
              IsRefusal(RefusalCode::kWeightBound,
                        AllOf(HasSubstr("101"), HasSubstr("1 to 100"))));
  SHOAL_EXPECT_OK(ValidateUpdate(Encode({0, 0, 0}, 100), kBounds));
}

TEST(UpdateValidationTest, NothingIsRightMoreOftenThanItIsPredicted) {
  const auto encode = [](int64_t num_correct) {
    return learning::EncodeUpdate(
        learning::UpdateCodec::kFloat32,
        {.num_examples = 10, .base_num_correct = num_correct},
        std::vector<float>{0, 0, 0});
  };
  SHOAL_EXPECT_OK(ValidateUpdate(encode(10), kBounds));
  EXPECT_THAT(ValidateUpdate(encode(11), kBounds),
              IsRefusal(RefusalCode::kUpdateMalformed,
                        HasSubstr("base_num_correct is 11, expected at most "
                                  "the 10 predictions of 10 examples")));
  UpdateBounds sequences = kBounds;
  sequences.predictions_per_example = 80;
  SHOAL_EXPECT_OK(ValidateUpdate(encode(800), sequences));
  EXPECT_THAT(ValidateUpdate(encode(801), sequences),
              IsRefusal(RefusalCode::kUpdateMalformed, HasSubstr("is 801")));
}

std::string Divided(double divisor, int64_t num_steps) {
  return learning::EncodeUpdate(
      learning::UpdateCodec::kFloat32,
      {.num_examples = 10, .num_steps = num_steps, .divisor = divisor},
      std::vector<float>{1, 1, 1});
}

TEST(UpdateValidationTest, OnlyFedNovaDivides) {
  SHOAL_EXPECT_OK(ValidateUpdate(Divided(1, 7), kBounds));
  EXPECT_THAT(ValidateUpdate(Divided(7, 7), kBounds),
              IsRefusal(RefusalCode::kUpdateMalformed,
                        HasSubstr("divisor is 7, expected 1")));
}

TEST(UpdateValidationTest, NothingIsDividedByMoreThanItsStepsAddUpTo) {
  learning::TrainingOptions training = {.epochs = 2, .batch_size = 8};
  UpdateBounds bounds = kBounds;
  bounds.norm_bound = 1000;
  bounds.divided_steps = &training;
  // Mini-batches of 2 at the least: 5 in each of 2 epochs of 10 examples.
  SHOAL_EXPECT_OK(ValidateUpdate(Divided(10, 10), bounds));
  EXPECT_THAT(ValidateUpdate(Divided(10.1, 10), bounds),
              IsRefusal(RefusalCode::kUpdateMalformed,
                        HasSubstr("divisor is 10.1, expected at most")));
  EXPECT_THAT(ValidateUpdate(Divided(5, 11), bounds),
              IsRefusal(RefusalCode::kUpdateMalformed,
                        HasSubstr("num_steps is 11, expected at most 10 in 2 "
                                  "epochs of 10 examples")));
  training.optimizer = {learning::SgdOptimizer{.momentum = 0.5}};
  SHOAL_EXPECT_OK(ValidateUpdate(Divided(20, 10), bounds));
  EXPECT_THAT(ValidateUpdate(Divided(20.1, 10), bounds),
              IsRefusal(RefusalCode::kUpdateMalformed, HasSubstr("20.1")));
}

// The norm of [1, 1, 1] is 1.73, of what it was before it was divided more.
TEST(UpdateValidationTest, BoundIsOnWhatTrainingHasChanged) {
  const learning::TrainingOptions training = {.epochs = 1, .batch_size = 1};
  UpdateBounds bounds = kBounds;
  bounds.divided_steps = &training;
  SHOAL_ASSERT_OK_AND_ASSIGN(const ValidUpdate update,
                             ValidateUpdate(Divided(2, 10), bounds));
  EXPECT_NEAR(update.norm, 2 * std::sqrt(3.0), 1e-9);
  EXPECT_THAT(ValidateUpdate(Divided(3, 10), bounds),
              IsRefusal(RefusalCode::kNormBound, HasSubstr("5.19")));
  // And on what is summed up.
  bounds.norm_bound = 1.5;
  EXPECT_THAT(ValidateUpdate(Divided(0.5, 10), bounds),
              IsRefusal(RefusalCode::kNormBound, HasSubstr("1.73")));
}

TEST(UpdateValidationTest, SizeTellsTheSubModel) {
  UpdateBounds bounds = kBounds;
  bounds.num_parameters = {3, 2};
  const std::string whole = Encode({1, 1, 1}), narrow = Encode({1, 1});
  EXPECT_EQ(ValidateUpdate(whole, bounds)->shape, 0);
  EXPECT_EQ(ValidateUpdate(narrow, bounds)->shape, 1);
  EXPECT_THAT(ValidateUpdate(Encode({1}), bounds),
              IsRefusal(RefusalCode::kUpdateShape,
                        HasSubstr("for a model of 3 parameters or those of one "
                                  "of its sub-models")));
}

TEST(UpdateValidationTest, UpdateOfAnotherSizeIsRefused) {
  EXPECT_THAT(ValidateUpdate(Encode({1, 2}), kBounds),
              IsRefusal(RefusalCode::kUpdateShape,
                        HasSubstr("for a model of 3 parameters")));
  EXPECT_THAT(ValidateUpdate("", kBounds),
              IsRefusal(RefusalCode::kUpdateShape, HasSubstr("has 0 bytes")));
}

TEST(UpdateValidationTest, DamagedHeadersAreRefused) {
  const std::string good = Encode({1, 2, 3});
  std::string magic = good;
  magic[0] = 'x';
  EXPECT_THAT(ValidateUpdate(magic, kBounds),
              IsRefusal(RefusalCode::kUpdateMalformed, HasSubstr("SHUP")));
  const std::string none = Encode({1, 2, 3}, 0);
  EXPECT_THAT(
      ValidateUpdate(none, kBounds),
      IsRefusal(RefusalCode::kUpdateMalformed, HasSubstr("num_examples")));
}

}  // namespace
}  // namespace shoal::aggregation
