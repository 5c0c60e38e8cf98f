// Local training on the wire.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/refusal.h"
#include "protocol/wire.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using learning::AdamOptimizer;
using learning::CosineRate;
using learning::SgdOptimizer;
using learning::StepRate;
using learning::TrainingOptions;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

template <typename Matcher>
auto Invalid(const Matcher& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, message);
}

v1::Training Good() {
  v1::Training proto;
  proto.set_learning_rate(0.5);
  return proto;
}

TEST(WireTrainingTest, AbsentOptionsHaveTheirDefaults) {
  EXPECT_THAT(FromProto(Good()),
              IsOkAndHolds(TrainingOptions{.learning_rate = 0.5}));
}

TEST(WireTrainingTest, EverythingComesBack) {
  TrainingOptions options = {.epochs = 3,
                             .batch_size = 20,
                             .learning_rate = 0.25,
                             .schedule = {CosineRate{0.125, 50}, 7},
                             .optimizer = {SgdOptimizer{0.9, true, 1e-4}, 2.5},
                             .micro_batch_size = 5,
                             .last_layers = 2,
                             .keep_order = true,
                             .sub_model_widths = {0.5, 0.25},
                             .sub_model_layers = {3, 1}};
  EXPECT_THAT(FromProto(ToProto(options)), IsOkAndHolds(options));
  options.schedule.shape = StepRate{10, 0.5};
  EXPECT_THAT(FromProto(ToProto(options)), IsOkAndHolds(options));
  for (const bool decoupled : {false, true}) {
    options.optimizer.rule = AdamOptimizer{0.5, 0.75, 1e-6, 0.25, decoupled};
    EXPECT_THAT(FromProto(ToProto(options)), IsOkAndHolds(options));
    // An absent weight decay of AdamW is not zero.
    options.optimizer.rule = AdamOptimizer{.decoupled = decoupled};
    EXPECT_THAT(FromProto(ToProto(options)), IsOkAndHolds(options));
  }
}

TEST(WireTrainingTest, AbsentSettingsOfOptimisersHaveTheirDefaults) {
  TrainingOptions expected = {.learning_rate = 0.5};
  v1::Training proto = Good();
  proto.mutable_optimizer()->mutable_sgd();
  EXPECT_THAT(FromProto(proto), IsOkAndHolds(expected));
  proto.mutable_optimizer()->mutable_adam();
  expected.optimizer.rule = AdamOptimizer();
  EXPECT_THAT(FromProto(proto), IsOkAndHolds(expected));
  proto.mutable_optimizer()->mutable_adamw();
  expected.optimizer.rule =
      AdamOptimizer{.weight_decay = 0.01, .decoupled = true};
  EXPECT_THAT(FromProto(proto), IsOkAndHolds(expected));
}

TEST(WireTrainingTest, AbsentSettingsOfSchedulesHaveTheirDefaults) {
  TrainingOptions expected = {.learning_rate = 0.5};
  v1::Training proto = Good();
  proto.mutable_schedule()->mutable_constant();
  EXPECT_THAT(FromProto(proto), IsOkAndHolds(expected));
  proto.mutable_schedule()->mutable_step()->set_every_rounds(3);
  expected.schedule.shape = StepRate{.every_rounds = 3};
  EXPECT_THAT(FromProto(proto), IsOkAndHolds(expected));
  proto.mutable_schedule()->mutable_cosine();
  expected.schedule.shape = CosineRate{};
  EXPECT_THAT(FromProto(proto), IsOkAndHolds(expected));
}

TEST(WireTrainingTest, AChoiceMustBeMade) {
  v1::Training proto = Good();
  proto.mutable_optimizer();
  EXPECT_THAT(FromProto(proto),
              Invalid("optimizer: none is chosen, expected one of sgd, adam, "
                      "adamw"));
  proto = Good();
  proto.mutable_schedule();
  EXPECT_THAT(FromProto(proto),
              Invalid("schedule: none is chosen, expected one of constant, "
                      "cosine, step"));
}

TEST(WireTrainingTest, NesterovNeedsMomentum) {
  v1::Training proto = Good();
  proto.mutable_optimizer()->mutable_sgd()->set_nesterov(true);
  EXPECT_THAT(FromProto(proto),
              Invalid("optimizer.sgd.nesterov: given without "
                      "optimizer.sgd.momentum, expected a momentum more than "
                      "0"));
}

TEST(WireTrainingTest, WhatIsZeroAsAFloatIsNotMoreThanZero) {
  v1::Training proto = Good();
  proto.set_learning_rate(1e-60);
  EXPECT_THAT(FromProto(proto),
              Invalid("learning_rate: 1e-60 is 0 as a float, expected at "
                      "least 1.5e-45"));
}

TEST(WireTrainingTest, AMicroBatchIsAPartOfABatch) {
  v1::Training proto = Good();
  proto.set_micro_batch_size(33);
  EXPECT_THAT(FromProto(proto),
              Invalid("micro_batch_size: 33 is more than batch_size, 32"));
  proto.set_batch_size(33);
  EXPECT_EQ(FromProto(proto)->micro_batch_size, 33);
}

TEST(WireTrainingTest, SettingsOfANewerVersionAreRefused) {
  v1::Training proto = Good();
  proto.GetReflection()->MutableUnknownFields(&proto)->AddVarint(999, 1);
  EXPECT_THAT(FromProto(proto), Invalid(HasSubstr("does not know")));
}

}  // namespace
}  // namespace shoal::protocol
