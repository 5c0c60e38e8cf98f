#include "base/file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

uint32_t ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(stat(path.c_str(), &info), 0);
  return info.st_mode & 0777;
}

int64_t EntriesOf(const std::string& folder) {
  const std::filesystem::directory_iterator entries(folder);
  return std::distance(begin(entries), end(entries));
}

TEST(FileTest, WrittenFileReadsBack) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a";
  const std::string contents("with a \0 byte", 13);
  SHOAL_ASSERT_OK(WriteFileAtomically(path, contents));
  EXPECT_THAT(ReadFile(path), IsOkAndHolds(contents));
}

TEST(FileTest, LargeFileReadsBack) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a";
  std::string contents(200000, 'x');
  contents[150000] = 'y';
  SHOAL_ASSERT_OK(WriteFileAtomically(path, contents));
  EXPECT_THAT(ReadFile(path), IsOkAndHolds(contents));
}

TEST(FileTest, ReplacedFileHoldsTheNewContentsAlone) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a";
  SHOAL_ASSERT_OK(WriteFileAtomically(path, "the old contents"));
  SHOAL_ASSERT_OK(WriteFileAtomically(path, "new"));
  EXPECT_THAT(ReadFile(path), IsOkAndHolds("new"));
  EXPECT_EQ(EntriesOf(folder.path()), 1);
}

TEST(FileTest, UnsyncedReplacementHoldsTheNewContentsAlone) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a";
  SHOAL_ASSERT_OK(ReplaceFile(path, "the old contents"));
  SHOAL_ASSERT_OK(ReplaceFile(path, "new", 0600));
  EXPECT_THAT(ReadFile(path), IsOkAndHolds("new"));
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_EQ(EntriesOf(folder.path()), 1);
}

TEST(FileTest, ModeIsAsAsked) {
  TemporaryFolder folder;
  SHOAL_ASSERT_OK(WriteFileAtomically(folder.path() + "/key", "k", 0600));
  SHOAL_ASSERT_OK(WriteFileAtomically(folder.path() + "/open", "o"));
  EXPECT_EQ(ModeOf(folder.path() + "/key"), 0600);
  EXPECT_EQ(ModeOf(folder.path() + "/open"), 0644);
}

TEST(FileTest, FailedReplacementLeavesNothingBehind) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a_folder";
  SHOAL_ASSERT_OK(MakeFolders(path));
  EXPECT_THAT(WriteFileAtomically(path, "x"),
              ::testing::Not(IsOk()));  // a folder cannot be replaced
  EXPECT_EQ(EntriesOf(folder.path()), 1);
}

TEST(FileTest, MissingFileIsNotFoundAndNamed) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/missing";
  EXPECT_THAT(ReadFile(path),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr(path), HasSubstr("No such file"))));
}

TEST(FileTest, WriteIntoMissingFolderIsNotFoundAndNamed) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/missing/a";
  EXPECT_THAT(WriteFileAtomically(path, "x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
}

TEST(FileTest, FolderIsNotReadAsAFile) {
  TemporaryFolder folder;
  const absl::StatusOr<std::string> contents = ReadFile(folder.path());
  ASSERT_FALSE(contents.ok());
  EXPECT_THAT(std::string(contents.status().message()),
              HasSubstr(folder.path()));
}

TEST(FileTest, FileLargerThanAllowedIsRefused) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a";
  SHOAL_ASSERT_OK(WriteFileAtomically(path, "12345"));
  EXPECT_THAT(ReadFile(path, 5), IsOkAndHolds("12345"));
  EXPECT_THAT(ReadFile(path, 4),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr(path), HasSubstr("4 bytes"))));
}

TEST(FileTest, FullDiskIsResourceExhausted) {
  for (int error : {ENOSPC, EDQUOT}) {
    EXPECT_THAT(ErrnoStatus(error, "/a/path", "write"),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         HasSubstr("/a/path: write: ")));
  }
}

TEST(FileTest, MakeFoldersMakesParentsAndMayBeRepeated) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a/b/c";
  SHOAL_EXPECT_OK(MakeFolders(path, 0700));
  SHOAL_EXPECT_OK(MakeFolders(path, 0700));
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_EQ(ModeOf(path), 0700);
}

TEST(FileTest, MakeFoldersAcceptsATrailingSlash) {
  TemporaryFolder folder;
  SHOAL_EXPECT_OK(MakeFolders(folder.path() + "/a/b/", 0700));
  EXPECT_EQ(ModeOf(folder.path() + "/a/b"), 0700);
}

TEST(FileTest, MakeFoldersThroughAFileNamesThePath) {
  TemporaryFolder folder;
  const std::string file = folder.path() + "/a";
  SHOAL_ASSERT_OK(WriteFileAtomically(file, "x"));
  const absl::Status status = MakeFolders(file + "/b");
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(file + "/b"));
}

TEST(FileTest, MakeFoldersOverAFileIsRefused) {
  TemporaryFolder folder;
  const std::string file = folder.path() + "/a";
  SHOAL_ASSERT_OK(WriteFileAtomically(file, "x"));
  const absl::Status status = MakeFolders(file);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(file));
}

TEST(TemporaryFolderTest, IsRemovedWithItsContents) {
  std::string path;
  {
    TemporaryFolder folder("facts");
    path = folder.path();
    EXPECT_THAT(path, HasSubstr("/facts."));
    SHOAL_ASSERT_OK(MakeFolders(path + "/a/b"));
    SHOAL_ASSERT_OK(WriteFileAtomically(path + "/a/b/c", "x"));
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TemporaryFolderTest, TwoOfThemDiffer) {
  EXPECT_NE(TemporaryFolder().path(), TemporaryFolder().path());
}

}  // namespace
}  // namespace shoal
