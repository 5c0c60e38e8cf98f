// A small grey image that a round pen draws on.
#ifndef SHOAL_LEARNING_DATA_CANVAS_H_
#define SHOAL_LEARNING_DATA_CANVAS_H_

#include "absl/types/span.h"

namespace shoal::learning {

// The pen at one moment. Lengths in pixels; pixel (column, row) has its centre
// at (column, row).
struct Pen {
  float x = 0;
  float y = 0;
  float radius = 1;  // > 0
  float ink = 1;     // in (0, 1]: how dark the pen writes
};

// Draws into an image that belongs to the caller. Thread-compatible.
class Canvas {
 public:
  static constexpr int kSide = 28;
  static constexpr int kNumPixels = kSide * kSide;

  // Clears `pixels` ([28 x 28], row-major) to 0.
  explicit Canvas(absl::Span<float> pixels);

  // Moves the pen in a straight line; radius and ink change evenly on the way.
  // A pixel's darkness follows its distance to the line, falling from full to
  // none over one pixel at the rim (the coverage of a box filter, to first
  // order). Where strokes cross, the darker wins; what lies outside is cut.
  void Line(const Pen& from, const Pen& to);

 private:
  const absl::Span<float> pixels_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_CANVAS_H_
