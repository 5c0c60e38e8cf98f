// Products of matrices. Included by kernels.inc.h alone, once per instruction
// set.
//
// A tile of C stays in registers while the loops walk along the inner
// dimension; then `finish` takes the finished values: it stores them, or steps
// the parameters that they are the gradient of, so that no intermediate result
// is written to memory. With thin matrices the memory, not the multiplier, is
// the limit. The idea of the tile is that of Goto and van de Geijn 2008,
// "Anatomy of High-Performance Matrix Multiplication", without their packing:
// the matrices here are read a few times only.

// The entries of A that one step of the inner loop needs, kRows of them. Five
// rows share a pointer and two strides, which addressing modes then reach
// without a register for each row.
template <int kRows, bool kUnitOuter>
class LeftColumn {
 public:
  SHOAL_INLINE LeftColumn(const float* a, int64_t outer_stride)
      : stride_(kUnitOuter ? 1 : outer_stride) {
    Unroll<kGroups>([&](auto g) SHOAL_INLINE_LAMBDA {
      groups_[g] = a + g * kGroup * stride_;
    });
  }
  SHOAL_INLINE float operator[](int row) const {
    return groups_[row / kGroup][row % kGroup * stride_];
  }
  SHOAL_INLINE void Advance(int64_t inner_stride) {
    Unroll<kGroups>([&](auto g)
                        SHOAL_INLINE_LAMBDA { groups_[g] += inner_stride; });
  }

 private:
  static constexpr int kGroup = kUnitOuter ? kRows : 5;
  static constexpr int kGroups = (kRows + kGroup - 1) / kGroup;
  const float* groups_[kGroups];
  const int64_t stride_;
};

// Computes kRows x kVectors vectors of C at (row, column) and hands them to
// `finish`.
template <int kRows, int kVectors, bool kUnitOuter, typename Part,
          typename Finish>
SHOAL_INLINE void Tile(const MatrixProduct& p, int64_t row, int64_t column,
                       Part part, Finish finish) {
  V sum[kRows][kVectors];
  Unroll<kRows>([&](auto r) SHOAL_INLINE_LAMBDA {
    Unroll<kVectors>([&](auto v) SHOAL_INLINE_LAMBDA { sum[r][v] = V{}; });
  });
  const int64_t inner_stride = p.a.inner_stride;
  const int64_t b_stride = p.b_stride;
  const int64_t part_size = p.a.part_size;
  const float* b = p.b + column;
  finish.template Prepare<kRows, kVectors>(row, column);
  const float* first = p.a.data + row * (kUnitOuter ? 1 : p.a.outer_stride);
  for (int64_t s = 0; s < p.a.segments; ++s) {
    for (int64_t t = 0; t < p.a.parts; ++t) {
      LeftColumn<kRows, kUnitOuter> a(
          first + s * p.a.segment_stride + t * p.a.part_stride,
          p.a.outer_stride);
      for (int64_t k = 0; k < part_size; ++k) {
        V right[kVectors];
        Unroll<kVectors>([&](auto v) SHOAL_INLINE_LAMBDA {
          right[v] = Load(b + v * kLanes, part);
        });
        Unroll<kRows>([&](auto r) SHOAL_INLINE_LAMBDA {
          const float left = a[r];
          Unroll<kVectors>([&](auto v) SHOAL_INLINE_LAMBDA {
            sum[r][v] += left * right[v];
          });
        });
        a.Advance(inner_stride);
        b += b_stride;
      }
    }
  }
  finish.template Take<kRows, kVectors>(row, column, sum, part);
}

// Columns [column, end) of kRows rows: wide tiles first, then what is left.
// Few rows take wider tiles, to keep the multipliers busy.
template <int kRows, bool kUnitOuter, typename Finish>
SHOAL_INLINE_ALL void Strip(const MatrixProduct& p, int64_t row, int64_t column,
                            int64_t end, const Finish& finish) {
  const auto tiles = [&](auto vectors) SHOAL_INLINE_LAMBDA {
    constexpr int kVectors = vectors;
    for (; column + kVectors * kLanes <= end; column += kVectors * kLanes) {
      Tile<kRows, kVectors, kUnitOuter>(p, row, column, Whole(), finish);
    }
  };
  if constexpr (kRows <= 2) tiles(Index < kMaxRows >= 12 ? 8 : 4 > ());
  if constexpr (kRows <= 4 && kMaxRows >= 12) tiles(Index<4>());
  tiles(Index<2>());
  tiles(Index<1>());
  if (column < end) {
    Tile<kRows, 1, kUnitOuter>(p, row, column, Tail(end - column), finish);
  }
}

template <typename Finish>
using StripFunction = void (*)(const MatrixProduct& p, int64_t row,
                               int64_t column, int64_t end,
                               const Finish& finish);

// strips[n] does n rows.
template <bool kUnitOuter, typename Finish>
struct Strips {
  constexpr Strips() { Fill<1>(); }
  template <int kRows>
  constexpr void Fill() {
    functions[kRows] = Strip<kRows, kUnitOuter, Finish>;
    if constexpr (kRows < kMaxRows) Fill<kRows + 1>();
  }
  StripFunction<Finish> functions[kMaxRows + 1] = {};
};

