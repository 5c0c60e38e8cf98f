// Convolution of every channel with a kernel of its own. Included by
// kernels.inc.h alone, once per instruction set. Vectors run over channels.

struct Range {
  int64_t begin;
  int64_t end;
};

// The places k of a window at `origin` (its place in the image, which may lie
// outside) for which origin + k is inside [0, size).
SHOAL_INLINE Range Inside(int64_t origin, int64_t kernel, int64_t size) {
  return {Max(0, -origin), Min(kernel, size - origin)};
}

// The outputs o below `count` whose window has its place `k` inside [0, size):
// 0 <= o * stride + shift < size, where shift = k - padding.
SHOAL_INLINE Range OutputsOver(int64_t shift, int64_t stride, int64_t size,
                               int64_t count) {
  const int64_t begin = shift < 0 ? (stride - 1 - shift) / stride : 0;
  const int64_t end = shift < size ? (size - 1 - shift) / stride + 1 : 0;
  return {begin, Min(count, end)};
}

void Depthwise(const WindowShape& window, const float* x, const float* kernel,
               const float* bias, bool relu, float* y) {
  const WindowShape w = window;
  for (int64_t o = 0; o < w.rows * w.out_height; ++o) {
    const int64_t top = o % w.out_height * w.stride_height - w.pad_top;
    const Range rows = Inside(top, w.kernel_height, w.height);
    const float* const image =
        x + o / w.out_height * w.height * w.width * w.channels;
    for (int64_t ox = 0; ox < w.out_width; ++ox) {
      const int64_t left = ox * w.stride_width - w.pad_left;
      const Range columns = Inside(left, w.kernel_width, w.width);
      ForVectors(w.channels, [&](int64_t c, auto part) {
        V sum = Load(bias + c, part);
        for (int64_t ky = rows.begin; ky < rows.end; ++ky) {
          const float* pixel =
              image + ((top + ky) * w.width + left) * w.channels + c;
          const float* weight = kernel + ky * w.kernel_width * w.channels + c;
          for (int64_t kx = columns.begin; kx < columns.end; ++kx) {
            sum += Load(pixel + kx * w.channels, part) *
                   Load(weight + kx * w.channels, part);
          }
        }
        if (relu) sum = sum < 0 ? V{} : sum;
        Store(y + c, sum, part);
      });
      y += w.channels;
    }
  }
}

void DepthwiseInputGradient(const WindowShape& window, const float* dy,
                            const float* kernel, float* dx) {
  const WindowShape w = window;
  for (int64_t i = 0; i < w.rows * w.height; ++i) {
    // Windows that hold this row: the place ky goes up by the stride as the
    // output goes down by one.
    const int64_t down = i % w.height + w.pad_top;
    const float* const image =
        dy + i / w.height * w.out_height * w.out_width * w.channels;
    for (int64_t ix = 0; ix < w.width; ++ix) {
      const int64_t across = ix + w.pad_left;
      ForVectors(w.channels, [&](int64_t c, auto part) {
        V sum = {};
        for (int64_t oy = down / w.stride_height; oy >= 0; --oy) {
          const int64_t ky = down - oy * w.stride_height;
          if (ky >= w.kernel_height) break;
          if (oy >= w.out_height) continue;
          for (int64_t ox = across / w.stride_width; ox >= 0; --ox) {
            const int64_t kx = across - ox * w.stride_width;
            if (kx >= w.kernel_width) break;
            if (ox >= w.out_width) continue;
            sum +=
                Load(image + (oy * w.out_width + ox) * w.channels + c, part) *
                Load(kernel + (ky * w.kernel_width + kx) * w.channels + c,
                     part);
          }
        }
        Store(dx + c, sum, part);
      });
      dx += w.channels;
    }
  }
}

// sum of x[i * x_step] * y[i * y_step]; four sums at once, as one would wait
// for itself.
template <typename Part>
SHOAL_INLINE V StridedDot(const float* x, int64_t x_step, const float* y,
                          int64_t y_step, int64_t size, Part part) {
  V sum[4] = {};
  int64_t i = 0;
  for (; i + 4 <= size; i += 4) {
    Unroll<4>([&](auto u) {
      sum[u] +=
          Load(x + (i + u) * x_step, part) * Load(y + (i + u) * y_step, part);
    });
  }
  for (; i < size; ++i) {
    sum[0] += Load(x + i * x_step, part) * Load(y + i * y_step, part);
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

void DepthwiseKernelGradient(const WindowShape& window, const float* x,
                             const float* dy, bool add, float* gradient) {
  const WindowShape w = window;
  for (int64_t k = 0; k < w.kernel_height * w.kernel_width; ++k) {
    const int64_t down = k / w.kernel_width - w.pad_top;
    const int64_t across = k % w.kernel_width - w.pad_left;
    const Range rows =
        OutputsOver(down, w.stride_height, w.height, w.out_height);
    const Range columns =
        OutputsOver(across, w.stride_width, w.width, w.out_width);
    ForVectors(w.channels, [&](int64_t c, auto part) {
      V sum = add ? Load(gradient + c, part) : V{};
      for (int64_t n = 0; n < w.rows; ++n) {
        for (int64_t oy = rows.begin; oy < rows.end; ++oy) {
          const int64_t iy = n * w.height + oy * w.stride_height + down;
          const int64_t ix = columns.begin * w.stride_width + across;
          sum += StridedDot(
              x + (iy * w.width + ix) * w.channels + c,
              w.stride_width * w.channels,
              dy +
                  ((n * w.out_height + oy) * w.out_width + columns.begin) *
                      w.channels +
                  c,
              w.channels, columns.end - columns.begin, part);
        }
      }
      Store(gradient + c, sum, part);
    });
    gradient += w.channels;
  }
}
