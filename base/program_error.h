// How our programs tell that they failed.
#ifndef SHOAL_BASE_PROGRAM_ERROR_H_
#define SHOAL_BASE_PROGRAM_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal {

// Writes the status's message to standard error, every line of it with the
// program's name before it, so that each reads on its own:
//   shoald: shoald.yaml:3: listen_on: unknown key, …
//   shoald: shoald.yaml:7: data: missing, expected …
void PrintError(absl::string_view program, const absl::Status& status);

}  // namespace shoal

#endif  // SHOAL_BASE_PROGRAM_ERROR_H_
