#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>

#include "gtest/gtest.h"
#include "learning/kernels/kernels.h"
#include "tests/learning/kernels/kernels_test_support.h"

namespace shoal::learning {
namespace {

class ElementwiseTest : public KernelsTest {
 protected:
  float ActivateOne(Activation activation, float x) {
    float y;
    kernels().activate(activation, &x, 1, &y);
    return y;
  }

  // Every value within `relative` of the exact result, or `absolute`.
  void ExpectFollows(Activation activation, double relative, double absolute,
                     const std::function<double(double)>& exact) {
    constexpr int kPoints = 40001;
    Floats x(kPoints);
    for (int i = 0; i < kPoints; ++i) {
      x[i] = static_cast<float>(i - kPoints / 2) / (kPoints / 2) * 20;
    }
    Floats y(kPoints);
    kernels().activate(activation, x.data(), kPoints, y.data());
    for (int i = 0; i < kPoints; ++i) {
      const double expected = exact(x[i]);
      ASSERT_NEAR(y[i], expected, relative * std::abs(expected) + absolute)
          << "at " << x[i];
    }
  }
};

constexpr double kUlp = 0x1p-23;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double NormalDistribution(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}
double Gelu(double x) { return x * NormalDistribution(x); }

TEST_P(ElementwiseTest, TransposesPadWithZeros) {
  for (int64_t rows : kSizes) {
    for (int64_t columns : kSizes) {
      const int64_t stride = columns + columns % 3;
      const int64_t to_stride = rows + rows % 5;
      const Floats from = Floats::Random((rows - 1) * stride + columns, 1);
      Floats to(columns * to_stride, NAN);
      kernels().transpose(from.data(), rows, columns, stride, to.data(),
                          to_stride);
      for (int64_t c = 0; c < columns; ++c) {
        for (int64_t r = 0; r < to_stride; ++r) {
          ASSERT_EQ(to[c * to_stride + r], r < rows ? from[r * stride + c] : 0);
        }
      }
    }
  }
}

TEST_P(ElementwiseTest, ColumnsAddUp) {
  for (int64_t columns : kSizes) {
    const Floats values = Floats::Random(7 * columns, 1);
    const Floats before = Floats::Random(columns, 2);
    for (bool add : {false, true}) {
      Floats sums = before;
      kernels().column_sums(values.data(), 7, columns, add, sums.data());
      for (int64_t c = 0; c < columns; ++c) {
        double expected = add ? before[c] : 0;
        for (int64_t r = 0; r < 7; ++r) expected += values[r * columns + c];
        ASSERT_NEAR(sums[c], expected, 2e-6);
      }
    }
  }
}

TEST_P(ElementwiseTest, ReluCutsNegativeValues) {
  EXPECT_EQ(ActivateOne(Activation::kRelu, -1), 0);
  EXPECT_EQ(ActivateOne(Activation::kRelu, 2), 2);
  EXPECT_EQ(ActivateOne(Activation::kNone, -1), -1);
}

TEST_P(ElementwiseTest, SigmoidIsWithinFourUlp) {
  ExpectFollows(Activation::kSigmoid, 4 * kUlp, 0, Sigmoid);
}

TEST_P(ElementwiseTest, TanhIsWithinTwoUlp) {
  ExpectFollows(Activation::kTanh, 2 * kUlp, 0,
                [](double x) { return std::tanh(x); });
}

// Relative to the result where that is not tiny; the tail of the normal
// distribution has the relative error of x^2.
TEST_P(ElementwiseTest, GeluIsWithinFourUlpOrATinyAmount) {
  ExpectFollows(Activation::kGelu, 4 * kUlp, 1e-7, Gelu);
}

TEST_P(ElementwiseTest, ActivationsSaturate) {
  EXPECT_EQ(ActivateOne(Activation::kSigmoid, 200), 1);
  EXPECT_NEAR(ActivateOne(Activation::kSigmoid, -200), 0, 1e-37);
  EXPECT_EQ(ActivateOne(Activation::kSigmoid, kInfinity), 1);
  EXPECT_NEAR(ActivateOne(Activation::kSigmoid, -kInfinity), 0, 1e-37);
  EXPECT_EQ(ActivateOne(Activation::kTanh, 200), 1);
  EXPECT_EQ(ActivateOne(Activation::kTanh, -kInfinity), -1);
  EXPECT_EQ(ActivateOne(Activation::kGelu, 200), 200);
  EXPECT_NEAR(ActivateOne(Activation::kGelu, -200), 0, 1e-34);
}

TEST_P(ElementwiseTest, ActivationsKeepNotANumber) {
  for (Activation activation :
       {Activation::kNone, Activation::kRelu, Activation::kGelu,
        Activation::kTanh, Activation::kSigmoid}) {
    EXPECT_TRUE(std::isnan(ActivateOne(activation, NAN)));
  }
}

TEST_P(ElementwiseTest, ActivationsDoNotDependOnTheirPlace) {
  for (Activation activation :
       {Activation::kGelu, Activation::kTanh, Activation::kSigmoid}) {
    Floats x = Floats::Random(129, 1, -3, 3);
    const Floats before = x;
    kernels().activate(activation, x.data(), 129, x.data());
    for (int64_t i = 0; i < 129; ++i) {
      ASSERT_EQ(x[i], ActivateOne(activation, before[i]));
    }
  }
}

TEST_P(ElementwiseTest, GradientsOfActivationsAreTheirSlopes) {
  struct Case {
    Activation activation;
    std::function<double(double)> function;
    bool reads_x;
  };
  const Case cases[] = {
      {Activation::kNone, [](double x) { return x; }, false},
      {Activation::kRelu, [](double x) { return x > 0 ? x : 0; }, false},
      {Activation::kTanh, [](double x) { return std::tanh(x); }, false},
      {Activation::kSigmoid, Sigmoid, false},
      {Activation::kGelu, Gelu, true}};
  for (const Case& c : cases) {
    for (int64_t size : kSizes) {
      const Floats x = Floats::Random(size, 1, -4, 4);
      Floats y(size);
      kernels().activate(c.activation, x.data(), size, y.data());
      Floats dx = Floats::Random(size, 2);
      const Floats dy = dx;
      kernels().activate_gradient(c.activation, c.reads_x ? x.data() : y.data(),
                                  dx.data(), size, dx.data());
      for (int64_t i = 0; i < size; ++i) {
        constexpr double kStep = 1e-6;
        const double slope =
            (c.function(x[i] + kStep) - c.function(x[i] - kStep)) / (2 * kStep);
        ASSERT_NEAR(dx[i], dy[i] * slope, 1e-6) << "at " << x[i];
      }
    }
  }
}

TEST_P(ElementwiseTest, SoftmaxFollowsItsDefinition) {
  for (int64_t classes : kSizes) {
    Floats logits = Floats::Random(5 * classes, 1, -30, 30);
    for (int64_t c = 0; c < classes; ++c) logits[c] += 1000;
    const Floats x = logits;
    kernels().softmax(5, classes, logits.data());
    for (int64_t r = 0; r < 5; ++r) {
      const float* row = x.data() + r * classes;
      double sum = 0;
      for (int64_t c = 0; c < classes; ++c) {
        sum += std::exp(static_cast<double>(row[c]) - row[0]);
      }
      for (int64_t c = 0; c < classes; ++c) {
        const double expected =
            std::exp(static_cast<double>(row[c]) - row[0]) / sum;
        ASSERT_NEAR(logits[r * classes + c], expected,
                    8 * kUlp * expected + 1e-37);
      }
    }
  }
}

TEST_P(ElementwiseTest, RowsWithANonFiniteValueBecomeNotANumber) {
  for (float bad : {kInfinity, -kInfinity, NAN}) {
    for (int64_t classes : {1, 3, 10, 40}) {
      for (int64_t at : {int64_t{0}, classes - 1}) {
        Floats logits(3 * classes);
        logits[classes + at] = bad;
        kernels().softmax(3, classes, logits.data());
        for (int64_t c = 0; c < classes; ++c) {
          ASSERT_FLOAT_EQ(logits[c], 1.0f / classes);
          ASSERT_TRUE(std::isnan(logits[classes + c])) << bad;
          ASSERT_FLOAT_EQ(logits[2 * classes + c], 1.0f / classes);
        }
      }
    }
  }
}

TEST_P(ElementwiseTest, VectorsAddScaleAndHaveANorm) {
  for (int64_t size : kSizes) {
    const Floats x = Floats::Random(size, 1);
    Floats y = Floats::Random(size, 2);
    const Floats before = y;
    kernels().axpy(0.5f, x.data(), size, y.data());
    double norm = 0;
    for (int64_t i = 0; i < size; ++i) {
      ASSERT_NEAR(y[i], before[i] + 0.5 * x[i], 1e-7);
      norm += static_cast<double>(y[i]) * y[i];
    }
    ASSERT_NEAR(kernels().squared_norm(y.data(), size), norm, 1e-13 * norm);
    const Floats sum = y;
    kernels().scale(-3, size, y.data());
    for (int64_t i = 0; i < size; ++i) ASSERT_EQ(y[i], -3 * sum[i]);
  }
}

TEST_P(ElementwiseTest, NothingIsDoneToEmptyArrays) {
  kernels().activate(Activation::kTanh, nullptr, 0, nullptr);
  kernels().axpy(1, nullptr, 0, nullptr);
  kernels().softmax(0, 3, nullptr);
  EXPECT_EQ(kernels().squared_norm(nullptr, 0), 0);
}

SHOAL_FOR_INSTRUCTION_SETS(ElementwiseTest);

}  // namespace
}  // namespace shoal::learning
