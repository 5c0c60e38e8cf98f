#include "learning/dense.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

namespace shoal::learning {
namespace {

// Floats in a vector register of the target.
#if defined(__AVX512F__)
constexpr int kLane = 16;
#elif defined(__AVX__)
constexpr int kLane = 8;
#else
constexpr int kLane = 4;
#endif

// The height of tiles. 10 x 2 registers leave enough of AVX-512's 32 for the
// operands; narrower targets have 16 (or do well with as few).
#if defined(__AVX512F__)
constexpr int kTallTile = 10;
constexpr int kEvenTile = 8;
#else
constexpr int kTallTile = 5;
constexpr int kEvenTile = 4;
#endif

template <int kWidth>
struct VectorOf {
  typedef float Type __attribute__((vector_size(kWidth * sizeof(float))));
};
template <>
struct VectorOf<1> {
  using Type = float;
};
template <int kWidth>
using Vector = typename VectorOf<kWidth>::Type;

template <typename V>
inline V Load(const float* from) {
  V value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename V>
inline void Store(float* to, V value) {
  std::memcpy(to, &value, sizeof value);
}

// Calls step(0), …, step(kCount - 1) with constants, so that arrays indexed by
// them live in registers.
template <int kCount, typename Step>
inline void Unroll(const Step& step) {
  [&]<int... i>(std::integer_sequence<int, i...>) {
    (step(std::integral_constant<int, i>()), ...);
  }
  (std::make_integer_sequence<int, kCount>());
}

// The product C = A B of row-major matrices; with kTransposed, C = A^T B.
template <bool kTransposed>
struct Product {
  const float* a = nullptr;  // [rows, inner], transposed [inner, rows]
  const float* b = nullptr;  // [inner, columns]
  int64_t rows = 0;
  int64_t inner = 0;
  int64_t columns = 0;

  // Known to the compiler where it matters: a transposed A has short products.
  int64_t row_stride() const { return kTransposed ? 1 : inner; }
  int64_t inner_stride() const { return kTransposed ? rows : 1; }
};

// Computes kRows x (kVectors * kWidth) values of C at (row, column) and calls
// finish(row, column, values) for every vector of them. `finish` is passed by
// value all the way, so that no store of a result can alias what it holds.
template <int kRows, int kVectors, int kWidth, bool kTransposed,
          typename Finish>
inline void Tile(const Product<kTransposed>& p, int64_t row, int64_t column,
                 Finish finish) {
  using V = Vector<kWidth>;
  V sum[kRows][kVectors] = {};
  const float* a = p.a + row * p.row_stride();
  const float* b = p.b + column;
  for (int64_t k = 0; k < p.inner; ++k) {
    V right[kVectors];
    Unroll<kVectors>([&](auto v) { right[v] = Load<V>(b + v * kWidth); });
    Unroll<kRows>([&](auto r) {
      const float left = a[r * p.row_stride()];
      Unroll<kVectors>([&](auto v) { sum[r][v] += left * right[v]; });
    });
    a += p.inner_stride();
    b += p.columns;
  }
  Unroll<kRows>([&](auto r) {
    Unroll<kVectors>(
        [&](auto v) { finish(row + r, column + v * kWidth, sum[r][v]); });
  });
}

// All columns of kRows rows: wide tiles first, then what is left.
template <int kRows, bool kTransposed, typename Finish>
void Strip(const Product<kTransposed>& p, int64_t row, Finish finish) {
  int64_t column = 0;
  for (; column + 2 * kLane <= p.columns; column += 2 * kLane) {
    Tile<kRows, 2, kLane>(p, row, column, finish);
  }
  const auto rest = [&]<int kWidth>() {
    for (; column + kWidth <= p.columns; column += kWidth) {
      Tile<kRows, 1, kWidth>(p, row, column, finish);
    }
  };
  rest.template operator()<kLane>();
  if constexpr (kLane > 8) rest.template operator()<8>();
  if constexpr (kLane > 4) rest.template operator()<4>();
  rest.template operator()<2>();
  rest.template operator()<1>();
}

template <bool kTransposed, typename Finish>
void Multiply(const Product<kTransposed>& p, Finish finish) {
  int64_t row = 0;
  const auto strips = [&]<int kRows>() {
    for (; row + kRows <= p.rows; row += kRows) Strip<kRows>(p, row, finish);
  };
  if (p.rows % kTallTile == 0) strips.template operator()<kTallTile>();
  strips.template operator()<kEvenTile>();
  if constexpr (kEvenTile > 4) strips.template operator()<4>();
  strips.template operator()<2>();
  strips.template operator()<1>();
}

// to [columns, rows] = the transpose of the first `columns` columns of
// from [rows, stride].
void Transpose(const float* from, int64_t rows, int64_t stride, int64_t columns,
               float* to) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) to[c * rows + r] = from[c];
    from += stride;
  }
}

// to [columns, stride] = the transpose of from [rows, columns], with zeros
// beyond `rows`.
void TransposePadded(const float* from, int64_t rows, int64_t columns,
                     int64_t stride, float* to) {
  for (int64_t c = 0; c < columns; ++c) {
    for (int64_t r = 0; r < rows; ++r) to[r] = from[r * columns + c];
    std::fill(to + rows, to + stride, 0.0f);
    to += stride;
  }
}

// Steps of SGD, for single values and whole vectors alike.
class PlainStep {
 public:
  PlainStep(const SgdStep& step, float* parameters)
      : learning_rate_(step.learning_rate), parameters_(parameters) {}

