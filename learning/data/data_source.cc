#include "learning/data/data_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/data/csv.h"
#include "learning/data/example_pool.h"
#include "learning/data/handwriting_source.h"
#include "learning/data/har.h"
#include "learning/data/idx.h"
#include "learning/data/partition.h"
#include "learning/data/text.h"

namespace shoal::learning {
namespace {

constexpr double kDefaultAlpha = 0.3;

// A pool that has fallen onto devices.
class DividedPool final : public FederatedData {
 public:
  DividedPool(std::unique_ptr<ExamplePool> pool, Shares shares)
      : pool_(std::move(pool)), shares_(std::move(shares)) {}

  const DataShape& shape() const override { return pool_->shape(); }
  int num_devices() const override { return static_cast<int>(shares_.size()); }
  int64_t num_device_examples(int device) const override {
    return ShareOf(device).size();
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadDevice(
      int device) const override {
    return pool_->Load(ShareOf(device));
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return pool_->LoadTest();
  }

 private:
  const std::vector<int64_t>& ShareOf(int device) const {
    SHOAL_CHECK(device >= 0 && device < num_devices());
    return shares_[device];
  }

  const std::unique_ptr<ExamplePool> pool_;
  const Shares shares_;
};

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenPool(const DataSource& source,
                                                      int num_devices) {
  if (const auto* hand = std::get_if<HandwritingSource>(&source.kind)) {
    SHOAL_RETURN_IF_ERROR(CheckHandwriting(*hand));
    return MakeHandwritingPool(*hand, num_devices);
  }
  if (const auto* idx = std::get_if<IdxSource>(&source.kind)) {
    return OpenIdx(idx->path);
  }
  if (const auto* har = std::get_if<HarSource>(&source.kind)) {
    return OpenHar(har->path);
  }
  if (const auto* text = std::get_if<TextSource>(&source.kind)) {
    return OpenText(*text);
  }
  return OpenCsv(std::get<CsvSource>(source.kind));
}

absl::StatusOr<Shares> Divide(const ExamplePool& pool,
                              const Partition& partition, int num_devices,
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

}  // namespace

absl::StatusOr<std::unique_ptr<FederatedData>> FederatedData::Open(
    const DataSource& source, std::optional<Partition> partition,
    int num_devices, uint64_t seed) {
  if (num_devices < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_devices is ", num_devices, ", expected at least 1"));
  }
  const auto* hand = std::get_if<HandwritingSource>(&source.kind);
  const bool natural =
      !partition || std::holds_alternative<NaturalPartition>(*partition);
  if (hand != nullptr && natural) {
    SHOAL_RETURN_IF_ERROR(CheckHandwriting(*hand));
    return MakeHandwritingByWriter(*hand, num_devices);
  }
  SHOAL_ASSIGN_OR_RETURN(auto pool, OpenPool(source, num_devices));
  if (!partition) {
    partition = DirichletPartition{kDefaultAlpha};
    if (pool->shape().natural_is_default) partition = NaturalPartition{};
  }
  SHOAL_ASSIGN_OR_RETURN(Shares shares,
                         Divide(*pool, *partition, num_devices, seed));
  return std::make_unique<DividedPool>(std::move(pool), std::move(shares));
}

absl::StatusOr<DataSource> ParseDataSource(absl::string_view text) {
  if (text == "handwriting") return DataSource{HandwritingSource{}};
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
  }
  return absl::InvalidArgumentError(
      absl::StrCat("data '", text,
                   "', expected one of handwriting, mnist:DIR, "
                   "fashion-mnist:DIR, har:DIR, csv:FILE, text:FILE"));
}

}  // namespace shoal::learning
