// AVX-512 (F, BW, DQ, VL).
#define SHOAL_KERNELS avx512
#define SHOAL_KERNELS_INSTRUCTION_SET InstructionSet::kAvx512
#include "learning/kernels/kernels.inc.h"
