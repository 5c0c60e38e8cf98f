// The files of a state folder, as bytes: an unacknowledged upload, and which
// model is the newest.
//
// Upload:  "SHPU" u16 version 1 | sized token | sized task | i64 round id |
//          32 bytes SHA-256 of the update | i64 deadline (microseconds since
//          1970) | u32 CRC-32 of everything before | the update
// Newest:  "SHNM" u16 version 2 | 32 bytes SHA-256 of the model | i64 version |
//          sized task | sized specification (learning/model_spec_bytes.h) |
//          u32 CRC-32 of everything before
// Integers are little-endian, `sized` is a u32 length and the bytes.
#ifndef SHOAL_CLIENT_STATE_FORMATS_H_
#define SHOAL_CLIENT_STATE_FORMATS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/client_state.h"

namespace shoal::client {

std::string EncodeSavedUpload(const PendingUpload& pending,
                              absl::string_view update);
// DATA_LOSS when the bytes are not what the function above makes.
absl::StatusOr<SavedUpload> DecodeSavedUpload(absl::string_view bytes);

std::string EncodeNewestModel(const NewestModel& newest);
// DATA_LOSS when the bytes are not what the function above makes.
absl::StatusOr<NewestModel> DecodeNewestModel(absl::string_view bytes);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_STATE_FORMATS_H_
