#include "protocol/secure_update.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "privacy/differential_privacy/adaptive_clip.h"
#include "privacy/differential_privacy/stream_rng.h"
#include "privacy/secure_aggregation/packing.h"
#include "privacy/secure_aggregation/rotation.h"
#include "privacy/secure_aggregation/totals.h"
#include "protocol/codec.h"

namespace shoal::protocol {
namespace {

using secure_aggregation::Quantiser;
using secure_aggregation::QuantiserOptions;
using secure_aggregation::RingVector;
using secure_aggregation::SessionPlan;

constexpr int kNumTotals = 6;

// "SHMU", and the version of the format.
constexpr uint32_t kMagic = 0x554d4853;
constexpr uint32_t kVersion = 1;
constexpr int64_t kHeaderBytes = 4 + 4 + Digest::kSize + 4;

// The largest rotated coordinate, as a part of the norm bound: six standard
// deviations of one, where the norm is spread over this many blocks at least. A
// larger one becomes this.
constexpr int64_t kBlocksOfNorm = 16;
constexpr double kDeviations = 6;

double CoordinateBound(const SecureRound& round) {
  if (!round.settings.rotation) return round.norm_bound;
  const int64_t spread = std::min(
      round.num_values, kBlocksOfNorm * secure_aggregation::kRotationBlock);
  return round.norm_bound *
         std::min(1.0, kDeviations / std::sqrt(static_cast<double>(spread)));
}

std::string RoundName(const SecureRound& round) {
  return absl::StrCat(round.task, "/", round.round_id, "/",
                      round.base_model.ToHex(), "/", round.work.ToHex());
}

// What the decoder of plain updates asks of a report, too.
absl::Status CheckReport(const learning::UpdateReport& report) {
  if (report.num_examples >= 1 && report.base_num_correct >= 0 &&
      std::isfinite(report.base_loss_sum) && report.base_loss_sum >= 0 &&
      std::isfinite(report.divisor) && report.divisor > 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "an update of ", report.num_examples, " examples with a loss of ",
      report.base_loss_sum, ", ", report.base_num_correct,
      " right predictions and a divisor of ", report.divisor,
      ": expected at least 1 example, no loss or number below 0, a divisor "
      "above 0, all of them finite"));
}

absl::int128 InUnits(double value, double unit) {
  return absl::int128(std::nearbyint(std::clamp(value / unit, 0.0, 0x1p90)));
}

}  // namespace

SecureRound SecureRoundOf(const Assignment& assignment, int64_t num_values) {
  const Plan& plan = assignment.plan;
  SHOAL_CHECK(plan.secure_aggregation.has_value());
  SecureRound round;
  round.task = assignment.task;
  round.round_id = assignment.round_id;
  round.base_model = assignment.model.digest;
  round.work =
      DigestOfWork(plan, assignment.model.version, assignment.round_number);
  round.settings = *plan.secure_aggregation;
  round.num_values = num_values;
  round.norm_bound = plan.norm_bound;
  round.max_weight = plan.uniform_weights ? 1 : plan.max_examples;
  round.noisy_sums = plan.noisy_sums;
  round.clip_votes = plan.clip_votes;
  round.device_noise = plan.device_noise;
  return round;
}

SecureUpdate::SecureUpdate(const SecureRound& round, const Quantiser& quantiser)
    : max_weight_(round.max_weight),
      noisy_sums_(round.noisy_sums),
      clip_votes_(round.clip_votes),
      norm_bound_(round.norm_bound),
      rotation_seed_(
          Sha256(absl::StrCat("shoal rotation ",
                              round.noisy_sums ? round.task : RoundName(round)))
              .AsBytes()),
      quantiser_(quantiser) {}

absl::StatusOr<SecureUpdate> SecureUpdate::Create(const SecureRound& round) {
  if (round.clip_votes &&
      (!round.noisy_sums || round.device_noise.has_value())) {
    return absl::InvalidArgumentError(
        "devices say whether they shortened their updates, and the coordinator "
        "adds no noise: expected noise on the sum of their votes");
  }
  SHOAL_ASSIGN_OR_RETURN(const Quantiser quantiser,
                         Quantiser::Create({
                             .norm_bound = round.norm_bound,
                             .coordinate_bound = CoordinateBound(round),
                             .bits = round.settings.bits,
                             .rotate = round.settings.rotation,
                             .max_weight = round.max_weight,
                         }));
  SecureUpdate update(round, quantiser);
  SessionPlan& session = update.session_;
  session.round = RoundName(round);
  session.coordinator = round.settings.coordinator;
  session.adversary_fraction = round.settings.adversary_fraction;
  session.dropout_fraction = round.settings.dropout_fraction;
  session.min_group = round.settings.min_group;
  session.max_group = round.settings.max_group;
  SHOAL_ASSIGN_OR_RETURN(const int ring_bits, update.AddNoise(round));
  session.vectors = {{"update", round.num_values, ring_bits},
                     {"totals", kNumTotals * secure_aggregation::kLimbsPerTotal,
                      secure_aggregation::kTotalsRingBits}};
  SHOAL_RETURN_IF_ERROR(secure_aggregation::CheckPlan(session));
  return update;
}

