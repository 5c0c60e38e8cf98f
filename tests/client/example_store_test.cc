#include "client/example_store.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

namespace fs = std::filesystem;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kFeatures = 2;
constexpr int kClasses = 1000;
// Of a record with these: time, source, row, features, label, checksum.
constexpr int64_t kRecordBytes = 24 + 4 * kFeatures + 4 + 4;

ExampleStoreOptions Options(int64_t max_examples = 1000) {
  ExampleStoreOptions options;
  options.num_features = kFeatures;
  options.num_classes = kClasses;
  options.max_examples = max_examples;
  options.missing_values = true;
  return options;
}

class ExampleStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<ExampleStore>> Open(
      const ExampleStoreOptions& options = Options()) {
    return ExampleStore::Open(options, folder(), clock_);
  }
  // Opens the store anew.
  void Reopen(const ExampleStoreOptions& options = Options()) {
    store_.reset();
    auto opened = Open(options);
    SHOAL_ASSERT_OK(opened);
    store_ = *std::move(opened);
  }

  absl::Status Add(int32_t label, Origin origin = {}) {
    return AddMany(label, 1, origin);
  }
  // Of the labels `first` and following.
  absl::Status AddMany(int32_t first, int count, Origin origin = {}) {
    std::vector<float> features;
    std::vector<int32_t> labels;
    for (int32_t label = first; label < first + count; ++label) {
      labels.push_back(label);
      features.push_back(0.5f * label);
      features.push_back(std::nanf(""));
    }
    std::vector<Example> examples(count);
    for (int i = 0; i < count; ++i) {
      examples[i].features = {&features[i * kFeatures], kFeatures};
      examples[i].labels = {&labels[i], 1};
    }
    return store_->Add(examples, origin);
  }
  // What tells the examples apart.
  std::vector<int32_t> Labels() {
    return LabelsOf(*store_->Snapshot().value());
  }
  static std::vector<int32_t> LabelsOf(const learning::Dataset& data) {
    std::vector<int32_t> labels;
    std::vector<float> features(kFeatures);
    for (int64_t i = 0; i < data.num_examples(); ++i) {
      labels.push_back(data.label(i));
      data.CopyFeatures(i, absl::MakeSpan(features));
      EXPECT_EQ(features[0], 0.5f * labels.back());
      EXPECT_TRUE(std::isnan(features[1]));
    }
    return labels;
  }

  std::string folder() const { return folder_.path() + "/examples"; }
  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(folder())) {
      files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  int64_t BytesOnDisk() const {
    int64_t bytes = 0;
    for (const std::string& file : Files()) bytes += fs::file_size(file);
    return bytes;
  }

  TemporaryFolder folder_;
  VirtualClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  std::unique_ptr<ExampleStore> store_;
};

TEST_F(ExampleStoreTest, ExamplesSurviveWithTheirOrder) {
  Reopen();
  EXPECT_THAT(Labels(), IsEmpty());
  SHOAL_ASSERT_OK(Add(7));
  SHOAL_ASSERT_OK(Add(3));
  Reopen();
  SHOAL_ASSERT_OK(Add(999));
  EXPECT_THAT(Labels(), ElementsAre(7, 3, 999));
  EXPECT_EQ(store_->num_examples(), 3);
  EXPECT_EQ(store_->num_damaged(), 0);
}

TEST_F(ExampleStoreTest, MissingFeaturesAreForStoresThatAllowThem) {
  ExampleStoreOptions options = Options();
  options.missing_values = false;
  Reopen(options);
  EXPECT_THAT(Add(1), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("feature 1 is missing")));
  Reopen();
  SHOAL_EXPECT_OK(Add(1));
}

TEST_F(ExampleStoreTest, FullStoreDropsTheOldest) {
  Reopen(Options(3));
  for (int i = 0; i < 10; ++i) SHOAL_ASSERT_OK(Add(i));
  EXPECT_THAT(Labels(), ElementsAre(7, 8, 9));
  Reopen(Options(3));
  EXPECT_THAT(Labels(), ElementsAre(7, 8, 9));
}

TEST_F(ExampleStoreTest, FilesNeverExceedMaxBytes) {
  ExampleStoreOptions options = Options();
  options.max_bytes = 2'500;
  Reopen(options);
  int64_t most = 0;
  for (int i = 0; i < 80; ++i) {
    SHOAL_ASSERT_OK(Add(i));
    ASSERT_LE(BytesOnDisk(), options.max_bytes);
    most = std::max(most, store_->num_examples());
    ASSERT_GE(store_->num_examples(), std::min<int64_t>(i + 1, most));
  }
  // Headers apart, a ninth is room for what is about to go.
  EXPECT_GT(most * kRecordBytes, 1500);
  SHOAL_ASSERT_OK(AddMany(0, 999));
  EXPECT_LE(BytesOnDisk(), options.max_bytes);
  EXPECT_EQ(store_->num_examples(), most);
}

