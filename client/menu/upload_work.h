// What it takes to hand an update in, told before it is there.
#ifndef SHOAL_CLIENT_MENU_UPLOAD_WORK_H_
#define SHOAL_CLIENT_MENU_UPLOAD_WORK_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/limits/energy_model.h"
#include "protocol/messages.h"

namespace shoal::client {

// What a device sends and receives for its update of `num_values` values. With
// secure aggregation the bytes of the masked update are exact; those of its
// group's messages are an estimate for one group of the largest size, by the
// lengths of the messages and, where they are signed, certificates of 1 KiB.
// INVALID_ARGUMENT says why such an update cannot be aggregated securely.
absl::StatusOr<Work> UploadWork(const protocol::Plan& plan, int64_t num_values);

// Whether the plan allows so many bytes.
bool MaySend(const protocol::Plan& plan, const Work& upload);

// The memory that masking takes, or noise of the device's own, when nothing but
// the update is there any more; 0 without either. Errors as above, also where
// there is no such noise.
absl::StatusOr<int64_t> MaskingBytes(const protocol::Plan& plan,
                                     int64_t num_values);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_MENU_UPLOAD_WORK_H_
