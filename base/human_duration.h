// Durations as people read them: in logs, errors and tables. (Files have
// their own exact notation: base/units.h.)
#ifndef SHOAL_BASE_HUMAN_DURATION_H_
#define SHOAL_BASE_HUMAN_DURATION_H_

#include <string>

#include "absl/time/time.h"

namespace shoal {

// Rounded to at most two units: "350 ms", "9.4 s", "16 s", "1 min 5 s",
// "2 h 5 min", "3 d 4 h"; "0 s", "-16 s", "forever".
std::string HumanDuration(absl::Duration duration);

}  // namespace shoal

#endif  // SHOAL_BASE_HUMAN_DURATION_H_
