#include "aggregation/server_algorithm.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"

namespace shoal::aggregation {
namespace {

constexpr absl::string_view kMagic = "SHSO";
constexpr uint32_t kFormatVersion = 1;
constexpr uint32_t kSgd = 1;

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("server optimizer state: ", what));
}

class SgdServer final : public ServerAlgorithm {
 public:
  SgdServer(const configuration::SgdServerOptions& options,
            int64_t num_parameters)
      : options_(options),
        num_parameters_(num_parameters),
        velocity_(StateSize()) {}

  absl::Status Step(absl::Span<const double> mean_update,
                    absl::Span<float> model) override {
    SHOAL_CHECK(static_cast<int64_t>(mean_update.size()) == num_parameters_);
    SHOAL_CHECK(static_cast<int64_t>(model.size()) == num_parameters_);
    std::vector<double> velocity(mean_update.begin(), mean_update.end());
    for (size_t i = 0; i < velocity_.size(); ++i) {
      velocity[i] += options_.momentum * velocity_[i];
    }
    std::vector<float> next(model.size());
    for (size_t i = 0; i < next.size(); ++i) {
      next[i] =
          static_cast<float>(model[i] + options_.learning_rate * velocity[i]);
    }
    for (size_t i = 0; i < next.size(); ++i) {
      if (!std::isfinite(next[i]) || !std::isfinite(velocity[i])) {
        return absl::OutOfRangeError(absl::StrCat(
            "parameter ", i, " would become ", next[i], " by a mean update of ",
            mean_update[i], ", expected finite values"));
      }
    }
    std::copy(next.begin(), next.end(), model.begin());
    if (!velocity_.empty()) velocity_ = std::move(velocity);
    return absl::OkStatus();
  }

  std::string Serialize() const override {
    std::string bytes(kMagic);
    AppendU32(bytes, kFormatVersion);
    AppendU32(bytes, kSgd);
    AppendU64(bytes, velocity_.size());
    bytes.append(reinterpret_cast<const char*>(velocity_.data()),
                 velocity_.size() * sizeof(double));
    return bytes;
  }

  absl::Status Restore(absl::string_view state) override {
    if (state.empty()) {
      velocity_.assign(StateSize(), 0);
      return absl::OkStatus();
    }
    ByteReader reader(state);
    if (reader.Bytes(kMagic.size()) != kMagic) {
      return Broken("does not begin with 'SHSO'");
    }
    const uint32_t version = reader.U32();
    const uint32_t kind = reader.U32();
    const uint64_t size = reader.U64();
    if (!reader.ok()) return Broken("ends inside its header");
    if (version != kFormatVersion || kind != kSgd) {
      return Broken(absl::StrCat("has format version ", version, " and kind ",
                                 kind, ", expected ", kFormatVersion, " and ",
                                 kSgd));
    }
    if (size != StateSize() || reader.rest().size() != size * sizeof(double)) {
      return Broken(absl::StrCat("holds ", reader.rest().size(), " bytes of ",
                                 size, " values, expected ", StateSize(),
                                 " values of 8"));
    }
    std::vector<double> velocity(size);
    reader.rest().copy(reinterpret_cast<char*>(velocity.data()),
                       reader.rest().size());
    for (const double v : velocity) {
      if (!std::isfinite(v)) return Broken("holds a value that is not finite");
    }
    velocity_ = std::move(velocity);
    return absl::OkStatus();
  }

 private:
  // Without momentum there is nothing to remember.
  size_t StateSize() const {
    return options_.momentum > 0 ? static_cast<size_t>(num_parameters_) : 0;
  }

  const configuration::SgdServerOptions options_;
  const int64_t num_parameters_;
  std::vector<double> velocity_;  // [StateSize()]
};

}  // namespace

std::unique_ptr<ServerAlgorithm> ServerAlgorithm::Create(
    const configuration::ServerOptimizerOptions& options,
    int64_t num_parameters) {
  return std::visit(
      [&](const configuration::SgdServerOptions& sgd)
          -> std::unique_ptr<ServerAlgorithm> {
        return std::make_unique<SgdServer>(sgd, num_parameters);
      },
      options);
}

}  // namespace shoal::aggregation
