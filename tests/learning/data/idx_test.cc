#include "learning/data/idx.h"

#include <array>
#include <numeric>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::DataDir;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string BigEndian(uint32_t x) {
  return {static_cast<char>(x >> 24), static_cast<char>(x >> 16),
          static_cast<char>(x >> 8), static_cast<char>(x)};
}

std::string Labels(absl::string_view labels, uint32_t magic = 2049) {
  return absl::StrCat(BigEndian(magic), BigEndian(labels.size()), labels);
}

// Images of 1 x 2 pixels.
std::string Images(absl::string_view pixels, uint32_t magic = 2051) {
  return absl::StrCat(BigEndian(magic), BigEndian(pixels.size() / 2),
                      BigEndian(1), BigEndian(2), pixels);
}

class IdxTest : public ::testing::Test {
 protected:
  IdxTest() {
    Write("train-images-idx3-ubyte",
          Images(std::string("\x00\xff\x33\x66\x01\x02", 6)));
    Write("train-labels-idx1-ubyte", Labels(std::string("\x03\x00\x09", 3)));
    Write("t10k-images-idx3-ubyte", Images("\xff\xff"));
    Write("t10k-labels-idx1-ubyte", Labels("\x05"));
  }
  void Write(const std::string& name, absl::string_view contents) {
    WriteFile(folder_.path(), name, contents);
  }
  auto Open() { return OpenIdx(folder_.path()); }
  absl::Status OpenError() { return Open().status(); }

  TemporaryFolder folder_;
};

TEST_F(IdxTest, ReadsLabelsAndPixels) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
  EXPECT_EQ(pool->shape().num_features, 2);
  EXPECT_EQ(pool->shape().num_classes, 10);
  EXPECT_EQ(pool->shape().natural_devices, 0);
  EXPECT_THAT(pool->groups(), ElementsAre(3, 0, 9));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, pool->Load({0, 1}));
  ASSERT_EQ(data->num_examples(), 2);
  EXPECT_EQ(data->label(0), 3);
  EXPECT_THAT(FeaturesOf(*data, 0), ElementsAre(0, 1));
  EXPECT_THAT(FeaturesOf(*data, 1), ElementsAre(0x33 / 255.0f, 0x66 / 255.0f));
}

TEST_F(IdxTest, TestExamplesAreTheT10kFiles) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  ASSERT_EQ(test->num_examples(), 1);
  EXPECT_EQ(test->label(0), 5);
  EXPECT_THAT(FeaturesOf(*test, 0), ElementsAre(1, 1));
}

TEST_F(IdxTest, GzippedFilesAreReadToo) {
  for (const char* name :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    const std::string path = absl::StrCat(folder_.path(), "/", name);
    SHOAL_ASSERT_OK_AND_ASSIGN(const std::string plain, ReadFile(path));
    std::filesystem::remove(path);
    Write(absl::StrCat(name, ".gz"), Gzip(plain));
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
  EXPECT_THAT(pool->groups(), ElementsAre(3, 0, 9));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, pool->Load({1}));
  EXPECT_THAT(FeaturesOf(*data, 0), ElementsAre(0x33 / 255.0f, 0x66 / 255.0f));
}

TEST_F(IdxTest, MissingFileIsNamed) {
  std::filesystem::remove(folder_.path() + "/t10k-labels-idx1-ubyte");
  EXPECT_THAT(OpenError(),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("neither t10k-labels-idx1-ubyte nor "
                                 "t10k-labels-idx1-ubyte.gz is there")));
}

TEST_F(IdxTest, WrongMagicNumberIsNamedWithTheExpectedOne) {
  Write("train-labels-idx1-ubyte", Labels("\x01\x02\x03", 2051));
  EXPECT_THAT(OpenError(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("train-labels-idx1-ubyte: magic number 2051, "
                                 "expected 2049")));
}

TEST_F(IdxTest, ImagesInPlaceOfLabelsAreRefused) {
  Write("train-images-idx3-ubyte", Labels("\x01\x02\x03"));
  EXPECT_THAT(OpenError(), StatusIs(absl::StatusCode::kDataLoss,
                                    HasSubstr("magic number 2049, expected "
                                              "2051 (IDX images)")));
}

TEST_F(IdxTest, CountsThatDisagreeAreNamed) {
  Write("train-labels-idx1-ubyte", Labels("\x01\x02"));
  EXPECT_THAT(OpenError(), StatusIs(absl::StatusCode::kDataLoss,
                                    HasSubstr("3 images, but "
                                              "train-labels-idx1-ubyte has 2 "
                                              "labels")));
}

TEST_F(IdxTest, LabelAboveNineIsNamed) {
  Write("train-labels-idx1-ubyte", Labels("\x01\x0a\x03"));
  EXPECT_THAT(OpenError(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("label 10 of example 1, expected 0 to 9")));
}

TEST_F(IdxTest, TruncatedLabelsAreRefused) {
  Write("train-labels-idx1-ubyte", Labels("\x01\x02\x03").substr(0, 10));
  EXPECT_THAT(OpenError(), StatusIs(absl::StatusCode::kDataLoss,
                                    HasSubstr("truncated: it ends in the "
                                              "labels (2 of 3 bytes")));
}

TEST_F(IdxTest, EmptyFileIsRefused) {
  Write("train-labels-idx1-ubyte", "");
  EXPECT_THAT(OpenError(), StatusIs(absl::StatusCode::kDataLoss,
                                    HasSubstr("it ends in the header")));
}

