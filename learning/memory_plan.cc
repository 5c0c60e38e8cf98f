#include "learning/memory_plan.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "learning/plan_builder.h"

namespace shoal::learning {
namespace {

// More segments than this have never paid for the models of devices.
constexpr int kMaxSegments = 12;

absl::Status CheckOptions(const Model& model, const PlanOptions& options) {
  if (options.batch_rows < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "batch size is ", options.batch_rows, ", expected at least 1"));
  }
  if (options.micro_rows < 0 || options.micro_rows > options.batch_rows) {
    return absl::InvalidArgumentError(absl::StrCat(
        "micro-batch size is ", options.micro_rows, ", expected 1 to ",
        options.batch_rows, ", the batch size"));
  }
  if (options.optimizer_vectors < 0 || options.optimizer_vectors > 2) {
    return absl::InvalidArgumentError(absl::StrCat("optimizer_vectors is ",
                                                   options.optimizer_vectors,
                                                   ", expected 0 to 2"));
  }
  const int num_layers = model.num_trainable_layers();
  if (options.last_layers < 0 || options.last_layers > num_layers) {
    return absl::InvalidArgumentError(
        absl::StrCat("last_layers is ", options.last_layers, ", the model has ",
                     num_layers, " trainable layers"));
  }
  return absl::OkStatus();
}

// With recomputation: the number of segments that needs least.
MemoryPlan Build(const Model& model, const PlanOptions& options) {
  MemoryPlan best = PlanBuilder::Training(model, options, 1);
  if (!options.recompute) return best;
  for (int segments = 2; segments <= kMaxSegments; ++segments) {
    MemoryPlan plan = PlanBuilder::Training(model, options, segments);
    if (plan.bytes() < best.bytes()) best = std::move(plan);
  }
  return best;
}

std::vector<std::string> Concessions(const PlanOptions& asked,
                                     const PlanOptions& given, int num_layers) {
  std::vector<std::string> sentences;
  if (given.recompute && !asked.recompute) {
    sentences.push_back(
        "computes activations again on the way back (a step takes about a "
        "third longer)");
  }
  if (given.micro_rows != asked.micro_rows) {
    sentences.push_back(absl::StrCat("takes a batch of ", given.batch_rows,
                                     " in parts of ", given.micro_rows));
  }
  if (given.last_layers != asked.last_layers) {
    sentences.push_back(absl::StrCat("trains only the last ", given.last_layers,
                                     " of ", num_layers, " layers"));
  }
  return sentences;
}

// Its statistics in training are those of the examples that are in memory at
// once: parts of a batch would train another model.
bool HasTrainedBatchNorm(const Model& model) {
  return std::any_of(
      model.nodes().begin(), model.nodes().end(), [](const Node& node) {
        return node.spec.has_value() && !node.frozen &&
               std::holds_alternative<BatchNormSpec>(node.spec->kind);
      });
}

// The plans to try, the least costly first.
std::vector<PlanOptions> Candidates(const Model& model,
                                    const PlanOptions& asked,
                                    const PlanConcessions& concessions) {
  const int all = model.num_trainable_layers();
  const int first = asked.last_layers > 0 ? asked.last_layers : all;
  const int least = concessions.last_layers ? 1 : first;
  const bool parts = concessions.micro_batches && !HasTrainedBatchNorm(model);
  std::vector<PlanOptions> candidates;
  for (int layers = first; layers >= least; --layers) {
    PlanOptions options = asked;
    options.last_layers = layers == all ? asked.last_layers : layers;
    const int64_t rows =
        asked.micro_rows > 0 ? asked.micro_rows : asked.batch_rows;
    for (int64_t micro = rows; micro >= 1; micro /= 2) {
      options.micro_rows = micro == rows ? asked.micro_rows : micro;
      options.recompute = asked.recompute;
      candidates.push_back(options);
      if (concessions.recompute && !asked.recompute) {
        options.recompute = true;
        candidates.push_back(options);
      }
      if (!parts) break;
    }
  }
  return candidates;
}

}  // namespace

PassKind MemoryPlan::Body::pass_kind() const {
  if (!training) return PassKind::kPredict;
  return options.recompute ? PassKind::kTrainLean : PassKind::kTrain;
}

absl::StatusOr<MemoryPlan> MemoryPlan::ForTraining(const Model& model,
                                                   const PlanOptions& options) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(model, options));
  return Build(model, options);
}

absl::StatusOr<MemoryPlan> MemoryPlan::Within(
    const Model& model, const PlanOptions& options,
    const PlanConcessions& concessions, int64_t bytes) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(model, options));
  std::optional<MemoryPlan> least;
  for (const PlanOptions& candidate : Candidates(model, options, concessions)) {
    MemoryPlan plan = Build(model, candidate);
    PlanBuilder::SetGivenUp(
        Concessions(options, candidate, model.num_trainable_layers()), plan);
    if (plan.bytes() <= bytes) return plan;
    if (!least.has_value() || plan.bytes() < least->bytes()) {
      least = std::move(plan);
    }
  }
  const std::string price =
      least->given_up().empty()
          ? ""
          : absl::StrCat(" (a plan that ",
                         absl::StrJoin(least->given_up(), " and "), ")");
  return absl::ResourceExhaustedError(
      absl::StrCat("training model ", model.spec().ToString(),
                   " with batches of ", options.batch_rows, " needs at least ",
                   least->bytes(), " bytes", price, ", allowed are ", bytes));
}

absl::StatusOr<MemoryPlan> MemoryPlan::Least(
    const Model& model, const PlanOptions& options,
    const PlanConcessions& concessions) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(model, options));
  std::optional<MemoryPlan> least;
  for (const PlanOptions& candidate : Candidates(model, options, concessions)) {
    MemoryPlan plan = Build(model, candidate);
    if (!least.has_value() || plan.bytes() < least->bytes()) {
      least = std::move(plan);
    }
  }
  return *std::move(least);
}

MemoryPlan MemoryPlan::ForPrediction(const Model& model, int64_t rows) {
  return PlanBuilder::Prediction(model, rows);
}

std::string MemoryPlan::ToString() const {
  std::vector<int> order(body_->buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return body_->buffers[a].bytes > body_->buffers[b].bytes;
  });
  std::string table = absl::StrFormat(
      "%d bytes, %d operations, %d rows at a time\n%12s %12s  %s\n",
      body_->bytes, static_cast<int64_t>(body_->ops.size()), body_->rows,
      "bytes", "offset", "operations  buffer");
  for (int index : order) {
    const PlannedBuffer& buffer = body_->buffers[index];
    absl::StrAppendFormat(&table, "%12d %12d  %4d-%-4d   %s\n", buffer.bytes,
                          buffer.offset, buffer.first, buffer.last,
                          buffer.name);
  }
  return table;
}

}  // namespace shoal::learning
