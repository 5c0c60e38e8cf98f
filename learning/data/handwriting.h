// The built-in data: handwritten digits, 28 x 28, drawn by writers who do not
// exist. Every device of a federation is one writer with a style of their own
// (slant, thickness, aspect, pressure, tremor, favourite ways to write each
// digit: feature skew) and habits of their own (which digits, how many: label
// skew and amounts by a power law). docs/explanation/handwriting.md shows it.
//
// Everything is drawn when asked for: example i of writer w depends on nothing
// but (seed, w, i), whatever else was drawn before and in which order.
#ifndef SHOAL_LEARNING_DATA_HANDWRITING_H_
#define SHOAL_LEARNING_DATA_HANDWRITING_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/random.h"
#include "learning/data/canvas.h"
#include "learning/data/glyphs.h"

namespace shoal::learning {

// How somebody writes. Lengths in pixels, angles in radians.
struct WriterStyle {
  float slant = 0;       // shear: x per height, positive leans to the right
  float rotation = 0;    // of the base line
  float size = 0;        // height of a digit
  float aspect = 1;      // width per height, of the unit glyph
  float thickness = 0;   // of the stroke
  float ink = 1;         // pressure at the start of a stroke, in (0, 1]
  float fading = 0;      // how much of it is lost towards the end, in [0, 1)
  float roundness = 1;   // 0: straight lines between points; 1: full curves
  float tremor = 0;      // standard deviation off the intended line
  float sloppiness = 0;  // point jitter from digit to digit, hundredths
  float offset_x = 0;    // where digits sit in their box
  float offset_y = 0;
};

// One writer. Immutable; thread-safe.
class Writer {
 public:
  static constexpr int kNumFeatures = Canvas::kNumPixels;
  static constexpr int kNumClasses = 10;

  // REQUIRES: mean_examples >= 1; index >= 0. All writers of one `seed` are
  // independent; their numbers of examples have the mean `mean_examples`.
  Writer(uint64_t seed, int mean_examples, int64_t index);

  // num_examples() of the writer, without making one.
  static int64_t NumExamples(uint64_t seed, int mean_examples, int64_t index);

  const WriterStyle& style() const { return style_; }
  // How often this writer writes each digit; sums to 1.
  const std::array<double, kNumClasses>& label_shares() const {
    return label_shares_;
  }
  // Pareto with exponent 2, at least about half the mean, at most 8.3 times.
  int64_t num_examples() const { return num_examples_; }

  // Training example `example`: its digit, drawn by label_shares(), and its
  // picture in [0, 1] (0 is paper). REQUIRES: example >= 0;
  // out.size() == kNumFeatures.
  int32_t Label(int64_t example) const;
  void Draw(int64_t example, absl::Span<float> out) const;

  // A `digit` that is nobody's training example. REQUIRES: as for Draw();
  // digit in [0, 9].
  void DrawHeldOut(int64_t example, int digit, absl::Span<float> out) const;

 private:
  SeededRng ExampleRng(const char* purpose, int64_t example) const;
  int32_t DrawLabel(SeededRng& rng) const;
  void DrawDigit(int digit, SeededRng& rng, absl::Span<float> out) const;

  const uint64_t seed_;
  const int64_t index_;
  WriterStyle style_;
  std::array<double, kNumClasses> label_shares_;
  int64_t num_examples_ = 0;
  // The common shapes as this writer bends them, and how often each is used.
  std::array<std::vector<Glyph>, kNumClasses> glyphs_;
  std::array<std::vector<double>, kNumClasses> glyph_shares_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_HANDWRITING_H_
