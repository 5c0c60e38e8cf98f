// How fast a core multiplies and adds when nothing holds it up.
#ifndef SHOAL_BENCH_FMA_PEAK_H_
#define SHOAL_BENCH_FMA_PEAK_H_

#include <string>

#include "absl/time/time.h"

namespace shoal::bench {

// Billions of floating-point operations per second (a multiply-add is two) of
// the calling thread, in registers alone, with the instruction set that
// training uses; measured for about `time`.
double MeasureFmaPeak(absl::Duration time);

// "AVX-512": that instruction set.
std::string FmaInstructionSet();

}  // namespace shoal::bench

#endif  // SHOAL_BENCH_FMA_PEAK_H_
