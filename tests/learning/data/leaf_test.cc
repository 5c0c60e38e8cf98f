#include "learning/data/leaf.h"

#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/leaf_file.h"
#include "tests/learning/data/files.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kTrain[] = R"({
  "hierarchies": ["x", {"y": [1, [2]]}],
  "users": ["zoe", "a\u00e9"], "num_samples": [2, 1],
  "user_data": {
    "a\u00e9": {"y": [2.0], "raw": {"note": ["hi", null]}, "x": [[5, 6.5]]},
    "zoe": {"x": [[1, 2], [-3e-1, 4]], "y": [0, 1]}}})";
constexpr char kTest[] = R"({"users": ["new", "zoe"], "num_samples": [1, 2],
  "user_data": {"new": {"x": [[7, 7]], "y": [1]},
                "zoe": {"x": [[8, 8], [9, 9]], "y": [1, 1]}}})";

class LeafTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<FederatedData>> Open(int num_devices) {
    return FederatedData::Open({LeafSource{folder_.path()}}, {}, num_devices,
                               7);
  }
  // What scanning a file with `text` says is wrong.
  absl::Status Scan(absl::string_view text) {
    return ScanLeaf(WriteFile(folder_.path(), "scanned.json", text)).status();
  }
  // kTrain with one thing changed.
  absl::Status ScanChanged(absl::string_view from, absl::string_view to) {
    return Scan(absl::StrReplaceAll(kTrain, {{from, to}}));
  }

  TemporaryFolder folder_;
};

TEST_F(LeafTest, UsersAreDevicesInTheOrderOfTheList) {
  WriteFile(folder_.path(), "train/all_data.json", kTrain);
  WriteFile(folder_.path(), "test/all_data.json", kTest);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, Open(2));
  EXPECT_EQ(data->shape().num_features, 2);
  EXPECT_EQ(data->shape().num_classes, 3);
  EXPECT_EQ(data->shape().natural_devices, 2);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto zoe, data->LoadDevice(0));
  ASSERT_EQ(zoe->num_examples(), 2);
  EXPECT_THAT(FeaturesOf(*zoe, 1), ElementsAre(-0.3f, 4));
  EXPECT_EQ(zoe->label(1), 1);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto other, data->LoadDevice(1));
  ASSERT_EQ(other->num_examples(), 1);
  EXPECT_THAT(FeaturesOf(*other, 0), ElementsAre(5, 6.5));
  EXPECT_EQ(other->label(0), 2);
}

TEST_F(LeafTest, HeldOutExamplesBelongToTheirUsers) {
  WriteFile(folder_.path(), "train/all_data.json", kTrain);
  WriteFile(folder_.path(), "test/all_data.json", kTest);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, Open(2));
  ASSERT_TRUE(data->has_device_tests());
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto zoe, data->LoadDeviceTest(0));
  ASSERT_EQ(zoe->num_examples(), 2);
  EXPECT_THAT(FeaturesOf(*zoe, 0), ElementsAre(8, 8));
  EXPECT_EQ(data->LoadDeviceTest(1).value()->num_examples(), 0);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto all, data->LoadTest());
  ASSERT_EQ(all->num_examples(), 3);
  EXPECT_THAT(FeaturesOf(*all, 0), ElementsAre(7, 7));
}

TEST_F(LeafTest, SeveralFilesAndPackedOnesAreRead) {
  WriteFile(folder_.path(), "train/b.json.gz", Gzip(kTrain));
  WriteFile(folder_.path(), "train/a.json", kTest);
  WriteFile(folder_.path(), "test/all_data.json", kTest);
  // zoe is in both.
  EXPECT_THAT(Open(3), StatusIs(absl::StatusCode::kDataLoss,
                                HasSubstr("user 'zoe' is in another file")));
  WriteFile(folder_.path(), "train/a.json",
            absl::StrReplaceAll(kTest, {{"zoe", "yan"}}));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, Open(4));
  EXPECT_THAT(FeaturesOf(*data->LoadDevice(1).value(), 1), ElementsAre(9, 9));
  EXPECT_THAT(FeaturesOf(*data->LoadDevice(2).value(), 0), ElementsAre(1, 2));
  EXPECT_THAT(FeaturesOf(*data->LoadDevice(3).value(), 0), ElementsAre(5, 6.5));
}

TEST_F(LeafTest, OtherPartitionsTakeExamplesOfManyUsers) {
  WriteFile(folder_.path(), "train/all_data.json", kTrain);
  WriteFile(folder_.path(), "test/all_data.json", kTest);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto data,
      FederatedData::Open({LeafSource{folder_.path()}}, IidPartition{}, 1, 7));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto all, data->LoadDevice(0));
  EXPECT_EQ(all->num_examples(), 3);
  EXPECT_THAT(FeaturesOf(*all, 2), ElementsAre(5, 6.5));
  EXPECT_FALSE(data->has_device_tests());
}

