// The arithmetic of fully connected layers, for the shapes of training on
// devices: few rows (a mini-batch of 10 to 100), hundreds of columns. All
// matrices are row-major. Nothing here allocates.
//
// One micro-kernel does all three products. It keeps a tile of the result in
// registers while it walks along the inner dimension, and hands the finished
// tile to what comes next (bias and ReLU, a plain store, a step of SGD), so
// that no intermediate result is written to memory: with thin matrices the
// memory, not the multiplier, is the limit.
#ifndef SHOAL_LEARNING_DENSE_H_
#define SHOAL_LEARNING_DENSE_H_

#include <cstdint>

#include "learning/model.h"

namespace shoal::learning {

// A layer's place in the flat vector and its sizes.
struct DenseShape {
  int64_t inputs = 0;
  int64_t outputs = 0;
  int64_t weight_offset = 0;  // [inputs, outputs]
  int64_t bias_offset = 0;    // [outputs]
};

// y [rows, outputs] = x [rows, inputs] W + b, negative values zero when `relu`.
void DenseForward(const DenseShape& shape, const float* parameters,
                  const float* x, int64_t rows, bool relu, float* y);

// Rows, rounded up to what DenseInputGradient works with.
int64_t PaddedRows(int64_t rows);

// dx [rows, inputs] = dy [rows, outputs] W^T where x > 0, otherwise 0 (the
// derivative of the ReLU that made x). `scratch` holds
// (inputs + outputs) * PaddedRows(rows) floats.
void DenseInputGradient(const DenseShape& shape, const float* parameters,
                        const float* x, const float* dy, int64_t rows,
                        float* scratch, float* dx);

// gradient (flat, at the layer's place) = x^T dy, and the column sums of dy.
void DenseGradient(const DenseShape& shape, const float* x, const float* dy,
                   int64_t rows, float* gradient);

// Moves the layer's parameters by one step along that gradient. `bias_scratch`
// holds `outputs` floats.
void DenseStep(const DenseShape& shape, const float* x, const float* dy,
               int64_t rows, const SgdStep& step, float* bias_scratch,
               float* parameters);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DENSE_H_
