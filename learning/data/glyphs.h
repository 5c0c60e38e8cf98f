// The shapes of handwritten digits: several ways to write each, as pen strokes
// through a few points. What a writer makes of them is in handwriting.h.
#ifndef SHOAL_LEARNING_DATA_GLYPHS_H_
#define SHOAL_LEARNING_DATA_GLYPHS_H_

#include <vector>

#include "absl/types/span.h"

namespace shoal::learning {

// A point that the pen passes, in hundredths of the digit's height: x grows to
// the right, y downwards, both mostly in [0, 100].
struct GlyphPoint {
  float x = 0;
  float y = 0;
  bool corner = false;  // the pen changes its direction here at once
};

using Stroke = std::vector<GlyphPoint>;  // at least two points
using Glyph = std::vector<Stroke>;       // in the order of writing

// The ways to write `digit`, the most common first; at least three. Lives as
// long as the process. REQUIRES: digit in [0, 9].
absl::Span<const Glyph> GlyphsOf(int digit);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_GLYPHS_H_
