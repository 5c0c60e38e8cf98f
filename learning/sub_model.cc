#include "learning/sub_model.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/narrow_model.h"

namespace shoal::learning {
namespace {

// A dimension of a tensor as [blocks, units]: the sub-model has the leading
// units of every block. Two have several blocks: the gates of a GRU and the
// positions of an image that was flattened.
struct Dimension {
  int64_t blocks = 1;
  int64_t full = 0;  // units of a block
  int64_t part = 0;
};

constexpr int64_t kGruGates = 3;

// The shape of every value before it was flattened.
std::vector<Shape> ShapesOf(const Model& model) {
  std::vector<Shape> shapes(model.value_sizes().size());
  shapes[0] = model.input();
  for (const Node& node : model.nodes()) {
    shapes[node.output] =
        node.layer != nullptr ? node.layer->output() : shapes[node.input];
  }
  return shapes;
}

// The dimension that counts a layer's inputs: rows of a dense layer's weight,
// scales of a norm.
Dimension Inputs(const Shape& full_input, const Shape& part_input, int64_t full,
                 int64_t part) {
  const bool flattened = full == full_input.num_values() &&
                         part == part_input.num_values() &&
                         full_input.positions() == part_input.positions();
  if (!flattened) return {1, full, part};
  return {full_input.positions(), full_input.channels(), part_input.channels()};
}

bool IsNorm(const Node& node) {
  return node.spec.has_value() &&
         (std::holds_alternative<LayerNormSpec>(node.spec->kind) ||
          std::holds_alternative<GroupNormSpec>(node.spec->kind));
}

bool IsGru(const Node& node) {
  return node.spec.has_value() &&
         std::holds_alternative<GruSpec>(node.spec->kind);
}

// How the sub-model's tensor lies in the full one; the inputs are the shapes
// that the layer's input had before it was flattened.
std::vector<Dimension> Split(const Node& node, const LayerTensor& full,
                             const LayerTensor& part, const Shape& full_input,
                             const Shape& part_input) {
  std::vector<Dimension> dims;
  for (size_t i = 0; i < full.dims.size(); ++i) {
    dims.push_back({1, full.dims[i], part.dims[i]});
  }
  if (IsGru(node)) {
    Dimension& gates = dims.back();
    gates = {kGruGates, gates.full / kGruGates, gates.part / kGruGates};
  } else if (dims.size() > 1 || IsNorm(node)) {
    dims[0] = Inputs(full_input, part_input, full.dims[0], part.dims[0]);
  }
  return dims;
}

// The part of a weight's inputs that the sub-model has: all dimensions but the
// last.
float ShareOfInputs(absl::Span<const Dimension> dims) {
  double share = 1;
  for (const Dimension& dim : dims.first(dims.size() - 1)) {
    share *= static_cast<double>(dim.part) / static_cast<double>(dim.full);
  }
  return static_cast<float>(share);
}

void AddRun(const SubModelRun& run, std::vector<SubModelRun>& runs) {
  if (!runs.empty()) {
    SubModelRun& last = runs.back();
    if (last.full + last.size == run.full &&
        last.part + last.size == run.part && last.share == run.share) {
      last.size += run.size;
      return;
    }
  }
  runs.push_back(run);
}

// The runs of one tensor, of which `start` is the first value.
void AddTensor(absl::Span<const Dimension> dims, const SubModelRun& start,
               std::vector<SubModelRun>& runs) {
  const Dimension& dim = dims[0];
  if (dims.size() == 1) {
    for (int64_t block = 0; block < dim.blocks; ++block) {
      AddRun({start.full + block * dim.full, start.part + block * dim.part,
              dim.part, start.share},
             runs);
    }
    return;
  }
  int64_t full_size = 1;  // of one unit of this dimension
  int64_t part_size = 1;
  for (const Dimension& inner : dims.subspan(1)) {
    full_size *= inner.blocks * inner.full;
    part_size *= inner.blocks * inner.part;
  }
  for (int64_t block = 0; block < dim.blocks; ++block) {
    for (int64_t unit = 0; unit < dim.part; ++unit) {
      SubModelRun inner = start;
      inner.full += (block * dim.full + unit) * full_size;
      inner.part += (block * dim.part + unit) * part_size;
      AddTensor(dims.subspan(1), inner, runs);
    }
  }
}

std::vector<SubModelRun> RunsOf(const Model& full, const Model& part) {
  std::vector<SubModelRun> runs;
  const std::vector<Shape> full_shapes = ShapesOf(full);
  const std::vector<Shape> part_shapes = ShapesOf(part);
  SHOAL_CHECK(full.nodes().size() == part.nodes().size());
  for (size_t n = 0; n < full.nodes().size(); ++n) {
    const Node& whole = full.nodes()[n];
    const Node& narrow = part.nodes()[n];
    if (whole.layer == nullptr || whole.is_private) continue;
    for (size_t t = 0; t < whole.layer->tensors().size(); ++t) {
      const std::vector<Dimension> dims =
          Split(whole, whole.layer->tensors()[t], narrow.layer->tensors()[t],
                full_shapes[whole.input], part_shapes[narrow.input]);
      const SubModelRun start = {
          .full = whole.parameter_offset + whole.layer->offset(t),
          .part = narrow.parameter_offset + narrow.layer->offset(t),
          .share = ShareOfInputs(dims)};
      AddTensor(dims, start, runs);
    }
  }
  return runs;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SubModel>> SubModel::Create(const Model& full,
                                                           double width) {
  if (!(width > 0 && width <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "width is ", width, ", expected more than 0 and at most 1"));
  }
  auto model = Model::Create(NarrowModel(full.spec(), width));
  if (!model.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model cannot be narrowed to a width of ", width, ": ",
                     model.status().message()));
  }
  std::unique_ptr<SubModel> sub(new SubModel());
  sub->narrow_ = *std::move(model);
  sub->width_ = width;
  sub->num_values_ = sub->narrow_->layout().num_parameters();
  sub->num_full_ = full.layout().num_parameters();
  sub->runs_ = RunsOf(full, *sub->narrow_);
  return sub;
}

