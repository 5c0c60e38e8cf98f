#include "protocol/schema/rules.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/duration.pb.h"
#include "gtest/gtest.h"
#include "protocol/schema/text.h"
#include "protocol/wire_schema.h"
#include "shoal/v1/configuration.pb.h"
#include "shoal/v1/fleet.pb.h"
#include "shoal/v1/task.pb.h"

namespace shoal::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Problems(const google::protobuf::Message& message) {
  std::vector<std::string> problems;
  for (const RuleViolation& violation : CheckRules(message)) {
    problems.push_back(violation.path + ": " + violation.problem);
  }
  return problems;
}

v1::Training GoodTraining() {
  v1::Training training;
  training.set_learning_rate(0.1);
  return training;
}

TEST(RulesTest, AGoodMessageHasNoViolations) {
  EXPECT_THAT(Problems(GoodTraining()), IsEmpty());
}

TEST(RulesTest, EverythingThatIsWrongIsTold) {
  v1::Training training;
  training.set_epochs(0);
  training.mutable_optimizer()->mutable_sgd()->set_momentum(1);
  EXPECT_THAT(
      Problems(training),
      ElementsAre("epochs: 0 is out of range, expected a whole number from 1 "
                  "to 10000",
                  "learning_rate: missing, expected a number more than 0 and "
                  "at most 1000",
                  "optimizer.sgd.momentum: 1 is out of range, expected a "
                  "number at least 0 and less than 1"));
}

