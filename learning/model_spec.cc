#include "learning/model_spec.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "learning/model_spec_fields.h"

namespace shoal::learning {
namespace {

absl::string_view PresetText(CnnPreset preset) {
  switch (preset) {
    case CnnPreset::kLenet:
      return "lenet";
    case CnnPreset::kMcmahan:
      return "mcmahan";
    case CnnPreset::kMobile:
      return "mobile";
    case CnnPreset::kSpectrogram:
      return "spectrogram";
    case CnnPreset::kSensor:
      return "sensor";
  }
  SHOAL_CHECK(false);
}

std::string Widths(int inputs, const std::vector<int>& hidden, int outputs) {
  std::vector<int> widths = {inputs};
  widths.insert(widths.end(), hidden.begin(), hidden.end());
  widths.push_back(outputs);
  return absl::StrJoin(widths, "-");
}

std::string SizesText(const LogisticSpec& spec) {
  return Widths(spec.inputs, {}, spec.outputs);
}

std::string SizesText(const LinearSpec& spec) {
  return Widths(spec.inputs, {}, spec.outputs);
}

std::string SizesText(const MlpSpec& spec) {
  return Widths(spec.inputs, spec.hidden, spec.outputs);
}

std::string SizesText(const CnnSpec& spec) {
  return absl::StrCat(PresetText(spec.preset), " ",
                      absl::StrJoin(spec.input, "x"), "-", spec.outputs);
}

std::string SizesText(const GruLanguageModelSpec& spec) {
  return absl::StrCat(spec.length, "x", spec.vocabulary, "-", spec.embedding,
                      "-", spec.units);
}

std::string SizesText(const AutoencoderSpec& spec) {
  std::vector<int> widths = spec.hidden;
  for (size_t i = 1; i < spec.hidden.size(); ++i) {
    widths.push_back(spec.hidden[spec.hidden.size() - 1 - i]);
  }
  return Widths(spec.inputs, widths, spec.inputs);
}

std::string SizesText(const LayerListSpec& spec) {
  return absl::StrCat(absl::StrJoin(spec.input, "x"), " with ",
                      spec.layers.size(),
                      spec.layers.size() == 1 ? " layer" : " layers");
}

std::string SizesText(const ExternalSpec& spec) {
  return absl::StrCat(spec.parameters);
}

}  // namespace

std::string ModelSpec::ToString() const {
  return std::visit(
      [](const auto& spec) {
        return absl::StrCat(IdentityOf(spec).name, " ", SizesText(spec));
      },
      architecture);
}

}  // namespace shoal::learning
