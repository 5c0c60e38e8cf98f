#include "coordinator/store/ledger_log.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

LedgerEntry ChargeNamed(const std::string& name) {
  return LedgerCharge{
      name, "epsilon=1", {0, "writers", "digits", 7, "gaussian", Now()}};
}

LedgerEntry ReleaseOf(int64_t round) {
  return LedgerRelease{"digits", round, Sha256(std::to_string(round))};
}

class LedgerLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<LedgerLog> Create() {
    return Require(LedgerLog::Create(path_, "0123abcd", {}));
  }
  std::string Bytes() { return Require(ReadFile(path_)); }
  void SetBytes(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }
  // Names of charges and rounds of releases.
  std::vector<std::string> Entries() {
    std::vector<std::string> texts;
    for (const LedgerLine& line : Require(LedgerLog::Open(path_)).lines) {
      const auto* charge = std::get_if<LedgerCharge>(&line.entry);
      texts.push_back(charge != nullptr ? charge->name
                                        : std::to_string(RoundOf(line.entry)));
    }
    return texts;
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/store.db.ledger";
};

TEST_F(LedgerLogTest, EntriesComeBackWithEveryField) {
  LedgerCharge charge;
  charge.name = "beef";
  charge.budget = "epsilon=8 delta=1e-05";
  charge.row.population = "the\tpopulation\n";
  charge.row.task = "";
  charge.row.round_id = 1'000'000'000'000;
  charge.row.event = std::string("\0\t\r\n\\\xff\x7f 'a' \"b\"", 16);
  charge.row.charged = Now();
  {
    const auto log = Create();
    SHOAL_ASSERT_OK(log->Append({charge, ReleaseOf(12)}));
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const LedgerLog::Contents read,
                             LedgerLog::Open(path_));
  EXPECT_EQ(read.log->database(), "0123abcd");
  ASSERT_EQ(read.lines.size(), 2u);
  const auto& back = std::get<LedgerCharge>(read.lines[0].entry);
  EXPECT_EQ(back.name, charge.name);
  EXPECT_EQ(back.budget, charge.budget);
  EXPECT_EQ(back.row.population, charge.row.population);
  EXPECT_EQ(back.row.task, charge.row.task);
  EXPECT_EQ(back.row.round_id, charge.row.round_id);
  EXPECT_EQ(back.row.event, charge.row.event);
  EXPECT_EQ(back.row.charged, charge.row.charged);
  const auto& release = std::get<LedgerRelease>(read.lines[1].entry);
  EXPECT_EQ(release.task, "digits");
  EXPECT_EQ(release.round_id, 12);
  EXPECT_EQ(release.model, Sha256("12"));
}

// docs/reference/store.md shows them.
TEST_F(LedgerLogTest, LinesAreTextForPeople) {
  SHOAL_ASSERT_OK(Create()->Append({ChargeNamed("beef"), ReleaseOf(7)}));
  const std::string text = Bytes();
  EXPECT_TRUE(absl::StartsWith(text, "shoal-ledger 1 0123abcd ")) << text;
  EXPECT_THAT(
      text,
      HasSubstr(
          "\ncharge\tbeef\twriters\tepsilon=1\tdigits\t7\t1700000000123457\t"
          "gaussian\t"));
  EXPECT_THAT(text, HasSubstr("\nrelease\tdigits\t7\t" + Sha256("7").ToHex()));
}

TEST_F(LedgerLogTest, EndNamesAllLines) {
  const auto log = Create();
  std::vector<Digest> ends = {log->end()};
  for (int i = 0; i < 3; ++i) {
    SHOAL_ASSERT_OK(log->Append({ReleaseOf(7)}));  // the same line
    ends.push_back(log->end());
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const LedgerLog::Contents read,
                             LedgerLog::Open(path_));
  EXPECT_EQ(read.begin, ends[0]);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(read.lines[i].end, ends[i + 1]);
    EXPECT_NE(ends[i], ends[i + 1]);
  }
  EXPECT_EQ(read.log->end(), ends[3]);
}

TEST_F(LedgerLogTest, TwoLogsOfADatabaseEndNowhereAlike) {
  const Digest first = Create()->end();
  EXPECT_NE(Create()->end(), first);
}

TEST_F(LedgerLogTest, LogGoesOnAfterItWasOpenedAgain) {
  SHOAL_ASSERT_OK(Create()->Append({ChargeNamed("a")}));
  SHOAL_ASSERT_OK(
      Require(LedgerLog::Open(path_)).log->Append({ChargeNamed("b")}));
  SHOAL_ASSERT_OK(Require(LedgerLog::Open(path_)).log->Append({ReleaseOf(3)}));
  EXPECT_THAT(Entries(), ElementsAre("a", "b", "3"));
}

TEST_F(LedgerLogTest, LastLineThatWasNotWrittenAsAWholeIsLeftOut) {
  const auto log = Create();
  SHOAL_ASSERT_OK(log->Append({ChargeNamed("a")}));
  const std::string before = Bytes();
  SHOAL_ASSERT_OK(log->Append({ChargeNamed("b")}));
  const std::string after = Bytes();
  for (size_t size = before.size(); size < after.size(); ++size) {
    SetBytes(after.substr(0, size));
    EXPECT_THAT(Entries(), ElementsAre("a")) << size;
  }
  // What is written next takes its place, also when it is shorter.
  SHOAL_ASSERT_OK(Require(LedgerLog::Open(path_)).log->Append({ReleaseOf(3)}));
  EXPECT_THAT(Entries(), ElementsAre("a", "3"));
}

