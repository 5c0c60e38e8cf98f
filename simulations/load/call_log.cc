#include "simulations/load/call_log.h"

#include <algorithm>

#include "base/check.h"
#include "protocol/refusal.h"

namespace shoal::simulations {
namespace {

std::string KindOf(const absl::Status& error) {
  const auto refusal = protocol::RefusalOf(error);
  if (refusal.has_value()) return std::string(ToString(refusal->code));
  return absl::StatusCodeToString(error.code());
}

}  // namespace

absl::string_view NameOf(CallKind kind) {
  switch (kind) {
    case CallKind::kCheckIn:
      return "check_in";
    case CallKind::kFetch:
      return "fetch";
    case CallKind::kQuery:
      return "query";
    case CallKind::kUpload:
      return "upload";
    case CallKind::kAggregate:
      return "aggregate";
    case CallKind::kAbandon:
      return "abandon";
  }
  SHOAL_CHECK(false);
}

int64_t CallFigures::num_errors() const {
  int64_t sum = 0;
  for (const auto& [kind, count] : errors) sum += count;
  return sum;
}

double CallFigures::AnsweredPerSecond() const {
  if (answered.count() == 0) return 0;
  return static_cast<double>(answered.count()) /
         absl::ToDoubleSeconds(std::max(last - first, absl::Microseconds(1)));
}

void CallLog::AddCall(const CallRecord& call) {
  MutexLock lock(mutex_);
  CallFigures& figures = figures_.calls[static_cast<int>(call.kind)];
  figures.first = std::min(figures.first, call.start);
  figures.last = std::max(figures.last, call.end);
  figures.bytes_up += call.bytes_up;
  figures.bytes_down += call.bytes_down;
  if (call.status.ok()) {
    figures.answered.Add(call.end - call.start);
  } else {
    ++figures.errors[KindOf(call.status)];
  }
}

void CallLog::AddAssignment() {
  MutexLock lock(mutex_);
  ++figures_.assigned;
}

void CallLog::AddSession(absl::string_view outcome,
                         absl::string_view explanation) {
  MutexLock lock(mutex_);
  ++figures_.sessions[std::string(outcome)];
  if (!explanation.empty()) {
    figures_.explanations[std::string(outcome)] = std::string(explanation);
  }
}

LoadFigures CallLog::Figures() const {
  MutexLock lock(mutex_);
  return figures_;
}

}  // namespace shoal::simulations
