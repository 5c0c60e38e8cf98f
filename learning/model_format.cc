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

struct Header {
  ParameterLayout layout;
  bool has_control = false;
};

// Reads all but the values, of which there are the right number of bytes left.
absl::StatusOr<Header> ParseHeader(ByteReader& reader) {
  const size_t size = reader.rest().size();
  if (reader.Bytes(kMagic.size()) != kMagic) {
    return Broken("does not begin with 'SHMD'");
  }
  const uint16_t version = reader.U16();
  const uint16_t controls = reader.U16();
  if (!reader.ok()) return Broken("ends inside the header");
  if (version != kFormatVersion || controls > 1) {
    return Broken(absl::StrCat("has format version ", version, " and ",
                               controls, " control variates, expected ",
                               kFormatVersion, " and 0 or 1"));
  }
  Header header;
  header.has_control = controls == 1;
  SHOAL_ASSIGN_OR_RETURN(header.layout, ParseLayout("stored model", reader));
  const size_t so_far = size - reader.rest().size();
  const absl::string_view padding =
      reader.Bytes((kAlignment - so_far % kAlignment) % kAlignment);
  if (!reader.ok()) return Broken("ends before its values");
  if (padding.find_first_not_of('\0') != absl::string_view::npos) {
    return Broken("has padding that is not zero");
  }
  const uint64_t expected =
      (1 + controls) * header.layout.num_parameters() * sizeof(float);
  if (reader.rest().size() != expected) {
    return Broken(absl::StrCat("holds ", reader.rest().size(),
                               " bytes of values, expected ", expected));
  }
  return header;
}

}  // namespace

std::string SerializeModel(const ParameterLayout& layout,
                           absl::Span<const float> parameters,
                           absl::Span<const float> control) {
  SHOAL_CHECK(static_cast<int64_t>(parameters.size()) ==
              layout.num_parameters());
  SHOAL_CHECK(control.empty() || control.size() == parameters.size());
  std::string bytes(kMagic);
  AppendU16(bytes, kFormatVersion);
  AppendU16(bytes, control.empty() ? 0 : 1);
  bytes += layout.Encode();
  bytes.append((kAlignment - bytes.size() % kAlignment) % kAlignment, '\0');
  for (const absl::Span<const float> values : {parameters, control}) {
    bytes.append(reinterpret_cast<const char*>(values.data()),
                 values.size() * sizeof(float));
  }
  return bytes;
}

absl::StatusOr<StoredModel> ParseModel(absl::string_view bytes) {
  ByteReader reader(bytes);
  SHOAL_ASSIGN_OR_RETURN(Header header, ParseHeader(reader));
  StoredModel model;
  model.layout = std::move(header.layout);
  const auto read = [&](ParameterVector& values) {
    values.resize(model.layout.num_parameters());
    const absl::string_view part = reader.Bytes(values.size() * sizeof(float));
    std::memcpy(values.data(), part.data(), part.size());
  };
  read(model.parameters);
  if (header.has_control) read(model.control);
  SHOAL_RETURN_IF_ERROR(CheckFinite(model.parameters));
  SHOAL_RETURN_IF_ERROR(CheckFinite(model.control));
  return model;
}

absl::StatusOr<ModelView> ViewModel(absl::string_view bytes) {
  ByteReader reader(bytes);
  SHOAL_ASSIGN_OR_RETURN(Header header, ParseHeader(reader));
  const void* const start = reader.rest().data();
  SHOAL_CHECK(reinterpret_cast<uintptr_t>(start) % alignof(float) == 0);
  const absl::Span<const float> values(static_cast<const float*>(start),
                                       reader.rest().size() / sizeof(float));
  SHOAL_RETURN_IF_ERROR(CheckFinite(values));
  ModelView model;
  model.layout = std::move(header.layout);
  model.parameters = values.first(model.layout.num_parameters());
  model.control = values.subspan(model.layout.num_parameters());
  return model;
}

}  // namespace shoal::learning
