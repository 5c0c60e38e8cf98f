#include "aggregation/accumulator.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <latch>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace shoal::aggregation {
namespace {

// Values of one block: its sums stay in the second-level cache while every
// update of a batch is added to them.
constexpr int64_t kBlockValues = 16384;
// Batches of fewer values are not worth waking other threads for.
constexpr int64_t kMinParallelValues = 1 << 19;
// Updates added in one pass, so that a sum is loaded and stored once for all.
constexpr int kGroup = 8;

// The integer next to `value`, ties to even. REQUIRES: |value| < 2^62.
//
// Adding 1.5 * 2^52 leaves the rounded number in the low bits of the mantissa,
// which works below 2^51; so the value is split into a multiple of 2^12 and a
// rest, both exact. Ties keep their parity, since the multiple is even. Only
// additions, multiplications and shifts: vectorised, and the same bits, on
// every instruction set.
inline int64_t RoundToInteger(double value) {
  constexpr double kMantissa = 0x1.8p52;
  constexpr uint64_t kMantissaBits = std::bit_cast<uint64_t>(kMantissa);
  constexpr int kSplit = 12;
  constexpr double kUnit = 1 << kSplit;
  const double coarse = value * (1 / kUnit) + kMantissa;
  const double rest = value - (coarse - kMantissa) * kUnit;
  const double fine = rest + kMantissa;
  return static_cast<int64_t>((std::bit_cast<uint64_t>(coarse) << kSplit) +
                              std::bit_cast<uint64_t>(fine) -
                              (kMantissaBits << kSplit) - kMantissaBits);
}

// What one block of a batch is made of.
struct Addend {
  const float* delta;
  double factor;  // weight * scale, exact
};

template <int kCount>
void AddGroup(const Addend* addends, int64_t begin, absl::Span<int64_t> sums) {
  const float* delta[kCount];
  double factor[kCount];
  for (int k = 0; k < kCount; ++k) {
    delta[k] = addends[k].delta + begin;
    factor[k] = addends[k].factor;
  }
  int64_t* __restrict out = sums.data();
  const int64_t size = sums.size();
  for (int64_t i = 0; i < size; ++i) {
    int64_t sum = out[i];
#pragma GCC unroll 8
    for (int k = 0; k < kCount; ++k) {
      sum += RoundToInteger(static_cast<double>(delta[k][i]) * factor[k]);
    }
    out[i] = sum;
  }
}

// Adds values [begin, begin + sums.size()) of all addends to `sums`.
void AddBlock(absl::Span<const Addend> addends, int64_t begin,
              absl::Span<int64_t> sums) {
  static_assert(kGroup == 8);
  for (; addends.size() >= kGroup; addends.remove_prefix(kGroup)) {
    AddGroup<kGroup>(addends.data(), begin, sums);
  }
  if (addends.size() >= 4) {
    AddGroup<4>(addends.data(), begin, sums);
    addends.remove_prefix(4);
  }
  if (addends.size() >= 2) {
    AddGroup<2>(addends.data(), begin, sums);
    addends.remove_prefix(2);
  }
  if (!addends.empty()) AddGroup<1>(addends.data(), begin, sums);
}

// Calls `work(begin, size)` for the blocks of [0, num_values), on the threads
// of `pool` when there is one, and returns when all are done.
template <typename Work>
void ForEachBlock(int64_t num_values, ThreadPool* pool, const Work& work) {
  const int64_t num_blocks = (num_values + kBlockValues - 1) / kBlockValues;
  const auto run = [&](int64_t block) {
    const int64_t begin = block * kBlockValues;
    work(begin, std::min(kBlockValues, num_values - begin));
  };
  if (pool == nullptr) {
    for (int64_t block = 0; block < num_blocks; ++block) run(block);
    return;
  }
  std::latch done(num_blocks);
  for (int64_t block = 0; block < num_blocks; ++block) {
    pool->Schedule([&, block] {
      run(block);
      done.count_down();
    });
  }
  done.wait();
}

absl::int128 InLossUnits(double loss, const FixedPointRange& range) {
  const double units = std::clamp(loss / kLossUnit, 0.0, 0x1p126);
  return std::min(absl::int128(std::nearbyint(units)), range.MaxLoss());
}

absl::int128 InDivisorUnits(double divisor) {
  SHOAL_CHECK(divisor > 0 && divisor <= kMaxDivisor);
  return static_cast<int64_t>(std::nearbyint(divisor / kDivisorUnit));
}

std::string Describe(const Accumulator& sum) {
  return absl::StrCat(sum.sums().size(), " values with scale ",
                      sum.range().Scale(), " and ",
                      sum.totals().sub_model_weights.size(), " sub-models");
}

}  // namespace

