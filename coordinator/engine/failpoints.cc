#include "coordinator/engine/failpoints.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace shoal::coordinator {
namespace {

// What SHOAL_FAILPOINT asks for; read once.
struct Wanted {
  std::string name;  // empty: nothing
  std::atomic<int> visits_left{1};

  Wanted() {
    const char* text = std::getenv("SHOAL_FAILPOINT");
    if (text == nullptr) return;
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(text, absl::MaxSplits(':', 1));
    name = parts.first;
    int count = 0;
    if (absl::SimpleAtoi(parts.second, &count) && count > 0) {
      visits_left = count;
    }
  }
};

Wanted& TheWanted() {
  static Wanted& wanted = *new Wanted;
  return wanted;
}

}  // namespace

void Failpoint(absl::string_view name) {
  Wanted& wanted = TheWanted();
  if (wanted.name.empty() || wanted.name != name) return;
  if (--wanted.visits_left == 0) std::raise(SIGKILL);
}

}  // namespace shoal::coordinator
