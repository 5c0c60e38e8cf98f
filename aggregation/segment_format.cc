// Accumulators as bytes: the segments that a coordinator keeps
// (docs/reference/formats.md).
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/accumulator.h"
#include "base/bytes.h"

namespace shoal::aggregation {
namespace {

constexpr absl::string_view kMagic = "SHSG";
constexpr uint32_t kFormatVersion = 4;
constexpr uint32_t kMaxSubModels = 16;

constexpr double kMostDivisorUnits = kMaxDivisor / kDivisorUnit;

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("segment: ", what));
}

// What belongs to sub-models are parts of the whole.
template <typename Number>
bool AreParts(const std::vector<Number>& parts, Number whole) {
  for (const Number part : parts) {
    if (part < 0 || part > whole) return false;
    whole -= part;
  }
  return true;
}

// Sums and totals that `num_updates` accepted updates can lead to.
absl::Status CheckTotals(const FixedPointRange& range,
                         const SumTotals& totals) {
  const auto within = [](absl::int128 value, absl::int128 limit) {
    return value >= 0 && value <= limit;
  };
  if (!within(totals.num_updates, range.max_updates)) {
    return Broken(absl::StrCat("holds ", totals.num_updates,
                               " updates, expected at most ",
                               range.max_updates));
  }
  if (!within(totals.weight, totals.num_updates * range.max_weight) ||
      totals.weight < totals.num_updates ||
      !within(totals.num_examples, totals.num_updates * kMaxExamples) ||
      !within(totals.base_num_correct,
              totals.num_updates * range.MaxCorrect()) ||
      !AreParts(totals.sub_model_weights, totals.weight) ||
      !AreParts(totals.sub_model_divisors, totals.divisors) ||
      !within(totals.base_loss, totals.num_updates * range.MaxLoss()) ||
      !within(totals.divisors,
              totals.weight * absl::int128(kMostDivisorUnits))) {
    return Broken("its totals contradict its number of updates");
  }
  return absl::OkStatus();
}

// Bytes that hold every sum as two's complement: 1 to 8. Sums are mostly small
// beside what their range allows, and a segment is written twice.
int PackedWidth(absl::Span<const int64_t> sums) {
  uint64_t magnitudes = 0;
  for (const int64_t sum : sums) {
    magnitudes |= static_cast<uint64_t>(sum ^ (sum >> 63));
  }
  return (std::bit_width(magnitudes) + 1 + 7) / 8;
}

// Whole words are stored and loaded, one over the next: faster than copies of
// `width` bytes, at the price of seven bytes beyond the end.
constexpr size_t kPackSlack = sizeof(int64_t) - 1;

void AppendPacked(std::string& out, absl::Span<const int64_t> sums, int width) {
  const size_t start = out.size();
  const size_t end = start + sums.size() * width;
  out.resize(end + kPackSlack);
  char* at = out.data() + start;
  for (const int64_t sum : sums) {
    std::memcpy(at, &sum, sizeof sum);
    at += width;
  }
  out.resize(end);
}

// REQUIRES: packed.size() == sums.size() * width.
void Unpack(absl::string_view packed, int width, absl::Span<int64_t> sums) {
  const int unused_bits = 64 - 8 * width;
  const auto extend = [unused_bits](uint64_t word) {
    return static_cast<int64_t>(word << unused_bits) >> unused_bits;
  };
  const size_t whole = packed.size() < sizeof(int64_t)
                           ? 0
                           : (packed.size() - sizeof(int64_t)) / width + 1;
  for (size_t i = 0; i < whole; ++i) {
    sums[i] = extend(LoadU64(packed.data() + i * width));
  }
  for (size_t i = whole; i < sums.size(); ++i) {
    uint64_t word = 0;
    std::memcpy(&word, packed.data() + i * width, width);
    sums[i] = extend(word);
  }
}

void AppendI128(std::string& bytes, absl::int128 value) {
  AppendU64(bytes, absl::Int128Low64(value));
  AppendU64(bytes, static_cast<uint64_t>(absl::Int128High64(value)));
}