TEST_F(IdxTest, BytesBehindTheLabelsAreRefused) {
  Write("train-labels-idx1-ubyte", Labels("\x01\x02\x03") + "x");
  EXPECT_THAT(OpenError(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("bytes follow")));
}

TEST_F(IdxTest, TruncatedAndTooLongImagesAreRefused) {
  Write("train-images-idx3-ubyte", Images("abcdef").substr(0, 21));
  EXPECT_THAT(OpenError(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("truncated: 21 bytes, expected 22")));
  Write("train-images-idx3-ubyte", Images("abcdef") + "g");
  EXPECT_THAT(OpenError(), StatusIs(absl::StatusCode::kDataLoss,
                                    HasSubstr("too long: 23 bytes")));
}

TEST_F(IdxTest, TruncatedGzippedImagesAreRefusedWhenTheyAreLoaded) {
  std::filesystem::remove(folder_.path() + "/train-images-idx3-ubyte");
  std::string packed = Gzip(Images("abcdef"));
  packed.resize(packed.size() - 4);
  Write("train-images-idx3-ubyte.gz", packed);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
  EXPECT_THAT(pool->Load({0}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("truncated")));
}

TEST_F(IdxTest, ImpossibleImageSizeIsRefused) {
  Write("train-images-idx3-ubyte",
        absl::StrCat(BigEndian(2051), BigEndian(3), BigEndian(0xffffffff),
                     BigEndian(2), "abcdef"));
  EXPECT_THAT(OpenError(), StatusIs(absl::StatusCode::kDataLoss,
                                    HasSubstr("4294967295 rows")));
}

TEST_F(IdxTest, TestImagesOfAnotherSizeAreRefused) {
  Write("t10k-images-idx3-ubyte",
        absl::StrCat(BigEndian(2051), BigEndian(1), BigEndian(2), BigEndian(2),
                     "abcd"));
  EXPECT_THAT(OpenError(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("images of 2 x 2, but the training images "
                                 "are 1 x 2")));
}

TEST_F(IdxTest, DigestThatDiffersIsRefused) {
  Write("SHA256SUMS", std::string(64, '0') + "  train-labels-idx1-ubyte\n");
  EXPECT_THAT(OpenError(), StatusIs(absl::StatusCode::kDataLoss,
                                    HasSubstr("its SHA-256 is")));
}

TEST(Mnist, LabelCountsAndMeanPixelAreThePublishedOnes) {
  const std::string folder = DataDir() + "/mnist";
  SHOAL_SKIP_WITHOUT(folder);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenIdx(folder));
  std::array<int, 10> counts{};
  for (int32_t label : pool->groups()) ++counts[label];
  EXPECT_THAT(counts, ElementsAre(5923, 6742, 5958, 6131, 5842, 5421, 5918,
                                  6265, 5851, 5949));
  std::vector<int64_t> all(60000);
  std::iota(all.begin(), all.end(), int64_t{0});
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto train, pool->Load(all));
  std::vector<float> features(784);
  double sum = 0;
  for (int64_t i = 0; i < train->num_examples(); ++i) {
    train->CopyFeatures(i, absl::MakeSpan(features));
    sum += std::accumulate(features.begin(), features.end(), 0.0);
  }
  EXPECT_NEAR(sum / (60000.0 * 784), 0.1307, 0.00005);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  EXPECT_EQ(test->num_examples(), 10000);
  EXPECT_EQ(test->label(0), 7);
}

// Two rows of three pixels lie in the file as three of two.
TEST(EmnistTest, ImagesAreLoadedUpright) {
  TemporaryFolder folder;
  const auto write = [&](const std::string& half, absl::string_view labels) {
    const std::string name = absl::StrCat("emnist-letters-", half);
    WriteFile(
        folder.path(), name + "-images-idx3-ubyte",
        absl::StrCat(BigEndian(2051), BigEndian(labels.size()), BigEndian(3),
                     BigEndian(2), "\x01\x02\x03\x04", "\x05\x06"));
    WriteFile(folder.path(), name + "-labels-idx1-ubyte", Labels(labels));
  };
  write("train", "\x01");
  write("test", "\x1a");
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool,
                             OpenEmnist(folder.path(), "letters"));
  EXPECT_EQ(pool->shape().num_classes, 26);
  EXPECT_EQ(pool->shape().image, (std::array<int, 3>{2, 3, 1}));
  EXPECT_TRUE(pool->owners().empty());
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, pool->Load({0}));
  EXPECT_EQ(data->label(0), 0);
  EXPECT_THAT(FeaturesOf(*data, 0),
              ElementsAre(1 / 255.0f, 3 / 255.0f, 5 / 255.0f, 2 / 255.0f,
                          4 / 255.0f, 6 / 255.0f));
  EXPECT_EQ(pool->LoadTest().value()->label(0), 25);
  write("train", std::string(1, '\0'));
  EXPECT_THAT(OpenEmnist(folder.path(), "letters"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("label 0 of example 0, expected 1 to 26")));
}

TEST(EmnistTest, SplitsAreKnownByName) {
  EXPECT_THAT(OpenEmnist("/nowhere", "byclass"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("emnist-byclass-train-images-idx3-ubyte")));
  EXPECT_THAT(OpenEmnist("/nowhere", "cats"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no split 'cats', expected byclass")));
}

}  // namespace
}  // namespace shoal::learning
