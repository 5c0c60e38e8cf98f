#include "learning/data/csv.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

class CsvTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<ExamplePool>> Open(
      absl::string_view contents, const std::string& device = "") {
    return OpenCsv({.path = WriteFile(folder_.path(), "t.csv", contents),
                    .label = "class",
                    .device = device});
  }
  absl::StatusOr<std::unique_ptr<ExamplePool>> OpenTarget(
      absl::string_view contents, const std::string& device) {
    return OpenCsv({.path = WriteFile(folder_.path(), "t.csv", contents),
                    .target = "price",
                    .device = device});
  }
  TemporaryFolder folder_;
};

// Row k has x = k and a price of 1000 k - 500, in town k % 4.
std::string Prices(int num_rows) {
  std::string text = "x,price,town\n";
  for (int row = 0; row < num_rows; ++row) {
    absl::StrAppend(&text, row, ",", 1000 * row - 500, ",", row % 4, "\n");
  }
  return text;
}

// 200 rows: class row % 3, site row % 4, x = row, y = 5 throughout.
std::string Table(const std::vector<std::string>& classes) {
  std::string text = "x,class,site,\"y, constant\"\n";
  for (int row = 0; row < 200; ++row) {
    absl::StrAppend(&text, row, ",", classes[row % 3], ",s", row % 4, ",5\n");
  }
  return text;
}

std::vector<int64_t> Indices(size_t size) {
  std::vector<int64_t> all(size);
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

TEST_F(CsvTest, RowsAreTrainingOrHeldOut) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool,
                             Open(Table({"a", "b", "c"}), "site"));
  EXPECT_EQ(pool->shape().num_features, 2);
  EXPECT_EQ(pool->shape().num_classes, 3);
  EXPECT_EQ(pool->shape().natural_devices, 4);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  // Binomial(200, 1/5): 40 +- 6 standard deviations of 5.7.
  EXPECT_NEAR(test->num_examples(), 40, 34);
  EXPECT_EQ(pool->num_examples() + test->num_examples(), 200);
}

TEST_F(CsvTest, FeaturesAndLabelsAreThoseOfTheirRow) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool,
                             Open(Table({"a", "b", "c"}), "site"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto train,
                             pool->Load(Indices(pool->num_examples())));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  std::set<float> rows;
  for (const Dataset* data : {train.get(), test.get()}) {
    for (int64_t i = 0; i < data->num_examples(); ++i) {
      const std::vector<float> features = FeaturesOf(*data, i);
      EXPECT_EQ(data->label(i), static_cast<int>(features[0]) % 3);
      EXPECT_EQ(features[1], 5);
      rows.insert(features[0]);
    }
  }
  EXPECT_EQ(rows.size(), 200u);
  EXPECT_EQ(*rows.rbegin(), 199);
  for (int64_t i = 0; i < train->num_examples(); ++i) {
    EXPECT_EQ(pool->groups()[i], train->label(i));
  }
}

TEST_F(CsvTest, SomeExamplesAreLoadedAsAmongAll) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool,
                             Open(Table({"a", "b", "c"}), "site"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto all,
                             pool->Load(Indices(pool->num_examples())));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto some, pool->Load({3, 77}));
  ASSERT_EQ(some->num_examples(), 2);
  EXPECT_EQ(FeaturesOf(*some, 1), FeaturesOf(*all, 77));
  EXPECT_EQ(some->label(1), all->label(77));
}

TEST_F(CsvTest, TargetsAreTakenAsTheyAre) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenTarget(Prices(500), "town"));
  EXPECT_EQ(pool->shape().num_features, 1);
  EXPECT_EQ(pool->shape().num_classes, 0);
  EXPECT_EQ(pool->shape().num_targets, 1);
  EXPECT_EQ(pool->shape().natural_devices, 4);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto train,
                             pool->Load(Indices(pool->num_examples())));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  EXPECT_EQ(train->num_examples() + test->num_examples(), 500);
  for (const Dataset* data : {train.get(), test.get()}) {
    ASSERT_EQ(data->num_targets(), 1);
    for (int64_t i = 0; i < data->num_examples(); ++i) {
      float target = 0;
      data->CopyTargets(i, absl::MakeSpan(&target, 1));
      EXPECT_EQ(target, 1000 * FeaturesOf(*data, i)[0] - 500);
    }
  }
}

