#include "coordinator/service/disk_spool.h"

#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

class DiskSpoolTest : public ::testing::Test {
 protected:
  // Uploads above 250 bytes go to disk.
  DiskSpoolTest() {
    options_.folder = folder_.path() + "/spool";
    options_.memory_bytes = 1000;
    options_.disk_bytes = 10'000;
  }

  std::unique_ptr<UploadSpool> Make() {
    auto spool = MakeDiskSpool(options_);
    EXPECT_THAT(spool, ::shoal::testing::IsOk());
    return *std::move(spool);
  }

  int FilesLeft() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(options_.folder)) {
      ++count;
    }
    return count;
  }

  const TemporaryFolder folder_;
  DiskSpoolOptions options_;
};

// Sizes on both sides of the bound: in memory and on disk.
class DiskSpoolBytesTest : public DiskSpoolTest,
                           public ::testing::WithParamInterface<int> {};

TEST_P(DiskSpoolBytesTest, BytesComeBackInOrder) {
  const auto spool = Make();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(GetParam()));
  std::string all;
  while (static_cast<int>(all.size()) < GetParam()) {
    const std::string piece(50, static_cast<char>('a' + all.size() / 50));
    SHOAL_ASSERT_OK(upload->Append(piece));
    all += piece;
    EXPECT_THAT(upload->View(), IsOkAndHolds(all));
  }
  EXPECT_EQ(upload->size(), GetParam());
}

TEST_P(DiskSpoolBytesTest, ViewIsAligned) {
  const auto spool = Make();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(GetParam()));
  SHOAL_ASSERT_OK(upload->Append("12345"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const absl::string_view view, upload->View());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(view.data()) % 8, 0u);
}

TEST_P(DiskSpoolBytesTest, EmptyUploadHasAnEmptyView) {
  const auto spool = Make();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(GetParam()));
  EXPECT_THAT(upload->View(), IsOkAndHolds(""));
}

TEST_P(DiskSpoolBytesTest, NothingGrowsBeyondItsReservation) {
  const auto spool = Make();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(GetParam()));
  SHOAL_ASSERT_OK(upload->Append("x"));
  EXPECT_THAT(upload->Append(std::string(GetParam(), 'y')),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(upload->View(), IsOkAndHolds("x"));
}

INSTANTIATE_TEST_SUITE_P(Sizes, DiskSpoolBytesTest,
                         ::testing::Values(200, 1000), [](const auto& info) {
                           return info.param == 200 ? "Memory" : "Disk";
                         });

TEST_F(DiskSpoolTest, SpaceIsGivenBackWhenAnUploadDies) {
  options_.memory_bytes = 0;
  const auto spool = Make();
  for (int i = 0; i < 100; ++i) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(10'000));
  }
}

TEST_F(DiskSpoolTest, BeyondMemoryUploadsGoToDiskAndBeyondDiskTheyAreRefused) {
  options_.disk_bytes = 200;
  const auto spool = Make();
  std::vector<std::unique_ptr<SpooledUpload>> held;
  for (int i = 0; i < 6; ++i) {  // five in memory, one on disk
    SHOAL_ASSERT_OK_AND_ASSIGN(auto upload, spool->Create(200));
    held.push_back(std::move(upload));
  }
  EXPECT_THAT(spool->Create(200),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("no room for an upload of 200 bytes")));
}

TEST_F(DiskSpoolTest, UploadOfATerabyteIsRefusedWithoutOverflow) {
  const auto spool = Make();
  EXPECT_THAT(spool->Create(int64_t{1} << 40),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(spool->Create(INT64_MAX),
              StatusIs(absl::StatusCode::kResourceExhausted));
  SHOAL_EXPECT_OK(spool->Create(100));
}

TEST_F(DiskSpoolTest, FilesHaveNoNameWhileTheyAreUsed) {
  const auto spool = Make();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(5000));
  SHOAL_ASSERT_OK(upload->Append("x"));
  EXPECT_EQ(FilesLeft(), 0);
}

TEST_F(DiskSpoolTest, LeftoversOfACrashAreRemovedAndNothingElse) {
  SHOAL_ASSERT_OK(MakeFolders(options_.folder));
  SHOAL_ASSERT_OK(
      WriteFileAtomically(options_.folder + "/upload-7.part", "old"));
  SHOAL_ASSERT_OK(WriteFileAtomically(options_.folder + "/notes.txt", "mine"));
  const auto spool = Make();
  EXPECT_EQ(FilesLeft(), 1);
  EXPECT_TRUE(std::filesystem::exists(options_.folder + "/notes.txt"));
}

TEST_F(DiskSpoolTest, UploadsMayOutliveTheSpool) {
  auto spool = Make();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(5000));
  spool.reset();
  SHOAL_ASSERT_OK(upload->Append("x"));
  EXPECT_THAT(upload->View(), IsOkAndHolds("x"));
}

// The limit on the size of files stands in for a full disk: writes stop
// halfway in the same way.
TEST_F(DiskSpoolTest, FailedWriteAddsNothing) {
  const auto spool = Make();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(5000));
  SHOAL_ASSERT_OK(upload->Append(std::string(100, 'a')));
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {150, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = upload->Append(std::string(100, 'b'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(upload->View(), IsOkAndHolds(std::string(100, 'a')));
  SHOAL_ASSERT_OK(upload->Append("c"));
  EXPECT_THAT(upload->View(), IsOkAndHolds(std::string(100, 'a') + "c"));
}

}  // namespace
}  // namespace shoal::coordinator
