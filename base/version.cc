#include "base/version.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace shoal {

std::string Version() { return SHOAL_VERSION; }

std::string LongVersion() {
#if defined(__clang__)
  const std::string compiler = absl::StrCat("clang++ ", __clang_version__);
#else
  const std::string compiler = absl::StrCat("g++ ", __VERSION__);
#endif
  const absl::string_view march = SHOAL_MARCH;
  return absl::StrCat(Version(), " (", compiler, ", ",
                      march.empty() ? "default instruction set"
                                    : absl::StrCat("-march=", march),
                      ")");
}

}  // namespace shoal
