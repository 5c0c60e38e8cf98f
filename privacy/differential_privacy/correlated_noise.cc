#include "privacy/differential_privacy/correlated_noise.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/status_macros.h"
#include "privacy/differential_privacy/noise_matrices.h"
#include "privacy/differential_privacy/stream_rng.h"
#include "privacy/secure_aggregation/keystream.h"
#include "privacy/secure_aggregation/ring_vector.h"

namespace shoal::privacy {

using secure_aggregation::kSeedBytes;

namespace {

constexpr uint32_t kVersion = 1;
constexpr int kMaxParts = 64;
// Version, options, rounds, key.
constexpr size_t kDigestBytes = 32;
constexpr size_t kStateBytes = 4 + kDigestBytes + 8 + kSeedBytes;

struct AppendMatrix {
  void operator()(const TreeMatrix& tree) const {
    AppendU64(out, 1);
    AppendU64(out, static_cast<uint64_t>(tree.restart_every));
    AppendU64(out, tree.reduce_variance ? 1 : 0);
  }
  void operator()(const BandedMatrix& matrix) const {
    AppendU64(out, 2);
    for (const double value : matrix.column) AppendF64(out, value);
  }
  void operator()(const BufferedMatrix& matrix) const {
    AppendU64(out, 3);
    for (const double value : matrix.buffers.buffer_decay) {
      AppendF64(out, value);
    }
    for (const double value : matrix.buffers.output_scale) {
      AppendF64(out, value);
    }
  }
  std::string& out;
};

// What all noise depends on beside the key.
std::string DigestOf(const CorrelatedNoiseOptions& options) {
  std::string text;
  AppendU64(text, static_cast<uint64_t>(options.num_rounds));
  AppendU64(text, static_cast<uint64_t>(options.length));
  AppendF64(text, options.sigma);
  std::visit(AppendMatrix{text}, options.matrix);
  return std::string(Sha256(text).AsBytes());
}

absl::Status CheckOptions(const CorrelatedNoiseOptions& options) {
  // Streams are numbered by round and part.
  constexpr int64_t kMaxRounds = int64_t{1} << 32;
  if (options.num_rounds < 1 || options.num_rounds > kMaxRounds) {
    return absl::InvalidArgumentError(
        absl::StrCat("correlated noise: ", options.num_rounds,
                     " rounds, expected 1 to ", kMaxRounds));
  }
  if (options.length < 1 ||
      options.length > secure_aggregation::kMaxVectorLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("correlated noise: a length of ", options.length,
                     ", expected 1 to ", secure_aggregation::kMaxVectorLength));
  }
  constexpr double kSmallestSigma = 1;
  constexpr double kLargestSigma = 0x1p38;
  if (!(options.sigma >= kSmallestSigma && options.sigma <= kLargestSigma)) {
    return absl::InvalidArgumentError(
        absl::StrCat("correlated noise: sigma is ", options.sigma,
                     ", expected ", kSmallestSigma, " to ", kLargestSigma));
  }
  return absl::OkStatus();
}

struct Make {
  absl::StatusOr<std::unique_ptr<CorrelatedNoise>> operator()(
      const TreeMatrix& tree) const {
    return MakeTreeNoise(options, tree);
  }
  absl::StatusOr<std::unique_ptr<CorrelatedNoise>> operator()(
      const BandedMatrix& matrix) const {
    return MakeBandedNoise(options, matrix);
  }
  absl::StatusOr<std::unique_ptr<CorrelatedNoise>> operator()(
      const BufferedMatrix& matrix) const {
    return MakeBufferedNoise(options, matrix);
  }
  const CorrelatedNoiseOptions& options;
};

}  // namespace

CorrelatedNoise::CorrelatedNoise(const CorrelatedNoiseOptions& options,
                                 DiscreteGaussianSampler sampler)
    : options_(options), sampler_(std::move(sampler)) {}

absl::StatusOr<std::unique_ptr<CorrelatedNoise>> CorrelatedNoise::Create(
    const CorrelatedNoiseOptions& options, SecureRng& rng) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  SHOAL_ASSIGN_OR_RETURN(auto noise, std::visit(Make{options}, options.matrix));
  noise->key_ = Secret(rng.Bytes(kSeedBytes));
  return noise;
}

absl::StatusOr<std::unique_ptr<CorrelatedNoise>> CorrelatedNoise::Restore(
    const CorrelatedNoiseOptions& options, absl::string_view state) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  ByteReader reader(state);
  const uint32_t version = reader.U32();
  if (reader.ok() && version != kVersion) {
    return absl::UnimplementedError(
        absl::StrCat("correlated noise: the state has version ", version,
                     ", expected ", kVersion));
  }
  if (state.size() != kStateBytes) {
    return absl::DataLossError(absl::StrCat("correlated noise: the state has ",
                                            state.size(), " bytes, expected ",
                                            kStateBytes));
  }
  if (state.substr(4, kDigestBytes) != DigestOf(options)) {
    return absl::InvalidArgumentError(
        "correlated noise: the state is of other options, expected those that "
        "it was created with");
  }
  const auto rounds =
      static_cast<int64_t>(LoadU64(state.data() + 4 + kDigestBytes));
  if (rounds < 0 || rounds > options.num_rounds) {
    return absl::DataLossError(
        absl::StrCat("correlated noise: the state is after ", rounds,
                     " rounds, expected 0 to ", options.num_rounds));
  }
  SHOAL_ASSIGN_OR_RETURN(auto noise, std::visit(Make{options}, options.matrix));
  noise->key_ = Secret(std::string(state.substr(4 + kDigestBytes + 8)));
  noise->rounds_drawn_ = rounds;
  return noise;
}

absl::StatusOr<CorrelatedNoise::RoundedMatrix> CorrelatedNoise::RoundedBy(
    CorrelatedNoiseOptions options) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  // Of a single value: it needs no memory.
  const double root = std::sqrt(static_cast<double>(options.length));
  options.length = 1;
  SHOAL_ASSIGN_OR_RETURN(const auto noise,
                         std::visit(Make{options}, options.matrix));
  return RoundedMatrix{noise->column(), root * noise->rounding_sensitivity()};
}

absl::Status CorrelatedNoise::Next(absl::Span<int64_t> noise) {
  SHOAL_CHECK(static_cast<int64_t>(noise.size()) == options_.length);
  if (rounds_drawn_ == options_.num_rounds) {
    return absl::ResourceExhaustedError(
        absl::StrCat("correlated noise: all ", options_.num_rounds,
                     " rounds are drawn; a new mechanism is a new charge"));
  }
  ++rounds_drawn_;
  while (rounds_made_ < rounds_drawn_) NextRound(rounds_made_++, noise);
  return absl::OkStatus();
}

Secret CorrelatedNoise::Serialize() const {
  std::string state;
  state.reserve(kStateBytes);
  AppendU32(state, kVersion);
  state += DigestOf(options_);
  AppendU64(state, static_cast<uint64_t>(rounds_drawn_));
  state.append(key_.Reveal().data(), key_.Reveal().size());
  return Secret(std::move(state));
}

void CorrelatedNoise::Draw(int64_t round, int part,
                           absl::Span<int64_t> out) const {
  SHOAL_CHECK(part >= 0 && part < kMaxParts);
  StreamRng rng(key_.Reveal(), static_cast<uint64_t>(round) * kMaxParts + part);
  sampler_.Fill(rng, out);
}

}  // namespace shoal::privacy
