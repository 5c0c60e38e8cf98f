#include "learning/data/leaf.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/data/leaf_file.h"
#include "learning/data/sha256sums.h"

namespace shoal::learning {
namespace {

// One half: its files, and the users of all of them.
struct LeafPart {
  struct User {
    size_t file = 0;
    size_t place = 0;  // in its users
  };

  std::vector<LeafFile> files;
  std::vector<User> users;
  std::vector<int64_t> starts = {0};  // of their examples, then the end
  std::vector<int32_t> labels;        // of all examples
  int64_t num_features = 0;

  const LeafUser& user(size_t i) const {
    return files[users[i].file].users[users[i].place];
  }
};

// Names of the JSON files in a folder, in their order.
absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator i(folder, error), end;
       !error && i != end; i.increment(error)) {
    const std::string name = i->path().filename().string();
    if (absl::EndsWith(name, ".json") || absl::EndsWith(name, ".json.gz")) {
      names.push_back(name);
    }
  }
  if (error || names.empty()) {
    return absl::NotFoundError(
        absl::StrCat(folder, ": no file *.json or *.json.gz is there"));
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<LeafPart> OpenPart(const std::string& folder) {
  LeafPart part;
  SHOAL_ASSIGN_OR_RETURN(const auto names, ListFiles(folder));
  SHOAL_RETURN_IF_ERROR(CheckSha256Sums(folder, names));
  for (const std::string& name : names) {
    SHOAL_ASSIGN_OR_RETURN(LeafFile file,
                           ScanLeaf(absl::StrCat(folder, "/", name)));
    if (part.num_features == 0) part.num_features = file.num_features;
    if (file.num_features != 0 && file.num_features != part.num_features) {
      return absl::DataLossError(absl::StrCat(
          file.path, ": examples of ", file.num_features,
          " features, but those of other files have ", part.num_features));
    }
    for (size_t place = 0; place < file.users.size(); ++place) {
      const LeafUser& user = file.users[place];
      if (user.labels.empty()) continue;
      part.users.push_back({part.files.size(), place});
      part.labels.insert(part.labels.end(), user.labels.begin(),
                         user.labels.end());
      part.starts.push_back(std::ssize(part.labels));
    }
    part.files.push_back(std::move(file));
  }
  return part;
}

absl::StatusOr<absl::flat_hash_map<std::string, int32_t>> NumberUsers(
    const LeafPart& part) {
  absl::flat_hash_map<std::string, int32_t> numbers;
  for (size_t i = 0; i < part.users.size(); ++i) {
    const LeafUser& user = part.user(i);
    if (numbers.emplace(user.name, static_cast<int32_t>(i)).second) continue;
    return absl::DataLossError(absl::StrCat(part.files[part.users[i].file].path,
                                            ": user '", user.name,
                                            "' is in another file, too"));
  }
  return numbers;
}

int NumClasses(const LeafPart& part) {
  if (part.labels.empty()) return 0;
  return *std::max_element(part.labels.begin(), part.labels.end()) + 1;
}

class LeafPool final : public ExamplePool {
 public:
  LeafPool(LeafPart train, LeafPart test,
           const absl::flat_hash_map<std::string, int32_t>& numbers)
      : train_(std::move(train)), test_(std::move(test)) {
    for (size_t i = 0; i < train_.users.size(); ++i) {
      owners_.resize(train_.starts[i + 1], static_cast<int32_t>(i));
    }
    for (size_t i = 0; i < test_.users.size(); ++i) {
      const auto number = numbers.find(test_.user(i).name);
      test_owners_.resize(test_.starts[i + 1],
                          number == numbers.end() ? -1 : number->second);
    }
    shape_.num_features = static_cast<int>(train_.num_features);
    shape_.num_classes = std::max(NumClasses(train_), NumClasses(test_));
    shape_.natural_devices = static_cast<int>(train_.users.size());
    shape_.natural_is_default = true;
  }

  const DataShape& shape() const override { return shape_; }
  int64_t num_examples() const override { return std::ssize(train_.labels); }
  absl::Span<const int32_t> groups() const override { return train_.labels; }
  absl::Span<const int32_t> owners() const override { return owners_; }
  absl::Span<const int32_t> test_owners() const override {
    return test_owners_;
  }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    return LoadExamples(train_, examples);
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    std::vector<int64_t> all(test_.labels.size());
    std::iota(all.begin(), all.end(), int64_t{0});
    return LoadExamples(test_, all);
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadHeldOut(
      absl::Span<const int64_t> examples) const override {
    return LoadExamples(test_, examples);
  }

 private:
  absl::StatusOr<std::unique_ptr<Dataset>> LoadExamples(
      const LeafPart& part, absl::Span<const int64_t> examples) const {
    const int64_t width = shape_.num_features;
    std::vector<float> features;
    features.reserve(examples.size() * width);
    std::vector<int32_t> labels;
    std::vector<float> of_user;
    int64_t begin = 0, end = 0;  // of the user's examples
    for (const int64_t example : examples) {
      if (example >= end) {
        const auto after =
            std::upper_bound(part.starts.begin(), part.starts.end(), example);
        begin = *std::prev(after);
        end = *after;
        const size_t user = std::prev(after) - part.starts.begin();
        SHOAL_ASSIGN_OR_RETURN(
            of_user, ReadLeafFeatures(part.files[part.users[user].file],
                                      part.user(user)));
      }
      const auto row = of_user.begin() + (example - begin) * width;
      features.insert(features.end(), row, row + width);
      labels.push_back(part.labels[example]);
    }
    return std::make_unique<InMemoryDataset>(
        std::move(features), std::move(labels), shape_.num_features,
        shape_.num_classes);
  }

  const LeafPart train_;
  const LeafPart test_;
  DataShape shape_;
  std::vector<int32_t> owners_;  // of the examples of train_
  std::vector<int32_t> test_owners_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenLeaf(
    const std::string& folder) {
  SHOAL_ASSIGN_OR_RETURN(LeafPart train, OpenPart(folder + "/train"));
  SHOAL_ASSIGN_OR_RETURN(LeafPart test, OpenPart(folder + "/test"));
  SHOAL_ASSIGN_OR_RETURN(const auto numbers, NumberUsers(train));
  SHOAL_RETURN_IF_ERROR(NumberUsers(test).status());
  if (train.labels.empty() || test.labels.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": no examples in ", train.labels.empty() ? "train" : "test"));
  }
  if (train.num_features != test.num_features) {
    return absl::DataLossError(
        absl::StrCat(folder, ": test has ", test.num_features,
                     " features, but train has ", train.num_features));
  }
  auto pool =
      std::make_unique<LeafPool>(std::move(train), std::move(test), numbers);
  if (pool->shape().num_classes < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": all labels are 0, expected two classes or more"));
  }
  return pool;
}

}  // namespace shoal::learning
