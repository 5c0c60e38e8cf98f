#include "simulations/report/report_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dashboard/bundle.h"
#include "tests/simulations/report/example_report.h"

namespace shoal::simulations {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(ReportHtmlTest, HoldsItsScriptStyleAndData) {
  const std::string html = ReportHtml(ExampleRun());
  EXPECT_THAT(html, StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(html, HasSubstr(std::string(dashboard::Script())));
  EXPECT_THAT(html, HasSubstr(std::string(dashboard::Style())));
  EXPECT_THAT(html, HasSubstr("\"name\":\"FedAvg\""));
}

TEST(ReportHtmlTest, NamesNothingToFetch) {
  const std::string html = ReportHtml(ExampleRun());
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_EQ(Count(html, " src="), 0);
  EXPECT_EQ(Count(html, "href="), 0);
  EXPECT_EQ(Count(html, "url("), 0);
}

TEST(ReportHtmlTest, EscapesItsTitle) {
  ReportData report = ExampleRun();
  report.title = "</title><script>alert(\"1\") & more";
  const std::string html = ReportHtml(report);
  EXPECT_THAT(html, HasSubstr("<title>&lt;/title&gt;&lt;script&gt;alert(&quot;1"
                              "&quot;) &amp; more</title>"));
}

TEST(ReportHtmlTest, HasTwoScriptElementsWhateverTheDataSay) {
  ReportData report = ExampleRun();
  report.title = report.runs[0].name = report.runs[0].algorithm =
      "</script><script>alert(1)</script>";
  const std::string html = ReportHtml(report);
  EXPECT_EQ(Count(html, "<script"), 2);
  EXPECT_EQ(Count(html, "</script"), 2);
}

TEST(ReportHtmlTest, CarriesTheLicenceOfWhatItContains) {
  EXPECT_THAT(ReportHtml(SmallestReport()), HasSubstr("Leon Sorokin"));
}

}  // namespace
}  // namespace shoal::simulations
