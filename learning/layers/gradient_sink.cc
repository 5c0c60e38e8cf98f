#include "learning/layers/gradient_sink.h"

#include <algorithm>

namespace shoal::learning {
namespace {

// A strip of a gradient that stays in the first-level cache.
constexpr int64_t kStripFloats = 4096;

int64_t StripRows(int64_t rows, int64_t columns) {
  return std::clamp<int64_t>(kStripFloats / columns, 1, rows);
}

}  // namespace

GradientSink GradientSink::Buffer(const Kernels& kernels, float* gradient,
                                  bool add) {
  return GradientSink(kernels, ToBuffer{gradient, add});
}

GradientSink GradientSink::Step(const Kernels& kernels, const FusedSgd& step) {
  return GradientSink(kernels, step);
}

GradientSink GradientSink::Step(const Kernels& kernels, const FusedAdam& step,
                                float* scratch) {
  return GradientSink(kernels, ByAdam{step, scratch});
}

int64_t GradientSink::ScratchFloats(int64_t rows, int64_t columns) {
  return StripRows(rows, columns) * columns;
}

bool GradientSink::takes_parts() const {
  if (const auto* sgd = std::get_if<FusedSgd>(&destination_)) {
    return sgd->momentum == 0 && sgd->weight_decay == 0 &&
           sgd->proximal_mu == 0;
  }
  const auto* buffer = std::get_if<ToBuffer>(&destination_);
  return buffer != nullptr && buffer->add;
}

void GradientSink::Product(const MatrixProduct& product, int64_t offset) const {
  if (const auto* sgd = std::get_if<FusedSgd>(&destination_)) {
    kernels_->multiply_and_step(product, *sgd, offset);
    return;
  }
  if (const auto* buffer = std::get_if<ToBuffer>(&destination_)) {
    kernels_->multiply(product, {.c = buffer->gradient + offset,
                                 .c_stride = product.columns,
                                 .add = buffer->add});
    return;
  }
  const ByAdam& adam = std::get<ByAdam>(destination_);
  const int64_t strip = StripRows(product.rows, product.columns);
  for (int64_t row = 0; row < product.rows; row += strip) {
    MatrixProduct part = product;
    part.a.data += row * product.a.outer_stride;
    part.rows = std::min(strip, product.rows - row);
    kernels_->multiply(part, {.c = adam.scratch, .c_stride = product.columns});
    kernels_->adam_step(adam.step, offset + row * product.columns, adam.scratch,
                        part.rows * product.columns);
  }
}

void GradientSink::Values(const float* gradient, int64_t size,
                          int64_t offset) const {
  if (const auto* sgd = std::get_if<FusedSgd>(&destination_)) {
    kernels_->sgd_step(*sgd, offset, gradient, size);
  } else if (const auto* adam = std::get_if<ByAdam>(&destination_)) {
    kernels_->adam_step(adam->step, offset, gradient, size);
  } else {
    const ToBuffer& buffer = std::get<ToBuffer>(destination_);
    float* to = buffer.gradient + offset;
    if (buffer.add) {
      kernels_->axpy(1, gradient, size, to);
    } else {
      std::copy_n(gradient, size, to);
    }
  }
}

}  // namespace shoal::learning
