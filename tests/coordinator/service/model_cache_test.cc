#include "coordinator/service/model_cache.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/messages.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;

constexpr int64_t kChunk = protocol::kMaxChunkBytes;

// Models by digest; counts how often it is read.
class ModelCacheTest : public ::testing::Test {
 protected:
  ModelCache MakeCache(int64_t max_bytes) {
    return ModelCache(
        [this](const Digest& digest,
               int64_t offset) -> absl::StatusOr<std::string> {
          ++reads_;
          if (!(digest == digest_)) return absl::NotFoundError("no model");
          if (offset > static_cast<int64_t>(model_.size())) {
            return absl::OutOfRangeError("beyond the end");
          }
          return model_.substr(offset, kChunk);
        },
        max_bytes);
  }

  // Reads as a stream does, from `offset` to the end.
  std::string ReadAll(ModelCache& cache, int64_t offset) {
    std::string all;
    while (true) {
      const auto bytes = cache.Read(digest_, offset + all.size());
      if (!bytes.ok() || bytes->data.empty()) return all;
      all += std::string(bytes->data);
    }
  }

  const std::string model_ = std::string(kChunk, 'a') +
                             std::string(kChunk, 'b') + std::string(100, 'c');
  const Digest digest_ = Sha256(model_);
  int reads_ = 0;
};

TEST_F(ModelCacheTest, ModelIsReadOnceAndServedOften) {
  ModelCache cache = MakeCache(10 * kChunk);
  EXPECT_EQ(ReadAll(cache, 0), model_);
  EXPECT_EQ(ReadAll(cache, 0), model_);
  EXPECT_EQ(reads_, 3);
}

TEST_F(ModelCacheTest, TransfersResumeAtAnyOffset) {
  ModelCache cache = MakeCache(10 * kChunk);
  for (const int64_t offset :
       {int64_t{1}, kChunk - 1, kChunk, kChunk + 7, 2 * kChunk + 99}) {
    EXPECT_EQ(ReadAll(cache, offset), model_.substr(offset)) << offset;
  }
}

TEST_F(ModelCacheTest, EndIsEmpty) {
  ModelCache cache = MakeCache(10 * kChunk);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto bytes,
                             cache.Read(digest_, model_.size()));
  EXPECT_TRUE(bytes.data.empty());
}

TEST_F(ModelCacheTest, ErrorsPassAndAreNotKept) {
  ModelCache cache = MakeCache(10 * kChunk);
  EXPECT_THAT(cache.Read(Sha256("other"), 0).status(),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache.Read(Sha256("other"), 0).status(),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(reads_, 2);
}

TEST_F(ModelCacheTest, LeastRecentlyUsedChunksGoFirst) {
  ModelCache cache = MakeCache(2 * kChunk);
  SHOAL_ASSERT_OK(cache.Read(digest_, 0).status());
  SHOAL_ASSERT_OK(cache.Read(digest_, kChunk).status());
  SHOAL_ASSERT_OK(cache.Read(digest_, 0).status());           // 1 is older now
  SHOAL_ASSERT_OK(cache.Read(digest_, 2 * kChunk).status());  // drops 1
  EXPECT_EQ(reads_, 3);
  SHOAL_ASSERT_OK(cache.Read(digest_, 0).status());
  EXPECT_EQ(reads_, 3);
  SHOAL_ASSERT_OK(cache.Read(digest_, kChunk).status());
  EXPECT_EQ(reads_, 4);
}

TEST_F(ModelCacheTest, DroppedChunksStayWithTheirReaders) {
  ModelCache cache = MakeCache(kChunk);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto first, cache.Read(digest_, 0));
  SHOAL_ASSERT_OK(cache.Read(digest_, kChunk).status());
  EXPECT_EQ(first.data, model_.substr(0, kChunk));
}

TEST_F(ModelCacheTest, CacheWithoutRoomStillServes) {
  ModelCache cache = MakeCache(0);
  EXPECT_EQ(ReadAll(cache, 0), model_);
}

}  // namespace
}  // namespace shoal::coordinator
