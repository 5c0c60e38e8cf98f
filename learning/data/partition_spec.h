// How examples fall onto devices, as it is asked for. The amounts and labels of
// every device (PartitionKind), and on top of them what makes the features of
// devices differ, from device to device and over time. docs/reference/data.md
// has the definitions at length.
#ifndef SHOAL_LEARNING_DATA_PARTITION_SPEC_H_
#define SHOAL_LEARNING_DATA_PARTITION_SPEC_H_

#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "absl/time/time.h"

namespace shoal::learning {

struct IidPartition {};
struct DirichletPartition {
  double alpha = 0.5;  // > 0
};
struct NaturalPartition {};
// Runs of examples sorted by label, dealt at random.
struct ShardsPartition {
  int per_device = 2;  // >= 1
};
struct ClassesPartition {
  int per_device = 2;  // >= 1, distinct
};
// Amounts alone differ; labels fall at random.
struct DirichletSizesPartition {
  double alpha = 0.5;  // > 0
};
struct LognormalSizesPartition {
  double sigma = 0.3;  // of the logarithm; (0, 10]
};
struct PowerLawSizesPartition {
  double exponent = 2;  // of the density; (1, 100]
};
using PartitionKind =
    std::variant<IidPartition, DirichletPartition, NaturalPartition,
                 ShardsPartition, ClassesPartition, DirichletSizesPartition,
                 LognormalSizesPartition, PowerLawSizesPartition>;

// Device k of N, from 0, has Gaussian noise of variance sigma (k + 1) / N.
struct FeatureNoise {
  double sigma = 0.1;  // > 0
};
// Device k turns its images by 360 / groups (k mod groups) degrees, or by an
// angle of its own, uniform in [-max_degrees, max_degrees].
struct Rotation {
  int groups = 0;          // >= 2; 0: each device has its own angle
  double max_degrees = 0;  // (0, 180]; only without groups
};

// A point of a run: the round that the fleet is in, and its virtual time.
struct Moment {
  int64_t round = 0;
  absl::Duration time = absl::ZeroDuration();
};

// How far a change has come, from 0 to 1: at `start` it begins, and
//   step      is complete at once,
//   linear    is complete after `length`,
//   periodic  comes and goes with the period `length`, as a cosine does.
// Both are rounds, or both are durations.
struct DriftSchedule {
  enum class Course { kStep, kLinear, kPeriodic };
  Course course = Course::kLinear;
  bool by_time = false;
  int64_t start_round = 0;
  int64_t num_rounds = 1;  // >= 1
  absl::Duration start_time = absl::ZeroDuration();
  absl::Duration duration = absl::Hours(1);  // > 0
};
// What the change is, where it is complete.
struct Drift {
  DriftSchedule schedule;
  double labels = 0;            // of its examples that a device has exchanged
  double rotation_degrees = 0;  // that images are turned further
  double noise = 0;             // variance that is added to every feature
};

// A kind alone is a Partition, too: `Partition partition = IidPartition{};`
struct Partition {
  Partition() = default;
  template <typename Kind>
  requires(!std::same_as<std::remove_cvref_t<Kind>, Partition> &&
           std::constructible_from<PartitionKind, Kind>)
      Partition(Kind kind)  // NOLINT(google-explicit-constructor)
      : kind(std::move(kind)) {}

  PartitionKind kind;
  std::optional<FeatureNoise> feature_noise;
  std::optional<Rotation> rotation;
  std::optional<Drift> drift;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_PARTITION_SPEC_H_
