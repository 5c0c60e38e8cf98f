#include "learning/data/example_buffer.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"

namespace shoal::learning {
namespace {

using ::testing::ElementsAre;

TEST(ExampleBuffer, GathersExamplesAndChangesTheirFeatures) {
  DataShape shape;
  shape.num_features = 2;
  shape.num_classes = 3;
  const InMemoryDataset data({1, 2, 3, 4, 5, 6}, {0, 1, 2}, 2, 3);
  ExampleBuffer buffer(shape);
  buffer.Append(data, 2);
  buffer.Append(data);
  ASSERT_EQ(buffer.num_examples(), 4);
  buffer.features(1)[0] = 9;
  const auto made = std::move(buffer).Bind();
  ASSERT_EQ(made->num_examples(), 4);
  EXPECT_THAT(FeaturesOf(*made, 0), ElementsAre(5, 6));
  EXPECT_THAT(FeaturesOf(*made, 1), ElementsAre(9, 2));
  EXPECT_EQ(made->label(0), 2);
  EXPECT_EQ(made->label(3), 2);
  EXPECT_THAT(FeaturesOf(data, 0), ElementsAre(1, 2));
}

TEST(ExampleBuffer, TargetsComeAlong) {
  DataShape shape;
  shape.num_features = 1;
  shape.num_targets = 2;
  ExampleBuffer buffer(shape);
  buffer.Append(InMemoryDataset::WithTargets({1, 2}, {3, 4, 5, 6}, 1, 2), 1);
  const auto made = std::move(buffer).Bind();
  std::vector<float> targets(2);
  made->CopyTargets(0, absl::MakeSpan(targets));
  EXPECT_THAT(targets, ElementsAre(5, 6));
}

TEST(ExampleBuffer, LabelsOfAllPositionsComeAlong) {
  DataShape shape;
  shape.num_features = 2;
  shape.num_classes = 9;
  shape.labels_per_example = 2;
  ExampleBuffer buffer(shape);
  buffer.Append(
      InMemoryDataset::WithSequences({1, 2, 3, 4}, {5, 6, 7, 8}, 2, 2, 9), 1);
  const auto made = std::move(buffer).Bind();
  std::vector<int32_t> labels(2);
  made->CopyLabels(0, absl::MakeSpan(labels));
  EXPECT_THAT(labels, ElementsAre(7, 8));
}

}  // namespace
}  // namespace shoal::learning
