// The bytes of a stored model; docs/reference/formats.md describes them.
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/layout_format.h"
#include "learning/model.h"

namespace shoal::learning {
namespace {

constexpr absl::string_view kMagic = "SHMD";
constexpr uint16_t kFormatVersion = 1;
// Where the values may start: a cache line, so that mapped files can be used
// in place.
constexpr size_t kAlignment = 64;

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("stored model: ", what));
}

absl::Status CheckFinite(absl::Span<const float> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return Broken(absl::StrCat("value ", i, " is not finite"));
    }
  }
  return absl::OkStatus();
}

// Reads all but the values, of which there are the right number of bytes left.
absl::StatusOr<ParameterLayout> ParseHeader(ByteReader& reader) {
  const size_t size = reader.rest().size();
  if (reader.Bytes(kMagic.size()) != kMagic) {
    return Broken("does not begin with 'SHMD'");
  }
  const uint16_t version = reader.U16();
  const uint16_t reserved = reader.U16();
  if (!reader.ok()) return Broken("ends inside the header");
  if (version != kFormatVersion || reserved != 0) {
    return Broken(absl::StrCat("has format version ", version, " and reserved ",
                               reserved, ", expected ", kFormatVersion,
                               " and 0"));
  }
  SHOAL_ASSIGN_OR_RETURN(ParameterLayout layout,
                         ParseLayout("stored model", reader));
  const size_t header = size - reader.rest().size();
  const absl::string_view padding =
      reader.Bytes((kAlignment - header % kAlignment) % kAlignment);
  if (!reader.ok()) return Broken("ends before its values");
  if (padding.find_first_not_of('\0') != absl::string_view::npos) {
    return Broken("has padding that is not zero");
  }
  const uint64_t expected = layout.num_parameters() * sizeof(float);
  if (reader.rest().size() != expected) {
    return Broken(absl::StrCat("holds ", reader.rest().size(),
                               " bytes of values, expected ", expected));
  }
  return layout;
}

}  // namespace

std::string SerializeModel(const ParameterLayout& layout,
                           absl::Span<const float> parameters) {
  SHOAL_CHECK(static_cast<int64_t>(parameters.size()) ==
              layout.num_parameters());
  std::string bytes(kMagic);
  AppendU16(bytes, kFormatVersion);
  AppendU16(bytes, 0);
  bytes += layout.Encode();
  bytes.append((kAlignment - bytes.size() % kAlignment) % kAlignment, '\0');
  bytes.append(reinterpret_cast<const char*>(parameters.data()),
               parameters.size() * sizeof(float));
  return bytes;
}

absl::StatusOr<StoredModel> ParseModel(absl::string_view bytes) {
  ByteReader reader(bytes);
  StoredModel model;
  SHOAL_ASSIGN_OR_RETURN(model.layout, ParseHeader(reader));
  model.parameters.resize(model.layout.num_parameters());
  std::memcpy(model.parameters.data(), reader.rest().data(),
              reader.rest().size());
  SHOAL_RETURN_IF_ERROR(CheckFinite(model.parameters));
  return model;
}

absl::StatusOr<ModelView> ViewModel(absl::string_view bytes) {
  ByteReader reader(bytes);
  ModelView model;
  SHOAL_ASSIGN_OR_RETURN(model.layout, ParseHeader(reader));
  const void* const values = reader.rest().data();
  SHOAL_CHECK(reinterpret_cast<uintptr_t>(values) % alignof(float) == 0);
  model.parameters = absl::MakeConstSpan(static_cast<const float*>(values),
                                         model.layout.num_parameters());
  SHOAL_RETURN_IF_ERROR(CheckFinite(model.parameters));
  return model;
}

}  // namespace shoal::learning
