#include "client/agent/watched_folder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

namespace fs = std::filesystem;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// Keeps the lines.
class TestLogger final : public Logger {
 public:
  void Log(Severity, absl::string_view message, Fields fields) override {
    std::string line(message);
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", field.key, "=", field.value);
    }
    lines.push_back(line);
  }
  std::vector<std::string> lines;
};

class WatchedFolderTest : public ::testing::Test {
 protected:
  WatchedFolderTest() {
    fs::create_directory(inbox_);
    options_.num_features = 2;
    options_.num_classes = 100;
    options_.missing_values = true;
  }

  void OpenStore() {
    store_.reset();
    auto opened =
        ExampleStore::Open(options_, folder_.path() + "/store", clock_);
    SHOAL_ASSERT_OK(opened);
    store_ = *std::move(opened);
  }
  void Open() {
    watched_.reset();
    OpenStore();
    auto opened = WatchedFolder::Open(inbox_, *store_, clock_, log_);
    SHOAL_ASSERT_OK(opened);
    watched_ = *std::move(opened);
  }
  // Until there is nothing more to do; the number of pieces.
  int Work() {
    for (int pieces = 0;; ++pieces) {
      pollfd polled = {watched_->fd(), POLLIN, 0};
      while (poll(&polled, 1, 0) > 0) watched_->OnReadable();
      if (watched_->Due() > absl::ZeroDuration()) return pieces;
      SHOAL_CHECK(pieces < 100000);
      watched_->Work();
    }
  }

  // As a program does that gives a complete file its name.
  void Put(const std::string& name, const std::string& contents) {
    SHOAL_ASSERT_OK(ReplaceFile(folder_.path() + "/made", contents));
    fs::rename(folder_.path() + "/made", inbox_ + "/" + name);
  }
  static std::string Csv(int first, int count) {
    std::string csv = "label,a,b\n";
    for (int label = first; label < first + count; ++label) {
      absl::StrAppend(&csv, label, ",", label, ".5,\n");
    }
    return csv;
  }
  std::vector<int32_t> Labels() {
    const auto data = store_->Snapshot().value();
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < data->num_examples(); ++i) {
      labels.push_back(data->label(i));
    }
    return labels;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(inbox_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TemporaryFolder folder_;
  const std::string inbox_ = folder_.path() + "/inbox";
  VirtualClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  TestLogger log_;
  ExampleStoreOptions options_;
  std::unique_ptr<ExampleStore> store_;
  std::unique_ptr<WatchedFolder> watched_;
};

TEST_F(WatchedFolderTest, FilesAreTakenAndRemoved) {
  Put("b.csv", Csv(1, 2));
  Open();
  Work();
  EXPECT_THAT(Labels(), ElementsAre(1, 2));
  Put("a.csv", Csv(3, 1));
  Work();
  EXPECT_THAT(Labels(), ElementsAre(1, 2, 3));
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_THAT(log_.lines, ElementsAre("file taken file=b.csv examples=2",
                                      "file taken file=a.csv examples=1"));
  std::vector<float> features(2);
  store_->Snapshot().value()->CopyFeatures(0, absl::MakeSpan(features));
  EXPECT_EQ(features[0], 1.5f);
  EXPECT_TRUE(std::isnan(features[1]));
}

TEST_F(WatchedFolderTest, FileThatIsWrittenInPlaceIsTakenWhenItIsClosed) {
  Open();
  Work();
  std::ofstream file(inbox_ + "/a.csv");
  file << Csv(1, 1) << std::flush;
  EXPECT_EQ(Work(), 0);
  file << "2,2,2\n";
  file.close();
  Work();
  EXPECT_THAT(Labels(), ElementsAre(1, 2));
}

TEST_F(WatchedFolderTest, UnfinishedFilesFoldersAndLinksAreLeftAlone) {
  const std::vector<std::string> names = {".a.csv", "a.csv.part", "a.tmp"};
  for (const std::string& name : names) Put(name, "x");
  fs::create_directory(inbox_ + "/folder.csv");
  fs::create_symlink(inbox_ + "/.a.csv", inbox_ + "/link.csv");
  Open();
  for (const std::string& name : names) Put(name, "x");
  Work();
  EXPECT_THAT(Names(), UnorderedElementsAre(".a.csv", "a.csv.part", "a.tmp",
                                            "folder.csv", "link.csv"));
  EXPECT_THAT(log_.lines, IsEmpty());
}

TEST_F(WatchedFolderTest, FolderThatGoesIsToldOnce) {
  Open();
  fs::remove_all(inbox_);
  Work();
  ASSERT_THAT(log_.lines, SizeIs(1));
  EXPECT_THAT(log_.lines[0], HasSubstr("has gone"));
  EXPECT_EQ(watched_->Due(), absl::InfiniteDuration());
}

TEST_F(WatchedFolderTest, LongestNameOfARejectedFileStopsNothing) {
  Open();
  const std::string name = std::string(251, 'n') + ".csv";  // 255 bytes
  Put(name, "no,table\n");
  Put("good.csv", Csv(7, 1));
  Work();
  EXPECT_THAT(Labels(), ElementsAre(7));
  EXPECT_THAT(Names(), ElementsAre("rejected"));
  const std::string kept = inbox_ + "/rejected/" + std::string(200, 'n');
  SHOAL_EXPECT_OK(ReadFile(kept));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string reason,
                             ReadFile(kept + ".reason"));
  EXPECT_THAT(reason, HasSubstr(name));
}

