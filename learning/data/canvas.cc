#include "learning/data/canvas.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace shoal::learning {
namespace {

// Pixels from `low` - `reach` to `high` + `reach` that lie on the canvas.
struct Range {
  Range(float low, float high, float reach)
      : begin(static_cast<int>(
            std::clamp(std::ceil(low - reach), 0.0f, float{Canvas::kSide}))),
        end(static_cast<int>(std::clamp(std::floor(high + reach) + 1, 0.0f,
                                        float{Canvas::kSide}))) {}
  const int begin;
  const int end;
};

}  // namespace

Canvas::Canvas(absl::Span<float> pixels) : pixels_(pixels) {
  SHOAL_CHECK(pixels_.size() == kNumPixels);
  std::fill(pixels_.begin(), pixels_.end(), 0.0f);
}

void Canvas::Line(const Pen& from, const Pen& to) {
  const float reach = std::max(from.radius, to.radius) + 0.5f;
  const Range columns(std::min(from.x, to.x), std::max(from.x, to.x), reach);
  const Range rows(std::min(from.y, to.y), std::max(from.y, to.y), reach);
  const float dx = to.x - from.x;
  const float dy = to.y - from.y;
  // A line of length 0 is a dot.
  const float scale = 1 / std::max(dx * dx + dy * dy, 1e-12f);
  const float radius_change = to.radius - from.radius;
  const float ink_change = to.ink - from.ink;
  for (int row = rows.begin; row < rows.end; ++row) {
    float* const line = pixels_.data() + row * kSide;
    const float y = row - from.y;
    for (int column = columns.begin; column < columns.end; ++column) {
      const float x = column - from.x;
      const float along = std::clamp((x * dx + y * dy) * scale, 0.0f, 1.0f);
      const float ex = x - along * dx;
      const float ey = y - along * dy;
      const float distance = std::sqrt(ex * ex + ey * ey);
      const float radius = from.radius + along * radius_change;
      const float cover = std::clamp(radius + 0.5f - distance, 0.0f, 1.0f);
      line[column] =
          std::max(line[column], cover * (from.ink + along * ink_change));
    }
  }
}

}  // namespace shoal::learning