TEST_F(ExampleStoreTest, StoreOfOneExampleHoldsTheNewest) {
  ExampleStoreOptions options = Options();
  options.max_bytes = 18 * kSegmentHeaderBytes + 3 * kRecordBytes;
  Reopen(options);
  for (int i = 0; i < 5; ++i) {
    SHOAL_ASSERT_OK(Add(i));
    EXPECT_THAT(Labels(), ElementsAre(i));
    EXPECT_LE(BytesOnDisk(), options.max_bytes);
  }
  --options.max_bytes;
  EXPECT_THAT(Open(options).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("too few for one example of 2 features and "
                                 "1000 classes, expected at least 696")));
}

TEST_F(ExampleStoreTest, SnapshotStaysWhatItIs) {
  Reopen(Options(4));
  SHOAL_ASSERT_OK(AddMany(0, 4));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto snapshot, store_->Snapshot());
  SHOAL_ASSERT_OK(AddMany(100, 20));
  EXPECT_THAT(LabelsOf(*snapshot), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Labels(), ElementsAre(116, 117, 118, 119));
  store_.reset();
  EXPECT_THAT(LabelsOf(*snapshot), ElementsAre(0, 1, 2, 3));
}

TEST_F(ExampleStoreTest, SmallerStoreKeepsTheNewestAndGivesTheRestBack) {
  Reopen(Options(800));
  SHOAL_ASSERT_OK(AddMany(0, 40));
  EXPECT_EQ(Files().size(), 1u);
  Reopen(Options(2));
  EXPECT_THAT(Labels(), ElementsAre(38, 39));
  EXPECT_LT(BytesOnDisk(), 3 * kRecordBytes + kSegmentHeaderBytes);
  Reopen(Options(800));
  SHOAL_ASSERT_OK(Add(40));
  EXPECT_THAT(Labels(), ElementsAre(38, 39, 40));
}

TEST_F(ExampleStoreTest, WhatIsTooOldGoes) {
  ExampleStoreOptions options = Options();
  options.max_age = absl::Hours(1);
  Reopen(options);
  SHOAL_ASSERT_OK(Add(1));
  clock_.Advance(absl::Minutes(40));
  SHOAL_ASSERT_OK(Add(2));
  EXPECT_THAT(Labels(), ElementsAre(1, 2));
  clock_.Advance(absl::Minutes(40));
  EXPECT_THAT(Labels(), ElementsAre(2));
  clock_.Advance(absl::Minutes(40));
  Reopen(options);
  EXPECT_THAT(Files(), IsEmpty());
  SHOAL_ASSERT_OK(Add(3));
  EXPECT_THAT(Labels(), ElementsAre(3));
}

TEST_F(ExampleStoreTest, OtherShapeOnDiskIsNamedWithTheOneAskedFor) {
  Reopen();
  SHOAL_ASSERT_OK(Add(1));
  store_.reset();
  ExampleStoreOptions options;
  options.num_features = 3;
  options.num_targets = 1;
  EXPECT_THAT(Open(options).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("holds examples of 2 features and 1000 "
                                 "classes, but the device is told of 3 "
                                 "features and 1 target")));
  Reopen();
  EXPECT_THAT(Labels(), ElementsAre(1));
}

TEST_F(ExampleStoreTest, SequencesTargetsAndNeitherAreKept) {
  const std::vector<float> features = {1, 2};
  const std::vector<int32_t> labels = {4, 0, 2};
  const std::vector<float> targets = {-1, 0.5f};
  ExampleStoreOptions options;
  options.num_features = 2;
  options.num_classes = 5;
  options.labels_per_example = 3;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      auto store, ExampleStore::Open(options, folder() + "/a", clock_));
  SHOAL_ASSERT_OK(store->Add({{features, labels, {}}}));
  SHOAL_ASSERT_OK_AND_ASSIGN(auto data, store->Snapshot());
  std::vector<int32_t> got(3);
  data->CopyLabels(0, absl::MakeSpan(got));
  EXPECT_EQ(got, labels);
  EXPECT_EQ(data->labels_per_example(), 3);

  options = {};
  options.num_features = 2;
  options.num_targets = 2;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      store, ExampleStore::Open(options, folder() + "/b", clock_));
  SHOAL_ASSERT_OK(store->Add({{features, {}, targets}}));
  SHOAL_ASSERT_OK_AND_ASSIGN(data, store->Snapshot());
  std::vector<float> values(2);
  data->CopyTargets(0, absl::MakeSpan(values));
  EXPECT_EQ(values, targets);

  options.num_targets = 0;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      store, ExampleStore::Open(options, folder() + "/c", clock_));
  SHOAL_ASSERT_OK(store->Add({{features, {}, {}}}));
  SHOAL_ASSERT_OK_AND_ASSIGN(data, store->Snapshot());
  data->CopyFeatures(0, absl::MakeSpan(values));
  EXPECT_EQ(values, features);
}

