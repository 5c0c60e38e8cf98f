// Valid inputs of the targets of example_targets.cc.
#ifndef SHOAL_TESTS_FUZZ_EXAMPLE_INPUTS_H_
#define SHOAL_TESTS_FUZZ_EXAMPLE_INPUTS_H_

#include <string>
#include <vector>

namespace shoal::testing {

std::vector<std::string> ValidLocalRequests();
std::vector<std::string> ValidExampleSegments();
std::vector<std::string> ValidLeafFiles();

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_FUZZ_EXAMPLE_INPUTS_H_
