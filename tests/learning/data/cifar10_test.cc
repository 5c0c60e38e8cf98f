#include "learning/data/cifar10.h"

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

// A record whose first pixel is (red, green, blue), and whose last one is
// white.
std::string Record(int label, int red, int green, int blue) {
  std::string record(3073, '\0');
  record[0] = static_cast<char>(label);
  record[1] = static_cast<char>(red);
  record[1 + 1024] = static_cast<char>(green);
  record[1 + 2048] = static_cast<char>(blue);
  for (const int plane : {1, 2, 3}) record[plane * 1024] = '\xff';
  return record;
}

class Cifar10Test : public ::testing::Test {
 protected:
  // Batch b has b records of label b; so has the test batch, with 6.
  void WriteAll() {
    for (int batch = 1; batch <= 6; ++batch) {
      std::string bytes;
      for (int i = 0; i < batch; ++i) bytes += Record(batch, i, 51, 102);
      Write(batch == 6 ? "test_batch.bin"
                       : absl::StrCat("data_batch_", batch, ".bin"),
            bytes);
    }
  }
  void Write(const std::string& name, absl::string_view bytes) {
    WriteFile(folder_.path(), name, bytes);
  }

  TemporaryFolder folder_;
};

TEST_F(Cifar10Test, ImagesHaveTheirChannelsLast) {
  WriteAll();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenCifar10(folder_.path()));
  EXPECT_EQ(pool->num_examples(), 15);
  EXPECT_EQ(pool->shape().num_features, 3072);
  EXPECT_EQ(pool->shape().num_classes, 10);
  EXPECT_EQ(pool->shape().image, (std::array<int, 3>{32, 32, 3}));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, pool->Load({1, 2, 12, 14}));
  ASSERT_EQ(data->num_examples(), 4);
  EXPECT_EQ(data->label(0), 2);
  EXPECT_EQ(data->label(2), 5);
  const std::vector<float> image = FeaturesOf(*data, 3);
  EXPECT_EQ(image[0], 4 / 255.0f);
  EXPECT_EQ(image[1], 0.2f);
  EXPECT_EQ(image[2], 0.4f);
  EXPECT_EQ(image[3071], 1);
  EXPECT_EQ(image[3068], 0);
}

TEST_F(Cifar10Test, TheTestBatchIsHeldOut) {
  WriteAll();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenCifar10(folder_.path()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  EXPECT_EQ(test->num_examples(), 6);
  EXPECT_EQ(test->label(5), 6);
}

TEST_F(Cifar10Test, WhatIsWrongIsSaid) {
  EXPECT_THAT(
      OpenCifar10(folder_.path()),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("data_batch_1.bin")));
  WriteAll();
  Write("data_batch_3.bin", std::string(3074, '\0'));
  EXPECT_THAT(OpenCifar10(folder_.path()),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("3074 bytes, expected a multiple of 3073")));
  Write("data_batch_3.bin", "");
  EXPECT_THAT(OpenCifar10(folder_.path()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("0 bytes")));
  Write("data_batch_3.bin", Record(10, 0, 0, 0));
  EXPECT_THAT(OpenCifar10(folder_.path()),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("label 10 of record 0, expected 0 to 9")));
}

}  // namespace
}  // namespace shoal::learning
