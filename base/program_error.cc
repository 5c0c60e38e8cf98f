#include "base/program_error.h"

#include <cstdio>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace shoal {

void PrintError(absl::string_view program, const absl::Status& status) {
  std::string text;
  for (absl::string_view line : absl::StrSplit(
           absl::StripTrailingAsciiWhitespace(status.message()), '\n')) {
    absl::StrAppend(&text, program, ": ", line, "\n");
  }
  std::fputs(text.c_str(), stderr);
}

}  // namespace shoal
