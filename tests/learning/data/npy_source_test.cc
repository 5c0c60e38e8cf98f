#include "learning/data/npy_source.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Value>
std::string Npy(const char* descr, const std::string& shape,
                const std::vector<Value>& values) {
  std::string bytes(values.size() * sizeof(Value), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return NpyBytes(
      absl::StrCat("{'descr': '", descr,
                   "', 'fortran_order': False, 'shape': ", shape, ", }"),
      bytes);
}

class NpySourceTest : public ::testing::Test {
 protected:
  // Row i is (i, -i), has the label i mod 3 and belongs to user 100 - i mod 2.
  void WriteArrays(const std::string& prefix, int rows) {
    std::vector<float> x;
    std::vector<int64_t> y;
    std::vector<int32_t> users;
    for (int i = 0; i < rows; ++i) {
      x.push_back(static_cast<float>(i));
      x.push_back(static_cast<float>(-i));
      y.push_back(i % 3);
      users.push_back(100 - i % 2);
    }
    const std::string one = absl::StrCat("(", rows, ",)");
    Write(prefix + "x.npy", Npy("<f4", absl::StrCat("(", rows, ", 2)"), x));
    Write(prefix + "y.npy", Npy("<i8", one, y));
    Write(prefix + "u.npy", Npy("<i4", one, users));
  }
  void Write(const std::string& name, absl::string_view bytes) {
    WriteFile(folder_.path(), name, bytes);
  }
  std::string Path(const std::string& name) const {
    return folder_.path() + "/" + name;
  }
  NpySource Source() const { return {Path("x.npy"), Path("y.npy")}; }
  NpySource WithUsers() const {
    NpySource source = Source();
    source.users = Path("u.npy");
    return source;
  }
  NpySource WithTest() const {
    NpySource source = WithUsers();
    source.test_features = Path("tx.npy");
    source.test_labels = Path("ty.npy");
    source.test_users = Path("tu.npy");
    return source;
  }

  TemporaryFolder folder_;
};

std::vector<float> FirstFeatures(const Dataset& data) {
  std::vector<float> firsts;
  for (int64_t i = 0; i < data.num_examples(); ++i) {
    firsts.push_back(FeaturesOf(data, i)[0]);
  }
  return firsts;
}

TEST_F(NpySourceTest, EveryFifthExampleIsHeldOut) {
  WriteArrays("", 12);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenNpySource(Source()));
  EXPECT_EQ(pool->num_examples(), 10);
  EXPECT_EQ(pool->shape().num_features, 2);
  EXPECT_EQ(pool->shape().num_classes, 3);
  EXPECT_EQ(pool->shape().natural_devices, 0);
  EXPECT_TRUE(pool->test_owners().empty());
  EXPECT_THAT(FirstFeatures(*pool->LoadTest().value()), ElementsAre(4, 9));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto some, pool->Load({0, 4, 9}));
  EXPECT_THAT(FeaturesOf(*some, 1), ElementsAre(5, -5));
  EXPECT_EQ(some->label(1), 2);
  EXPECT_THAT(FirstFeatures(*some), ElementsAre(0, 5, 11));
}

TEST_F(NpySourceTest, UsersAreDevicesInTheOrderOfTheirNumbers) {
  WriteArrays("", 20);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data,
                             FederatedData::Open({WithUsers()}, {}, 2, 7));
  // User 99 has the odd rows, and its fifths are 9 and 19.
  EXPECT_THAT(FirstFeatures(*data->LoadDevice(0).value()),
              ElementsAre(1, 3, 5, 7, 11, 13, 15, 17));
  ASSERT_TRUE(data->has_device_tests());
  EXPECT_THAT(FirstFeatures(*data->LoadDeviceTest(0).value()),
              ElementsAre(9, 19));
  EXPECT_THAT(FirstFeatures(*data->LoadDeviceTest(1).value()),
              ElementsAre(8, 18));
  EXPECT_THAT(FirstFeatures(*data->LoadTest().value()),
              ElementsAre(8, 9, 18, 19));
}

TEST_F(NpySourceTest, OwnTestArraysAreHeldOut) {
  WriteArrays("", 6);
  WriteArrays("t", 3);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data,
                             FederatedData::Open({WithTest()}, {}, 2, 7));
  EXPECT_THAT(FirstFeatures(*data->LoadDevice(0).value()),
              ElementsAre(1, 3, 5));
  EXPECT_THAT(FirstFeatures(*data->LoadDeviceTest(0).value()), ElementsAre(1));
  EXPECT_THAT(FirstFeatures(*data->LoadTest().value()), ElementsAre(0, 1, 2));
  NpySource shared = WithTest();
  shared.test_users = "";
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto without,
                             FederatedData::Open({shared}, {}, 2, 7));
  EXPECT_FALSE(without->has_device_tests());
  EXPECT_THAT(without->LoadDeviceTest(0),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("device 0 has no test examples")));
}

TEST_F(NpySourceTest, WhatDoesNotFitIsSaid) {
  WriteArrays("", 6);
  WriteArrays("t", 3);
  const auto open = [](NpySource source) {
    return OpenNpySource(source).status();
  };
  NpySource source = WithTest();
  source.test_labels = "";
  EXPECT_THAT(open(source),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("test_features without test_labels")));
  source = Source();
  source.test_users = Path("tu.npy");
  EXPECT_THAT(open(source),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("test_users without test_features")));
  source = WithTest();
  source.users = "";
  EXPECT_THAT(open(source), StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("test_users without users")));
  source = Source();
  source.labels = Path("ty.npy");
  EXPECT_THAT(open(source),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("3 rows, but the features have 6")));
  source.labels = Path("none.npy");
  EXPECT_THAT(open(source),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.npy")));
  EXPECT_THAT(open(WithUsers()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no fifth example to hold out of any user")));
}

TEST_F(NpySourceTest, WrongValuesAreSaid) {
  WriteArrays("", 6);
  Write("y.npy", Npy<int64_t>("<i8", "(6,)", {0, 1, -1, 0, 0, 0}));
  EXPECT_THAT(OpenNpySource(Source()),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("label -1 in row 2, expected 0 to 9999")));
  Write("y.npy", Npy<int64_t>("<i8", "(6,)", {0, 0, 0, 0, 0, 0}));
  EXPECT_THAT(OpenNpySource(Source()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("all labels are 0")));
  WriteArrays("", 6);
  Write("x.npy", Npy<double>("<f8", "(6, 1)", {0, 1, 2, 1e300, 4, 5}));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenNpySource(Source()));
  EXPECT_THAT(pool->Load({0, 3}),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("row 3 has a value that is no finite")));
}

// The arrays that golden traces are computed on.
TEST(NpyData, ReferenceArraysFallByTheirUsers) {
  const std::string prefix =
      testing::ReferenceDir() + "/federated/data/synthetic_1_1_";
  SHOAL_SKIP_WITHOUT(prefix + "x_train.npy");
  const NpySource source = {
      prefix + "x_train.npy", prefix + "y_train.npy", prefix + "user_train.npy",
      prefix + "x_test.npy",  prefix + "y_test.npy",  prefix + "user_test.npy"};
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data,
                             FederatedData::Open({source}, {}, 30, 7));
  int64_t train = 0, test = 0;
  for (int k = 0; k < 30; ++k) {
    train += data->LoadDevice(k).value()->num_examples();
    test += data->LoadDeviceTest(k).value()->num_examples();
  }
  EXPECT_EQ(train, 11091);
  EXPECT_EQ(test, 1245);
  EXPECT_EQ(data->LoadTest().value()->num_examples(), 1245);
}

}  // namespace
}  // namespace shoal::learning
