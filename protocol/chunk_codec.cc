#include "protocol/chunk_codec.h"

#include <utility>

#include "base/digest.h"
#include "base/wire_format.h"
#include "protocol/codec.h"

namespace shoal::protocol {
namespace {

// Of UploadRequest.
constexpr int kHeaderField = 1;
constexpr int kChunkField = 2;
// Of UploadChunk and, the first two, of ModelChunk.
constexpr int kOffsetField = 1;
constexpr int kDataField = 2;
constexpr int kCrc32Field = 3;

}  // namespace

std::string UploadHeaderRequest(const UploadHeader& header) {
  WireWriter request;
  request.Bytes(kHeaderField, ToSchema(header).Serialize());
  return std::move(request).Take();
}

std::string UploadChunkPrefix(int64_t offset, absl::string_view data) {
  // The data come last, after fields of higher numbers: their order is free.
  WireWriter chunk;
  chunk.Int(kOffsetField, offset);
  chunk.Fixed32(kCrc32Field, Crc32(data));
  chunk.BytesToFollow(kDataField, data.size());
  const std::string prefix = std::move(chunk).Take();
  WireWriter request;
  request.BytesToFollow(kChunkField, prefix.size() + data.size());
  return std::move(request).Take() + prefix;
}

absl::StatusOr<ModelChunk> ModelChunkFrom(absl::string_view bytes) {
  ModelChunk chunk;
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(field)) {
    if (field.number == kOffsetField && field.type == WireType::kVarint) {
      chunk.offset = field.value;
    } else if (field.number == kDataField && field.type == WireType::kBytes) {
      chunk.data = field.bytes;
    }
  }
  if (reader.ok()) return chunk;
  return absl::InternalError(
      "the coordinator sent a part of the model that is not encoded as "
      "protobuf does");
}

}  // namespace shoal::protocol
