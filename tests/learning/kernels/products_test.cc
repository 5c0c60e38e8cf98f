#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "learning/kernels/kernels.h"
#include "tests/learning/kernels/kernels_test_support.h"

namespace shoal::learning {
namespace {

int64_t Inner(const LeftOperand& a) {
  return a.segments * a.parts * a.part_size;
}

// The definition, in double precision.
std::vector<double> NaiveProduct(const MatrixProduct& p) {
  std::vector<double> c(p.rows * p.columns);
  for (int64_t o = 0; o < p.rows; ++o) {
    int64_t inner = 0;
    for (int64_t s = 0; s < p.a.segments; ++s) {
      for (int64_t t = 0; t < p.a.parts; ++t) {
        for (int64_t k = 0; k < p.a.part_size; ++k, ++inner) {
          const double left =
              p.a.data[o * p.a.outer_stride + s * p.a.segment_stride +
                       t * p.a.part_stride + k * p.a.inner_stride];
          for (int64_t j = 0; j < p.columns; ++j) {
            c[o * p.columns + j] += left * p.b[inner * p.b_stride + j];
          }
        }
      }
    }
  }
  return c;
}

// Rounding of a sum of `inner` products of values in [-1, 1].
double Tolerance(int64_t inner) { return 1e-6 * std::sqrt(inner) + 2e-7; }

// Floats from the first to the last that the product reads through A.
int64_t Extent(const MatrixProduct& p) {
  return 1 + (p.rows - 1) * p.a.outer_stride +
         (p.a.segments - 1) * p.a.segment_stride +
         (p.a.parts - 1) * p.a.part_stride +
         (p.a.part_size - 1) * p.a.inner_stride;
}

// A product with random operands of exactly the size that it needs.
struct RandomProduct {
  explicit RandomProduct(const MatrixProduct& shape)
      : a(Floats::Random(Extent(shape), 1)),
        b(Floats::Random((Inner(shape.a) - 1) * shape.b_stride + shape.columns,
                         2)),
        product(shape) {
    product.a.data = a.data();
    product.b = b.data();
  }

  Floats a;
  Floats b;
  MatrixProduct product;
};

MatrixProduct PlainShape(int64_t rows, int64_t inner, int64_t columns) {
  return {.a = {.outer_stride = inner, .part_size = inner},
          .b_stride = columns,
          .rows = rows,
          .columns = columns};
}

MatrixProduct TransposedShape(int64_t rows, int64_t inner, int64_t columns) {
  return {.a = {.outer_stride = 1, .part_size = inner, .inner_stride = rows},
          .b_stride = columns,
          .rows = rows,
          .columns = columns};
}

// Rows overlap, and every part leaves gaps.
MatrixProduct SegmentedShape(int64_t rows, int64_t outer_stride,
                             int64_t columns) {
  return {.a = {.outer_stride = outer_stride,
                .segments = 3,
                .segment_stride = 31,
                .parts = 2,
                .part_stride = 13,
                .part_size = 5,
                .inner_stride = 2},
          .b_stride = columns + 3,
          .rows = rows,
          .columns = columns};
}

class ProductsTest : public KernelsTest {
 protected:
  void ExpectMultiplies(const MatrixProduct& shape) {
    const RandomProduct random(shape);
    const std::vector<double> expected = NaiveProduct(random.product);
    Floats c(shape.rows * shape.columns, NAN);
    kernels().multiply(random.product,
                       {.c = c.data(), .c_stride = shape.columns});
    for (int64_t i = 0; i < c.size(); ++i) {
      ASSERT_NEAR(c[i], expected[i], Tolerance(Inner(shape.a)))
          << shape.rows << " x " << Inner(shape.a) << " x " << shape.columns
          << " at " << i;
    }
  }
};

TEST_P(ProductsTest, PlainMatricesMultiply) {
  for (int64_t columns : kSizes) {
    for (int64_t rows = 1; rows <= 32; ++rows) {
      ExpectMultiplies(PlainShape(rows, 3, columns));
    }
  }
  for (int64_t inner : kSizes) ExpectMultiplies(PlainShape(7, inner, 21));
}

TEST_P(ProductsTest, TransposedMatricesMultiply) {
  for (int64_t columns : kSizes) {
    for (int64_t rows = 1; rows <= 32; ++rows) {
      ExpectMultiplies(TransposedShape(rows, 3, columns));
    }
  }
}

TEST_P(ProductsTest, LargeMatricesMultiply) {
  ExpectMultiplies(PlainShape(101, 257, 211));
  ExpectMultiplies(TransposedShape(101, 257, 211));
}

TEST_P(ProductsTest, SegmentedMatricesMultiply) {
  for (int64_t outer_stride : {1, 2, 7}) {
    for (int64_t columns : {1, 4, 6, 17, 40}) {
      for (int64_t rows : {1, 2, 5, 13, 29}) {
        ExpectMultiplies(SegmentedShape(rows, outer_stride, columns));
      }
    }
  }
}

TEST_P(ProductsTest, AnEmptyInnerDimensionGivesTheBias) {
  const Floats bias = Floats::Random(6, 1);
  Floats c(2 * 6, NAN);
  const Floats b(1);
  const MatrixProduct product = {.a = {.data = b.data(), .part_size = 0},
                                 .b = b.data(),
                                 .b_stride = 6,
                                 .rows = 2,
                                 .columns = 6};
  kernels().multiply(product,
                     {.c = c.data(), .c_stride = 6, .bias = bias.data()});
  for (int64_t i = 0; i < 12; ++i) EXPECT_EQ(c[i], bias[i % 6]);
}

TEST_P(ProductsTest, AProductWithoutRowsWritesNothing) {
  Floats c(4, 7);
  MatrixProduct product = PlainShape(0, 2, 4);
  kernels().multiply(product, {.c = c.data(), .c_stride = 4});
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(c[i], 7);
}

TEST_P(ProductsTest, OutputsAddBiasesAndCutNegativeValues) {
  for (int64_t columns : kSizes) {
    for (int64_t rows : {1, 3, 10}) {
      const RandomProduct random(PlainShape(rows, 7, columns));
      const Floats bias = Floats::Random(columns, 3);
      const std::vector<double> product = NaiveProduct(random.product);
      const int64_t stride = columns + 2;
      for (bool relu : {false, true}) {
        Floats c(rows * stride, 99);
        kernels().multiply(random.product, {.c = c.data(),
                                            .c_stride = stride,
                                            .bias = bias.data(),
                                            .relu = relu});
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t j = 0; j < columns; ++j) {
            const double value = product[r * columns + j] + bias[j];
            ASSERT_NEAR(c[r * stride + j], relu && value < 0 ? 0 : value, 1e-5);
          }
          for (int64_t j = columns; j < stride; ++j) {
            ASSERT_EQ(c[r * stride + j], 99) << "written between rows";
          }
        }
      }
    }
  }
}