TEST_F(ExampleStoreTest, ExampleThatDoesNotFitIsRefused) {
  Reopen();
  const std::vector<float> two = {1, 2};
  const std::vector<float> infinite = {1, INFINITY};
  const std::vector<int32_t> label = {5};
  const std::vector<int32_t> none = {1000};
  const auto refused = [&](const Example& example) {
    const absl::Status status = store_->Add({&example, 1});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(refused({{two.data(), 1}, label, {}}),
            "the example has 1 features, expected 2");
  EXPECT_EQ(refused({two, {}, {}}), "the example has 0 labels, expected 1");
  EXPECT_EQ(refused({two, label, two}),
            "the example has 2 targets, expected 0");
  EXPECT_EQ(refused({two, none, {}}),
            "the example has the label 1000, expected 0 to 999");
  EXPECT_THAT(refused({infinite, label, {}}), HasSubstr("feature 1 is inf"));
  EXPECT_EQ(store_->num_examples(), 0);
}

TEST_F(ExampleStoreTest, ImpossibleOptionsAreNamed) {
  const auto refused = [&](auto change) {
    ExampleStoreOptions options = Options();
    change(options);
    return std::string(Open(options).status().message());
  };
  EXPECT_EQ(refused([](auto& o) { o.num_features = 0; }),
            "example_store.num_features: 0, expected 1 to 67108864");
  EXPECT_EQ(refused([](auto& o) { o.num_targets = 2; }),
            "example_store.num_targets: 2, expected 0, for there are classes");
  EXPECT_EQ(refused([](auto& o) {
              o.num_classes = 0;
              o.labels_per_example = 2;
            }),
            "example_store.labels_per_example: 2, expected 1, for there are no "
            "classes");
  EXPECT_THAT(refused([](auto& o) { o.max_examples = 0; }),
              HasSubstr("max_examples: 0"));
  EXPECT_THAT(refused([](auto& o) { o.max_age = absl::ZeroDuration(); }),
              HasSubstr("max_age: 0"));
}

TEST_F(ExampleStoreTest, RowsOfASourceAreRemembered) {
  Reopen();
  EXPECT_EQ(store_->last_origin(), Origin());
  SHOAL_ASSERT_OK(AddMany(0, 3, {17, 5}));
  SHOAL_ASSERT_OK(Add(3));  // of no source
  EXPECT_EQ(store_->last_origin(), (Origin{17, 7}));
  Reopen();
  EXPECT_EQ(store_->last_origin(), (Origin{17, 7}));
}

// A record is appended by one write: what a crash leaves of it is any part.
TEST_F(ExampleStoreTest, PartOfTheLastRecordIsCutWhereverItEnds) {
  Reopen();
  SHOAL_ASSERT_OK(AddMany(0, 3));
  store_.reset();
  ASSERT_EQ(Files().size(), 1u);
  const std::string path = Files()[0];
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(path));
  for (int64_t size = whole.size() - kRecordBytes; size < std::ssize(whole);
       ++size) {
    SHOAL_ASSERT_OK(ReplaceFile(path, whole.substr(0, size)));
    Reopen();
    ASSERT_THAT(Labels(), ElementsAre(0, 1)) << size;
    SHOAL_ASSERT_OK(Add(9));
    Reopen();
    ASSERT_THAT(Labels(), ElementsAre(0, 1, 9)) << size;
    EXPECT_EQ(store_->num_damaged(), 0);
    store_.reset();
  }
}

// The length may have reached the disk before the bytes.
TEST_F(ExampleStoreTest, LastRecordsOfZerosAreCut) {
  Reopen();
  SHOAL_ASSERT_OK(AddMany(0, 2));
  store_.reset();
  const std::string path = Files()[0];
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(path));
  SHOAL_ASSERT_OK(
      ReplaceFile(path, whole + std::string(2 * kRecordBytes, '\0')));
  Reopen();
  EXPECT_THAT(Labels(), ElementsAre(0, 1));
  EXPECT_EQ(store_->num_damaged(), 0);
  EXPECT_EQ(std::ssize(whole), BytesOnDisk());
}

