// SHOAL_CHECK: stops the process on a broken invariant of our own code. Never
// for input: what a peer, a file or a user sends gets an absl::Status.
#ifndef SHOAL_BASE_CHECK_H_
#define SHOAL_BASE_CHECK_H_

#define SHOAL_CHECK(condition)        \
  ((condition) ? static_cast<void>(0) \
               : ::shoal::CheckFailed(#condition, __FILE__, __LINE__))

namespace shoal {

// Prints the condition and its place to standard error, then aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file,
                              int line);

}  // namespace shoal

#endif  // SHOAL_BASE_CHECK_H_