TEST_F(WatchedFolderTest, RejectedFilesOfOneNameAreAllKept) {
  Open();
  for (const char* csv : {"first\n", "second\n", "third\n"}) {
    Put("bad.csv", csv);
    Work();
  }
  const std::string rejected = inbox_ + "/rejected/";
  EXPECT_THAT(ReadFile(rejected + "bad.csv"), IsOkAndHolds("first\n"));
  EXPECT_THAT(ReadFile(rejected + "bad.csv.2"), IsOkAndHolds("second\n"));
  EXPECT_THAT(ReadFile(rejected + "bad.csv.3"), IsOkAndHolds("third\n"));
  SHOAL_EXPECT_OK(ReadFile(rejected + "bad.csv.2.reason"));
  EXPECT_THAT(log_.lines[1], HasSubstr("kept_as=bad.csv.2"));
}

TEST_F(WatchedFolderTest, ReasonTakesThePlaceOfNoRejectedFile) {
  Open();
  Put("bad.csv.reason", "no,table\n");
  Put("bad.csv", "nor,this\n");
  Work();
  const std::string rejected = inbox_ + "/rejected/";
  EXPECT_THAT(ReadFile(rejected + "bad.csv.reason"),
              IsOkAndHolds("no,table\n"));
  EXPECT_THAT(ReadFile(rejected + "bad.csv.2"), IsOkAndHolds("nor,this\n"));
}

TEST_F(WatchedFolderTest, RejectedFilesOfOneNameAreBounded) {
  Open();
  for (int i = 0; i < 101; ++i) {
    Put("bad.csv", absl::StrCat(i, "\n"));
    Work();
  }
  EXPECT_THAT(ReadFile(inbox_ + "/rejected/bad.csv.100"), IsOkAndHolds("99\n"));
  EXPECT_THAT(ReadFile(inbox_ + "/bad.csv"), IsOkAndHolds("100\n"));
  EXPECT_THAT(log_.lines.back(), HasSubstr("100 files of that name"));
}

// A link would take files to wherever whoever made it wants them.
TEST_F(WatchedFolderTest, LinkInPlaceOfTheRejectedFolderIsNotFollowed) {
  const std::string elsewhere = folder_.path() + "/elsewhere";
  fs::create_directory(elsewhere);
  fs::create_directory_symlink(elsewhere, inbox_ + "/rejected");
  Open();
  Put("bad.csv", "no,table\n");
  Work();
  EXPECT_TRUE(fs::is_empty(elsewhere));
  EXPECT_THAT(Names(), UnorderedElementsAre("rejected", "bad.csv"));
  EXPECT_THAT(log_.lines.back(), HasSubstr("/rejected: is no folder"));
}

