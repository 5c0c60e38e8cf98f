// Names and fields of every specification in model_spec.h, written down once.
// The encoding as bytes (model_spec_bytes.h) and the conversion from and to
// protobuf (protocol/wire_model.cc) both walk over them.
#ifndef SHOAL_LEARNING_MODEL_SPEC_FIELDS_H_
#define SHOAL_LEARNING_MODEL_SPEC_FIELDS_H_

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "learning/model_spec.h"

namespace shoal::learning {

// T, or const T.
template <typename S, typename T>
concept SpecOf = std::same_as<std::remove_const_t<S>, T>;

// What tells an alternative of a variant from the others.
struct SpecIdentity {
  uint8_t number;          // in model_spec_bytes.h: never reuse one
  absl::string_view name;  // the key in a task file
};

constexpr SpecIdentity IdentityOf(const LogisticSpec&) {
  return {1, "logistic"};
}
constexpr SpecIdentity IdentityOf(const MlpSpec&) { return {2, "mlp"}; }
constexpr SpecIdentity IdentityOf(const LinearSpec&) { return {3, "linear"}; }
constexpr SpecIdentity IdentityOf(const CnnSpec&) { return {4, "cnn"}; }
constexpr SpecIdentity IdentityOf(const GruLanguageModelSpec&) {
  return {5, "gru_language_model"};
}
constexpr SpecIdentity IdentityOf(const AutoencoderSpec&) {
  return {6, "autoencoder"};
}
constexpr SpecIdentity IdentityOf(const LayerListSpec&) {
  return {7, "network"};
}
constexpr SpecIdentity IdentityOf(const ExternalSpec&) {
  return {8, "external"};
}

constexpr SpecIdentity IdentityOf(const DenseSpec&) { return {1, "dense"}; }
constexpr SpecIdentity IdentityOf(const Conv2dSpec&) { return {2, "conv2d"}; }
constexpr SpecIdentity IdentityOf(const Conv1dSpec&) { return {3, "conv1d"}; }
constexpr SpecIdentity IdentityOf(const DepthwiseConvSpec&) {
  return {4, "depthwise_conv"};
}
constexpr SpecIdentity IdentityOf(const PoolSpec& spec) {
  return spec.kind == PoolKind::kMax ? SpecIdentity{5, "max_pool"}
                                     : SpecIdentity{6, "average_pool"};
}
constexpr SpecIdentity IdentityOf(const GlobalAveragePoolSpec&) {
  return {7, "global_average_pool"};
}
constexpr SpecIdentity IdentityOf(const FlattenSpec&) { return {8, "flatten"}; }
constexpr SpecIdentity IdentityOf(const EmbeddingSpec&) {
  return {9, "embedding"};
}
constexpr SpecIdentity IdentityOf(const GruSpec&) { return {10, "gru"}; }
constexpr SpecIdentity IdentityOf(const LayerNormSpec&) {
  return {11, "layer_norm"};
}
constexpr SpecIdentity IdentityOf(const GroupNormSpec&) {
  return {12, "group_norm"};
}
constexpr SpecIdentity IdentityOf(const BatchNormSpec&) {
  return {13, "batch_norm"};
}
constexpr SpecIdentity IdentityOf(const DropoutSpec&) {
  return {14, "dropout"};
}
constexpr SpecIdentity IdentityOf(const ActivationSpec&) {
  return {15, "activation"};
}
constexpr SpecIdentity IdentityOf(const ResidualSpec&) {
  return {16, "residual"};
}

// The values that an alternative can start as: one per identity.
template <typename Spec>
std::vector<Spec> Prototypes() {
  return {Spec{}};
}
template <>
inline std::vector<PoolSpec> Prototypes<PoolSpec>() {
  return {{.kind = PoolKind::kMax}, {.kind = PoolKind::kAverage}};
}

// Makes `variant` hold the alternative whose identity `matches`, with its
// fields as they are by default; false, and no change, when none does.
template <typename... Specs, typename Matches>
bool Choose(std::variant<Specs...>& variant, const Matches& matches) {
  const auto choose = [&](auto prototypes) {
    for (auto& prototype : prototypes) {
      if (!matches(IdentityOf(prototype))) continue;
      variant = std::move(prototype);
      return true;
    }
    return false;
  };
  return (choose(Prototypes<Specs>()) || ...);
}

// The largest number of an enumeration; the smallest is 1.
template <typename Enum>
inline constexpr int kLastNumber = 0;
template <>
inline constexpr int kLastNumber<ActivationKind> = 5;
template <>
inline constexpr int kLastNumber<Padding> = 2;
template <>
inline constexpr int kLastNumber<CnnPreset> = 5;
template <>
inline constexpr int kLastNumber<Loss> = 3;
template <>
inline constexpr int kLastNumber<Target> = 3;

// VisitFields calls visit("name", spec.field) for every field of `spec`, always
// in the same order; `spec` may be const. Names are those of the task file. A
// pool's kind is part of its identity.
void VisitFields(SpecOf<DenseSpec> auto& spec, auto&& visit) {
  visit("units", spec.units);
  visit("activation", spec.activation);
  visit("bias", spec.bias);
}

template <typename S>
concept FilteredSpec = SpecOf<S, Conv2dSpec> || SpecOf<S, Conv1dSpec>;

void VisitFields(FilteredSpec auto& spec, auto&& visit) {
  visit("filters", spec.filters);
  visit("kernel", spec.kernel);
  visit("stride", spec.stride);
  visit("padding", spec.padding);
  visit("activation", spec.activation);
  visit("bias", spec.bias);
}

void VisitFields(SpecOf<DepthwiseConvSpec> auto& spec, auto&& visit) {
  visit("kernel", spec.kernel);
  visit("stride", spec.stride);
  visit("padding", spec.padding);
  visit("activation", spec.activation);
  visit("bias", spec.bias);
}

void VisitFields(SpecOf<PoolSpec> auto& spec, auto&& visit) {
  visit("size", spec.size);
  visit("stride", spec.stride);
  visit("padding", spec.padding);
}

void VisitFields(SpecOf<GlobalAveragePoolSpec> auto&, auto&&) {}

void VisitFields(SpecOf<FlattenSpec> auto&, auto&&) {}

void VisitFields(SpecOf<EmbeddingSpec> auto& spec, auto&& visit) {
  visit("vocabulary", spec.vocabulary);
  visit("dimensions", spec.dimensions);
}

void VisitFields(SpecOf<GruSpec> auto& spec, auto&& visit) {
  visit("units", spec.units);
  visit("return_sequences", spec.return_sequences);
}

void VisitFields(SpecOf<LayerNormSpec> auto& spec, auto&& visit) {
  visit("epsilon", spec.epsilon);
}

void VisitFields(SpecOf<GroupNormSpec> auto& spec, auto&& visit) {
  visit("groups", spec.groups);
  visit("epsilon", spec.epsilon);
}

void VisitFields(SpecOf<BatchNormSpec> auto& spec, auto&& visit) {
  visit("epsilon", spec.epsilon);
  visit("momentum", spec.momentum);
}

void VisitFields(SpecOf<DropoutSpec> auto& spec, auto&& visit) {
  visit("rate", spec.rate);
}

void VisitFields(SpecOf<ActivationSpec> auto& spec, auto&& visit) {
  visit("function", spec.kind);
}

void VisitFields(SpecOf<ResidualSpec> auto& spec, auto&& visit) {
  visit("body", spec.body);
  visit("shortcut", spec.shortcut);
}

void VisitFields(SpecOf<LayerSpec> auto& spec, auto&& visit) {
  visit("kind", spec.kind);
  visit("name", spec.name);
  visit("frozen", spec.frozen);
  visit("private", spec.is_private);
}

template <typename S>
concept InputsToOutputsSpec = SpecOf<S, LogisticSpec> || SpecOf<S, LinearSpec>;

void VisitFields(InputsToOutputsSpec auto& spec, auto&& visit) {
  visit("inputs", spec.inputs);
  visit("outputs", spec.outputs);
}

void VisitFields(SpecOf<MlpSpec> auto& spec, auto&& visit) {
  visit("inputs", spec.inputs);
  visit("hidden", spec.hidden);
  visit("outputs", spec.outputs);
}

void VisitFields(SpecOf<CnnSpec> auto& spec, auto&& visit) {
  visit("preset", spec.preset);
  visit("input", spec.input);
  visit("outputs", spec.outputs);
}

void VisitFields(SpecOf<GruLanguageModelSpec> auto& spec, auto&& visit) {
  visit("vocabulary", spec.vocabulary);
  visit("length", spec.length);
  visit("embedding", spec.embedding);
  visit("units", spec.units);
}

void VisitFields(SpecOf<AutoencoderSpec> auto& spec, auto&& visit) {
  visit("inputs", spec.inputs);
  visit("hidden", spec.hidden);
}

void VisitFields(SpecOf<LayerListSpec> auto& spec, auto&& visit) {
  visit("input", spec.input);
  visit("layers", spec.layers);
  visit("loss", spec.loss);
  visit("target", spec.target);
}

void VisitFields(SpecOf<ExternalSpec> auto& spec, auto&& visit) {
  visit("parameters", spec.parameters);
  visit("classes", spec.classes);
}

void VisitFields(SpecOf<PreprocessingSpec> auto& spec, auto&& visit) {
  visit("standardise", spec.standardise);
  visit("impute", spec.impute);
  visit("mask", spec.mask);
  visit("clip", spec.clip);
}

void VisitFields(SpecOf<ModelSpec> auto& spec, auto&& visit) {
  visit("architecture", spec.architecture);
  visit("preprocessing", spec.preprocessing);
}

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_MODEL_SPEC_FIELDS_H_
