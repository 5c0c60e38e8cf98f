// The tables of kernels by instruction set; those that this build has. Use them
// through kernels.h alone: calling into one that the processor lacks is an
// illegal instruction.
#ifndef SHOAL_LEARNING_KERNELS_TABLES_H_
#define SHOAL_LEARNING_KERNELS_TABLES_H_

#include "learning/kernels/kernels.h"

namespace shoal::learning {
namespace baseline {
const Kernels& Table();
}
namespace avx2 {
const Kernels& Table();
}
namespace avx512 {
const Kernels& Table();
}
}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_KERNELS_TABLES_H_
