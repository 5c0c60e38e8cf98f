#include "client/example_segment.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/status_macros.h"
#include "learning/model_spec.h"

namespace shoal::client {
namespace {

constexpr absl::string_view kMagic = "SHEX";
constexpr uint16_t kFormatVersion = 1;
constexpr int64_t kStampBytes = 24;  // time, source, row
constexpr int64_t kChecksumBytes = 4;
constexpr int64_t kValueBytes = 4;  // of a feature, a label, a target
static_assert(sizeof(float) == kValueBytes && sizeof(int32_t) == kValueBytes);

absl::Status Wrong(absl::string_view option, int64_t value,
                   absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "example_store.", option, ": ", value, ", expected ", expected));
}

absl::Status CheckRange(absl::string_view option, int64_t value, int64_t least,
                        int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return Wrong(option, value, absl::StrCat(least, " to ", most));
}

absl::Status CheckCount(absl::string_view what, size_t count, int expected) {
  if (count == static_cast<size_t>(expected)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the example has ", count, " ", what, ", expected ", expected));
}

std::string Counted(int count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

template <typename T>
void AppendValues(std::string& out, absl::Span<const T> values) {
  out.append(reinterpret_cast<const char*>(values.data()),
             values.size() * sizeof(T));
}

}  // namespace

ExampleShape ShapeOf(const ExampleStoreOptions& options) {
  return {options.num_features, options.num_classes,
          options.num_classes > 0 ? options.labels_per_example : 0,
          options.num_targets};
}

std::string ShapeText(const ExampleShape& shape) {
  std::string text = Counted(shape.num_features, "feature");
  if (shape.num_classes > 0) {
    absl::StrAppend(&text, " and ", shape.num_classes, " classes");
  }
  if (shape.labels_per_example > 1) {
    absl::StrAppend(&text, " at ", shape.labels_per_example, " positions");
  }
  if (shape.num_targets > 0) {
    absl::StrAppend(&text, " and ", Counted(shape.num_targets, "target"));
  }
  return text;
}

absl::Status CheckStoreOptions(const ExampleStoreOptions& options) {
  constexpr int64_t kMost = learning::kMaxValuesPerExample;
  constexpr int64_t kMostOfAll = int64_t{1} << 50;
  SHOAL_RETURN_IF_ERROR(
      CheckRange("num_features", options.num_features, 1, kMost));
  SHOAL_RETURN_IF_ERROR(
      CheckRange("num_classes", options.num_classes, 0, kMost));
  SHOAL_RETURN_IF_ERROR(
      CheckRange("num_targets", options.num_targets, 0, kMost));
  SHOAL_RETURN_IF_ERROR(
      CheckRange("labels_per_example", options.labels_per_example, 1, kMost));
  if (options.num_classes > 0 && options.num_targets > 0) {
    return Wrong("num_targets", options.num_targets,
                 "0, for there are classes");
  }
  if (options.num_classes == 0 && options.labels_per_example > 1) {
    return Wrong("labels_per_example", options.labels_per_example,
                 "1, for there are no classes");
  }
  SHOAL_RETURN_IF_ERROR(
      CheckRange("max_examples", options.max_examples, 1, kMostOfAll));
  if (options.max_age.has_value() && *options.max_age <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "example_store.max_age: ", absl::FormatDuration(*options.max_age),
        ", expected more than 0"));
  }
  return CheckRange("max_bytes", options.max_bytes, 1, kMostOfAll);
}

absl::Status CheckExample(const ExampleShape& shape, const Example& example) {
  SHOAL_RETURN_IF_ERROR(
      CheckCount("features", example.features.size(), shape.num_features));
  SHOAL_RETURN_IF_ERROR(
      CheckCount("labels", example.labels.size(), shape.labels_per_example));
  SHOAL_RETURN_IF_ERROR(
      CheckCount("targets", example.targets.size(), shape.num_targets));
  for (size_t i = 0; i < example.features.size(); ++i) {
    if (!std::isinf(example.features[i])) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("feature ", i, " is ", example.features[i],
                     ", expected a finite number, or NaN where it is missing"));
  }
  for (const int32_t label : example.labels) {
    if (label >= 0 && label < shape.num_classes) continue;
    return absl::InvalidArgumentError(absl::StrCat("the example has the label ",
                                                   label, ", expected 0 to ",
                                                   shape.num_classes - 1));
  }
  for (const float target : example.targets) {
    if (std::isfinite(target)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "the example has the target ", target, ", expected a finite number"));
  }
  return absl::OkStatus();
}

