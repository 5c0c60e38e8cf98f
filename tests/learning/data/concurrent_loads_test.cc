// Every kind of data is loaded on several threads at once, as simulations do.
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/data_source.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

constexpr int kDevices = 6;
constexpr int kThreads = 4;

using Contents = std::vector<std::pair<int32_t, std::vector<float>>>;

Contents ContentsOf(const Dataset& data) {
  Contents contents;
  for (int64_t i = 0; i < data.num_examples(); ++i) {
    contents.push_back({data.label(i), FeaturesOf(data, i)});
  }
  return contents;
}

std::string BigEndian(uint32_t x) {
  return {static_cast<char>(x >> 24), static_cast<char>(x >> 16),
          static_cast<char>(x >> 8), static_cast<char>(x)};
}

// `count` images of 4 pixels; their labels.
std::string Images(int count) {
  std::string bytes =
      BigEndian(2051) + BigEndian(count) + BigEndian(2) + BigEndian(2);
  for (int i = 0; i < 4 * count; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}
std::string Labels(int count) {
  std::string bytes = BigEndian(2049) + BigEndian(count);
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<char>(i % 10));
  return bytes;
}

void WriteIdx(const std::string& folder, const std::string& train,
              const std::string& test) {
  WriteFile(folder, train + "-images-idx3-ubyte.gz", Gzip(Images(60)));
  WriteFile(folder, train + "-labels-idx1-ubyte", Labels(60));
  WriteFile(folder, test + "-images-idx3-ubyte", Images(10));
  WriteFile(folder, test + "-labels-idx1-ubyte", Labels(10));
}

void WriteCifar(const std::string& folder) {
  for (const char* name :
       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
        "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}) {
    std::string bytes;
    for (int i = 0; i < 10; ++i) {
      bytes += std::string(1, static_cast<char>(i)) +
               std::string(3072, static_cast<char>(10 * i));
    }
    WriteFile(folder, name, bytes);
  }
}

std::string Leaf() {
  std::string users, data;
  for (int k = 0; k < kDevices; ++k) {
    const char* const comma = k > 0 ? "," : "";
    absl::StrAppend(&users, comma, "\"u", k, "\"");
    absl::StrAppend(&data, comma, "\"u", k, "\":{\"x\":[[", k, ",1],[2,", k,
                    "]],\"y\":[0,1]}");
  }
  return absl::StrCat("{\"users\":[", users, "],\"user_data\":{", data, "}}");
}

std::string Npy(const char* type, const std::string& shape, int bytes) {
  std::string values(bytes, '\0');
  for (int i = 0; i < bytes; ++i) values[i] = static_cast<char>(i % 3);
  return NpyBytes(
      absl::StrCat("{'descr': '", type,
                   "', 'fortran_order': False, 'shape': ", shape, ", }"),
      values);
}

std::string Csv() {
  std::string text = "x,z,class\n";
  for (int row = 0; row < 300; ++row) {
    absl::StrAppend(&text, row, ",", row % 7, ",", row % 3, "\n");
  }
  return text;
}

struct Kind {
  const char* name;
  std::function<DataSource(const std::string& folder)> make;
  Partition partition;
};

Partition Everything() {
  Partition partition = ClassesPartition{4};
  partition.feature_noise = FeatureNoise{0.1};
  partition.rotation = Rotation{.groups = 4};
  partition.drift.emplace().labels = 0.5;
  partition.drift->schedule.course = DriftSchedule::Course::kStep;
  return partition;
}

class ConcurrentLoads : public ::testing::TestWithParam<Kind> {};

TEST_P(ConcurrentLoads, GiveWhatOneThreadGets) {
  TemporaryFolder folder;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto data, FederatedData::Open(GetParam().make(folder.path()),
                                           GetParam().partition, kDevices, 7));
  std::vector<Contents> alone;
  for (int k = 0; k < kDevices; ++k) {
    alone.push_back(ContentsOf(*data->LoadDevice(k).value()));
    EXPECT_EQ(std::ssize(alone[k]), data->num_device_examples(k));
  }
  const Contents test = ContentsOf(*data->LoadTest().value());
  std::atomic<int> different = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 2 * kDevices; ++i) {
        const int k = (i + thread) % kDevices;
        const auto share = data->LoadDevice(k);
        different += !share.ok() || ContentsOf(**share) != alone[k];
        different += !data->CountLabels(k).ok();
      }
      const auto held_out = data->LoadTest();
      different += !held_out.ok() || ContentsOf(**held_out) != test;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(different, 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, ConcurrentLoads,
    ::testing::Values(
        Kind{"Handwriting",
             [](const std::string&) {
               return DataSource{HandwritingSource{1, 10}};
             },
             NaturalPartition{}},
        Kind{"HandwritingWithEverything",
             [](const std::string&) {
               return DataSource{HandwritingSource{1, 10}};
             },
             Everything()},
        Kind{"Synthetic",
             [](const std::string&) {
               return DataSource{SyntheticSource{1, 1, 3}};
             },
             NaturalPartition{}},
        Kind{"SyntheticPool",
             [](const std::string&) {
               return DataSource{SyntheticSource{1, 1, 3}};
             },
             LognormalSizesPartition{}},
        Kind{"Idx",
             [](const std::string& folder) {
               WriteIdx(folder, "train", "t10k");
               return DataSource{IdxSource{folder}};
             },
             ShardsPartition{}},
        Kind{"Emnist",
             [](const std::string& folder) {
               WriteIdx(folder, "emnist-digits-train", "emnist-digits-test");
               return DataSource{EmnistSource{folder, "digits"}};
             },
             PowerLawSizesPartition{}},
        Kind{"Cifar10",
             [](const std::string& folder) {
               WriteCifar(folder);
               return DataSource{Cifar10Source{folder}};
             },
             DirichletSizesPartition{}},
        Kind{"Leaf",
             [](const std::string& folder) {
               WriteFile(folder, "train/a.json.gz", Gzip(Leaf()));
               WriteFile(folder, "test/a.json", Leaf());
               return DataSource{LeafSource{folder}};
             },
             NaturalPartition{}},
        Kind{"Npy",
             [](const std::string& folder) {
               return DataSource{NpySource{
                   WriteFile(folder, "x.npy", Npy("|u1", "(60, 4)", 240)),
                   WriteFile(folder, "y.npy", Npy("|u1", "(60,)", 60))}};
             },
             IidPartition{}},
        Kind{"Csv",
             [](const std::string& folder) {
               return DataSource{
                   CsvSource{.path = WriteFile(folder, "t.csv", Csv()),
                             .label = "class"}};
             },
             DirichletPartition{1}},
        Kind{"Text",
             [](const std::string& folder) {
               return DataSource{TextSource{
                   WriteFile(folder, "t.txt", std::string(2000, 'x')), 10}};
             },
             NaturalPartition{}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace shoal::learning
