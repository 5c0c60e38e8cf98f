// Counts what malloc and its kin give out in the process, whoever asks. Linking
// this library replaces malloc: for tests and benchmarks alone.
#ifndef SHOAL_BASE_ALLOCATION_COUNTER_H_
#define SHOAL_BASE_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace shoal {

// Whether this build can count: with glibc, and without sanitizers, whose
// allocator must not be replaced.
bool CountsAllocations();

// The rest is 0 where nothing is counted. Thread-safe.

// Since the process started.
int64_t NumAllocations();

// Of blocks that have not been freed, as malloc rounds them up.
int64_t AllocatedBytes();
// The most of it since the process started, or since the last reset.
int64_t PeakAllocatedBytes();
void ResetPeakAllocatedBytes();

}  // namespace shoal

#endif  // SHOAL_BASE_ALLOCATION_COUNTER_H_
