#include "client/agent/local_requests.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/agent/echo_client.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ExampleShape kClasses = {2, 3, 1, 0};
constexpr ExampleShape kSequences = {2, 3, 2, 0};
constexpr ExampleShape kTargets = {2, 0, 0, 2};
constexpr ExampleShape kPlain = {2, 0, 0, 0};

AddRequest Added(absl::string_view line, const ExampleShape& shape) {
  const auto request = ParseRequest(line, shape);
  EXPECT_THAT(request, testing::IsOk());
  return request.ok() ? std::get<AddRequest>(*request) : AddRequest();
}

std::string Error(absl::string_view line, const ExampleShape& shape) {
  const absl::Status status = ParseRequest(line, shape).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
  return std::string(status.message());
}

TEST(ParseRequestTest, ExamplesOfEveryKind) {
  AddRequest add = Added("example 2 0.5,-1e3", kClasses);
  EXPECT_THAT(add.labels, ElementsAre(2));
  EXPECT_THAT(add.features, ElementsAre(0.5f, -1000));
  EXPECT_THAT(add.targets, IsEmpty());
  EXPECT_THAT(Added("example 2,0 1,2\r", kSequences).labels, ElementsAre(2, 0));
  EXPECT_THAT(Added("example 7.5,-1 1,2", kTargets).targets,
              ElementsAre(7.5f, -1));
  EXPECT_THAT(Added("example 1,2", kPlain).features, ElementsAre(1, 2));
}

TEST(ParseRequestTest, EmptyFeatureIsMissing) {
  const AddRequest add = Added("example 0 ,5", kClasses);
  EXPECT_TRUE(std::isnan(add.features[0]));
  EXPECT_EQ(add.features[1], 5);
}

TEST(ParseRequestTest, Prediction) {
  const auto request = ParseRequest("predict 1,2", kTargets);
  SHOAL_ASSERT_OK(request);
  EXPECT_THAT(std::get<PredictRequest>(*request).features, ElementsAre(1, 2));
}

TEST(ParseRequestTest, WhatIsWrongIsSaid) {
  EXPECT_EQ(Error("", kClasses),
            "'' is no request: expected 'example LABEL VALUE,...' or 'predict "
            "VALUE,...'");
  EXPECT_THAT(Error("forget all", kTargets),
              HasSubstr("expected 'example TARGET,... VALUE,...'"));
  EXPECT_EQ(Error("example 1,2", kClasses),
            "expected 'example LABEL VALUE,...'");
  EXPECT_EQ(Error("example 1 2 3", kClasses),
            "expected 'example LABEL VALUE,...'");
  EXPECT_EQ(Error("example 1 2", kClasses), "1 features, expected 2");
  EXPECT_EQ(Error("predict 1,2,3", kClasses), "3 features, expected 2");
  EXPECT_EQ(Error("example 1 1,2", kSequences), "1 labels, expected 2");
  EXPECT_EQ(Error("example 1.5 1,2", kClasses),
            "'1.5' is no label: expected a whole number");
  for (const char* number : {"nan", "inf", "-inf", "1e39", "x", "0x", "1 "}) {
    EXPECT_THAT(Error(absl::StrCat("predict 1,", number), kClasses),
                HasSubstr("'"))
        << number;
  }
}

TEST(ParseRequestTest, WhatIsQuotedIsShortAndPrintable) {
  const std::string error = Error(std::string(5000, '\x01'), kClasses);
  EXPECT_LT(error.size(), 300u);
  EXPECT_THAT(error, HasSubstr("\\x01"));
}

TEST(ValuesTextTest, ValuesComeBack) {
  const float values[] = {0.1f, 1, -3.4e38f, 1.17549435e-38f};
  EXPECT_EQ(ValuesText(values), "0.1,1,-3.4e+38,1.1754944e-38");
  EXPECT_EQ(ValuesText({}), "");
}

class LocalRequestsTest : public ::testing::Test {
 protected:
  std::string Answers(std::vector<absl::string_view> lines) {
    std::string out;
    absl::Span<const absl::string_view> rest = lines;
    while (!rest.empty()) rest.remove_prefix(requests_.Answer(rest, out));
    return out;
  }

  static ExampleStoreOptions Options() {
    ExampleStoreOptions options;
    options.num_features = 2;
    options.num_classes = 3;
    return options;
  }

  TemporaryFolder folder_;
  RealClock clock_;
  std::unique_ptr<ExampleStore> store_ =
      ExampleStore::Open(Options(), folder_.path(), clock_).value();
  testing::EchoClient client_;
  LocalRequests requests_{*store_, client_};
};

TEST_F(LocalRequestsTest, EveryLineHasItsAnswerInOrder) {
  EXPECT_EQ(Answers({"example 1 1,2", "example 7 1,2", "example 2 3,4",
                     "predict 5,6.5", "example 0 5,6", "predict 9,0"}),
            "ok\n"
            "error the example has the label 7, expected 0 to 2\n"
            "ok\n"
            "ok 5,6.5\n"
            "ok\n"
            "error no model\n");
  EXPECT_EQ(store_->num_examples(), 3);
}

TEST_F(LocalRequestsTest, TargetThatIsMissingIsAnError) {
  ExampleStoreOptions options;
  options.num_features = 1;
  options.num_targets = 2;
  store_ =
      ExampleStore::Open(options, folder_.path() + "/targets", clock_).value();
  LocalRequests requests(*store_, client_);
  std::string out;
  requests.Answer({"example ,1 1"}, out);
  EXPECT_EQ(out,
            "error the example has the target nan, expected a finite number\n");
}

// What the store refuses of one line is no matter of the others.
TEST_F(LocalRequestsTest, ExampleThatLacksAFeatureFailsAlone) {
  EXPECT_EQ(Answers({"example 1 1,2", "example 1 ,2", "example 0 0,2"}),
            "ok\n"
            "error feature 0 is missing, which the store does not allow "
            "(missing_values)\n"
            "ok\n");
  EXPECT_EQ(store_->num_examples(), 2);
}

// Whoever sends again what was answered with an error doubles nothing.
TEST_F(LocalRequestsTest, WhatBecameDurableBeforeAnErrorIsAnsweredWithOk) {
  ExampleStoreOptions options = Options();
  options.max_examples = 16;  // one in each of the store's files
  const std::string folder = folder_.path() + "/small";
  store_ = ExampleStore::Open(options, folder, clock_).value();
  LocalRequests requests(*store_, client_);
  // In the way of the second file.
  SHOAL_ASSERT_OK(MakeFolders(folder + "/000000000002.examples/x"));
  const std::vector<absl::string_view> lines = {
      "example 1 1,2", "example 7 1,2", "example 2 3,4", "example 0 5,6"};
  std::string out;
  EXPECT_EQ(requests.Answer(lines, out), lines.size());
  const std::vector<std::string> answers = absl::StrSplit(out, '\n');
  ASSERT_THAT(answers, SizeIs(5));
  EXPECT_EQ(answers[0], "ok");
  EXPECT_THAT(answers[1], HasSubstr("the label 7"));
  EXPECT_THAT(answers[2], HasSubstr("000000000002.examples: rename"));
  EXPECT_EQ(answers[3], answers[2]);
  EXPECT_EQ(store_->num_examples(), 1);
}

TEST_F(LocalRequestsTest, LongestLineHoldsTheWidestNumbers) {
  std::string line = "example -2147483648 ";
  const float widest = -std::numeric_limits<float>::denorm_min();
  absl::StrAppend(&line, ValuesText({widest, widest}));
  EXPECT_LT(line.size(), requests_.longest_line());
}

}  // namespace
}  // namespace shoal::client
