#include "base/mapped_file.h"

#include <filesystem>
#include <string>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

TEST(MappedFileTest, ShowsTheBytesEvenWhenTheFileIsReplacedOrRemoved) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/file";
  SHOAL_ASSERT_OK(ReplaceFile(path, "before"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto file, MappedFile::Open(path));
  EXPECT_EQ(file->bytes(), "before");
  SHOAL_ASSERT_OK(ReplaceFile(path, "after"));
  EXPECT_EQ(file->bytes(), "before");
  std::filesystem::remove(path);
  EXPECT_EQ(file->bytes(), "before");
}

TEST(MappedFileTest, EmptyFileHasNoBytes) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/empty";
  SHOAL_ASSERT_OK(ReplaceFile(path, ""));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto file, MappedFile::Open(path));
  EXPECT_EQ(file->bytes(), "");
}

TEST(MappedFileTest, MissingFileIsNotFoundByName) {
  EXPECT_THAT(
      MappedFile::Open("/nowhere/model"),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere/model")));
}

TEST(MappedFileTest, FolderCannotBeMapped) {
  const TemporaryFolder folder;
  EXPECT_FALSE(MappedFile::Open(folder.path()).ok());
}

}  // namespace
}  // namespace shoal
