#include "simulations/update_record.h"

#include <cstring>

#include "base/status_macros.h"

namespace shoal::simulations {

using learning::LocalUpdate;
using learning::ParameterVector;
using learning::Score;

namespace {

void AppendValues(std::string& out, const ParameterVector& values) {
  if (values.empty()) return;
  out.append(reinterpret_cast<const char*>(values.data()),
             values.size() * sizeof(float));
}

void ReadValues(ByteReader& in, ParameterVector& values) {
  if (values.empty()) return;
  const absl::string_view bytes = in.Bytes(values.size() * sizeof(float));
  if (!in.ok()) return;
  std::memcpy(values.data(), bytes.data(), bytes.size());
}

}  // namespace

void AppendScore(std::string& out, const Score& score) {
  AppendF64(out, score.loss_sum);
  AppendU16(out, score.num_correct.has_value());
  AppendU64(out, score.num_correct.value_or(0));
  AppendU64(out, score.num_examples);
}

Score ReadScore(ByteReader& in) {
  Score score;
  score.loss_sum = in.F64();
  const bool has_correct = in.U16() != 0;
  const auto correct = static_cast<int64_t>(in.U64());
  if (has_correct) score.num_correct = correct;
  score.num_examples = static_cast<int64_t>(in.U64());
  return score;
}

void AppendStatus(std::string& out, const absl::Status& status) {
  AppendU32(out, static_cast<uint32_t>(status.code()));
  AppendSized(out, status.message());
}

absl::Status ReadStatus(ByteReader& in) {
  const auto code = static_cast<absl::StatusCode>(in.U32());
  return absl::Status(code, in.Sized());
}

void AppendFacts(std::string& out, const LocalUpdate& update) {
  AppendU64(out, update.delta.size());
  AppendU64(out, update.control.size());
  AppendU64(out, update.private_values.size());
  AppendU64(out, update.num_examples);
  AppendU64(out, update.num_steps);
  AppendF64(out, update.divisor);
  AppendScore(out, update.base_score);
  AppendU16(out, update.complete);
}

LocalUpdate ReadFacts(ByteReader& in) {
  LocalUpdate update;
  update.delta.resize(in.U64());
  update.control.resize(in.U64());
  update.private_values.resize(in.U64());
  update.num_examples = static_cast<int64_t>(in.U64());
  update.num_steps = static_cast<int64_t>(in.U64());
  update.divisor = in.F64();
  update.base_score = ReadScore(in);
  update.complete = in.U16() != 0;
  return update;
}

void AppendResult(std::string& out, const absl::StatusOr<LocalUpdate>& result) {
  AppendStatus(out, result.status());
  if (!result.ok()) return;
  AppendFacts(out, *result);
  AppendValues(out, result->delta);
  AppendValues(out, result->control);
  AppendValues(out, result->private_values);
}

absl::StatusOr<LocalUpdate> ReadResult(ByteReader& in) {
  SHOAL_RETURN_IF_ERROR(ReadStatus(in));
  LocalUpdate update = ReadFacts(in);
  ReadValues(in, update.delta);
  ReadValues(in, update.control);
  ReadValues(in, update.private_values);
  return update;
}

}  // namespace shoal::simulations
