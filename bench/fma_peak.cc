#include "bench/fma_peak.h"

#include <cstdint>

#include "base/clock.h"
#include "learning/kernels/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace shoal::bench {
namespace {

using learning::InstructionSet;

// Independent sums: enough to fill two units with a latency of four cycles,
// few enough for sixteen registers.
constexpr int kSums = 12;

// Where each sum starts. Were it the same constant for all, a compiler would
// compute the sums once for all.
volatile float start = 1;

// Contracted to multiply-adds where the baseline has them (this file is
// compiled with -ffp-contract=fast).
typedef float Baseline __attribute__((vector_size(16)));

void RunBaseline(int64_t loops, float* sink) {
  Baseline factor = {};
  factor += 0.999f;
  Baseline sums[kSums];
  for (Baseline& sum : sums) sum = Baseline{} + start;
  for (int64_t i = 0; i < loops; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) sums[j] = sums[j] * factor + factor;
  }
  for (const Baseline& sum : sums) *sink += sum[0];
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void RunAvx2(int64_t loops, float* sink) {
  const __m256 factor = _mm256_set1_ps(0.999f);
  __m256 sums[kSums];
  for (__m256& sum : sums) sum = _mm256_set1_ps(start);
  for (int64_t i = 0; i < loops; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) {
      sums[j] = _mm256_fmadd_ps(sums[j], factor, factor);
    }
  }
  for (const __m256& sum : sums) *sink += sum[0];
}

__attribute__((target("avx512f"))) void RunAvx512(int64_t loops, float* sink) {
  const __m512 factor = _mm512_set1_ps(0.999f);
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_set1_ps(start);
  for (int64_t i = 0; i < loops; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) {
      sums[j] = _mm512_fmadd_ps(sums[j], factor, factor);
    }
  }
  for (const __m512& sum : sums) *sink += sum[0];
}
#endif

void Run(InstructionSet set, int64_t loops, float* sink) {
  switch (set) {
#if defined(__x86_64__)
    case InstructionSet::kAvx2:
      return RunAvx2(loops, sink);
    case InstructionSet::kAvx512:
      return RunAvx512(loops, sink);
#endif
    default:
      return RunBaseline(loops, sink);
  }
}

}  // namespace

double MeasureFmaPeak(absl::Duration time) {
  constexpr int64_t kLoops = 100'000;
  const learning::Kernels& kernels = learning::BestKernels();
  const double flops = 2.0 * kLoops * kSums * kernels.lanes;
  const RealClock clock;
  volatile float result;
  float sink = 0;
  int64_t runs = 0;
  const absl::Duration start = clock.Monotonic();
  absl::Duration spent;
  do {
    Run(kernels.instruction_set, kLoops, &sink);
    ++runs;
    spent = clock.Monotonic() - start;
  } while (spent < time);
  result = sink;
  static_cast<void>(result);
  return runs * flops / absl::ToDoubleSeconds(spent) / 1e9;
}

std::string FmaInstructionSet() {
  switch (learning::BestKernels().instruction_set) {
    case InstructionSet::kAvx512:
      return "AVX-512";
    case InstructionSet::kAvx2:
      return "AVX2";
    case InstructionSet::kBaseline:
      break;
  }
  return "baseline";
}

}  // namespace shoal::bench
