// fuzz_corpus DIR writes the valid inputs of every target to DIR/TARGET/N: what
// libFuzzer starts from.
#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "tests/fuzz/fuzz_targets.h"

namespace shoal::testing {
namespace {

absl::Status WriteCorpus(absl::string_view folder) {
  for (const FuzzTarget& target : AllFuzzTargets()) {
    const std::string target_folder = absl::StrCat(folder, "/", target.name);
    SHOAL_RETURN_IF_ERROR(MakeFolders(target_folder));
    int number = 0;
    for (const std::string& input : target.valid_inputs()) {
      SHOAL_RETURN_IF_ERROR(
          ReplaceFile(absl::StrCat(target_folder, "/", number++), input));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace shoal::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_corpus DIR\n";
    return 2;
  }
  const absl::Status status = shoal::testing::WriteCorpus(argv[1]);
  if (!status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
}
