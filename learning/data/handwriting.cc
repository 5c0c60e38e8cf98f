#include "learning/data/handwriting.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/check.h"

namespace shoal::learning {
namespace {

// Concentrations of the Dirichlet distributions over digits, and over the ways
// to write one digit: lower is more one-sided.
constexpr double kLabelConcentration = 1;
constexpr double kGlyphConcentration = 0.5;

// The largest number of examples, in units of the smallest.
constexpr double kAmountRange = 16;

// How a writer bends every point of the common shapes, once and for all;
// hundredths of the height.
constexpr double kOwnShape = 4;

// From digit to digit, whoever writes.
constexpr double kShift = 1.0;     // pixels
constexpr double kTilt = 0.12;     // radians
constexpr double kStretch = 0.10;  // natural logarithm of the factor

constexpr int kStepsPerSpan = 5;

void DrawShares(double concentration, SeededRng& rng,
                absl::Span<double> shares) {
  double total = 0;
  for (double& share : shares) {
    share = rng.Gamma(concentration);
    total += share;
  }
  for (double& share : shares) share /= total;
}

// An index, drawn by `shares`.
int DrawIndex(absl::Span<const double> shares, SeededRng& rng) {
  double rest = rng.Uniform();
  const int last = static_cast<int>(shares.size()) - 1;
  for (int i = 0; i < last; ++i) {
    rest -= shares[i];
    if (rest < 0) return i;
  }
  return last;
}

float Between(SeededRng& rng, double low, double high) {
  return static_cast<float>(low + (high - low) * rng.Uniform());
}

float Around(SeededRng& rng, double mean, double deviation) {
  return static_cast<float>(mean + deviation * rng.Normal());
}

WriterStyle DrawStyle(SeededRng& rng) {
  WriterStyle style;
  style.slant = Around(rng, 0.12, 0.18);
  style.rotation = Around(rng, 0, 0.05);
  style.size = Between(rng, 16, 20.5);
  style.aspect = std::exp(Around(rng, 0.08, 0.14));
  style.thickness = Between(rng, 1.7, 3.5);
  style.ink = Between(rng, 0.7, 1);
  style.fading = Between(rng, 0, 0.35);
  style.roundness = Between(rng, 0.75, 1.25);
  style.tremor = std::abs(Around(rng, 0, 0.2));
  style.sloppiness = Between(rng, 1.5, 4.5);
  style.offset_x = Around(rng, 0, 0.5);
  style.offset_y = Around(rng, 0, 0.5);
  return style;
}

// The inverse of Pareto's distribution function P(n <= m t) = 1 - t^-2, cut at
// t = kAmountRange. E[n] = m (2 - 1 / kAmountRange) sets the minimum m.
int64_t DrawAmount(int mean_examples, SeededRng& rng) {
  const double minimum = mean_examples / (2 - 1 / kAmountRange);
  const double factor =
      std::min(1 / std::sqrt(1 - rng.Uniform()), kAmountRange);
  return std::max<int64_t>(1, std::llround(minimum * factor));
}

SeededRng HabitsRng(uint64_t seed, int64_t index) {
  return SeededRng(
      DeriveSeed(seed, "handwriting habits", {static_cast<uint64_t>(index)}));
}

Glyph Bend(const Glyph& glyph, double deviation, SeededRng& rng) {
  Glyph bent = glyph;
  for (Stroke& stroke : bent) {
    for (GlyphPoint& point : stroke) {
      point.x += static_cast<float>(deviation * rng.Normal());
      point.y += static_cast<float>(deviation * rng.Normal());
    }
  }
  return bent;
}

// The direction of the curve at point `i`, seen from the side of point `i +
// side` (side is 1 or -1): Catmull and Rom's, one-sided at ends and corners.
GlyphPoint Tangent(const Stroke& stroke, size_t i, int side) {
  const bool end = i == 0 || i + 1 == stroke.size();
  if (end || stroke[i].corner) {
    const GlyphPoint& from = side > 0 ? stroke[i] : stroke[i - 1];
    const GlyphPoint& to = side > 0 ? stroke[i + 1] : stroke[i];
    return {to.x - from.x, to.y - from.y};
  }
  return {(stroke[i + 1].x - stroke[i - 1].x) / 2,
          (stroke[i + 1].y - stroke[i - 1].y) / 2};
}

// The point at `t` in [0, 1] of the cubic Hermite curve between points `i` and
// `i + 1`; `roundness` 0 is the straight line, 1 is Catmull and Rom's spline.
GlyphPoint CurvePoint(const Stroke& stroke, size_t i, float t,
                      float roundness) {
  const GlyphPoint& a = stroke[i];
  const GlyphPoint& b = stroke[i + 1];
  const GlyphPoint ta = Tangent(stroke, i, 1);
  const GlyphPoint tb = Tangent(stroke, i + 1, -1);
  const float smooth = t * t * (3 - 2 * t);
  const float ha = t * (1 - t) * (1 - t);
  const float hb = t * t * (t - 1);
  const auto blend = [&](float pa, float pb, float da, float db) {
    const float straight = pa + t * (pb - pa);
    const float curved = pa + smooth * (pb - pa) + ha * da + hb * db;
    return straight + roundness * (curved - straight);
  };
  return {blend(a.x, b.x, ta.x, tb.x), blend(a.y, b.y, ta.y, tb.y)};
}

// From the unit glyph to the canvas: p -> matrix (p - centre) + offset.
struct Placement {
  Placement(const WriterStyle& style, SeededRng& rng) {
    const float angle = style.rotation + Around(rng, 0, kTilt);
    const float height = style.size / 100 * std::exp(Around(rng, 0, kStretch));
    const float width =
        height * style.aspect * std::exp(Around(rng, 0, kStretch));
    const float slant = style.slant + Around(rng, 0, kTilt);
    const float c = std::cos(angle);
    const float s = std::sin(angle);
    // Rotation after shear after scaling; y points downwards.
    xx = c * width;
    xy = -c * slant * height - s * height;
    yx = s * width;
    yy = -s * slant * height + c * height;
    const float middle = (Canvas::kSide - 1) / 2.0f;
    x = middle + style.offset_x + Around(rng, 0, kShift);
    y = middle + style.offset_y + Around(rng, 0, kShift);
  }

