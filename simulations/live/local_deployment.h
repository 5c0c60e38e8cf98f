// A deployment on this machine, made of real processes: one shoald and many
// shoal-agents on loopback, with mutual TLS, below one folder. Nothing of it
// outlives the object, or its process.
#ifndef SHOAL_SIMULATIONS_LIVE_LOCAL_DEPLOYMENT_H_
#define SHOAL_SIMULATIONS_LIVE_LOCAL_DEPLOYMENT_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/child_process.h"
#include "configuration/programs.h"
#include "protocol/certificates.h"

namespace shoal::simulations {

struct DeploymentOptions {
  std::string folder = {};          // for keys, data, states and logs; exists
  std::string program_folder = {};  // where shoald and shoal-agent lie
  absl::Duration start_timeout = absl::Seconds(30);
  // Asked while it waits; yes ends the wait with CANCELLED.
  std::function<bool()> interrupted = {};
};

// The configuration files that the processes are started with. Exposed for
// tests.
std::string CoordinatorConfigText(const std::string& folder);
std::string AgentConfigText(const configuration::Scenario& scenario, int index,
                            const std::string& coordinator,
                            const std::string& state_folder);

// Where device `index` keeps its state, below the deployment's folder.
std::string AgentStateFolder(const std::string& folder, int index);

// Used by one thread, which must live as long as the object does.
class LocalDeployment {
 public:
  // Makes the CA and all certificates, starts shoald and waits until it
  // serves. Errors show the tail of its log.
  static absl::StatusOr<std::unique_ptr<LocalDeployment>> Start(
      DeploymentOptions options);
  // Stop().
  ~LocalDeployment();

  const std::string& address() const { return address_; }
  // HOST:PORT where the coordinator's dashboard is.
  const std::string& http_address() const { return http_address_; }
  const std::string& ca_pem() const { return ca_.certificate_pem; }
  const protocol::KeyAndCertificate& operator_identity() const {
    return operator_;
  }

  // Enrols device `index` through the SDK and starts its agent.
  absl::Status AddAgent(const configuration::Scenario& scenario, int index,
                        const std::string& invitation);

  // An error, with the tail of its log, when shoald has ended, or when fewer
  // than `min_agents` agents are left.
  absl::Status CheckRunning(int min_agents);
  // What to tell of the agents that have ended since the last call: how, and
  // the last line of the log.
  std::vector<std::string> NewlyEnded();
  // The tail of the coordinator's log and of one agent's, for errors.
  std::string LogTails() const;

  // Ends all processes: politely first, by SIGKILL after a few seconds.
  void Stop();

 private:
  explicit LocalDeployment(DeploymentOptions options)
      : options_(std::move(options)) {}
  absl::Status MakeIdentities();
  absl::Status StartCoordinator();
  absl::Status AwaitEndpoints();
  bool Interrupted() const;

  const DeploymentOptions options_;
  protocol::KeyAndCertificate ca_;
  protocol::KeyAndCertificate operator_;
  std::unique_ptr<ChildProcess> coordinator_;
  std::vector<std::unique_ptr<ChildProcess>> agents_;
  std::set<int> told_;  // agents that NewlyEnded() has told of
  std::string address_;
  std::string http_address_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LIVE_LOCAL_DEPLOYMENT_H_
