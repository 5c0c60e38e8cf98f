// The page that draws runs, as bytes to put into a document or to serve: ASCII,
// complete (nothing else is fetched), for an inline <script> and <style>. The
// script draws what the document carries in
//   <script type="application/json" id="shoal-report">…</script>
// which must stand before it.
#ifndef SHOAL_DASHBOARD_BUNDLE_H_
#define SHOAL_DASHBOARD_BUNDLE_H_

#include <string_view>

namespace shoal::dashboard {

std::string_view Script();  // JavaScript
std::string_view Style();   // CSS

}  // namespace shoal::dashboard

#endif  // SHOAL_DASHBOARD_BUNDLE_H_