absl::int128 ReadI128(ByteReader& reader) {
  const uint64_t low = reader.U64();
  return absl::MakeInt128(static_cast<int64_t>(reader.U64()), low);
}

}  // namespace

std::string Accumulator::Serialize() const {
  std::string bytes(kMagic);
  AppendU32(bytes, kFormatVersion);
  AppendF64(bytes, range_.norm_bound);
  for (const int64_t value :
       {range_.max_weight, range_.max_updates, totals_.num_updates,
        totals_.weight, totals_.num_examples, totals_.base_num_correct,
        static_cast<int64_t>(sums_.size())}) {
    AppendU64(bytes, static_cast<uint64_t>(value));
  }
  AppendI128(bytes, totals_.base_loss);
  AppendI128(bytes, totals_.divisors);
  AppendU32(bytes, static_cast<uint32_t>(totals_.sub_model_weights.size()));
  for (size_t k = 0; k < totals_.sub_model_weights.size(); ++k) {
    AppendU64(bytes, static_cast<uint64_t>(totals_.sub_model_weights[k]));
    AppendI128(bytes, totals_.sub_model_divisors[k]);
  }
  const int width = PackedWidth(sums_);
  AppendU32(bytes, static_cast<uint32_t>(width));
  AppendPacked(bytes, sums_, width);
  return bytes;
}

absl::StatusOr<Accumulator> Accumulator::Parse(absl::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.Bytes(kMagic.size()) != kMagic) {
    return Broken("does not begin with 'SHSG'");
  }
  if (const uint32_t version = reader.U32(); version != kFormatVersion) {
    return Broken(absl::StrCat("has format version ", version, ", expected ",
                               kFormatVersion));
  }
  const auto number = [&] { return static_cast<int64_t>(reader.U64()); };
  FixedPointRange range;
  SumTotals totals;
  range.norm_bound = reader.F64();
  range.max_weight = number();
  range.max_updates = number();
  totals.num_updates = number();
  totals.weight = number();
  totals.num_examples = number();
  totals.base_num_correct = number();
  const uint64_t num_values = reader.U64();
  totals.base_loss = ReadI128(reader);
  totals.divisors = ReadI128(reader);
  const uint32_t num_sub_models = reader.U32();
  if (num_sub_models > kMaxSubModels) {
    return Broken(absl::StrCat("has ", num_sub_models,
                               " sub-models, expected at most ",
                               kMaxSubModels));
  }
  for (uint32_t k = 0; k < num_sub_models; ++k) {
    totals.sub_model_weights.push_back(number());
    totals.sub_model_divisors.push_back(ReadI128(reader));
  }
  const uint32_t width = reader.U32();
  if (!reader.ok()) return Broken("ends inside its header");
  if (!range.IsValid()) return Broken("has an impossible range");
  if (absl::Status status = CheckTotals(range, totals); !status.ok()) {
    return status;
  }
  const absl::string_view values = reader.rest();
  if (width < 1 || width > sizeof(int64_t)) {
    return Broken(absl::StrCat("has sums of ", width, " bytes, expected 1 to ",
                               sizeof(int64_t)));
  }
  if (num_values < 1 || values.size() % width != 0 ||
      num_values != values.size() / width) {
    return Broken(absl::StrCat("holds ", values.size(), " bytes of sums, ",
                               "expected ", num_values, " sums of ", width));
  }
  Accumulator result(range, static_cast<int64_t>(num_values));
  result.totals_ = std::move(totals);
  Unpack(values, static_cast<int>(width), absl::MakeSpan(result.sums_));
  const int64_t num_updates = result.totals_.num_updates;
  const int64_t limit = range.MaxSum(num_updates);
  for (const int64_t sum : result.sums_) {
    if (sum > limit || sum < -limit) {
      return Broken(absl::StrCat("holds the sum ", sum, ", expected at most ",
                                 limit, " for ", num_updates, " updates"));
    }
  }
  return result;
}

}  // namespace shoal::aggregation
