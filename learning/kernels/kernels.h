// The arithmetic of training and prediction, compiled once for every
// instruction set that pays and chosen at run time.
//
// A table of plain functions: each works on memory of the caller, allocates
// nothing, and keeps no state. All matrices are row-major floats; images are
// [rows, height, width, channels]. Pointers need no alignment.
//
// How several instruction sets live in one program without breaking the
// one-definition rule: docs/decisions/0008-run-time-dispatch.md.
#ifndef SHOAL_LEARNING_KERNELS_KERNELS_H_
#define SHOAL_LEARNING_KERNELS_KERNELS_H_

#include <stdint.h>

namespace shoal::learning {

enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

// The left operand of a product, seen as a matrix [outer, inner]. An entry is
//   data[o * outer_stride + s * segment_stride + t * part_stride
//        + k * inner_stride]
// where the inner index runs over segments s, parts t of each and entries k of
// each part: inner = segments * parts * part_size. A plain matrix has one
// segment and one part. Overlapping rows are how a convolution reads its input
// without copying patches.
struct LeftOperand {
  const float* data = nullptr;
  int64_t outer_stride = 0;
  int64_t segments = 1;
  int64_t segment_stride = 0;
  int64_t parts = 1;
  int64_t part_stride = 0;
  int64_t part_size = 0;
  int64_t inner_stride = 1;
};

// C [rows, columns] = A [rows, inner] B [inner, columns].
struct MatrixProduct {
  LeftOperand a;
  const float* b = nullptr;  // dense rows of `b_stride` floats
  int64_t b_stride = 0;      // >= columns
  int64_t rows = 0;
  int64_t columns = 0;
};

// What happens to a finished product.
struct ProductOutput {
  float* c = nullptr;
  int64_t c_stride = 0;         // floats between rows of C
  const float* bias = nullptr;  // [columns] added to every row, or null
  bool relu = false;            // negative values become zero
  bool add = false;             // C += instead of C = (no bias, no relu)
};

// One fused step of SGD on the values that a product would have been the
// gradient of. With g the gradient of a value w at index i:
//   g += weight_decay * w + proximal_mu * (w - anchor[i])
//   v[i] = momentum * v[i] + g
//   w -= learning_rate * (nesterov ? g + momentum * v[i] : v[i])
struct FusedSgd {
  float learning_rate = 0;
  float momentum = 0;
  bool nesterov = false;
  float weight_decay = 0;
  float proximal_mu = 0;
  const float* anchor = nullptr;  // read when proximal_mu != 0
  float* velocity = nullptr;      // read and written when momentum != 0
  float* parameters = nullptr;
};

struct FusedAdam {
  float learning_rate = 0;  // with the bias correction of Adam's step
  float beta1 = 0;
  float beta2 = 0;
  float epsilon = 0;                 // scaled like the square root of v
  float weight_decay = 0;            // added to the gradient
  float decoupled_weight_decay = 0;  // w -= this * w (AdamW; times the rate)
  float proximal_mu = 0;
  const float* anchor = nullptr;
  float* first_moment = nullptr;
  float* second_moment = nullptr;
  float* parameters = nullptr;
};

// A two-dimensional window over images; one dimension: height 1. Every window
// reaches into its image.
struct WindowShape {
  int64_t rows = 0;                             // examples
  int64_t height = 0, width = 0, channels = 0;  // of the input
  int64_t out_height = 0, out_width = 0;
  int64_t kernel_height = 1, kernel_width = 1;
  int64_t stride_height = 1, stride_width = 1;
  int64_t pad_top = 0, pad_left = 0;  // zeros before; those after follow
};

enum class Activation { kNone, kRelu, kGelu, kTanh, kSigmoid };

struct Kernels {
  InstructionSet instruction_set;
  int lanes;  // floats of a vector register

  // C = A B, with what `out` asks for.
  void (*multiply)(const MatrixProduct& product, const ProductOutput& out);
  // The product is the gradient of the parameters at `parameters + offset`
  // (dense, [rows, columns]); steps them without storing it.
  void (*multiply_and_step)(const MatrixProduct& product, const FusedSgd& sgd,
                            int64_t offset);

  // Steps parameters [offset, offset + size) along `gradient` [size].
  void (*sgd_step)(const FusedSgd& sgd, int64_t offset, const float* gradient,
                   int64_t size);
  void (*adam_step)(const FusedAdam& adam, int64_t offset,
                    const float* gradient, int64_t size);

  // to [columns, to_stride] = transpose of from [rows, columns], whose rows
  // are from_stride floats apart; zeros in columns `rows` to `to_stride`.
  void (*transpose)(const float* from, int64_t rows, int64_t columns,
                    int64_t from_stride, float* to, int64_t to_stride);
  // sums [columns] = or += the column sums of values [rows, columns].
  void (*column_sums)(const float* values, int64_t rows, int64_t columns,
                      bool add, float* sums);

  // y [size] = f(x); y may be x. Tanh within 2, sigmoid within 4 units in the
  // last place (for x < -87 as at -87), GELU within 4 or 1e-7. NaN stays NaN.
  void (*activate)(Activation activation, const float* x, int64_t size,
                   float* y);
  // dx [size] = dy * f'; dx may be dy. ReLU, tanh and sigmoid read y = f(x)
  // through `x_or_y`, GELU (exact, with erf) reads x.
  void (*activate_gradient)(Activation activation, const float* x_or_y,
                            const float* dy, int64_t size, float* dx);
  // Rows of `classes` logits become probabilities, in place. The largest value
  // is subtracted first; a row with a non-finite value becomes NaN.
  void (*softmax)(int64_t rows, int64_t classes, float* logits);
  // y = a x + y; sum of x^2 (double accumulation); y *= a.
  void (*axpy)(float a, const float* x, int64_t size, float* y);
  double (*squared_norm)(const float* x, int64_t size);
  void (*scale)(float a, int64_t size, float* y);

  // Depthwise convolution, multiplier 1: kernel [kernel_height, kernel_width,
  // channels], bias [channels].
  void (*depthwise)(const WindowShape& window, const float* x,
                    const float* kernel, const float* bias, bool relu,
                    float* y);
  void (*depthwise_input_gradient)(const WindowShape& window, const float* dy,
                                   const float* kernel, float* dx);
  void (*depthwise_kernel_gradient)(const WindowShape& window, const float* x,
                                    const float* dy, bool add, float* gradient);

  // `argmax` [outputs] holds the place inside the window (row-major, 0 to 255)
  // that won, the first of equals; null when no gradient will be asked for.
  // Windows that reach into the padding ignore it. A NaN wins and stays.
  void (*max_pool)(const WindowShape& window, const float* x, float* y,
                   uint8_t* argmax);
  // dx is overwritten.
  void (*max_pool_gradient)(const WindowShape& window, const float* dy,
                            const uint8_t* argmax, float* dx);
  // Means over the part of each window that lies inside the image.
  void (*average_pool)(const WindowShape& window, const float* x, float* y);
  void (*average_pool_gradient)(const WindowShape& window, const float* dy,
                                float* dx);
};

// The best table that this processor runs. Chosen at the first call.
const Kernels& BestKernels();

// The table for one instruction set; null when this processor (or this build)
// cannot run it. For tests and benchmarks.
const Kernels* KernelsFor(InstructionSet set);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_KERNELS_KERNELS_H_
