#include "learning/data/image_turn.h"

#include <cmath>
#include <cstddef>
#include <numbers>

#include "base/check.h"

namespace shoal::learning {
namespace {

struct Turn {
  double cosine;
  double sine;
};

// Exact at the quarters, so that these only move pixels.
Turn TurnBy(double degrees) {
  const double quarters = degrees / 90;
  if (quarters != std::floor(quarters)) {
    const double angle = degrees * std::numbers::pi / 180;
    return {std::cos(angle), std::sin(angle)};
  }
  constexpr Turn kQuarters[] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  const int quarter = static_cast<int>(std::fmod(quarters, 4));
  return kQuarters[(quarter + 4) % 4];
}

// The source pixels around a point and their weights along one axis.
struct Neighbours {
  explicit Neighbours(double at)
      : first(static_cast<int>(std::floor(at))),
        second_weight(static_cast<float>(at - std::floor(at))) {}

  int first;
  float second_weight;
};

}  // namespace

void TurnImage(absl::Span<const float> in, const std::array<int, 3>& shape,
               double degrees, absl::Span<float> out) {
  const auto [height, width, channels] = shape;
  SHOAL_CHECK(in.size() == static_cast<size_t>(height) * width * channels &&
              out.size() == in.size());
  const Turn turn = TurnBy(degrees);
  const double middle_y = (height - 1) / 2.0, middle_x = (width - 1) / 2.0;
  const auto pixel = [&, h = height, w = width, c = channels](int y, int x,
                                                              int channel) {
    const bool inside = y >= 0 && y < h && x >= 0 && x < w;
    return inside ? in[(y * w + x) * c + channel] : 0.0f;
  };
  size_t next = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      // Where this pixel was before; y points downwards.
      const double dx = x - middle_x, dy = y - middle_y;
      const Neighbours ys(middle_y + turn.sine * dx + turn.cosine * dy);
      const Neighbours xs(middle_x + turn.cosine * dx - turn.sine * dy);
      for (int channel = 0; channel < channels; ++channel) {
        const auto along_x = [&](int row) {
          return (1 - xs.second_weight) * pixel(row, xs.first, channel) +
                 xs.second_weight * pixel(row, xs.first + 1, channel);
        };
        out[next++] = (1 - ys.second_weight) * along_x(ys.first) +
                      ys.second_weight * along_x(ys.first + 1);
      }
    }
  }
}

}  // namespace shoal::learning
