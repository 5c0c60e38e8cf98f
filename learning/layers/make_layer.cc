#include "learning/layers/make_layer.h"

#include <type_traits>
#include <variant>

#include "base/check.h"
#include "learning/layers/activation.h"
#include "learning/layers/batch_norm.h"
#include "learning/layers/conv.h"
#include "learning/layers/dense.h"
#include "learning/layers/depthwise_conv.h"
#include "learning/layers/dropout.h"
#include "learning/layers/embedding.h"
#include "learning/layers/global_average_pool.h"
#include "learning/layers/group_norm.h"
#include "learning/layers/gru.h"
#include "learning/layers/layer_norm.h"
#include "learning/layers/pool.h"

namespace shoal::learning {
namespace {

using Made = absl::StatusOr<std::unique_ptr<Layer>>;

struct KindName {
  absl::string_view operator()(const DenseSpec&) { return "dense"; }
  absl::string_view operator()(const Conv2dSpec&) { return "conv"; }
  absl::string_view operator()(const Conv1dSpec&) { return "conv"; }
  absl::string_view operator()(const DepthwiseConvSpec&) { return "depthwise"; }
  absl::string_view operator()(const PoolSpec&) { return "pool"; }
  absl::string_view operator()(const GlobalAveragePoolSpec&) { return "pool"; }
  absl::string_view operator()(const FlattenSpec&) { return "flatten"; }
  absl::string_view operator()(const EmbeddingSpec&) { return "embedding"; }
  absl::string_view operator()(const GruSpec&) { return "gru"; }
  absl::string_view operator()(const LayerNormSpec&) { return "norm"; }
  absl::string_view operator()(const GroupNormSpec&) { return "norm"; }
  absl::string_view operator()(const BatchNormSpec&) { return "norm"; }
  absl::string_view operator()(const DropoutSpec&) { return "dropout"; }
  absl::string_view operator()(const ActivationSpec&) { return "activation"; }
  absl::string_view operator()(const ResidualSpec&) { return "residual"; }
};

struct Make {
  const Shape& input;
  bool frozen;

  Made operator()(const DenseSpec& s) { return MakeDense(s, input); }
  Made operator()(const Conv2dSpec& s) { return MakeConv2d(s, input); }
  Made operator()(const Conv1dSpec& s) { return MakeConv1d(s, input); }
  Made operator()(const DepthwiseConvSpec& s) {
    return MakeDepthwiseConv(s, input);
  }
  Made operator()(const PoolSpec& s) { return MakePool(s, input); }
  Made operator()(const GlobalAveragePoolSpec& s) {
    return MakeGlobalAveragePool(s, input);
  }
  Made operator()(const EmbeddingSpec& s) { return MakeEmbedding(s, input); }
  Made operator()(const GruSpec& s) { return MakeGru(s, input); }
  Made operator()(const LayerNormSpec& s) { return MakeLayerNorm(s, input); }
  Made operator()(const GroupNormSpec& s) { return MakeGroupNorm(s, input); }
  Made operator()(const BatchNormSpec& s) {
    return MakeBatchNorm(s, input, frozen);
  }
  Made operator()(const DropoutSpec& s) { return MakeDropout(s, input); }
  Made operator()(const ActivationSpec& s) { return MakeActivation(s, input); }
  Made operator()(const FlattenSpec&) { SHOAL_CHECK(false); }
  Made operator()(const ResidualSpec&) { SHOAL_CHECK(false); }
};

}  // namespace

absl::string_view LayerKindName(const LayerSpec& spec) {
  return std::visit(KindName(), spec.kind);
}

absl::StatusOr<std::unique_ptr<Layer>> MakeLayer(const LayerSpec& spec,
                                                 const Shape& input) {
  return std::visit(Make{input, spec.frozen}, spec.kind);
}

}  // namespace shoal::learning