TEST_F(ExampleStoreTest, FlippedBitCostsItsRecordAlone) {
  Reopen();
  SHOAL_ASSERT_OK(AddMany(0, 3));
  store_.reset();
  const std::string path = Files()[0];
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(path));
  for (size_t bit = 0; bit < 8 * whole.size(); bit += 7) {
    std::string damaged = whole;
    damaged[bit / 8] ^= static_cast<char>(1 << bit % 8);
    SHOAL_ASSERT_OK(ReplaceFile(path, damaged));
    Reopen();
    std::vector<int32_t> left = {0, 1, 2};
    const int64_t behind_header =
        static_cast<int64_t>(bit / 8) - kSegmentHeaderBytes;
    if (behind_header >= 0) {  // a damaged header costs nothing
      left.erase(left.begin() + behind_header / kRecordBytes);
    }
    ASSERT_EQ(Labels(), left) << "bit " << bit;
    Reopen();  // mended
    ASSERT_EQ(Labels(), left) << "bit " << bit;
    EXPECT_EQ(store_->num_damaged(), 0);
    store_.reset();
  }
}

TEST_F(ExampleStoreTest, DamageIsCounted) {
  Reopen();
  SHOAL_ASSERT_OK(AddMany(0, 3));
  store_.reset();
  const std::string path = Files()[0];
  SHOAL_ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(path));
  bytes[kSegmentHeaderBytes + 3] ^= 1;
  SHOAL_ASSERT_OK(ReplaceFile(path, bytes));
  Reopen();
  EXPECT_THAT(Labels(), ElementsAre(1, 2));
  EXPECT_EQ(store_->num_damaged(), 1);
}

TEST_F(ExampleStoreTest, SegmentOfAnotherVersionIsLeftAlone) {
  Reopen();
  SHOAL_ASSERT_OK(Add(0));
  store_.reset();
  const std::string path = Files()[0];
  SHOAL_ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(path));
  bytes[4] = 2;
  const uint32_t checksum = Crc32(bytes.substr(0, kSegmentHeaderBytes - 4));
  std::memcpy(bytes.data() + kSegmentHeaderBytes - 4, &checksum, 4);
  SHOAL_ASSERT_OK(ReplaceFile(path, bytes));
  EXPECT_THAT(Open().status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("format version 2, expected 1")));
  EXPECT_THAT(ReadFile(path), shoal::testing::IsOkAndHolds(bytes));
}

TEST_F(ExampleStoreTest, LeftoversGoAndOtherFilesStay) {
  Reopen();
  SHOAL_ASSERT_OK(ReplaceFile(folder() + "/000000000001.examples.aBcDeF", "x"));
  SHOAL_ASSERT_OK(ReplaceFile(folder() + "/notes.txt", "x"));
  Reopen();
  EXPECT_THAT(Files(), ElementsAre(folder() + "/notes.txt"));
}

// Random additions, restarts and changes of size, against a queue. (A store
// that is made larger may find examples again whose file was still there.)
TEST_F(ExampleStoreTest, BehavesAsABoundedQueue) {
  SeededRng rng(7);
  std::deque<int32_t> model;
  int64_t most = 20;
  Reopen(Options(most));
  int32_t next = 0;
  for (int step = 0; step < 500; ++step) {
    const uint64_t kind = rng.Below(20);
    if (kind == 0) {
      Reopen(Options(most));
    } else if (kind == 1) {
      most = 1 + rng.Below(60);
      Reopen(Options(most));
      while (std::ssize(model) > most) model.pop_front();
      const std::vector<int32_t> held = Labels();
      ASSERT_GE(held.size(), model.size());
      ASSERT_TRUE(std::equal(model.rbegin(), model.rend(), held.rbegin()));
      model.assign(held.begin(), held.end());
    } else {
      const int count = kind < 4 ? 1 + rng.Below(40) : 1;
      next %= kClasses - 50;
      SHOAL_ASSERT_OK(AddMany(next, count));
      for (int i = 0; i < count; ++i) model.push_back(next++);
    }
    while (std::ssize(model) > most) model.pop_front();
    ASSERT_EQ(store_->num_examples(), std::ssize(model)) << step;
    if (step % 7 == 0) {
      ASSERT_EQ(Labels(), std::vector<int32_t>(model.begin(), model.end()))
          << step;
    }
    ASSERT_LE(Files().size(), 40u);
  }
}

}  // namespace
}  // namespace shoal::client
