#include "simulations/report/report_html.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/digest.h"
#include "dashboard/bundle.h"
#include "simulations/report/report_json.h"

namespace shoal::simulations {
namespace {

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// How a policy names an inline script or style that may be used.
std::string PolicyHash(absl::string_view contents) {
  return absl::StrCat("'sha256-",
                      absl::Base64Escape(Sha256(contents).AsBytes()), "'");
}

}  // namespace

std::string ReportHtml(const ReportData& report) {
  const absl::string_view script(dashboard::Script().data(),
                                 dashboard::Script().size());
  const absl::string_view style(dashboard::Style().data(),
                                dashboard::Style().size());
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
      "'none'; script-src ",
      PolicyHash(script), "; style-src ", PolicyHash(style), "\">\n",
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>",
      EscapeHtml(report.title), "</title>\n<style>", style,
      "</style>\n</head>\n<body>\n",
      "<noscript>This page draws its plots with JavaScript, which is switched "
      "off.</noscript>\n<script type=\"application/json\" "
      "id=\"shoal-report\">\n",
      ReportJson(report), "\n</script>\n<script>", script,
      "</script>\n</body>\n</html>\n");
}

}  // namespace shoal::simulations
