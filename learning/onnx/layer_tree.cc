#include "learning/onnx/layer_tree.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::learning::onnx {

absl::StatusOr<int> LayerTree::Append(Step step) {
  // Some layers merge or become part of a block, but not more than this.
  if (steps_.size() >= 4 * kMaxLayers) {
    return absl::UnimplementedError(
        absl::StrCat("ONNX file: more than ", kMaxLayers, " layers"));
  }
  steps_.push_back(std::move(step));
  return static_cast<int>(steps_.size()) - 1;
}

absl::StatusOr<int> LayerTree::Add(int parent, LayerSpec spec,
                                   std::vector<float> values) {
  Step step = {.parent = parent, .spec = std::move(spec), .values = {}};
  if (!values.empty()) step.values.push_back(std::move(values));
  return Append(std::move(step));
}

absl::StatusOr<int> LayerTree::AddResidual(int body, int shortcut) {
  std::set<int> before = {kRoot};
  for (int step = body; step != kRoot; step = steps_[step].parent) {
    before.insert(step);
  }
  int ancestor = shortcut;
  while (!before.contains(ancestor)) ancestor = steps_[ancestor].parent;
  // The body is the branch that does something.
  if (body == ancestor) std::swap(body, shortcut);
  if (body == ancestor) {
    // A value added to itself: what a body of dropout alone leaves behind, for
    // files have none.
    SHOAL_ASSIGN_OR_RETURN(body, Add(ancestor, {DropoutSpec{.rate = 0}}, {}));
  }
  SHOAL_ASSIGN_OR_RETURN(LayerChain on_body, Take(ancestor, body));
  SHOAL_ASSIGN_OR_RETURN(LayerChain on_shortcut, Take(ancestor, shortcut));
  std::move(on_shortcut.values.begin(), on_shortcut.values.end(),
            std::back_inserter(on_body.values));
  return Append(
      {.parent = ancestor,
       .spec = {ResidualSpec{.body = std::move(on_body.layers),
                             .shortcut = std::move(on_shortcut.layers)}},
       .values = std::move(on_body.values)});
}

void LayerTree::AppendValues(int step, const std::vector<float>& values) {
  std::vector<std::vector<float>>& own = steps_[step].values;
  if (own.empty()) own.emplace_back();
  own.back().insert(own.back().end(), values.begin(), values.end());
}

absl::StatusOr<LayerChain> LayerTree::Take(int ancestor, int step) {
  std::vector<int> path;
  for (; step != ancestor && step != kRoot; step = steps_[step].parent) {
    if (steps_[step].taken) {
      return absl::UnimplementedError(
          "uses a value inside of a residual block, whose branches may only "
          "meet at its end");
    }
    path.push_back(step);
  }
  LayerChain chain;
  for (auto it = path.rbegin(); it != path.rend(); ++it) {
    Step& part = steps_[*it];
    part.taken = true;
    chain.layers.push_back(std::move(part.spec));
    std::move(part.values.begin(), part.values.end(),
              std::back_inserter(chain.values));
  }
  return chain;
}

}  // namespace shoal::learning::onnx