absl::Status CheckComplete(const Example& example) {
  for (size_t i = 0; i < example.features.size(); ++i) {
    if (!std::isnan(example.features[i])) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "feature ", i,
        " is missing, which the store does not allow (missing_values)"));
  }
  return absl::OkStatus();
}

std::string EncodeSegmentHeader(const ExampleShape& shape) {
  std::string out(kMagic);
  AppendU16(out, kFormatVersion);
  AppendU16(out, 0);
  AppendU32(out, static_cast<uint32_t>(shape.num_features));
  AppendU32(out, static_cast<uint32_t>(shape.num_classes));
  AppendU32(out, static_cast<uint32_t>(shape.labels_per_example));
  AppendU32(out, static_cast<uint32_t>(shape.num_targets));
  AppendU32(out, 0);
  AppendU32(out, Crc32(out));
  return out;
}

absl::StatusOr<ExampleShape> DecodeSegmentHeader(absl::string_view bytes) {
  const absl::string_view header = bytes.substr(0, kSegmentHeaderBytes);
  ByteReader reader(header);
  const bool is_magic = reader.Bytes(kMagic.size()) == kMagic;
  const uint16_t version = reader.U16();
  const uint16_t reserved = reader.U16();
  ExampleShape shape;
  shape.num_features = static_cast<int>(reader.U32());
  shape.num_classes = static_cast<int>(reader.U32());
  shape.labels_per_example = static_cast<int>(reader.U32());
  shape.num_targets = static_cast<int>(reader.U32());
  const uint32_t also_reserved = reader.U32();
  const uint32_t checksum = reader.U32();
  if (!reader.ok() || !is_magic ||
      checksum !=
          Crc32(header.substr(0, kSegmentHeaderBytes - kChecksumBytes))) {
    return absl::DataLossError("the header is damaged");
  }
  if (version != kFormatVersion || reserved != 0 || also_reserved != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "format version ", version, ", expected ", kFormatVersion));
  }
  for (const int count : {shape.num_features, shape.num_classes,
                          shape.labels_per_example, shape.num_targets}) {
    if (count >= 0 && count <= learning::kMaxValuesPerExample) continue;
    return absl::DataLossError("the header holds numbers that cannot be");
  }
  return shape;
}

int64_t RecordBytes(const ExampleShape& shape) {
  return kStampBytes +
         kValueBytes * (int64_t{shape.num_features} + shape.labels_per_example +
                        shape.num_targets) +
         kChecksumBytes;
}

void AppendRecord(const Example& example, absl::Time added, Origin origin,
                  std::string& out) {
  const size_t start = out.size();
  AppendU64(out, static_cast<uint64_t>(absl::ToUnixMicros(added)));
  AppendU64(out, origin.source);
  AppendU64(out, origin.row);
  AppendValues(out, example.features);
  AppendValues(out, example.labels);
  AppendValues(out, example.targets);
  AppendU32(out, Crc32(absl::string_view(out).substr(start)));
}

bool RecordView::IsIntact() const {
  const size_t size = record_.size() - kChecksumBytes;
  return LoadU32(record_.data() + size) == Crc32(record_.substr(0, size));
}

absl::Time RecordView::added() const {
  return absl::FromUnixMicros(static_cast<int64_t>(LoadU64(record_.data())));
}

Origin RecordView::origin() const {
  return {LoadU64(record_.data() + 8), LoadU64(record_.data() + 16)};
}

void RecordView::CopyFeatures(absl::Span<float> out) const {
  Copy(0, out.data(), shape_.num_features);
}

void RecordView::CopyLabels(absl::Span<int32_t> out) const {
  Copy(shape_.num_features, out.data(), shape_.labels_per_example);
}

void RecordView::CopyTargets(absl::Span<float> out) const {
  Copy(shape_.num_features + shape_.labels_per_example, out.data(),
       shape_.num_targets);
}

int32_t RecordView::first_label() const {
  int32_t label;
  Copy(shape_.num_features, &label, 1);
  return label;
}

void RecordView::Copy(int64_t values_before, void* out,
                      int64_t num_values) const {
  if (num_values == 0) return;
  std::memcpy(out, record_.data() + kStampBytes + values_before * kValueBytes,
              num_values * kValueBytes);
}

}  // namespace shoal::client
