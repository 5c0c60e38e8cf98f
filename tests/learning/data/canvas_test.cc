#include "learning/data/canvas.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

class CanvasTest : public ::testing::Test {
 protected:
  float At(int column, int row) const { return pixels_[row * 28 + column]; }

  std::vector<float> pixels_ = std::vector<float>(Canvas::kNumPixels, 0.5f);
  Canvas canvas_{absl::MakeSpan(pixels_)};
};

TEST_F(CanvasTest, BeginsEmpty) {
  for (float pixel : pixels_) EXPECT_EQ(pixel, 0);
}

TEST_F(CanvasTest, LineCoversWhatIsWithinItsRadius) {
  canvas_.Line({5, 10, 1, 1}, {15, 10, 1, 1});
  EXPECT_EQ(At(10, 10), 1);
  EXPECT_EQ(At(10, 11), 0.5);  // on the rim
  EXPECT_EQ(At(10, 12), 0);
  EXPECT_EQ(At(4, 10), 0.5);  // round ends
  EXPECT_EQ(At(3, 10), 0);
  EXPECT_EQ(At(16, 10), 0.5);
}

TEST_F(CanvasTest, InkAndRadiusChangeEvenly) {
  canvas_.Line({4, 10, 1, 1}, {14, 10, 2, 0.5});
  EXPECT_FLOAT_EQ(At(4, 10), 1);
  EXPECT_FLOAT_EQ(At(9, 10), 0.75);
  EXPECT_FLOAT_EQ(At(14, 10), 0.5);
  EXPECT_FLOAT_EQ(At(9, 12), 0);
  EXPECT_FLOAT_EQ(At(14, 12), 0.25);  // half covered, half the ink
}

TEST_F(CanvasTest, TheDarkerStrokeWins) {
  canvas_.Line({10, 5, 1, 0.25}, {10, 15, 1, 0.25});
  canvas_.Line({5, 10, 1, 0.75}, {15, 10, 1, 0.75});
  canvas_.Line({5, 10, 1, 0.5}, {15, 10, 1, 0.5});
  EXPECT_EQ(At(10, 10), 0.75);
  EXPECT_EQ(At(10, 7), 0.25);
}

TEST_F(CanvasTest, LineOfNoLengthIsADot) {
  canvas_.Line({10, 10, 1, 1}, {10, 10, 1, 1});
  EXPECT_EQ(std::accumulate(pixels_.begin(), pixels_.end(), 0.0f),
            1 + 4 * 0.5f + 4 * (1.5f - std::sqrt(2.0f)));
}

TEST_F(CanvasTest, WhatLiesOutsideIsCut) {
  canvas_.Line({-1e6, 3, 1, 1}, {1e6, 3, 1, 1});
  canvas_.Line({50, 50, 1, 1}, {60, 60, 1, 1});
  canvas_.Line({-10, -10, 2, 1}, {-5, -5, 2, 1});
  EXPECT_EQ(At(0, 3), 1);
  EXPECT_EQ(At(27, 3), 1);
  EXPECT_EQ(At(27, 27), 0);
  EXPECT_EQ(At(0, 0), 0);
}

}  // namespace
}  // namespace shoal::learning