TEST_F(WatchedFolderTest, FileThatCannotBeMovedStaysAndHoldsNoOtherUp) {
  Put("rejected", "no,folder\n");  // in the place of the folder
  Open();
  Put("bad.csv", "no,table\n");
  Put("good.csv", Csv(7, 1));
  Work();
  EXPECT_THAT(Labels(), ElementsAre(7));
  EXPECT_THAT(Names(), UnorderedElementsAre("rejected", "bad.csv"));
  EXPECT_THAT(
      log_.lines,
      Contains(AllOf(HasSubstr("file=bad.csv"), HasSubstr("no column 'label'"),
                     HasSubstr("/rejected: is no folder"))));
  // It is tried again when it is put there anew.
  fs::remove(inbox_ + "/rejected");
  Put("bad.csv", "no,table\n");
  Work();
  EXPECT_THAT(Names(), ElementsAre("rejected"));
  SHOAL_EXPECT_OK(ReadFile(inbox_ + "/rejected/bad.csv"));
}

TEST_F(WatchedFolderTest, FilesThatCannotBeMovedAreNotListedForEver) {
  for (int i = 0; i < 1100; ++i) Put(absl::StrCat(i, ".csv"), "x\n");
  Put("rejected", "x\n");
  Open();
  EXPECT_LT(Work(), 1200);
  EXPECT_LT(log_.lines.size(), 1200u);
  EXPECT_THAT(log_.lines.back(), HasSubstr("no more files are taken"));
}

TEST_F(WatchedFolderTest, FileThatCannotBeReadIsRejectedAsAWhole) {
  Open();
  Put("bad.csv", absl::StrCat(Csv(1, 2), "3,x,1\n"));
  Put("good.csv", Csv(7, 1));
  Work();
  EXPECT_THAT(Labels(), ElementsAre(7));
  EXPECT_THAT(Names(), ElementsAre("rejected"));
  EXPECT_THAT(ReadFile(inbox_ + "/rejected/bad.csv"),
              IsOkAndHolds(absl::StrCat(Csv(1, 2), "3,x,1\n")));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string reason,
                             ReadFile(inbox_ + "/rejected/bad.csv.reason"));
  EXPECT_THAT(reason, HasSubstr("bad.csv:4: column 'a': 'x' is no finite"));
  ASSERT_THAT(log_.lines, SizeIs(2));
  EXPECT_THAT(log_.lines[0], HasSubstr("file rejected file=bad.csv reason="));
}

TEST_F(WatchedFolderTest, EveryReasonNamesTheLine) {
  Open();
  const std::pair<const char*, const char*> cases[] = {
      {"", ": empty, expected a header row"},
      {"a,b\n1,2\n", ":1: the header has no column 'label'"},
      {"label,a\n1,2\n",
       ":1: the header has 1 columns of features, expected 2"},
      {"label,a,b\n1,2\n", ":2: 2 fields, but the header has 3"},
      {"label,a,b\n1.5,2,3\n", ":2: column 'label': '1.5' is no whole number"},
      {"label,a,b\n100,2,3\n", ":2: the example has the label 100"},
      {"label,a,b\n1,\"2,3\n", ":2: "}};
  for (const auto& [csv, reason] : cases) {
    fs::remove_all(inbox_ + "/rejected");
    Put("x.csv", csv);
    Work();
    SHOAL_ASSERT_OK_AND_ASSIGN(const std::string said,
                               ReadFile(inbox_ + "/rejected/x.csv.reason"));
    EXPECT_THAT(said, HasSubstr(absl::StrCat("x.csv", reason)));
  }
  EXPECT_THAT(Labels(), IsEmpty());
}