// All of C, in tiles of nearly equal height.
template <bool kUnitOuter, typename Finish>
SHOAL_INLINE void Multiply(const MatrixProduct& p, const Finish& finish) {
  static constexpr Strips<kUnitOuter, Finish> kStrips;
  if (p.rows <= 0) return;
  // Below, B stays in the first-level cache from strip to strip; beyond, its
  // columns are taken in panels.
  constexpr int64_t kCachedFloats = 6 * 1024;
  const int64_t strips = (p.rows + kMaxRows - 1) / kMaxRows;
  const int64_t height = p.rows / strips;
  const int64_t higher = p.rows % strips;
  const int64_t inner = p.a.segments * p.a.parts * p.a.part_size;
  const bool panels = strips > 1 && inner * p.columns > kCachedFloats;
  const int64_t width = panels ? 2 * kLanes : p.columns;
  for (int64_t column = 0; column < p.columns; column += width) {
    const int64_t end = Min(column + width, p.columns);
    int64_t row = 0;
    for (int64_t s = 0; s < strips; ++s) {
      const int64_t rows = height + (s < higher ? 1 : 0);
      kStrips.functions[rows](p, row, column, end, finish);
      row += rows;
    }
  }
}

// Calls step(row, vector, place) for every vector of a tile whose rows lie
// `stride` floats apart.
template <int kRows, int kVectors, typename Step>
SHOAL_INLINE void ForTile(float* place, int64_t stride, const Step& step) {
  Unroll<kRows>([&](auto r) SHOAL_INLINE_LAMBDA {
    Unroll<kVectors>(
        [&](auto v) SHOAL_INLINE_LAMBDA { step(r, v, place + v * kLanes); });
    place += stride;
  });
}

// Stores what a product gives.
class StoreProduct {
 public:
  explicit StoreProduct(const ProductOutput& out) : out_(out) {}

  template <int kRows, int kVectors>
  SHOAL_INLINE void Prepare(int64_t, int64_t) const {}

  template <int kRows, int kVectors, typename Part>
  SHOAL_INLINE void Take(int64_t row, int64_t column, V (&sum)[kRows][kVectors],
                         Part part) const {
    const auto each = [&](const auto& change) SHOAL_INLINE_LAMBDA {
      ForTile<kRows, kVectors>(out_.c + row * out_.c_stride + column,
                               out_.c_stride, change);
    };
    if (out_.bias != nullptr) {
      V bias[kVectors];
      Unroll<kVectors>([&](auto v) SHOAL_INLINE_LAMBDA {
        bias[v] = Load(out_.bias + column + v * kLanes, part);
      });
      each([&](auto r, auto v, float*)
               SHOAL_INLINE_LAMBDA { sum[r][v] += bias[v]; });
    }
    if (out_.relu) {
      each([&](auto r, auto v, float*) SHOAL_INLINE_LAMBDA {
        sum[r][v] = sum[r][v] < 0 ? V{} : sum[r][v];
      });
    }
    if (out_.add) {
      each([&](auto r, auto v, float* place)
               SHOAL_INLINE_LAMBDA { sum[r][v] += Load(place, part); });
    }
    each([&](auto r, auto v, float* place)
             SHOAL_INLINE_LAMBDA { Store(place, sum[r][v], part); });
  }

 private:
  const ProductOutput out_;
};

// Steps the parameters that a product is the gradient of: w -= rate * g.
class StepParameters {
 public:
  // The rate is read where it is used: in a register of its own it would push
  // a part of the tile out.
  StepParameters(const float* learning_rate, float* parameters, int64_t stride)
      : learning_rate_(learning_rate),
        parameters_(parameters),
        stride_(stride) {}

  // Asks for the memory that the next tile will step.
  template <int kRows, int kVectors>
  SHOAL_INLINE void Prepare(int64_t row, int64_t column) const {
    ForTile<kRows, kVectors>(
        parameters_ + row * stride_ + column + kVectors * kLanes, stride_,
        [&](auto, auto, const float* next)
            SHOAL_INLINE_LAMBDA { __builtin_prefetch(next, 1); });
  }

  template <int kRows, int kVectors, typename Part>
  SHOAL_INLINE void Take(int64_t row, int64_t column, V (&sum)[kRows][kVectors],
                         Part part) const {
    const float rate = *learning_rate_;
    ForTile<kRows, kVectors>(
        parameters_ + row * stride_ + column, stride_,
        [&](auto r, auto v, float* weight) SHOAL_INLINE_LAMBDA {
          Store(weight, Load(weight, part) - rate * sum[r][v], part);
        });
  }

 private:
  const float* const learning_rate_;
  float* const parameters_;
  const int64_t stride_;
};

void MultiplyInto(const MatrixProduct& product, const ProductOutput& out) {
  const StoreProduct store(out);
  if (product.a.outer_stride == 1) {
    Multiply<true>(product, store);
  } else {
    Multiply<false>(product, store);
  }
}

// Any step, by way of a block of the gradient on the stack.
void MultiplyAndFullStep(const MatrixProduct& product, const FusedSgd& sgd,
                         int64_t offset) {
  constexpr int64_t kWidth = 8 * kLanes;
  float gradient[kMaxRows * kWidth];
  for (int64_t row = 0; row < product.rows; row += kMaxRows) {
    for (int64_t column = 0; column < product.columns; column += kWidth) {
      MatrixProduct block = product;
      block.a.data += row * product.a.outer_stride;
      block.b += column;
      block.rows = Min(kMaxRows, product.rows - row);
      block.columns = Min(kWidth, product.columns - column);
      MultiplyInto(block, {.c = gradient, .c_stride = kWidth});
      for (int64_t r = 0; r < block.rows; ++r) {
        SgdStep(sgd, offset + (row + r) * product.columns + column,
                gradient + r * kWidth, block.columns);
      }
    }
  }
}

void MultiplyAndStep(const MatrixProduct& product, const FusedSgd& sgd,
                     int64_t offset) {
  if (IsPlain(sgd) && product.a.outer_stride == 1) {
    Multiply<true>(product,
                   StepParameters(&sgd.learning_rate, sgd.parameters + offset,
                                  product.columns));
  } else {
    MultiplyAndFullStep(product, sgd, offset);
  }
}