// Noise is sized for groups as they are in the session.
absl::StatusOr<int> SecureUpdate::AddNoise(const SecureRound& round) {
  if (!round.device_noise.has_value()) {
    return quantiser_.RingBits(session_.max_group);
  }
  if (!round.noisy_sums) {
    return absl::InvalidArgumentError(
        "devices add noise to their updates, and would tell of them besides: "
        "expected updates with nothing but their values");
  }
  SHOAL_ASSIGN_OR_RETURN(
      noise_, GroupNoise::Create(session_, quantiser_, round.num_values,
                                 *round.device_noise));
  return noise_->ring_bits();
}

absl::StatusOr<std::vector<RingVector>> SecureUpdate::Encode(
    absl::Span<float> values, const learning::UpdateReport& report,
    const MaskingDraw& draw) const {
  SHOAL_RETURN_IF_ERROR(CheckReport(report));
  const int64_t weight = max_weight_ == 1 ? 1 : report.num_examples;
  std::vector<RingVector> vectors = NoSum();
  double norm = 0;
  if (noise_.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(const privacy::DistributedNoise noise,
                           noise_->ForGroup(draw.num_members));
    privacy::StreamRng rng(draw.seed, draw.earlier_groups);
    norm = noise.Encode(values, rotation_seed_, rng, vectors[0]).norm;
  } else {
    SHOAL_ASSIGN_OR_RETURN(
        norm, quantiser_.Quantise(values, weight, {rotation_seed_, draw.seed},
                                  vectors[0]));
  }
  if (noisy_sums_) {
    const int64_t vote =
        clip_votes_ ? privacy::AdaptiveClip::Vote(norm, norm_bound_) : 0;
    SHOAL_ASSIGN_OR_RETURN(vectors[1], secure_aggregation::EncodeTotals(
                                           {weight, vote, 0, 0, 0, 0}));
    return vectors;
  }
  const absl::int128 divisor = InUnits(report.divisor, kTotalsDivisorUnit);
  SHOAL_ASSIGN_OR_RETURN(
      vectors[1],
      secure_aggregation::EncodeTotals(
          {weight, report.num_examples, report.base_num_correct,
           InUnits(report.base_loss_sum, kTotalsLossUnit), weight * divisor,
           InUnits(std::min(norm / norm_bound_, 1.0), kTotalsNormUnit)}));
  return vectors;
}

std::vector<RingVector> SecureUpdate::NoSum() const {
  std::vector<RingVector> sums;
  for (const secure_aggregation::VectorSpec& vector : session_.vectors) {
    sums.emplace_back(vector.length, vector.ring_bits);
  }
  return sums;
}

std::vector<RingVector> SecureUpdate::NoTotal() const {
  std::vector<RingVector> total;
  for (const secure_aggregation::VectorSpec& vector : session_.vectors) {
    total.emplace_back(vector.length, secure_aggregation::kMaxRingBits);
  }
  return total;
}

void SecureUpdate::AddGroup(absl::Span<const RingVector> sums,
                            absl::Span<RingVector> total) const {
  SHOAL_CHECK(sums.size() == total.size());
  for (size_t i = 0; i < sums.size(); ++i) {
    const RingVector& sum = sums[i];
    auto& lanes = total[i];
    for (int64_t k = 0; k < sum.length(); ++k) {
      lanes.Set(k, lanes.Get(k) + static_cast<uint64_t>(sum.GetSigned(k)));
    }
  }
}

SecureTotals SecureUpdate::TotalsOf(absl::Span<const RingVector> total) const {
  const std::vector<absl::int128> numbers =
      secure_aggregation::DecodeTotals(total[1]);
  SHOAL_CHECK(numbers.size() == kNumTotals);
  if (noisy_sums_) return {.weight = numbers[0], .votes = numbers[1]};
  return {numbers[0], numbers[1], numbers[2],
          numbers[3], numbers[4], numbers[5]};
}

absl::Status SecureUpdate::Mean(absl::Span<const RingVector> total,
                                absl::Span<double> mean) const {
  return quantiser_.DecodeMean(total[0], TotalsOf(total).weight, rotation_seed_,
                               mean);
}

absl::Status SecureUpdate::MeanOver(const RingVector& values, int64_t weight,
                                    absl::Span<double> mean) const {
  return quantiser_.DecodeMean(values, weight, rotation_seed_, mean);
}