TEST_F(CsvTest, GroupsAreTenthsOfTheTargets) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenTarget(Prices(500), "town"));
  ASSERT_EQ(pool->num_groups(), 10);
  const auto groups = pool->groups();
  ASSERT_EQ(std::ssize(groups), pool->num_examples());
  EXPECT_TRUE(std::is_sorted(groups.begin(), groups.end()));  // as prices are
  for (int group = 0; group < 10; ++group) {
    EXPECT_NEAR(std::count(groups.begin(), groups.end(), group),
                pool->num_examples() / 10, 1);
  }
}

TEST_F(CsvTest, EqualTargetsAreInOneGroup) {
  std::string text = "x,price\n";
  for (int row = 0; row < 100; ++row) absl::StrAppend(&text, row, ",7\n");
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenTarget(text, ""));
  EXPECT_THAT(pool->groups(), ::testing::Each(0));
}

TEST_F(CsvTest, MissingFeaturesAreNaN) {
  std::string text = "x,y,class\n";
  for (int row = 0; row < 100; ++row) {
    absl::StrAppend(&text, row, ",", row == 50 ? "" : "1", ",", row % 2, "\n");
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open(text));
  EXPECT_TRUE(pool->shape().missing_values);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto train,
                             pool->Load(Indices(pool->num_examples())));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  for (const Dataset* data : {train.get(), test.get()}) {
    for (int64_t i = 0; i < data->num_examples(); ++i) {
      const std::vector<float> features = FeaturesOf(*data, i);
      EXPECT_EQ(std::isnan(features[1]), features[0] == 50);
    }
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto whole,
                             Open(Table({"a", "b", "c"}), "site"));
  EXPECT_FALSE(whole->shape().missing_values);
}

TEST_F(CsvTest, OwnersFollowTheDeviceColumn) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool,
                             Open(Table({"a", "b", "c"}), "site"));
  ASSERT_EQ(std::ssize(pool->owners()), pool->num_examples());
  EXPECT_TRUE(pool->shape().natural_is_default);
  EXPECT_EQ(std::set<int32_t>(pool->owners().begin(), pool->owners().end()),
            (std::set<int32_t>{0, 1, 2, 3}));
}

TEST_F(CsvTest, IntegerClassesAreSortedAsNumbers) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool,
                             Open(Table({"10", "-3", "9"}), "site"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto words,
                             Open(Table({"10", "b", "9"}), "site"));
  // Rows of class "10" come first: of numbers it is the last, of words the
  // first.
  const auto rank_of_ten = [](const ExamplePool& pool) {
    std::set<int32_t> ranks;
    const auto train = pool.Load(Indices(pool.num_examples())).value();
    float least = 1e9;
    int32_t rank = -1;
    for (int64_t i = 0; i < train->num_examples(); ++i) {
      // Rows 0, 3, 6, …; at least one of the first 9 is for training.
      if (FeaturesOf(*train, i)[0] < least) {
        least = FeaturesOf(*train, i)[0];
        rank = train->label(i);
      }
    }
    return rank;
  };
  EXPECT_EQ(rank_of_ten(*pool), 2);
  EXPECT_EQ(rank_of_ten(*words), 0);
}

TEST_F(CsvTest, WithoutADeviceColumnThereAreNoNaturalDevices) {
  std::string text = "x,class\n";
  for (int row = 0; row < 100; ++row) {
    absl::StrAppend(&text, row, ",", row % 2, "\n");
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open(text));
  EXPECT_EQ(pool->shape().natural_devices, 0);
  EXPECT_FALSE(pool->shape().natural_is_default);
  EXPECT_TRUE(pool->owners().empty());
}

struct BadTable {
  const char* name;
  const char* contents;
  const char* error;
};

class BadCsvTest : public ::testing::TestWithParam<BadTable> {};

