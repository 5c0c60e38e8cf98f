// All kernels for one instruction set: the one that the including file is
// compiled for, in the namespace SHOAL_KERNELS. Only C headers and intrinsics
// may be included here, and everything but the table has internal linkage; why:
// docs/decisions/0008-run-time-dispatch.md.
#include <stdint.h>
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "learning/kernels/kernels.h"
#include "learning/kernels/tables.h"

namespace shoal::learning::SHOAL_KERNELS {
namespace {

// Each builds on those before.
// clang-format off
#include "learning/kernels/vectors.inc.h"
#include "learning/kernels/math.inc.h"
#include "learning/kernels/steps.inc.h"
#include "learning/kernels/products.inc.h"
#include "learning/kernels/elementwise.inc.h"
#include "learning/kernels/depthwise.inc.h"
#include "learning/kernels/pools.inc.h"
// clang-format on

}  // namespace

const Kernels& Table() {
  static constexpr Kernels kTable = {
      .instruction_set = SHOAL_KERNELS_INSTRUCTION_SET,
      .lanes = kLanes,
      .multiply = MultiplyInto,
      .multiply_and_step = MultiplyAndStep,
      .sgd_step = SgdStep,
      .adam_step = AdamStep,
      .transpose = Transpose,
      .column_sums = ColumnSums,
      .activate = Activate,
      .activate_gradient = ActivateGradient,
      .softmax = Softmax,
      .axpy = Axpy,
      .squared_norm = SquaredNorm,
      .scale = Scale,
      .depthwise = Depthwise,
      .depthwise_input_gradient = DepthwiseInputGradient,
      .depthwise_kernel_gradient = DepthwiseKernelGradient,
      .max_pool = MaxPool,
      .max_pool_gradient = MaxPoolGradient,
      .average_pool = AveragePool,
      .average_pool_gradient = AveragePoolGradient,
  };
  return kTable;
}

}  // namespace shoal::learning::SHOAL_KERNELS
