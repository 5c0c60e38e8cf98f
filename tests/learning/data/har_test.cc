#include "learning/data/har.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/har_windows.h"
#include "tests/learning/data/files.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::DataDir;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A window whose first feature is `first` and whose others are 0.25.
std::string Line(const std::string& first, int num_features = kHarFeatures) {
  std::vector<std::string> numbers(num_features, " 2.5000000e-001");
  numbers[0] = absl::StrCat("  ", first);
  return absl::StrJoin(numbers, " ") + "\n";
}

class HarTextTest : public ::testing::Test {
 protected:
  HarTextTest() {
    WritePart("train", Line("-1.0") + Line("0.5") + Line("1.0e+000"),
              "1\n6\n3\n", "30\n7\n30\n");
  }
  void WritePart(const std::string& part, absl::string_view x,
                 absl::string_view y, absl::string_view subject) {
    const std::string in = absl::StrCat(part, "/");
    WriteFile(folder_.path(), absl::StrCat(in, "X_", part, ".txt"), x);
    WriteFile(folder_.path(), absl::StrCat(in, "y_", part, ".txt"), y);
    WriteFile(folder_.path(), absl::StrCat(in, "subject_", part, ".txt"),
              subject);
  }
  void WriteTest() { WritePart("test", Line("-0.75"), "5\n", "2\n"); }
  auto Open() { return OpenHar(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(HarTextTest, ReadsTheOfficialLayout) {
  WriteTest();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
  EXPECT_EQ(pool->shape().num_features, 561);
  EXPECT_EQ(pool->shape().num_classes, 6);
  EXPECT_EQ(pool->shape().natural_devices, 2);
  EXPECT_TRUE(pool->shape().natural_is_default);
  EXPECT_THAT(pool->groups(), ElementsAre(0, 5, 2));
  EXPECT_THAT(pool->owners(), ElementsAre(1, 0, 1));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, pool->Load({0, 2}));
  ASSERT_EQ(data->num_examples(), 2);
  EXPECT_EQ(data->label(1), 2);
  EXPECT_EQ(FeaturesOf(*data, 0)[0], -1);
  EXPECT_EQ(FeaturesOf(*data, 1)[0], 1);
  EXPECT_EQ(FeaturesOf(*data, 1)[560], 0.25);
}

TEST_F(HarTextTest, TestPartIsTheTestSet) {
  WriteTest();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  ASSERT_EQ(test->num_examples(), 1);
  EXPECT_EQ(test->label(0), 4);
  EXPECT_EQ(FeaturesOf(*test, 0)[0], -0.75);
}

TEST_F(HarTextTest, EveryFifthWindowOfASubjectIsHeldOutWithoutATestPart) {
  // Subjects 1 and 2 in turn: windows 8 and 9 are the fifth of each.
  std::string x, y, subject;
  for (int i = 0; i < 12; ++i) {
    x += Line(absl::StrCat("0.", i + 10));
    absl::StrAppend(&y, i % 6 + 1, "\n");
    absl::StrAppend(&subject, i % 2 + 1, "\n");
  }
  WritePart("train", x, y, subject);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
  EXPECT_THAT(pool->groups(), ElementsAre(0, 1, 2, 3, 4, 5, 0, 1, 4, 5));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  ASSERT_EQ(test->num_examples(), 2);
  EXPECT_EQ(test->label(0), 2);
  EXPECT_FLOAT_EQ(FeaturesOf(*test, 0)[0], 0.18);
  EXPECT_FLOAT_EQ(FeaturesOf(*test, 1)[0], 0.19);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto last, pool->Load({9}));
  EXPECT_FLOAT_EQ(FeaturesOf(*last, 0)[0], 0.21);
}

TEST_F(HarTextTest, TooFewWindowsToHoldOutAreRefused) {
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("none can be held out")));
}

TEST_F(HarTextTest, MissingFileIsNamed) {
  WriteTest();
  std::filesystem::remove(folder_.path() + "/train/subject_train.txt");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound,
                               HasSubstr("/train/subject_train.txt: open")));
}

TEST_F(HarTextTest, EmptyFolderNamesBothLayouts) {
  TemporaryFolder empty;
  EXPECT_THAT(OpenHar(empty.path()),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("neither train/X_train.txt nor har_x.npy")));
}

TEST_F(HarTextTest, LabelsAndSubjectsThatDisagreeAreRefused) {
  WritePart("train", "", "1\n2\n", "1\n");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("1 subjects, but ")));
}

