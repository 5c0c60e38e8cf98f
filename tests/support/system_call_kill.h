// Kills a process at one of its system calls: between two of them nothing of
// what it keeps changes.
#ifndef SHOAL_TESTS_SUPPORT_SYSTEM_CALL_KILL_H_
#define SHOAL_TESTS_SUPPORT_SYSTEM_CALL_KILL_H_

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/check.h"

namespace shoal::testing {

// Whether this machine lets a process trace its child.
inline bool CanTrace() {
  const pid_t child = fork();
  SHOAL_CHECK(child >= 0);
  if (child == 0) {
    _exit(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Runs `work` in a child and kills it at its stop number `stop`, on the way
// into or out of a system call. False when it ended before that.
inline bool KillAtSystemCall(int stop, const std::function<void()>& work) {
  const pid_t child = fork();
  SHOAL_CHECK(child >= 0);
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(3);
    raise(SIGSTOP);
    work();
    _exit(0);
  }
  int status = 0;
  SHOAL_CHECK(waitpid(child, &status, 0) == child);
  for (int i = 0; i < stop && WIFSTOPPED(status); ++i) {
    ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    SHOAL_CHECK(waitpid(child, &status, 0) == child);
  }
  if (!WIFSTOPPED(status)) return false;
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return true;
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_SYSTEM_CALL_KILL_H_
