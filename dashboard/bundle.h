// The pages' script and style, as bytes to put into a document or to serve:
// ASCII, complete, also for an inline <script> and <style>. The script draws
// the report that the document carries in
//   <script type="application/json" id="shoal-report">…</script>
// which must stand before it, and fetches nothing then; or into the element
// with the id "shoal-dashboard" what it fetches from dashboard.json beside the
// document, again and again (coordinator/service/dashboard.h).
#ifndef SHOAL_DASHBOARD_BUNDLE_H_
#define SHOAL_DASHBOARD_BUNDLE_H_

#include <string_view>

namespace shoal::dashboard {

std::string_view Script();  // JavaScript
std::string_view Style();   // CSS

}  // namespace shoal::dashboard

#endif  // SHOAL_DASHBOARD_BUNDLE_H_
