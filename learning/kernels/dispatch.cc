#include "learning/kernels/kernels.h"
#include "learning/kernels/tables.h"

namespace shoal::learning {
namespace {

#if defined(__x86_64__) && !defined(SHOAL_ONE_KERNEL)
// By single features: compilers differ in the names of levels that they know.
// The compiler's runtime also asks whether the system saves the registers.
bool HasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

const Kernels& ChooseBest() {
  const Kernels* kernels = KernelsFor(InstructionSet::kAvx512);
  if (kernels == nullptr) kernels = KernelsFor(InstructionSet::kAvx2);
  if (kernels == nullptr) kernels = KernelsFor(InstructionSet::kBaseline);
  return *kernels;
}

}  // namespace

const Kernels* KernelsFor(InstructionSet set) {
  switch (set) {
    case InstructionSet::kBaseline:
      return &baseline::Table();
#if defined(__x86_64__) && !defined(SHOAL_ONE_KERNEL)
    case InstructionSet::kAvx2:
      return HasAvx2() ? &avx2::Table() : nullptr;
    case InstructionSet::kAvx512:
      return HasAvx512() ? &avx512::Table() : nullptr;
#endif
    default:
      return nullptr;
  }
}

const Kernels& BestKernels() {
  static const Kernels& best = ChooseBest();
  return best;
}

}  // namespace shoal::learning