bool FixedPointRange::IsValid() const {
  return norm_bound > 0 && norm_bound <= 1e50 && max_weight >= 1 &&
         max_weight <= kMaxExamples && max_updates >= 1 &&
         max_updates <= int64_t{1} << 30;
}

int64_t FixedPointRange::MaxCorrect() const {
  return (int64_t{1} << 62) / max_updates;
}

absl::int128 FixedPointRange::MaxLoss() const {
  return (absl::int128(1) << 126) / max_updates;
}

double FixedPointRange::Scale() const {
  // p < 2^e for the product p = mantissa * 2^e, so p * 2^(62 - e) < 2^62.
  int exponent = 0;
  std::frexp(static_cast<double>(max_updates) * norm_bound *
                 static_cast<double>(max_weight),
             &exponent);
  // Floats are multiples of 2^-149: a larger scale would gain nothing.
  return std::ldexp(1.0, std::min(62 - exponent, 149));
}

int64_t FixedPointRange::MaxSum(int64_t num_updates) const {
  const double per_update =
      norm_bound * static_cast<double>(max_weight) * Scale();
  // The relative slack covers the products' rounding, one per update the rest.
  const double product = static_cast<double>(num_updates) * per_update;
  return static_cast<int64_t>(product * (1 + 0x1p-50)) + num_updates;
}

Accumulator::Accumulator(const FixedPointRange& range, int64_t num_parameters,
                         int num_sub_models)
    : range_(range), sums_(num_parameters) {
  totals_.sub_model_weights.resize(num_sub_models);
  totals_.sub_model_divisors.resize(num_sub_models);
  SHOAL_CHECK(range.IsValid());
  SHOAL_CHECK(num_parameters >= 1);
}

void Accumulator::Add(absl::Span<const WeightedUpdate> updates,
                      ThreadPool* pool) {
  const int64_t num_updates = updates.size();
  SHOAL_CHECK(num_updates <= range_.max_updates - totals_.num_updates);
  const double scale = range_.Scale();
  std::vector<Addend> addends;
  addends.reserve(updates.size());
  for (const WeightedUpdate& update : updates) {
    SHOAL_CHECK(update.delta.size() == sums_.size());
    SHOAL_CHECK(update.weight >= 1 && update.weight <= range_.max_weight);
    SHOAL_CHECK(update.report.base_num_correct >= 0);
    SHOAL_CHECK(update.report.num_examples <= kMaxExamples);
    SHOAL_CHECK(update.shape >= 0 &&
                update.shape <= std::ssize(totals_.sub_model_weights));
    addends.push_back(
        {update.delta.data(), static_cast<double>(update.weight) * scale});
    totals_.num_updates += 1;
    totals_.weight += update.weight;
    const absl::int128 divided =
        update.weight * InDivisorUnits(update.report.divisor);
    totals_.divisors += divided;
    if (update.shape > 0) {
      totals_.sub_model_weights[update.shape - 1] += update.weight;
      totals_.sub_model_divisors[update.shape - 1] += divided;
    }
    totals_.num_examples += update.report.num_examples;
    totals_.base_num_correct +=
        std::min(update.report.base_num_correct, range_.MaxCorrect());
    totals_.base_loss += InLossUnits(update.report.base_loss_sum, range_);
  }
  const int64_t num_values = sums_.size();
  if (num_values * num_updates < kMinParallelValues) pool = nullptr;
  ForEachBlock(num_values, pool, [&](int64_t begin, int64_t size) {
    AddBlock(addends, begin, absl::MakeSpan(sums_).subspan(begin, size));
  });
}

