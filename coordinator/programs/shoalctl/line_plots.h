// Plots of one line each, side by side, as an SVG that needs nothing else.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_LINE_PLOTS_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_LINE_PLOTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::shoalctl {

struct PlotPoint {
  double x = 0;
  double y = 0;
};

struct PlotAxis {
  std::string label;
  bool logarithmic = false;  // otherwise it begins at 0
};

// A value of the y axis that is drawn over all the plot.
struct PlotGuide {
  double y = 0;
  std::string label;
};

struct LinePlot {
  std::string title;
  PlotAxis x, y;
  std::vector<PlotPoint> points;  // from left to right, positive and finite
  std::optional<PlotPoint> mark;  // one of them that stands out
  std::optional<PlotGuide> guide;
};

// REQUIRES: every plot has a point.
std::string LinePlotsSvg(absl::string_view title,
                         absl::Span<const LinePlot> plots);

// Round numbers from `from` to `to`: multiples of 1, 2 or 5 times a power of
// ten; of a logarithmic axis all of these, or the powers alone. For tests.
std::vector<double> PlotTicks(double from, double to, bool logarithmic);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_LINE_PLOTS_H_
