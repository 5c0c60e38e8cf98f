// An update as bytes: a fixed header with what the device reports, then the
// encoded difference. docs/reference/formats.md has the bytes.
#ifndef SHOAL_LEARNING_UPDATE_CODEC_H_
#define SHOAL_LEARNING_UPDATE_CODEC_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::learning {

// Numbers on the wire: never reuse one.
enum class UpdateCodec : uint32_t {
  kFloat32 = 1,  // the values as they are, little-endian
};

// What kept a device from doing all the work of the plan. Numbers on the wire:
// never reuse one.
enum class WorkLimit : uint64_t {
  kNone = 0,
  kEnergy = 1,
  kMemory = 2,
  kBytes = 3,
  kConditions = 4,
  kTime = 5,  // of the round
};

// "energy", "memory", …; "" for kNone.
absl::string_view ToString(WorkLimit limit);

// What a device says about its update.
struct UpdateReport {
  int64_t num_examples = 0;  // >= 1
  int64_t num_steps = 0;     // >= 0
  // What the difference has been divided by, finite and > 0; 1 unless the
  // task's algorithm is FedNova.
  double divisor = 1;
  // Sums over the predictions that the round's model makes on the device's
  // examples: one of each, or one at every position of a sequence.
  double base_loss_sum = 0;
  int64_t base_num_correct = 0;  // >= 0; 0 where there are no classes
  WorkLimit limit = WorkLimit::kNone;
  friend bool operator==(const UpdateReport&, const UpdateReport&) = default;
};

// Bytes of an encoded update of that many parameters.
int64_t EncodedUpdateBytes(UpdateCodec codec, int64_t num_parameters);

std::string EncodeUpdate(UpdateCodec codec, const UpdateReport& report,
                         absl::Span<const float> delta);

// A decoded update; `delta` points into the decoded bytes or, where these were
// not aligned, into `storage`. Movable: `delta` stays valid.
struct DecodedUpdate {
  UpdateReport report;
  absl::Span<const float> delta;  // [num_parameters]
  std::unique_ptr<float[]> storage;
};

// INVALID_ARGUMENT says what is wrong: magic, version, codec, an impossible
// report, or a length that differs from what `num_parameters` asks for. The
// values of `delta` are not inspected.
absl::StatusOr<DecodedUpdate> DecodeUpdate(absl::string_view bytes,
                                           int64_t num_parameters);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_UPDATE_CODEC_H_
