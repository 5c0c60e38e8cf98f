// The least that every processor of this kind runs: SSE2, NEON.
#define SHOAL_KERNELS baseline
#define SHOAL_KERNELS_INSTRUCTION_SET InstructionSet::kBaseline
#include "learning/kernels/kernels.inc.h"
