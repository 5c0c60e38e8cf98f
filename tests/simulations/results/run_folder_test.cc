#include "simulations/results/run_folder.h"

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using std::filesystem::exists;

class RunFolderTest : public ::testing::Test {
 protected:
  RunFolderTest() {
    if (const char* was = getenv("TMPDIR")) outside_ = was;
    setenv("TMPDIR", parent_.path().c_str(), 1);
  }
  ~RunFolderTest() override {
    outside_.empty() ? unsetenv("TMPDIR")
                     : setenv("TMPDIR", outside_.c_str(), 1);
  }

  static std::unique_ptr<RunFolder> Make() {
    auto folder = RunFolder::Make("run");
    EXPECT_THAT(folder, ::shoal::testing::IsOk());
    return *std::move(folder);
  }
  // As a run that was killed leaves it: a lock that nobody holds.
  static std::string MakeDead() {
    const auto folder = Make();
    folder->Keep();
    return folder->path();
  }

  const TemporaryFolder parent_;
  std::string outside_;  // $TMPDIR before the test
};

TEST_F(RunFolderTest, FolderEndsWithItsObject) {
  std::string path;
  {
    const auto folder = Make();
    path = folder->path();
    EXPECT_TRUE(exists(path));
  }
  EXPECT_FALSE(exists(path));
}

TEST_F(RunFolderTest, DeadFolderIsRemovedByTheNextRun) {
  const std::string dead = MakeDead();
  SHOAL_ASSERT_OK(WriteFileAtomically(dead + "/shoald.log", "x"));
  const auto next = Make();
  EXPECT_FALSE(exists(dead));
  EXPECT_TRUE(exists(next->path()));
}

TEST_F(RunFolderTest, FolderInUseIsSpared) {
  const auto running = Make();
  const auto next = Make();
  EXPECT_TRUE(exists(running->path()));
  EXPECT_NE(running->path(), next->path());
}

TEST_F(RunFolderTest, WhatIsNotARunsIsSpared) {
  const std::string unlocked = parent_.path() + "/run.unlocked";
  const std::string other = parent_.path() + "/runner.x";
  const std::string file = parent_.path() + "/run.file";
  const std::string target = parent_.path() + "/target";
  const std::string link = parent_.path() + "/run.link";
  SHOAL_ASSERT_OK(MakeFolders(unlocked));
  SHOAL_ASSERT_OK(MakeFolders(other));
  SHOAL_ASSERT_OK(MakeFolders(target));
  SHOAL_ASSERT_OK(WriteFileAtomically(other + "/lock", ""));
  SHOAL_ASSERT_OK(WriteFileAtomically(target + "/lock", ""));
  SHOAL_ASSERT_OK(WriteFileAtomically(file, ""));
  std::filesystem::create_symlink(target, link);
  const auto folder = Make();
  for (const std::string& path :
       {unlocked, other + "/lock", file, target + "/lock", link}) {
    EXPECT_TRUE(exists(path)) << path;
  }
}

TEST_F(RunFolderTest, AbsentParentIsNamed) {
  setenv("TMPDIR", "/no/such/folder", 1);
  EXPECT_THAT(
      RunFolder::Make("run"),
      ::shoal::testing::StatusIs(absl::StatusCode::kNotFound,
                                 ::testing::HasSubstr("/no/such/folder/run.")));
}

}  // namespace
}  // namespace shoal::simulations
