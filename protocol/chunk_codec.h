// Chunks of models and updates along the schema, without protobuf and without
// copies of their data, which is too large for a schema::Message.
#ifndef SHOAL_PROTOCOL_CHUNK_CODEC_H_
#define SHOAL_PROTOCOL_CHUNK_CODEC_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "protocol/messages.h"

namespace shoal::protocol {

// An UploadRequest with a header, serialised.
std::string UploadHeaderRequest(const UploadHeader& header);

// An UploadRequest with a chunk is this and `data` behind it.
std::string UploadChunkPrefix(int64_t offset, absl::string_view data);

// A part of a model.
struct ModelChunk {
  uint64_t offset = 0;
  absl::string_view data;
};

// `bytes` must outlive the chunk. INTERNAL when they are no ModelChunk. Fields
// that are not known are passed over.
absl::StatusOr<ModelChunk> ModelChunkFrom(absl::string_view bytes);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_CHUNK_CODEC_H_