TEST(RulesTest, NumbersThatAreNotFiniteAreOutOfRange) {
  v1::Training training = GoodTraining();
  training.set_clip_norm(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(Problems(training),
              ElementsAre(HasSubstr("clip_norm: nan is out of range")));
}

TEST(RulesTest, AnOpenBoundIsOpenAndExclusiveWhereItSaysSo) {
  v1::Training training;
  training.set_learning_rate(0);
  EXPECT_EQ(CheckRules(training).size(), 1u);
  training.set_learning_rate(1000);
  EXPECT_THAT(Problems(training), IsEmpty());
}

TEST(RulesTest, ElementsOfListsHaveTheirIndex) {
  v1::ModelDefinition model;
  model.mutable_mlp()->set_inputs(2);
  model.mutable_mlp()->set_outputs(2);
  model.mutable_mlp()->add_hidden(8);
  model.mutable_mlp()->add_hidden(0);
  EXPECT_THAT(Problems(model),
              ElementsAre("mlp.hidden[1]: 0 is out of range, expected a whole "
                          "number from 1 to 65536"));
}

TEST(RulesTest, ListsHaveALongestLength) {
  v1::ModelDefinition model;
  model.mutable_mlp()->set_inputs(2);
  model.mutable_mlp()->set_outputs(2);
  for (int i = 0; i < 65; ++i) model.mutable_mlp()->add_hidden(1);
  EXPECT_THAT(Problems(model),
              ElementsAre("mlp.hidden: 65 elements, expected at most 64"));
}

TEST(RulesTest, AChoiceMustBeMade) {
  EXPECT_THAT(Problems(v1::ModelDefinition()),
              ElementsAre("architecture: none is chosen, expected one of "
                          "logistic, mlp, linear, cnn, gru_language_model, "
                          "autoencoder, network, external"));
  v1::Plan plan;
  plan.mutable_model();
  EXPECT_THAT(Problems(plan),
              ::testing::Contains(HasSubstr("model: none is chosen")));
}

TEST(RulesTest, AChoiceWithADefaultNeedNotBeMade) {
  v1::DifferentialPrivacy privacy;
  privacy.set_clip_norm(1);
  privacy.mutable_budget()->set_epsilon(1);
  privacy.mutable_budget()->set_delta(1e-6);
  EXPECT_THAT(Problems(privacy), IsEmpty());
}

TEST(RulesTest, ARequiredListMustNotBeEmpty) {
  v1::AutoencoderModel model;
  model.set_inputs(4);
  EXPECT_THAT(Problems(model),
              ElementsAre("hidden: missing, expected a list, each element a "
                          "whole number from 1 to 65536"));
}

TEST(RulesTest, WordsAreOfTheirEnumeration) {
  v1::ActivationLayer layer;
  layer.set_function(static_cast<v1::Activation>(99));
  EXPECT_THAT(Problems(layer),
              ElementsAre("function: 99 is unknown, expected one of none, "
                          "relu, gelu, tanh, sigmoid"));
  layer.set_function(v1::ACTIVATION_UNSPECIFIED);
  EXPECT_THAT(Problems(layer),
              ElementsAre(HasSubstr("function: 0 is unknown")));
  layer.set_function(v1::ACTIVATION_TANH);
  EXPECT_THAT(Problems(layer), IsEmpty());
}

TEST(RulesTest, WordsHaveNoPrefixAndNoCapitals) {
  const schema::Field& preset =
      schema::FieldNamed(schema::TypeNamed("CnnModel"), "preset");
  EXPECT_EQ(FindWord(preset, v1::CNN_PRESET_LENET)->text(), "lenet");
  EXPECT_EQ(FindWord(preset, "mobile")->number, v1::CNN_PRESET_MOBILE);
  EXPECT_EQ(FindWord(preset, "unspecified"), nullptr);
  EXPECT_EQ(FindWord(preset, "LENET"), nullptr);
  EXPECT_EQ(FindWord(preset, 0), nullptr);
}

TEST(RulesTest, DurationsAreComparedInSecondsAndPrintedWithUnits) {
  v1::RoundPolicy round;
  round.set_cohort(1);
  round.mutable_deadline()->set_nanos(1'000'000);
  round.mutable_idle_window()->set_seconds(5);
  round.mutable_idle_window()->set_nanos(-1);
  EXPECT_THAT(
      Problems(round),
      ElementsAre("deadline: 1ms is out of range, expected a duration such as "
                  "60s or 10min, from 50ms to 7d",
                  "idle_window: not a duration, expected a duration such as "
                  "60s or 10min, from 1s to 1h"));
}

TEST(RulesTest, TextMustMatchInFull) {
  v1::CheckInRequest request;
  request.mutable_protocol();
  request.set_population("Pumps North");
  EXPECT_THAT(Problems(request),
              ElementsAre("population: 'Pumps North' does not match, expected "
                          "text matching [a-z0-9][a-z0-9_.-]{0,62}"));
}

TEST(RulesTest, ALongTextIsRefusedWithoutAPatternMatch) {
  v1::CheckInRequest request;
  request.mutable_protocol();
  request.set_population(std::string(10'000'000, 'a'));
  EXPECT_EQ(CheckRules(request).size(), 1u);
}

TEST(RulesTest, AlternativesAreListed) {
  v1::CoordinatorConfig config;
  config.set_data("data");
  config.set_log_level("loud");
  EXPECT_THAT(Problems(config),
              ElementsAre("log_level: 'loud' does not match, expected one of "
                          "debug, info, warning, error"));
}

TEST(RulesTest, RequiredTextMustNotBeEmpty) {
  v1::IdxData data;
  data.set_path("");
  EXPECT_THAT(Problems(data), ElementsAre("path: empty, expected text"));
}

TEST(RulesTest, BytesHaveTheirLength) {
  v1::ModelReference reference;
  reference.set_digest("short");
  reference.set_num_bytes(1);
  EXPECT_THAT(Problems(reference), ElementsAre("digest: 5 bytes, expected 32"));
  reference.set_digest(std::string(33, 'x'));
  EXPECT_THAT(Problems(reference),
              ElementsAre("digest: 33 bytes, expected 32"));
}

TEST(RulesTest, TheStatusNamesTheFirstViolation) {
  EXPECT_EQ(std::string(FirstViolation(CheckRules(v1::Training())).message()),
            "learning_rate: missing, expected a number more than 0 and at "
            "most 1000");
  EXPECT_TRUE(FirstViolation(CheckRules(GoodTraining())).ok());
}

}  // namespace
}  // namespace shoal::protocol
