#include "client/agent/session_log.h"

#include <utility>

#include "base/check.h"
#include "base/human_duration.h"
#include "client/agent/agent_status.h"

namespace shoal::client {
namespace {

Severity SeverityOf(SessionReport::Outcome outcome) {
  switch (outcome) {
    case SessionReport::kContributed:
    case SessionReport::kCancelled:
    case SessionReport::kHeldBack:
    case SessionReport::kForgotten:
    case SessionReport::kNotAssigned:
      return Severity::kInfo;
    case SessionReport::kAbandoned:
    case SessionReport::kRefused:
    case SessionReport::kUnreachable:
      return Severity::kWarning;
  }
  SHOAL_CHECK(false);
}

absl::string_view EventName(ClientEvent::Kind kind) {
  switch (kind) {
    case ClientEvent::kCheckedIn:
      return "checked in";
    case ClientEvent::kAssigned:
      return "assigned";
    case ClientEvent::kFetched:
      return "model fetched";
    case ClientEvent::kTrained:
      return "trained";
    case ClientEvent::kUploaded:
      return "uploaded";
    case ClientEvent::kAbandoned:
      return "assignment given up";
    case ClientEvent::kRetrying:
      return "trying again";
    case ClientEvent::kPaused:
      return "paused";
    case ClientEvent::kResumed:
      return "resumed";
    case ClientEvent::kEnded:
      return "session over";
    case ClientEvent::kAggregating:
      return "secure aggregation";
  }
  SHOAL_CHECK(false);
}

}  // namespace

void SessionLog::OnEvent(const ClientEvent& event) {
  if (event.kind == ClientEvent::kRetrying) ++retries_;
  log_.Log(event.kind == ClientEvent::kAbandoned ? Severity::kWarning
                                                 : Severity::kDebug,
           EventName(event.kind), {{"detail", event.detail}});
}

void SessionLog::OnSessionOver(const SessionReport& report) {
  if (report.outcome == SessionReport::kUnreachable) {
    OnUnreachable(report);
    return;
  }
  if (unreachable_ > 0 && report.outcome != SessionReport::kCancelled) {
    log_.Info("coordinator reached again", {{"sessions_lost", unreachable_}});
  }
  log_.Log(NoteReason(report), "session over",
           {{"outcome", OutcomeName(report.outcome)},
            {"task", report.task},
            {"round", report.round_id},
            {"steps", report.num_steps},
            {"bytes_sent", report.bytes_sent},
            {"bytes_received", report.bytes_received},
            {"retries", std::exchange(retries_, 0)},
            {"next_check_in", HumanDuration(report.next_check_in)},
            {"reason", report.explanation}});
  unreachable_ = 0;
}

Severity SessionLog::NoteReason(const SessionReport& report) {
  if (report.outcome != SessionReport::kNotAssigned &&
      report.outcome != SessionReport::kHeldBack) {
    return SeverityOf(report.outcome);
  }
  const bool is_known = report.explanation == reason_;
  reason_ = report.explanation;
  return is_known ? Severity::kDebug : Severity::kInfo;
}

void SessionLog::OnUnreachable(const SessionReport& report) {
  ++unreachable_;
  const int64_t attempts = std::exchange(retries_, 0) + 1;
  const std::string next = HumanDuration(report.next_check_in);
  if (report.explanation == reason_) {
    log_.Warning("coordinator still unreachable",
                 {{"sessions", unreachable_}, {"next_check_in", next}});
    return;
  }
  reason_ = report.explanation;
  log_.Warning(
      "coordinator unreachable",
      {{"attempts", attempts}, {"next_check_in", next}, {"reason", reason_}});
}

}  // namespace shoal::client