TEST_F(LedgerLogTest, DamagedLineBeforeOthersIsDataLoss) {
  SHOAL_ASSERT_OK(Create()->Append({ChargeNamed("a"), ChargeNamed("b"),
                                    ChargeNamed("c"), ChargeNamed("d")}));
  const std::string text = Bytes();
  const size_t second = text.find("charge\tb");
  const size_t third = text.find("charge\tc");
  for (size_t i = second; i < third; i += 3) {
    std::string damaged = text;
    damaged[i] ^= 1;
    SetBytes(damaged);
    // (A newline that comes or goes is damage as well.)
    EXPECT_THAT(LedgerLog::Open(path_),
                StatusIs(kDataLoss, AllOf(HasSubstr(path_),
                                          HasSubstr("line 3 is damaged"))))
        << i;
  }
}

TEST_F(LedgerLogTest, LineThatIsMissingOrFromAnotherLogIsDataLoss) {
  SHOAL_ASSERT_OK(
      Create()->Append({ChargeNamed("a"), ChargeNamed("b"), ChargeNamed("c")}));
  const std::string text = Bytes();
  const size_t first = text.find("charge\ta");
  const size_t second = text.find("charge\tb");
  SetBytes(text.substr(0, first) + text.substr(second));
  EXPECT_THAT(LedgerLog::Open(path_), StatusIs(kDataLoss));
}

TEST_F(LedgerLogTest, WhatIsNoLogIsRefused) {
  EXPECT_THAT(LedgerLog::Open(path_), StatusIs(absl::StatusCode::kNotFound));
  for (const char* text :
       {"", "shoal-ledger 1 0123abcd 4567", "something else\n",
        "shoal-ledger 1 0123abcd\n", "shoal-ledger 1  4567\n"}) {
    SetBytes(text);
    EXPECT_THAT(LedgerLog::Open(path_),
                StatusIs(kDataLoss, HasSubstr("no log of a ledger")))
        << text;
  }
  SetBytes("shoal-ledger 2 0123abcd 4567\n");
  EXPECT_THAT(LedgerLog::Open(path_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("newer program")));
}

TEST_F(LedgerLogTest, NobodyElseMayReadIt) {
  Create();
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(LedgerLogTest, PreparedLinesAreThereOnceTheyAreConfirmed) {
  const auto log = Create();
  SHOAL_ASSERT_OK(log->Append({ChargeNamed("a")}));
  SHOAL_ASSERT_OK(log->Prepare({ChargeNamed("never"), ReleaseOf(7)}));
  EXPECT_THAT(Entries(), ElementsAre("a"));
  SHOAL_ASSERT_OK(log->Prepare({ChargeNamed("b"), LedgerSeal{"digits", 8}}));
  EXPECT_THAT(Entries(), ElementsAre("a"));
  const size_t size = Bytes().size();
  SHOAL_ASSERT_OK(log->Confirm());
  EXPECT_THAT(Entries(), ElementsAre("a", "b", "8"));
  EXPECT_EQ(Bytes().size(), size) << "it had the room";
  SHOAL_ASSERT_OK(log->Append({ReleaseOf(9)}));
  EXPECT_THAT(Entries(), ElementsAre("a", "b", "8", "9"));
}

TEST_F(LedgerLogTest, SealComesBackWithEveryField) {
  SHOAL_ASSERT_OK(Create()->Append({LedgerSeal{"the\ttask\n", 12}}));
  EXPECT_THAT(Bytes(), HasSubstr("\nseal\tthe\\ttask\\n\t12\t"));
  const auto lines = Require(LedgerLog::Open(path_)).lines;
  ASSERT_EQ(lines.size(), 1u);
  const auto& seal = std::get<LedgerSeal>(lines[0].entry);
  EXPECT_EQ(seal.task, "the\ttask\n");
  EXPECT_EQ(seal.round_id, 12);
}

// The system lets no file of this process grow beyond a size.
class SizeLimit {
 public:
  explicit SizeLimit(uint64_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_;
};

TEST_F(LedgerLogTest, LogThatCannotBeWrittenHoldsWhatItHeld) {
  const auto log = Create();
  SHOAL_ASSERT_OK(log->Append({ChargeNamed("a")}));
  const std::string before = Bytes();
  const Digest end = log->end();
  {
    const SizeLimit limit(before.size() + 20);
    EXPECT_THAT(log->Append({ChargeNamed("b"), ReleaseOf(7)}),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         AllOf(HasSubstr(path_), HasSubstr("not before"))));
  }
  EXPECT_EQ(Bytes(), before);
  EXPECT_EQ(log->end(), end);
  SHOAL_ASSERT_OK(log->Append({ReleaseOf(7)}));
  EXPECT_THAT(Entries(), ElementsAre("a", "7"));
}

}  // namespace
}  // namespace shoal::coordinator
