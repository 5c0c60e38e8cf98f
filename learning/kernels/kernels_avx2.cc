// AVX2 and FMA.
#define SHOAL_KERNELS avx2
#define SHOAL_KERNELS_INSTRUCTION_SET InstructionSet::kAvx2
#include "learning/kernels/kernels.inc.h"
