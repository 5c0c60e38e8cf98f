// Everything a device says with an assignment token in hand: uploading, asking
// how far an upload came, giving up.
#ifndef SHOAL_COORDINATOR_ENGINE_UPLOAD_DESK_H_
#define SHOAL_COORDINATOR_ENGINE_UPLOAD_DESK_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/engine/engine_core.h"
#include "protocol/messages.h"

namespace shoal::coordinator {

// As in RoundEngine. Thread-safe.
absl::StatusOr<protocol::UploadProgress> QueryUpload(
    EngineCore& core, const DeviceIdentity& device, absl::string_view token,
    const Digest& digest, absl::Time now);

absl::StatusOr<UploadStart> BeginUpload(EngineCore& core,
                                        const DeviceIdentity& device,
                                        const protocol::UploadHeader& header,
                                        absl::Time now);

absl::StatusOr<absl::Duration> Abandon(EngineCore& core,
                                       const DeviceIdentity& device,
                                       absl::string_view token,
                                       protocol::AbandonReason reason,
                                       absl::Time now);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_UPLOAD_DESK_H_
