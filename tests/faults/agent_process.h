// Real shoal-agents in processes of their own, that tests kill and start again.
#ifndef SHOAL_TESTS_FAULTS_AGENT_PROCESS_H_
#define SHOAL_TESTS_FAULTS_AGENT_PROCESS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/child_process.h"
#include "shoal/v1/task.pb.h"
#include "tests/faults/shoald_process.h"

namespace shoal::testing {

// A task that needs every one of `agents` in every round; its model takes four
// chunks.
v1::Task AgentTask(int agents, int rounds);

// An invitation for that many devices.
absl::StatusOr<std::string> Invite(ShoaldProcess& shoald, int uses);

// One agent with its folder. Thread-compatible.
class AgentProcess {
 public:
  // Plays share `index` of `agents` in the population of AgentTask.
  AgentProcess(const std::string& folder, int index, int agents);

  // Enrolls with `shoald`, and from then on talks to `address` (a proxy's, or
  // shoald's own).
  absl::Status Enroll(ShoaldProcess& shoald, const std::string& invitation,
                      const std::string& address);
  absl::Status Start(const std::string& failpoint = "");
  // SIGTERM; its exit code.
  absl::StatusOr<int> Stop();

  ChildProcess& process() { return *process_; }
  std::string Log() const;

 private:
  std::string ConfigPath() const { return folder_ + "/agent.yaml"; }
  std::string LogPath() const { return folder_ + "/log"; }

  const std::string folder_;
  const int index_;
  const int agents_;
  std::unique_ptr<ChildProcess> process_;
};

// Opens the database of a shoald that does not run: all `rounds` of AgentTask
// are committed, at the first attempt, with every agent counted once.
absl::Status CheckEveryAgentCountedOnce(const std::string& database, int agents,
                                        int rounds);

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_FAULTS_AGENT_PROCESS_H_
