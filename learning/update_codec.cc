#include "learning/update_codec.h"

#include <cmath>
#include <cstring>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

constexpr absl::string_view kMagic = "SHUP";
constexpr uint16_t kFormatVersion = 2;
// A multiple of 4, so that values behind it can be used in place.
constexpr int64_t kHeaderBytes = 64;
static_assert(kHeaderBytes % sizeof(float) == 0);

absl::Status Refused(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("update: ", what));
}

absl::Status CheckReport(const UpdateReport& report) {
  if (report.num_examples < 1) {
    return Refused(absl::StrCat("num_examples is ", report.num_examples,
                                ", expected at least 1"));
  }
  if (report.num_steps < 0) {
    return Refused(absl::StrCat("num_steps is ", report.num_steps,
                                ", expected at least 0"));
  }
  if (!std::isfinite(report.divisor) || report.divisor <= 0) {
    return Refused(absl::StrCat("divisor is ", report.divisor,
                                ", expected a finite number above 0"));
  }
  if (!std::isfinite(report.base_loss_sum) || report.base_loss_sum < 0) {
    return Refused(absl::StrCat("base_loss_sum is ", report.base_loss_sum,
                                ", expected a finite number, at least 0"));
  }
  if (report.base_num_correct < 0) {
    return Refused(absl::StrCat("base_num_correct is ", report.base_num_correct,
                                ", expected at least 0"));
  }
  if (report.limit > WorkLimit::kTime) {
    return Refused(absl::StrCat(
        "limit is ", static_cast<uint64_t>(report.limit), ", expected 0 to ",
        static_cast<uint64_t>(WorkLimit::kTime)));
  }
  return absl::OkStatus();
}

// Checks what says how to read the rest: magic, version and codec.
absl::Status CheckFormat(ByteReader& reader) {
  if (reader.Bytes(kMagic.size()) != kMagic) {
    return Refused("does not begin with 'SHUP'");
  }
  const uint16_t version = reader.U16();
  if (version != kFormatVersion) {
    return Refused(absl::StrCat("format version is ", version, ", expected ",
                                kFormatVersion));
  }
  const uint16_t codec = reader.U16();
  if (codec != static_cast<uint16_t>(UpdateCodec::kFloat32)) {
    return Refused(absl::StrCat("codec is ", codec, ", expected ",
                                static_cast<uint16_t>(UpdateCodec::kFloat32),
                                " (float32)"));
  }
  return absl::OkStatus();
}

// Views the values where they are when they are aligned, otherwise copies.
void TakeValues(absl::string_view bytes, DecodedUpdate& update) {
  const size_t size = bytes.size() / sizeof(float);
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(float) == 0) {
    update.delta =
        absl::MakeConstSpan(reinterpret_cast<const float*>(bytes.data()), size);
    return;
  }
  update.storage = std::make_unique_for_overwrite<float[]>(size);
  std::memcpy(update.storage.get(), bytes.data(), bytes.size());
  update.delta = absl::MakeConstSpan(update.storage.get(), size);
}

}  // namespace

absl::string_view ToString(WorkLimit limit) {
  switch (limit) {
    case WorkLimit::kNone:
      return "";
    case WorkLimit::kEnergy:
      return "energy";
    case WorkLimit::kMemory:
      return "memory";
    case WorkLimit::kBytes:
      return "bytes";
    case WorkLimit::kConditions:
      return "conditions";
    case WorkLimit::kTime:
      return "time";
  }
  SHOAL_CHECK(false);
}

int64_t EncodedUpdateBytes(UpdateCodec codec, int64_t num_parameters) {
  SHOAL_CHECK(codec == UpdateCodec::kFloat32);
  return kHeaderBytes + num_parameters * static_cast<int64_t>(sizeof(float));
}

std::string EncodeUpdate(UpdateCodec codec, const UpdateReport& report,
                         absl::Span<const float> delta) {
  const int64_t size = EncodedUpdateBytes(codec, delta.size());
  std::string bytes;
  bytes.reserve(size);
  bytes.append(kMagic.data(), kMagic.size());
  AppendU16(bytes, kFormatVersion);
  AppendU16(bytes, static_cast<uint16_t>(codec));
  AppendU64(bytes, static_cast<uint64_t>(report.num_examples));
  AppendU64(bytes, static_cast<uint64_t>(report.num_steps));
  AppendF64(bytes, report.divisor);
  AppendF64(bytes, report.base_loss_sum);
  AppendU64(bytes, static_cast<uint64_t>(report.base_num_correct));
  AppendU64(bytes, static_cast<uint64_t>(report.limit));
  AppendU64(bytes, delta.size());
  bytes.append(reinterpret_cast<const char*>(delta.data()),
               delta.size() * sizeof(float));
  return bytes;
}

absl::StatusOr<DecodedUpdate> DecodeUpdate(absl::string_view bytes,
                                           int64_t num_parameters) {
  SHOAL_CHECK(num_parameters >= 0);
  if (bytes.size() < kHeaderBytes) {
    return Refused(absl::StrCat("has ", bytes.size(), " bytes, expected a ",
                                "header of ", kHeaderBytes));
  }
  ByteReader reader(bytes);
  SHOAL_RETURN_IF_ERROR(CheckFormat(reader));
  DecodedUpdate update;
  update.report.num_examples = static_cast<int64_t>(reader.U64());
  update.report.num_steps = static_cast<int64_t>(reader.U64());
  update.report.divisor = reader.F64();
  update.report.base_loss_sum = reader.F64();
  update.report.base_num_correct = static_cast<int64_t>(reader.U64());
  update.report.limit = static_cast<WorkLimit>(reader.U64());
  SHOAL_RETURN_IF_ERROR(CheckReport(update.report));
  const uint64_t claimed = reader.U64();
  if (claimed != static_cast<uint64_t>(num_parameters)) {
    return Refused(absl::StrCat("claims ", claimed, " parameters, expected ",
                                num_parameters));
  }
  const uint64_t expected =
      EncodedUpdateBytes(UpdateCodec::kFloat32, num_parameters);
  if (bytes.size() != expected) {
    return Refused(absl::StrCat("has ", bytes.size(), " bytes, expected ",
                                expected, " for ", num_parameters,
                                " parameters"));
  }
  TakeValues(reader.rest(), update);
  return update;
}

}  // namespace shoal::learning
