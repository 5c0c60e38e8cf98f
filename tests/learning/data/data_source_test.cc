#include "learning/data/data_source.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/handwriting.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

DataSource Handwriting(int mean_examples = 20) {
  return {HandwritingSource{1, mean_examples}};
}

// 300 rows of 3 classes from 5 sites.
DataSource Csv(const TemporaryFolder& folder, const std::string& device) {
  std::string text = "x,z,class,site\n";
  for (int row = 0; row < 300; ++row) {
    absl::StrAppend(&text, row, ",", row % 7, ",", row % 3, ",", row % 5, "\n");
  }
  return {CsvSource{.path = WriteFile(folder.path(), "t.csv", text),
                    .label = "class",
                    .device = device}};
}

TEST(FederatedData, EveryDeviceIsOneWriter) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data,
                             FederatedData::Open(Handwriting(), {}, 4, 7));
  EXPECT_EQ(data->num_devices(), 4);
  EXPECT_EQ(data->shape().num_features, 784);
  EXPECT_EQ(data->shape().num_classes, 10);
  EXPECT_EQ(data->shape().natural_devices, 0);
  EXPECT_TRUE(data->shape().natural_is_default);
  const Writer writer(1, 20, 2);
  EXPECT_EQ(data->num_device_examples(2), writer.num_examples());
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto share, data->LoadDevice(2));
  ASSERT_EQ(share->num_examples(), writer.num_examples());
  std::vector<float> picture(784);
  writer.Draw(5, absl::MakeSpan(picture));
  EXPECT_EQ(FeaturesOf(*share, 5), picture);
  EXPECT_EQ(share->label(5), writer.Label(5));
}

TEST(FederatedData, WritersAreTheSameInAnyFederation) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto small,
                             FederatedData::Open(Handwriting(), {}, 3, 7));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto large,
                             FederatedData::Open(Handwriting(), {}, 1000, 8));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto last, large->LoadDevice(999));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto a, small->LoadDevice(1));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto b, large->LoadDevice(1));
  EXPECT_EQ(a->num_examples(), b->num_examples());
  EXPECT_EQ(FeaturesOf(*a, 0), FeaturesOf(*b, 0));
}

TEST(FederatedData, HandwritingTestSetHasUniformLabels) {
  for (int devices : {1, 7, 300, 5000}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const auto data, FederatedData::Open(Handwriting(1), {}, devices, 7));
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, data->LoadTest());
    EXPECT_EQ(test->num_examples(), std::clamp(10 * devices, 2000, 10000));
    std::map<int32_t, int64_t> counts;
    for (int64_t i = 0; i < test->num_examples(); ++i) ++counts[test->label(i)];
    ASSERT_EQ(counts.size(), 10);
    for (const auto& [label, count] : counts) {
      EXPECT_EQ(count, test->num_examples() / 10);
    }
  }
}

TEST(FederatedData, HandwritingFallsByOtherPartitionsToo) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto by_writer,
                             FederatedData::Open(Handwriting(), {}, 4, 7));
  std::set<std::vector<float>> written;
  for (int device = 0; device < 4; ++device) {
    const auto share = by_writer->LoadDevice(device).value();
    for (int64_t i = 0; i < share->num_examples(); ++i) {
      written.insert(FeaturesOf(*share, i));
    }
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto even,
      FederatedData::Open(Handwriting(), IidPartition{}, 4, 7));
  std::set<std::vector<float>> divided;
  for (int device = 0; device < 4; ++device) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto share, even->LoadDevice(device));
    EXPECT_NEAR(share->num_examples(), written.size() / 4, 1);
    for (int64_t i = 0; i < share->num_examples(); ++i) {
      divided.insert(FeaturesOf(*share, i));
    }
  }
  EXPECT_EQ(divided, written);
}

TEST(FederatedData, PoolsFallByDirichletUnlessToldOtherwise) {
  TemporaryFolder folder;
  const DataSource csv = Csv(folder, "");
  const auto sizes = [&](std::optional<Partition> partition) {
    // The column of sites is a number, too.
    const auto data = FederatedData::Open(csv, partition, 4, 7).value();
    std::vector<int64_t> sizes;
    for (int k = 0; k < 4; ++k) sizes.push_back(data->num_device_examples(k));
    return sizes;
  };
  EXPECT_EQ(sizes({}), sizes(DirichletPartition{0.3}));
  EXPECT_NE(sizes({}), sizes(IidPartition{}));
}

TEST(FederatedData, NaturalDevicesStayWholeUnlessToldOtherwise) {
  TemporaryFolder folder;
  const DataSource csv = Csv(folder, "site");
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto natural,
                             FederatedData::Open(csv, {}, 5, 7));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto told, FederatedData::Open(csv, NaturalPartition{}, 5, 8));
  for (int k = 0; k < 5; ++k) {
    EXPECT_EQ(natural->num_device_examples(k), told->num_device_examples(k));
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto share, natural->LoadDevice(k));
    EXPECT_EQ(share->num_examples(), natural->num_device_examples(k));
  }
  EXPECT_THAT(FederatedData::Open(csv, {}, 6, 7),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("5 natural devices, fewer than the 6")));
}