TEST_F(HarTextTest, BadLabelIsNamed) {
  WritePart("train", "", "1\n7\n", "1\n1\n");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("label 7 of window 2, expected 1 to "
                                         "6")));
  WritePart("train", "", "1\nwalking\n", "1\n1\n");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("y_train.txt:2: 'walking' is no "
                                         "integer")));
  WritePart("train", "", "", "");
  EXPECT_THAT(Open(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no labels")));
}

TEST_F(HarTextTest, BadFeatureIsNamedWithItsLine) {
  WriteTest();
  const std::string good = Line("0.0");
  const struct {
    std::string line;
    const char* error;
  } cases[] = {
      {Line("1.5"), "X_train.txt:2: feature 1 is 1.5, expected -1 to 1"},
      {Line("nan"), "X_train.txt:2: feature 1 is nan"},
      {Line("x"), "X_train.txt:2: feature 1 is no number"},
      {Line("0.5x"), "X_train.txt:2: feature 1 is no number"},
      {Line("0", 560), "X_train.txt:2: 560 features, expected 561"},
      {Line("0", 562), "X_train.txt:2: 562 features, expected 561"},
      {"\n", "X_train.txt:2: 0 features"},
      {std::string(100000, ' ') + "\n", "X_train.txt:2: a line of more than"},
  };
  for (const auto& bad : cases) {
    WritePart("train", good + bad.line + good, "1\n2\n3\n", "1\n1\n1\n");
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
    EXPECT_THAT(pool->Load({0, 1}),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(bad.error)));
  }
}

TEST_F(HarTextTest, FeaturesThatAreFewerOrMoreThanLabelsAreRefused) {
  WriteTest();
  for (int lines : {2, 4}) {
    std::string x;
    for (int i = 0; i < lines; ++i) x += Line("0.0");
    WritePart("train", x, "1\n2\n3\n", "1\n1\n1\n");
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
    EXPECT_THAT(pool->Load({0}),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("windows, but there are 3 labels")));
  }
}

class HarNpyTest : public ::testing::Test {
 protected:
  HarNpyTest() {
    WriteX(kHarFeatures, 6, 0.5f);
    WriteColumn("har_y.npy", std::string("\0\1\2\3\4\5", 6));
    WriteColumn("har_subject.npy", "\3\3\3\3\3\3");
  }
  void WriteX(int columns, int rows, float value) {
    const std::vector<float> values(columns * rows, value);
    WriteFile(
        folder_.path(), "har_x.npy",
        NpyBytes(
            absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (",
                         rows, ", ", columns, "), }"),
            {reinterpret_cast<const char*>(values.data()),
             values.size() * sizeof(float)}));
  }
  void WriteColumn(const std::string& name, absl::string_view bytes) {
    WriteFile(
        folder_.path(), name,
        NpyBytes(
            absl::StrCat("{'descr': '|u1', 'fortran_order': False, 'shape': (",
                         bytes.size(), ",), }"),
            bytes));
  }
  auto Open() { return OpenHar(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(HarNpyTest, ReadsArrays) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
  EXPECT_THAT(pool->groups(), ElementsAre(0, 1, 2, 3, 5));
  EXPECT_THAT(pool->owners(), ElementsAre(0, 0, 0, 0, 0));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, pool->Load({4}));
  EXPECT_EQ(data->label(0), 5);
  EXPECT_EQ(FeaturesOf(*data, 0)[560], 0.5);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  ASSERT_EQ(test->num_examples(), 1);
  EXPECT_EQ(test->label(0), 4);
}

TEST_F(HarNpyTest, WrongNumbersOfRowsOrColumnsAreRefused) {
  WriteX(560, 6, 0);
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("560 columns, expected 561")));
  WriteX(561, 5, 0);
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("5 windows, but ")));
}

TEST_F(HarNpyTest, LabelOutOfRangeIsNamed) {
  WriteColumn("har_y.npy", "\1\2\3\4\5\6");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("label 6 of window 6, expected 0 to "
                                         "5")));
}

TEST_F(HarNpyTest, FeatureOutOfRangeIsNamed) {
  WriteX(561, 6, -1.5f);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open());
  EXPECT_THAT(pool->Load({1}),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("har_x.npy: row 1: feature 1 is -1.5")));
}

TEST(UciHar, LabelCountsAndSubjectsAreThePublishedOnes) {
  const std::string folder = DataDir() + "/uci_har";
  SHOAL_SKIP_WITHOUT(folder);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenHar(folder));
  EXPECT_EQ(pool->shape().natural_devices, 21);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  std::array<int, 6> counts{};
  for (int32_t label : pool->groups()) ++counts[label];
  for (int64_t i = 0; i < test->num_examples(); ++i) ++counts[test->label(i)];
  EXPECT_THAT(counts, ElementsAre(1226, 1073, 986, 1286, 1374, 1407));
  // Of 281 to 409 windows each, every fifth: between 1/5 and 1/5 less 4/281.
  EXPECT_GT(test->num_examples(), 7352 / 5 - 21);
  EXPECT_LE(test->num_examples(), 7352 / 5);
}

}  // namespace
}  // namespace shoal::learning