TEST_F(WatchedFolderTest, FileThatLacksAFeatureHoldsNoOtherUp) {
  options_.missing_values = false;
  Open();
  Put("a.csv", "label,a,b\n1,,0.2\n");
  Put("b.csv", "label,a,b\n2,1,2\n");
  Work();
  EXPECT_THAT(Labels(), ElementsAre(2));
  EXPECT_THAT(Names(), ElementsAre("rejected"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string reason,
                             ReadFile(inbox_ + "/rejected/a.csv.reason"));
  EXPECT_THAT(reason, HasSubstr("a.csv:2: feature 0 is missing"));
}

TEST_F(WatchedFolderTest, SequencesAndTargetsHaveTheirColumns) {
  options_ = {};
  options_.num_features = 1;
  options_.num_targets = 2;
  Open();
  Put("a.csv", "target_2,x,target_1\n5,6,7\n");
  Work();
  std::vector<float> targets(2);
  store_->Snapshot().value()->CopyTargets(0, absl::MakeSpan(targets));
  EXPECT_THAT(targets, ElementsAre(7, 5));
}

TEST_F(WatchedFolderTest, LargeFileIsTakenInPieces) {
  options_.num_features = 4000;
  options_.num_classes = 0;
  Open();
  std::vector<std::string> header(4000, "x");
  const std::string row = absl::StrJoin(std::vector<int>(4000, 5), ",") + "\n";
  std::string csv = absl::StrJoin(header, ",") + "\n";
  for (int i = 0; i < 40; ++i) csv += row;
  Put("a.csv", csv);
  EXPECT_GE(Work(), 10);
  EXPECT_EQ(store_->num_examples(), 40);
}

// As after a crash before the file was removed.
TEST_F(WatchedFolderTest, FileIsNotTakenTwice) {
  Put("a.csv", Csv(1, 3));
  OpenStore();
  CsvIntake intake(inbox_ + "/a.csv", *store_);
  std::optional<CsvIntake::End> end;
  while (!end.has_value()) end = intake.Step();
  EXPECT_EQ(end->num_rows, 3);
  Open();
  Work();
  EXPECT_THAT(Labels(), ElementsAre(1, 2, 3));
  EXPECT_THAT(Names(), IsEmpty());
  // Another file of the same name and contents is another one.
  Put("a.csv", Csv(1, 3));
  Work();
  EXPECT_THAT(Labels(), ElementsAre(1, 2, 3, 1, 2, 3));
}

// As after a crash between two pieces.
TEST_F(WatchedFolderTest, TakingAFileGoesOnWhereItEnded) {
  options_.num_features = 4000;
  options_.num_classes = 30;
  std::vector<std::string> header(4000, "x");
  const std::string rest = absl::StrJoin(std::vector<int>(4000, 5), ",");
  std::string csv = absl::StrJoin(header, ",") + ",label\n";
  for (int i = 0; i < 30; ++i) absl::StrAppend(&csv, rest, ",", i, "\n");
  Put("a.csv", csv);
  OpenStore();
  {
    CsvIntake intake(inbox_ + "/a.csv", *store_);
    while (store_->num_examples() == 0) {
      ASSERT_FALSE(intake.Step().has_value());
    }
  }
  ASSERT_LT(store_->num_examples(), 30);
  SHOAL_ASSERT_OK(store_->Add({}));
  Open();
  Work();
  const std::vector<int32_t> labels = Labels();
  ASSERT_EQ(labels.size(), 30u);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(labels[i], i);
}

TEST_F(WatchedFolderTest, ManyFilesAreTakenOldestFirst) {
  for (int i = 0; i < 5; ++i) {
    const std::string name = absl::StrCat(9 - i, ".csv");
    Put(name, Csv(i, 1));
    const timespec times[2] = {{1000 + i, 0}, {1000 + i, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, (inbox_ + "/" + name).c_str(), times, 0), 0);
  }
  Open();
  Work();
  EXPECT_THAT(Labels(), ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(WatchedFolderTest, FolderThatIsNoneIsRefused) {
  OpenStore();
  EXPECT_THAT(
      WatchedFolder::Open(folder_.path() + "/none", *store_, clock_, log_)
          .status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is no folder")));
}

}  // namespace
}  // namespace shoal::client
