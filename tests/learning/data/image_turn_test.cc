#include "learning/data/image_turn.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;

std::vector<float> Turned(const std::vector<float>& image,
                          const std::array<int, 3>& shape, double degrees) {
  std::vector<float> out(image.size());
  TurnImage(image, shape, degrees, absl::MakeSpan(out));
  return out;
}

// 1 2    2 4
// 3 4 -> 1 3
TEST(TurnImage, AQuarterIsCounterclockwise) {
  EXPECT_THAT(Turned({1, 2, 3, 4}, {2, 2, 1}, 90), ElementsAre(2, 4, 1, 3));
  EXPECT_THAT(Turned({1, 2, 3, 4}, {2, 2, 1}, -90), ElementsAre(3, 1, 4, 2));
  EXPECT_THAT(Turned({1, 2, 3, 4}, {2, 2, 1}, 180), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(Turned({1, 2, 3, 4}, {2, 2, 1}, 720), ElementsAre(1, 2, 3, 4));
}

TEST(TurnImage, ChannelsStayTogether) {
  EXPECT_THAT(Turned({1, 10, 2, 20, 3, 30, 4, 40}, {2, 2, 2}, 90),
              ElementsAre(2, 20, 4, 40, 1, 10, 3, 30));
}

TEST(TurnImage, FourQuartersChangeNothing) {
  std::vector<float> image;
  for (int i = 0; i < 49; ++i) image.push_back(0.1f * static_cast<float>(i));
  std::vector<float> turned = image;
  for (int i = 0; i < 4; ++i) turned = Turned(turned, {7, 7, 1}, 90);
  EXPECT_EQ(turned, image);
}

// The neighbours of the centre come halfway between those pixels.
TEST(TurnImage, PixelsAreInterpolated) {
  const std::vector<float> image = {0, 0, 0,  //
                                    0, 1, 2,  //
                                    0, 0, 0};
  const float s = 0.70710678f;
  // The pixel above right of the centre looks at (sqrt 2, 0) to the right of
  // it: beyond the middle right pixel by 0.414.
  EXPECT_THAT(Turned(image, {3, 3, 1}, 45)[2],
              FloatNear(2 * (2 - 2 * s), 1e-5));
  EXPECT_THAT(Turned(image, {3, 3, 1}, 45)[4], FloatNear(1, 1e-6));
}

// Of the row, only the middle comes to stand upright in a row of its own.
TEST(TurnImage, WhatComesFromOutsideIsEmpty) {
  EXPECT_THAT(Turned({1, 1, 1}, {1, 3, 1}, 90), ElementsAre(0, 1, 0));
}

}  // namespace
}  // namespace shoal::learning
