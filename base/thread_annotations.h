// Clang's thread-safety attributes (checked by the `clang` preset, ignored by
// other compilers).
#ifndef SHOAL_BASE_THREAD_ANNOTATIONS_H_
#define SHOAL_BASE_THREAD_ANNOTATIONS_H_

#if defined(__clang__)
#define SHOAL_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define SHOAL_THREAD_ATTRIBUTE(x)
#endif

// On a field: read and written with the mutex held.
#define SHOAL_GUARDED_BY(mutex) SHOAL_THREAD_ATTRIBUTE(guarded_by(mutex))
// On a function: the caller holds the mutex.
#define SHOAL_REQUIRES(...) \
  SHOAL_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
// On a function: the caller does not hold the mutex.
#define SHOAL_EXCLUDES(...) SHOAL_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

#endif  // SHOAL_BASE_THREAD_ANNOTATIONS_H_
