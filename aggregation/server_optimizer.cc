#include "aggregation/server_optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"

namespace shoal::aggregation {
namespace {

constexpr absl::string_view kMagic = "SHSO";
constexpr uint32_t kFormatVersion = 1;

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("server optimizer state: ", what));
}

bool AllFinite(absl::Span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value); });
}

absl::Status NotFinite(size_t parameter, double mean_update) {
  return absl::OutOfRangeError(absl::StrCat(
      "parameter ", parameter, " or what the server optimizer remembers of it ",
      "would become non-finite by a mean update of ", mean_update,
      ", expected finite values"));
}

}  // namespace

ServerOptimizer::ServerOptimizer(std::unique_ptr<ServerRule> rule,
                                 int64_t num_parameters)
    : rule_(std::move(rule)),
      num_parameters_(num_parameters),
      state_(Initial()) {
  SHOAL_CHECK(num_parameters >= 1);
}

ServerOptimizer::State ServerOptimizer::Initial() const {
  State state;
  for (const double value : rule_->InitialState()) {
    state.insert(state.end(), num_parameters_, value);
  }
  return state;
}

std::vector<absl::Span<double>> ServerOptimizer::VectorsOf(State& state) const {
  std::vector<absl::Span<double>> vectors;
  for (size_t begin = 0; begin < state.size(); begin += num_parameters_) {
    vectors.push_back(absl::MakeSpan(state).subspan(begin, num_parameters_));
  }
  return vectors;
}

absl::Status ServerOptimizer::Step(absl::Span<const double> mean_update,
                                   absl::Span<float> model) {
  SHOAL_CHECK(static_cast<int64_t>(mean_update.size()) == num_parameters_);
  SHOAL_CHECK(static_cast<int64_t>(model.size()) == num_parameters_);
  State step(mean_update.begin(), mean_update.end());
  State state = state_;
  const std::vector<absl::Span<double>> vectors = VectorsOf(state);
  rule_->Compute(absl::MakeSpan(step), vectors);
  std::vector<float> next(model.size());
  for (size_t i = 0; i < next.size(); ++i) {
    next[i] = static_cast<float>(model[i] + step[i]);
    bool finite = std::isfinite(next[i]);
    for (const absl::Span<double> vector : vectors) {
      finite &= std::isfinite(vector[i]);
    }
    if (!finite) return NotFinite(i, mean_update[i]);
  }
  std::copy(next.begin(), next.end(), model.begin());
  state_ = std::move(state);
  return absl::OkStatus();
}

std::string ServerOptimizer::Serialize() const {
  std::string bytes(kMagic);
  AppendU32(bytes, kFormatVersion);
  AppendU32(bytes, rule_->number());
  AppendU64(bytes, state_.size());
  bytes.append(reinterpret_cast<const char*>(state_.data()),
               state_.size() * sizeof(double));
  return bytes;
}

absl::Status ServerOptimizer::Restore(absl::string_view bytes) {
  if (bytes.empty()) {
    state_ = Initial();
    return absl::OkStatus();
  }
  ByteReader reader(bytes);
  if (reader.Bytes(kMagic.size()) != kMagic) {
    return Broken("does not begin with 'SHSO'");
  }
  const uint32_t version = reader.U32();
  const uint32_t rule = reader.U32();
  const uint64_t size = reader.U64();
  if (!reader.ok()) return Broken("ends inside its header");
  if (version != kFormatVersion || rule != rule_->number()) {
    return Broken(absl::StrCat("has format version ", version, " and rule ",
                               rule, ", expected ", kFormatVersion, " and ",
                               rule_->number()));
  }
  if (size != state_.size() || reader.rest().size() != size * sizeof(double)) {
    return Broken(absl::StrCat("holds ", reader.rest().size(), " bytes of ",
                               size, " values, expected ", state_.size(),
                               " values of 8"));
  }
  State state(size);
  reader.rest().copy(reinterpret_cast<char*>(state.data()),
                     reader.rest().size());
  if (!AllFinite(state)) return Broken("holds a value that is not finite");
  state_ = std::move(state);
  return absl::OkStatus();
}

}  // namespace shoal::aggregation
