#include "learning/dense.h"

#include <algorithm>
#include <cstring>
#include <limits>

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

// The product C = A B: A(i, k) lies at a[i * row_stride + k * inner_stride],
// so that a transposed A needs no copy; B is row-major [inner, columns].
struct Product {
  const float* a = nullptr;
  int64_t row_stride = 0;
  int64_t inner_stride = 0;
  const float* b = nullptr;
  int64_t rows = 0;
  int64_t inner = 0;
  int64_t columns = 0;
};

// Computes kRows x (kVectors * kWidth) values of C at (row, column) and calls
// finish(row, column, values) for every vector of them.
template <int kRows, int kVectors, int kWidth, typename Finish>
inline void Tile(const Product& p, int64_t row, int64_t column,
                 const Finish& finish) {
  using V = Vector<kWidth>;
  V sum[kRows][kVectors] = {};
  const float* a = p.a + row * p.row_stride;
  const float* b = p.b + column;
  for (int64_t k = 0; k < p.inner; ++k) {
    V right[kVectors];
    for (int v = 0; v < kVectors; ++v) right[v] = Load<V>(b + v * kWidth);
    for (int r = 0; r < kRows; ++r) {
      const float left = a[r * p.row_stride];
      for (int v = 0; v < kVectors; ++v) sum[r][v] += left * right[v];
    }
    a += p.inner_stride;
    b += p.columns;
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      finish(row + r, column + v * kWidth, sum[r][v]);
    }
  }
}

// All columns of kRows rows: wide tiles first, then what is left.
template <int kRows, typename Finish>
void Strip(const Product& p, int64_t row, const Finish& finish) {
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

template <typename Finish>
void Multiply(const Product& p, const Finish& finish) {
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

// to [columns, rows_out] = the transpose of from [rows, columns], with zeros
// in the columns beyond `rows`.
void TransposePadded(const float* from, int64_t rows, int64_t columns,
                     int64_t rows_out, float* to) {
  for (int64_t c = 0; c < columns; ++c) {
    float* out = to + c * rows_out;
    for (int64_t r = 0; r < rows; ++r) out[r] = from[r * columns + c];
    std::fill(out + rows, out + rows_out, 0.0f);
  }
}

// One step of SGD for single values and whole vectors alike.
class Stepper {
 public:
  Stepper(const SgdStep& step, float* parameters)
      : step_(step), parameters_(parameters) {}

  template <typename V>
  inline void Apply(int64_t index, V gradient) const {
    V weight = Load<V>(parameters_ + index);
    if (step_.weight_decay != 0) gradient += step_.weight_decay * weight;
    if (step_.proximal_mu != 0) {
      const V anchor = Load<V>(step_.anchor.data() + index);
      gradient += step_.proximal_mu * (weight - anchor);
    }
    if (step_.momentum != 0) {
      float* velocity = step_.velocity.data() + index;
      gradient += step_.momentum * Load<V>(velocity);
      Store(velocity, gradient);
    }
    weight -= step_.learning_rate * gradient;
    Store(parameters_ + index, weight);
  }

 private:
  const SgdStep step_;
  float* const parameters_;
};

Product WeightGradient(const DenseShape& shape, const float* x, const float* dy,
                       int64_t rows) {
  return {.a = x,
          .row_stride = 1,
          .inner_stride = shape.inputs,
          .b = dy,
          .rows = shape.inputs,
          .inner = rows,
          .columns = shape.outputs};
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
  const Product product = {.a = x,
                           .row_stride = shape.inputs,
                           .inner_stride = 1,
                           .b = parameters + shape.weight_offset,
                           .rows = rows,
                           .inner = shape.inputs,
                           .columns = shape.outputs};
  const float* bias = parameters + shape.bias_offset;
  Multiply(product, [&](int64_t row, int64_t column, auto value) {
    value += Load<decltype(value)>(bias + column);
    if (relu) value = value < 0 ? decltype(value){} : value;
    Store(y + row * shape.outputs + column, value);
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
  const Product product = {.a = parameters + shape.weight_offset,
                           .row_stride = shape.outputs,
                           .inner_stride = 1,
                           .b = dy_transposed,
                           .rows = shape.inputs,
                           .inner = shape.outputs,
                           .columns = padded};
  Multiply(product, [&](int64_t row, int64_t column, auto value) {
    Store(dx_transposed + row * padded + column, value);
  });
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < shape.inputs; ++c) {
      const int64_t index = r * shape.inputs + c;
      dx[index] = x[index] > 0 ? dx_transposed[c * padded + r] : 0.0f;
    }
  }
}

void DenseGradient(const DenseShape& shape, const float* x, const float* dy,
                   int64_t rows, float* gradient) {
  float* weights = gradient + shape.weight_offset;
  Multiply(WeightGradient(shape, x, dy, rows),
           [&](int64_t row, int64_t column, auto value) {
             Store(weights + row * shape.outputs + column, value);
           });
  ColumnSums(dy, rows, shape.outputs, gradient + shape.bias_offset);
}

void DenseStep(const DenseShape& shape, const float* x, const float* dy,
               int64_t rows, const SgdStep& step, float* bias_scratch,
               float* parameters) {
  const Stepper stepper(step, parameters);
  Multiply(WeightGradient(shape, x, dy, rows), [&](int64_t row, int64_t column,
                                                   auto value) {
    stepper.Apply(shape.weight_offset + row * shape.outputs + column, value);
  });
  ColumnSums(dy, rows, shape.outputs, bias_scratch);
  for (int64_t c = 0; c < shape.outputs; ++c) {
    stepper.Apply(shape.bias_offset + c, bias_scratch[c]);
  }
}

}  // namespace shoal::learning
