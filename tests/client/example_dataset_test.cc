#include "client/example_dataset.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/feature_statistics.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Two examples of one feature.
struct Examples final : learning::Dataset {
  int64_t num_examples() const override { return size; }
  int num_features() const override { return features; }
  int num_classes() const override { return classes; }
  int labels_per_example() const override { return labels_each; }
  int num_targets() const override { return static_cast<int>(targets.size()); }
  int32_t label(int64_t index) const override {
    return labels[index * labels_each];
  }
  void CopyFeatures(int64_t, absl::Span<float>) const override {}
  void CopyLabels(int64_t index, absl::Span<int32_t> out) const override {
    std::copy_n(labels.begin() + index * labels_each, labels_each, out.begin());
  }
  void CopyTargets(int64_t, absl::Span<float> out) const override {
    std::copy(targets.begin(), targets.end(), out.begin());
  }

  int64_t size = 2;
  int features = 1;
  int classes = 0;
  int labels_each = 1;
  std::vector<int32_t> labels = {};
  std::vector<float> targets = {};  // the same of both
};

absl::Status Check(const Examples& examples) { return CheckDataset(examples); }

MATCHER_P(IsRefused, sentence, "") {
  return ::testing::ExplainMatchResult(
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(sentence)), arg,
      result_listener);
}

Examples WithLabels(std::vector<int32_t> labels, int labels_each) {
  Examples examples;
  examples.classes = 3;
  examples.labels = std::move(labels);
  examples.labels_each = labels_each;
  return examples;
}

Examples WithTargets(std::vector<float> targets) {
  Examples examples;
  examples.targets = std::move(targets);
  return examples;
}

TEST(CheckDatasetTest, LabelsTargetsOrNeitherAreFine) {
  SHOAL_EXPECT_OK(Check(WithLabels({0, 2}, 1)));
  SHOAL_EXPECT_OK(Check(WithLabels({0, 1, 2, 2, 1, 0}, 3)));
  SHOAL_EXPECT_OK(Check(WithTargets({1.5f, -3})));
  SHOAL_EXPECT_OK(Check(Examples()));
  SHOAL_EXPECT_OK(CheckDataset(
      learning::InMemoryDataset::WithTargets({1, 2}, {3, 4}, 1, 1)));
}

TEST(CheckDatasetTest, LabelsOfEveryPositionAreInRange) {
  EXPECT_THAT(Check(WithLabels({0, 3}, 1)),
              IsRefused("example 1 has the label 3, expected 0 to 2"));
  EXPECT_THAT(Check(WithLabels({0, 1, 2, 2, 1, -1}, 3)),
              IsRefused("example 1 has the label -1"));
}

TEST(CheckDatasetTest, TargetsAreFinite) {
  EXPECT_THAT(Check(WithTargets({1, std::nanf("")})),
              IsRefused("example 0 has the target nan"));
  EXPECT_THAT(Check(WithTargets({-INFINITY})),
              IsRefused("example 0 has the target -inf"));
}

TEST(CheckDatasetTest, SizesAreNotNegative) {
  Examples examples;
  examples.size = -1;
  EXPECT_THAT(Check(examples), IsRefused("there are -1 examples"));
  examples.size = 2;
  examples.features = -1;
  EXPECT_THAT(Check(examples), IsRefused("have -1 features, expected 0 to"));
  examples.features = 1;
  examples.classes = 3;
  examples.labels_each = 0;
  EXPECT_THAT(Check(examples), IsRefused("have 0 labels each, expected 1 to"));
}

// Two examples of two features, and whatever the kind overrides.
struct Source : ExampleSource {
  int64_t num_examples() const override { return 2; }
  int num_features() const override { return 2; }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    out[0] = static_cast<float>(index);
    out[1] = std::nanf("");
  }
};
struct Classes : Source {
  int num_classes() const override { return 2; }
  int32_t label(int64_t index) const override { return index; }
};
struct Sequences : Source {
  int num_classes() const override { return 9; }
  int labels_per_example() const override { return 2; }
  void CopyLabels(int64_t index, absl::Span<int32_t> out) const override {
    out[0] = 3 * index;
    out[1] = 3 * index + 1;
  }
};
struct Values : Source {
  int num_targets() const override { return 1; }
  void CopyTargets(int64_t index, absl::Span<float> out) const override {
    out[0] = 0.5f * index;
  }
};

absl::Status Check(const ExampleSource& source) {
  return CheckDataset(ExampleDataset(source));
}

TEST(ExampleDatasetTest, EveryKindOfSourceIsRead) {
  const Classes classes;
  const Sequences sequences;
  const Values values;
  SHOAL_EXPECT_OK(Check(Source()));
  SHOAL_EXPECT_OK(Check(classes));
  SHOAL_EXPECT_OK(Check(sequences));
  SHOAL_EXPECT_OK(Check(values));
  std::vector<int32_t> label(1), labels(2);
  ExampleDataset(classes).CopyLabels(1, absl::MakeSpan(label));
  EXPECT_THAT(label, ElementsAre(1));
  ExampleDataset(sequences).CopyLabels(1, absl::MakeSpan(labels));
  EXPECT_THAT(labels, ElementsAre(3, 4));
  std::vector<float> targets(1);
  ExampleDataset(values).CopyTargets(1, absl::MakeSpan(targets));
  EXPECT_THAT(targets, ElementsAre(0.5f));
}

TEST(ExampleDatasetTest, WhatASourcePromisesAndDoesNotGiveIsRefused) {
  struct NoLabel : Source {
    int num_classes() const override { return 2; }
  };
  struct OneLabelOfTwo : Classes {
    int labels_per_example() const override { return 2; }
  };
  struct NoTargets : Source {
    int num_targets() const override { return 1; }
  };
  EXPECT_THAT(Check(NoLabel()), IsRefused("has the label -1"));
  EXPECT_THAT(Check(OneLabelOfTwo()), IsRefused("has the label -1"));
  EXPECT_THAT(Check(NoTargets()), IsRefused("has the target nan"));
}

TEST(EncodeFeatureStatisticsTest, WhatIsMissingDoesNotCount) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string bytes,
                             EncodeFeatureStatistics(Source()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto statistics,
                             learning::FeatureStatistics::Decode(bytes));
  EXPECT_EQ(statistics.count(0), 2);
  EXPECT_EQ(statistics.count(1), 0);
  EXPECT_THAT(statistics.Means(), ElementsAre(0.5f, 0));
  EXPECT_THAT(statistics.Deviations(), ElementsAre(0.5f, 1));
}

TEST(EncodeFeatureStatisticsTest, NoExamplesAreRefused) {
  struct Empty : Source {
    int64_t num_examples() const override { return 0; }
  };
  EXPECT_THAT(EncodeFeatureStatistics(Empty()).status(),
              IsRefused("no examples"));
}

}  // namespace
}  // namespace shoal::client
