#include "protocol/chunk_codec.h"

#include "base/digest.h"
#include "gtest/gtest.h"
#include "protocol/wire.h"
#include "shoal/v1/fleet.pb.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::shoal::testing::StatusIs;

TEST(ChunkCodecTest, ChunksAreWhatProtobufReads) {
  for (const int64_t offset : {int64_t{0}, int64_t{1} << 40}) {
    const std::string data(300, 'd');
    v1::UploadRequest request;
    ASSERT_TRUE(
        request.ParseFromString(UploadChunkPrefix(offset, data) + data));
    EXPECT_EQ(request.chunk().offset(), static_cast<uint64_t>(offset));
    EXPECT_EQ(request.chunk().data(), data);
    EXPECT_EQ(request.chunk().crc32(), Crc32(data));
  }
}

TEST(ChunkCodecTest, HeadersAreWhatProtobufReads) {
  const UploadHeader header = {"token", Sha256("update"), 700, 300};
  v1::UploadRequest request;
  ASSERT_TRUE(request.ParseFromString(UploadHeaderRequest(header)));
  EXPECT_EQ(request.header().SerializeAsString(),
            ToProto(header).SerializeAsString());
}

TEST(ChunkCodecTest, ChunksOfModelsComeBack) {
  v1::ModelChunk proto;
  proto.set_offset(4096);
  proto.set_data("bytes of a model");
  const std::string bytes = proto.SerializeAsString();
  SHOAL_ASSERT_OK_AND_ASSIGN(const ModelChunk chunk, ModelChunkFrom(bytes));
  EXPECT_EQ(chunk.offset, 4096u);
  EXPECT_EQ(chunk.data, "bytes of a model");
}

TEST(ChunkCodecTest, EmptyChunkIsTheFirstAndHoldsNothing) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const ModelChunk chunk, ModelChunkFrom(""));
  EXPECT_EQ(chunk.offset, 0u);
  EXPECT_EQ(chunk.data, "");
}

TEST(ChunkCodecTest, BytesThatAreNoChunkAreRefused) {
  EXPECT_THAT(ModelChunkFrom("\x12\x07test"),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace shoal::protocol
