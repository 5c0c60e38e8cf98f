#include "learning/data/input_file.h"

#include "base/file.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

// Enough for several of zlib's buffers, and hard to compress.
std::string Noise() {
  SeededRng rng(1);
  std::string noise(300000, '\0');
  for (char& c : noise) c = static_cast<char>(rng.Uint64());
  return noise;
}

std::string ReadAll(InputFile& file, size_t size) {
  std::string out(size, '\0');
  SHOAL_EXPECT_OK(file.Read(absl::MakeSpan(out.data(), size), "all of it"));
  return out;
}

class InputFileTest : public ::testing::TestWithParam<bool> {
 protected:
  std::string Write(absl::string_view contents) {
    return WriteFile(folder_.path(), "file",
                     GetParam() ? Gzip(contents) : std::string(contents));
  }
  TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(All, InputFileTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Gzipped" : "Plain";
                         });

TEST_P(InputFileTest, ReadsWhatWasWritten) {
  const std::string noise = Noise();
  SHOAL_ASSERT_OK_AND_ASSIGN(InputFile file, InputFile::Open(Write(noise)));
  EXPECT_EQ(file.gzipped(), GetParam());
  EXPECT_EQ(ReadAll(file, noise.size()), noise);
  SHOAL_EXPECT_OK(file.ExpectEnd());
}

TEST_P(InputFileTest, SkipsForward) {
  const std::string noise = Noise();
  SHOAL_ASSERT_OK_AND_ASSIGN(InputFile file, InputFile::Open(Write(noise)));
  EXPECT_EQ(ReadAll(file, 7), noise.substr(0, 7));
  SHOAL_ASSERT_OK(file.Skip(250000, "the middle"));
  EXPECT_EQ(ReadAll(file, 5), noise.substr(250007, 5));
  SHOAL_ASSERT_OK(file.Skip(noise.size() - 250012, "the rest"));
  SHOAL_EXPECT_OK(file.ExpectEnd());
}

TEST_P(InputFileTest, ReadingBeyondTheEndIsDataLoss) {
  SHOAL_ASSERT_OK_AND_ASSIGN(InputFile file, InputFile::Open(Write("abc")));
  char out[4];
  EXPECT_THAT(file.Read(absl::MakeSpan(out), "the header"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("/file: truncated: it ends in the header "
                                 "(3 of 4 bytes are there)")));
}

TEST_P(InputFileTest, SkippingBeyondTheEndIsDataLoss) {
  SHOAL_ASSERT_OK_AND_ASSIGN(InputFile file, InputFile::Open(Write("abc")));
  EXPECT_THAT(file.Skip(4, "row 1"), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(InputFileTest, BytesBehindTheExpectedEndAreDataLoss) {
  SHOAL_ASSERT_OK_AND_ASSIGN(InputFile file, InputFile::Open(Write("abc")));
  SHOAL_ASSERT_OK(file.Skip(2, "two bytes"));
  EXPECT_THAT(file.ExpectEnd(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("bytes follow")));
}

TEST(InputFile, MissingFileIsNotFound) {
  TemporaryFolder folder;
  EXPECT_THAT(
      InputFile::Open(folder.path() + "/absent"),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("/absent: open")));
}

TEST(InputFile, FolderInPlaceOfAFileIsAnError) {
  TemporaryFolder folder;
  SHOAL_ASSERT_OK_AND_ASSIGN(InputFile file, InputFile::Open(folder.path()));
  char out[4];
  EXPECT_FALSE(file.Read(absl::MakeSpan(out), "the header").ok());
}

TEST(InputFile, TruncatedGzipStreamIsDataLoss) {
  TemporaryFolder folder;
  const std::string noise = Noise();
  std::string packed = Gzip(noise);
  packed.resize(packed.size() / 2);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      InputFile file, InputFile::Open(WriteFile(folder.path(), "a", packed)));
  std::string out(noise.size(), '\0');
  EXPECT_THAT(file.Read(absl::MakeSpan(out.data(), out.size()), "it"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no end")));
}

TEST(InputFile, GzipStreamWithoutItsTrailerIsDataLoss) {
  TemporaryFolder folder;
  std::string packed = Gzip("hello");
  packed.resize(packed.size() - 8);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      InputFile file, InputFile::Open(WriteFile(folder.path(), "a", packed)));
  SHOAL_ASSERT_OK(file.Skip(5, "it"));
  EXPECT_THAT(file.ExpectEnd(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(InputFile, GzipStreamWithAWrongChecksumIsDataLoss) {
  TemporaryFolder folder;
  std::string packed = Gzip("hello");
  packed[packed.size() - 8] ^= 1;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      InputFile file, InputFile::Open(WriteFile(folder.path(), "a", packed)));
  char out[5];
  // zlib may tell at once or at the end.
  const absl::Status read = file.Read(absl::MakeSpan(out), "it");
  EXPECT_THAT(read.ok() ? file.ExpectEnd() : read,
              StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace shoal::learning
