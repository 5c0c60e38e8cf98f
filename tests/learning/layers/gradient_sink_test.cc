#include "learning/layers/gradient_sink.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/learning/layers/layer_run.h"

namespace shoal::learning {
namespace {

TEST(GradientSinkTest, OnlySumsTakeAGradientInParts) {
  const Kernels& kernels = BestKernels();
  EXPECT_FALSE(
      GradientSink::Buffer(kernels, nullptr, /*add=*/false).takes_parts());
  EXPECT_TRUE(
      GradientSink::Buffer(kernels, nullptr, /*add=*/true).takes_parts());
  const auto sgd = [&](const FusedSgd& step) {
    return GradientSink::Step(kernels, step).takes_parts();
  };
  EXPECT_TRUE(sgd({.learning_rate = 1}));
  EXPECT_FALSE(sgd({.learning_rate = 1, .momentum = 0.9f}));
  EXPECT_FALSE(sgd({.learning_rate = 1, .weight_decay = 0.1f}));
  EXPECT_FALSE(sgd({.learning_rate = 1, .proximal_mu = 0.1f}));
  EXPECT_FALSE(GradientSink::Step(kernels, FusedAdam(), nullptr).takes_parts());
}

TEST(GradientSinkTest, ProductsGoWhereTheLayerSaysStripByStrip) {
  // Adam takes it in strips, the last of which is smaller.
  constexpr int64_t kRows = 100, kColumns = 130, kInner = 3, kOffset = 7;
  ASSERT_LT(GradientSink::ScratchFloats(kRows, kColumns), kRows * kColumns);
  const std::vector<float> a = RandomValues(1, kInner * kRows);
  const std::vector<float> b = RandomValues(2, kInner * kColumns);
  const MatrixProduct product = {.a = {.data = a.data(),
                                       .outer_stride = 1,
                                       .part_size = kInner,
                                       .inner_stride = kRows},
                                 .b = b.data(),
                                 .b_stride = kColumns,
                                 .rows = kRows,
                                 .columns = kColumns};
  const Kernels& kernels = BestKernels();
  std::vector<float> gradient(kOffset + kRows * kColumns);
  GradientSink::Buffer(kernels, gradient.data(), /*add=*/false)
      .Product(product, kOffset);
  std::vector<float> first(gradient.size()), second(gradient.size()),
      parameters(gradient.size());
  std::vector<float> scratch(GradientSink::ScratchFloats(kRows, kColumns));
  // With these numbers the first moment is the gradient.
  GradientSink::Step(kernels,
                     FusedAdam{.learning_rate = 1,
                               .epsilon = 1,
                               .first_moment = first.data(),
                               .second_moment = second.data(),
                               .parameters = parameters.data()},
                     scratch.data())
      .Product(product, kOffset);
  ExpectNear(first, gradient, "first moment");
  EXPECT_EQ(parameters[kOffset - 1], 0);
  EXPECT_NE(parameters[kOffset], 0);
}

}  // namespace
}  // namespace shoal::learning
