#include "coordinator/programs/shoalctl/export_report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/programs/shoalctl/text.h"

namespace shoal::shoalctl {
namespace {

using nlohmann::ordered_json;

// One form: the model as it was, or as the file has it.
ordered_json FormJson(const learning::StoredSize& size) {
  return {{"value_bytes", size.dense},
          {"value_bytes_without_zeros", size.sparse}};
}

void AddScore(const learning::FormScore& scored, ordered_json& form) {
  form["loss"] = scored.score.loss();
  if (const std::optional<double> accuracy = scored.score.accuracy()) {
    form["accuracy"] = *accuracy;
  }
  form["examples_per_second"] = scored.examples_per_second;
}

}  // namespace

std::string ExportText(const ExportReport& report) {
  std::string text =
      absl::StrCat("wrote ", report.version, " as ONNX, ", report.precision);
  if (report.pruned_fraction > 0) {
    absl::StrAppend(&text, ", ", 100 * report.pruned_fraction,
                    " % of the weights zero");
  }
  absl::StrAppend(&text, " (", Bytes(report.num_bytes), "), to ", report.file,
                  "\n");
  if (!report.private_layers.empty()) {
    absl::StrAppend(
        &text,
        "private layers stay on devices, the file has what they start as: ",
        absl::StrJoin(report.private_layers, ", "), "\n");
  }
  return absl::StrCat(text, "\n", report.compression.ToString());
}

ordered_json ExportJson(const ExportReport& report) {
  ordered_json json = {{"file", report.file},
                       {"num_bytes", report.num_bytes},
                       {"format", "onnx"},
                       {"precision", report.precision},
                       {"pruned_fraction", report.pruned_fraction},
                       {"task", report.task}};
  if (report.number.has_value()) json["version"] = *report.number;
  json["digest"] = report.digest;
  json["private_layers"] = report.private_layers;
  const learning::CompressionReport& compression = report.compression;
  ordered_json before = FormJson(compression.size_before);
  ordered_json after = FormJson(compression.size_after);
  if (compression.scores.has_value()) {
    const learning::FormScores& scores = *compression.scores;
    AddScore(scores.before, before);
    AddScore(scores.after, after);
    json["examples"] = scores.before.score.num_examples;
  }
  json["before"] = std::move(before);
  json["after"] = std::move(after);
  return json;
}

}  // namespace shoal::shoalctl