double SecureUpdate::EncodedNormBound() const {
  if (noise_.has_value()) return noise_->norm_bound();
  // Rotating in single precision makes a norm longer by much less than this;
  // rounding moves every coordinate by less than a step.
  constexpr double kRotated = 1 + 0x1p-16;
  return norm_bound_ / quantiser_.step() * kRotated +
         std::sqrt(static_cast<double>(session_.vectors[0].length));
}

double SecureUpdate::MeanNorm(const SecureTotals& totals,
                              int64_t num_updates) const {
  return static_cast<double>(totals.norms) * kTotalsNormUnit * norm_bound_ /
         static_cast<double>(num_updates);
}

int64_t MaskedUploadBytes(const SessionPlan& plan, int64_t message_bytes) {
  int64_t bytes = kHeaderBytes + message_bytes;
  for (const secure_aggregation::VectorSpec& vector : plan.vectors) {
    bytes += secure_aggregation::PackedBytes(vector.length, vector.ring_bits);
  }
  return bytes;
}

int64_t SecureUpdate::MaskingBytes() const {
  const int64_t values =
      session_.vectors.front().length * static_cast<int64_t>(sizeof(float));
  int64_t lanes = 0;
  for (const secure_aggregation::VectorSpec& vector : session_.vectors) {
    const bool is_narrow =
        vector.ring_bits <= secure_aggregation::kMaxNarrowBits;
    lanes += vector.length * static_cast<int64_t>(is_narrow ? sizeof(uint32_t)
                                                            : sizeof(uint64_t));
  }
  // A vector is packed before it is part of the upload.
  const int64_t upload = 2 * MaskedUploadBytes(session_, 0);
  const int64_t noise = noise_.has_value() ? noise_->working_bytes() : 0;
  return values + lanes + std::max(values + noise, upload);
}

std::string EncodeMaskedUpload(const Digest& session, absl::string_view message,
                               absl::Span<const RingVector> vectors) {
  size_t size = kHeaderBytes + message.size();
  for (const RingVector& vector : vectors) {
    size +=
        secure_aggregation::PackedBytes(vector.length(), vector.ring_bits());
  }
  std::string bytes;
  bytes.reserve(size);
  AppendU32(bytes, kMagic);
  AppendU32(bytes, kVersion);
  absl::StrAppend(&bytes, session.AsBytes());
  AppendSized(bytes, message);
  for (const RingVector& vector : vectors) {
    absl::StrAppend(&bytes, secure_aggregation::Pack(vector));
  }
  return bytes;
}

bool IsMaskedUpload(absl::string_view bytes) {
  ByteReader reader(bytes);
  return reader.U32() == kMagic && reader.ok();
}

absl::StatusOr<MaskedUpload> DecodeMaskedUpload(absl::string_view bytes,
                                                const SessionPlan& plan) {
  if (!IsMaskedUpload(bytes)) {
    return absl::InvalidArgumentError("these are no masked vectors");
  }
  ByteReader reader(bytes);
  reader.U32();
  if (const uint32_t version = reader.U32(); version != kVersion) {
    return absl::InvalidArgumentError(absl::StrCat(
        "masked vectors in version ", version, ", expected ", kVersion));
  }
  MaskedUpload upload;
  const auto session = Digest::FromBytes(reader.Bytes(Digest::kSize));
  upload.message = reader.Sized();
  if (!reader.ok() || !session.ok() || session->empty() ||
      std::ssize(upload.message) > kMaxMaskedMessageBytes) {
    return absl::InvalidArgumentError(
        "masked vectors without a group, or with a message that is too long");
  }
  upload.session = *session;
  const int64_t expected = MaskedUploadBytes(plan, std::ssize(upload.message));
  if (std::ssize(bytes) != expected) {
    return absl::InvalidArgumentError(absl::StrCat(
        "masked vectors of ", bytes.size(), " bytes, expected ", expected));
  }
  for (const secure_aggregation::VectorSpec& vector : plan.vectors) {
    upload.vectors.push_back(reader.Bytes(static_cast<size_t>(
        secure_aggregation::PackedBytes(vector.length, vector.ring_bits))));
    SHOAL_RETURN_IF_ERROR(secure_aggregation::CheckPacked(
        upload.vectors.back(), vector.length, vector.ring_bits));
  }
  return upload;
}

absl::Status AddPacked(absl::Span<const absl::string_view> vectors,
                       absl::Span<RingVector> sums) {
  SHOAL_CHECK(vectors.size() == sums.size());
  for (size_t i = 0; i < sums.size(); ++i) {
    SHOAL_RETURN_IF_ERROR(secure_aggregation::CheckPacked(
        vectors[i], sums[i].length(), sums[i].ring_bits()));
  }
  for (size_t i = 0; i < sums.size(); ++i) {
    SHOAL_RETURN_IF_ERROR(secure_aggregation::AddPacked(vectors[i], sums[i]));
  }
  return absl::OkStatus();
}

}  // namespace shoal::protocol
