#include "coordinator/programs/shoalctl/line_plots.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::shoalctl {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointwise;

std::vector<double> Ticks(double from, double to, bool logarithmic = false) {
  return PlotTicks(from, to, logarithmic);
}

TEST(PlotTicksTest, AreRoundNumbers) {
  EXPECT_THAT(Ticks(0, 10), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(Ticks(0, 216), ElementsAre(0, 50, 100, 150, 200));
  EXPECT_THAT(Ticks(0, 1.08), Pointwise(DoubleNear(1e-12), {0.0, 0.5, 1.0}));
  EXPECT_THAT(Ticks(0, 0.0062),
              Pointwise(DoubleNear(1e-15), {0.0, 0.002, 0.004, 0.006}));
}

TEST(PlotTicksTest, OfALogarithmFollowItsPowers) {
  EXPECT_THAT(Ticks(1.5, 60, true),
              Pointwise(DoubleNear(1e-12), {2.0, 5.0, 10.0, 20.0, 50.0}));
  EXPECT_THAT(Ticks(0.5, 2000, true),
              Pointwise(DoubleNear(1e-12), {1.0, 10.0, 100.0, 1000.0}));
}

LinePlot SmallPlot() {
  LinePlot plot;
  plot.title = "A < B & C";
  plot.x.label = "left to right";
  plot.y.label = "upwards";
  plot.points = {{25, 25}, {50, 50}, {100, 100}};
  return plot;
}

// 300 by 200 pixels at (64, 70); 8 % are left free: 108 is at the right and at
// the top.
TEST(LinePlotsTest, PointsAreWhereTheyBelong) {
  const std::string svg = LinePlotsSvg("Title", {SmallPlot()});
  EXPECT_THAT(svg, HasSubstr("<path class=\"line\" d=\"M133.4 223.7L202.9 "
                             "177.4L341.8 84.8\"/>"));
  EXPECT_THAT(svg, HasSubstr("<circle class=\"point\" cx=\"341.8\" "
                             "cy=\"84.8\""));
}

TEST(LinePlotsTest, EqualFactorsAreEquallyFarOnLogarithmicAxes) {
  LinePlot plot = SmallPlot();
  plot.x.logarithmic = true;
  const std::string svg = LinePlotsSvg("Title", {plot});
  // 2^(0.16) beyond 25 … 100: a doubling is 300 / 2.32 pixels.
  EXPECT_THAT(svg, HasSubstr("M84.7 223.7L214.0 177.4L343.3 84.8"));
}

TEST(LinePlotsTest, TextsAreEscaped) {
  const std::string svg = LinePlotsSvg("1 & 2", {SmallPlot()});
  EXPECT_THAT(svg, HasSubstr("<title>1 &amp; 2</title>"));
  EXPECT_THAT(svg, HasSubstr(">A &lt; B &amp; C</text>"));
}

TEST(LinePlotsTest, MarksAndGuidesAreDrawnWhereThereAreAny) {
  LinePlot plot = SmallPlot();
  const std::string plain = LinePlotsSvg("Title", {plot});
  EXPECT_THAT(plain, Not(HasSubstr("class=\"mark\"")));
  EXPECT_THAT(plain, Not(HasSubstr("class=\"guide\"")));
  plot.mark = plot.points[1];
  plot.guide = {200, "limit"};
  const std::string svg = LinePlotsSvg("Title", {plot});
  // The guide is within the plot: its axis reaches to 216.
  EXPECT_THAT(svg, HasSubstr("class=\"guide\" d=\"M64.0 84.8h300\""));
  EXPECT_THAT(svg, HasSubstr(">limit</text>"));
  EXPECT_THAT(svg, HasSubstr("class=\"mark\" cx=\"202.9\" cy=\"223.7\""));
}

TEST(LinePlotsTest, PlotsStandSideBySide) {
  const std::string svg = LinePlotsSvg("Title", {SmallPlot(), SmallPlot()});
  EXPECT_THAT(svg, HasSubstr("viewBox=\"0 0 760 318\""));
  EXPECT_THAT(svg, HasSubstr("<rect class=\"frame\" x=\"64.0\""));
  EXPECT_THAT(svg, HasSubstr("<rect class=\"frame\" x=\"440.0\""));
}

TEST(LinePlotsTest, ZeroHasNoSign) {
  EXPECT_THAT(LinePlotsSvg("Title", {SmallPlot()}), Not(HasSubstr(">-0<")));
}

TEST(LinePlotsTest, OnePointHasAPlace) {
  LinePlot plot = SmallPlot();
  plot.points = {{5, 5}};
  plot.x.logarithmic = true;
  EXPECT_THAT(LinePlotsSvg("Title", {plot}), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace shoal::shoalctl