TEST_P(BadCsvTest, IsInvalid) {
  TemporaryFolder folder;
  EXPECT_THAT(
      OpenCsv({.path = WriteFile(folder.path(), "t.csv", GetParam().contents),
               .label = "class",
               .device = "site"}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(GetParam().error)));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadCsvTest,
    ::testing::Values(
        BadTable{"Empty", "", "t.csv:1: empty, expected a header row"},
        BadTable{"NoLabel", "x,site\n",
                 "t.csv:1: the header has no column "
                 "'class'"},
        BadTable{"NoDevice", "x,class\n", "the header has no column 'site'"},
        BadTable{"TwoLabels", "class,class,site,x\n",
                 "the header has two columns 'class'"},
        BadTable{"NoFeatures", "class,site\n", "no column of features"},
        BadTable{"Text", "x,class,site\n1,a,s\n2a,b,s\n",
                 "t.csv:3: column 'x': '2a' is no finite number"},
        BadTable{"Infinite", "x,class,site\ninf,a,s\n",
                 "t.csv:2: column 'x': 'inf' is no finite number"},
        BadTable{"TooLarge", "x,class,site\n1e39,a,s\n",
                 "column 'x': '1e39' is no finite number of 32 bits"},
        BadTable{"MissingDevice", "x,class,site\n1,a,s\n2,b,\n",
                 "t.csv:3: column 'site': the value is missing"},
        BadTable{"MissingLabel", "x,class,site\n1,,s\n",
                 "t.csv:2: column 'class': the value is missing"},
        BadTable{"ShortRow", "x,class,site\n1,a\n",
                 "t.csv:2: 2 fields, but the header has 3"},
        BadTable{"LongRow", "x,class,site\n1,a,s,4\n",
                 "t.csv:2: 4 fields, but the header has 3"},
        BadTable{"OneClass", "x,class,site\n1,a,s\n2,a,s\n",
                 "column 'class' has 1 different values, expected 2"},
        BadTable{"HeaderOnly", "x,class,site\n",
                 "column 'class' has 0 different values"}),
    [](const auto& info) { return info.param.name; });

TEST_F(CsvTest, MissingFileIsNotFound) {
  EXPECT_THAT(
      OpenCsv({.path = folder_.path() + "/absent.csv", .label = "class"}),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("absent.csv")));
}

TEST_F(CsvTest, LabelAndDeviceCannotBeOneColumn) {
  EXPECT_THAT(Open("x,class\n", "class"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("cannot be both label and device")));
}

TEST_F(CsvTest, TargetsAreNumbers) {
  EXPECT_THAT(OpenTarget("x,price\n1,2\n1,cheap\n", ""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("t.csv:3: column 'price': 'cheap' is no")));
  EXPECT_THAT(OpenTarget("x,price\n1,2\n1,\n", ""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("column 'price': the value is missing")));
  EXPECT_THAT(OpenTarget("x,price\n1,2\n", ""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("1 rows are too few")));
}

TEST_F(CsvTest, ThereIsEitherALabelOrATarget) {
  const std::string path = WriteFile(folder_.path(), "t.csv", Prices(10));
  EXPECT_THAT(OpenCsv({.path = path}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("labels or one of targets, got none")));
  EXPECT_THAT(
      OpenCsv({.path = path, .label = "x", .target = "price"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("got both")));
}

TEST_F(CsvTest, MoreThanTenThousandClassesAreRefused) {
  std::string text = "x,class\n";
  for (int row = 0; row <= 10000; ++row) {
    absl::StrAppend(&text, "1,c", row, "\n");
  }
  EXPECT_THAT(Open(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                   HasSubstr("more than 10000 classes")));
}

TEST_F(CsvTest, FileThatChangedIsDataLoss) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool,
                             Open(Table({"a", "b", "c"}), "site"));
  WriteFile(folder_.path(), "t.csv", "x,class,site,z\n1,a,s0,5\n");
  EXPECT_THAT(pool->Load(Indices(pool->num_examples())),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("changed")));
}

}  // namespace
}  // namespace shoal::learning
