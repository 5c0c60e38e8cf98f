#include "client/menu/upload_work.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/update_codec.h"
#include "protocol/secure_update.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using secure_aggregation::CoordinatorTrust;
using ::testing::HasSubstr;
using testing::StatusIs;

protocol::Plan SecurePlan() {
  protocol::Plan plan;
  plan.norm_bound = 10;
  plan.max_examples = 1000;
  plan.secure_aggregation =
      protocol::SecureAggregation{.min_group = 8,
                                  .max_group = 20,
                                  .adversary_fraction = 0.1,
                                  .dropout_fraction = 0.2};
  return plan;
}

TEST(UploadWorkTest, PlainUpdatesAreTheirEncoding) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Work work, UploadWork({}, 1000));
  EXPECT_EQ(work.connections, 1);
  EXPECT_EQ(work.bytes_sent, static_cast<double>(learning::EncodedUpdateBytes(
                                 learning::UpdateCodec::kFloat32, 1000)));
  EXPECT_EQ(work.bytes_received, 0);
  SHOAL_ASSERT_OK_AND_ASSIGN(const int64_t masking, MaskingBytes({}, 1000));
  EXPECT_EQ(masking, 0);
}

TEST(UploadWorkTest, NoiseOfTheDevicesOwnTakesMemoryAndNoBytes) {
  protocol::Plan plan;
  plan.norm_bound = 1;
  plan.device_noise =
      protocol::DeviceNoise{protocol::DeviceNoise::Kind::kLocal, 1};
  SHOAL_ASSERT_OK_AND_ASSIGN(const Work work, UploadWork(plan, 1000));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Work without, UploadWork({}, 1000));
  EXPECT_EQ(work.bytes_sent, without.bytes_sent);
  SHOAL_ASSERT_OK_AND_ASSIGN(const int64_t noise, MaskingBytes(plan, 1000));
  EXPECT_EQ(noise, 8000);  // the values, and as many integers of 32 bits
}

// Values of 16 bits, weights up to 1000 and groups of 20: 2^16 * 1000 * 20 and
// a bit for the sign need 32 bits.
TEST(UploadWorkTest, MaskedUpdatesGrowByTheBitsOfTheRing) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Work small, UploadWork(SecurePlan(), 1000));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Work large, UploadWork(SecurePlan(), 3000));
  EXPECT_NEAR((large.bytes_sent - small.bytes_sent) / 2000, 32.0 / 8, 0.26);
  EXPECT_EQ(large.bytes_received, small.bytes_received);
}

// 8 neighbours; in the complete graph 19.
TEST(UploadWorkTest, MessagesGrowWithTheNeighbours) {
  protocol::Plan plan = SecurePlan();
  SHOAL_ASSERT_OK_AND_ASSIGN(const Work work, UploadWork(plan, 1000));
  EXPECT_EQ(work.bytes_received, 1024 + 8 * 320);
  plan.secure_aggregation->max_group = 40;
  SHOAL_ASSERT_OK_AND_ASSIGN(const Work more, UploadWork(plan, 1000));
  EXPECT_GT(more.bytes_received, work.bytes_received);
  plan.secure_aggregation->max_group = 20;
  plan.secure_aggregation->coordinator = CoordinatorTrust::kMalicious;
  SHOAL_ASSERT_OK_AND_ASSIGN(const Work with_signatures,
                             UploadWork(plan, 1000));
  EXPECT_EQ(with_signatures.bytes_received, 1024 + 19 * (320 + 1600));
  EXPECT_EQ(with_signatures.bytes_sent,
            work.bytes_sent + 1024 + (19 - 8) * 300);
}

TEST(UploadWorkTest, LimitOfBytesIsForAllThatIsSent) {
  protocol::Plan plan = SecurePlan();
  SHOAL_ASSERT_OK_AND_ASSIGN(const Work work, UploadWork(plan, 1000));
  EXPECT_TRUE(MaySend(plan, work));
  plan.limits.upload_bytes = static_cast<int64_t>(work.bytes_sent);
  EXPECT_TRUE(MaySend(plan, work));
  plan.limits.upload_bytes = static_cast<int64_t>(work.bytes_sent) - 1;
  EXPECT_FALSE(MaySend(plan, work));
}

TEST(UploadWorkTest, SettingsThatCannotBeAreSaidToBeSo) {
  protocol::Plan plan = SecurePlan();
  plan.secure_aggregation->bits = 99;
  EXPECT_THAT(UploadWork(plan, 1000),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("99")));
}

// The values, vectors of 4 bytes a value (and 8 for the totals), and twice the
// packed bytes.
TEST(UploadWorkTest, MaskingTakesTheUpdateItsVectorsAndTheUpload) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const int64_t small,
                             MaskingBytes(SecurePlan(), 1000));
  SHOAL_ASSERT_OK_AND_ASSIGN(const int64_t large,
                             MaskingBytes(SecurePlan(), 3000));
  EXPECT_NEAR(static_cast<double>(large - small) / 2000, 4 + 4 + 2 * 4, 0.6);
}

}  // namespace
}  // namespace shoal::client