absl::StatusOr<std::unique_ptr<SubModel>> SubModel::LastLayers(
    const Model& full, int layers) {
  if (layers < 1 || layers > full.num_trainable_layers()) {
    return absl::InvalidArgumentError(absl::StrCat(
        layers, " last layers, expected 1 to the ", full.num_trainable_layers(),
        " trainable layers that the model has"));
  }
  const int64_t num_full = full.layout().num_parameters();
  int64_t first = num_full;
  int left = layers;
  for (size_t i = full.nodes().size(); i-- > 0 && left > 0;) {
    const Node& node = full.nodes()[i];
    if (!node.trainable()) continue;
    if (!node.is_private) first = std::min(first, node.parameter_offset);
    --left;
  }
  if (first == num_full) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the last ", layers, " layers are private: nothing of them is sent"));
  }
  std::unique_ptr<SubModel> sub(new SubModel());
  sub->last_layers_ = layers;
  sub->num_values_ = num_full - first;
  sub->num_full_ = num_full;
  sub->runs_ = {{.full = first, .part = 0, .size = num_full - first}};
  return sub;
}

absl::StatusOr<SubModels> MakeSubModels(const Model& full,
                                        const TrainingOptions& training) {
  SubModels sub_models;
  std::set<int64_t> sizes = {full.layout().num_parameters()};
  const auto add = [&](absl::StatusOr<std::unique_ptr<SubModel>> sub_model,
                       absl::string_view name) -> absl::Status {
    SHOAL_RETURN_IF_ERROR(sub_model.status());
    const int64_t size = (*sub_model)->num_values();
    if (!sizes.insert(size).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " leaves ", size,
                       " parameters, as another part of the model "
                       "does, or all of it: expected a number of its own"));
    }
    sub_models.push_back(*std::move(sub_model));
    return absl::OkStatus();
  };
  for (const double width : training.sub_model_widths) {
    SHOAL_RETURN_IF_ERROR(
        add(SubModel::Create(full, width), absl::StrCat("a width of ", width)));
  }
  const int all = full.num_trainable_layers();
  const int trained = training.last_layers > 0 ? training.last_layers : all;
  for (const int layers : training.sub_model_layers) {
    if (layers >= trained) {
      return absl::InvalidArgumentError(
          absl::StrCat("training ", layers, " layers, expected fewer than the ",
                       trained, " that are trained anyway"));
    }
    SHOAL_RETURN_IF_ERROR(add(SubModel::LastLayers(full, layers),
                              absl::StrCat("training ", layers, " layers")));
  }
  return sub_models;
}

void SubModel::TakeOut(absl::Span<const float> full,
                       absl::Span<float> part) const {
  SHOAL_CHECK(static_cast<int64_t>(full.size()) == num_full_);
  SHOAL_CHECK(static_cast<int64_t>(part.size()) == num_values_);
  for (const SubModelRun& run : runs_) {
    const float factor = 1 / run.share;
    for (int64_t i = 0; i < run.size; ++i) {
      part[run.part + i] = full[run.full + i] * factor;
    }
  }
}

void SubModel::PutBack(absl::Span<const float> part,
                       absl::Span<float> full) const {
  SHOAL_CHECK(static_cast<int64_t>(full.size()) == num_full_);
  SHOAL_CHECK(static_cast<int64_t>(part.size()) == num_values_);
  std::fill(full.begin(), full.end(), 0.0f);
  for (const SubModelRun& run : runs_) {
    for (int64_t i = 0; i < run.size; ++i) {
      full[run.full + i] = part[run.part + i] * run.share;
    }
  }
}

}  // namespace shoal::learning
