// Products beside those of Eigen, which shares nothing with ours.
// Its vectors make gcc 12 warn with AVX-512, and are not what is compared.
#define EIGEN_DONT_VECTORIZE
#include <Eigen/Core>
#include <cstdint>

#include "gtest/gtest.h"
#include "learning/kernels/kernels.h"
#include "tests/learning/kernels/kernels_test_support.h"

namespace shoal::learning {
namespace {

using Matrix =
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixView = Eigen::Map<const Matrix>;

class EigenTest : public KernelsTest {};

void ExpectNear(const Floats& c, const Matrix& expected, double tolerance) {
  for (int64_t i = 0; i < c.size(); ++i) {
    ASSERT_NEAR(c[i], expected.data()[i], tolerance) << "at " << i;
  }
}

struct Shape {
  int64_t rows, inner, columns;
};
// Layers of training and prediction.
constexpr Shape kShapes[] = {{10, 60, 10},  {10, 784, 200}, {10, 200, 200},
                             {1, 784, 200}, {100, 200, 10}, {32, 561, 6},
                             {64, 300, 1},  {3, 1000, 101}};

TEST_P(EigenTest, LayersForward) {
  for (const Shape& s : kShapes) {
    const Floats x = Floats::Random(s.rows * s.inner, 1);
    const Floats w = Floats::Random(s.inner * s.columns, 2);
    Floats y(s.rows * s.columns);
    kernels().multiply(
        {.a = {.data = x.data(), .outer_stride = s.inner, .part_size = s.inner},
         .b = w.data(),
         .b_stride = s.columns,
         .rows = s.rows,
         .columns = s.columns},
        {.c = y.data(), .c_stride = s.columns});
    ExpectNear(y,
               MatrixView(x.data(), s.rows, s.inner) *
                   MatrixView(w.data(), s.inner, s.columns),
               1e-4);
  }
}

TEST_P(EigenTest, WeightGradients) {
  for (const Shape& s : kShapes) {
    const Floats x = Floats::Random(s.rows * s.inner, 1);
    const Floats dy = Floats::Random(s.rows * s.columns, 2);
    Floats gradient(s.inner * s.columns);
    kernels().multiply({.a = {.data = x.data(),
                              .outer_stride = 1,
                              .part_size = s.rows,
                              .inner_stride = s.inner},
                        .b = dy.data(),
                        .b_stride = s.columns,
                        .rows = s.inner,
                        .columns = s.columns},
                       {.c = gradient.data(), .c_stride = s.columns});
    ExpectNear(gradient,
               MatrixView(x.data(), s.rows, s.inner).transpose() *
                   MatrixView(dy.data(), s.rows, s.columns),
               1e-4);
  }
}

SHOAL_FOR_INSTRUCTION_SETS(EigenTest);

}  // namespace
}  // namespace shoal::learning