  void Apply(const GlyphPoint& p, Pen& pen) const {
    pen.x = xx * (p.x - 50) + xy * (p.y - 50) + x;
    pen.y = yx * (p.x - 50) + yy * (p.y - 50) + y;
  }

  float xx, xy, yx, yy, x, y;
};

// Where a trembling hand is off its line: an autoregressive process whose
// neighbours are alike.
class Tremor {
 public:
  Tremor(float deviation, SeededRng& rng) : deviation_(deviation), rng_(rng) {}

  void Apply(Pen& pen) {
    constexpr float kMemory = 0.7f;
    constexpr float kFresh = 0.714143f;  // sqrt(1 - kMemory^2)
    x_ = kMemory * x_ + kFresh * Around(rng_, 0, deviation_);
    y_ = kMemory * y_ + kFresh * Around(rng_, 0, deviation_);
    pen.x += x_;
    pen.y += y_;
  }

 private:
  const float deviation_;
  SeededRng& rng_;
  float x_ = 0;
  float y_ = 0;
};

void DrawStroke(const Stroke& stroke, const WriterStyle& style,
                const Placement& placement, SeededRng& rng, Canvas& canvas) {
  Tremor tremor(style.tremor, rng);
  const auto pen_at = [&](size_t span, float t) {
    const float done = (span + t) / (stroke.size() - 1);
    const float pressure = 1 - style.fading * done;
    Pen pen;
    placement.Apply(CurvePoint(stroke, span, t, style.roundness), pen);
    pen.radius = style.thickness / 2 * (0.6f + 0.4f * pressure);
    pen.ink = style.ink * pressure;
    tremor.Apply(pen);
    return pen;
  };
  Pen from = pen_at(0, 0);
  for (size_t span = 0; span + 1 < stroke.size(); ++span) {
    for (int step = 1; step <= kStepsPerSpan; ++step) {
      const Pen to = pen_at(span, static_cast<float>(step) / kStepsPerSpan);
      canvas.Line(from, to);
      from = to;
    }
  }
}

}  // namespace

Writer::Writer(uint64_t seed, int mean_examples, int64_t index)
    : seed_(seed), index_(index) {
  SHOAL_CHECK(mean_examples >= 1 && index >= 0);
  SeededRng habits = HabitsRng(seed, index);
  num_examples_ = DrawAmount(mean_examples, habits);
  DrawShares(kLabelConcentration, habits, absl::MakeSpan(label_shares_));
  SeededRng hand(
      DeriveSeed(seed, "handwriting style", {static_cast<uint64_t>(index)}));
  style_ = DrawStyle(hand);
  for (int digit = 0; digit < kNumClasses; ++digit) {
    for (const Glyph& glyph : GlyphsOf(digit)) {
      glyphs_[digit].push_back(Bend(glyph, kOwnShape, hand));
    }
    glyph_shares_[digit].resize(glyphs_[digit].size());
    DrawShares(kGlyphConcentration, hand, absl::MakeSpan(glyph_shares_[digit]));
  }
}

int64_t Writer::NumExamples(uint64_t seed, int mean_examples, int64_t index) {
  SeededRng habits = HabitsRng(seed, index);
  return DrawAmount(mean_examples, habits);
}

int32_t Writer::Label(int64_t example) const {
  SeededRng rng = ExampleRng("handwriting example", example);
  return DrawLabel(rng);
}

void Writer::Draw(int64_t example, absl::Span<float> out) const {
  SeededRng rng = ExampleRng("handwriting example", example);
  const int32_t digit = DrawLabel(rng);
  DrawDigit(digit, rng, out);
}

void Writer::DrawHeldOut(int64_t example, int digit,
                         absl::Span<float> out) const {
  SeededRng rng = ExampleRng("handwriting held out", example);
  DrawDigit(digit, rng, out);
}

SeededRng Writer::ExampleRng(const char* purpose, int64_t example) const {
  SHOAL_CHECK(example >= 0);
  return SeededRng(DeriveSeed(
      seed_, purpose,
      {static_cast<uint64_t>(index_), static_cast<uint64_t>(example)}));
}

int32_t Writer::DrawLabel(SeededRng& rng) const {
  return DrawIndex(label_shares_, rng);
}

void Writer::DrawDigit(int digit, SeededRng& rng, absl::Span<float> out) const {
  SHOAL_CHECK(digit >= 0 && digit < kNumClasses);
  const Placement placement(style_, rng);
  const Glyph& glyph = glyphs_[digit][DrawIndex(glyph_shares_[digit], rng)];
  Canvas canvas(out);
  for (const Stroke& stroke : Bend(glyph, style_.sloppiness, rng)) {
    DrawStroke(stroke, style_, placement, rng, canvas);
  }
}

}  // namespace shoal::learning
