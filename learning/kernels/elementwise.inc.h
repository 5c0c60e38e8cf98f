// Functions of arrays and of rows. Included by kernels.inc.h alone, once per
// instruction set.

// A 4 x 4 block, from rows from_stride floats apart to rows to_stride apart.
SHOAL_INLINE void TransposeBlock(const float* from, int64_t from_stride,
                                 float* to, int64_t to_stride) {
  Quad row[4], half[4];
  Unroll<4>([&](auto r) {
    row[r] = *reinterpret_cast<const UnalignedQuad*>(from + r * from_stride);
  });
  half[0] = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
  half[1] = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  half[2] = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
  half[3] = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  row[0] = __builtin_shufflevector(half[0], half[2], 0, 1, 4, 5);
  row[1] = __builtin_shufflevector(half[0], half[2], 2, 3, 6, 7);
  row[2] = __builtin_shufflevector(half[1], half[3], 0, 1, 4, 5);
  row[3] = __builtin_shufflevector(half[1], half[3], 2, 3, 6, 7);
  Unroll<4>([&](auto r) {
    *reinterpret_cast<UnalignedQuad*>(to + r * to_stride) = row[r];
  });
}

void Transpose(const float* from, int64_t rows, int64_t columns,
               int64_t from_stride, float* to, int64_t to_stride) {
  const int64_t whole_rows = rows / 4 * 4;
  const int64_t whole_columns = columns / 4 * 4;
  for (int64_t r = 0; r < whole_rows; r += 4) {
    for (int64_t c = 0; c < whole_columns; c += 4) {
      TransposeBlock(from + r * from_stride + c, from_stride,
                     to + c * to_stride + r, to_stride);
    }
  }
  for (int64_t c = 0; c < columns; ++c) {
    float* const target = to + c * to_stride;
    for (int64_t r = c < whole_columns ? whole_rows : 0; r < rows; ++r) {
      target[r] = from[r * from_stride + c];
    }
    for (int64_t r = rows; r < to_stride; ++r) target[r] = 0;
  }
}

void ColumnSums(const float* values, int64_t rows, int64_t columns, bool add,
                float* sums) {
  ForVectors(columns, [=](int64_t c, auto part) {
    V sum = add ? Load(sums + c, part) : V{};
    for (int64_t r = 0; r < rows; ++r) {
      sum += Load(values + r * columns + c, part);
    }
    Store(sums + c, sum, part);
  });
}

template <typename Function>
SHOAL_INLINE void Map(const float* x, int64_t size, float* y,
                      const Function& function) {
  ForVectors(size, [&](int64_t i, auto part) {
    Store(y + i, function(Load(x + i, part)), part);
  });
}

void Activate(Activation activation, const float* x, int64_t size, float* y) {
  switch (activation) {
    case Activation::kNone:
      return Map(x, size, y, [](V v) { return v; });
    case Activation::kRelu:
      return Map(x, size, y, [](V v) { return v < 0 ? V{} : v; });
    case Activation::kGelu:
      return Map(x, size, y, [](V v) { return v * NormalOf(v).probability; });
    case Activation::kTanh:
      return Map(x, size, y, [](V v) { return Tanh(v); });
    case Activation::kSigmoid:
      return Map(x, size, y, [](V v) { return Sigmoid(v); });
  }
}

template <typename Function>
SHOAL_INLINE void MapGradient(const float* x, const float* dy, int64_t size,
                              float* dx, const Function& slope) {
  ForVectors(size, [&](int64_t i, auto part) {
    Store(dx + i, slope(Load(x + i, part), Load(dy + i, part)), part);
  });
}

void ActivateGradient(Activation activation, const float* x_or_y,
                      const float* dy, int64_t size, float* dx) {
  switch (activation) {
    case Activation::kNone:
      return MapGradient(x_or_y, dy, size, dx, [](V, V d) { return d; });
    case Activation::kRelu:
      return MapGradient(x_or_y, dy, size, dx,
                         [](V y, V d) { return y > 0 ? d : V{}; });
    case Activation::kGelu:
      return MapGradient(x_or_y, dy, size, dx, [](V x, V d) {
        constexpr float kDensityAtZero = 0.398942280f;  // 1 / sqrt(2 pi)
        const Normal normal = NormalOf(x);
        return d * (normal.probability + kDensityAtZero * x * normal.bell);
      });
    case Activation::kTanh:
      return MapGradient(x_or_y, dy, size, dx,
                         [](V y, V d) { return d * (1 - y * y); });
    case Activation::kSigmoid:
      return MapGradient(x_or_y, dy, size, dx,
                         [](V y, V d) { return d * (y * (1 - y)); });
  }
}

constexpr float kLeastFinite = -__FLT_MAX__;

SHOAL_INLINE float LargestLane(V value) {
  return FoldLanes(value, [](float a, float b) { return a > b ? a : b; });
}
SHOAL_INLINE float SumOfLanes(V value) {
  return FoldLanes(value, [](float a, float b) { return a + b; });
}

// Values times zero are zero, or NaN when they are not finite: added to the sum
// they spoil the whole row. A short row stays in one register.
void SoftmaxShortRow(int64_t classes, float* row) {
  const Tail part(classes);
  const V x = Load(row, part, kLeastFinite);
  const V e = Keep(ExpNonPositive(x - LargestLane(x)), part);
  const float sum = SumOfLanes(e + x * 0.0f);
  Store(row, e * (1 / sum), part);
}

void SoftmaxRow(int64_t classes, float* row) {
  V largest = Broadcast(kLeastFinite);
  V sum = {};
  ForVectors(classes, [&](int64_t c, auto part) {
    const V x = Load(row + c, part, kLeastFinite);
    largest = x > largest ? x : largest;
    sum += x * 0.0f;
  });
  const float shift = LargestLane(largest);
  ForVectors(classes, [&](int64_t c, auto part) {
    const V e = ExpNonPositive(Load(row + c, part) - shift);
    Store(row + c, e, part);
    sum += Keep(e, part);
  });
  const float scale = 1 / SumOfLanes(sum);
  ForVectors(classes, [&](int64_t c, auto part) {
    Store(row + c, Load(row + c, part) * scale, part);
  });
}

void Softmax(int64_t rows, int64_t classes, float* logits) {
  for (int64_t r = 0; r < rows; ++r) {
    if (classes < kLanes) {
      SoftmaxShortRow(classes, logits + r * classes);
    } else {
      SoftmaxRow(classes, logits + r * classes);
    }
  }
}

void Axpy(float a, const float* x, int64_t size, float* y) {
  ForVectors(size, [=](int64_t i, auto part) {
    Store(y + i, Load(y + i, part) + a * Load(x + i, part), part);
  });
}

double SquaredNorm(const float* x, int64_t size) {
  typedef double Doubles __attribute__((vector_size(8 * kLanes)));
  Doubles sum = {};
  ForVectors(size, [&](int64_t i, auto part) {
    const Doubles v = __builtin_convertvector(Load(x + i, part), Doubles);
    sum += v * v;
  });
  double total = 0;
  for (int i = 0; i < kLanes; ++i) total += sum[i];
  return total;
}

void Scale(float a, int64_t size, float* y) {
  ForVectors(size, [=](int64_t i, auto part) {
    Store(y + i, a * Load(y + i, part), part);
  });
}
