#include "learning/data/data_source.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/data/csv.h"
#include "learning/data/example_pool.h"
#include "learning/data/handwriting_source.h"
#include "learning/data/idx.h"
#include "learning/data/partition.h"
#include "learning/data/simulated_fleet.h"
#include "learning/data/text.h"

namespace shoal::learning {
namespace {

constexpr double kDefaultAlpha = 0.3;

// A pool that has fallen onto devices.
class DividedPool final : public FederatedData {
 public:
  // `test_shares`: the held-out examples of every device; empty when these
  // belong to no device.
  DividedPool(std::unique_ptr<ExamplePool> pool, Shares shares,
              Shares test_shares)
      : pool_(std::move(pool)),
        shares_(std::move(shares)),
        test_shares_(std::move(test_shares)) {}

  const DataShape& shape() const override { return pool_->shape(); }
  int num_devices() const override { return static_cast<int>(shares_.size()); }
  int64_t num_device_examples(int device) const override {
    return std::ssize(ShareOf(device));
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadDevice(
      int device) const override {
    return pool_->Load(ShareOf(device));
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return pool_->LoadTest();
  }
  bool has_device_tests() const override { return !test_shares_.empty(); }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadDeviceTest(
      int device) const override {
    if (!has_device_tests()) return FederatedData::LoadDeviceTest(device);
    SHOAL_CHECK(device >= 0 && device < num_devices());
    return pool_->LoadHeldOut(test_shares_[device]);
  }
  absl::StatusOr<std::vector<int64_t>> CountLabels(int device) const override {
    if (pool_->groups().empty()) return FederatedData::CountLabels(device);
    std::vector<int64_t> counts(pool_->num_groups());
    for (const int64_t example : ShareOf(device)) {
      ++counts[pool_->groups()[example]];
    }
    return counts;
  }

 private:
  const std::vector<int64_t>& ShareOf(int device) const {
    SHOAL_CHECK(device >= 0 && device < num_devices());
    return shares_[device];
  }

  const std::unique_ptr<ExamplePool> pool_;
  const Shares shares_;
  const Shares test_shares_;
};

// The held-out examples of natural devices follow these.
Shares TestShares(const ExamplePool& pool, int num_devices) {
  if (pool.test_owners().empty()) return {};
  Shares shares(num_devices);
  for (int64_t i = 0; i < std::ssize(pool.test_owners()); ++i) {
    const int32_t owner = pool.test_owners()[i];
    if (owner >= 0) shares[owner % num_devices].push_back(i);
  }
  return shares;
}

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenPool(const DataSource& source,
                                                      int num_devices) {
  if (const auto* hand = std::get_if<HandwritingSource>(&source.kind)) {
    SHOAL_RETURN_IF_ERROR(CheckHandwriting(*hand));
    return MakeHandwritingPool(*hand, num_devices);
  }
  if (const auto* idx = std::get_if<IdxSource>(&source.kind)) {
    return OpenIdx(idx->path);
  }
  if (const auto* text = std::get_if<TextSource>(&source.kind)) {
    return OpenText(*text);
  }
  if (const auto* csv = std::get_if<CsvSource>(&source.kind)) {
    return OpenCsv(*csv);
  }
  return OpenSimulatedPool(source, num_devices);
}

absl::StatusOr<Shares> DivideNaturally(const ExamplePool& pool,
                                       int num_devices) {
  if (pool.owners().empty() && pool.shape().natural_is_default) {
    return DivideInOrder(pool.num_examples(), num_devices);
  }
  if (pool.owners().empty()) {
    return absl::InvalidArgumentError(
        "the data name no natural devices: choose the partition iid or "
        "dirichlet");
  }
  return DivideByOwner(pool.owners(), pool.shape().natural_devices,
                       num_devices);
}

absl::StatusOr<Shares> Divide(const ExamplePool& pool,
                              const PartitionKind& partition, int num_devices,
                              uint64_t seed) {
  if (std::holds_alternative<IidPartition>(partition)) {
    return DivideEvenly(pool.num_examples(), num_devices, seed);
  }
  if (const auto* dirichlet = std::get_if<DirichletPartition>(&partition)) {
    if (pool.groups().empty()) {
      return absl::InvalidArgumentError(
          "a dirichlet partition needs a class or a target of every example, "
          "which a text has not: choose the partition iid or natural");
    }
    return DivideByDirichlet(pool.groups(), pool.num_groups(), dirichlet->alpha,
                             num_devices, seed);
  }
  if (std::holds_alternative<NaturalPartition>(partition)) {
    return DivideNaturally(pool, num_devices);
  }
  return DivideForSimulation(pool, partition, num_devices, seed);
}

// Whose devices are generated one by one, when they are asked for; null: no.
absl::StatusOr<std::unique_ptr<FederatedData>> OpenNatural(
    const DataSource& source, int num_devices) {
  if (const auto* hand = std::get_if<HandwritingSource>(&source.kind)) {
    SHOAL_RETURN_IF_ERROR(CheckHandwriting(*hand));
    return MakeHandwritingByWriter(*hand, num_devices);
  }
  if (const auto* made = std::get_if<SyntheticSource>(&source.kind)) {
    return OpenSyntheticDevices(*made, num_devices);
  }
  return nullptr;
}

absl::StatusOr<std::unique_ptr<FederatedData>> OpenKind(
    const DataSource& source, std::optional<PartitionKind> kind,
    int num_devices, uint64_t seed) {
  if (!kind || std::holds_alternative<NaturalPartition>(*kind)) {
    SHOAL_ASSIGN_OR_RETURN(auto natural, OpenNatural(source, num_devices));
    if (natural != nullptr) return natural;
  }
  SHOAL_ASSIGN_OR_RETURN(auto pool, OpenPool(source, num_devices));
  if (!kind) {
    kind = DirichletPartition{kDefaultAlpha};
    if (pool->shape().natural_is_default) kind = NaturalPartition{};
  }
  SHOAL_ASSIGN_OR_RETURN(Shares shares,
                         Divide(*pool, *kind, num_devices, seed));
  Shares test_shares;
  if (std::holds_alternative<NaturalPartition>(*kind)) {
    test_shares = TestShares(*pool, num_devices);
  }
  return std::make_unique<DividedPool>(std::move(pool), std::move(shares),
                                       std::move(test_shares));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Dataset>> FederatedData::LoadDeviceTest(
    int device) const {
  return absl::FailedPreconditionError(absl::StrCat(
      "device ", device,
      " has no test examples of its own: the data hold none out for each"));
}

absl::StatusOr<std::unique_ptr<Dataset>> FederatedData::LoadDeviceAt(
    int device, const Moment& /*moment*/) const {
  return LoadDevice(device);
}

absl::StatusOr<std::unique_ptr<Dataset>> FederatedData::LoadTestAt(
    const Moment& /*moment*/) const {
  return LoadTest();
}

absl::StatusOr<std::unique_ptr<Dataset>> FederatedData::LoadDeviceTestAt(
    int device, const Moment& /*moment*/) const {
  return LoadDeviceTest(device);
}

absl::StatusOr<std::vector<int64_t>> FederatedData::CountLabels(
    int device) const {
  std::vector<int64_t> counts(shape().num_classes);
  if (counts.empty()) return counts;
  SHOAL_ASSIGN_OR_RETURN(const auto data, LoadDevice(device));
  std::vector<int32_t> labels(shape().labels_per_example);
  for (int64_t i = 0; i < data->num_examples(); ++i) {
    data->CopyLabels(i, absl::MakeSpan(labels));
    for (const int32_t label : labels) ++counts[label];
  }
  return counts;
}

absl::StatusOr<std::unique_ptr<FederatedData>> FederatedData::Open(
    const DataSource& source, std::optional<Partition> partition,
    int num_devices, uint64_t seed) {
  if (num_devices < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_devices is ", num_devices, ", expected at least 1"));
  }
  std::optional<PartitionKind> kind;
  if (partition.has_value()) kind = partition->kind;
  SHOAL_ASSIGN_OR_RETURN(auto data, OpenKind(source, kind, num_devices, seed));
  if (!partition.has_value()) return data;
  return SkewFeatures(std::move(data), *partition, seed);
}

absl::StatusOr<DataSource> ParseDataSource(absl::string_view text) {
  if (text == "handwriting") return DataSource{HandwritingSource{}};
  if (text == "synthetic") return DataSource{SyntheticSource{}};
  const size_t colon = text.find(':');
  const absl::string_view kind = text.substr(0, colon);
  if (colon != absl::string_view::npos && colon + 1 < text.size()) {
    std::string path(text.substr(colon + 1));
    if (kind == "mnist" || kind == "fashion-mnist") {
      return DataSource{IdxSource{std::move(path)}};
    }
    if (kind == "har") return DataSource{HarSource{std::move(path)}};
    if (kind == "csv") return DataSource{CsvSource{std::move(path)}};
    if (kind == "text") return DataSource{TextSource{std::move(path)}};
    if (kind == "cifar10") return DataSource{Cifar10Source{std::move(path)}};
    if (kind == "emnist") return DataSource{EmnistSource{std::move(path)}};
    if (kind == "leaf") return DataSource{LeafSource{std::move(path)}};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("data '", text,
                   "', expected one of handwriting, synthetic, mnist:DIR, "
                   "fashion-mnist:DIR, emnist:DIR, cifar10:DIR, har:DIR, "
                   "leaf:DIR, csv:FILE, text:FILE"));
}

}  // namespace shoal::learning
