// Vectors of one instruction set. Included by kernels.inc.h alone, once per
// instruction set.
//
// `V` is a vector register of kLanes floats. Whatever works on arrays does full
// vectors first and then the rest in one more vector of which only a `Tail` is
// read and written, so that a value's result does not depend on its place.

// Arrays of vectors live in registers only if the compiler sees early that all
// indices are constants: inlining is forced, that of lambdas too. Sanitizers'
// checks, repeated in every copy, would take minutes to compile, so that builds
// with them neither force it nor have many tiles.
#if defined(SHOAL_KERNELS_SANITIZED)
#define SHOAL_INLINE inline
#define SHOAL_INLINE_LAMBDA
#define SHOAL_INLINE_ALL
#else
#define SHOAL_INLINE [[gnu::always_inline]] inline
#define SHOAL_INLINE_LAMBDA __attribute__((always_inline))
#define SHOAL_INLINE_ALL [[gnu::flatten]]
#endif

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

// The tallest tile of a product, kMaxRows x 2 vectors: what leaves enough
// registers for the operands.
#if defined(SHOAL_KERNELS_SANITIZED)
constexpr int kMaxRows = 4;
#elif defined(__AVX512F__)
constexpr int kMaxRows = 14;
#elif defined(__AVX2__)
constexpr int kMaxRows = 6;
#elif defined(__aarch64__)
constexpr int kMaxRows = 12;
#else
constexpr int kMaxRows = 5;
#endif

typedef float V __attribute__((vector_size(4 * kLanes)));
typedef int32_t I __attribute__((vector_size(4 * kLanes)));
typedef float Quad __attribute__((vector_size(16)));
typedef float Octet __attribute__((vector_size(32)));
// The same in memory, where nothing is aligned.
typedef float UnalignedV
    __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));
typedef float UnalignedPair
    __attribute__((vector_size(8), aligned(4), may_alias));
typedef float UnalignedOctet
    __attribute__((vector_size(32), aligned(4), may_alias));
typedef float UnalignedQuad
    __attribute__((vector_size(16), aligned(4), may_alias));

// How much of a vector is read and written: all of it, or the first values.
struct Whole {};

// Stores the first `size` values, in pieces. A masked store would take a dozen
// cycles on some processors, and loads after it would wait.
SHOAL_INLINE void StorePieces(float* to, Quad value, int size) {
  if (size & 2) {
    *reinterpret_cast<UnalignedPair*>(to) =
        __builtin_shufflevector(value, value, 0, 1);
    value = __builtin_shufflevector(value, value, 2, 3, 2, 3);
    to += 2;
  }
  if (size & 1) *to = value[0];
}
#if defined(__AVX2__)
SHOAL_INLINE void StorePieces(float* to, Octet value, int size) {
  Quad part = __builtin_shufflevector(value, value, 0, 1, 2, 3);
  if (size & 4) {
    *reinterpret_cast<UnalignedQuad*>(to) = part;
    part = __builtin_shufflevector(value, value, 4, 5, 6, 7);
    to += 4;
  }
  StorePieces(to, part, size);
}
#endif
#if defined(__AVX512F__)
SHOAL_INLINE void StorePieces(float* to, V value, int size) {
  Octet part = __builtin_shufflevector(value, value, 0, 1, 2, 3, 4, 5, 6, 7);
  if (size & 8) {
    *reinterpret_cast<UnalignedOctet*>(to) = part;
    part = __builtin_shufflevector(value, value, 8, 9, 10, 11, 12, 13, 14, 15);
    to += 8;
  }
  StorePieces(to, part, size);
}
#endif

#if defined(__AVX512F__)

