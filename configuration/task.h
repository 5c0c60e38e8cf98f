// A task as the programs use it: plain options, checked and with defaults
// filled in. Its schema is shoal/v1/task.proto.
#ifndef SHOAL_CONFIGURATION_TASK_H_
#define SHOAL_CONFIGURATION_TASK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "configuration/differential_privacy.h"
#include "configuration/server_optimizer.h"
#include "learning/local_update.h"
#include "learning/model.h"
#include "protocol/messages.h"

namespace shoal::configuration {

// What an update weighs in the mean of its round. Numbers are those of the
// schema.
enum class Weighting {
  kExamples = 1,  // the number of the device's examples
  kUniform = 2,   // 1
};

// Rounds that overlap; docs/explanation/rounds.md.
struct AsynchronousRounds {
  int concurrency = 1;              // >= 1: devices that work at the same time
  int max_staleness = 10;           // >= 0: versions behind the newest
  double staleness_exponent = 0.5;  // [0, 10]; aggregation/staleness.h
  friend bool operator==(const AsynchronousRounds&,
                         const AsynchronousRounds&) = default;
};

struct RoundPolicy {
  int cohort = 0;               // >= 1: reports that a round wants
  double over_selection = 1.3;  // [1, 10]
  int min_reports = 0;          // [1, cohort]; below it a round fails
  // Committed rounds from a contribution to the next; 0 and 1: every round.
  int min_separation = 0;
  absl::Duration deadline = absl::Minutes(10);
  absl::Duration idle_window = absl::Seconds(30);
  Weighting weighting = Weighting::kExamples;

  std::optional<AsynchronousRounds> asynchronous = {};
  // Every device is drawn for a round by itself, with differential_privacy's
  // sampling_rate. The round lasts until its deadline, and is summed up however
  // few were drawn; over_selection and min_reports mean nothing.
  bool drawn = false;

  // ceil(cohort * over_selection): devices assigned to a round. Of asynchronous
  // ones those that work at a time. Of rounds that are drawn, for `cohort`
  // devices on average, so many that more are drawn with a probability of less
  // than 1e-13 (Chernoff).
  int max_assigned() const;
  // The most updates that a round counts.
  int max_accepted() const;
  friend bool operator==(const RoundPolicy&, const RoundPolicy&) = default;
};

struct UpdateLimits {
  // Absent: 100 x the median norm of the last committed round, at least 1000.
  std::optional<double> norm_bound;
  int64_t max_examples = 1'000'000;
  friend bool operator==(const UpdateLimits&, const UpdateLimits&) = default;
};

struct Task {
  std::string name;
  std::string population;
  learning::ModelSpec model;
  learning::TrainingOptions training;
  learning::LocalAlgorithm algorithm;
  ServerOptimizerOptions server_optimizer;
  RoundPolicy round;
  int64_t rounds = 0;  // >= 1
  protocol::DeviceLimits device_limits;
  UpdateLimits update_limits;
  uint64_t seed = 0;
  std::optional<protocol::SecureAggregation> secure_aggregation = {};
  std::optional<DifferentialPrivacy> differential_privacy = {};
  friend bool operator==(const Task&, const Task&) = default;
};

// INVALID_ARGUMENT when what the coordinator does with updates, their weights
// and the server optimiser, does not go with the task's algorithm.
absl::Status CheckServerHalf(const Task& task);

// That are to come while a round lasts, for it to have its cohort. Asynchronous
// rounds admit as many as report; where devices are drawn, many more come.
int DevicesPerRound(const Task& task);

// INVALID_ARGUMENT when the task's rounds are asynchronous, and its algorithm,
// weights or training have not been analysed with that.
absl::Status CheckAsynchronous(const Task& task);

// INVALID_ARGUMENT when the task asks for secure aggregation with groups that
// cannot be, or together with what needs single updates.
absl::Status CheckSecureAggregation(const Task& task);

// INVALID_ARGUMENT when the task asks for differential privacy, and nobody has
// analysed that together with the rest of it.
absl::Status CheckDifferentialPrivacy(const Task& task);

// From and to the serialised shoal.v1.Task that the store keeps and the wire
// carries. INVALID_ARGUMENT as "path: what is wrong, what was expected".
absl::StatusOr<Task> ParseTask(absl::string_view serialized);
std::string SerializeTask(const Task& task);

// Reads a task file, or the `task:` part of a scenario file.
// INVALID_ARGUMENT as "file:line: path: what is wrong, what was expected".
absl::StatusOr<Task> LoadTask(const std::string& path);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_TASK_H_