absl::Status Accumulator::Merge(const Accumulator& other) {
  if (range_ != other.range_ || sums_.size() != other.sums_.size() ||
      totals_.sub_model_weights.size() !=
          other.totals_.sub_model_weights.size()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "sum of ", Describe(other), " cannot join one of ", Describe(*this)));
  }
  if (other.totals_.num_updates > range_.max_updates - totals_.num_updates) {
    return absl::FailedPreconditionError(
        absl::StrCat(totals_.num_updates, " and ", other.totals_.num_updates,
                     " updates are together more than ", range_.max_updates));
  }
  totals_.num_updates += other.totals_.num_updates;
  totals_.weight += other.totals_.weight;
  for (size_t k = 0; k < totals_.sub_model_weights.size(); ++k) {
    totals_.sub_model_weights[k] += other.totals_.sub_model_weights[k];
    totals_.sub_model_divisors[k] += other.totals_.sub_model_divisors[k];
  }
  totals_.num_examples += other.totals_.num_examples;
  totals_.base_num_correct += other.totals_.base_num_correct;
  totals_.base_loss += other.totals_.base_loss;
  totals_.divisors += other.totals_.divisors;
  for (size_t i = 0; i < sums_.size(); ++i) sums_[i] += other.sums_[i];
  return absl::OkStatus();
}

void Accumulator::Mean(absl::Span<double> out,
                       const learning::SubModels& sub_models) const {
  const std::vector<int64_t>& narrow = totals_.sub_model_weights;
  SHOAL_CHECK(totals_.weight > 0);
  SHOAL_CHECK(out.size() == sums_.size());
  SHOAL_CHECK(sub_models.size() == narrow.size());
  const bool all_whole = std::all_of(
      narrow.begin(), narrow.end(), [](int64_t weight) { return weight == 0; });
  if (all_whole) {
    WholeMean(out);
  } else {
    PartialMean(out, sub_models);
  }
}

bool Accumulator::IsDivided() const {
  return totals_.divisors != totals_.weight * InDivisorUnits(1);
}

void Accumulator::WholeMean(absl::Span<double> out) const {
  const double unit = 1 / range_.Scale();  // exact: a power of two
  const double weight = static_cast<double>(totals_.weight);
  for (size_t i = 0; i < sums_.size(); ++i) {
    out[i] = static_cast<double>(sums_[i]) * unit / weight;
  }
  if (!IsDivided()) return;
  const double divisor =
      static_cast<double>(totals_.divisors) * kDivisorUnit / weight;
  for (double& value : out) value *= divisor;
}

void Accumulator::PartialMean(absl::Span<double> out,
                              const learning::SubModels& sub_models) const {
  const std::vector<int64_t>& narrow = totals_.sub_model_weights;
  const double unit = 1 / range_.Scale();
  const int64_t whole = std::accumulate(narrow.begin(), narrow.end(),
                                        totals_.weight, std::minus<>());
  std::vector<int64_t> weights(sums_.size(), whole);
  for (size_t k = 0; k < narrow.size(); ++k) {
    sub_models[k]->AddCounts(narrow[k], absl::MakeSpan(weights));
  }
  for (size_t i = 0; i < sums_.size(); ++i) {
    out[i] = weights[i] == 0 ? 0
                             : static_cast<double>(sums_[i]) * unit /
                                   static_cast<double>(weights[i]);
  }
  if (!IsDivided()) return;
  const std::vector<absl::int128>& parts = totals_.sub_model_divisors;
  const absl::int128 of_whole = std::accumulate(
      parts.begin(), parts.end(), totals_.divisors, std::minus<>());
  std::vector<double> divisors(sums_.size(), static_cast<double>(of_whole));
  for (size_t k = 0; k < parts.size(); ++k) {
    sub_models[k]->AddCounts(static_cast<double>(parts[k]),
                             absl::MakeSpan(divisors));
  }
  for (size_t i = 0; i < sums_.size(); ++i) {
    if (weights[i] == 0) continue;
    out[i] *= divisors[i] * kDivisorUnit / static_cast<double>(weights[i]);
  }
}

}  // namespace shoal::aggregation