TEST_P(ProductsTest, OutputsAddUp) {
  for (int64_t columns : kSizes) {
    const RandomProduct random(TransposedShape(11, 5, columns));
    const std::vector<double> product = NaiveProduct(random.product);
    Floats c = Floats::Random(11 * columns, 4);
    const Floats before = c;
    kernels().multiply(random.product,
                       {.c = c.data(), .c_stride = columns, .add = true});
    for (int64_t i = 0; i < c.size(); ++i) {
      ASSERT_NEAR(c[i], before[i] + product[i], 1e-5);
    }
  }
}

TEST_P(ProductsTest, NotANumberPassesRelu) {
  Floats a(1, NAN);
  Floats b(3, 1);
  Floats c(3);
  MatrixProduct product = PlainShape(1, 1, 3);
  product.a.data = a.data();
  product.b = b.data();
  kernels().multiply(product, {.c = c.data(), .c_stride = 3, .relu = true});
  for (int64_t i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(c[i]));
}

// A row's result is the same in any batch: predictions do not depend on what
// else is predicted.
TEST_P(ProductsTest, RowsDoNotDependOnTheirNumber) {
  const RandomProduct random(PlainShape(23, 70, 35));
  Floats together(23 * 35);
  kernels().multiply(random.product, {.c = together.data(), .c_stride = 35});
  for (int64_t r = 0; r < 23; ++r) {
    MatrixProduct one = random.product;
    one.a.data += r * 70;
    one.rows = 1;
    Floats c(35);
    kernels().multiply(one, {.c = c.data(), .c_stride = 35});
    for (int64_t j = 0; j < 35; ++j) ASSERT_EQ(c[j], together[r * 35 + j]);
  }
}

// The step after a product must be the step along the stored product.
TEST_P(ProductsTest, StepsFollowTheProductAsGradient) {
  const FusedSgd kinds[] = {
      {.learning_rate = 0.1f},
      {.learning_rate = 0.1f, .weight_decay = 0.01f},
      {.learning_rate = 0.1f, .proximal_mu = 0.3f},
      {.learning_rate = 0.1f, .momentum = 0.9f},
      {.learning_rate = 0.1f, .momentum = 0.9f, .nesterov = true}};
  constexpr int64_t kOffset = 3;
  for (FusedSgd sgd : kinds) {
    for (const MatrixProduct& shape :
         {TransposedShape(37, 10, 23), TransposedShape(5, 4, 300),
          PlainShape(9, 8, 17), SegmentedShape(20, 1, 6)}) {
      const RandomProduct random(shape);
      const int64_t size = shape.rows * shape.columns;
      Floats gradient(size);
      kernels().multiply(random.product,
                         {.c = gradient.data(), .c_stride = shape.columns});
      Floats parameters = Floats::Random(kOffset + size, 5);
      Floats velocity = Floats::Random(kOffset + size, 6);
      const Floats anchor = Floats::Random(kOffset + size, 7);
      sgd.anchor = anchor.data();
      sgd.velocity = velocity.data();
      sgd.parameters = parameters.data();
      Floats stepped = parameters;
      Floats stepped_velocity = velocity;
      kernels().sgd_step(sgd, kOffset, gradient.data(), size);
      sgd.parameters = stepped.data();
      sgd.velocity = stepped_velocity.data();
      kernels().multiply_and_step(random.product, sgd, kOffset);
      for (int64_t i = 0; i < kOffset + size; ++i) {
        ASSERT_NEAR(stepped[i], parameters[i], 1e-6) << i;
        ASSERT_NEAR(stepped_velocity[i], velocity[i], 1e-6) << i;
      }
    }
  }
}

SHOAL_FOR_INSTRUCTION_SETS(ProductsTest);

}  // namespace
}  // namespace shoal::learning