TEST_F(LeafTest, MissingFilesAreNamed) {
  EXPECT_THAT(Open(1), StatusIs(absl::StatusCode::kNotFound,
                                HasSubstr("train: no file *.json")));
  WriteFile(folder_.path(), "train/all_data.json", kTrain);
  EXPECT_THAT(Open(1), StatusIs(absl::StatusCode::kNotFound,
                                HasSubstr("test: no file *.json")));
}

TEST_F(LeafTest, AFileThatChangedIsNoticed) {
  WriteFile(folder_.path(), "train/all_data.json", kTrain);
  WriteFile(folder_.path(), "test/all_data.json", kTest);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, Open(2));
  WriteFile(folder_.path(), "train/all_data.json",
            absl::StrReplaceAll(kTrain, {{"[0, 1]", "[1, 1]"}}));
  EXPECT_THAT(data->LoadDevice(0),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("changed")));
}

TEST_F(LeafTest, WhatIsWrongIsSaid) {
  EXPECT_THAT(ScanChanged("[2, 1]", "[2, 1e300]"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("a number of examples of 1e+300")));
  const auto data_loss = [](absl::string_view what) {
    return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(what));
  };
  SHOAL_EXPECT_OK(Scan(kTrain));
  EXPECT_THAT(Scan(absl::string_view(kTrain).substr(0, 150)),
              data_loss("no JSON"));
  EXPECT_THAT(Scan("[]"), data_loss("a list where the file's object"));
  EXPECT_THAT(ScanChanged("[5, 6.5]", "[5]"),
              data_loss("an example of 2 features, expected 1"));
  EXPECT_THAT(ScanChanged("6.5", "1e99"), data_loss("beyond float32"));
  EXPECT_THAT(ScanChanged("6.5", "\"six\""),
              data_loss("a text, expected a number"));
  EXPECT_THAT(ScanChanged("6.5", "[6]"), data_loss("nested lists"));
  EXPECT_THAT(ScanChanged("[[5, 6.5]]", "[5, 6.5]"),
              data_loss("outside of a list of features"));
  EXPECT_THAT(ScanChanged("[0, 1]", "[0]"),
              data_loss("user 'zoe' has 2 examples, but 1 labels"));
  EXPECT_THAT(ScanChanged("[0, 1]", "[0, 1.5]"), data_loss("label 1.5"));
  EXPECT_THAT(ScanChanged("[0, 1]", "[0, -1]"), data_loss("label -1"));
  EXPECT_THAT(ScanChanged("[2, 1]", "[2, 3]"), data_loss("num_samples says 3"));
  EXPECT_THAT(ScanChanged("[2, 1]", "[2]"),
              data_loss("1 num_samples of 2 users"));
  EXPECT_THAT(ScanChanged("\"zoe\", ", ""), data_loss("num_samples of 1"));
  EXPECT_THAT(ScanChanged("[\"zoe\", \"a\\u00e9\"]", "[\"zoe\", \"eve\"]"),
              data_loss("user 'eve' is listed twice, or has no data"));
  EXPECT_THAT(ScanChanged("{\"y\": [2.0]", "[\"y\", [2.0]"),
              data_loss("a list of user data"));
}

// The test halves that were published with FedProx.
TEST(LeafData, PublishedFilesAreRead) {
  const std::string source = testing::DataDir() +
                             "/leaf_synthetic_fedprox/"
                             "synthetic_1_1_mytest.json.gz";
  SHOAL_SKIP_WITHOUT(source);
  TemporaryFolder folder;
  for (const char* half : {"/train", "/test"}) {
    std::filesystem::create_directories(folder.path() + half);
    std::filesystem::copy_file(source, folder.path() + half + "/a.json.gz");
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto data,
      FederatedData::Open({LeafSource{folder.path()}}, {}, 30, 7));
  EXPECT_EQ(data->shape().num_features, 60);
  EXPECT_EQ(data->shape().natural_devices, 30);
  int64_t examples = 0;
  for (int k = 0; k < 30; ++k) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto device, data->LoadDevice(k));
    EXPECT_EQ(device->num_examples(), data->num_device_examples(k));
    examples += device->num_examples();
  }
  EXPECT_EQ(examples, 1084);
  EXPECT_EQ(data->LoadTest().value()->num_examples(), 1084);
}

}  // namespace
}  // namespace shoal::learning