struct Tail {
  explicit Tail(int64_t s) : size(static_cast<int>(s)), mask((1u << s) - 1) {}
  int size;
  __mmask16 mask;
};
SHOAL_INLINE V Load(const float* from, Tail tail, float fill = 0) {
  return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), tail.mask, from);
}
SHOAL_INLINE V Keep(V value, Tail tail) {
  return _mm512_maskz_mov_ps(tail.mask, value);
}
// Not _mm512_sqrt_ps, whose definition makes gcc 12 warn.
SHOAL_INLINE V SquareRoot(V x) { return _mm512_maskz_sqrt_ps(0xffff, x); }

#elif defined(__AVX2__)

struct Tail {
  explicit Tail(int64_t s) : size(static_cast<int>(s)) {
    const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(size), places);
  }
  int size;
  __m256i mask;
};
SHOAL_INLINE V Load(const float* from, Tail tail, float fill = 0) {
  const V value = _mm256_maskload_ps(from, tail.mask);
  return (I)tail.mask ? value : fill - V{};
}
SHOAL_INLINE V Keep(V value, Tail tail) { return (V)((I)value & (I)tail.mask); }
SHOAL_INLINE V SquareRoot(V x) { return _mm256_sqrt_ps(x); }

#else

struct Tail {
  explicit Tail(int64_t s) : size(static_cast<int>(s)) {}
  int size;
};
SHOAL_INLINE V Load(const float* from, Tail tail, float fill = 0) {
  V value = {from[0], fill, fill, fill};
  if (tail.size > 1) value[1] = from[1];
  if (tail.size > 2) value[2] = from[2];
  return value;
}
SHOAL_INLINE V Keep(V value, Tail tail) {
  value[3] = 0;
  if (tail.size < 3) value[2] = 0;
  if (tail.size < 2) value[1] = 0;
  return value;
}
#if defined(__SSE2__)
SHOAL_INLINE V SquareRoot(V x) { return _mm_sqrt_ps(x); }
#elif defined(__aarch64__)
SHOAL_INLINE V SquareRoot(V x) { return vsqrtq_f32(x); }
#else
SHOAL_INLINE V SquareRoot(V x) {
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
#endif

#endif

SHOAL_INLINE V Load(const float* from, Whole = {}, float = 0) {
  return *reinterpret_cast<const UnalignedV*>(from);
}
SHOAL_INLINE void Store(float* to, V value, Whole = {}) {
  *reinterpret_cast<UnalignedV*>(to) = value;
}
SHOAL_INLINE void Store(float* to, V value, Tail tail) {
  StorePieces(to, value, tail.size);
}
// The values of `part`, zeros beyond.
SHOAL_INLINE V Keep(V value, Whole) { return value; }
SHOAL_INLINE V Broadcast(float x) { return x - V{}; }

SHOAL_INLINE int64_t Min(int64_t a, int64_t b) { return a < b ? a : b; }
SHOAL_INLINE int64_t Max(int64_t a, int64_t b) { return a > b ? a : b; }

// An integer known to the compiler, usable as an index.
template <int kValue>
struct Index {
  constexpr operator int() const { return kValue; }  // NOLINT: an integer
};

// Calls step(Index<0>()), …, step(Index<kCount - 1>()), so that arrays indexed
// by them live in registers.
template <int kCount, int kFrom = 0, typename Step>
SHOAL_INLINE void Unroll(const Step& step) {
  if constexpr (kFrom < kCount) {
    step(Index<kFrom>());
    Unroll<kCount, kFrom + 1>(step);
  }
}

// Calls step(i, Whole or Tail) for vectors of an array.
template <typename Step>
SHOAL_INLINE void ForVectors(int64_t size, const Step& step) {
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) step(i, Whole());
  if (i < size) step(i, Tail(size - i));
}

// Folds the lanes of a vector, in a fixed order.
template <typename Fold>
SHOAL_INLINE float FoldLanes(V value, const Fold& fold) {
  float lanes[kLanes];
  Store(lanes, value);
  for (int width = kLanes / 2; width >= 1; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] = fold(lanes[i], lanes[i + width]);
  }
  return lanes[0];
}
