#include "simulations/journal.h"

#include <string>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;

class JournalTest : public ::testing::Test {
 protected:
  // Two records; returns the bytes after each.
  std::pair<int64_t, int64_t> Write() {
    auto journal = Journal::Create(path_);
    EXPECT_THAT(journal, IsOk());
    (*journal)->Add("one");
    const auto first = (*journal)->Sync();
    (*journal)->Add(std::string("t\0wo", 4));
    const auto second = (*journal)->Sync();
    EXPECT_THAT(second, IsOk());
    return {first.value_or(0), second.value_or(0)};
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/journal";
};

TEST_F(JournalTest, RecordsComeBackInOrder) {
  const auto [first, second] = Write();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto journal, Journal::Open(path_, second));
  EXPECT_THAT(journal->records(), ElementsAre("one", std::string("t\0wo", 4)));
}

TEST_F(JournalTest, WhatCameLaterIsCutOff) {
  const auto [first, second] = Write();
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto journal, Journal::Open(path_, first));
    EXPECT_THAT(journal->records(), ElementsAre("one"));
    journal->Add("three");
    SHOAL_ASSERT_OK(journal->Sync().status());
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(path_));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto journal,
                             Journal::Open(path_, bytes.size()));
  EXPECT_THAT(journal->records(), ElementsAre("one", "three"));
}

TEST_F(JournalTest, DamageIsFound) {
  const auto [first, second] = Write();
  SHOAL_ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(path_));
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    SHOAL_ASSERT_OK(WriteFileAtomically(path_, damaged));
    EXPECT_THAT(Journal::Open(path_, second),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("damaged")))
        << i;
  }
  SHOAL_ASSERT_OK(WriteFileAtomically(path_, bytes.substr(0, first + 1)));
  EXPECT_THAT(Journal::Open(path_, second),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("at least")));
}

TEST_F(JournalTest, OneProcessWorksAtIt) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto journal, Journal::Create(path_));
  EXPECT_THAT(Journal::Create(path_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another process")));
  EXPECT_THAT(journal->records(), SizeIs(0));
}

}  // namespace
}  // namespace shoal::simulations
