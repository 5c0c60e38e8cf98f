// From shoald's command line to what it shall run.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALD_SETUP_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALD_SETUP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "configuration/programs.h"

namespace shoal::coordinator {

struct ShoaldArguments {
  std::string config;  // file; empty with `dev`
  bool dev = false;
  std::string data;         // folder; overrides the file's
  std::string listen;       // overrides the file's
  std::string http_listen;  // overrides the file's; "none": no HTTP port
  bool insecure = false;
};

// Reads the file, or with `dev` makes a throw-away CA in the data folder (or
// takes the one of the last start). INVALID_ARGUMENT for arguments that do not
// go together, a file that cannot be read or is wrong, and `dev` on an address
// that other machines reach, which the CA's certificate does not name; errors
// of MakeCaFolder.
absl::StatusOr<configuration::CoordinatorConfig> ConfigOf(
    const ShoaldArguments& arguments, absl::Time now);

// What a person who tried --dev can do next, on this machine. `address`: where
// it serves; `http_address`: its HTTP port, or "".
std::string DevInstructions(const configuration::CoordinatorConfig& config,
                            const std::string& address,
                            const std::string& http_address,
                            const std::string& invitation);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALD_SETUP_H_
