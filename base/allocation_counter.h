// Counts every call of malloc and its kin in the process, whoever makes it.
// Linking this library replaces malloc: for tests and benchmarks alone.
#ifndef SHOAL_BASE_ALLOCATION_COUNTER_H_
#define SHOAL_BASE_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace shoal {

// Whether this build can count: with glibc, and without sanitizers, whose
// allocator must not be replaced.
bool CountsAllocations();

// Since the process started; 0 where they are not counted. Thread-safe.
int64_t NumAllocations();

}  // namespace shoal

#endif  // SHOAL_BASE_ALLOCATION_COUNTER_H_
