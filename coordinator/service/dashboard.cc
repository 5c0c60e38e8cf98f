#include "coordinator/service/dashboard.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/service/admin_reports.h"
#include "dashboard/bundle.h"
#include "nlohmann/json.hpp"
#include "protocol/json.h"
#include "protocol/wire.h"

namespace shoal::coordinator {
namespace {

using nlohmann::ordered_json;

// A page asks every other second.
constexpr absl::Duration kOldest = absl::Seconds(1);
// After so many times as long as a computation took comes the next.
constexpr int kPauses = 20;
constexpr absl::Duration kRetry = absl::Seconds(10);

constexpr char kDocument[] = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shoal coordinator</title>
<link rel="stylesheet" href="dashboard.css">
</head>
<body id="shoal-dashboard">
<noscript>This page is drawn with JavaScript, which is switched off.</noscript>
<script src="dashboard.js"></script>
</body>
</html>
)";

std::string Text(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

// What the page shows, and no more: of definitions of tasks, digests and files
// it has no need.
ordered_json RoundJson(const v1::RoundReport& round) {
  const ordered_json all = protocol::ToJson(round);
  ordered_json json;
  for (const char* name :
       {"number", "state", "failure", "cohort", "accepted", "deadline"}) {
    if (all.contains(name)) json[name] = all[name];
  }
  return json;
}

ordered_json TaskJson(const v1::TaskReport& task) {
  const v1::TaskState state = task.state();
  ordered_json json = {
      {"name", task.task().name()},
      {"population", task.task().population()},
      {"state", protocol::EnumText(
                    *v1::TaskState_descriptor()->FindValueByNumber(state))},
      {"rounds", task.task().rounds()},
      {"rounds_committed", task.rounds_committed()},
      {"rounds_failed", task.rounds_failed()},
      {"note", task.note()},
      {"trouble", task.trouble()},
      {"is_private", task.task().has_differential_privacy()}};
  if (task.has_newest_round()) {
    json["newest_round"] = RoundJson(task.newest_round());
  }
  return json;
}

ordered_json StatusJson(const v1::StatusReport& status) {
  ordered_json json = {
      {"version", status.version()},
      {"started", TimeText(protocol::FromProto(status.started()))},
      {"devices", status.devices()},
      {"devices_seen_last_hour", status.devices_seen_last_hour()},
      {"uploads_in_progress", status.uploads_in_progress()},
      {"bytes_received", status.bytes_received()},
      {"bytes_sent", status.bytes_sent()},
      {"resident_bytes", status.resident_bytes()},
      {"tasks", ordered_json::array()}};
  for (const v1::TaskReport& task : status.tasks()) {
    json["tasks"].push_back(TaskJson(task));
  }
  return json;
}

LocalPage Fixed(std::string path, std::string type, std::string_view content) {
  return {std::move(path), absl::StrCat(type, "; charset=utf-8"),
          [content]() -> absl::StatusOr<std::string> {
            return std::string(content);
          }};
}

}  // namespace

std::vector<LocalPage> Dashboard::Pages() {
  return {Fixed("/", "text/html", kDocument),
          Fixed("/dashboard.js", "text/javascript", dashboard::Script()),
          Fixed("/dashboard.css", "text/css", dashboard::Style()),
          {"/dashboard.json", "application/json", [this] { return Data(); }}};
}

absl::StatusOr<std::string> Dashboard::Data() {
  const absl::Time now = d_.clock.Now();
  {
    MutexLock lock(mutex_);
    const bool is_fresh =
        !newest_.empty() && now >= computed_ && now - computed_ < kOldest;
    if (is_fresh || is_computing_) {
      if (!newest_.empty()) return newest_;
      return absl::UnavailableError("it is being computed: ask again");
    }
    is_computing_ = true;
  }
  absl::StatusOr<std::string> json = Compute(now);
  MutexLock lock(mutex_);
  is_computing_ = false;
  if (!json.ok()) return json;
  newest_ = *json;
  computed_ = now;
  return json;
}

absl::StatusOr<std::string> Dashboard::Compute(absl::Time now) {
  SHOAL_ASSIGN_OR_RETURN(const v1::StatusReport status, StatusOf(d_));
  const PrivacyReports privacy = Privacy(status);
  return absl::StrCat(
      "{\"at\":\"", TimeText(now), "\",\"status\":", Text(StatusJson(status)),
      privacy.key.empty()
          ? ""
          : absl::StrCat(",\"privacy_at\":\"", TimeText(privacy.at), "\""),
      ",\"privacy\":", privacy.key.empty() ? "[]" : privacy.json, "}\n");
}

Dashboard::PrivacyReports Dashboard::Privacy(const v1::StatusReport& status) {
  std::vector<std::string> tasks;
  std::string key;
  for (const v1::TaskReport& task : status.tasks()) {
    if (!task.task().has_differential_privacy()) continue;
    tasks.push_back(task.task().name());
    // Charges come with the seals of rounds, a moment before.
    absl::StrAppend(&key, task.task().name(), " ", task.state(), " ",
                    task.rounds_committed(), " ", task.rounds_failed(), "\n");
  }
  MutexLock lock(mutex_);
  const bool is_due = key != privacy_.key && !is_refreshing_ &&
                      d_.clock.Monotonic() >= privacy_due_;
  if (is_due) {
    is_refreshing_ = true;
    accountant_.Schedule([this, key, tasks] { RefreshPrivacy(key, tasks); });
  }
  PrivacyReports known = privacy_;
  if (known.key == key) known.at = d_.clock.Now();  // as true as ever
  return known;
}

absl::StatusOr<v1::PrivacyReport> Dashboard::PrivacyOf(
    const std::string& task) const {
  SHOAL_ASSIGN_OR_RETURN(const TaskRow row, d_.reports.store().GetTask(task));
  SHOAL_ASSIGN_OR_RETURN(const PrivacyReport report, d_.engine.PrivacyOf(task));
  return ToReport(row, report);
}

void Dashboard::RefreshPrivacy(const std::string& key,
                               const std::vector<std::string>& tasks) {
  const absl::Duration begin = d_.clock.Monotonic();
  const absl::Time at = d_.clock.Now();
  ordered_json list = ordered_json::array();
  bool is_known = true;
  for (const std::string& task : tasks) {
    const absl::StatusOr<v1::PrivacyReport> report = PrivacyOf(task);
    if (absl::IsCancelled(report.status())) return;  // at the end
    is_known &= report.ok();
    list.push_back(report.ok()
                       ? protocol::ToJson(*report)
                       : ordered_json({{"task", task},
                                       {"error", report.status().message()}}));
  }
  MutexLock lock(mutex_);
  is_refreshing_ = false;
  // What has failed is tried again.
  privacy_ = {is_known ? key : "unknown", Text(list), at};
  const absl::Duration end = d_.clock.Monotonic();
  privacy_due_ = end + std::max(kPauses * (end - begin),
                                is_known ? absl::ZeroDuration() : kRetry);
}

}  // namespace shoal::coordinator