  template <typename V>
  void Apply(int64_t index, V gradient) const {
    float* weight = parameters_ + index;
    Store(weight, Load<V>(weight) - learning_rate_ * gradient);
  }

 private:
  float learning_rate_;
  float* parameters_;
};

class FullStep {
 public:
  FullStep(const SgdStep& step, float* parameters)
      : learning_rate_(step.learning_rate),
        momentum_(step.momentum),
        weight_decay_(step.weight_decay),
        proximal_mu_(step.proximal_mu),
        anchor_(step.anchor.data()),
        velocity_(step.velocity.data()),
        parameters_(parameters) {}

  template <typename V>
  void Apply(int64_t index, V gradient) const {
    const V weight = Load<V>(parameters_ + index);
    gradient += weight_decay_ * weight;
    if (proximal_mu_ != 0) {
      gradient += proximal_mu_ * (weight - Load<V>(anchor_ + index));
    }
    if (momentum_ != 0) {
      gradient += momentum_ * Load<V>(velocity_ + index);
      Store(velocity_ + index, gradient);
    }
    Store(parameters_ + index, weight - learning_rate_ * gradient);
  }

 private:
  float learning_rate_;
  float momentum_;
  float weight_decay_;
  float proximal_mu_;
  const float* anchor_;
  float* velocity_;
  float* parameters_;
};

Product<true> WeightGradient(const DenseShape& shape, const float* x,
                             const float* dy, int64_t rows) {
  return {.a = x,
          .b = dy,
          .rows = shape.inputs,
          .inner = rows,
          .columns = shape.outputs};
}

template <typename Step>
void ApplyStep(const DenseShape& shape, const float* x, const float* dy,
               int64_t rows, Step step, const float* bias_gradient) {
  const int64_t offset = shape.weight_offset;
  const int64_t stride = shape.outputs;
  Multiply(WeightGradient(shape, x, dy, rows),
           [=](int64_t row, int64_t column, auto value) {
             step.Apply(offset + row * stride + column, value);
           });
  for (int64_t c = 0; c < shape.outputs; ++c) {
    step.Apply(shape.bias_offset + c, bias_gradient[c]);
  }
}

void ColumnSums(const float* dy, int64_t rows, int64_t columns, float* sums) {
  std::fill(sums, sums + columns, 0.0f);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) sums[c] += dy[r * columns + c];
  }
}

}  // namespace

void DenseForward(const DenseShape& shape, const float* parameters,
                  const float* x, int64_t rows, bool relu, float* y) {
  const Product<false> product = {.a = x,
                                  .b = parameters + shape.weight_offset,
                                  .rows = rows,
                                  .inner = shape.inputs,
                                  .columns = shape.outputs};
  const float* bias = parameters + shape.bias_offset;
  const int64_t stride = shape.outputs;
  Multiply(product, [=](int64_t row, int64_t column, auto value) {
    value += Load<decltype(value)>(bias + column);
    if (relu) value = value < 0 ? decltype(value){} : value;
    Store(y + row * stride + column, value);
  });
}

int64_t PaddedRows(int64_t rows) { return (rows + kLane - 1) / kLane * kLane; }

void DenseInputGradient(const DenseShape& shape, const float* parameters,
                        const float* x, const float* dy, int64_t rows,
                        float* scratch, float* dx) {
  const int64_t padded = PaddedRows(rows);
  float* dy_transposed = scratch;                           // [outputs, padded]
  float* dx_transposed = scratch + shape.outputs * padded;  // [inputs, padded]
  TransposePadded(dy, rows, shape.outputs, padded, dy_transposed);
  const Product<false> product = {.a = parameters + shape.weight_offset,
                                  .b = dy_transposed,
                                  .rows = shape.inputs,
                                  .inner = shape.outputs,
                                  .columns = padded};
  Multiply(product, [=](int64_t row, int64_t column, auto value) {
    Store(dx_transposed + row * padded + column, value);
  });
  Transpose(dx_transposed, shape.inputs, padded, rows, dx);
  // A pass of its own: a branch inside the one before would be mispredicted
  // for every other value.
  for (int64_t i = 0; i < rows * shape.inputs; ++i) {
    dx[i] = x[i] > 0 ? dx[i] : 0.0f;
  }
}

void DenseGradient(const DenseShape& shape, const float* x, const float* dy,
                   int64_t rows, float* gradient) {
  float* weights = gradient + shape.weight_offset;
  const int64_t stride = shape.outputs;
  Multiply(WeightGradient(shape, x, dy, rows),
           [=](int64_t row, int64_t column, auto value) {
             Store(weights + row * stride + column, value);
           });
  ColumnSums(dy, rows, shape.outputs, gradient + shape.bias_offset);
}

void DenseStep(const DenseShape& shape, const float* x, const float* dy,
               int64_t rows, const SgdStep& step, float* bias_scratch,
               float* parameters) {
  ColumnSums(dy, rows, shape.outputs, bias_scratch);
  const bool plain =
      step.momentum == 0 && step.weight_decay == 0 && step.proximal_mu == 0;
  if (plain) {
    ApplyStep(shape, x, dy, rows, PlainStep(step, parameters), bias_scratch);
  } else {
    ApplyStep(shape, x, dy, rows, FullStep(step, parameters), bias_scratch);
  }
}

}  // namespace shoal::learning
