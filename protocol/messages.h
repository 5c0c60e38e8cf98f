// The plain messages that device sessions and the coordinator's engine
// exchange. No protobuf here: protocol/wire.h converts to and from the wire.
#ifndef SHOAL_PROTOCOL_MESSAGES_H_
#define SHOAL_PROTOCOL_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/digest.h"
#include "learning/local_update.h"
#include "learning/model.h"
#include "learning/update_codec.h"
#include "privacy/secure_aggregation/parameters.h"

namespace shoal::protocol {

// Different majors do not talk to each other; of two minors the lower is
// spoken.
struct ProtocolVersion {
  uint32_t major = 0;
  uint32_t minor = 0;
  friend bool operator==(const ProtocolVersion&,
                         const ProtocolVersion&) = default;
};
inline constexpr ProtocolVersion kProtocolVersion = {1, 0};

// The version that both sides speak, or nothing when they cannot talk.
std::optional<ProtocolVersion> Negotiate(ProtocolVersion ours,
                                         ProtocolVersion theirs);

// Chunks of models and updates are at most this long.
inline constexpr int64_t kMaxChunkBytes = 256 * 1024;

// Assignment tokens are at most this long.
inline constexpr size_t kMaxTokenBytes = 512;

// How the updates of a round are aggregated so that the coordinator learns
// their sums alone; docs/explanation/secure-aggregation.md. Part of the plan,
// because every device checks what it is then told.
struct SecureAggregation {
  // Fewest and most devices that aggregate together; 3 <= min <= max. The sum
  // of a group becomes known without those that leave, up to dropout_fraction.
  int min_group = 8;
  int max_group = 1000;
  // Of a group: that may collude, and that may leave; [0, 1).
  double adversary_fraction = 0.1;
  double dropout_fraction = 0.2;
  secure_aggregation::CoordinatorTrust coordinator =
      secure_aggregation::CoordinatorTrust::kHonest;
  int bits = 16;  // [2, 24]: of a quantised value
  bool rotation = true;
  friend bool operator==(const SecureAggregation&,
                         const SecureAggregation&) = default;
};
// Of groups whose coordinator may be malicious: everybody is everybody's
// neighbour.
inline constexpr int kMaxCompleteGroup = 100;

// What a device may spend on one round; absent: not limited.
struct DeviceLimits {
  std::optional<double> energy_joules;
  std::optional<int64_t> memory_bytes;
  std::optional<int64_t> upload_bytes;
  friend bool operator==(const DeviceLimits&, const DeviceLimits&) = default;
};

struct ModelReference {
  Digest digest;          // of the serialised model
  int64_t num_bytes = 0;  // of the serialised model
  int64_t version = 0;    // committed rounds before it; 0: the initial model
  friend bool operator==(const ModelReference&,
                         const ModelReference&) = default;
};

// Noise that a device adds to its update itself.
struct DeviceNoise {
  // As the schema numbers them.
  enum class Kind {
    kLocal = 1,  // hides the update by itself; discrete Gaussian
    // Shares of a group's noise, under secure aggregation.
    kDiscreteGaussian = 2,
    kSkellam = 3,
  };
  Kind kind = Kind::kLocal;
  // Standard deviation over the norm bound: of the device's own noise, or of
  // what the honest devices of a group add together at least.
  double noise_multiplier = 0;
  friend bool operator==(const DeviceNoise&, const DeviceNoise&) = default;
};

// What the device shall run.
struct Plan {
  learning::ModelSpec model;
  learning::TrainingOptions training;
  learning::LocalAlgorithm algorithm;
  DeviceLimits limits;
  // L2. Larger updates are refused, or shortened where noise is added.
  double norm_bound = 0;
  int64_t max_examples = 0;  // larger weights are refused
  learning::UpdateCodec codec = learning::UpdateCodec::kFloat32;
  absl::Duration idle_window;  // a transfer fails after this without a byte
  // Its max_group is that of the round.
  std::optional<SecureAggregation> secure_aggregation = {};
  // Every update counts the same; otherwise by its number of examples.
  bool uniform_weights = false;
  // Noise is added to the sum: updates come with nothing but their values, as
  // privacy has no budget for more.
  bool noisy_sums = false;
  std::optional<DeviceNoise> device_noise = {};
  // The device shortens every tensor of its update to norm_bound over the
  // square root of their number.
  bool clip_layers = false;
  // The totals of a group count the devices that did not shorten their updates.
  bool clip_votes = false;
  friend bool operator==(const Plan&, const Plan&) = default;
};

struct CheckIn {
  ProtocolVersion protocol = kProtocolVersion;
  std::string population;
  int64_t num_examples = 0;
  int64_t memory_bytes = 0;  // what training may use; 0: not limited
  std::string sdk_version;
  std::vector<learning::UpdateCodec> codecs;
  std::vector<uint32_t> secure_aggregation_versions;
  // Does what Plan says in device_noise, clip_layers and clip_votes.
  bool private_updates = false;
};

struct Assignment {
  std::string token;  // opaque to the device
  std::string task;
  int64_t round_id = 0;
  int64_t round_number = 0;  // model version that the round will make
  ModelReference model;
  absl::Duration time_left;  // until the round's deadline
  Plan plan;
  uint32_t secure_aggregation_version = 0;  // 0: none
};

struct RetryAfter {
  absl::Duration delay;
  std::string code;      // a RefusalCode's name
  std::string sentence;  // why, for people
};

struct CheckInAnswer {
  ProtocolVersion protocol;  // the one to speak
  std::variant<Assignment, RetryAfter> answer;
};

struct UploadHeader {
  std::string token;
  Digest digest;          // of the whole update
  int64_t num_bytes = 0;  // of the whole update
  int64_t offset = 0;     // where the first chunk starts
};

// The durable acknowledgement of an update.
struct UploadReceipt {
  int64_t round_id = 0;
  Digest digest;
  int64_t segment_id = 0;
  absl::Duration next_check_in;
};

struct UploadProgress {
  int64_t received_bytes = 0;
  std::optional<UploadReceipt> receipt;  // set: the update is counted
};

// The version of secure aggregation that this code speaks.
inline constexpr uint32_t kSecureAggregationVersion = 1;

// A device to its group (privacy/secure_aggregation/messages.h).
struct AggregateRequest {
  std::string token;
  std::optional<Digest> session;  // absent: it wants to join a group
  std::string message;            // encoded; "": it asks what is next
};

struct GroupMessage {
  std::string bytes;  // encoded
};
struct GroupWait {
  absl::Duration delay;  // then ask again, without a message
};
struct GroupAfresh {
  std::string why;  // it may join another group, with new keys
};
struct AggregateAnswer {
  std::optional<Digest> session;  // absent: it has no group yet
  std::variant<GroupMessage, GroupWait, UploadReceipt, GroupAfresh> next;
};

// Numbers are those of the wire: never reuse one.
enum class AbandonReason {
  kEnergy = 1,
  kMemory = 2,
  kBytes = 3,
  kConditions = 4,
  kTraining = 5,
  kData = 6,
  kShutdown = 7,
};

// "energy", "memory", …
std::string ToString(AbandonReason reason);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_MESSAGES_H_
