#include "coordinator/programs/shoalctl/line_plots.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/check.h"

namespace shoal::shoalctl {
namespace {

// In pixels.
constexpr double kWidth = 300;
constexpr double kHeight = 200;
constexpr double kLeft = 64;  // of the first plot
constexpr double kTop = 70;
constexpr double kGap = 76;
constexpr double kBelow = 48;
// Of a plot's range that is left free beyond the largest value.
constexpr double kRoom = 0.08;

constexpr absl::string_view kStyle =
    "<style>text{font:12px system-ui,\"DejaVu Sans\",sans-serif;fill:#1c2733}"
    ".tick{font-size:11px;fill:#556270}.title{font-weight:600}"
    ".middle{text-anchor:middle}.end{text-anchor:end}.grid{stroke:#e3e8ee}"
    ".guide{stroke:#b8145a;stroke-dasharray:5 4}.note{font-size:11px;"
    "fill:#b8145a}.frame{fill:none;stroke:#9eabb9}"
    ".line{fill:none;stroke:#00549e;stroke-width:1.8}"
    ".point{fill:#fff;stroke:#00549e;stroke-width:1.4}"
    ".mark{fill:#00549e}</style>\n";

std::string Escape(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

std::string TickText(double value) { return absl::StrFormat("%.6g", value); }

// From values to pixels.
struct Scale {
  double from = 0;
  double to = 1;
  bool logarithmic = false;
  double start = 0;  // pixel of `from`
  double length = 0;

  double operator()(double value) const {
    const double share = logarithmic
                             ? std::log(value / from) / std::log(to / from)
                             : (value - from) / (to - from);
    return start + share * length;
  }
};

Scale ScaleOf(const std::vector<double>& values, const PlotAxis& axis) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  SHOAL_CHECK(*least > 0 && std::isfinite(*most));
  Scale scale{.from = 0, .to = *most * (1 + kRoom)};
  if (axis.logarithmic) {
    scale.logarithmic = true;
    // At least a factor of two, so that a single value has a place.
    const double span = std::max(*most / *least, 2.0);
    scale.from = *least / std::pow(span, kRoom);
    scale.to = *least * std::pow(span, 1 + kRoom);
  }
  return scale;
}

struct Plot {
  const LinePlot& plot;
  double left;
  Scale x, y;
};

Plot PlaceOf(const LinePlot& plot, double left) {
  std::vector<double> xs, ys;
  for (const PlotPoint& point : plot.points) {
    xs.push_back(point.x);
    ys.push_back(point.y);
  }
  if (plot.guide.has_value()) ys.push_back(plot.guide->y);
  Plot placed{plot, left, ScaleOf(xs, plot.x), ScaleOf(ys, plot.y)};
  placed.x.start = left;
  placed.x.length = kWidth;
  placed.y.start = kTop + kHeight;
  placed.y.length = -kHeight;
  return placed;
}

void DrawAxes(const Plot& plot, std::string& svg) {
  for (const double tick :
       PlotTicks(plot.y.from, plot.y.to, plot.y.logarithmic)) {
    const double y = plot.y(tick);
    absl::StrAppendFormat(&svg, "<path class=\"grid\" d=\"M%.1f %.1fh%g\"/>\n",
                          plot.left, y, kWidth);
    absl::StrAppendFormat(
        &svg, "<text class=\"tick end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
        plot.left - 6, y + 4, TickText(tick));
  }
  for (const double tick :
       PlotTicks(plot.x.from, plot.x.to, plot.x.logarithmic)) {
    const double x = plot.x(tick);
    absl::StrAppendFormat(&svg, "<path class=\"grid\" d=\"M%.1f %.1fv%g\"/>\n",
                          x, kTop, kHeight);
    absl::StrAppendFormat(
        &svg, "<text class=\"tick middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
        x, kTop + kHeight + 15, TickText(tick));
  }
  const double middle = plot.left + kWidth / 2;
  absl::StrAppendFormat(
      &svg,
      "<text class=\"title middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n"
      "<text class=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
      middle, kTop - 8, Escape(plot.plot.title), middle, kTop + kHeight + 33,
      Escape(plot.plot.x.label));
  absl::StrAppendFormat(
      &svg,
      "<text class=\"middle\" transform=\"translate(%.1f %.1f) rotate(-90)\">"
      "%s</text>\n",
      plot.left - 46, kTop + kHeight / 2, Escape(plot.plot.y.label));
}

void DrawLine(const Plot& plot, std::string& svg) {
  if (plot.plot.guide.has_value()) {
    const double y = plot.y(plot.plot.guide->y);
    absl::StrAppendFormat(&svg,
                          "<path class=\"guide\" d=\"M%.1f %.1fh%g\"/>\n"
                          "<text class=\"note\" x=\"%.1f\" y=\"%.1f\">%s"
                          "</text>\n",
                          plot.left, y, kWidth, plot.left + 6, y - 5,
                          Escape(plot.plot.guide->label));
  }
  std::string line;
  std::string marks;
  for (const PlotPoint& point : plot.plot.points) {
    const double x = plot.x(point.x);
    const double y = plot.y(point.y);
    absl::StrAppendFormat(&line, "%s%.1f %.1f", line.empty() ? "M" : "L", x, y);
    absl::StrAppendFormat(
        &marks, "<circle class=\"point\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>\n",
        x, y);
  }
  absl::StrAppend(&svg, "<path class=\"line\" d=\"", line, "\"/>\n", marks);
  if (!plot.plot.mark.has_value()) return;
  absl::StrAppendFormat(
      &svg, "<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>\n",
      plot.x(plot.plot.mark->x), plot.y(plot.plot.mark->y));
}

}  // namespace

std::vector<double> PlotTicks(double from, double to, bool logarithmic) {
  constexpr double kRounding = 1e-9;
  std::vector<double> ticks;
  if (logarithmic) {
    // All of 1, 2 and 5 where there is room for their numbers.
    const bool few = to / from < 300;
    for (double power = std::pow(10, std::floor(std::log10(from)));
         power <= to * (1 + kRounding); power *= 10) {
      for (const double digit : {1, 2, 5}) {
        const double tick = digit * power;
        if (tick < from * (1 - kRounding) || tick > to * (1 + kRounding) ||
            (!few && digit != 1)) {
          continue;
        }
        ticks.push_back(tick);
      }
    }
    return ticks;
  }
  constexpr double kTicks = 5;
  const double rough = (to - from) / kTicks;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double digit : {5, 2, 1}) {
    if (digit * power >= rough * (1 - kRounding)) step = digit * power;
  }
  for (double i = std::ceil(from / step - kRounding);
       i * step <= to * (1 + kRounding); ++i) {
    ticks.push_back(i * step + 0.0);  // not -0
  }
  return ticks;
}

std::string LinePlotsSvg(absl::string_view title,
                         absl::Span<const LinePlot> plots) {
  const double count = static_cast<double>(plots.size());
  const double width = kLeft + count * kWidth + (count - 1) * kGap + 20;
  const double height = kTop + kHeight + kBelow;
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" "
      "width=\"%g\" height=\"%g\">\n<title>%s</title>\n",
      width, height, width, height, Escape(title));
  absl::StrAppend(&svg, kStyle,
                  "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
  absl::StrAppendFormat(&svg,
                        "<text class=\"title\" x=\"%g\" y=\"24\">%s</text>\n",
                        kLeft, Escape(title));
  double left = kLeft;
  for (const LinePlot& plot : plots) {
    SHOAL_CHECK(!plot.points.empty());
    const Plot placed = PlaceOf(plot, left);
    DrawAxes(placed, svg);
    DrawLine(placed, svg);
    absl::StrAppendFormat(
        &svg,
        "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%g\" "
        "height=\"%g\"/>\n",
        left, kTop, kWidth, kHeight);
    left += kWidth + kGap;
  }
  return svg + "</svg>\n";
}

}  // namespace shoal::shoalctl
