#include "coordinator/service/dashboard.h"

#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "coordinator/service/admin_reports.h"
#include "dashboard/bundle.h"
#include "nlohmann/json.hpp"
#include "protocol/json.h"

namespace shoal::coordinator {
namespace {

using nlohmann::ordered_json;

// A page asks every other second.
constexpr absl::Duration kOldest = absl::Seconds(1);

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
  std::vector<std::string> privacy;
  for (const v1::TaskReport& task : status.tasks()) {
    if (!task.task().has_differential_privacy()) continue;
    SHOAL_ASSIGN_OR_RETURN(privacy.emplace_back(),
                           PrivacyOf(task.task().name()));
  }
  return absl::StrCat(
      "{\"at\":\"",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", now, absl::UTCTimeZone()),
      "\",\"status\":", Text(protocol::ToJson(status)), ",\"privacy\":[",
      absl::StrJoin(privacy, ","), "]}\n");
}

absl::StatusOr<std::string> Dashboard::PrivacyOf(const std::string& task) {
  RoundStore& store = d_.reports.store();
  SHOAL_ASSIGN_OR_RETURN(const TaskRow row, store.GetTask(task));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<ChargeRow> charges,
                         store.ListCharges(row.population));
  const PrivacyKey key = {std::ssize(charges), row.rounds_committed,
                          row.rounds_failed, row.state};
  const auto known = privacy_.find(task);
  if (known != privacy_.end() && known->second.key == key) {
    return known->second.json;
  }
  const absl::StatusOr<PrivacyReport> report = d_.engine.PrivacyOf(task);
  if (!report.ok()) {
    return Text({{"task", task}, {"error", report.status().message()}});
  }
  std::string json = Text(protocol::ToJson(ToReport(row, *report)));
  privacy_[task] = {key, json};
  return json;
}

}  // namespace shoal::coordinator
