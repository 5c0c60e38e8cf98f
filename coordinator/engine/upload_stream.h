// One stream of chunks; see UploadStream.
#ifndef SHOAL_COORDINATOR_ENGINE_UPLOAD_STREAM_H_
#define SHOAL_COORDINATOR_ENGINE_UPLOAD_STREAM_H_

#include <memory>

#include "coordinator/engine/engine_core.h"

namespace shoal::coordinator {

// What a stream feeds.
struct UploadTarget {
  std::shared_ptr<const TaskSetup> setup;
  std::shared_ptr<RunningRound> round;
  std::shared_ptr<Upload> upload;
};

// `place` comes from upload->bytes.TakeOver(). With ticket 0 the stream only
// waits for the receipt. The caller has made the ticket the upload's writer.
std::unique_ptr<UploadStream> MakeUploadStream(EngineCore& core,
                                               UploadTarget target,
                                               UploadBytes::Place place);

// Refuses the device's update, of its assignment of that round, for good: its
// assignment ends with the outcome "refused: NAME", and everybody who waits for
// the update is told `refusal`. `upload` may be null. Errors of the store are
// logged.
void RefuseUpdate(EngineCore& core, RunningRound& round, int64_t round_id,
                  const std::string& device_id, Upload* upload,
                  const absl::Status& refusal);

// Refuses an update whose bytes, or whose number of them, the round cannot
// have: as RefuseUpdate, and of a masked one it is a fault of the device, of
// which its group hears. Returns what the device is to be told: `refusal`;
// kGroupFault, once that is a row; or else why it shall come back with it.
absl::Status RefuseContent(EngineCore& core, const UploadTarget& target,
                           int64_t round_id, const std::string& device_id,
                           const absl::Status& refusal, absl::Time now);

// What of it needs no lock: writes and logs an assignment's outcome, "refused:
// NAME".
void RecordRefusal(EngineCore& core, int64_t round_id,
                   const std::string& device_id, const absl::Status& refusal);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_UPLOAD_STREAM_H_
