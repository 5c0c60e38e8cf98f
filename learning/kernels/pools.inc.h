// Pooling. Included by kernels.inc.h alone, once per instruction set. Vectors
// run over channels.

// Calls visit(output pixel, the part of its window inside the image) for every
// output of every example. Places are those of the window, row-major.
struct PoolWindow {
  int64_t output;  // index of the first channel
  int64_t input;   // of the window's origin, which may lie outside
  Range rows, columns;
};
template <typename Visit>
SHOAL_INLINE void ForPoolWindows(const WindowShape& w, const Visit& visit) {
  PoolWindow at = {};
  for (int64_t n = 0; n < w.rows; ++n) {
    for (int64_t oy = 0; oy < w.out_height; ++oy) {
      const int64_t top = oy * w.stride_height - w.pad_top;
      at.rows = Inside(top, w.kernel_height, w.height);
      for (int64_t ox = 0; ox < w.out_width; ++ox) {
        const int64_t left = ox * w.stride_width - w.pad_left;
        at.columns = Inside(left, w.kernel_width, w.width);
        at.input = ((n * w.height + top) * w.width + left) * w.channels;
        visit(at);
        at.output += w.channels;
      }
    }
  }
}

// Calls step(index of the first channel of an input pixel, place) for the
// pixels of one window.
template <typename Step>
SHOAL_INLINE void ForPixels(const WindowShape& w, const PoolWindow& at,
                            const Step& step) {
  for (int64_t ky = at.rows.begin; ky < at.rows.end; ++ky) {
    for (int64_t kx = at.columns.begin; kx < at.columns.end; ++kx) {
      step(at.input + (ky * w.width + kx) * w.channels,
           static_cast<int32_t>(ky * w.kernel_width + kx));
    }
  }
}

// Bytes as lanes of 32 bits, and back.
typedef uint8_t Bytes __attribute__((vector_size(kLanes)));
SHOAL_INLINE I LoadBytes(const uint8_t* from, int64_t size) {
  Bytes bytes = {};
  __builtin_memcpy(&bytes, from, size);
  return __builtin_convertvector(bytes, I);
}
SHOAL_INLINE void StoreBytes(uint8_t* to, I values, int64_t size) {
  const Bytes bytes = __builtin_convertvector(values, Bytes);
  __builtin_memcpy(to, &bytes, size);
}
SHOAL_INLINE int64_t SizeOf(Whole, int64_t) { return kLanes; }
SHOAL_INLINE int64_t SizeOf(Tail, int64_t left) { return left; }

void MaxPool(const WindowShape& window, const float* x, float* y,
             uint8_t* argmax) {
  const WindowShape w = window;
  ForPoolWindows(w, [&](const PoolWindow& at) {
    ForVectors(w.channels, [&](int64_t c, auto part) {
      V best = Broadcast(-__builtin_inff());
      I place = {};
      bool first = true;
      ForPixels(w, at, [&](int64_t pixel, int32_t here) {
        const V value = Load(x + pixel + c, part);
        // A NaN wins and stays.
        const I wins =
            first ? (best == best)
                  : (value > best) | ((value != value) & (best == best));
        best = wins ? value : best;
        place = wins ? I{} + here : place;
        first = false;
      });
      Store(y + at.output + c, best, part);
      if (argmax != nullptr) {
        StoreBytes(argmax + at.output + c, place, SizeOf(part, w.channels - c));
      }
    });
  });
}

void ClearImages(const WindowShape& w, float* dx) {
  __builtin_memset(dx, 0,
                   w.rows * w.height * w.width * w.channels * sizeof *dx);
}

void MaxPoolGradient(const WindowShape& window, const float* dy,
                     const uint8_t* argmax, float* dx) {
  const WindowShape w = window;
  ClearImages(w, dx);
  ForPoolWindows(w, [&](const PoolWindow& at) {
    ForVectors(w.channels, [&](int64_t c, auto part) {
      const I place =
          LoadBytes(argmax + at.output + c, SizeOf(part, w.channels - c));
      const V gradient = Load(dy + at.output + c, part);
      ForPixels(w, at, [&](int64_t pixel, int32_t here) {
        float* const target = dx + pixel + c;
        const V share = place == here ? gradient : V{};
        Store(target, Load(target, part) + share, part);
      });
    });
  });
}

SHOAL_INLINE float InverseArea(const PoolWindow& at) {
  return 1 / static_cast<float>((at.rows.end - at.rows.begin) *
                                (at.columns.end - at.columns.begin));
}

void AveragePool(const WindowShape& window, const float* x, float* y) {
  const WindowShape w = window;
  ForPoolWindows(w, [&](const PoolWindow& at) {
    const float weight = InverseArea(at);
    ForVectors(w.channels, [&](int64_t c, auto part) {
      V sum = {};
      ForPixels(w, at, [&](int64_t pixel, int32_t) {
        sum += Load(x + pixel + c, part);
      });
      Store(y + at.output + c, weight * sum, part);
    });
  });
}

void AveragePoolGradient(const WindowShape& window, const float* dy,
                         float* dx) {
  const WindowShape w = window;
  ClearImages(w, dx);
  ForPoolWindows(w, [&](const PoolWindow& at) {
    const float weight = InverseArea(at);
    ForVectors(w.channels, [&](int64_t c, auto part) {
      const V share = weight * Load(dy + at.output + c, part);
      ForPixels(w, at, [&](int64_t pixel, int32_t) {
        float* const target = dx + pixel + c;
        Store(target, Load(target, part) + share, part);
      });
    });
  });
}