TEST(FederatedData, NaturalPartitionNeedsNaturalDevices) {
  TemporaryFolder folder;
  EXPECT_THAT(FederatedData::Open(Csv(folder, ""), NaturalPartition{}, 2, 7),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("choose the partition iid or dirichlet")));
}

TEST(FederatedData, TargetsFallByTheirSizeUnlessToldOtherwise) {
  TemporaryFolder folder;
  std::string text = "x,price\n";
  for (int row = 0; row < 1000; ++row) {
    absl::StrAppend(&text, row, ",", row, "\n");
  }
  const DataSource csv = {CsvSource{
      .path = WriteFile(folder.path(), "t.csv", text), .target = "price"}};
  // Between the means of the devices' targets, against that of all, 500.
  const auto spread = [&](std::optional<Partition> partition) {
    const auto data = FederatedData::Open(csv, partition, 10, 7).value();
    double least = 1000, most = 0;
    for (int k = 0; k < 10; ++k) {
      const auto share = data->LoadDevice(k).value();
      double sum = 0;
      for (int64_t i = 0; i < share->num_examples(); ++i) {
        sum += FeaturesOf(*share, i)[0];
      }
      const double mean = sum / static_cast<double>(share->num_examples());
      least = std::min(least, mean);
      most = std::max(most, mean);
    }
    return most - least;
  };
  EXPECT_GT(spread({}), 300);
  EXPECT_EQ(spread({}), spread(DirichletPartition{0.3}));
  EXPECT_LT(spread(IidPartition{}), 200);
}

TEST(FederatedData, TextsDoNotFallByDirichlet) {
  TemporaryFolder folder;
  const DataSource text = {TextSource{
      WriteFile(folder.path(), "t.txt", std::string(1000, 'x')), 10}};
  EXPECT_THAT(FederatedData::Open(text, DirichletPartition{1}, 2, 7),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("choose the partition iid or natural")));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto even,
                             FederatedData::Open(text, IidPartition{}, 3, 7));
  EXPECT_EQ(even->num_device_examples(0), 30);  // of 99 - 9 held out
}

TEST(FederatedData, BadArgumentsAreRefused) {
  EXPECT_THAT(FederatedData::Open(Handwriting(), {}, 0, 7),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("num_devices is 0")));
  for (int mean : {0, -1, 100001}) {
    EXPECT_THAT(FederatedData::Open(Handwriting(mean), {}, 2, 7),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("mean_examples of handwriting")));
    EXPECT_THAT(FederatedData::Open(Handwriting(mean), IidPartition{}, 2, 7),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(FederatedData::Open({IdxSource{"/nowhere"}}, {}, 2, 7),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere")));
  EXPECT_THAT(FederatedData::Open({HarSource{"/nowhere"}}, {}, 2, 7),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere")));
}

TEST(ParseDataSource, KnowsEveryKind) {
  EXPECT_TRUE(std::holds_alternative<HandwritingSource>(
      ParseDataSource("handwriting").value().kind));
  EXPECT_EQ(std::get<IdxSource>(ParseDataSource("mnist:a:b").value().kind).path,
            "a:b");
  EXPECT_EQ(
      std::get<IdxSource>(ParseDataSource("fashion-mnist:f").value().kind).path,
      "f");
  EXPECT_EQ(std::get<HarSource>(ParseDataSource("har:h").value().kind).path,
            "h");
  EXPECT_EQ(std::get<CsvSource>(ParseDataSource("csv:c").value().kind).path,
            "c");
  EXPECT_EQ(std::get<TextSource>(ParseDataSource("text:t").value().kind).path,
            "t");
  EXPECT_TRUE(std::holds_alternative<SyntheticSource>(
      ParseDataSource("synthetic").value().kind));
  EXPECT_EQ(
      std::get<Cifar10Source>(ParseDataSource("cifar10:d").value().kind).path,
      "d");
  EXPECT_EQ(
      std::get<EmnistSource>(ParseDataSource("emnist:e").value().kind).path,
      "e");
  EXPECT_EQ(std::get<LeafSource>(ParseDataSource("leaf:l").value().kind).path,
            "l");
}

TEST(ParseDataSource, ListsTheKindsWhenItKnowsNone) {
  for (const char* text : {"", "mnist", "mnist:", "handwriting:x", "cifar:x"}) {
    EXPECT_THAT(ParseDataSource(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected one of handwriting, synthetic, "
                                   "mnist:DIR")))
        << text;
  }
}

}  // namespace
}  // namespace shoal::learning
