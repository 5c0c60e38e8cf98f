// What this build is: printed by --version and written into results.
#ifndef SHOAL_BASE_VERSION_H_
#define SHOAL_BASE_VERSION_H_

#include <string>

namespace shoal {

// "0.1.0".
std::string Version();

// "0.1.0 (g++ 12.2.0, -march=native)": version, compiler, instruction set.
std::string LongVersion();

}  // namespace shoal

#endif  // SHOAL_BASE_VERSION_H_
